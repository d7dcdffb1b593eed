// SPDX-License-Identifier: GPL-2.0-or-later
//! From the bytes of one record to its name, its summary and the items of the tree.

use std::fmt::{self, Display, Write};
use std::net::IpAddr;
use std::ops::Range;

use bblog_dissector::bblog::{Record, VERBOSE_LEN};
use bblog_dissector::catalog::Catalog;
use bblog_dissector::elog::{EVENT_HEADER_LEN, RawEvent};
use bblog_dissector::event::{self, Context, Event, Field, Value};
use bblog_dissector::spec::{AlertGroup, Kernel, Names, Stack, TimerVerb, Unit};
use bblog_dissector::tables;

use crate::catalog;
use crate::ffi;
use crate::frames::{self, Flow, Frames};
use crate::items::{Items, NONE, TextAt};
use crate::links::{Act, Segment};
use crate::registry::Own;
use crate::sections::{Endpoint, Key, Section, Sections};

/// Rows that hold the error number which a system call or a send gave.
const ERRORS: [&str; 5] = ["error", "err", "send_errno", "so_error", "errno"];
/// Where the provider's number stands in an ELOG event.
const PROVIDER_ID: Range<usize> = 4..6;
/// The one value of group `track` that stands with the connection's state.
const RCV_NXT_REL: &str = "rcv_nxt_rel";

/// The bytes to decode.
#[derive(Clone, Copy)]
pub enum Input<'a> {
    /// A TCPINFO, and the verbose part (or no bytes).
    Record {
        /// The first 268 bytes of a record.
        data: &'a [u8],
        /// The 72-byte verbose part, or no bytes.
        verbose: &'a [u8],
        /// The packet that the record describes, or no bytes.
        packet: &'a [u8],
    },
    /// An ELOG event.
    Eventlog {
        /// Its header and payload.
        data: &'a [u8],
        /// The packet that was made from it, or no bytes.
        packet: &'a [u8],
    },
    /// Nothing: a block that tells of skipped records.
    Nothing,
}

/// What C asks for.
pub struct Request<'a> {
    /// The bytes.
    pub input: Input<'a>,
    /// `BBLOG_WANT_*` bits.
    pub want: u32,
    /// The kernel that wrote BBLog records; `None` if the section is to tell.
    pub kernel: Option<Kernel>,
    /// The section they stand in.
    pub section: Key,
    /// The frame's number, from 1.
    pub frame: u32,
    /// Whether this is the first pass over the capture, in the order of the file.
    pub first: bool,
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
    /// A few words about the connection's state.
    pub state: TextAt,
    /// BBLog: the stack's name.
    pub stack: TextAt,
    /// The timer that something happened to.
    pub timer: TextAt,
    /// What happened to it.
    pub action: TextAt,
    /// The flow's number, if its connection is not known.
    pub flow: u32,
    /// BBLog: the connection of the section, ours first.
    pub connection: Option<(Endpoint, Endpoint)>,
}

impl Default for Decoded {
    fn default() -> Self {
        Decoded {
            name: NONE,
            summary: NONE,
            problem: NONE,
            provider: NONE,
            state: NONE,
            stack: NONE,
            timer: NONE,
            action: NONE,
            flow: NONE,
            connection: None,
        }
    }
}

/// The preference's value as the dissector has it; `None` if the section decides.
pub fn kernel(preference: i32) -> Option<Kernel> {
    match preference as ffi::bblog_kernel {
        ffi::BBLOG_KERNEL_13 => Some(Kernel::Freebsd13),
        ffi::BBLOG_KERNEL_14 => Some(Kernel::Freebsd14),
        ffi::BBLOG_KERNEL_MAIN => Some(Kernel::Main),
        _ => None,
    }
}

/// Decodes what is asked for into `items`, which are empty.
pub fn decode(
    request: &Request<'_>,
    sections: &mut Sections,
    frames: &mut Frames,
    items: &mut Items,
) -> Decoded {
    let mut unknown = Section::default();
    let section = sections.get(request.section).unwrap_or(&mut unknown);
    match request.input {
        Input::Record { data, verbose, .. } => match Record::from_tcpinfo(data) {
            Ok(record) => {
                let record = record.with_verbose(verbose_part(verbose));
                record_items(request, section, frames, &record, items)
            }
            Err(problem) => malformed(items, problem),
        },
        Input::Eventlog { data, .. } => match RawEvent::whole(data) {
            Ok(raw) => eventlog_items(request, section, frames, &raw, items),
            Err(problem) => malformed(items, problem),
        },
        Input::Nothing => {
            notice(items, "skipped");
            Decoded { connection: section.connection, ..Decoded::default() }
        }
    }
}

fn malformed(items: &mut Items, problem: impl Display) -> Decoded {
    let at = items.text(&problem);
    if let Some(alert) = tables::alert("malformed") {
        items.alert(alert, format_args!("{}: {problem}", alert.about));
    }
    Decoded { problem: at, ..Decoded::default() }
}

/// Adds an alert that no event has of itself.
fn notice(items: &mut Items, name: &str) {
    if let Some(alert) = tables::alert(name) {
        items.alert(alert, alert.about);
    }
}

/// Adds why an event deserves notice.
fn alerts(event: &Event<'_>, items: &mut Items) {
    for alert in event.alerts() {
        match alert.group {
            AlertGroup::Response => {
                let mut values = event.fields().chain(event.common());
                match values.find(|field| ERRORS.contains(&field.spec.name)) {
                    Some(error) => items.alert(alert, format_args!("{}: {error:#}", alert.about)),
                    None => items.alert(alert, alert.about),
                }
            }
            AlertGroup::Protocol => items.alert(alert, event.summary()),
            AlertGroup::Sequence | AlertGroup::Undecoded | AlertGroup::Malformed => {
                items.alert(alert, alert.about);
            }
        }
    }
}

/// What an event does, for those frames that belong to another.
fn act(event: &Event<'_>, ip: &[u8]) -> Option<Act> {
    if let Some((step, named)) = event.timer() {
        let number = named.filter(|_| step.keyed).and_then(|field| field.value.as_int());
        return Some(Act::Timer(step, number.unwrap_or_default()));
    }
    match event.name() {
        "IN" => Segment::of_ip(ip).map(Act::Received),
        "OUT" => Segment::of_ip(ip).map(Act::Sent),
        _ => None,
    }
}

/// Source and destination of the TCP segment in an IP packet.
fn endpoints(ip: &[u8]) -> Option<(Endpoint, Endpoint)> {
    let (addresses, tcp) = match ip.first()? {
        0x60..=0x6f => (ip.get(8..40)?, ip.get(40..)?),
        first @ 0x45..=0x4f => (ip.get(12..20)?, ip.get(usize::from(first & 0x0f) * 4..)?),
        _ => return None,
    };
    let end = |address: &[u8], at: usize| {
        let address = match address.len() {
            4 => IpAddr::from(*address.first_chunk::<4>()?),
            _ => IpAddr::from(*address.first_chunk::<16>()?),
        };
        Some(Endpoint { address, port: u16::from_be_bytes(*tcp.get(at..)?.first_chunk()?) })
    };
    let (source, destination) = addresses.split_at(addresses.len() / 2);
    Some((end(source, 0)?, end(destination, 2)?))
}

/// The line for the frame that belongs to this one.
fn link(event: &Event<'_>, frame: u32, frames: &Frames, items: &mut Items) {
    let Some(other) = frames.link(frame) else { return };
    let field = match (event.name(), event.timer()) {
        (_, Some((step, _))) if step.does == TimerVerb::Starts => Own::TimerEndedIn,
        (_, Some(_)) => Own::TimerStartedIn,
        ("OUT", None) => Own::AckedIn,
        (_, None) => Own::Acks,
    };
    items.push(ffi::bblog_item {
        number: other.into(),
        generated: true,
        ..line(field.index(), NONE, 0..0, 0)
    });
}

/// What statistics count an event by.
fn counted(event: &Event<'_>, decoded: &mut Decoded, items: &mut Items) {
    if let Some((step, named)) = event.timer() {
        decoded.timer = match named {
            Some(named) if !is_flags(&named) || !named.value.is_zero() => {
                items.text(format_args!("{named:#}"))
            }
            _ => items.text(format_args!("{}, not named", step.chain)),
        };
        decoded.action = items.text(step.does.word());
    }
}

/// A verbose part of the right size; anything else is as good as none.
fn verbose_part(bytes: &[u8]) -> Option<&[u8; VERBOSE_LEN]> {
    bytes.first_chunk()
}

fn record_items(
    request: &Request<'_>,
    section: &mut Section,
    frames: &mut Frames,
    record: &Record<'_>,
    items: &mut Items,
) -> Decoded {
    let whole = 0..record.as_bytes().len();
    let kernel = request.kernel.or(section.kernel).unwrap_or_default();
    let stack = section.stack(record.stack_id());
    let event = Event::of_record(record, Context::new(stack, kernel));
    let iss = frames::iss(record);
    let named_by_section = if section.owns(iss) { section.connection } else { None };
    let flow = match named_by_section {
        Some((local, foreign)) => Flow::Connection(request.section.file, local, foreign),
        None => Flow::Unnamed(request.section, iss),
    };
    let Input::Record { packet, .. } = request.input else { return Decoded::default() };
    // DLT_NULL: the address family stands in front.
    let ip = packet.get(4..).unwrap_or_default();
    if named_by_section.is_none()
        && request.first
        && let Some((source, destination)) = endpoints(ip)
    {
        let ours_first = if event.name() == "IN" { (destination, source) } else { (source, destination) };
        frames.learn(flow, ours_first);
    }
    let connection = named_by_section.or_else(|| frames.learned(flow));
    if request.first {
        let act = act(&event, ip);
        frames.note_record(request.frame, flow, record, packet, act);
    }
    let mut named = name(&event, request, items);
    named.connection = connection;
    if request.wants(ffi::BBLOG_WANT_FLOW) && connection.is_none() {
        named.flow = frames.number(flow);
    }
    alerts(&event, items);
    if frames.gap(request.frame).is_some() {
        notice(items, "gap");
    }
    // BBR logs it as events.
    if stack != Stack::Bbr
        && let Some(begins) = frames.recovery(request.frame)
    {
        notice(items, if begins { "enter_recovery" } else { "exit_recovery" });
    }
    if event.spec().is_unknown() {
        notice(items, "unknown_event");
    }
    if request.wants(ffi::BBLOG_WANT_COUNTED) {
        named.stack = items.text(stack.name());
        counted(&event, &mut named, items);
    }
    if request.wants(ffi::BBLOG_WANT_STATE) {
        let value = |field: Option<Field<'_>>| field.and_then(|field| field.value.as_int()).unwrap_or(0);
        let cwnd = value(event.common().find(|field| field.spec.name == "snd_cwnd"));
        let flight = value(event.derived().find(|field| field.spec.name == "flight"));
        named.state = items.text(format_args!("cwnd={cwnd} flight={flight}"));
    }
    let text = request.wants(ffi::BBLOG_WANT_TEXT);
    let mut computed = frames.of_record(request.frame, flow, record);
    let earlier = request.wants(ffi::BBLOG_WANT_EARLIER);
    if earlier {
        // Time and gap stand beside the name; sequence numbers, below, with the connection's state.
        let beside = computed.by_ref().filter(|field| field.spec.name != RCV_NXT_REL);
        beside.for_each(|value| Line { depth: 0, text, ..Line::COMPUTED }.push(items, &value));
        link(&event, request.frame, frames, items);
    }
    let relative = request.wants(ffi::BBLOG_WANT_RELATIVE);
    let shown = |field: &Field<'_>| relative || field.spec.unit != Unit::Seq;
    if request.wants(ffi::BBLOG_WANT_VALUES) {
        let mut values = event.fields().peekable();
        if text && values.peek().is_some() {
            items.group(ffi::BBLOG_SUBTREE_VALUES, "Event values", ffi::BBLOG_ORIGIN_DATA, whole.clone());
        }
        values.for_each(|value| Line { text, ..Line::LOGGED }.push(items, &value));
    }
    let common = request.wants(ffi::BBLOG_WANT_COMMON);
    if text {
        items.group(ffi::BBLOG_SUBTREE_COMMON, "Connection state", ffi::BBLOG_ORIGIN_DATA, whole.clone());
    }
    if request.wants(ffi::BBLOG_WANT_VALUES) {
        let derived = event.derived().filter(shown);
        derived.for_each(|value| Line { text, ..Line::COMPUTED }.push(items, &value));
    }
    if earlier && relative {
        let inside = frames.of_record(request.frame, flow, record);
        let inside = inside.filter(|field| field.spec.name == RCV_NXT_REL);
        inside.for_each(|value| Line { text, ..Line::COMPUTED }.push(items, &value));
    }
    if common {
        let logged = Line { text, ..Line::LOGGED };
        event.common().filter(|field| !text || !is_flags(field)).for_each(|value| logged.push(items, &value));
        if text {
            items.group(ffi::BBLOG_SUBTREE_COMMON, "Flags", ffi::BBLOG_ORIGIN_DATA, whole.clone());
            event.common().filter(is_flags).for_each(|value| logged.push(items, &value));
        }
    }
    // What no table knows is shown as it is.
    let unknown = event.spec().fields.is_empty();
    let shown = unknown && request.wants(ffi::BBLOG_WANT_VALUES) || request.wants(ffi::BBLOG_WANT_RAW_SHOWN);
    if shown || request.wants(ffi::BBLOG_WANT_RAW) {
        if shown && text {
            items.group(ffi::BBLOG_SUBTREE_RAW, "Raw", ffi::BBLOG_ORIGIN_DATA, whole);
        }
        event.raw().for_each(|value| Line { text, hidden: !shown, ..Line::LOGGED }.push(items, &value));
    }
    if request.wants(ffi::BBLOG_WANT_VALUES)
        && let Some(verbose) = record.verbose()
    {
        let origin = ffi::BBLOG_ORIGIN_VERBOSE;
        if text {
            items.group(ffi::BBLOG_SUBTREE_VERBOSE, "Logged by", origin, 0..VERBOSE_LEN);
        }
        event::verbose(&verbose).for_each(|value| Line { text, origin, ..Line::LOGGED }.push(items, &value));
    }
    named
}

fn is_flags(field: &Field<'_>) -> bool {
    matches!(field.spec.names, Names::Flags(_))
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
    frames: &mut Frames,
    raw: &RawEvent<'_>,
    items: &mut Items,
) -> Decoded {
    let layout = section.layout_with(raw);
    let provider = section.provider(raw.provider_id());
    let table = provider.and_then(|name| catalog::get().provider(name, layout));
    let event = Event::of_elog(raw, Catalog::event(table, raw.event_id()));
    let flow = Flow::Session(request.section, raw.provider_id(), raw.session_id());
    let Input::Eventlog { packet, .. } = request.input else { return Decoded::default() };
    if request.first {
        frames.note_event(request.frame, flow, raw.timestamp(), act(&event, packet));
    }
    let mut decoded = name(&event, request, items);
    if request.wants(ffi::BBLOG_WANT_FLOW) {
        decoded.flow = frames.number(flow);
    }
    alerts(&event, items);
    if table.is_none() {
        notice(items, "unknown_provider");
    } else if event.spec().is_unknown() {
        notice(items, "unknown_event");
    }
    decoded.provider = provider.map_or(NONE, |name| items.bytes(name));
    if event.is_truncated() {
        let (found, needed) = (raw.payload().len(), event.spec().size);
        decoded.problem =
            malformed(items, format_args!("payload of {found} bytes, expected {needed}")).problem;
    } else if !event.trailing().is_empty() && !event.spec().is_unknown() {
        notice(items, "unknown_layout");
    }
    if request.wants(ffi::BBLOG_WANT_COUNTED) {
        counted(&event, &mut decoded, items);
    }
    if request.wants(ffi::BBLOG_WANT_STATE)
        && let Some(cwnd) = event.get("cwnd")
    {
        decoded.state = items.text(format_args!("cwnd={}", cwnd.value.as_int().unwrap_or_default()));
    }
    let text = request.wants(ffi::BBLOG_WANT_TEXT);
    if request.wants(ffi::BBLOG_WANT_EARLIER) {
        let computed = Line { depth: 0, text, ..Line::COMPUTED };
        frames.of_event(request.frame).for_each(|value| computed.push(items, &value));
        link(&event, request.frame, frames, items);
    }
    if !request.wants(ffi::BBLOG_WANT_VALUES) {
        return decoded;
    }
    if decoded.provider != NONE {
        items.push(line(Own::Provider.index(), decoded.provider, PROVIDER_ID, 0));
    }
    let logged = Line { text, ..Line::LOGGED };
    let mut values = event.fields().peekable();
    if text && values.peek().is_some() {
        let payload = EVENT_HEADER_LEN..raw.as_bytes().len();
        items.group(ffi::BBLOG_SUBTREE_VALUES, "Event values", ffi::BBLOG_ORIGIN_DATA, payload);
    }
    values.for_each(|value| logged.push(items, &value));
    let trailing = event.trailing();
    if !trailing.is_empty() {
        items.push(line(Own::Trailing.index(), NONE, trailing, 1));
    }
    if text {
        items.group(ffi::BBLOG_SUBTREE_HEADER, "Event header", ffi::BBLOG_ORIGIN_DATA, 0..EVENT_HEADER_LEN);
    }
    event.common().for_each(|value| logged.push(items, &value));
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
        hidden: false,
    }
}

/// How a decoded value becomes a line.
#[derive(Clone, Copy)]
struct Line {
    depth: u8,
    origin: ffi::bblog_origin,
    generated: bool,
    hidden: bool,
    /// Whether somebody will read it.
    text: bool,
}

impl Line {
    /// A value that stands in the bytes, below the group before it.
    const LOGGED: Line =
        Line { depth: 1, origin: ffi::BBLOG_ORIGIN_DATA, generated: false, hidden: false, text: false };
    /// A value that does not.
    const COMPUTED: Line = Line { generated: true, ..Line::LOGGED };

    fn push(self, items: &mut Items, field: &Field<'_>) {
        let text = self.text && !self.hidden;
        let (number, text) = match field.value {
            Value::Unsigned(number) | Value::Bool(number) => {
                (number, if text { items.text(field) } else { NONE })
            }
            Value::Signed(number) => (number as u64, if text { items.text(field) } else { NONE }),
            // Strings are their text; the rest C reads from the bytes.
            Value::Text(_) => (0, items.text(field)),
            Value::Bytes(_) | Value::Ipv4(_) | Value::Ipv6(_) => (0, NONE),
        };
        let subtree = if is_flags(field) { ffi::BBLOG_SUBTREE_FLAGS } else { ffi::BBLOG_SUBTREE_NONE };
        let item = ffi::bblog_item {
            number,
            field: field.spec.id,
            text,
            offset: field.range.start as u32,
            length: field.range.len() as u32,
            depth: self.depth,
            origin: self.origin as u8,
            subtree: subtree as u8,
            generated: self.generated,
            hidden: self.hidden,
        };
        items.push(item);
        // The built-in has fields of its own for the bits of its members.
        if let Names::Flags(table) = field.spec.names
            && self.text
            && !self.hidden
            && !catalog::is_builtin(field.spec)
        {
            for &(mask, name) in table.values {
                let text = items.text(Bits { number, mask: mask as u64, name, bytes: field.range.len() });
                let line = ffi::bblog_item { number: 0, field: NONE, text, depth: self.depth + 1, ..item };
                items.push(ffi::bblog_item { subtree: ffi::BBLOG_SUBTREE_NONE as u8, ..line });
            }
        }
    }
}

/// A bit of a number, or a few, as epan shows them: `..1. .... = NAME`.
struct Bits<'a> {
    number: u64,
    mask: u64,
    name: &'a str,
    bytes: usize,
}

impl Display for Bits<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        for bit in (0..self.bytes.clamp(1, 8) * 8).rev() {
            out.write_char(match (self.mask >> bit & 1, self.number >> bit & 1) {
                (0, _) => '.',
                (_, 0) => '0',
                _ => '1',
            })?;
            if bit % 4 == 0 {
                out.write_char(' ')?;
            }
        }
        let set = self.mask != 0 && self.number & self.mask == self.mask;
        write!(out, "= {}: {}", self.name, if set { "Set" } else { "Not set" })
    }
}

#[cfg(test)]
mod tests {
    use bblog_dissector::bblog::TCPINFO_LEN;

    use super::*;
    use crate::registry;
    use crate::sections::SectionOption;

    const ALL: u32 = u32::MAX;
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
        let mut frames = Frames::default();
        let request = Request { input, want, kernel: None, section: KEY, frame: 1, first: true };
        let decoded = decode(&request, sections, &mut frames, &mut items);
        let (data, verbose) = match input {
            Input::Record { data, verbose, .. } => (data.len(), verbose.len()),
            Input::Eventlog { data, .. } => (data.len(), 0),
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
            assert!(item.field != NONE || item.text != NONE, "{item:?}");
        }
        assert!(items.alerts().iter().all(|alert| text(alert.text).is_some()));
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
                    let input =
                        Input::Record { data: &data, verbose: &[fill; VERBOSE_LEN], packet: &[fill; 64] };
                    for want in [ALL, ALL & !ffi::BBLOG_WANT_TEXT, 0] {
                        decode_checked(input, want, &mut sections);
                    }
                }
            }
            for len in 0..TCPINFO_LEN {
                decode_checked(
                    Input::Record { data: &[fill; TCPINFO_LEN][..len], verbose: &[], packet: &[] },
                    ALL,
                    &mut sections,
                );
            }
            for len in 0..100 {
                let input =
                    Input::Record { data: &[fill; TCPINFO_LEN], verbose: &[fill; 100][..len], packet: &[] };
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
                    decode_checked(
                        Input::Eventlog { data: &data, packet: &[] },
                        ALL,
                        &mut sections(provider),
                    );
                }
            }
        }
    }

    #[test]
    fn both_logs_call_a_received_segment_in() {
        let mut record = [0; TCPINFO_LEN];
        record[25] = 1;
        let input = Input::Record { data: &record, verbose: &[], packet: &[] };
        assert_eq!(decode_checked(input, 0, &mut sections("tcp")).as_deref(), Some("IN"));
        let mut event = [0; 72];
        event[4] = 1;
        event[24] = 100;
        assert_eq!(
            decode_checked(Input::Eventlog { data: &event, packet: &[] }, 0, &mut sections("tcp")).as_deref(),
            Some("IN")
        );
    }
}
