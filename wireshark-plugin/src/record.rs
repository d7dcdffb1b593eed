// SPDX-License-Identifier: GPL-2.0-or-later
//! A BBLog record: its name, its summary, and the items of the tree.

use std::ops::Range;

use bblog_analysis::links::Act;
use bblog_analysis::{Cause, Item, RecordItem, notices, srtt_us};
use bblog_dissector::bblog::{RECORD_LEN, Record, TCPINFO_LEN, VERBOSE_LEN, id};
use bblog_dissector::event::{self, Event, Field, RecordContext, RowGroup};
use bblog_dissector::spec::Unit;
use bblog_dissector::text::InitialSeqs;
use bblog_dissector::words::SegmentWords;
use bblog_dissector::{TcpHeader, tables};
use bblog_pcapng::packet::{NULL, ParsedPacket};

use crate::answer::{self, SRTT_US, alerts, counted};
use crate::ffi;
use crate::flows::{Flow, FlowId};
use crate::frames::Frames;
use crate::items::{Items, TextAt};
use crate::line::{self, TreeLine, is_flags};
use crate::packet;
use crate::registry::{self, PluginField};
use crate::request::{Answer, Request};
use crate::sections::{Assumed, MachineFacts, SectionFacts};

/// The value of group `track` that is a relative number.
const RCV_NXT_REL: &str = "rcv_nxt_rel";

/// A record, and what is known beside its bytes.
struct FrameRecord<'a> {
    request: &'a Request<'a>,
    record: &'a Record<'a>,
    event: Event<'a>,
    flow: FlowId,
    context: RecordContext,
    machine: MachineFacts,
    /// If it is a segment that was sent before: why.
    again: Option<Option<Cause>>,
}

/// Decodes a record into `items`; `frame` has the packet, if the record describes one.
pub fn decode(
    request: &Request<'_>,
    (section, assumed): (&mut SectionFacts, &Assumed),
    frames: &mut Frames,
    record: &Record<'_>,
    frame: &[u8],
    items: &mut Items,
) -> Answer {
    if request.first {
        section.observe(record);
    }
    let machine = section.machine(record.stack_id(), assumed);
    let context = machine.context();
    let event = Event::of_record(record, context);
    let iss = record.iss();
    let connection = if section.owns(iss) { section.connection } else { None };
    let flow = match &connection {
        Some((local, foreign)) => frames
            .flow_of_section(request.section, || Flow::Connection(request.section.file, *local, *foreign)),
        None => frames.flow(Flow::Unnamed(request.section, iss)),
    };
    let mut seen = FrameRecord { request, record, event, flow, context, machine, again: None };
    let packet = ParsedPacket::new(NULL, frame);
    if request.first {
        seen.note(connection.is_none(), frames, packet.as_ref());
    }
    seen.again = seen.again.or_else(|| frames.follow.conclusion(request.frame).retransmission);
    let connection = connection.or_else(|| frames.learned(flow));
    let header = packet.and_then(|packet| TcpHeader::parse(packet.tcp));
    let segment = header.and_then(|header| SegmentWords::of_record(record, header));
    let mut decoded =
        answer::named(&seen.event, segment.as_ref(), seen.again, seen.style(frames), request, items);
    // Packets have their own addresses.
    decoded.connection = connection.filter(|_| frame.is_empty());
    // Packets get theirs from the dissector of TCP.
    let wants_conversation = request.first && frame.is_empty() && connection.is_some();
    decoded.new_conversation = wants_conversation && !frames.converse(flow);
    if request.wants(ffi::BBLOG_WANT_FLOW) && connection.is_none() {
        decoded.flow = frames.number(flow);
    }
    if request.wants(ffi::BBLOG_WANT_ALERTS) {
        seen.notices(frames, items);
    }
    if request.wants(ffi::BBLOG_WANT_COUNTED) {
        decoded.stack = items.word(context.stack.name());
        counted(&seen.event, request.frame, frames, &mut decoded, items);
    }
    if request.wants(ffi::BBLOG_WANT_STATE) {
        decoded.state = seen.state(items);
    }
    if request.wants(ffi::BBLOG_WANT_TEXT) {
        seen.tree(frames, items);
    } else if request.wants(ffi::BBLOG_WANT_ITEMS) {
        seen.push_requested(frames, items);
    }
    decoded
}

impl FrameRecord<'_> {
    /// Keeps what later looks at this and other frames need: the first pass.
    fn note(&mut self, unnamed: bool, frames: &mut Frames, packet: Option<&ParsedPacket<'_>>) {
        let received = self.record.event_id() == id::IN;
        if unnamed && let Some(packet) = packet {
            let (source, destination) = (packet.source, packet.destination);
            let ours_first = if received { (destination, source) } else { (source, destination) };
            frames.learn(self.flow, ours_first);
        }
        let (frame, header) = (self.request.frame, packet.and_then(|packet| TcpHeader::parse(packet.tcp)));
        frames.note_numbers(frame, self.flow, self.record, header);
        if self.request.wants(ffi::BBLOG_WANT_ALERTS) {
            let segment = packet.and_then(packet::segment).filter(|_| self.record.is_segment());
            let act = answer::act(&self.event, segment.map(if received { Act::Received } else { Act::Sent }));
            frames.note_record(frame, self.flow, self.record, header, act);
        }
        if answer::is_followed(self.request) {
            self.as_logged(packet, |item| frames.follow.feed(self.request.frame, self.flow, item));
        } else if answer::wants_again(self.request) {
            let again = self.as_logged(packet, |item| frames.resent(self.flow, item));
            self.again = again.map(|again| again.cause);
        }
    }

    /// Hands the record to the analysis, with the TCP header that it had in the log.
    fn as_logged<T>(&self, packet: Option<&ParsedPacket<'_>>, with: impl FnOnce(&Item<'_>) -> T) -> T {
        let (time, context) = (self.record.time(), self.context);
        let Some(packet) = packet else {
            return with(&Item::Bblog(RecordItem { record: *self.record, time, context }));
        };
        let mut whole = [0; RECORD_LEN];
        let (info, header) = whole.split_at_mut(TCPINFO_LEN);
        info.copy_from_slice(self.record.tcpinfo());
        let len = packet.tcp.len().min(header.len());
        header[..len].copy_from_slice(&packet.tcp[..len]);
        with(&Item::Bblog(RecordItem { record: Record::from_bytes(&whole), time, context }))
    }

    /// What sequence numbers in texts are relative to.
    fn style(&self, frames: &Frames) -> InitialSeqs {
        if !self.request.wants(ffi::BBLOG_WANT_RELATIVE_TEXT) {
            return InitialSeqs::default();
        }
        frames.style(self.request.frame, self.flow)
    }

    /// Adds why the record deserves notice.
    fn notices(&self, frames: &Frames, items: &mut Items) {
        alerts(&self.event, self.style(frames), items);
        let tracked = frames.tracked(self.request.frame);
        notices(&self.event, &tracked, true).for_each(|alert| items.alert(alert, alert.label));
        answer::stalled(self.request.frame, frames, items);
    }

    /// Congestion window and bytes in flight.
    fn state(&self, items: &mut Items) -> TextAt {
        items.text(format_args!("cwnd={} flight={}", self.record.snd_cwnd(), self.record.flight()))
    }

    /// Adds the values that filters and columns need, where no tree is shown.
    fn push_requested(&self, frames: &Frames, items: &mut Items) {
        let request = self.request;
        if request.wants(ffi::BBLOG_WANT_EARLIER) {
            if registry::requested_rows(tables::TRACK).next().is_some() {
                let earlier =
                    self.earlier(frames).filter(|field| registry::is_field_requested(field.spec.id));
                earlier.for_each(|value| TreeLine::COMPUTED.push(items, &value));
            }
            answer::push_requested_own(&self.event, self.again.is_some(), request, frames, items);
            if PluginField::SrttMs.is_requested() {
                answer::srtt_ms(self.earlier(frames), items);
            }
            answer::windows(&self.event, PluginField::is_requested, items);
        }
        if self.request.wants(ffi::BBLOG_WANT_VALUES) {
            answer::push_rows(&self.event, RowGroup::Own, TreeLine::LOGGED, items);
            answer::push_rows(&self.event, RowGroup::Derived, TreeLine::COMPUTED, items);
        }
        if self.request.wants(ffi::BBLOG_WANT_COMMON) {
            answer::push_rows(&self.event, RowGroup::Common, TreeLine::LOGGED, items);
        }
        if self.request.wants(ffi::BBLOG_WANT_VALUES | ffi::BBLOG_WANT_RAW) {
            let hidden = TreeLine { hidden: true, ..TreeLine::LOGGED };
            answer::push_rows(&self.event, RowGroup::Raw, hidden, items);
        }
        self.verbose(items);
    }

    /// Adds the lines of the tree.
    fn tree(&self, frames: &Frames, items: &mut Items) {
        let text = true;
        if self.request.wants(ffi::BBLOG_WANT_EARLIER) {
            // Time and gap stand beside the name; the others, below, with the connection's state.
            let beside =
                self.earlier(frames).filter(|field| ![RCV_NXT_REL, SRTT_US].contains(&field.spec.name));
            beside.for_each(|value| TreeLine { depth: 0, text, ..TreeLine::COMPUTED }.push(items, &value));
            answer::own(&self.event, self.again.is_some(), self.request.frame, frames, items);
            answer::srtt_ms(self.earlier(frames), items);
            answer::windows(&self.event, |_| true, items);
        }
        if self.request.wants(ffi::BBLOG_WANT_VALUES) {
            let mut values = self.event.fields().peekable();
            if values.peek().is_some() {
                self.group(ffi::BBLOG_SUBTREE_VALUES, "Event values", items);
            }
            values.for_each(|value| TreeLine { text, ..TreeLine::LOGGED }.push(items, &value));
        }
        self.connection_state(frames, items);
        self.raw(items);
        self.verbose(items);
        let stack = self.record.stack_id();
        let text = items.text(format_args!("Decoded as: stack {stack} is {}", self.machine));
        items.push(ffi::bblog_item { generated: true, ..line::of_text(text, 0) });
    }

    /// What the frame is beside earlier ones.
    fn earlier(&self, frames: &Frames) -> impl Iterator<Item = Field<'static>> {
        frames.of_record(self.request.frame, self.flow, self.record, srtt_us(&self.event))
    }

    /// The members that every record has, and what follows from them.
    fn connection_state(&self, frames: &Frames, items: &mut Items) {
        let (computed, logged) =
            (TreeLine { text: true, ..TreeLine::COMPUTED }, TreeLine { text: true, ..TreeLine::LOGGED });
        self.group(ffi::BBLOG_SUBTREE_COMMON, "Connection state", items);
        let relative = self.request.wants(ffi::BBLOG_WANT_RELATIVE);
        if self.request.wants(ffi::BBLOG_WANT_VALUES) {
            let derived = self.event.derived().filter(|field| relative || field.spec.unit != Unit::Seq);
            derived.for_each(|value| computed.push(items, &value));
        }
        if self.request.wants(ffi::BBLOG_WANT_EARLIER) {
            let inside = self.earlier(frames).filter(|field| match field.spec.name {
                RCV_NXT_REL => relative,
                name => name == SRTT_US,
            });
            inside.for_each(|value| computed.push(items, &value));
        }
        if self.request.wants(ffi::BBLOG_WANT_COMMON) {
            self.event.common().filter(|field| !is_flags(field)).for_each(|value| logged.push(items, &value));
            self.group(ffi::BBLOG_SUBTREE_COMMON, "Flags", items);
            self.event.common().filter(is_flags).for_each(|value| logged.push(items, &value));
        }
    }

    /// The union's members without a meaning: what no table describes is shown as it is.
    fn raw(&self, items: &mut Items) {
        let request = self.request;
        let unknown = self.event.spec().fields.is_empty() && request.wants(ffi::BBLOG_WANT_VALUES);
        let shown = unknown || request.wants(ffi::BBLOG_WANT_RAW_SHOWN);
        if shown || request.wants(ffi::BBLOG_WANT_RAW) {
            if shown {
                self.group(ffi::BBLOG_SUBTREE_RAW, "Raw", items);
            }
            let line = TreeLine { text: true, hidden: !shown, ..TreeLine::LOGGED };
            self.event.raw().for_each(|value| line.push(items, &value));
        }
    }

    /// The verbose part.
    fn verbose(&self, items: &mut Items) {
        let (request, origin) = (self.request, ffi::BBLOG_ORIGIN_VERBOSE);
        if let Some(verbose) = self.record.verbose().filter(|_| request.wants(ffi::BBLOG_WANT_VALUES)) {
            let text = request.wants(ffi::BBLOG_WANT_TEXT);
            if text {
                items.group(ffi::BBLOG_SUBTREE_VERBOSE, "Logged by", origin, 0..VERBOSE_LEN);
            }
            event::verbose(&verbose)
                .for_each(|value| TreeLine { text, origin, ..TreeLine::LOGGED }.push(items, &value));
        }
    }

    /// Adds a line that groups those after it.
    fn group(&self, subtree: ffi::bblog_subtree, title: &str, items: &mut Items) {
        items.group(subtree, title, ffi::BBLOG_ORIGIN_DATA, self.whole());
    }

    fn whole(&self) -> Range<usize> {
        0..self.record.as_bytes().len()
    }
}
