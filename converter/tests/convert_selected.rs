// SPDX-License-Identifier: BSD-2-Clause
//! `bblog convert` with selections: what it writes is what `bblog show` selects.

mod support;

use std::path::Path;

use support::{Folder, bytes, fixture, run};

const STACKS: [&str; 2] = ["--stack", "1=freebsd,2=rack,3=bbr"];

fn bblog(args: &[&str]) -> Vec<u8> {
    let ran = run(&[args, &STACKS[..]].concat(), b"");
    // A selection may take nothing, and then there is nothing in what is made of it.
    let is_none = |line: &str| {
        let none = [" events selected", ": no BBLog record and no ", " in ticks of unknown length"];
        none.iter().any(|what| line.contains(what))
    };
    assert!(ran.code == 0 && ran.stderr.lines().all(is_none), "{args:?}: {}", ran.stderr);
    ran.stdout
}

fn shown(log: &Path, options: &[&str]) -> String {
    let text = bblog(&[&["show", "-S", log.to_str().unwrap()], options].concat());
    String::from_utf8(text).unwrap()
}

const SELECTIONS: [&[&str]; 7] = [
    &["--filter", "bblog.event in {IN, OUT}"],
    &["--filter", "bblog.event == TIMERSTAR or eventlog.tcp.out.cwnd > 100 and not tcp.flags.syn == 1"],
    &["--filter", "tcp.srcport == 9334 or ip.src == 192.0.2.0/24"],
    &["--from", "+10ms", "--to", "+200ms"],
    &["--connection", "*:9334-*"],
    &["--limit", "7"],
    &["--filter", "bblog.event == UNKNOWN"],
];

#[test]
fn each_kind_of_input_and_output() {
    let folder = Folder::new();
    let mut some = 0;
    for name in ["rack_reqresp.tcplog", "small-plain.elog"] {
        let log = fixture(name);
        let whole = folder.path("whole.pcapng");
        bblog(&["convert", log.to_str().unwrap(), "--overwrite", "-o", whole.to_str().unwrap()]);
        for (number, selection) in SELECTIONS.iter().enumerate() {
            let expected = shown(&log, selection);
            some += usize::from(!expected.is_empty());
            for (input, format) in [(&log, "pcapng"), (&whole, "pcapng"), (&log, "elog"), (&whole, "elog")] {
                if format == "elog" && name.ends_with(".tcplog") {
                    continue;
                }
                let out = folder.path(&format!("out.{number}"));
                let paths = [input.to_str().unwrap(), out.to_str().unwrap()];
                let options = ["convert", "--overwrite", "--format", format, paths[0], "-o", paths[1]];
                bblog(&[&options, *selection].concat());
                // An ELOG file is without those events that told the connections: how many there are
                // has to do.
                let lines = |text: &str| -> Vec<String> {
                    text.lines().map(|line| if format == "elog" { "" } else { line }.to_owned()).collect()
                };
                assert_eq!(lines(&shown(&out, &[])), lines(&expected), "{name} {selection:?} {format}");
            }
        }
    }
    assert!(some > 8, "{some}");
}

#[test]
fn splitting() {
    let folder = Folder::new();
    let log = fixture("small-plain.elog");
    let out = folder.path("split");
    let filter = ["--filter", "bblog.event in {IN, OUT}"];
    let options = ["convert", "--split", log.to_str().unwrap(), "-o", out.to_str().unwrap()];
    bblog(&[&options[..], &filter].concat());
    let files: Vec<_> = std::fs::read_dir(&out).unwrap().map(|file| file.unwrap().path()).collect();
    assert!(files.len() > 2, "{files:?}");
    let events: usize = files.iter().map(|file| shown(file, &[]).lines().count()).sum();
    assert_eq!(events, shown(&log, &filter).lines().count());
}

/// How many records are missing before a selected one is written along with it, from any input.
#[test]
fn missing_records_stay_with_the_next_one() {
    let mut log = bytes("rack_reqresp.tcplog");
    for (number, record) in log[208..].chunks_exact_mut(328).enumerate() {
        // Three of them after every tenth record.
        let serial = (number + number / 10 * 3) as u32;
        record[20..24].copy_from_slice(&serial.to_le_bytes());
    }
    let folder = Folder::new();
    let (log, whole) = (folder.write("log", &log), folder.path("whole.pcapng"));
    bblog(&["convert", log.to_str().unwrap(), "-o", whole.to_str().unwrap()]);
    let missing = |lines: &str| lines.matches("[3 records missing before]").count();
    assert_eq!(missing(&shown(&log, &[])), 12);
    let some = ["--filter", "bblog.serial_nr & 1 == 1"];
    let expected = shown(&log, &some);
    assert!(missing(&expected) > 3 && missing(&expected) < 12);
    for input in [&log, &whole] {
        let out = folder.path("out.pcapng");
        let paths = ["convert", "--overwrite", input.to_str().unwrap(), "-o", out.to_str().unwrap()];
        bblog(&[&paths[..], &some].concat());
        assert_eq!(without_late(&shown(&out, &[])), without_late(&expected), "{}", input.display());
    }
}

/// Lines without how late an event was logged: that is counted from the record before it in the file.
fn without_late(lines: &str) -> String {
    let cut = |line: &str| line.split(" [logged ").next().unwrap_or_default().to_owned() + "\n";
    lines.lines().map(cut).collect()
}

#[test]
fn a_wrong_filter_makes_no_file() {
    let folder = Folder::new();
    let (log, out) = (fixture("small-plain.elog"), folder.path("out"));
    let ran = run(&["convert", "--filter", "x", log.to_str().unwrap(), "-o", out.to_str().unwrap()], b"");
    assert_eq!((ran.code, folder.names().len()), (2, 0));
}
