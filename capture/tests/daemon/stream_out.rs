// SPDX-License-Identifier: BSD-2-Clause
//! `-o`: everything as one pcapng stream.

use std::fs;
use std::io::{Read as _, Write};
use std::process::Stdio;
use std::time::{Duration, Instant};

use bblog_tests::fixtures::STACKS;
use bblog_tests::tshark::Tshark;

use crate::bblogd::{Place, program, start, until};
use crate::devices::Kernel;
use crate::made::{self, connection, records};
use crate::reading::{self, Read};
use crate::small_disk::Small;

#[test]
fn live_and_at_once() {
    let place = Place::new();
    let (fifo, mut writer) = place.fifo("dev");
    let mut command = program();
    command.args(["-f", fifo.to_str().unwrap(), "-o", "-"]).stdout(Stdio::piped()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    let mut out = child.stdout.take().unwrap();
    let mut seen = Vec::new();
    for number in 0..5_u32 {
        let begin = Instant::now();
        let entry = connection("id").entry(&records(number * 4..number * 4 + 4));
        // In pieces: an entry need not be whole to be shown.
        writer.write_all(&entry[..208 + 2 * 328]).unwrap();
        let want = 4 * number as usize + 2;
        let mut buffer = [0; 65536];
        while reading::parse(&seen).map_or(0, |blocks| reading::serials(&blocks).len()) < want {
            let got = out.read(&mut buffer).unwrap();
            assert!(got > 0);
            seen.extend_from_slice(&buffer[..got]);
        }
        assert!(begin.elapsed() < Duration::from_millis(1000), "{:?}", begin.elapsed());
        writer.write_all(&entry[208 + 2 * 328..]).unwrap();
    }
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(child.id() as i32), nix::sys::signal::Signal::SIGTERM)
        .unwrap();
    out.read_to_end(&mut seen).unwrap();
    assert!(child.wait().unwrap().success());
    assert_eq!(reading::serials(&reading::parse(&seen).unwrap()), (0..20).collect::<Vec<_>>());
}

/// A terminal would obey what log ids say.
#[test]
fn a_terminal_gets_no_stream() {
    let stream = bblog_tests::fixtures::fixture("default_refused.tcplog");
    for output in ["-", "/dev/stdout"] {
        let line = format!("{} -f {} -o {output}", env!("CARGO_BIN_EXE_bblogd"), stream.display());
        let run = std::process::Command::new("script").args(["-qec", &line, "/dev/null"]).output();
        let Ok(run) = run else { return eprintln!("no script(1), left out") };
        let shown = String::from_utf8_lossy(&run.stdout).into_owned();
        assert_eq!(run.status.code(), Some(1), "{shown}");
        // /dev/stdout is a symbolic link on Linux, which root does not follow.
        let why =
            if output == "-" { "is a terminal, expected a file or a pipe" } else { "is a symbolic link" };
        assert!(shown.starts_with(&format!("bblogd: {output}: {why}")), "{shown:?}");
        assert_eq!(shown.lines().count(), 1, "{shown:?}");
    }
}

#[test]
fn a_reader_that_had_enough_is_no_fault() {
    let place = Place::new();
    let (fifo, mut writer) = place.fifo("dev");
    let mut command = program();
    command.args(["-f", fifo.to_str().unwrap(), "-o", "-"]).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    drop(child.stdout.take());
    writer.write_all(&connection("id").entry(&records(0..10))).unwrap();
    let output = child.wait_with_output().unwrap();
    assert!(output.status.success(), "{}", output.status);
    assert_eq!(String::from_utf8_lossy(&output.stderr), "");
}

#[test]
fn a_reader_that_goes_away_ends_an_idle_stream() {
    // Nothing is logged, so nothing is written: before the first record, and after some.
    for logged in [0, 10] {
        let place = Place::new();
        let (fifo, mut writer) = place.fifo("dev");
        let mut command = program();
        command.args(["-f", fifo.to_str().unwrap(), "-o", "-"]).stdout(Stdio::piped()).stderr(Stdio::piped());
        let mut child = command.spawn().unwrap();
        let mut out = child.stdout.take().unwrap();
        writer.write_all(&connection("id").entry(&records(0..logged))).unwrap();
        let mut seen = Vec::new();
        let mut buffer = [0; 65536];
        while logged > 0 && reading::parse(&seen).map_or(0, |blocks| reading::serials(&blocks).len()) < 10 {
            let got = out.read(&mut buffer).unwrap();
            assert!(got > 0);
            seen.extend_from_slice(&buffer[..got]);
        }
        drop(out);
        until("its end", || child.try_wait().unwrap().is_some(), String::new);
        let output = child.wait_with_output().unwrap();
        assert!(output.status.success(), "{logged}: {}", output.status);
        assert_eq!(String::from_utf8_lossy(&output.stderr), "");
    }
}

#[test]
fn a_full_disk_leaves_a_gap_that_is_counted() {
    let place = Place::new();
    let Some(disk) = Small::mount(&place.join("disk"), "128k") else { return };
    let ballast = disk.0.join("ballast");
    fs::write(&ballast, vec![0; 80 << 10]).unwrap();
    let (fifo, mut writer) = place.fifo("dev");
    let out = disk.0.join("all.pcapng");
    let mut command = program();
    command.args(["-f", fifo.to_str().unwrap(), "--retry", "50ms", "-o", out.to_str().unwrap()]);
    let daemon = start(&place, command);
    writer.write_all(&connection("a").entry(&records(0..100))).unwrap();
    until("the first", || out.metadata().unwrap().len() > 30_000, || daemon.log());
    writer.write_all(&connection("a").entry(&records(100..200))).unwrap();
    writer.write_all(&connection("b").port(7).entry(&records(0..10))).unwrap();
    daemon.wait_for("output: No space left on device; new records are dropped");
    let before = reading::blocks(&out);
    assert_eq!(reading::serials(&before), (0..100).collect::<Vec<_>>());
    // There is room again.
    fs::remove_file(&ballast).unwrap();
    std::thread::sleep(Duration::from_millis(100));
    writer.write_all(&connection("a").entry(&records(200..210))).unwrap();
    daemon.wait_for("written again; 110 records dropped meanwhile");
    writer.write_all(&connection("b").port(7).entry(&records(10..12))).unwrap();
    daemon.stops_with_a_loss();
    let blocks = reading::blocks(&out);
    let serials: Vec<u32> = (0..100).chain(200..210).chain(10..12).collect();
    assert_eq!(reading::serials(&blocks), serials);
    let skipped: Vec<&Read> = blocks.iter().filter(|block| matches!(block, Read::Skipped(_))).collect();
    assert_eq!(skipped, [&Read::Skipped(100), &Read::Skipped(10)]);
}

#[test]
fn both_devices_in_one_stream() {
    let kernel = Kernel::new();
    let (fifo, mut writer) = kernel.place.fifo("bblog");
    let out = kernel.place.join("all.pcapng");
    let mut command = program();
    command.args([
        "--eventlog",
        "tcp",
        "-f",
        fifo.to_str().unwrap(),
        "-o",
        out.to_str().unwrap(),
        "--stack",
        STACKS,
    ]);
    kernel.preload(&mut command);
    let daemon = start(&kernel.place, command);
    until("a subscription", || kernel.journal().contains("eventlog create"), || daemon.log());
    let mut events = Vec::new();
    for number in 0..3_u32 {
        writer.write_all(&connection("id").entry(&records(number * 4..number * 4 + 4))).unwrap();
        until(
            "records",
            || {
                reading::parse(&fs::read(&out).unwrap())
                    .is_ok_and(|b| reading::serials(&b).len() == 4 * (number as usize + 1))
            },
            || daemon.log(),
        );
        let more = [made::session_begin(7, "web", 1000), made::session_events(7, 2)].concat();
        kernel.log(&more);
        events.extend(reading::split(&more));
        until("events", || reading::events(&reading::blocks(&out)).len() == events.len(), || daemon.log());
    }
    daemon.stop();
    let blocks = reading::blocks(&out);
    assert_eq!(reading::serials(&blocks), (0..12).collect::<Vec<_>>());
    assert_eq!(reading::events(&blocks).into_iter().map(|(_, event)| event).collect::<Vec<_>>(), events);
    assert_eq!(blocks.last(), Some(&Read::Dropped(Some(0))));
    let frames = Tshark::stock().text(&["-T", "fields", "-e", "frame.number"], &fs::read(&out).unwrap());
    assert_eq!(frames.lines().count(), 12 + events.len());
}

#[test]
fn entries_without_records_cost_no_memory() {
    let place = Place::new();
    let (fifo, mut writer) = place.fifo("dev");
    let mut command = program();
    command.args(["-f", fifo.to_str().unwrap(), "-o", "/dev/null"]);
    let daemon = start(&place, command);
    let peak = || {
        let status = fs::read_to_string(format!("/proc/{}/status", daemon.pid())).unwrap();
        let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
        peak.trim().trim_end_matches(" kB").parse::<u64>().unwrap()
    };
    let mut feed = |numbers: std::ops::Range<u32>| {
        let mut header = connection("id").header(0);
        let mut entries = Vec::new();
        for number in numbers.clone() {
            header[32..36].copy_from_slice(&number.to_be_bytes());
            entries.extend_from_slice(&header);
        }
        writer.write_all(&entries).unwrap();
        let taken = format!("entries {},", numbers.end);
        until(
            &taken,
            || {
                daemon.signal(nix::sys::signal::Signal::SIGUSR1);
                daemon.log().contains(&taken)
            },
            || daemon.log(),
        );
    };
    // Each of another connection: what is remembered of a few thousand of them is bounded.
    feed(0..100_000);
    let before = peak();
    feed(100_000..300_000);
    let grown = peak() - before;
    assert!(grown < 4 << 10, "{before} kB, and {grown} kB for 200,000 entries more");
    daemon.stop();
}
