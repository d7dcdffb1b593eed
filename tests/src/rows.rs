// SPDX-License-Identifier: BSD-2-Clause
//! A record or event for every row of every table, and captures to carry them.
//!
//! A record is made so that the conditions of one row hold and the row's place has a value of its
//! own; a decoder must find exactly that value under that row's name.

use bblog_dissector::bblog::{RECORD_LEN, Record, TCPINFO_LEN};
use bblog_dissector::catalog::{Catalog, ProviderSpec};
use bblog_dissector::elog::{EVENT_HEADER_LEN, FILE_HEADER_LEN};
use bblog_dissector::event::{Event, RecordContext, Value};
use bblog_dissector::spec::{
    ByteOrder, Condition, EventSpec, FieldSpec, Kernel, MemberTest, Place, Repeat, Stack, ValueKind,
};
use bblog_dissector::tables;

const STACKS: [Stack; 4] = [Stack::Freebsd, Stack::Rack, Stack::Bbr, Stack::Unknown];
const KERNELS: [Kernel; 3] = [Kernel::Main, Kernel::Freebsd14, Kernel::Freebsd13];
/// Every optional part but the verbose one.
const FLAGS: u8 = 0x17;

/// What a row's value must be.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expected {
    /// This number; a signed one as the same bits.
    Number(i128),
    /// Any number but 0, or 0.
    Truth(bool),
    /// This text: of a string, an address, bytes in hexadecimal.
    Text(String),
}

/// A row, and bytes that hold its value.
pub struct Sample {
    /// The row.
    pub spec: &'static FieldSpec,
    /// The record's first 268 bytes, or the ELOG event.
    pub bytes: Vec<u8>,
    /// The stack and kernel of a BBLog record.
    pub cx: RecordContext,
    /// The value.
    pub expected: Expected,
}

/// A sample for each row of BBLog's events.
///
/// # Panics
/// If a row cannot be met.
pub fn bblog_events() -> Vec<Sample> {
    let rows =
        tables::EVENTS.iter().flat_map(|event| event.fields.iter().map(move |row| (event.id as u8, row)));
    rows.map(|(id, spec)| sample(spec, id, |event| event.fields().collect())).collect()
}

/// A sample for each row that any record has.
pub fn bblog_common() -> Vec<Sample> {
    // Id 2, OUT: not IN, so that nothing else is made of the packet.
    tables::RECORD.iter().map(|spec| sample(spec, 2, |event| event.common().collect())).collect()
}

/// A sample for each raw member, in events whose number no table has.
pub fn bblog_raw() -> Vec<Sample> {
    tables::RAW.iter().map(|spec| sample(spec, 99, |event| event.raw().collect())).collect()
}

/// The samples of every provider that is built in, in each of its layouts.
pub fn eventlog(catalog: &Catalog) -> Vec<(&'static ProviderSpec, Vec<Sample>)> {
    let of = |provider: &'static ProviderSpec| {
        let rows = provider.events.iter().flat_map(|event| event.fields.iter().map(move |row| (event, row)));
        (provider, rows.map(|(event, spec)| eventlog_sample(event, spec)).collect())
    };
    catalog.providers().iter().copied().map(of).collect()
}

fn sample(
    spec: &'static FieldSpec,
    id: u8,
    values: impl for<'a> Fn(&Event<'a>) -> Vec<bblog_dissector::event::Field<'a>>,
) -> Sample {
    for stack in STACKS.into_iter().filter(|stack| spec.when.stacks & stack.bit() != 0) {
        for kernel in KERNELS.into_iter().filter(|kernel| spec.when.kernels & kernel.bit() != 0) {
            let cx = RecordContext::new(stack, kernel);
            for (value, value_first) in candidates(spec).into_iter().flat_map(|v| [(v, false), (v, true)]) {
                let mut bytes = [0; RECORD_LEN];
                if value_first {
                    put(&mut bytes, &spec.place, value);
                }
                bytes[24] = stack_id(stack);
                bytes[25] = id;
                bytes[26] = FLAGS;
                meet(&mut bytes, spec.when.conds);
                if !value_first {
                    put(&mut bytes, &spec.place, value);
                }
                let fixed = bytes[24] == stack_id(stack) && bytes[25] == id;
                let (record, _) = Record::split(&bytes).expect("a whole record");
                let event = Event::of_record(&record, cx);
                let decoded = values(&event).into_iter().find(|field| field.spec.id == spec.id);
                if let Some(field) = decoded.filter(|field| fixed && number(field) == Some(value)) {
                    let expected = match field.value {
                        Value::Signed(v) => Expected::Number(v.into()),
                        Value::Bool(v) => Expected::Truth(v != 0),
                        _ => Expected::Number(value.into()),
                    };
                    return Sample { spec, bytes: bytes[..TCPINFO_LEN].to_vec(), cx, expected };
                }
            }
        }
    }
    // A member that says which stack or event it is has the value that the record needs.
    let cx = RecordContext::default();
    let mut bytes = vec![0; TCPINFO_LEN];
    bytes[24..27].copy_from_slice(&[stack_id(cx.stack), id, FLAGS]);
    let (record, event_bytes) = (Record::from_tcpinfo(&bytes).expect("a record"), bytes.clone());
    let event = Event::of_record(&record, cx);
    let field = values(&event).into_iter().find(|field| field.spec.id == spec.id);
    let value =
        field.and_then(|field| number(&field)).unwrap_or_else(|| panic!("{}: cannot be met", spec.filter));
    Sample { spec, bytes: event_bytes, cx, expected: Expected::Number(value.into()) }
}

fn eventlog_sample(event: &EventSpec, spec: &'static FieldSpec) -> Sample {
    let mut bytes = vec![0; EVENT_HEADER_LEN + usize::from(event.size) + 64];
    let len = bytes.len() as u16;
    bytes[..2].copy_from_slice(&len.to_le_bytes());
    bytes[4] = 1;
    bytes[24..28].copy_from_slice(&event.id.to_le_bytes());
    let payload = &mut bytes[EVENT_HEADER_LEN..];
    let (at, size) = (usize::from(spec.place.offset), usize::from(spec.place.size));
    if let Repeat::Tail { count_at, .. } = spec.place.repeat {
        payload[usize::from(count_at)] = 1;
    }
    let value = candidates(spec)[0];
    if matches!(spec.kind, ValueKind::Unsigned(_) | ValueKind::Signed(_) | ValueKind::Bool) {
        put(payload, &spec.place, value);
    } else {
        payload[at..at + size].fill(b'x');
    }
    let expected = match spec.kind {
        ValueKind::Unsigned(_) => Expected::Number(value.into()),
        ValueKind::Signed(_) => Expected::Number(sign_extended(value, size).into()),
        ValueKind::Bool => Expected::Truth(value != 0),
        ValueKind::Text => Expected::Text("x".repeat(size)),
        ValueKind::Bytes => Expected::Text("78".to_owned()),
        ValueKind::Ipv4 => Expected::Text("120.120.120.120".to_owned()),
        ValueKind::Ipv6 => Expected::Text(["7878"; 8].join(":")),
    };
    Sample { spec, bytes, cx: RecordContext::default(), expected }
}

fn sign_extended(value: u64, size: usize) -> i64 {
    let unused = 64 - 8 * size as u32;
    (value << unused) as i64 >> unused
}

/// The number that a stack has in these captures.
fn stack_id(stack: Stack) -> u8 {
    STACKS.iter().position(|&s| s == stack).map_or(0, |at| at as u8 + 1)
}

fn stack_name(stack: Stack) -> &'static str {
    ["freebsd", "rack", "bbr", "mystery"][usize::from(stack_id(stack)) - 1]
}

fn kernel_name(kernel: Kernel) -> &'static str {
    match kernel {
        Kernel::Freebsd13 => "FreeBSD 13",
        Kernel::Freebsd14 => "FreeBSD 14",
        Kernel::Main => "FreeBSD main",
        kernel => panic!("{kernel:?} is not a value of the preference"),
    }
}

/// Writes an integer where it belongs.
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
            old & !mask | value << low & mask
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
        bytes[usize::from(low)..][..4].copy_from_slice(&(value as u32).to_le_bytes());
    }
}

/// Makes conditions true.
fn meet(bytes: &mut [u8], conds: &[Condition]) {
    for cond in conds {
        let same = || conds.iter().filter(|other| other.place == cond.place);
        let allowed =
            |v: &u64| !same().any(|c| matches!(c.test, MemberTest::NotIn(values) if values.contains(v)));
        let value = match cond.test {
            MemberTest::In(values) => values.iter().copied().find(allowed),
            MemberTest::NotIn(_) if same().any(|c| matches!(c.test, MemberTest::In(_))) => None,
            MemberTest::NotIn(_) => (1..250).find(allowed),
            MemberTest::Above(floor) => Some(floor + 1),
            MemberTest::AnySet(mask) => Some(mask),
            MemberTest::NoneSet(_) => None,
        };
        if let Some(value) = value {
            put(bytes, &cond.place, value);
        }
    }
}

fn bits(place: &Place) -> u32 {
    match (place.bits, place.low) {
        (Some((low, high)), _) => u32::from(high - low) + 1,
        (None, Some(_)) => 64,
        (None, None) => u32::from(place.size) * 8,
    }
}

/// Values that a place can hold: one of the row's own first, then others for rows that are
/// conditions themselves.
fn candidates(spec: &FieldSpec) -> Vec<u64> {
    let max = u64::MAX >> (64 - bits(&spec.place).clamp(1, 64));
    let own = u64::from(spec.id + 1).wrapping_mul(0x9e37_79b9_7f4a_7c15) | 1;
    [own, max, 1, max >> 1, 0].into_iter().chain(0..=255).map(|value| value & max).collect()
}

/// A decoded number, as the bits it was read from.
fn number(field: &bblog_dissector::event::Field<'_>) -> Option<u64> {
    let mask = u64::MAX >> (64 - bits(&field.spec.place).clamp(1, 64));
    match field.value {
        Value::Unsigned(v) | Value::Bool(v) => Some(v),
        Value::Signed(v) => Some(v as u64 & mask),
        _ => None,
    }
}

/// A pcapng file in the making.
#[derive(Default)]
pub struct Capture(pub Vec<u8>);

impl Capture {
    /// Begins a section of BBLog records.
    pub fn bblog_section(&mut self, cx: RecordContext) {
        let name = [&[stack_id(cx.stack)], stack_name(cx.stack).as_bytes()].concat();
        let os = option(3, &[kernel_name(cx.kernel).as_bytes()]);
        // The entry's header: IPv4 in both families' union, ports 1 and 2.
        let mut header = [0_u8; 208];
        header[0] = 9;
        self.section(&[os, netflix(4, &header), netflix(6, &name)].concat());
        self.interface(0);
    }

    /// Begins a section of eventlog events with one provider, which has the number 1.
    pub fn eventlog_section(&mut self, provider: &ProviderSpec) {
        let mut value = b"ELOG".to_vec();
        value.extend_from_slice(b"ELOG\x01\0\0\0");
        value.resize(4 + FILE_HEADER_LEN, 0);
        value.extend([1, 0, 0, 0, 1, 0]);
        value.extend_from_slice(provider.name.as_bytes());
        value.resize(4 + FILE_HEADER_LEN + 4 + 34, 0);
        value.extend_from_slice(provider.layout.map_or("", |layout| layout.name()).as_bytes());
        self.section(&option(2989, &[&2238_u32.to_le_bytes(), &value]));
        self.interface(252);
    }

    /// Adds a record as a custom block.
    pub fn record(&mut self, tcpinfo: &[u8]) {
        let body = [&10949_u32.to_le_bytes()[..], &1_u32.to_le_bytes(), &netflix(2, tcpinfo), &[0; 4]];
        self.block(0x0bad, &body);
    }

    /// Adds a block that says how many records were skipped.
    pub fn skipped(&mut self, count: u32) {
        let body = [&10949_u32.to_le_bytes()[..], &2_u32.to_le_bytes(), &count.to_le_bytes()];
        self.block(0x0bad, &body);
    }

    /// Adds a record with a packet.
    pub fn packet(&mut self, tcpinfo: &[u8]) {
        let mut packet = vec![2, 0, 0, 0, 0x45, 0, 0, 40, 0, 0, 0, 0, 64, 6, 0, 0, 10, 0, 0, 1, 10, 0, 0, 2];
        packet.extend([0, 1, 0, 2, 0, 0, 0, 0, 0, 0, 0, 0, 0x50, 0x10, 0, 0, 0, 0, 0, 0]);
        let options = [netflix(2, tcpinfo), vec![0; 4]].concat();
        self.enhanced_packet(&packet, &options);
    }

    /// Adds an event of eventlog.
    pub fn event(&mut self, event: &[u8]) {
        let tags = [&[0, 12, 0, 8][..], b"eventlog", &[0; 4]].concat();
        self.enhanced_packet(&[&tags, event].concat(), &[]);
    }

    fn section(&mut self, options: &[u8]) {
        let start = [&0x1a2b_3c4d_u32.to_le_bytes()[..], &[1, 0, 0, 0], &[0xff; 8], options, &[0; 4]];
        self.block(0x0a0d_0d0a, &start);
    }

    fn interface(&mut self, link: u8) {
        self.block(1, &[&[link, 0, 0, 0, 0, 0, 4, 0]]);
    }

    fn enhanced_packet(&mut self, bytes: &[u8], options: &[u8]) {
        let len = (bytes.len() as u32).to_le_bytes();
        self.block(6, &[&[0; 12], &len, &len, bytes, &vec![0; bytes.len().wrapping_neg() % 4], options]);
    }

    fn block(&mut self, kind: u32, parts: &[&[u8]]) {
        let len: usize = parts.iter().map(|part| part.len()).sum();
        let total = ((len + 3) & !3) as u32 + 12;
        self.0.extend_from_slice(&kind.to_le_bytes());
        self.0.extend_from_slice(&total.to_le_bytes());
        parts.iter().for_each(|part| self.0.extend_from_slice(part));
        self.0.resize(self.0.len() + len.wrapping_neg() % 4, 0);
        self.0.extend_from_slice(&total.to_le_bytes());
    }
}

fn option(code: u16, parts: &[&[u8]]) -> Vec<u8> {
    let value = parts.concat();
    let head = [&code.to_le_bytes()[..], &(value.len() as u16).to_le_bytes()].concat();
    [&head[..], &value, &vec![0; value.len().wrapping_neg() % 4]].concat()
}

fn netflix(kind: u32, data: &[u8]) -> Vec<u8> {
    option(2989, &[&10949_u32.to_le_bytes(), &kind.to_le_bytes(), data])
}
