// SPDX-License-Identifier: BSD-2-Clause
//! One connection's picture while its events are read.

use std::collections::HashMap;

use bblog_analysis::{Account, Cause, Facts, Limit, SegmentRange, Step};
use bblog_dissector::Micros;
use bblog_dissector::spec::Category;

use super::values::{Row, scaled};
use crate::event::decode::DecodedItem;
use crate::event::words::Words;
use crate::picture::model::{BandRow, Bars, ConnectionPicture, Line, Panel, Range, Stall, Style};

/// Of a log with so many events or fewer each has its sentence in the page; of a longer one those that matter.
const ALL_TEXTS: usize = 20_000;
/// Buckets of the delivered rate over the whole of a connection.
const RATE_BUCKETS: u64 = 400;

/// Lines of the connection's state, in the order of the legend.
const STATE_LINES: [(Panel, &str, &str, Style); 9] = [
    (Panel::Sequence, "acked", "snd_una", Style::Step),
    (Panel::Sequence, "edge-window", "peer's window edge", Style::Step),
    (Panel::Window, "cwnd", "cwnd", Style::Step),
    (Panel::Window, "ssthresh", "ssthresh", Style::Step),
    (Panel::Window, "flight", "flight", Style::Step),
    (Panel::Window, "window", "peer's window", Style::Step),
    (Panel::Window, "buffer", "send buffer", Style::Step),
    (Panel::Rtt, "sample", "RTT sample", Style::Dots),
    (Panel::Rtt, "srtt", "srtt", Style::Step),
];

/// Kinds of ranges, in the order of the legend: name in the palette, name in the legend, whether it is a
/// retransmission.
const BAR_KINDS: [(&str, &str, bool); 8] = [
    ("sent", "sent", false),
    ("received", "received", false),
    ("fast", "fast retransmission (RACK, duplicate ACKs)", true),
    ("tlp", "tail loss probe", true),
    ("rto", "retransmission after RTO", true),
    ("again", "retransmission, cause not logged", true),
    ("sack", "SACKed by the peer", false),
    ("failed", "send failed", false),
];

/// Sequence numbers of one direction as numbers that do not wrap, relative to the first.
#[derive(Clone, Copy, Debug, Default)]
struct Unwrapped {
    base: Option<u32>,
    last: i64,
}

impl Unwrapped {
    /// The relative number of `seq`, which is within 2^31 of the last one; 0 for what is before the first.
    fn take(&mut self, seq: u32) -> u64 {
        let base = *self.base.get_or_insert(seq);
        let last = (base as i64 + self.last) as u32;
        let next = self.last + i64::from(seq.wrapping_sub(last) as i32);
        self.last = next;
        u64::try_from(next).unwrap_or_default()
    }
}

/// A connection that is being drawn.
pub(super) struct Drawing {
    pub(super) picture: ConnectionPicture,
    first: Micros,
    ours: Unwrapped,
    theirs: Unwrapped,
    /// Lines of values of events, by name in the palette.
    values: HashMap<&'static str, Line>,
    recovery: Option<u64>,
    /// Whether the connection was open at some time: before, its windows are not set.
    was_open: bool,
    words: Words,
    codes: HashMap<(&'static str, &'static str), u16>,
    /// Whether the event at a place in `texts` matters.
    notable: Vec<bool>,
}

impl Drawing {
    pub(super) fn new(picture: ConnectionPicture, first: Micros) -> Drawing {
        let line = |(panel, id, label, style)| Line::new(panel, id, label, style);
        let bars = |(kind, label, retransmits)| Bars { kind, label, retransmits, ranges: Vec::new() };
        let lines = STATE_LINES.map(line).into();
        let bars = BAR_KINDS.map(bars).into();
        Drawing {
            picture: ConnectionPicture { lines, bars, origin_us: first.0, ..picture },
            first,
            ours: Unwrapped::default(),
            theirs: Unwrapped::default(),
            values: HashMap::new(),
            recovery: None,
            was_open: false,
            words: Words::default(),
            codes: HashMap::new(),
            notable: Vec::new(),
        }
    }

    /// Takes in an event after the analysis did.
    pub(super) fn event(
        &mut self,
        decoded: &DecodedItem<'_>,
        step: &Step,
        facts: &Facts,
        rows: &[&'static Row],
    ) {
        // USERSEND may be logged late: times do not run back in a picture.
        let offset = (decoded.item.time() - self.first).0.max(0) as u64;
        let time = self.picture.ticks.times.last().map_or(offset, |last| offset.max(*last));
        self.picture.duration_us = time;
        self.state(time, step, facts);
        self.segment(time, decoded.number, step);
        self.values(time, decoded, rows);
        match (step.recovery, self.recovery) {
            (Some(true), None) => self.recovery = Some(time),
            (Some(false), Some(start)) => self.end_recovery(start, time),
            _ => {}
        }
        self.tick(time, decoded, step);
    }

    fn state(&mut self, time: u64, step: &Step, facts: &Facts) {
        if let Some(iss) = facts.iss {
            self.ours.base.get_or_insert(iss);
        }
        self.was_open |= facts.tcp_state.is_some_and(|state| state > SYN_RECEIVED);
        let was_open = self.was_open;
        let una = facts.snd_una.filter(|_| was_open).map(|una| self.ours.take(una));
        let edge = una.zip(facts.snd_wnd).map(|(una, window)| una + u64::from(window));
        let plain = |value: Option<u32>| value.map(u64::from);
        let open = |value: Option<u32>| value.filter(|_| was_open).map(u64::from);
        let values = [
            una,
            edge,
            open(facts.cwnd),
            open(facts.ssthresh.filter(|ssthresh| *ssthresh < UNSET_SSTHRESH)),
            open(facts.flight()),
            open(facts.snd_wnd),
            open(facts.buffered),
            plain(step.rtt_us),
            plain(facts.srtt_us),
        ];
        for (line, value) in self.picture.lines.iter_mut().zip(values) {
            if let Some(value) = value {
                line.push(time, value as f64);
            }
        }
    }

    fn segment(&mut self, time: u64, number: u64, step: &Step) {
        if let Some(SegmentRange { start, end, is_ours }) = step.segment {
            let side = if is_ours { &mut self.ours } else { &mut self.theirs };
            let low = side.take(start);
            let high = low + u64::from(end.wrapping_sub(start));
            if high > low {
                self.bar(bar_kind(step, is_ours), Range { time, low, high, number });
            }
        }
        if let Some((start, end)) = step.sack {
            let low = self.ours.take(start);
            let high = low + u64::from(end.wrapping_sub(start));
            self.bar("sack", Range { time, low, high, number });
        }
    }

    fn bar(&mut self, kind: &str, range: Range) {
        if let Some(bars) = self.picture.bars.iter_mut().find(|bars| bars.kind == kind) {
            bars.ranges.push(range);
        }
    }

    fn values(&mut self, time: u64, decoded: &DecodedItem<'_>, rows: &[&'static Row]) {
        for row in rows {
            let Some(field) = decoded.event.get(row.value) else { continue };
            let value = field.value.as_int().and_then(|value| scaled(row.panel, field.spec.unit, value));
            let Some(value) = value.filter(|value| *value > 0.0) else { continue };
            let line = self.values.entry(row.id);
            line.or_insert_with(|| Line::new(row.panel, row.id, row.label, Style::Step)).push(time, value);
        }
    }

    fn end_recovery(&mut self, start: u64, end: u64) {
        self.recovery = None;
        let row = self.picture.bands.iter_mut().find(|row| row.row == "recovery");
        let span = (start, end, "recovery".to_owned());
        match row {
            Some(row) => row.spans.push(span),
            None => {
                self.picture.bands.push(BandRow { row: "recovery", label: "recovery", spans: vec![span] })
            }
        }
    }

    fn tick(&mut self, time: u64, decoded: &DecodedItem<'_>, step: &Step) {
        let code = self.code(decoded.event.name(), kind_of(decoded, step));
        let ticks = &mut self.picture.ticks;
        let at = ticks.times.len();
        ticks.times.push(time);
        ticks.numbers.push(decoded.number);
        ticks.codes_of.push(code);
        let notable = step.is_notable();
        if (at < ALL_TEXTS || notable) && !decoded.is_unknown() {
            let mut text = String::new();
            // A String takes everything.
            let _ = self.words.write(decoded, decoded.numbers.style, &mut text);
            ticks.texts.push((u32::try_from(at).unwrap_or(u32::MAX), text));
            self.notable.push(notable);
        }
    }

    fn code(&mut self, name: &'static str, kind: &'static str) -> u16 {
        let codes = &mut self.picture.ticks.codes;
        *self.codes.entry((name, kind)).or_insert_with(|| {
            codes.push((name.to_owned(), kind));
            u16::try_from(codes.len() - 1).unwrap_or(u16::MAX)
        })
    }

    /// The picture, with what the account of the connection says.
    pub(super) fn finish(mut self, account: &Account) -> ConnectionPicture {
        if let Some(start) = self.recovery {
            self.end_recovery(start, self.picture.duration_us);
        }
        let since = |time: Micros| (time - self.first).0.max(0) as u64;
        let mut spans: Vec<(u64, u64, String)> = Vec::new();
        for span in &account.spans {
            let (start, end, name) = (since(span.start), since(span.end), span.state.name());
            // What decided is not drawn: spans of one state are one.
            match spans.last_mut() {
                Some(last) if last.1 == start && last.2 == name => last.1 = end,
                _ => spans.push((start, end, name.to_owned())),
            }
        }
        let limit = BandRow { row: "limit", label: "limited by", spans };
        self.picture.bands.insert(0, limit);
        self.picture.verdict = account.verdict();
        self.picture.shares = Limit::ALL
            .into_iter()
            .map(|limit| (limit.name(), account.sending.time_us(limit)))
            .filter(|(_, time)| *time > 0)
            .collect();
        self.picture.stalls = account
            .stalls
            .iter()
            .map(|stall| Stall {
                start_us: since(stall.start),
                duration_us: stall.us(),
                text: stall.text(account.first),
            })
            .collect();
        if self.picture.ticks.times.len() > ALL_TEXTS {
            let mut notable = self.notable.iter();
            self.picture.ticks.texts.retain(|_| notable.next().is_some_and(|notable| *notable));
        }
        let delivered = self.delivered();
        let mut values: Vec<Line> = self.values.into_values().collect();
        values.sort_by_key(|line| line.id);
        self.picture.lines.push(delivered);
        self.picture.lines.extend(values);
        self.picture.lines.retain(|line| !line.points.is_empty());
        self.picture.bars.retain(|bars| !bars.ranges.is_empty());
        self.picture
    }

    /// The rate at which the peer acknowledged data, in steps of one of [`RATE_BUCKETS`] or an srtt.
    fn delivered(&self) -> Line {
        let mut line = Line::new(Panel::Rate, "delivered", "delivered", Style::Step);
        let points = |id: &str| self.picture.lines.iter().find(|line| line.id == id).map(|line| &line.points);
        let (Some(acked), Some(srtt)) = (points("acked"), points("srtt")) else { return line };
        let rtt = srtt.last().map_or(0, |point| point.1 as u64);
        let step = (self.picture.duration_us / RATE_BUCKETS).max(rtt).max(1000);
        let mut acked = acked.iter().peekable();
        let Some(mut before) = acked.peek().map(|point| point.1) else { return line };
        let mut start = 0;
        while start < self.picture.duration_us {
            let end = start + step;
            let mut now = before;
            while let Some(point) = acked.next_if(|point| point.0 < end) {
                now = point.1;
            }
            line.push(start, (now - before).max(0.0) * 8e6 / step as f64);
            (before, start) = (now, end);
        }
        line
    }
}

/// The last of the TCP states before a connection is open, as tcp_fsm.h numbers them.
const SYN_RECEIVED: u8 = 3;
/// An ssthresh from here on was never set: TCP_MAXWIN << TCP_MAX_WINSHIFT, 65535 << 14.
const UNSET_SSTHRESH: u32 = 65_535 << 14;

fn bar_kind(step: &Step, is_ours: bool) -> &'static str {
    match (is_ours, step.send_error, &step.retransmission) {
        (false, ..) => "received",
        (true, Some(_), _) => "failed",
        (true, None, None) => "sent",
        (true, None, Some(again)) => match again.cause {
            Some(Cause::Rto) => "rto",
            Some(Cause::Tlp) => "tlp",
            Some(Cause::Rack | Cause::DupAcks) => "fast",
            None => "again",
        },
    }
}

/// The row of an event in the strip of events: its category, but for sends that failed or were repeats.
fn kind_of(decoded: &DecodedItem<'_>, step: &Step) -> &'static str {
    if step.send_error.is_some() {
        Category::Failure.word()
    } else if step.retransmission.is_some() {
        Category::Loss.word()
    } else {
        decoded.event.category().word()
    }
}
