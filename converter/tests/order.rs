// SPDX-License-Identifier: BSD-2-Clause
//! Events that a kernel with four or more CPUs logs late are put in the order of their times.

mod support;

use std::io::{self, Cursor, Read};
use std::path::Path;

use bblog_converter::input::disorder::Disorder;
use bblog_converter::input::window::Window;
use bblog_converter::source::elog::ElogReader;
use bblog_dissector::elog::{FILE_HEADER_LEN, ProviderTable, RawEvent};
use proptest::prelude::*;
use support::{Folder, run};

/// A capture of numbered events at these times.
fn capture(times: &[u64]) -> Vec<u8> {
    let mut capture = b"ELOG\x01\0\0\0".to_vec();
    for word in [1_000u64, 1_700_000_000_000_000, 0, 0] {
        capture.extend(word.to_le_bytes());
    }
    capture.extend(1u32.to_le_bytes());
    let mut name = [0; 34];
    name[..6].copy_from_slice(b"\x01\0test");
    capture.extend(name);
    for (number, time) in times.iter().enumerate() {
        let mut event = [0; 40];
        (event[0], event[4]) = (40, 1);
        event[8..16].copy_from_slice(&time.to_le_bytes());
        event[32..].copy_from_slice(&(number as u64).to_le_bytes());
        capture.extend(event);
    }
    capture
}

/// Times and numbers of the events as they are read by so many bytes at a time, and what was out of order.
fn read(capture: &[u8], step: usize, sorts: bool) -> (Vec<(u64, u64)>, Disorder) {
    struct Steps(Cursor<Vec<u8>>, usize);
    impl Read for Steps {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            let len = out.len().min(self.1);
            self.0.read(&mut out[..len])
        }
    }
    let window = Window::new(Box::new(Steps(Cursor::new(capture.to_vec()), step)));
    let mut reader = ElogReader::open(window, sorts).unwrap();
    let mut events = Vec::new();
    while let Some(event) = reader.step().unwrap() {
        let number = u64::from_le_bytes(event.payload()[..8].try_into().unwrap());
        events.push((event.timestamp(), number));
    }
    (events, reader.disorder())
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 24, ..ProptestConfig::default() })]

    /// Events that are late by less than is looked ahead come in order, those of one time as they stood; none is lost.
    #[test]
    fn late_events_are_put_in_order(
        delays in proptest::collection::vec(prop_oneof![8 => Just(0_u64), 1 => 0..30_000_u64], 1..40_000),
        step in prop_oneof![Just(usize::MAX), 100_usize..5_000],
    ) {
        // Each event is logged some time after it happened: at most 30 ms, which are 1,200 events.
        let mut logged: Vec<(u64, u64)> =
            delays.iter().enumerate().map(|(at, delay)| (at as u64 * 25 + delay, 10_000 + at as u64 * 25)).collect();
        logged.sort_by_key(|&(logged, _)| logged);
        let times: Vec<u64> = logged.iter().map(|&(_, time)| time).collect();
        let capture = capture(&times);
        let (kept, was) = read(&capture, step, false);
        prop_assert!(kept.iter().map(|event| event.0).eq(times.iter().copied()));
        let (sorted, now) = read(&capture, step, true);
        prop_assert!(sorted.is_sorted());
        let mut numbers: Vec<u64> = sorted.iter().map(|event| event.1).collect();
        numbers.sort_unstable();
        prop_assert!(numbers.iter().copied().eq(0..times.len() as u64));
        prop_assert_eq!(now, Disorder { late: was.late, left: 0 });
    }

    /// Whatever the times are: no event is lost.
    #[test]
    fn any_times_keep_all_events(times in proptest::collection::vec(any::<u64>(), 0..3_000), step in 1_usize..100_000) {
        let (events, _) = read(&capture(&times), step, true);
        let mut expected: Vec<(u64, u64)> = times.iter().copied().zip(0..).collect();
        let mut found = events;
        expected.sort_unstable();
        found.sort_unstable();
        prop_assert_eq!(found, expected);
    }
}

/// A clock that is set back is no disorder, and does not hold events back.
#[test]
fn a_clock_that_is_set_back() {
    let times: Vec<u64> =
        (100_000_000..100_000_500).chain(5_000..5_500).chain([u64::MAX]).chain(5_500..6_000).collect();
    let (events, disorder) = read(&capture(&times), usize::MAX, true);
    assert!(events.iter().map(|event| event.0).eq(times.iter().copied()));
    assert_eq!(disorder, Disorder::default());
}

fn events(elog: &[u8]) -> Vec<Vec<u8>> {
    let (_, mut rest) = ProviderTable::split(&elog[FILE_HEADER_LEN..]).unwrap();
    let mut events = Vec::new();
    while let Ok(Some((event, after))) = RawEvent::split(rest) {
        events.push(event.as_bytes().to_vec());
        rest = after;
    }
    events
}

fn time(event: &[u8]) -> u64 {
    RawEvent::whole(event).unwrap().timestamp()
}

/// A capture of a machine with 4 CPUs, written by elog(1): through every command, as ELOG, as pcapng and by a pipe.
#[test]
fn a_genuine_capture_of_four_cpus() {
    let path = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../../shared/streams/elog/genuine_d_4cpu_900conn.elog.xz");
    if !path.exists() {
        eprintln!("{}: not here, left out", path.display());
        return;
    }
    let folder = Folder::new();
    let convert = |args: &[&str], input: &Path, output: &str| {
        let output = folder.path(output);
        let mut all = vec!["convert".as_ref(), "-o".as_ref(), output.as_os_str(), input.as_os_str()];
        all.extend(args.iter().map(std::ffi::OsStr::new));
        let ran = run(&all, b"");
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        let said = ran.stderr.split_once(": ").map_or(String::new(), |(_, rest)| rest.to_owned());
        (output, said)
    };
    let (kept, said) = convert(&["--format", "elog"], &path, "kept.elog");
    assert!(said.ends_with("18614 events logged after newer ones: left where they are\n"), "{said}");
    let kept = events(&std::fs::read(kept).unwrap());
    let mut sorted = kept.clone();
    sorted.sort_by_key(|event| time(event));
    assert!(kept != sorted && kept.len() == 89_561);
    // Convert puts them in order, from the capture and from pcapng that is not in order.
    let said_sorted = "18614 events logged after newer ones: put in the order of their times\n";
    let (in_order, said) = convert(&[], &path, "a.pcapng");
    assert!(said.ends_with(said_sorted), "{said}");
    let (unordered, _) = convert(&["--no-sort"], &path, "b.pcapng");
    let (reordered, said) = convert(&[], &unordered, "c.pcapng");
    assert!(said.ends_with(said_sorted), "{said}");
    for (pcapng, expected) in [(&in_order, &sorted), (&unordered, &kept), (&reordered, &sorted)] {
        let (elog, _) = convert(&["--format", "elog"], pcapng, &format!("{}.elog", pcapng.display()));
        assert!(events(&std::fs::read(elog).unwrap()) == *expected, "{}", pcapng.display());
    }
    // The text for elog(1)'s users keeps the order, the other one does not.
    let lines = |args: &[&str]| {
        let mut all = vec!["show".as_ref(), "--no-pager".as_ref(), path.as_os_str()];
        all.extend(args.iter().map(std::ffi::OsStr::new));
        run(&all, b"").stdout.split(|&b| b == b'\n').map(<[u8]>::to_vec).collect::<Vec<_>>()
    };
    let (elog, again) = (lines(&["--style", "elog"]), lines(&["--style", "elog", "--no-sort"]));
    assert!(elog == again && elog.len() == kept.len() + 1);
    let no_sort = lines(&["--no-sort"]);
    assert!(lines(&[]) != no_sort && no_sort.len() == kept.len() + 1);
}

/// Damage stays where it is: what is late does not move across it.
#[test]
fn damage_is_not_moved() {
    let mut file = capture(&[10, 12, 11, 13, 16, 15, 14, 20, 19, 18]);
    let at = file.len() - 5 * 40;
    file.splice(at..at, [0; 50]);
    let window = Window::new(Box::new(Cursor::new(file)));
    let mut reader = ElogReader::open(window, true).unwrap();
    let (mut times, mut faults) = (Vec::new(), Vec::new());
    loop {
        match reader.step() {
            Ok(Some(event)) => times.push(event.timestamp()),
            Ok(None) => break,
            Err(fault) => faults.push(fault.offset),
        }
    }
    assert_eq!(times, [10, 11, 12, 13, 16, 14, 15, 18, 19, 20]);
    assert_eq!(faults, [Some(at as u64)]);
}
