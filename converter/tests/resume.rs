// SPDX-License-Identifier: BSD-2-Clause
//! Reading goes on behind bytes that are no event or entry: everything before and after is kept.

use std::io::Cursor;

use bblog_converter::input::window::Window;
use bblog_converter::source::bblog::{BblogReader, BblogStep};
use bblog_converter::source::elog::ElogReader;
use proptest::prelude::*;

const ELOG: &[u8] = include_bytes!("../../tests/fixtures/small-plain.elog");
const TCPLOG: &[u8] = include_bytes!("../../tests/fixtures/default_refused.tcplog");

fn window(bytes: Vec<u8>) -> Window {
    Window::new(Box::new(Cursor::new(bytes)))
}

/// The events' bytes and the number of faults.
fn events(bytes: Vec<u8>) -> (Vec<Vec<u8>>, usize) {
    let mut reader = ElogReader::open(window(bytes), false).expect("a header");
    let (mut events, mut faults) = (Vec::new(), 0);
    loop {
        match reader.step() {
            Ok(Some(event)) => events.push(event.as_bytes().to_vec()),
            Ok(None) => return (events, faults),
            Err(_) => faults += 1,
        }
    }
}

/// The records' bytes and the number of faults.
fn records(bytes: Vec<u8>) -> (Vec<Vec<u8>>, usize) {
    let mut reader = BblogReader::new(window(bytes));
    let (mut records, mut faults) = (Vec::new(), 0);
    loop {
        match reader.step() {
            Ok(Some(BblogStep::Record)) => {
                records.push(reader.record().expect("a record").as_bytes().to_vec())
            }
            Ok(Some(BblogStep::Entry)) => {}
            Ok(None) => return (records, faults),
            Err(_) => faults += 1,
        }
    }
}

/// Bytes that cannot begin an event or an entry: their length is 0.
fn junk(len: impl Into<proptest::collection::SizeRange>) -> impl Strategy<Value = Vec<u8>> {
    proptest::collection::vec(any::<u8>(), len).prop_map(|mut junk| {
        let zeros = junk.len().min(16);
        junk[..zeros].fill(0);
        junk
    })
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(48))]

    #[test]
    fn events_on_both_sides_of_junk(at in 0..296_usize, junk in junk(16..600)) {
        let (whole, _) = events(ELOG.to_vec());
        prop_assert_eq!(whole.len(), 296);
        let cut = ELOG.len() - whole[at..].iter().map(Vec::len).sum::<usize>();
        let damaged = [&ELOG[..cut], &junk, &ELOG[cut..]].concat();
        let (found, faults) = events(damaged);
        prop_assert_eq!(faults, 1);
        prop_assert!(found == whole, "{} events of {}", found.len(), whole.len());
    }

    #[test]
    fn entries_behind_junk(junk in junk(16..3000)) {
        let (whole, _) = records(TCPLOG.to_vec());
        let (found, faults) = records([TCPLOG, &junk, TCPLOG].concat());
        prop_assert_eq!(faults, 1);
        prop_assert!(found == [whole.clone(), whole].concat());
    }
}

#[test]
fn junk_larger_than_the_window() {
    let (whole, _) = events(ELOG.to_vec());
    let first = whole[0].len();
    let cut = ELOG.len() - whole.iter().map(Vec::len).sum::<usize>() + first;
    for len in [196_604, 262_144, 1_000_001] {
        let junk = vec![0; len];
        assert_eq!(events([&ELOG[..cut], &junk, &ELOG[cut..]].concat()), (whole.clone(), 1), "{len}");
        let (found, faults) = records([TCPLOG, &junk, TCPLOG].concat());
        assert_eq!((found.len(), faults), (6, 1), "{len}");
    }
}
