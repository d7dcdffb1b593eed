// SPDX-License-Identifier: BSD-2-Clause
//! Functions that take hostile bytes, one per way in. Each panics
//! if a promise about that door is broken.
//!
//! The fuzzers (`fuzz/`) call these for hours, `tests/attacks.rs` with every input that once broke
//! one. What an attack asserts is the promise: nothing panics, nothing is read outside of what was
//! given, text holds no control characters, and what is written can be read back by a reader that
//! we did not write.

use std::fmt::Write as _;
use std::io::Cursor;
use std::sync::{Arc, LazyLock};

use bblog_converter::command::convert;
use bblog_converter::event::merge::{Events, MergeInput};
use bblog_converter::event::open;
use bblog_converter::frame::stream::{FrameStream, MergedFrames};
use bblog_converter::input::assumptions::Assumptions;
use bblog_converter::input::{Input, InputName, InputPosition};
use bblog_converter::select::filter::Filter;
use bblog_converter::select::walk::walk;
use bblog_converter::select::{Criteria, Selection};
use bblog_converter::text::json::JsonLines;
use bblog_converter::text::list;
use bblog_converter::text::show::{LineOptions, Lines, Palette, TimeForm};
use bblog_dissector::bblog::{self, HEADER_LEN, Record};
use bblog_dissector::catalog::Catalog;
use bblog_dissector::elog::{EVENT_HEADER_LEN, RawEvent};
use bblog_dissector::event::{Event, RecordContext, verbose};
use bblog_dissector::schema;
use bblog_dissector::spec::{Kernel, Stack};
use bblog_pcapng::escape::JsonString;
use bblog_pcapng::name;
use pcap_file::pcapng::PcapNgParser;

/// A name, and the attack.
pub type Attack = (&'static str, fn(&[u8]));

/// All of them, by the names of the fuzz targets.
pub const ATTACKS: &[Attack] = &[
    ("bblog_stream", bblog_stream),
    ("tcpinfo", tcpinfo),
    ("elog_file", elog_file),
    ("eventlog_payload", eventlog_payload),
    ("schema_language", schema_language),
    ("pcapng", pcapng),
    ("filter", filter),
    ("file_name", file_name),
    ("records_line", records_line),
];

/// Made once: tables live as long as the process.
static TABLES: LazyLock<Arc<Assumptions>> =
    LazyLock::new(|| Arc::new(Assumptions::new("1=freebsd,2=rack,3=bbr".parse().expect("stack names"))));

const STACKS: [Stack; 4] = [Stack::Unknown, Stack::Freebsd, Stack::Rack, Stack::Bbr];
const KERNELS: [Kernel; 3] = [Kernel::Freebsd13, Kernel::Freebsd14, Kernel::Main];

/// Every accessor of an event.
fn look_at(event: &Event<'_>) {
    let len = event.as_bytes().len();
    let mut text = String::new();
    for field in event.fields().chain(event.common()).chain(event.derived()).chain(event.raw()) {
        assert!(field.range.start <= field.range.end && field.range.end <= len, "{}", field.spec.filter);
        let _ = write!(text, "{field} {field:#} ");
    }
    let _ = write!(text, "{}", event.summary());
    assert!(!text.contains(char::is_control), "{text:?}");
    let trailing = event.trailing();
    assert!(trailing.start <= trailing.end && trailing.end <= len);
}

/// In one of the contexts that a record can have: its bytes choose, so that an input gives the same each
/// time and the fuzzers get through a dozen times as many.
fn look_at_record(record: &Record<'_>) {
    let sum = record.tcpinfo().iter().fold(0, |sum: usize, &byte| sum.wrapping_mul(31) + usize::from(byte));
    let (stack, kernel) = (STACKS[sum % STACKS.len()], KERNELS[sum / STACKS.len() % KERNELS.len()]);
    look_at(&Event::of_record(record, RecordContext::new(stack, kernel)));
    if let Some(part) = record.verbose() {
        verbose(&part).for_each(|field| drop(field.to_string()));
    }
    if let Some(header) = record.tcp() {
        assert!((20..=60).contains(&header.len()));
    }
}

/// A stream of /dev/tcp_log, decoded where it lies, and converted.
pub fn bblog_stream(bytes: &[u8]) {
    for (header, body) in bblog::entries(bytes).flatten() {
        assert!(HEADER_LEN + body.len() <= bytes.len());
        let _ = (header.laddr(), header.faddr(), header.boot_time(), header.zone());
        for record in bblog::records(body).flatten() {
            look_at_record(&record);
        }
    }
    convert_and_list(bytes);
}

/// The first 268 bytes of a record, as pcapng holds them, of any length.
pub fn tcpinfo(bytes: &[u8]) {
    if let Ok(record) = Record::from_tcpinfo(bytes) {
        assert!(bytes.starts_with(record.tcpinfo()));
        look_at_record(&record);
    }
}

/// An ELOG file, in every way it can be read.
pub fn elog_file(bytes: &[u8]) {
    convert_and_list(bytes);
}

/// One event: the first bytes choose provider, layout and event, the rest is its payload.
pub fn eventlog_payload(bytes: &[u8]) {
    let Some((&[which, of], payload)) = bytes.split_first_chunk() else { return };
    let providers = TABLES.catalog.providers();
    let provider = providers[usize::from(which) % providers.len()];
    let spec = &provider.events[usize::from(of) % provider.events.len()];
    let payload = &payload[..payload.len().min(usize::from(u16::MAX) - EVENT_HEADER_LEN)];
    let event = event_bytes(spec.id, payload);
    let (raw, rest) = RawEvent::split(&event).expect("a length").expect("a whole event");
    assert!(rest.is_empty() && raw.payload() == payload);
    look_at(&Event::of_elog(&raw, spec));
    look_at(&Event::of_elog(&raw, Catalog::event(None, spec.id)));
}

fn event_bytes(id: u32, payload: &[u8]) -> Vec<u8> {
    let mut event = vec![0; EVENT_HEADER_LEN];
    event.extend_from_slice(payload);
    let len = event.len() as u16;
    event[..2].copy_from_slice(&len.to_le_bytes());
    event[24..28].copy_from_slice(&id.to_le_bytes());
    event
}

/// A schema: it is one, or its fault has a place in the text.
pub fn schema_language(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    match schema::parse(&text) {
        Ok(schema) => drop(schema.over(&schema)),
        Err(fault) => {
            assert!(fault.line > 0 && fault.line <= text.split('\n').count(), "{fault}");
            assert!(fault.column > 0, "{fault}");
        }
    }
}

/// A pcapng file of any writer.
pub fn pcapng(bytes: &[u8]) {
    convert_and_list(bytes);
}

/// A log id, which becomes part of a file's name: alone it is harmless, and beside a different id
/// it stays a different name.
pub fn file_name(bytes: &[u8]) {
    let (one, other) = bytes.split_at(bytes.len() / 2);
    let (safe, other_safe) = (name::safe(one), name::safe(other));
    for name in [&safe, &other_safe] {
        assert!(!name.is_empty() && name.len() <= 128 && !name.starts_with(['.', '-']), "{name}");
        assert!(name.bytes().all(|byte| byte.is_ascii_alphanumeric() || b"-_.:~".contains(&byte)), "{name}");
    }
    assert_eq!(one == other, safe == other_safe, "{safe} {other_safe}");
}

/// A filter expression: it selects among genuine records, or its fault has a place in it.
pub fn filter(bytes: &[u8]) {
    static LOG: &[u8] = include_bytes!("../fixtures/default_refused.tcplog");
    let text = String::from_utf8_lossy(bytes);
    match Filter::new(&text, &TABLES.catalog) {
        Ok(filter) => {
            let reader = Box::new(Cursor::new(LOG));
            let input = Input::recognise(InputName::new("log"), reader).expect("a log");
            let source = open::source(input, InputPosition::ONLY, &TABLES, &mut |_, _| {}).expect("a log");
            let mut selection = Selection::new(Criteria { filter: Some(filter), ..Criteria::default() });
            let mut events = Events::of([(InputName::new("log"), source)], &mut |_, _| {});
            let walked = walk(&mut events, &mut selection, &mut |_, _| {}, |_| Ok(()));
            walked.expect("nothing is written");
        }
        Err(error) => {
            assert!((1..=text.chars().count() + 1).contains(&error.column()), "{error}");
            assert!(!error.to_string().contains(|c: char| c.is_control() && c != '\n'), "{error:?}");
        }
    }
}

/// A log id in a line of the index `records`: the line stays one, harmless to print, and gives the
/// id back.
pub fn records_line(bytes: &[u8]) {
    let text = String::from_utf8_lossy(bytes);
    let json = JsonString(&text).to_string();
    assert!(!json.contains(char::is_control), "{json:?}");
    assert_eq!(serde_json::from_str::<String>(&json).expect("a JSON string"), text);
}

/// Reads `bytes` as a file of whatever kind they are: to pcapng, which is read back, and to text.
fn convert_and_list(bytes: &[u8]) {
    let input = || Input::recognise(InputName::new("attack"), Box::new(Cursor::new(bytes.to_vec())));
    let Ok(opened) = input() else { return };
    // What expands without limit is a question of time, not of these formats.
    if opened.compression.is_some() {
        return;
    }
    let mut faults = 0;
    let mut on_error = |_: &InputName, fault: &bblog_converter::InputError| {
        faults += 1;
        assert!(!fault.to_string().contains(char::is_control), "{fault}");
    };
    let Ok(stream) = FrameStream::open(opened, InputPosition::ONLY, &TABLES, &mut on_error) else { return };
    let mut frames = MergedFrames::of([(InputName::new("attack"), stream)], &mut on_error);
    let written = convert::write(&mut frames, None, Vec::new(), &mut on_error);
    let (_, pcapng) = written.unwrap_or_else(|error| panic!("a vector takes all: {error}"));
    if !bytes.starts_with(b"\x0a\x0d\x0d\x0a") {
        // What was passed on is as good as it came; what was made here is good.
        read_back(&pcapng);
    }

    let list_as = |lines: &mut dyn FnMut(&mut Events, &mut Vec<u8>)| {
        let Ok(opened) = input() else { return };
        let Ok(source) = open::source(opened, InputPosition::ONLY, &TABLES, &mut |_, _| {}) else { return };
        let mut out = Vec::new();
        lines(&mut Events::of([(InputName::new("attack"), source)], &mut |_, _| {}), &mut out);
        let text = String::from_utf8(out).expect("UTF-8");
        assert!(!text.contains(|c: char| c.is_control() && c != '\n'), "{text:?}");
    };
    list_as(&mut |events, out| {
        let mut json = JsonLines::new(&TABLES.catalog);
        (json.raw, json.names) = (true, true);
        list(events, &mut Selection::default(), &mut json, out, &mut |_, _| {}).expect("a vector takes all");
        for line in out.split(|&byte| byte == b'\n').filter(|line| !line.is_empty()) {
            serde_json::from_slice::<serde_json::Value>(line).expect("JSON");
        }
    });
    list_as(&mut |events, out| {
        let options = LineOptions {
            time: TimeForm::Delta,
            number: true,
            titles: false,
            absolute: false,
            extended: true,
            raw: true,
            width: Some(80),
        };
        let mut text = Lines::new(options, Palette::plain());
        list(events, &mut Selection::default(), &mut text, out, &mut |_, _| {}).expect("a vector takes all");
    });
}

/// Reads a file that was written here with a reader of another project.
fn read_back(file: &[u8]) {
    let (mut rest, mut parser) = PcapNgParser::new(file).expect("a section");
    while !rest.is_empty() {
        rest = parser.next_block(rest).expect("a block").0;
    }
}
