// SPDX-License-Identifier: BSD-2-Clause
//! Every row of every table through `bblog json`: a stream with one record or event for each row,
//! and in its line exactly that value under exactly that name.

mod support;

use bblog_dissector::bblog::{HEADER_LEN, RECORD_LEN, Record};
use bblog_dissector::catalog::Catalog;
use bblog_dissector::elog::{EVENT_HEADER_LEN, FILE_HEADER_LEN, PROVIDER_LEN, RawEvent};
use bblog_dissector::event::{Event, RecordContext, Value};
use bblog_dissector::layout::Layout;
use bblog_dissector::spec::{ByteOrder, FieldSpec, Kernel, MemberTest, Place, Repeat, Stack, ValueKind};
use bblog_dissector::tables;
use bblog_pcapng::stacks::StackNames;
use serde_json::{Value as Json, json};
use support::{Folder, run};

const STACKS: [(u8, Stack); 4] =
    [(1, Stack::Freebsd), (2, Stack::Rack), (3, Stack::Bbr), (9, Stack::Unknown)];
const KERNELS: [(&str, Kernel); 3] =
    [("main", Kernel::Main), ("14", Kernel::Freebsd14), ("13", Kernel::Freebsd13)];

fn put(bytes: &mut [u8], place: &Place, value: u64) {
    let (at, size) = (usize::from(place.offset), usize::from(place.size));
    let mut whole = [0; 8];
    whole[..size].copy_from_slice(&bytes[at..at + size]);
    if place.order == ByteOrder::Network {
        whole[..size].reverse();
    }
    let old = u64::from_le_bytes(whole);
    let new = match (place.bits, place.low) {
        (Some((low, high)), _) => {
            let mask = (u64::MAX >> (63 - u32::from(high - low))) << low;
            old & !mask | (value << low) & mask
        }
        (None, Some(_)) => value >> 32,
        (None, None) => value,
    };
    let mut whole = new.to_le_bytes();
    if place.order == ByteOrder::Network {
        whole[..size].reverse();
    }
    bytes[at..at + size].copy_from_slice(&whole[..size]);
    if let Some(low) = place.low {
        let low = usize::from(low);
        bytes[low..low + 4].copy_from_slice(&(value as u32).to_le_bytes());
    }
}

fn bits(place: &Place) -> u32 {
    match (place.bits, place.low) {
        (Some((low, high)), _) => u32::from(high - low) + 1,
        (None, Some(_)) => 64,
        (None, None) => u32::from(place.size) * 8,
    }
}

/// Makes the conditions of a row true.
fn meet(bytes: &mut [u8], spec: &FieldSpec) {
    let conds = spec.when.conds;
    for cond in conds {
        let here = |c: &&bblog_dissector::spec::Condition| c.place == cond.place;
        let fits = |v: &u64| {
            !conds
                .iter()
                .filter(here)
                .any(|c| matches!(c.test, MemberTest::NotIn(values) if values.contains(v)))
        };
        match cond.test {
            MemberTest::In(values) => put(bytes, &cond.place, values.iter().copied().find(fits).unwrap()),
            MemberTest::NotIn(_)
                if conds.iter().filter(here).any(|c| matches!(c.test, MemberTest::In(_))) => {}
            MemberTest::NotIn(_) => put(bytes, &cond.place, (1..250).find(fits).unwrap()),
            MemberTest::Above(floor) => put(bytes, &cond.place, floor + 1),
            MemberTest::AnySet(mask) => put(bytes, &cond.place, mask),
            MemberTest::NoneSet(_) => {}
        }
    }
}

/// Values to try: one of the row's own, then the largest, then small ones.
fn candidates(place: &Place, seed: u64) -> impl Iterator<Item = u64> {
    let max = u64::MAX >> (64 - bits(place));
    let own = seed.wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    [own & max, max, 1, max >> 1, 0].into_iter().chain((0..=255).map(move |v| v & max))
}

/// The JSON of a value that stands as `value` at its place, by the rules of the documentation; null for one that is
/// absent because it means "not set".
fn expected(spec: &FieldSpec, value: u64) -> Json {
    if spec.is_unset(&Value::Unsigned(value)) {
        return Json::Null;
    }
    let number = |negative: bool, size: u64| match (size > (1 << 53) - 1, negative) {
        (true, true) => json!(format!("-{size}")),
        (true, false) => json!(size.to_string()),
        (false, true) => json!(-(size as i64)),
        (false, false) => json!(size),
    };
    match spec.kind {
        ValueKind::Bool if value <= 1 => json!(value == 1),
        ValueKind::Signed(_) => {
            let unused = 64 - bits(&spec.place);
            let signed = (value << unused) as i64 >> unused;
            number(signed < 0, signed.unsigned_abs())
        }
        _ => number(false, value),
    }
}

fn number(value: &Value<'_>, place: &Place) -> Option<u64> {
    match *value {
        Value::Unsigned(v) | Value::Bool(v) => Some(v),
        Value::Signed(v) => Some(v as u64 & (u64::MAX >> (64 - bits(place)))),
        _ => None,
    }
}

/// A record in which the row applies, with the stack, the kernel and the value at its place.
fn record(spec: &'static FieldSpec, event_id: u8, own: bool) -> Option<(Vec<u8>, usize, u64)> {
    for (kernel_at, (_, kernel)) in KERNELS.iter().enumerate() {
        for (stack_id, stack) in STACKS {
            if spec.when.stacks & stack.bit() == 0 || spec.when.kernels & kernel.bit() == 0 {
                continue;
            }
            for value in candidates(&spec.place, u64::from(spec.id) + 1) {
                for value_first in [true, false] {
                    let mut bytes = vec![0_u8; RECORD_LEN];
                    let put_value = |bytes: &mut [u8]| put(bytes, &spec.place, value);
                    if value_first {
                        put_value(&mut bytes);
                    }
                    (bytes[24], bytes[25], bytes[26]) = (stack_id, event_id, 0x17);
                    meet(&mut bytes, spec);
                    if !value_first {
                        put_value(&mut bytes);
                    }
                    // A record with a verbose part would have to be longer.
                    if bytes[26] & 0x08 != 0 || bytes[24] != stack_id && stack != Stack::Unknown {
                        continue;
                    }
                    // Readers leave out what FreeBSD does not write.
                    if !Record::is_plausible(&bytes) {
                        continue;
                    }
                    let (record, _) = Record::split(&bytes).unwrap();
                    let event = Event::of_record(&record, RecordContext::new(stack, *kernel));
                    let mut fields: Vec<_> = event.fields().collect();
                    if !own {
                        fields = event.common().chain(event.derived()).chain(event.raw()).collect();
                    }
                    let there = |f: &bblog_dissector::event::Field<'_>| {
                        f.spec.id == spec.id && number(&f.value, &spec.place) == Some(value)
                    };
                    if fields.iter().any(there) {
                        return Some((bytes, kernel_at, value));
                    }
                }
            }
        }
    }
    None
}

/// Entries of one record each: their values do not go on from one to the next.
fn entries(records: &[Vec<u8>]) -> Vec<u8> {
    let mut header = vec![0; HEADER_LEN];
    header[..4].copy_from_slice(&9_u32.to_le_bytes());
    header[4..8].copy_from_slice(&1_u32.to_le_bytes());
    header[8..16].copy_from_slice(&((HEADER_LEN + RECORD_LEN) as u64).to_le_bytes());
    header[200] = 2;
    records.iter().flat_map(|record| [&header[..], record].concat()).collect()
}

/// The objects that `bblog json` prints.
fn lines(args: &[&str], input: &[u8]) -> Vec<Json> {
    let folder = Folder::new();
    let path = folder.write("in", input);
    let mut all = vec!["json", "--raw", "--stack", "1=freebsd,2=rack,3=bbr"];
    all.extend(args);
    all.push(path.to_str().unwrap());
    let ran = run(&all, b"");
    let text = String::from_utf8(ran.stdout).unwrap();
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn every_bblog_row() {
    assert_eq!(
        "1=freebsd,2=rack,3=bbr".parse::<StackNames>().unwrap().get(9),
        b"unknown",
        "stack 9 stands for any other"
    );
    let groups = [("bblog", tables::RECORD), ("bblog", tables::DERIVED), ("raw", tables::RAW)];
    let common = groups.into_iter().flat_map(|(key, rows)| rows.iter().map(move |row| (key, 1, row)));
    let own = tables::EVENTS.iter().flat_map(|e| e.fields.iter().map(move |row| ("values", e.id as u8, row)));
    let mut by_kernel = [const { (Vec::new(), Vec::new()) }; 3];
    let mut count = 0;
    for (key, event_id, spec) in common.chain(own) {
        let (bytes, kernel, value) =
            record(spec, event_id, key == "values").unwrap_or_else(|| panic!("{}: no record", spec.filter));
        by_kernel[kernel].0.push(bytes);
        by_kernel[kernel].1.push((key, spec, value));
        count += 1;
    }
    assert!(count > 2300, "{count}");
    for ((records, wanted), (kernel, _)) in by_kernel.iter().zip(KERNELS) {
        let lines = lines(&["--kernel", kernel], &entries(records));
        assert_eq!(lines.len(), wanted.len());
        for (line, (key, spec, value)) in lines.iter().zip(wanted) {
            let found = &line[key][spec.name];
            assert_eq!(*found, expected(spec, *value), "{} of {} in {line}", spec.filter, spec.source);
        }
    }
}

#[test]
fn what_a_record_is_beside_the_one_before_it_and_verbose_rows() {
    let mut first = vec![0; RECORD_LEN + 72];
    (first[24], first[25], first[26]) = (2, 1, 0x1f);
    // A SYN of the peer's with sequence number 1000, and rcv_nxt 1001.
    first[268 + 4..268 + 8].copy_from_slice(&1000_u32.to_be_bytes());
    (first[280], first[281]) = (0x50, 2);
    first[120..124].copy_from_slice(&1001_u32.to_le_bytes());
    first[328..334].copy_from_slice(b"caller");
    first[360..368].copy_from_slice(b"function");
    first[392..396].copy_from_slice(&4711_u32.to_le_bytes());
    let mut second = first[..RECORD_LEN].to_vec();
    second[26] = 0x17;
    second[0] = 2;
    second[8] = 5;
    second[20] = 8;
    let mut bytes = entries(&[[first, second].concat()]);
    let len = bytes.len() as u64;
    bytes[8..16].copy_from_slice(&len.to_le_bytes());
    let lines = lines(&[], &bytes);
    let verbose = json!({ "caller": "caller", "function": "function", "line": 4711 });
    assert_eq!(lines[0]["verbose"], verbose);
    assert_eq!(lines[0]["tcp"]["seq"], 1000);
    let track = &lines[1]["bblog"];
    let names: Vec<&str> = tables::TRACK.iter().map(|row| row.name).collect();
    assert_eq!(names, ["time_delta", "gap", "rcv_nxt_rel", "srtt_us"]);
    assert_eq!(
        [&track["time_delta"], &track["gap"], &track["rcv_nxt_rel"], &lines[1]["missing"]],
        [&json!(2_000_005), &json!(7), &json!(1), &json!(7)]
    );
}

/// An event of provider 1 in which the row has a value of its own, and its JSON.
fn event(id: u32, size: u16, spec: &'static FieldSpec) -> (Vec<u8>, Json) {
    let place = &spec.place;
    let (at, width) = (usize::from(place.offset), usize::from(place.size));
    let tail = place.repeat != Repeat::Once;
    let head = if tail { at.max(usize::from(size)) } else { usize::from(size) };
    let mut bytes = vec![0_u8; EVENT_HEADER_LEN + head + if tail { width } else { 0 }];
    let len = bytes.len() as u16;
    bytes[..2].copy_from_slice(&len.to_le_bytes());
    bytes[4] = 1;
    bytes[24..28].copy_from_slice(&id.to_le_bytes());
    let payload = &mut bytes[EVENT_HEADER_LEN..];
    if let Repeat::Tail { count_at, .. } = place.repeat {
        payload[usize::from(count_at)] = 1;
    }
    let value = match spec.kind {
        ValueKind::Unsigned(_) | ValueKind::Signed(_) | ValueKind::Bool => {
            let value = candidates(place, u64::from(spec.id) + 1).next().unwrap();
            put(payload, place, value);
            expected(spec, value)
        }
        kind => {
            payload[at..at + width].fill(b'x');
            match kind {
                ValueKind::Text => json!("x".repeat(width)),
                ValueKind::Bytes => json!("78".repeat(width)),
                ValueKind::Ipv4 => json!("120.120.120.120"),
                _ => json!("7878:7878:7878:7878:7878:7878:7878:7878"),
            }
        }
    };
    let is_array = tail && spec.kind != ValueKind::Bytes;
    (bytes, if is_array { json!([value]) } else { value })
}

#[test]
fn every_eventlog_row() {
    let mut count = 0;
    for provider in Catalog::builtin().providers() {
        let mut file = vec![0; FILE_HEADER_LEN];
        file[..4].copy_from_slice(b"ELOG");
        file[4] = 1;
        file.extend(1_u32.to_le_bytes());
        let mut entry = vec![0; PROVIDER_LEN];
        entry[0] = 1;
        entry[2..2 + provider.name.len()].copy_from_slice(provider.name.as_bytes());
        file.extend(entry);
        let mut wanted = Vec::new();
        for (of, spec) in provider.events.iter().flat_map(|e| e.fields.iter().map(move |f| (e, f))) {
            let (bytes, value) = event(of.id, of.size, spec);
            RawEvent::split(&bytes).unwrap().unwrap();
            file.extend(bytes);
            wanted.push((of.name, spec, value));
        }
        count += wanted.len();
        let layout = provider.layout.map_or("D", Layout::name);
        let lines = lines(&["--layout", layout], &file);
        assert_eq!(lines.len(), wanted.len());
        for (line, (event, spec, value)) in lines.iter().zip(&wanted) {
            assert_eq!(line["event"], *event, "{line}");
            assert_eq!(line["values"][spec.name], *value, "{} in {line}", spec.filter);
        }
    }
    assert!(count > 900, "{count}");
    // The header's rows, which every event has.
    let mut file = vec![0; FILE_HEADER_LEN + 4];
    file[..5].copy_from_slice(b"ELOG\x01");
    let mut wanted = Vec::new();
    for spec in tables::ELOG_HEADER {
        let mut bytes = vec![0_u8; EVENT_HEADER_LEN];
        bytes[0] = 32;
        let value = if spec.place.offset == 0 { 32 } else { candidates(&spec.place, 7).next().unwrap() };
        put(&mut bytes, &spec.place, value);
        file.extend(bytes);
        wanted.push((spec, value));
    }
    for (line, (spec, value)) in lines(&[], &file).iter().zip(wanted) {
        assert_eq!(line["eventlog"][spec.name], expected(spec, value), "{} in {line}", spec.filter);
    }
}
