// SPDX-License-Identifier: BSD-2-Clause
//! The usual style: time, connection, event and what happened, in columns.
//!
//! A connection is said once, where it first appears. Where there are several, each line has its number.
//! On a terminal it is said on a line of its own; elsewhere, where each line is an event, at the end of its
//! first one.

use std::io::Write;

use bblog_dissector::Micros;
use bblog_dissector::counted::Counted;
use bblog_dissector::spec::Category;
use bblog_dissector::text::{InitialSeqs, time};

use super::cell::{integer, left, right, text};
use super::label::{self, Labels};
use super::options::{LineOptions, TimeForm};
use super::{Palette, cut, details};
use crate::event::decode::{DecodedItem, event_id};
use crate::event::item::{Clock, LogItem};
use crate::event::words::Words;
use crate::text::TextSink;
use crate::text::clock_text::{ClockText, seconds};
use crate::text::text_writer::TextWriter;

/// Columns of an event's name: the longest have as many.
const EVENT: usize = 17;
/// Columns of an event's title.
const TITLE: usize = 20;
/// Columns of a relative time: some hours.
const SPAN: usize = 11;
/// Columns of a number.
const NUMBER: usize = 8;
/// Columns of a connection's number.
const LABEL: usize = 3;

/// Writes events as lines.
pub struct Lines {
    options: LineOptions,
    palette: Palette,
    clock: ClockText,
    words: Words,
    labels: Labels,
    /// The day of the last event, in days since 1970.
    day: Option<i64>,
    last: Option<Micros>,
    /// The marks of the current line.
    marks: Vec<u8>,
}

impl Default for Lines {
    fn default() -> Lines {
        Lines::new(LineOptions::default(), Palette::plain())
    }
}

impl TextSink for Lines {
    #[inline]
    fn event(&mut self, decoded: &DecodedItem<'_>, out: &mut Vec<u8>) {
        let label = self.labels.of(decoded);
        let day = self.day(decoded);
        let news = label.named || day;
        if news && self.options.width.is_some() {
            self.heading(decoded, label, day, out);
        }
        let start = out.len();
        if self.options.number {
            right(NUMBER, out, |out| integer(decoded.number, out));
            out.push(b' ');
        }
        self.time(decoded, out);
        if self.labels.count() > 1 {
            right(LABEL, out, |out| integer(label.number, out));
            out.push(b' ');
        }
        let words = self.what(decoded, out);
        if news && self.options.width.is_none() {
            out.extend_from_slice(b"  # ");
            self.news(decoded, label, day, out);
        }
        let mut marks = std::mem::take(&mut self.marks);
        marks.clear();
        write_marks(decoded, &mut marks);
        if let Some(width) = self.options.width {
            let width = width.saturating_sub(marks.len());
            if out[words..].starts_with(b"[") {
                cut::shorten_segment(out, start, words, width);
            }
            cut::to_width(out, start, width, to_keep(decoded));
        }
        if !marks.is_empty() {
            let (alarm, reset) = (&self.palette.alarm, self.palette.reset);
            out.extend_from_slice(alarm.as_bytes());
            out.extend_from_slice(&marks);
            out.extend_from_slice(reset.as_bytes());
        }
        self.marks = marks;
        out.push(b'\n');
        if let Some(stall) = decoded.analysis.as_ref().and_then(|analysis| analysis.stall.as_deref()) {
            let (alarm, reset) = (&self.palette.alarm, self.palette.reset);
            let _ = writeln!(out, "{alarm}    stall, {stall}{reset}");
        }
        if self.options.extended || self.options.raw {
            details::write(decoded, &self.options, &self.palette, out);
        }
    }
}

impl Lines {
    /// Lines that show what `options` say.
    pub fn new(options: LineOptions, palette: Palette) -> Lines {
        let (clock, words, labels) = (ClockText::default(), Words::default(), Labels::new());
        Lines { options, palette, clock, words, labels, day: None, last: None, marks: Vec::new() }
    }

    /// Whether the event is the first one of a day.
    #[inline]
    fn day(&mut self, decoded: &DecodedItem<'_>) -> bool {
        const SECONDS: i64 = 86_400;
        if self.options.time != TimeForm::Absolute || decoded.item.clock() != Clock::Utc {
            return false;
        }
        let day = decoded.item.time().seconds().div_euclid(SECONDS);
        self.day.replace(day) != Some(day)
    }

    /// A line that says what changes with this event: the date, the connection.
    #[cold]
    fn heading(
        &mut self,
        decoded: &DecodedItem<'_>,
        label: label::ConnectionNews,
        day: bool,
        out: &mut Vec<u8>,
    ) {
        let start = out.len();
        out.extend_from_slice(self.palette.connection.as_bytes());
        out.extend_from_slice(b"# ");
        self.news(decoded, label, day, out);
        out.extend_from_slice(self.palette.reset.as_bytes());
        if let Some(width) = self.options.width {
            cut::to_width(out, start, width, "");
        }
        out.push(b'\n');
    }

    /// `2026-11-21 UTC, 1: 10.0.0.1:80 - 10.0.0.2:5000, stack rack`
    fn news(
        &mut self,
        decoded: &DecodedItem<'_>,
        label: label::ConnectionNews,
        day: bool,
        out: &mut Vec<u8>,
    ) {
        if day {
            self.clock.date(decoded.item.time(), out);
            out.extend_from_slice(b" UTC");
        }
        if label.named {
            out.extend_from_slice(if day { b", " } else { b"" });
            integer(label.number, out);
            out.extend_from_slice(b": ");
            label::name(decoded, out);
        }
    }

    #[inline]
    fn time(&mut self, decoded: &DecodedItem<'_>, out: &mut Vec<u8>) {
        out.extend_from_slice(self.palette.time.as_bytes());
        let time = decoded.item.time();
        match self.options.time {
            TimeForm::Absolute if decoded.item.clock() == Clock::Utc => {
                self.clock.time_of_day(Clock::Utc, false, time, out);
            }
            TimeForm::Absolute => self.clock.absolute(Clock::Uptime, time, out),
            TimeForm::Relative => {
                right(SPAN, out, |out| seconds(time - decoded.first, out));
            }
            TimeForm::Delta => {
                let last = self.last.replace(time).unwrap_or(time);
                right(SPAN, out, |out| seconds(time - last, out));
            }
        }
        out.extend_from_slice(self.palette.reset.as_bytes());
        out.push(b' ');
    }

    /// The event's name and what happened. Returns where that begins; a segment begins with its flags, in brackets.
    #[inline]
    fn what(&mut self, decoded: &DecodedItem<'_>, out: &mut Vec<u8>) -> usize {
        out.extend_from_slice(self.palette.event(decoded.category()).as_bytes());
        match self.options.titles {
            true => left(TITLE, out, |out| title(decoded, out)),
            false => left(EVENT, out, |out| name(decoded, out)),
        }
        out.push(b' ');
        let words = out.len();
        let style = if self.options.absolute { InitialSeqs::default() } else { decoded.initial_seqs };
        // A Vec takes everything.
        let _ = self.words.write(decoded, style, &mut TextWriter(out));
        out.extend_from_slice(self.palette.reset.as_bytes());
        words
    }
}

/// What a line says even if it is cut before: that a segment is a retransmission, and its cause, or that its
/// send failed.
#[inline]
fn to_keep(decoded: &DecodedItem<'_>) -> &'static str {
    match &decoded.again {
        Some(again) => again.words(),
        None if decoded.category() == Category::Failure => "FAILED",
        None => "",
    }
}

/// Writes marks about the event's place in the log; most events have none.
#[inline]
fn write_marks(decoded: &DecodedItem<'_>, out: &mut Vec<u8>) {
    if let LogItem::Bblog(item) = &decoded.item
        && item.missing > 0
    {
        let _ = write!(out, " [{} missing before]", Counted(item.missing.into(), "record"));
    }
    if decoded.item.is_damaged() {
        out.extend_from_slice(b" [damaged block]");
    }
    // It happened before the event before it of its connection.
    if let Some(Micros(delta @ ..0)) = decoded.tracked.delta {
        out.extend_from_slice(b" [logged ");
        // A Vec takes everything.
        let _ = time(&mut TextWriter(out), delta.saturating_neg());
        out.extend_from_slice(b" late]");
    }
}

fn name(decoded: &DecodedItem<'_>, out: &mut Vec<u8>) {
    if decoded.is_unknown() {
        out.push(b'?');
        integer(u64::from(event_id(&decoded.item)), out);
    } else {
        text(decoded.event.name().as_bytes(), out);
    }
}

/// The event's title; its name if the tables have none.
fn title(decoded: &DecodedItem<'_>, out: &mut Vec<u8>) {
    match decoded.event.title() {
        "" => name(decoded, out),
        title => text(title.as_bytes(), out),
    }
}
