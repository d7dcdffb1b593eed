// SPDX-License-Identifier: GPL-2.0-or-later
//! From the bytes of one record to its name, its summary and the items of the tree.

use std::ops::Range;

use bblog_dissector::bblog::{Record, VERBOSE_LEN};
use bblog_dissector::catalog::Catalog;
use bblog_dissector::elog::{EVENT_HEADER_LEN, RawEvent};
use bblog_dissector::event::{self, Context, Event, Field, Value};
use bblog_dissector::spec::Kernel;

use crate::catalog;
use crate::ffi;
use crate::items::{Items, NONE, TextAt};
use crate::registry::Own;
use crate::sections::{Endpoint, Key, Section, Sections};

/// Where the provider's number stands in an ELOG event.
const PROVIDER_ID: Range<usize> = 4..6;

/// The bytes to decode.
#[derive(Clone, Copy)]
pub enum Input<'a> {
    /// A TCPINFO, and the verbose part (or no bytes).
    Record {
        /// The first 268 bytes of a record.
        data: &'a [u8],
        /// The 72-byte verbose part, or no bytes.
        verbose: &'a [u8],
    },
    /// An ELOG event.
    Eventlog(&'a [u8]),
    /// Nothing: a block that only belongs to a connection.
    Nothing,
}

/// What C asks for.
pub struct Request<'a> {
    /// The bytes.
    pub input: Input<'a>,
    /// `BBLOG_WANT_*` bits.
    pub want: u32,
    /// The kernel that wrote BBLog records.
    pub kernel: Kernel,
    /// The section they stand in.
    pub section: Key,
}

impl Request<'_> {
    fn wants(&self, what: ffi::bblog_want) -> bool {
        self.want & what != 0
    }
}

/// What C gets, besides the items.
pub struct Decoded {
    /// The event's short name.
    pub name: TextAt,
    /// The one-line summary.
    pub summary: TextAt,
    /// What is wrong with the bytes.
    pub problem: TextAt,
    /// eventlog: the provider's name.
    pub provider: TextAt,
    /// BBLog: the connection of the section, ours first.
    pub connection: Option<(Endpoint, Endpoint)>,
}

impl Default for Decoded {
    fn default() -> Self {
        Decoded { name: NONE, summary: NONE, problem: NONE, provider: NONE, connection: None }
    }
}

/// The preference's value as the dissector has it.
pub fn kernel(preference: i32) -> Kernel {
    match preference as ffi::bblog_kernel {
        ffi::BBLOG_KERNEL_13 => Kernel::Freebsd13,
        ffi::BBLOG_KERNEL_14 => Kernel::Freebsd14,
        _ => Kernel::Main,
    }
}

/// Decodes what is asked for into `items`, which are empty.
pub fn decode(request: &Request<'_>, sections: &mut Sections, items: &mut Items) -> Decoded {
    let mut unknown = Section::default();
    let section = sections.get(request.section).unwrap_or(&mut unknown);
    let mut decoded = match request.input {
        Input::Record { data, verbose } => match Record::from_tcpinfo(data) {
            Ok(record) => record_items(request, section, &record.with_verbose(verbose_part(verbose)), items),
            Err(problem) => Decoded { problem: items.text(problem), ..Decoded::default() },
        },
        Input::Eventlog(bytes) => match RawEvent::whole(bytes) {
            Ok(raw) => eventlog_items(request, section, &raw, items),
            Err(problem) => Decoded { problem: items.text(problem), ..Decoded::default() },
        },
        Input::Nothing => Decoded::default(),
    };
    decoded.connection = section.connection;
    decoded
}

/// A verbose part of the right size; anything else is as good as none.
fn verbose_part(bytes: &[u8]) -> Option<&[u8; VERBOSE_LEN]> {
    bytes.first_chunk()
}

fn record_items(request: &Request<'_>, section: &Section, record: &Record<'_>, items: &mut Items) -> Decoded {
    let whole = 0..record.as_bytes().len();
    let context = Context { stack: section.stack(record.stack_id()), kernel: request.kernel };
    let event = Event::of_record(record, context);
    let named = name(&event, request, items);
    let grouped = request.wants(ffi::BBLOG_WANT_TEXT);
    if request.wants(ffi::BBLOG_WANT_VALUES) {
        let mut values = event.fields().chain(unnamed(&event)).peekable();
        if grouped && values.peek().is_some() {
            items.group(ffi::BBLOG_SUBTREE_VALUES, "Event values", ffi::BBLOG_ORIGIN_DATA, whole.clone());
        }
        values.for_each(|value| push(items, &value, ffi::BBLOG_ORIGIN_DATA, grouped));
    }
    if request.wants(ffi::BBLOG_WANT_COMMON) {
        if grouped {
            items.group(ffi::BBLOG_SUBTREE_COMMON, "Connection state", ffi::BBLOG_ORIGIN_DATA, whole);
        }
        event.common().for_each(|value| push(items, &value, ffi::BBLOG_ORIGIN_DATA, grouped));
    }
    if request.wants(ffi::BBLOG_WANT_VALUES)
        && let Some(verbose) = record.verbose()
    {
        if grouped {
            items.group(ffi::BBLOG_SUBTREE_VERBOSE, "Logged by", ffi::BBLOG_ORIGIN_VERBOSE, 0..VERBOSE_LEN);
        }
        event::verbose(&verbose).for_each(|value| push(items, &value, ffi::BBLOG_ORIGIN_VERBOSE, grouped));
    }
    named
}

/// The raw members of an event that no table knows.
fn unnamed<'a>(event: &Event<'a>) -> impl Iterator<Item = Field<'a>> {
    let known = !event.spec().fields.is_empty();
    event.raw().filter(move |_| !known)
}

fn name(event: &Event<'_>, request: &Request<'_>, items: &mut Items) -> Decoded {
    Decoded {
        name: items.text(event.name()),
        summary: if request.wants(ffi::BBLOG_WANT_SUMMARY) { items.text(event.summary()) } else { NONE },
        ..Decoded::default()
    }
}

fn eventlog_items(
    request: &Request<'_>,
    section: &mut Section,
    raw: &RawEvent<'_>,
    items: &mut Items,
) -> Decoded {
    let layout = section.layout_with(raw);
    let provider = section.provider(raw.provider_id());
    let table = provider.and_then(|name| catalog::get().provider(name, layout));
    let event = Event::of_elog(raw, Catalog::event(table, raw.event_id()));
    let mut decoded = name(&event, request, items);
    decoded.provider = provider.map_or(NONE, |name| items.bytes(name));
    if event.is_truncated() {
        let (found, needed) = (raw.payload().len(), event.spec().size);
        decoded.problem = items.text(format_args!("payload of {found} bytes, expected {needed}"));
    }
    if !request.wants(ffi::BBLOG_WANT_VALUES) {
        return decoded;
    }
    let grouped = request.wants(ffi::BBLOG_WANT_TEXT);
    if decoded.provider != NONE {
        items.push(line(Own::Provider.index(), decoded.provider, PROVIDER_ID, 0));
    }
    let mut values = event.fields().peekable();
    if grouped && values.peek().is_some() {
        let payload = EVENT_HEADER_LEN..raw.as_bytes().len();
        items.group(ffi::BBLOG_SUBTREE_VALUES, "Event values", ffi::BBLOG_ORIGIN_DATA, payload);
    }
    values.for_each(|value| push(items, &value, ffi::BBLOG_ORIGIN_DATA, grouped));
    let trailing = event.trailing();
    if !trailing.is_empty() {
        items.push(line(Own::Trailing.index(), NONE, trailing, 1));
    }
    if grouped {
        items.group(ffi::BBLOG_SUBTREE_HEADER, "Event header", ffi::BBLOG_ORIGIN_DATA, 0..EVENT_HEADER_LEN);
    }
    event.common().for_each(|value| push(items, &value, ffi::BBLOG_ORIGIN_DATA, grouped));
    decoded
}

/// A line for one of our own fields.
fn line(field: u32, text: TextAt, range: Range<usize>, depth: u8) -> ffi::bblog_item {
    ffi::bblog_item {
        number: 0,
        field,
        text,
        offset: range.start as u32,
        length: range.len() as u32,
        depth,
        origin: ffi::BBLOG_ORIGIN_DATA as u8,
        subtree: ffi::BBLOG_SUBTREE_NONE as u8,
        generated: false,
    }
}

/// Adds a decoded value below the group before it; `with_text` as somebody will read it.
fn push(items: &mut Items, field: &Field<'_>, origin: ffi::bblog_origin, with_text: bool) {
    let (number, text) = match field.value {
        Value::Unsigned(number) | Value::Bool(number) => {
            (number, if with_text { items.text(field) } else { NONE })
        }
        Value::Signed(number) => (number as u64, if with_text { items.text(field) } else { NONE }),
        // Strings are their text; the rest C reads from the bytes.
        Value::Text(_) => (0, items.text(field)),
        Value::Bytes(_) | Value::Ipv4(_) | Value::Ipv6(_) => (0, NONE),
    };
    items.push(ffi::bblog_item {
        number,
        field: field.spec.id,
        text,
        offset: field.range.start as u32,
        length: field.range.len() as u32,
        depth: 1,
        origin: origin as u8,
        subtree: ffi::BBLOG_SUBTREE_NONE as u8,
        generated: false,
    });
}

#[cfg(test)]
mod tests {
    use bblog_dissector::bblog::TCPINFO_LEN;

    use super::*;
    use crate::registry;
    use crate::sections::SectionOption;

    const ALL: u32 =
        ffi::BBLOG_WANT_SUMMARY | ffi::BBLOG_WANT_VALUES | ffi::BBLOG_WANT_COMMON | ffi::BBLOG_WANT_TEXT;
    const KEY: Key = Key { file: 1, number: 0 };

    /// A section that knows the stacks 1 to 3 and, as the provider with the number 1, `provider`.
    fn sections(provider: &str) -> Sections {
        let mut sections = Sections::default();
        sections.enter(KEY);
        for name in [&b"\x01freebsd"[..], b"\x02rack", b"\x03bbr"] {
            sections.note(SectionOption::Netflix(6, name));
        }
        let mut option = b"ELOGELOG\x01".to_vec();
        option.resize(44, 0);
        option.extend([1, 0, 0, 0, 1, 0]);
        option.extend(provider.as_bytes());
        option.resize(44 + 4 + 34, 0);
        sections.note(SectionOption::Freebsd(&option));
        sections
    }

    /// Decodes, and checks that C can use every item; gives the event's name.
    fn decode_checked(input: Input<'_>, want: u32, sections: &mut Sections) -> Option<String> {
        let mut items = Items::default();
        let request = Request { input, want, kernel: Kernel::Main, section: KEY };
        let decoded = decode(&request, sections, &mut items);
        let (data, verbose) = match input {
            Input::Record { data, verbose } => (data.len(), verbose.len()),
            Input::Eventlog(data) => (data.len(), 0),
            Input::Nothing => (0, 0),
        };
        let text = |at: u32| {
            let bytes = items.texts().get(at as usize..).filter(|_| at != NONE)?;
            let end = bytes.iter().position(|&b| b == 0).expect("every text ends");
            Some(str::from_utf8(&bytes[..end]).expect("every text is UTF-8").to_owned())
        };
        for item in items.as_slice() {
            let len = if item.origin == ffi::BBLOG_ORIGIN_VERBOSE as u8 { verbose } else { data };
            assert!(item.offset as usize + item.length as usize <= len, "{item:?} of {len}");
            assert!(item.field == NONE || (item.field as usize) < registry::get().0.len, "{item:?}");
            assert!(u32::from(item.depth) <= ffi::BBLOG_MAX_DEPTH);
            assert!(item.text == NONE || text(item.text).is_some());
            assert_eq!(item.field == NONE, u32::from(item.subtree) != ffi::BBLOG_SUBTREE_NONE);
        }
        assert!(decoded.name != NONE || decoded.problem != NONE || matches!(input, Input::Nothing));
        text(decoded.name)
    }

    #[test]
    fn any_record_decodes() {
        let mut sections = sections("tcp");
        for fill in [0, 0x55, 0xff] {
            for id in 0..=255 {
                let mut data = [fill; TCPINFO_LEN];
                data[25] = id;
                for stack in 0..5 {
                    data[24] = stack;
                    let input = Input::Record { data: &data, verbose: &[fill; VERBOSE_LEN] };
                    for want in [ALL, ALL & !ffi::BBLOG_WANT_TEXT, 0] {
                        decode_checked(input, want, &mut sections);
                    }
                }
            }
            for len in 0..TCPINFO_LEN {
                decode_checked(
                    Input::Record { data: &[fill; TCPINFO_LEN][..len], verbose: &[] },
                    ALL,
                    &mut sections,
                );
            }
            for len in 0..100 {
                let input = Input::Record { data: &[fill; TCPINFO_LEN], verbose: &[fill; 100][..len] };
                decode_checked(input, ALL, &mut sections);
            }
        }
    }

    #[test]
    fn any_eventlog_event_decodes() {
        for provider in ["tcp", "hpts", "test", "nobody"] {
            for id in (0..=1000).chain([u32::MAX, u32::MAX - 1, u32::MAX - 2]) {
                for len in [0, 31, 32, 33, 40, 50, 64, 72, 104, 160, 300] {
                    let mut data = vec![0xa5; len];
                    if len >= EVENT_HEADER_LEN {
                        data[4..6].copy_from_slice(&[1, 0]);
                        data[24..28].copy_from_slice(&id.to_le_bytes());
                    }
                    decode_checked(Input::Eventlog(&data), ALL, &mut sections(provider));
                }
            }
        }
    }

    #[test]
    fn both_logs_call_a_received_segment_in() {
        let mut record = [0; TCPINFO_LEN];
        record[25] = 1;
        let input = Input::Record { data: &record, verbose: &[] };
        assert_eq!(decode_checked(input, 0, &mut sections("tcp")).as_deref(), Some("IN"));
        let mut event = [0; 72];
        event[4] = 1;
        event[24] = 100;
        assert_eq!(decode_checked(Input::Eventlog(&event), 0, &mut sections("tcp")).as_deref(), Some("IN"));
    }
}
