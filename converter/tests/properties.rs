// SPDX-License-Identifier: BSD-2-Clause
//! What holds for any log, tried on logs with values at random: what is written is read back with the
//! same events, values and times; inputs are merged in order; how the bytes arrive makes no
//! difference; and JSON has the numbers that were decoded.

mod support;

use std::io::{Cursor, Read};
use std::ops::Range;

use bblog_converter::event::decode::DecodedItem;
use bblog_converter::event::merge::Events;
use bblog_converter::event::open;
use bblog_converter::input::{Input, InputName, InputPosition};
use bblog_converter::select::Selection;
use bblog_converter::select::walk::walk;
use bblog_converter::text::TextSink;
use bblog_converter::text::json::JsonLines;
use bblog_dissector::event::{Field, Value};
use bblog_dissector::spec::Repeat;
use proptest::prelude::*;
use proptest::sample::Index;
use serde_json::Value as Json;

use support::seen::{seen, seen_of, tables};
use support::{bytes, convert_bytes};

const STREAMS: [&str; 3] = ["default_v4mapped.tcplog", "rack_reqresp.tcplog", "default_refused.tcplog"];
const CAPTURES: [&str; 3] = ["small-plain.elog", "variant-D2-cut.elog", "variant-E-cut.elog"];

const ENTRY: usize = 208;
const RECORD: usize = 328;
/// The members of a record that may have any value: all between those that name its connection and the TCP header.
const MEMBERS: Range<usize> = 68..268;

/// Where a capture's events are.
fn events(capture: &[u8]) -> Vec<Range<usize>> {
    let mut at = 40 + 4 + 34 * u32::from_le_bytes(capture[40..44].try_into().unwrap()) as usize;
    let mut events = Vec::new();
    while let Some(len) = capture.get(at..at + 2) {
        let len = usize::from(u16::from_le_bytes(len.try_into().unwrap()));
        events.push(at..at + len);
        at += len;
    }
    events
}

/// A log with bytes of its values changed: those of one event at a time.
fn log() -> impl Strategy<Value = Vec<u8>> {
    let change = (any::<Index>(), any::<Index>(), prop::collection::vec(any::<u8>(), 1..9));
    let changes = prop::collection::vec(change, 0..60);
    (0..STREAMS.len() + CAPTURES.len(), changes).prop_map(|(which, changes)| {
        let Some(name) = STREAMS.get(which) else {
            let mut log = bytes(CAPTURES[which - STREAMS.len()]);
            let events = events(&log);
            for (event, at, values) in changes {
                let event = &events[event.index(events.len())];
                // Behind the header, in which ids and the event's length are.
                put(&mut log[event.start + 32..event.end], at, &values);
            }
            return log;
        };
        let mut log = bytes(name);
        let records = (log.len() - ENTRY) / RECORD;
        for (record, at, values) in changes {
            let start = ENTRY + RECORD * record.index(records);
            put(&mut log[start..][MEMBERS], at, &values);
        }
        log
    })
}

fn put(place: &mut [u8], at: Index, values: &[u8]) {
    if !place.is_empty() {
        let at = at.index(place.len());
        let len = values.len().min(place.len() - at);
        place[at..at + len].copy_from_slice(&values[..len]);
    }
}

/// Gives pieces of these sizes, over and over.
struct Pieces(Cursor<Vec<u8>>, Vec<usize>, usize);

impl Read for Pieces {
    fn read(&mut self, out: &mut [u8]) -> std::io::Result<usize> {
        let size = self.1[self.2 % self.1.len()].min(out.len());
        self.2 += 1;
        self.0.read(&mut out[..size])
    }
}

/// What the rows say of an event: keys and numbers, as the members of one object.
fn numbers<'a>(fields: impl Iterator<Item = Field<'a>>) -> Vec<(&'static str, i128)> {
    let number = |field: Field<'_>| {
        let number = match field.value {
            Value::Unsigned(number) | Value::Bool(number) => i128::from(number),
            Value::Signed(number) => i128::from(number),
            _ => return None,
        };
        (field.spec.place.repeat == Repeat::Once).then_some((field.spec.name, number))
    };
    fields.filter_map(number).collect()
}

fn parsed(value: &Json) -> Option<i128> {
    match value {
        Json::Bool(value) => Some(i128::from(*value)),
        Json::Number(number) => number.as_i64().map(i128::from).filter(|number| number.abs() < 1 << 53),
        Json::String(digits) => digits.parse().ok().filter(|number: &i128| number.abs() >= 1 << 53),
        _ => None,
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 96, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn what_is_written_is_read_back(log in log()) {
        let (expected, faults) = seen(&log);
        prop_assert!(faults.is_empty(), "{faults:?}");
        let pcapng = convert_bytes(&[&log]).0;
        prop_assert_eq!(seen(&pcapng), (expected.clone(), vec![]));
        // And once more, from pcapng.
        prop_assert_eq!(convert_bytes(&[&pcapng]), (pcapng, vec![]));
    }

    #[test]
    fn bytes_may_arrive_in_any_pieces(log in log(), sizes in prop::collection::vec(1..700_usize, 1..9)) {
        let pcapng = convert_bytes(&[&log]).0;
        for input in [log, pcapng] {
            let whole = seen(&input);
            prop_assert_eq!(seen_of(Pieces(Cursor::new(input), sizes.clone(), 0)), whole);
        }
    }

    /// A capture that is dealt out to several comes together again.
    #[test]
    fn merging_keeps_the_order(which in 0..CAPTURES.len(), hands in prop::collection::vec(0..4_usize, 1..50)) {
        let capture = bytes(CAPTURES[which]);
        let events = events(&capture);
        let mut parts = vec![capture[..events[0].start].to_vec(); 4];
        for (event, hand) in events.iter().zip(hands.iter().cycle()) {
            parts[*hand].extend_from_slice(&capture[event.clone()]);
        }
        let parts: Vec<&[u8]> = parts.iter().map(Vec::as_slice).collect();
        // Of an event its bytes and time: what is known of its connection may be in another part.
        let own = |log: &[u8]| {
            let lines = seen(log).0.into_iter();
            lines.map(|line| line.split_inclusive("] ").next().unwrap().to_owned()).collect::<Vec<_>>()
        };
        let merged = own(&convert_bytes(&parts).0);
        let time = |line: &String| line["Micros(".len()..].split(')').next().unwrap().parse::<i64>().unwrap();
        let whole = own(&capture);
        // The captures are in order themselves.
        prop_assert!(whole.iter().map(time).is_sorted());
        prop_assert!(merged.iter().map(time).is_sorted());
        for part in parts {
            let part = own(part);
            let mut rest = merged.iter();
            prop_assert!(part.iter().all(|event| rest.any(|found| found == event)), "a part is out of order");
        }
        let sorted = |mut lines: Vec<String>| {
            lines.sort();
            lines
        };
        prop_assert_eq!(sorted(merged), sorted(whole));
    }

    #[test]
    fn json_has_the_numbers(log in log()) {
        let name = InputName::new("log");
        let input = Input::recognise(name.clone(), Box::new(Cursor::new(log))).unwrap();
        let source = open::source(input, InputPosition::ONLY, &tables(), &mut |_, _| {}).unwrap();
        let mut lines = JsonLines::new(&tables().catalog);
        let mut text = Vec::new();
        let mut checked = 0;
        let all = &mut Selection::default();
        walk(&mut Events::of([(name, source)], &mut |_, _| {}), all, &mut |_, _| {}, |shown: &DecodedItem<'_>| {
            text.clear();
            lines.event(shown, &mut text);
            let line: Json = serde_json::from_slice(&text)?;
            let common = if line["log"] == "bblog" { "bblog" } else { "eventlog" };
            for (object, expected) in [
                (common, numbers(shown.event.common().chain(shown.event.derived()).chain(shown.tracked.fields()))),
                ("values", numbers(shown.event.fields())),
            ] {
                for (key, number) in expected {
                    // A number that means "not set" is left out.
                    if shown.event.common().chain(shown.event.fields()).any(|field| field.spec.name == key && field.is_unset()) {
                        assert_eq!(parsed(&line[object][key]), None, "{object}.{key} of {line}");
                        continue;
                    }
                    assert_eq!(parsed(&line[object][key]), Some(number), "{object}.{key} of {line}");
                    checked += 1;
                }
            }
            Ok(())
        })
        .unwrap();
        prop_assert!(checked > 100);
    }
}
