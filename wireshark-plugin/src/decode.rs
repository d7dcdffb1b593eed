// SPDX-License-Identifier: GPL-2.0-or-later
//! From a request of the C half to the answer: the part that both logs share.

use std::fmt::Display;
use std::net::SocketAddr;
use std::ops::Range;
use std::sync::LazyLock;

use bblog_analysis::links::Act;
use bblog_analysis::{Cause, Limit, Timer};
use bblog_dissector::bblog::{Record, VERBOSE_LEN};
use bblog_dissector::elog::RawEvent;
use bblog_dissector::event::{Event, Group};
use bblog_dissector::spec::{AlertGroup, FieldSpec, Kernel};
use bblog_dissector::tables;
use bblog_dissector::text::Style;

use crate::ffi;
use crate::frames::Frames;
use crate::items::{Items, NONE, TextAt};
use crate::line::{self, Line};
use crate::registry::{self, PluginField};
use crate::sections::{Assumed, Section, SectionKey, Sections};
use crate::{eventlog, record};

/// Rows that hold the error number which a system call or a send gave.
const ERRORS: [&str; 5] = ["error", "err", "send_errno", "so_error", "errno"];

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
    /// Nothing: a block that stands for skipped records.
    Nothing,
}

/// What C asks for.
pub struct Request<'a> {
    /// The bytes.
    pub input: Input<'a>,
    /// `BBLOG_WANT_*` bits.
    pub want: u32,
    /// The section they stand in.
    pub section: SectionKey,
    /// The frame's number, from 1.
    pub frame: u32,
    /// Whether this is the first pass over the capture, in the order of the file.
    pub first: bool,
}

impl Request<'_> {
    /// Whether one of these `BBLOG_WANT_*` bits is set.
    pub fn wants(&self, what: ffi::bblog_want) -> bool {
        self.want & what != 0
    }
}

/// What C gets, besides the items.
pub struct Decoded {
    /// The event's short name.
    pub name: TextAt,
    /// Where the event's number lies, if the tree is asked for.
    pub number: Range<usize>,
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
    /// What limited the connection until this frame.
    pub limit: TextAt,
    /// The time since the frame before this one of its flow, microseconds.
    pub elapsed: u64,
    /// The flow's number, if its connection is not known.
    pub flow: u32,
    /// Whether no earlier record of the flow had a known connection, and this one has.
    pub new_conversation: bool,
    /// BBLog: the connection of the section, ours first.
    pub connection: Option<(SocketAddr, SocketAddr)>,
}

impl Default for Decoded {
    fn default() -> Self {
        Decoded {
            name: NONE,
            number: 0..0,
            summary: NONE,
            problem: NONE,
            provider: NONE,
            state: NONE,
            stack: NONE,
            timer: NONE,
            action: NONE,
            limit: NONE,
            elapsed: 0,
            flow: NONE,
            new_conversation: false,
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
    let (mut unknown, nothing) = (Section::default(), Assumed::default());
    let (section, assumed) = sections.get(request.section).unwrap_or((&mut unknown, &nothing));
    match request.input {
        Input::Record { data, verbose, packet } => match Record::from_tcpinfo(data) {
            Ok(record) => {
                let record = record.with_verbose(verbose_part(verbose));
                record::decode(request, (section, assumed), frames, &record, packet, items)
            }
            Err(problem) => malformed(items, problem),
        },
        Input::Eventlog { data, packet } => match RawEvent::whole(data) {
            Ok(raw) => eventlog::decode(request, section, frames, &raw, packet, items),
            Err(problem) => malformed(items, problem),
        },
        Input::Nothing => {
            notice(items, "skipped");
            Decoded { connection: section.connection, ..Decoded::default() }
        }
    }
}

/// A verbose part of the right size; anything else is as good as none.
fn verbose_part(bytes: &[u8]) -> Option<&[u8; VERBOSE_LEN]> {
    bytes.first_chunk()
}

/// The answer for bytes that cannot be decoded, or not all of them.
pub fn malformed(items: &mut Items, problem: impl Display) -> Decoded {
    let at = items.text(&problem);
    if let Some(alert) = tables::alert("malformed") {
        items.alert(alert, format_args!("{}: {problem}", alert.label));
    }
    Decoded { problem: at, ..Decoded::default() }
}

/// The event's name and, if asked for, its summary.
pub fn named(event: &Event<'_>, style: Style, request: &Request<'_>, items: &mut Items) -> Decoded {
    Decoded {
        name: items.word(event.name()),
        number: if request.wants(ffi::BBLOG_WANT_TREE) { number_of(event) } else { 0..0 },
        summary: if request.wants(ffi::BBLOG_WANT_SUMMARY) { items.summary(event, style) } else { NONE },
        ..Decoded::default()
    }
}

/// Where the event's number lies in the bytes.
fn number_of(event: &Event<'_>) -> Range<usize> {
    static RECORD: LazyLock<Range<usize>> = LazyLock::new(|| place_of(tables::RECORD));
    static HEADER: LazyLock<Range<usize>> = LazyLock::new(|| place_of(tables::ELOG_HEADER));
    let is_record = std::ptr::eq(event.rows_of(Group::Common), tables::RECORD);
    if is_record { RECORD.clone() } else { HEADER.clone() }
}

fn place_of(rows: &[FieldSpec]) -> Range<usize> {
    let row = rows.iter().find(|row| row.name == "event_id");
    row.map_or(0..0, |row| {
        let start = usize::from(row.place.offset);
        start..start + usize::from(row.place.size)
    })
}

/// Where the member called `name`, which every record or event has, lies in the bytes.
pub fn range_of(event: &Event<'_>, name: &str) -> Range<usize> {
    event.common().find(|field| field.spec.name == name).map_or(0..0, |field| field.range)
}

/// Adds an alert that no event has of itself.
pub fn notice(items: &mut Items, name: &str) {
    if let Some(alert) = tables::alert(name) {
        items.alert(alert, alert.label);
    }
}

/// Adds why an event deserves notice.
pub fn alerts(event: &Event<'_>, style: Style, items: &mut Items) {
    for alert in event.alerts() {
        match alert.group {
            AlertGroup::Response => {
                let mut values = event.fields().chain(event.common());
                match values.find(|field| ERRORS.contains(&field.spec.name)) {
                    Some(error) => items.alert(alert, format_args!("{}: {error:#}", alert.label)),
                    None => items.alert(alert, alert.label),
                }
            }
            AlertGroup::Protocol => items.alert(alert, event.summary_in(style)),
            AlertGroup::Sequence | AlertGroup::Undecoded | AlertGroup::Malformed => {
                items.alert(alert, alert.label);
            }
        }
    }
}

/// What an event does, if its frame may belong to another one; `segment` is what it does as a segment.
pub fn act(event: &Event<'_>, segment: Option<Act>) -> Option<Act> {
    if let Some((step, named)) = event.timer() {
        let number = named.filter(|_| step.keyed).and_then(|field| field.value.as_int());
        return Some(Act::Timer(step, number.unwrap_or_default()));
    }
    segment
}

/// Adds the line for the frame that belongs to this one.
pub fn link(event: &Event<'_>, frame: u32, frames: &Frames, items: &mut Items) {
    let Some(other) = frames.link(frame) else { return };
    let field = match (event.timer().is_some(), other > frame) {
        (true, true) => PluginField::TimerEndedIn,
        (true, false) => PluginField::TimerStartedIn,
        (false, true) => PluginField::AckedIn,
        (false, false) => PluginField::Acks,
    };
    items.push(ffi::bblog_item {
        number: other.into(),
        generated: true,
        ..line::of_plugin(field, NONE, 0..0, 0)
    });
}

/// As [`link`], where nobody looks at the tree: if one of the fields for it is asked for.
pub fn asked_link(event: &Event<'_>, frame: u32, frames: &Frames, items: &mut Items) {
    use PluginField::{AckedIn, Acks, TimerEndedIn, TimerStartedIn};
    let fields = [AckedIn, Acks, TimerEndedIn, TimerStartedIn];
    if fields.into_iter().any(|field| registry::is_asked_for(field.index())) {
        link(event, frame, frames, items);
    }
}

/// Whether the analysis is to see this frame: in the first pass, if somebody may ask for what it concludes.
pub fn is_followed(request: &Request<'_>) -> bool {
    request.first
        && (request.wants(ffi::BBLOG_WANT_FOLLOW)
            || registry::ANALYSED.into_iter().any(|field| registry::is_asked_for(field.index())))
}

/// Adds what the analysis concludes of a frame: all of it if `all`, or else what is asked for.
pub fn concluded(frame: u32, frames: &Frames, all: bool, items: &mut Items) {
    let wanted = |field: PluginField| all || registry::is_asked_for(field.index());
    let conclusion = frames.follow.conclusion(frame);
    let retransmission = conclusion.retransmission.map(|cause| cause.map_or("unknown", Cause::name));
    let words = [
        (PluginField::Limit, conclusion.limit.map(Limit::name)),
        (PluginField::TimerFired, conclusion.timer.map(Timer::name)),
        (PluginField::Retransmission, retransmission),
    ];
    for (field, word) in words.into_iter().filter(|&(field, _)| wanted(field)) {
        if let Some(word) = word {
            let text = items.word(word);
            items.push(ffi::bblog_item { generated: true, ..line::of_plugin(field, text, 0..0, 0) });
        }
    }
    if let Some(stall) = frames.follow.stall(frame) {
        let field = if stall.other > frame { PluginField::StallEndedIn } else { PluginField::StallStartedIn };
        if wanted(field) {
            let number = stall.other.into();
            items.push(ffi::bblog_item { number, generated: true, ..line::of_plugin(field, NONE, 0..0, 0) });
        }
    }
}

/// Adds the names of the alerts that the record has so far.
pub fn alert_names(all: bool, items: &mut Items) {
    if all || registry::is_asked_for(PluginField::Alert.index()) {
        for at in 0..items.alerts().len() {
            let kind = items.alerts()[at].kind as usize;
            let text = items.word(tables::ALERTS[kind].name);
            items.push(ffi::bblog_item {
                generated: true,
                ..line::of_plugin(PluginField::Alert, text, 0..0, 0)
            });
        }
    }
}

/// Adds the alert of a stall that ends with a frame.
pub fn stalled(frame: u32, frames: &Frames, items: &mut Items) {
    if let Some(text) = frames.follow.stall(frame).and_then(|stall| stall.text.as_deref())
        && let Some(alert) = tables::alert("stall")
    {
        items.alert(alert, text);
    }
}

/// Adds those values of a group that filters and columns ask for.
pub fn asked(event: &Event<'_>, group: Group, line: Line, items: &mut Items) {
    let rows = event.rows_of(group).iter().enumerate();
    for (at, _) in rows.filter(|(_, row)| registry::is_asked_for(row.id)) {
        event.one(group, at).for_each(|value| line.push(items, &value));
    }
}

/// What statistics count an event by.
pub fn counted(event: &Event<'_>, frame: u32, frames: &Frames, decoded: &mut Decoded, items: &mut Items) {
    if let Some((step, named)) = event.timer()
        && let Some(timer) = named.and_then(|named| Timer::of_value(named.spec, named.value.as_int()?))
    {
        decoded.timer = items.word(timer.name());
        decoded.action = items.word(step.does.word());
    }
    if let Some(limit) = frames.follow.conclusion(frame).limit_before {
        decoded.limit = items.word(limit.name());
        decoded.elapsed = frames.delta(frame).map_or(0, |delta| delta.0.max(0) as u64);
    }
}

#[cfg(test)]
mod tests {
    use bblog_dissector::bblog::TCPINFO_LEN;
    use bblog_dissector::elog::EVENT_HEADER_LEN;

    use super::*;
    use crate::registry;
    use crate::sections::SectionOption;

    const ALL: u32 = u32::MAX;
    const KEY: SectionKey = SectionKey { file: 1, number: 0 };

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
        let request = Request { input, want, section: KEY, frame: 1, first: true };
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
