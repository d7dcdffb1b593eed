// SPDX-License-Identifier: BSD-2-Clause
//! What happened, in a line: the segment that the event is and what the stack did with it, or else the
//! sentence of the tables.

mod segment;

use std::fmt::{self, Write};

use bblog_dissector::bblog::id as bblog_id;
use bblog_dissector::catalog::ProviderSpec;
use bblog_dissector::tcp_provider::{self, Segment, SegmentPlan, id};
use bblog_dissector::text::Style;

use self::segment::SegmentText;
use super::decode::{DecodedItem, payload};
use super::item::{BblogItem, EventlogItem, LogItem};

/// Bytes of an undescribed payload that are shown.
const PREVIEW: usize = 16;

/// Writes events in words.
#[derive(Debug, Default)]
pub struct Words {
    /// Where the provider of the last eventlog segment has the members of one.
    plan: Option<(&'static ProviderSpec, SegmentPlan)>,
}

impl Words {
    /// Writes what happened, with sequence numbers as `style` has them.
    ///
    /// # Errors
    /// Those of `out`.
    #[inline]
    pub fn write<W: Write>(&mut self, decoded: &DecodedItem<'_>, style: Style, out: &mut W) -> fmt::Result {
        if decoded.is_unknown() {
            return unknown(decoded, out);
        }
        let segment = match &decoded.item {
            LogItem::Bblog(item) => of_record(item),
            LogItem::Eventlog(item) => self.of_event(decoded, item),
        };
        let Some(segment) = segment else {
            return decoded.event.summary_in(style).write_to(out);
        };
        segment.write_to(style, out)?;
        // RACK and BBR log the kind of most sends, which then stands beside the packet.
        let says_so = || decoded.event.get("out_kind").is_some_and(|kind| !kind.value.is_zero());
        if decoded.numbers.resent && !says_so() {
            out.write_str(", retransmission")?;
        }
        decoded.event.beside_packet(style).write_to(out)
    }

    /// The segment of an IN or OUT event.
    fn of_event<'a>(
        &mut self,
        decoded: &DecodedItem<'_>,
        item: &EventlogItem<'a>,
    ) -> Option<SegmentText<'a>> {
        let event = item.event.event_id();
        if !matches!(event, id::IN | id::OUT) || item.provider != Some(tcp_provider::NAME) {
            return None;
        }
        let provider = item.tables?;
        let plan = match &mut self.plan {
            Some((of, plan)) if std::ptr::eq(*of, provider) => plan,
            plan => &mut plan.insert((provider, SegmentPlan::of(provider))).1,
        };
        let Segment { seq, ack, flags, len, urgent, options, .. } = Segment::of(&item.event, plan, 0)?;
        let window = decoded.event.get("win")?.value.as_int()? as u32;
        let received = event == id::IN;
        Some(SegmentText { received, seq, ack, flags, window, len, urgent, options })
    }
}

/// The segment of an IN or OUT record.
fn of_record<'a>(item: &BblogItem<'a>) -> Option<SegmentText<'a>> {
    let record = &item.record;
    let header = record.tcp_header().filter(|_| record.is_segment())?;
    let received = record.event_id() == bblog_id::IN;
    // The window of a SYN is never scaled.
    let scale = match header.flags() & bblog_dissector::TcpHeader::SYN {
        0 if received => record.snd_scale(),
        0 => record.rcv_scale(),
        _ => 0,
    };
    Some(SegmentText {
        received,
        seq: header.seq(),
        ack: header.ack(),
        flags: header.flags(),
        window: u32::from(header.window()) << scale.min(14),
        len: record.len(),
        urgent: header.urgent(),
        options: header.options(),
    })
}

/// An event that no table describes.
fn unknown<W: Write>(decoded: &DecodedItem<'_>, out: &mut W) -> fmt::Result {
    let LogItem::Eventlog(_) = &decoded.item else {
        return out.write_str("an event that no table has");
    };
    let payload = payload(decoded);
    write!(out, "{} bytes that no schema describes", payload.len())?;
    let shown = &payload[..payload.len().min(PREVIEW)];
    if !shown.is_empty() {
        out.write_str(": ")?;
        shown.iter().try_for_each(|byte| write!(out, "{byte:02x}"))?;
        out.write_str(if payload.len() > PREVIEW { "..." } else { "" })?;
    }
    Ok(())
}
