// SPDX-License-Identifier: BSD-2-Clause
//! Live streams of BBLog: what tshark shows while the stream is still open.

use std::io::{BufRead, BufReader, Write};
use std::process::{Command, Stdio};

use bblog_dissector::bblog;
use bblog_pcapng::bblog_entry::{EntryEncoder, EventForm};
use bblog_pcapng::machine::Machine;
use bblog_tests::fixtures::fixture;
use bblog_tests::programs::{convert, program};
use bblog_tests::tshark::Tshark;

/// A fixture as a live stream, and the number of its records.
fn live(name: &str) -> (Vec<u8>, usize) {
    let bytes = std::fs::read(fixture(name)).unwrap();
    let (mut out, mut count) = (Vec::new(), 0);
    for entry in bblog::entries(&bytes) {
        let (header, body) = entry.unwrap();
        let entry = EntryEncoder::new(header.as_bytes(), 0).in_form(EventForm::Packet);
        entry.section(2, b"rack", &Machine::default()).append(&mut out).unwrap();
        for record in bblog::records(body) {
            entry.append(&mut out, &record.unwrap());
            count += 1;
        }
    }
    (out, count)
}

#[test]
fn every_record_is_a_packet_that_is_decoded_as_in_a_file() {
    let tshark = Tshark::with_plugin();
    let (stream, count) = live("rack_reqresp.tcplog");
    let fields = [
        "-T",
        "fields",
        "-e",
        "bblog.event",
        "-e",
        "bblog.summary",
        "-e",
        "ip.src",
        "-e",
        "bblog.timerstar.timeout",
    ];
    let shown = tshark.text(&fields, &stream);
    assert_eq!(shown.lines().count(), count);
    let file = convert(&fixture("rack_reqresp.tcplog"));
    let in_file = tshark.text(&["-T", "fields", "-e", "bblog.event"], &file);
    let events: Vec<&str> = shown.lines().map(|line| line.split('\t').next().unwrap()).collect();
    assert_eq!(events, in_file.lines().collect::<Vec<_>>());
    // Members that every record has are there as well, though the built-in does not see these packets.
    assert_eq!(tshark.text(&["-Y", "bblog.snd_cwnd"], &stream).lines().count(), count);
    assert_eq!(tshark.text(&["-Y", "_ws.malformed"], &stream), "");
}

/// The command of README: a log that comes through a pipe, converted and shown while the pipe is open.
#[test]
fn a_live_conversion_is_shown_while_its_input_is_open() {
    let log = std::fs::read(fixture("rack_reqresp.tcplog")).unwrap();
    let (_, count) = live("rack_reqresp.tcplog");
    let mut convert = Command::new(program("bblog"));
    convert.args(["convert", "--live", "-", "-o", "-"]).stdin(Stdio::piped()).stdout(Stdio::piped());
    let mut convert = convert.spawn().unwrap();
    let tshark = Tshark::with_plugin();
    let mut command = tshark.command("tshark");
    command.args(["-l", "-n", "-i", "-"]).stdin(convert.stdout.take().unwrap());
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut input = convert.stdin.take().unwrap();
    input.write_all(&log).unwrap();
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().take(count);
    assert_eq!(lines.map(Result::unwrap).count(), count);
    drop(input);
    assert!(convert.wait().unwrap().success());
    child.wait().unwrap();
}

#[test]
fn records_are_shown_while_the_stream_is_open() {
    let tshark = Tshark::with_plugin();
    let (stream, count) = live("rack_reqresp.tcplog");
    let mut command = tshark.command("tshark");
    command.args(["-l", "-n", "-i", "-"]).stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    let mut input = child.stdin.take().unwrap();
    input.write_all(&stream).unwrap();
    input.flush().unwrap();
    // All of them come while the input is open; if one did not, this would wait for it in vain.
    let lines = BufReader::new(child.stdout.take().unwrap()).lines().take(count);
    assert_eq!(lines.map(Result::unwrap).count(), count);
    drop(input);
    child.wait().unwrap();
}
