// SPDX-License-Identifier: GPL-2.0-or-later
//! An eventlog(9) event: its name, its summary, and the items of the tree.

use std::num::NonZeroU32;

use bblog_analysis::links::Act;
use bblog_analysis::{EventItem, Item};
use bblog_dissector::Micros;
use bblog_dissector::catalog::{Catalog, ProviderSpec};
use bblog_dissector::elog::{EVENT_HEADER_LEN, RawEvent};
use bblog_dissector::event::{Event, Field, RowGroup};
use bblog_dissector::spec::EventSpec;
use bblog_dissector::tables;
use bblog_dissector::tcp_provider;
use bblog_dissector::text::InitialSeqs;
use bblog_dissector::words::SegmentWords;
use bblog_pcapng::machine::Fact;
use bblog_pcapng::packet::{ParsedPacket, RAW};

use crate::answer::{self, alerts, counted, malformed, notice};
use crate::catalog;
use crate::ffi;
use crate::flows::Flow;
use crate::frames::Frames;
use crate::items::{Items, NONE, TextAt};
use crate::line::{self, TreeLine};
use crate::packet;
use crate::registry::{self, PluginField};
use crate::request::{Answer, Request};
use crate::sections::SectionFacts;

/// Decodes an event into `items`; `frame` has the packet, if the event describes one.
pub fn decode(
    request: &Request<'_>,
    section: &mut SectionFacts,
    frames: &mut Frames,
    raw: &RawEvent<'_>,
    frame: &[u8],
    items: &mut Items,
) -> Answer {
    let layout = section.layout_with(raw);
    if request.first {
        section.observe_event(raw);
    }
    let provider = section.provider(raw.provider_id());
    let table = provider.and_then(|name| catalog::get().provider(name, layout));
    let spec = Catalog::event(table, raw.event_id());
    // Few events have times in ticks.
    let hz = if in_ticks(spec) { section.ticks_per_second() } else { None };
    let event = Event::of_elog(raw, spec).with_hz(hz.map(|hz| hz.value));
    let flow = frames.flow(Flow::Session(request.section, raw.provider_id(), raw.session_id()));
    let mut again = None;
    if request.first {
        let packet = ParsedPacket::new(RAW, frame);
        if request.wants(ffi::BBLOG_WANT_ALERTS) {
            let act = answer::act(&event, segment(table, raw, packet.as_ref()));
            frames.note_event(request.frame, flow, raw.timestamp(), act);
        }
        if is_tcp(table) {
            frames.note_tcp_event(request.frame, flow, raw.event_id(), &event);
            let (time, hz) = (Micros(raw.timestamp() as i64), hz.map(|hz| hz.value));
            let item = EventItem { event: *raw, spec: event.spec(), time, hz };
            if answer::is_followed(request) {
                frames.follow_tcp_event(request.frame, flow, request.section, item);
            } else if answer::wants_again(request) {
                again = frames.resent(flow, &Item::Eventlog(item)).map(|again| again.cause);
            }
        }
    }
    let again = again.or_else(|| frames.follow.conclusion(request.frame).retransmission);
    let is_relative = request.wants(ffi::BBLOG_WANT_RELATIVE_TEXT);
    let style = if is_relative { frames.style(request.frame, flow) } else { InitialSeqs::default() };
    let plan = table.filter(|_| is_segment(table, raw)).map(|table| frames.plan(table));
    let words = plan.and_then(|plan| SegmentWords::of_event(raw, &plan, &event));
    let mut decoded = answer::named(&event, words.as_ref(), again, style, request, items);
    // Packets get theirs from the dissector of TCP. A session's number may stand for several connections, one
    // after the other, so each event has its own.
    decoded.new_conversation = request.first && frame.is_empty();
    if request.wants(ffi::BBLOG_WANT_FLOW) {
        decoded.flow = frames.number(flow);
    }
    let shown = provider.filter(|_| request.wants(ffi::BBLOG_WANT_TREE | ffi::BBLOG_WANT_COUNTED));
    decoded.provider = shown.map_or(NONE, |name| items.bytes(name));
    if request.wants(ffi::BBLOG_WANT_ALERTS) {
        alerts(&event, style, items);
        match table {
            None => notice(items, "unknown_provider"),
            Some(_) if event.spec().is_unknown() => notice(items, "unknown_event"),
            Some(_) => {}
        }
    }
    if event.is_truncated() {
        let (found, needed) = (raw.payload().len(), event.spec().size);
        decoded.problem =
            malformed(items, format_args!("payload of {found} bytes, expected {needed}")).problem;
    } else if !event.trailing().is_empty() && !event.spec().is_unknown() {
        notice(items, "unknown_layout");
    }
    if request.wants(ffi::BBLOG_WANT_ALERTS) {
        answer::stalled(request.frame, frames, items);
    }
    if request.wants(ffi::BBLOG_WANT_COUNTED) {
        counted(&event, request.frame, frames, &mut decoded, items);
    }
    if request.wants(ffi::BBLOG_WANT_STATE)
        && let Some(cwnd) = event.get("cwnd")
    {
        decoded.state = items.text(format_args!("cwnd={}", cwnd.value.as_int().unwrap_or_default()));
    }
    let tcp_id = is_tcp(table).then(|| raw.event_id());
    let seen = FrameEvent { request, event, tcp_id, again: again.is_some(), provider: decoded.provider, hz };
    if request.wants(ffi::BBLOG_WANT_TEXT) {
        seen.tree(frames, items);
    } else if request.wants(ffi::BBLOG_WANT_ITEMS) {
        seen.push_requested(frames, items);
    }
    decoded
}

/// Whether a table is one of the tcp provider.
fn is_tcp(table: Option<&ProviderSpec>) -> bool {
    table.is_some_and(|table| table.name.as_bytes() == tcp_provider::NAME)
}

/// Whether times of an event may be in ticks.
fn in_ticks(spec: &EventSpec) -> bool {
    spec.fields.iter().any(|row| row.unit.ticks_scale().is_some())
}

/// What an event of the tcp provider does as a segment.
fn segment(
    table: Option<&ProviderSpec>,
    raw: &RawEvent<'_>,
    packet: Option<&ParsedPacket<'_>>,
) -> Option<Act> {
    let act = match raw.event_id() {
        tcp_provider::id::IN if is_tcp(table) => Act::Received,
        tcp_provider::id::OUT if is_tcp(table) => Act::Sent,
        _ => return None,
    };
    packet.and_then(packet::segment).map(act)
}

/// Whether an event is a segment of the tcp provider.
fn is_segment(table: Option<&ProviderSpec>, raw: &RawEvent<'_>) -> bool {
    matches!(raw.event_id(), tcp_provider::id::IN | tcp_provider::id::OUT) && is_tcp(table)
}

/// An event, and what is known beside its bytes.
struct FrameEvent<'a> {
    request: &'a Request<'a>,
    event: Event<'a>,
    /// Its number, if it is one of the tcp provider.
    tcp_id: Option<u32>,
    /// Whether it is a segment that was sent before.
    again: bool,
    provider: TextAt,
    /// Ticks per second, of an event with times in ticks.
    hz: Option<Fact<NonZeroU32>>,
}

impl FrameEvent<'_> {
    /// Adds what filters and columns need, where no tree is shown.
    fn push_requested(&self, frames: &Frames, items: &mut Items) {
        let FrameEvent { request, event, .. } = self;
        if request.wants(ffi::BBLOG_WANT_EARLIER) {
            if registry::requested_rows(tables::TRACK).next().is_some() {
                let earlier =
                    self.earlier(frames).filter(|field| registry::is_field_requested(field.spec.id));
                earlier.for_each(|value| TreeLine::COMPUTED.push(items, &value));
            }
            answer::push_requested_own(event, self.again, request, frames, items);
            if PluginField::SrttMs.is_requested() {
                answer::srtt_ms(self.earlier(frames), items);
            }
            if self.tcp_id.is_some() {
                answer::windows(event, PluginField::is_requested, items);
            }
        }
        if request.wants(ffi::BBLOG_WANT_VALUES) {
            self.own_values(items);
            answer::push_rows(event, RowGroup::Own, TreeLine::LOGGED, items);
            answer::push_rows(event, RowGroup::Common, TreeLine::LOGGED, items);
        }
    }

    /// What the event is beside earlier ones.
    fn earlier(&self, frames: &Frames) -> impl Iterator<Item = Field<'static>> {
        frames.of_event(self.request.frame, &self.event, self.tcp_id)
    }

    /// Adds the values that no table has.
    fn own_values(&self, items: &mut Items) {
        if self.provider != NONE {
            let range = answer::range_of(&self.event, "provider_id");
            items.push(line::of_plugin(PluginField::Provider, self.provider, range, 0));
        }
        self.trailing(items);
    }

    /// Adds the bytes that no row covers.
    fn trailing(&self, items: &mut Items) {
        let trailing = self.event.trailing();
        if !trailing.is_empty() {
            items.push(line::of_plugin(PluginField::Trailing, NONE, trailing, 1));
        }
    }

    /// Adds the lines of the tree.
    fn tree(&self, frames: &Frames, items: &mut Items) {
        let FrameEvent { request, event, .. } = self;
        let text = true;
        if request.wants(ffi::BBLOG_WANT_EARLIER) {
            let computed = TreeLine { depth: 0, text, ..TreeLine::COMPUTED };
            self.earlier(frames).for_each(|value| computed.push(items, &value));
            answer::own(event, self.again, request.frame, frames, items);
            answer::srtt_ms(self.earlier(frames), items);
            if self.tcp_id.is_some() {
                answer::windows(event, |_| true, items);
            }
        }
        if !request.wants(ffi::BBLOG_WANT_VALUES) {
            return;
        }
        if self.provider != NONE {
            let range = answer::range_of(event, "provider_id");
            items.push(line::of_plugin(PluginField::Provider, self.provider, range, 0));
        }
        let logged = TreeLine { text, ..TreeLine::LOGGED };
        let origin = ffi::BBLOG_ORIGIN_DATA;
        let mut values = event.fields().peekable();
        if values.peek().is_some() {
            let payload = EVENT_HEADER_LEN..event.as_bytes().len();
            items.group(ffi::BBLOG_SUBTREE_VALUES, "Event values", origin, payload);
        }
        values.for_each(|value| logged.push(items, &value));
        self.trailing(items);
        items.group(ffi::BBLOG_SUBTREE_HEADER, "Event header", origin, 0..EVENT_HEADER_LEN);
        event.common().for_each(|value| logged.push(items, &value));
        self.ticks(items);
    }

    /// Adds what a tick was taken to be.
    fn ticks(&self, items: &mut Items) {
        if !self.event.fields().any(|field| field.spec.unit.ticks_scale().is_some()) {
            return;
        }
        let text = match self.hz {
            Some(hz) if hz.is_inferred => {
                items.text(format_args!("Decoded with: hz {} (inferred)", hz.value))
            }
            Some(hz) => items.text(format_args!("Decoded with: hz {}", hz.value)),
            None => items.text(format_args!("Decoded with: hz not known")),
        };
        items.push(ffi::bblog_item { generated: true, ..line::of_text(text, 0) });
    }
}
