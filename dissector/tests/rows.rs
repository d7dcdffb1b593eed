// SPDX-License-Identifier: BSD-2-Clause
//! Every row of every table: a record that meets its conditions and holds a value of its own
//! decodes to exactly that value under exactly that name.

use std::collections::{BTreeMap, BTreeSet};

use bblog_dissector::bblog::{RECORD_LEN, Record};
use bblog_dissector::catalog::Catalog;
use bblog_dissector::elog::{EVENT_HEADER_LEN, RawEvent};
use bblog_dissector::event::{Event, RecordContext, RowGroup, Value, verbose};
use bblog_dissector::spec::{
    ByteOrder, Category, FieldSpec, Kernel, MemberTest, Place, Repeat, Stack, ValueKind,
};
use bblog_dissector::tables;
use bblog_dissector::text::InitialSeqs;

const STACKS: [Stack; 4] = [Stack::Freebsd, Stack::Rack, Stack::Bbr, Stack::Unknown];
const KERNELS: [Kernel; 3] = [Kernel::Main, Kernel::Freebsd14, Kernel::Freebsd13];

fn put(bytes: &mut [u8], place: &Place, value: u64) {
    let at = usize::from(place.offset);
    let size = usize::from(place.size);
    let mut old = [0; 8];
    old[..size].copy_from_slice(&bytes[at..at + size]);
    if place.order == ByteOrder::Network {
        old[..size].reverse();
    }
    let mut whole = u64::from_le_bytes(old);
    match place.bits {
        Some((low, high)) => {
            let mask = (u64::MAX >> (63 - u32::from(high - low))) << low;
            whole = whole & !mask | (value << low) & mask;
        }
        None => whole = if place.low.is_some() { value >> 32 } else { value },
    }
    let mut new = whole.to_le_bytes();
    if place.order == ByteOrder::Network {
        new[..size].reverse();
    }
    bytes[at..at + size].copy_from_slice(&new[..size]);
    if let Some(low) = place.low {
        let low = usize::from(low);
        bytes[low..low + 4].copy_from_slice(&(value as u32).to_le_bytes());
    }
}

/// Makes the conditions of a row true.
fn meet(bytes: &mut [u8], spec: &FieldSpec) {
    for cond in spec.when.conds {
        let fits = |v: &u64| {
            let mut others = spec.when.conds.iter().filter(|c| c.place == cond.place);
            !others.any(|c| matches!(c.test, MemberTest::NotIn(values) if values.contains(v)))
        };
        match cond.test {
            MemberTest::In(values) => {
                let value = values.iter().copied().find(fits);
                put(bytes, &cond.place, value.unwrap());
            }
            MemberTest::NotIn(_) => {
                let elsewhere = spec
                    .when
                    .conds
                    .iter()
                    .any(|c| c.place == cond.place && matches!(c.test, MemberTest::In(_)));
                if !elsewhere {
                    put(bytes, &cond.place, (1..250).find(fits).unwrap());
                }
            }
            MemberTest::Above(floor) => put(bytes, &cond.place, floor + 1),
            MemberTest::AnySet(mask) => put(bytes, &cond.place, mask),
            MemberTest::NoneSet(_) => {}
        }
    }
}

/// The largest value of a place, and a few smaller ones to choose from.
fn candidates(place: &Place, seed: u64) -> Vec<u64> {
    let bits = match (place.bits, place.low) {
        (Some((low, high)), _) => u32::from(high - low) + 1,
        (None, Some(_)) => 64,
        (None, None) => u32::from(place.size) * 8,
    };
    let max = u64::MAX >> (64 - bits);
    let mixed = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    let mut all: Vec<u64> = vec![mixed & max, max, 1, max >> 1, 0];
    all.extend((0..=255).map(|v| v & max));
    all
}

fn number(value: &Value<'_>, place: &Place) -> Option<u64> {
    match *value {
        Value::Unsigned(v) | Value::Bool(v) => Some(v),
        Value::Signed(v) => {
            let bits = place.bits.map_or(u32::from(place.size) * 8, |(low, high)| u32::from(high - low) + 1);
            let bits = if place.low.is_some() { 64 } else { bits };
            Some(v as u64 & (u64::MAX >> (64 - bits)))
        }
        _ => None,
    }
}

/// Tries values until the row's own conditions hold with it (it may be a condition itself).
fn found(spec: &'static FieldSpec, event_id: u8, mut rows: impl FnMut(&Event<'_>, u64) -> bool) -> bool {
    let stacks = STACKS.into_iter().filter(|s| spec.when.stacks & s.bit() != 0);
    for stack in stacks {
        for kernel in KERNELS.into_iter().filter(|k| spec.when.kernels & k.bit() != 0) {
            for value in candidates(&spec.place, u64::from(spec.id) + 1) {
                for order in [false, true] {
                    let mut bytes = [0_u8; RECORD_LEN];
                    if order {
                        put(&mut bytes, &spec.place, value);
                    }
                    bytes[25] = event_id;
                    bytes[26] = 0x17;
                    meet(&mut bytes, spec);
                    if !order {
                        put(&mut bytes, &spec.place, value);
                    }
                    let (record, _) = Record::split(&bytes).unwrap();
                    if rows(&Event::of_record(&record, RecordContext::new(stack, kernel)), value) {
                        return true;
                    }
                }
            }
        }
    }
    false
}

/// One row gives its own values alone, in a loop as one by one.
#[test]
fn one_row_is_one() {
    for (stack, event) in
        STACKS.into_iter().flat_map(|stack| tables::EVENTS.iter().map(move |event| (stack, event)))
    {
        let mut bytes = [0x01; RECORD_LEN];
        bytes[25] = event.id as u8;
        bytes[26] = 0x17;
        let (record, _) = Record::split(&bytes).unwrap();
        let decoded = Event::of_record(&record, RecordContext { stack, ..RecordContext::default() });
        for group in [RowGroup::Own, RowGroup::Common, RowGroup::Derived, RowGroup::Raw] {
            for (row, spec) in decoded.rows_of(group).iter().enumerate() {
                let mut one_by_one = Vec::new();
                for field in decoded.one(group, row) {
                    one_by_one.push((field.spec.id, field.range));
                }
                let mut in_a_loop = Vec::new();
                decoded.one(group, row).for_each(|field| in_a_loop.push((field.spec.id, field.range)));
                assert_eq!(in_a_loop, one_by_one, "{} {}", event.name, spec.name);
                assert!(one_by_one.iter().all(|(id, _)| *id == spec.id), "{} {}", event.name, spec.name);
            }
        }
    }
}

#[test]
fn every_bblog_row_decodes() {
    let mut missing = Vec::new();
    let mut count = 0;
    let mut twice: BTreeSet<String> = BTreeSet::new();
    for event in tables::EVENTS {
        for spec in event.fields {
            count += 1;
            let there = found(spec, event.id as u8, |event, value| {
                let mut names = BTreeSet::new();
                let again = event.fields().filter(|field| !names.insert(field.spec.name));
                twice.extend(again.map(|field| format!("{} of {}", field.spec.filter, field.spec.source)));
                event
                    .fields()
                    .any(|field| field.spec.id == spec.id && number(&field.value, &spec.place) == Some(value))
            });
            if !there {
                missing.push(format!("{} of {}", spec.filter, spec.source));
            }
        }
    }
    for spec in tables::RECORD.iter().chain(tables::RAW) {
        count += 1;
        let there = found(spec, 1, |event, value| {
            let mut all = event.common().chain(event.raw());
            all.any(|field| field.spec.id == spec.id && number(&field.value, &spec.place) == Some(value))
        });
        if !there {
            missing.push(spec.filter.to_owned());
        }
    }
    assert!(missing.is_empty(), "{} of {count}: {missing:#?}", missing.len());
    assert!(twice.is_empty(), "two values of one record under one name: {twice:#?}");
    assert!(count > 2300, "{count}");
}

#[test]
fn every_verbose_row_decodes() {
    let mut bytes = [0_u8; RECORD_LEN + 72];
    bytes[26] = 0x08;
    bytes[328..334].copy_from_slice(b"caller");
    bytes[360..368].copy_from_slice(b"function");
    bytes[392..396].copy_from_slice(&4711_u32.to_le_bytes());
    let (record, _) = Record::split(&bytes).unwrap();
    let values: Vec<_> =
        verbose(&record.verbose().unwrap()).map(|f| (f.spec.filter, f.to_string())).collect();
    let expected = [("bblog.caller", "caller"), ("bblog.function", "function"), ("bblog.line", "4711")];
    assert_eq!(values, expected.map(|(name, text)| (name, text.to_owned())));
}

#[test]
fn every_eventlog_row_decodes() {
    let catalog = Catalog::builtin();
    let mut count = 0;
    for provider in catalog.providers() {
        let rows =
            provider.events.iter().flat_map(|event| event.fields.iter().map(move |field| (event, field)));
        for (event, field) in rows {
            count += 1;
            let value = match field.kind {
                ValueKind::Unsigned(_) | ValueKind::Signed(_) | ValueKind::Bool => {
                    candidates(&field.place, u64::from(field.id) + 1)[0]
                }
                _ => 0,
            };
            let mut bytes = vec![0_u8; EVENT_HEADER_LEN + usize::from(event.size) + 64];
            let len = bytes.len() as u16;
            bytes[..2].copy_from_slice(&len.to_le_bytes());
            bytes[24..28].copy_from_slice(&event.id.to_le_bytes());
            let payload = &mut bytes[EVENT_HEADER_LEN..];
            if !field.yields_to.is_empty() {
                // The rows that take its place have conditions on zeros.
                payload.fill(1);
            }
            let at = usize::from(field.place.offset);
            let size = usize::from(field.place.size);
            if let Repeat::Tail { count_at, .. } = field.place.repeat {
                payload[usize::from(count_at)] = 1;
            }
            match field.kind {
                ValueKind::Unsigned(_) | ValueKind::Signed(_) | ValueKind::Bool => {
                    put(payload, &field.place, value)
                }
                _ => payload[at..at + size].fill(b'x'),
            }
            let raw = RawEvent::whole(&bytes).unwrap();
            let decoded = Event::of_elog(&raw, Catalog::event(Some(provider), event.id));
            let got = decoded
                .fields()
                .find(|f| f.spec.id == field.id)
                .unwrap_or_else(|| panic!("{}", field.filter));
            assert_eq!(got.range.start, EVENT_HEADER_LEN + at, "{}", field.filter);
            match got.value {
                Value::Text(text) => assert_eq!(text, vec![b'x'; size]),
                Value::Bytes(bytes) => assert_eq!(bytes, b"x"),
                Value::Ipv4(addr) => assert_eq!(addr.octets(), [b'x'; 4]),
                Value::Ipv6(addr) => assert_eq!(addr.octets(), [b'x'; 16]),
                ref got => assert_eq!(number(got, &field.place), Some(value), "{}", field.filter),
            }
        }
    }
    assert!(count > 900, "{count}");
}

#[test]
fn ids_are_dense_and_filters_are_sound() {
    let catalog = Catalog::builtin();
    let mut kinds: BTreeMap<&str, ValueKind> = BTreeMap::new();
    for (at, row) in catalog.rows().iter().enumerate() {
        assert_eq!(row.id as usize, at, "{}", row.filter);
        let valid = row.filter.split('.').all(|part| {
            !part.is_empty()
                && part.bytes().all(|b| b.is_ascii_lowercase() || b.is_ascii_digit() || b == b'_')
        });
        assert!(valid, "{}", row.filter);
        let kind = kinds.entry(row.filter).or_insert(row.kind);
        assert_eq!(*kind, row.kind, "{}: one filter name, one type", row.filter);
    }
}

#[test]
fn event_names_are_unique_within_their_source() {
    let mut names: BTreeMap<&str, u32> = BTreeMap::new();
    for event in tables::EVENTS {
        assert_eq!(names.insert(event.name, event.id), None, "{}", event.name);
    }
    for kernel in KERNELS {
        let mut names: BTreeMap<&str, u32> = BTreeMap::new();
        for event in tables::EVENTS {
            assert_eq!(names.insert(event.name_on(kernel), event.id), None, "{kernel:?} {}", event.name);
        }
    }
    for provider in Catalog::builtin().providers() {
        let mut names: BTreeMap<&str, u32> = BTreeMap::new();
        for event in provider.events {
            assert_eq!(names.insert(event.name, event.id), None, "{} {}", provider.name, event.name);
        }
    }
}

/// Ticks are shown as time where hz is known, and as ticks where it is not.
#[test]
fn ticks() {
    // fbsd15_freebsd.tcplog: srtt 25/32 ticks at 100 Hz.
    let mut bytes = [0; 328];
    bytes[25] = 1;
    bytes[100..104].copy_from_slice(&25_u32.to_le_bytes());
    let (record, _) = Record::split(&bytes).unwrap();
    let text = |hz| {
        let cx = RecordContext {
            hz: std::num::NonZeroU32::new(hz),
            ..RecordContext::new(Stack::Freebsd, Kernel::Main)
        };
        let srtt = Event::of_record(&record, cx).get("srtt").unwrap();
        (format!("{srtt}"), format!("{srtt:#}"))
    };
    assert_eq!(text(0), ("0.8 ticks (25/32)".to_owned(), "0.8 ticks".to_owned()));
    assert_eq!(text(100), ("7.8 ms (25/32 ticks at 100 Hz)".to_owned(), "7.8 ms".to_owned()));
    assert_eq!(text(1000), ("781 us (25/32 ticks at 1000 Hz)".to_owned(), "781 us".to_owned()));
}

/// Each event has a plain name and a category that say more than its own name does.
#[test]
fn titles_and_categories() {
    for event in tables::EVENTS {
        assert!(!event.titles.is_empty() && !event.categories.is_empty(), "{}", event.name);
        for title in event.titles {
            assert!(title.words.len() <= 20, "{}: {}", event.name, title.words);
        }
    }
    // The same event of two stacks, of two kinds.
    let title = |id: u8, stack, kind: u8| {
        let mut bytes = [0; 328];
        (bytes[25], bytes[26], bytes[259]) = (id, 0x10, kind);
        let (record, _) = Record::split(&bytes).unwrap();
        let event = Event::of_record(&record, RecordContext::new(stack, Kernel::Main));
        (event.title(), event.category())
    };
    assert_eq!(title(9, Stack::Rack, 0), ("PRR", Category::Recovery));
    assert_eq!(title(9, Stack::Bbr, 0), ("rate sample", Category::Congestion));
    assert_eq!(title(13, Stack::Rack, 0), ("timer armed", Category::Timer));
    assert_eq!(title(13, Stack::Rack, 1), ("send paced", Category::Pacing));
    // An alert's category goes before the event's own.
    assert_eq!(title(26, Stack::Rack, 4), ("timer fired", Category::Timer));
    assert_eq!(title(26, Stack::Rack, 1), ("timer fired", Category::Loss));
}

/// Sequence numbers in sentences are relative where a style says to what, ours and the peer's.
#[test]
fn relative_sequence_numbers() {
    let mut bytes = [0; 328];
    (bytes[25], bytes[26], bytes[259]) = (56, 0x10, 1);
    bytes[220..224].copy_from_slice(&2_u32.to_le_bytes());
    bytes[224..228].copy_from_slice(&1450_u32.to_le_bytes());
    let (record, _) = Record::split(&bytes).unwrap();
    let event = Event::of_record(&record, RecordContext::new(Stack::Rack, Kernel::Main));
    assert_eq!(event.summary().to_string(), "SACK 2:1450");
    let ours = InitialSeqs { iss: Some(u32::MAX), irs: Some(100) };
    assert_eq!(event.summary_in(ours).to_string(), "SACK 3:1451");
    (bytes[25], bytes[26]) = (50, 0x10);
    bytes[264..268].copy_from_slice(&10_u32.to_le_bytes());
    bytes[220..224].copy_from_slice(&200_u32.to_le_bytes());
    let (record, _) = Record::split(&bytes).unwrap();
    let event = Event::of_record(&record, RecordContext::new(Stack::Rack, Kernel::Main));
    assert_eq!(event.summary_in(ours).to_string(), "out-of-order data: add 10 bytes at 100; 0 bytes queued");
}

/// What a stack logs under the id of the default stack, while it takes a connection over, is decoded as its own.
#[test]
fn a_takeover_is_decoded_by_the_stack_that_follows() {
    let decoded = |event: u8, pacing_gain: u16, flex8: u8, stack: Stack| {
        let mut bytes = [0; RECORD_LEN];
        bytes[25] = event;
        bytes[26] = 0x10;
        bytes[248..250].copy_from_slice(&pacing_gain.to_le_bytes());
        bytes[259] = flex8;
        let (record, _) = Record::split(&bytes).unwrap();
        Event::of_record(&record, RecordContext::new(stack, Kernel::Main)).stack()
    };
    use bblog_dissector::bblog::id::*;
    // The events that init functions log in genuine logs of FreeBSD 13 and 15.
    for (event, pacing_gain, flex8, stack) in [
        (HDWR_PACE_SIZE, 0, 2, Stack::Rack),
        (CHG_QUERY, 0, 7, Stack::Rack),
        (HYSTART, 0, 20, Stack::Rack),
        (RTT_SHRINKS, 200, 0, Stack::Rack),
        (RTT_SHRINKS, 739, 0, Stack::Bbr),
        (STATE, 739, 0, Stack::Bbr),
        (BBRTSO, 739, 1, Stack::Bbr),
        (TIMERSTAR, 739, 0, Stack::Bbr),
        (BBRSND, 739, 0, Stack::Bbr),
    ] {
        assert_eq!(decoded(event, pacing_gain, flex8, Stack::Freebsd), stack, "{event} {flex8}");
        assert_eq!(decoded(event, pacing_gain, flex8, Stack::Unknown), Stack::Unknown);
    }
    // BBR's own, under rack's id; what both write stays as it is.
    assert_eq!(decoded(STATE, 739, 0, Stack::Rack), Stack::Bbr);
    assert_eq!(decoded(TIMERSTAR, 0, 0, Stack::Rack), Stack::Rack);
    // The default stack's own, and what others than stacks write.
    for (event, flex8) in
        [(IN, 0), (OUT, 0), (RTO, 0), (PRU, 0), (FLOWEND, 0), (HYSTART, 1), (HDWR_PACE_SIZE, 3)]
    {
        assert_eq!(decoded(event, 739, flex8, Stack::Freebsd), Stack::Freebsd, "{event}");
    }
}

/// Values that stand for no value are shown as such, and are in no sentence with a value.
#[test]
fn not_set_and_lower_bounds() {
    let mut bytes = [0; RECORD_LEN];
    (bytes[25], bytes[26]) = (bblog_dissector::bblog::id::TIMERSTAR, 0x10);
    bytes[80..84].copy_from_slice(&1_073_725_440_u32.to_le_bytes());
    bytes[96..100].copy_from_slice(&u32::MAX.to_le_bytes());
    bytes[224..228].copy_from_slice(&2_905_032_704_u32.to_le_bytes());
    bytes[228..232].copy_from_slice(&0x20_u32.to_le_bytes());
    let (record, _) = Record::split(&bytes).unwrap();
    let event = Event::of_record(&record, RecordContext::new(Stack::Rack, Kernel::Main));
    let field = |name: &str| event.get(name).unwrap();
    assert!(field("snd_cwnd").is_unset() && field("snd_ssthresh").is_unset());
    assert!(!field("snd_wnd").is_unset() && !field("snd_cwnd").is_lower_bound());
    assert_eq!(format!("{0} / {0:#}", field("snd_cwnd")), "not set (1073725440) / not set");
    assert_eq!(format!("{0} / {0:#}", field("timeout")), "2905032704 us or more / 2905.0 s or more");
    assert!(event.summary().to_string().contains("2905.0 s or more"), "{}", event.summary());
    // The lowest RTT that there is none of yet.
    let mut bytes = [0; RECORD_LEN];
    (bytes[25], bytes[26]) = (bblog_dissector::bblog::id::RTT_SHRINKS, 0x10);
    bytes[244..248].copy_from_slice(&u32::MAX.to_le_bytes());
    let (record, _) = Record::split(&bytes).unwrap();
    let event = Event::of_record(&record, RecordContext::new(Stack::Rack, Kernel::Main));
    assert!(!event.summary().to_string().contains("4295"), "{}", event.summary());
}
