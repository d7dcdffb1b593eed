// SPDX-License-Identifier: BSD-2-Clause
//! `bblog convert --format elog`: captures come back as they were.

mod support;

use std::path::{Path, PathBuf};

use bblog_dissector::elog::{FILE_HEADER_LEN, FileHeader, ProviderTable, RawEvent};
use support::{Folder, bytes, fixture, run};

const CAPTURES: [&str; 6] = [
    "small-plain.elog",
    "small-live.elog",
    "small-quirks.elog",
    "variant-A-cut.elog",
    "variant-D2-cut.elog",
    "variant-E-cut.elog",
];

/// Header, providers, and whole events of a capture.
type Parts = (FileHeader, Vec<(u16, Vec<u8>)>, Vec<Vec<u8>>);

fn parts(file: &[u8]) -> Parts {
    let header = FileHeader::parse(file).unwrap();
    let (table, mut rest) = ProviderTable::split(&file[FILE_HEADER_LEN..]).unwrap();
    let providers = table.iter().map(|(id, name)| (id, name.to_vec())).collect();
    let mut events = Vec::new();
    while let Ok(Some((event, after))) = RawEvent::split(rest) {
        events.push(event.as_bytes().to_vec());
        rest = after;
    }
    (header, providers, events)
}

fn to(format: &str, inputs: &[&Path], output: &Path) -> support::Ran {
    let mut args =
        vec![Path::new("convert"), Path::new("--format"), Path::new(format), Path::new("-o"), output];
    if format == "pcapng" {
        // Times of these captures run back.
        args.push(Path::new("--no-sort"));
    }
    args.extend(inputs);
    run(&args, b"")
}

#[test]
fn captures_come_back_by_way_of_pcapng() {
    let folder = Folder::new();
    for name in CAPTURES {
        let (header, providers, events) = parts(&bytes(name));
        let pcapng = folder.path(&format!("{name}.pcapng"));
        to("pcapng", &[&fixture(name)], &pcapng);
        // As it is, and as Wireshark's own tool writes it anew.
        let rewritten = folder.path(&format!("{name}.rewritten.pcapng"));
        let status = std::process::Command::new("editcap").arg(&pcapng).arg(&rewritten).status();
        assert!(status.expect("editcap is needed (Debian: apt-get install tshark)").success());
        for (how, input) in [("elog", fixture(name)), ("pcapng", pcapng), ("editcap", rewritten)] {
            let output = folder.path(&format!("{name}.{how}.elog"));
            let ran = to("elog", &[&input], &output);
            // What is torn at the end of a capture is told when that is read, not later.
            assert!(ran.code == 0 || how == "elog", "{name} {how} {}", ran.stderr);
            let found = parts(&std::fs::read(&output).unwrap());
            assert!(found.2 == events, "{name} {how}: {} and {}", found.2.len(), events.len());
            assert_eq!(found.1, providers, "{name} {how}");
            let expected = FileHeader { event_count: events.len() as u64, ..header };
            assert_eq!(found.0, expected, "{name} {how}");
        }
    }
}

/// A capture of some of the events, begun `late` microseconds after they happened.
fn capture(header: FileHeader, table: &[u8], events: &[Vec<u8>], late: u64) -> Vec<u8> {
    let first = RawEvent::whole(&events[0]).unwrap().timestamp();
    let header = FileHeader {
        capture_start: first,
        start_utc_us: header.utc(first).0 as u64 + late,
        event_count: events.len() as u64,
        dropped_events: 3,
    };
    [&header.to_bytes()[..], table, &events.concat()].concat()
}

fn by_time(events: &[Vec<u8>]) -> Vec<Vec<u8>> {
    let mut events = events.to_vec();
    events.sort_by_key(|event| RawEvent::whole(event).unwrap().timestamp());
    events
}

#[test]
fn captures_of_one_boot_become_one() {
    let folder = Folder::new();
    let file = bytes("small-plain.elog");
    let (header, providers, events) = parts(&file);
    let table = &file[FILE_HEADER_LEN..][..4 + 34 * providers.len()];
    // Every third event, of a table in another order.
    let (thirds, others): (Vec<_>, Vec<_>) = events.iter().enumerate().partition(|(at, _)| at % 3 == 0);
    let only = |events: Vec<(usize, &Vec<u8>)>| {
        events.into_iter().map(|(_, event)| event.clone()).collect::<Vec<_>>()
    };
    let mut turned = table[..4].to_vec();
    table[4..].rchunks_exact(34).for_each(|entry| turned.extend(entry));
    let a = folder.write("a.elog", &capture(header, table, &only(thirds), 900_000));
    let b = folder.write("b.elog", &capture(header, &turned, &only(others), 10));
    let both = folder.path("both.elog");
    let ran = to("elog", &[&a, &b], &both);
    // The captures overlap: the same events may have been dropped.
    let said = "at least 3 events dropped: captures overlap in time, so their counts cannot be added\n";
    let told: Vec<&str> = ran.stderr.lines().filter(|line| !line.contains("--hz")).collect();
    assert!(ran.code == 0 && told.len() == 1 && ran.stderr.ends_with(said), "{}", ran.stderr);
    let (found, names, merged) = parts(&std::fs::read(&both).unwrap());
    assert_eq!(names, providers);
    assert_eq!((found.event_count, found.dropped_events), (events.len() as u64, 3));
    let time = |event: &Vec<u8>| RawEvent::whole(event).unwrap().timestamp();
    assert!(merged.is_sorted_by_key(time));
    let (mut merged, mut events) = (merged, events);
    merged.sort();
    events.sort();
    assert!(merged == events);
    // The merged pcapng of both, whose section is interrupted all the time, gives the same.
    let pcapng = folder.path("both.pcapng");
    to("pcapng", &[&a, &b], &pcapng);
    let again = folder.path("again.elog");
    assert_eq!(to("elog", &[&pcapng], &again).code, 0);
    let (again, _, mut back) = parts(&std::fs::read(&again).unwrap());
    back.sort();
    assert!(back == events);
    assert_eq!(again.dropped_events, 3);
    // Captures that follow each other.
    let half = events.len() / 2;
    let (first, second) = (&by_time(&events)[..half], &by_time(&events)[half..]);
    let first = folder.write("first.elog", &capture(header, table, first, 0));
    let second = folder.write("second.elog", &capture(header, table, second, 0));
    let row = folder.path("row.elog");
    assert_eq!(to("elog", &[&first, &second], &row).stderr, "");
    assert_eq!(parts(&std::fs::read(&row).unwrap()).0.dropped_events, 6);
}

#[test]
fn another_boot_is_left_out() {
    let folder = Folder::new();
    let file = bytes("small-plain.elog");
    let mut other = file.clone();
    other[17 + 4] ^= 1;
    let other = folder.write("other.elog", &other);
    let out = folder.path("out.elog");
    let ran = to("elog", &[&fixture("small-plain.elog"), &other], &out);
    let count = parts(&file).2.len();
    let told = format!(
        "bblog: {}: {count} events left out: of another capture than the first, and an ELOG file holds one\n",
        other.display()
    );
    assert_eq!((ran.code, ran.stderr), (1, told));
    assert!(parts(&std::fs::read(&out).unwrap()).2 == parts(&file).2);
}

#[test]
fn bblog_does_not_fit() {
    let folder = Folder::new();
    let refused = fixture("default_refused.tcplog");
    let out = folder.path("out.elog");
    let ran = to("elog", &[&refused], &out);
    let told = |file: &PathBuf, frames| {
        format!(
            "bblog: {}: {frames} frames left out: ELOG holds events of eventlog(9) only, no BBLog records and no packets\n",
            file.display()
        )
    };
    assert_eq!((ran.code, ran.stderr), (1, told(&refused, 3)));
    assert!(!out.exists());
    // Both kinds in one file: the events are taken.
    let mixed = folder.path("mixed.pcapng");
    to("pcapng", &[&refused, &fixture("small-plain.elog")], &mixed);
    let ran = to("elog", &[&mixed], &out);
    assert_eq!((ran.code, ran.stderr), (1, told(&mixed, 3)));
    assert!(parts(&std::fs::read(&out).unwrap()).2 == parts(&bytes("small-plain.elog")).2);
}

#[test]
fn to_standard_output_and_not_over_a_file() {
    let plain = fixture("small-plain.elog");
    let ran = to("elog", &[&plain], Path::new("-"));
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    assert!(parts(&ran.stdout) == parts(&bytes("small-plain.elog")));
    let folder = Folder::new();
    let there = folder.write("there.elog", b"precious");
    let ran = to("elog", &[&plain], &there);
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.ends_with("there.elog: exists; --overwrite replaces it\n"), "{}", ran.stderr);
    assert_eq!(folder.names(), ["there.elog"]);
    assert_eq!(std::fs::read(&there).unwrap(), b"precious");
}
