// SPDX-License-Identifier: BSD-2-Clause
//! The output of elog(1) for a capture, byte for byte.

use std::io::Write;

use bblog_dissector::elog::SESSION_END;
use bblog_dissector::elog_text;

use super::Lines;
use crate::event::decode::DecodedItem;
use crate::event::item::{EventlogItem, LogItem};
use crate::text::TextSink;
use crate::text::clock_text::{ClockText, micros};

/// What lines show, as elog's options ask for it.
#[derive(Clone, Copy, Debug, Default)]
pub struct ElogOptions {
    /// `-d`: date and time.
    pub date: bool,
    /// `-e`: the event's name.
    pub event_name: bool,
    /// `-n`: the event's number.
    pub number: bool,
    /// `-t`: the time since the first event.
    pub relative: bool,
    /// `--delta-time`: the time since the event before.
    pub delta: bool,
}

/// Writes events as `elog -r` does. BBLog records, which elog cannot read, are written as [`Lines`].
#[derive(Default)]
pub struct ElogStyle {
    options: ElogOptions,
    others: Lines,
    clock: ClockText,
    /// Timestamp of the first event; elog takes 0 for none.
    first: u64,
    last: u64,
}

impl TextSink for ElogStyle {
    #[inline]
    fn event(&mut self, decoded: &DecodedItem<'_>, out: &mut Vec<u8>) {
        match &decoded.item {
            LogItem::Bblog(_) => self.others.event(decoded, out),
            LogItem::Eventlog(item) => self.line(decoded, item, out),
        }
    }
}

impl ElogStyle {
    /// Lines that show what `options` say; those of BBLog records are left to `others`.
    pub fn new(options: ElogOptions, others: Lines) -> ElogStyle {
        ElogStyle { options, others, ..ElogStyle::default() }
    }

    fn line(&mut self, decoded: &DecodedItem<'_>, item: &EventlogItem<'_>, out: &mut Vec<u8>) {
        let event = &item.event;
        let time = event.timestamp();
        if self.options.number {
            let _ = write!(out, "{:<8} ", decoded.number);
        }
        if self.options.relative {
            if self.first == 0 {
                self.first = time;
            }
            span(b'+', time.wrapping_sub(self.first), out);
        }
        if self.options.delta {
            let last = if self.last == 0 { time } else { self.last };
            span(b'd', time.wrapping_sub(last), out);
            self.last = time;
        }
        let _ = write!(out, "[{:>2}]{:04x}::", event.cpu(), event.thread_id());
        self.clock.time_of_day(item.clock, self.options.date, item.time, out);
        out.extend_from_slice(b" [");
        out.extend_from_slice(item.provider.unwrap_or(b"?"));
        let _ = write!(out, "][{}]", event.session_id());
        let id = event.event_id();
        if self.options.event_name {
            match item.tables.and_then(|tables| tables.event(id)) {
                Some(spec) => {
                    let _ = write!(out, "[{}]", spec.name);
                }
                None if id == SESSION_END => out.extend_from_slice(b"[SESSION_END]"),
                None => {
                    let _ = write!(out, "[?{id}]");
                }
            }
        }
        out.push(b' ');
        if item.tables.is_some() {
            elog_text::payload(event, decoded.event.spec()).write(out);
        } else {
            out.extend_from_slice(b"[UNKNOWN_PROVIDER:");
            out.extend_from_slice(item.provider.unwrap_or(b"?"));
            out.push(b']');
        }
        out.push(b'\n');
    }
}

/// `+S.uuuuuu `: unsigned, so a time that runs backwards wraps, as elog's does.
fn span(sign: u8, us: u64, out: &mut Vec<u8>) {
    out.push(sign);
    out.extend_from_slice(itoa::Buffer::new().format(us / 1_000_000).as_bytes());
    out.push(b'.');
    micros((us % 1_000_000) as u32, out);
    out.push(b' ');
}
