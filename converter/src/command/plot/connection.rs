// SPDX-License-Identifier: BSD-2-Clause
//! One connection's picture while its events are read.

use std::collections::HashMap;

use bblog_analysis::{
    Account, Arrival, Cause, Facts, Limit, RunningTimers, SackBlock, SegmentRange, Span, Step, Timer,
};
use bblog_dissector::Micros;
use bblog_dissector::spec::{Category, Stack};

use super::bands::{self, Bands};
use super::transmissions::Transmissions;
use super::values::Drawn;
use crate::event::decode::DecodedItem;
use crate::event::item::LogItem;
use crate::event::words::Words;
use crate::picture::model::{
    BandRow, BarRole, Bars, ConnectionPicture, Panel, Range, SentenceList, Series, SeriesStyle, StallBand,
};

/// Bytes of sentences up to which each event has one; beyond, only those that matter.
const ALL_TEXTS: usize = 100_000_000;
/// Initial sequence numbers that are distinguished: a connection has one, and 0 before it.
const MAX_ISS: usize = 4;
/// A direction with so many times less data than the other is minor.
const MINOR: u64 = 20;
/// Buckets of a delivered rate over the whole of a connection.
const RATE_BUCKETS: u64 = 400;

/// Lines of the connection's state, in the order of the legend.
const STATE_LINES: [(Panel, &str, &str, SeriesStyle); 11] = [
    (Panel::Sequence, "acked", "snd_una", SeriesStyle::Step),
    (Panel::Sequence, "edge-window", "peer's window edge", SeriesStyle::Step),
    (Panel::Arrival, "rcv-nxt", "rcv_nxt", SeriesStyle::Step),
    (Panel::Arrival, "our-edge", "our window edge", SeriesStyle::Step),
    (Panel::Window, "cwnd", "cwnd", SeriesStyle::Step),
    (Panel::Window, "ssthresh", "ssthresh", SeriesStyle::Step),
    (Panel::Window, "flight", "flight", SeriesStyle::Step),
    (Panel::Window, "window", "peer's window", SeriesStyle::Step),
    (Panel::Window, "buffer", "send buffer", SeriesStyle::Step),
    (Panel::Rtt, "sample", "RTT sample", SeriesStyle::Dots),
    (Panel::Rtt, "srtt", "srtt", SeriesStyle::Step),
];

/// Kinds of ranges, in the order in which they are drawn: name in the palette, name in the legend.
const BAR_KINDS: [(Panel, &str, &str, BarRole); 14] = [
    (Panel::Sequence, "sent", "sent", BarRole::Plain),
    (Panel::Sequence, "sack", "SACKed by the peer", BarRole::Plain),
    (Panel::Sequence, "dsack", "arrived twice (D-SACK)", BarRole::Mark),
    (Panel::Sequence, "lost", "taken for lost", BarRole::Mark),
    (Panel::Sequence, "fast", "sent again: RACK or duplicate ACKs", BarRole::Retransmission),
    (Panel::Sequence, "tlp", "tail loss probe", BarRole::Retransmission),
    (Panel::Sequence, "rto", "sent again: RTO", BarRole::Retransmission),
    (Panel::Sequence, "again", "sent again, cause not logged", BarRole::Retransmission),
    (Panel::Sequence, "failed", "send failed", BarRole::Mark),
    (Panel::Arrival, "received", "received", BarRole::Plain),
    (Panel::Arrival, "ahead", "received after a gap", BarRole::Plain),
    (Panel::Arrival, "our-sack", "SACKed by us", BarRole::Plain),
    (Panel::Arrival, "behind", "received late or again", BarRole::Mark),
    (Panel::Arrival, "our-dsack", "reported as twice (D-SACK)", BarRole::Mark),
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

    /// The relative numbers of the first sequence number of a range and of the one after it.
    fn range(&mut self, start: u32, end: u32) -> (u64, u64) {
        (self.take(start), self.take(end))
    }
}

/// A connection that is being drawn.
pub(super) struct Drawing {
    pub(super) picture: ConnectionPicture,
    first: Micros,
    ours: Unwrapped,
    theirs: Unwrapped,
    transmissions: Transmissions,
    /// Lines of values of events, by name in the palette.
    values: HashMap<&'static str, Series>,
    bands: Bands,
    timers: RunningTimers,
    /// What limited the sending side.
    limits: BandRow,
    /// Initial sequence numbers of its records: 0 before it has one.
    iss: Vec<u32>,
    /// Whether the connection was open at some time: before, its windows are not set.
    was_open: bool,
    words: Words,
    codes: HashMap<(&'static str, &'static str), u16>,
    /// Whether the event of each sentence matters.
    notable: Vec<bool>,
}

impl Drawing {
    /// A connection without events, whose first one has the time `first`.
    pub(super) fn new(picture: ConnectionPicture, first: Micros) -> Drawing {
        let line = |(panel, id, label, style)| Series::new(panel, id, label, style);
        let bars = |(panel, kind, label, role)| Bars { panel, kind, label, role, ranges: Vec::new() };
        let lines = STATE_LINES.map(line).into();
        let bars = BAR_KINDS.map(bars).into();
        Drawing {
            picture: ConnectionPicture { lines, bars, origin_us: first.0, ..picture },
            first,
            ours: Unwrapped::default(),
            theirs: Unwrapped::default(),
            transmissions: Transmissions::default(),
            values: HashMap::new(),
            bands: Bands::default(),
            timers: RunningTimers::default(),
            limits: BandRow { row: "limit", label: "limited by", spans: Vec::new() },
            iss: Vec::new(),
            was_open: false,
            words: Words::default(),
            codes: HashMap::new(),
            notable: Vec::new(),
        }
    }

    /// Takes in an event after the analysis did.
    pub(super) fn event(&mut self, decoded: &DecodedItem<'_>, step: &Step, facts: &Facts, drawn: &Drawn) {
        // USERSEND may be logged late: times do not run back in a picture.
        let offset = (decoded.item.time() - self.first).0.max(0) as u64;
        let last = self.picture.ticks.times.last().copied();
        let time = last.map_or(offset, |last| offset.max(last));
        self.picture.duration_us = time;
        if let LogItem::Bblog(item) = &decoded.item
            && !self.iss.contains(&item.record.iss())
            && self.iss.len() < MAX_ISS
        {
            self.iss.push(item.record.iss());
        }
        if step.missing > 0 {
            self.gap(last.unwrap_or(time), time);
        }
        self.state(time, step, facts);
        self.segment(time, decoded.number, step);
        self.sack(time, decoded.number, step);
        self.values(time, decoded, drawn);
        self.states(time, decoded, step, facts, drawn);
        self.tick(time, decoded, step);
    }

    /// Records between two times are missing: no value is known there.
    fn gap(&mut self, from: u64, to: u64) {
        let lines = self.picture.lines.iter_mut().chain(self.values.values_mut());
        lines.filter(|line| line.style == SeriesStyle::Step).for_each(|line| line.end(from));
        self.bands.gap(from, to);
        self.timers = RunningTimers::default();
    }

    fn state(&mut self, time: u64, step: &Step, facts: &Facts) {
        if let Some(iss) = facts.iss {
            self.ours.base.get_or_insert(iss);
        }
        let was_open_before = self.was_open;
        self.was_open |= facts.tcp_state.is_some_and(|state| state > SYN_RECEIVED);
        let was_open = self.was_open;
        let una = facts.snd_una.filter(|_| was_open).map(|una| self.ours.take(una));
        let edge = una.zip(facts.snd_wnd).map(|(una, window)| una + u64::from(window));
        if let Some(una) = una {
            self.transmissions.acknowledged(una);
        }
        // The record of the segment that opens a connection has what was before it.
        let next = facts.rcv_nxt.filter(|_| was_open_before).map(|next| self.theirs.take(next));
        let our_edge = next.zip(facts.rcv_window).map(|(next, window)| next + u64::from(window));
        let plain = |value: Option<u32>| value.map(u64::from);
        let open = |value: Option<u32>| value.filter(|_| was_open).map(u64::from);
        let values = [
            una,
            edge,
            next,
            our_edge,
            open(facts.cwnd),
            open(facts.ssthresh.filter(|ssthresh| *ssthresh < UNSET_SSTHRESH)),
            open(facts.flight()),
            open(facts.snd_wnd),
            open(facts.buffered),
            plain(step.rtt_us),
            plain(facts.srtt_us),
        ];
        for (line, value) in self.picture.lines.iter_mut().zip(values) {
            match value {
                Some(value) => line.push(time, value as f64),
                None if line.style == SeriesStyle::Step => line.end(time),
                None => {}
            }
        }
    }

    fn segment(&mut self, time: u64, number: u64, step: &Step) {
        let Some(SegmentRange { start, end, is_ours }) = step.segment else { return };
        let (low, high) = if is_ours { self.ours.range(start, end) } else { self.theirs.range(start, end) };
        if high <= low {
            return;
        }
        let range = Range { time, low, high, number };
        if !is_ours {
            let kind = match step.arrival {
                Some(Arrival::Behind) => "behind",
                Some(Arrival::AfterGap) => "ahead",
                Some(Arrival::Next) | None => "received",
            };
            return self.bar(kind, range);
        }
        self.bar(bar_kind(step), range);
        if step.send_error.is_none() {
            let cause = step.retransmission.and_then(|again| again.cause);
            if cause.is_some_and(|cause| cause != Cause::Tlp) {
                self.lost(low, high, None);
            }
            self.transmissions.sent(range);
        }
    }

    /// A range is taken for lost: its last transmission is marked, or else what says so.
    fn lost(&mut self, low: u64, high: u64, said: Option<Range>) {
        let sent = self.transmissions.take(low, high);
        let marks = if sent.is_empty() { said.into_iter().collect() } else { sent };
        marks.into_iter().for_each(|range| self.bar("lost", range));
    }

    fn sack(&mut self, time: u64, number: u64, step: &Step) {
        let Some(SackBlock { start, end, is_ours, is_duplicate }) = step.sack else { return };
        let (low, high) = if is_ours { self.theirs.range(start, end) } else { self.ours.range(start, end) };
        let kind = match (is_ours, is_duplicate) {
            (false, false) => "sack",
            (false, true) => "dsack",
            (true, false) => "our-sack",
            (true, true) => "our-dsack",
        };
        if high > low {
            self.bar(kind, Range { time, low, high, number });
        }
    }

    fn bar(&mut self, kind: &str, range: Range) {
        if let Some(bars) = self.picture.bars.iter_mut().find(|bars| bars.kind == kind) {
            bars.ranges.push(range);
        }
    }

    fn values(&mut self, time: u64, decoded: &DecodedItem<'_>, drawn: &Drawn) {
        for (row, value) in drawn.lines(&decoded.event) {
            let line = self.values.entry(row.id);
            let line = line.or_insert_with(|| Series::new(row.panel, row.id, row.label, SeriesStyle::Step));
            match value {
                Some(value) => line.push(time, value),
                None => line.end(time),
            }
        }
        if let Some((start, end)) = drawn.lost(&decoded.event) {
            let (low, high) = self.ours.range(start, end);
            if high > low {
                self.lost(low, high, Some(Range { time, low, high, number: decoded.number }));
            }
        }
    }

    fn states(&mut self, time: u64, decoded: &DecodedItem<'_>, step: &Step, facts: &Facts, drawn: &Drawn) {
        let is_bbr =
            matches!(&decoded.item, LogItem::Bblog(item) if item.origin.context().stack == Stack::Bbr);
        match drawn.bbr(&decoded.event) {
            Some((state, step)) => {
                self.bands.set(bands::BBR, time, Some(state));
                self.bands.set(bands::STEP, time, step);
            }
            None if !is_bbr => {
                self.bands.set(bands::BBR, time, None);
                self.bands.set(bands::STEP, time, None);
            }
            None => {}
        }
        self.bands.set(bands::PHASE, time, phase(facts).filter(|_| !is_bbr && self.was_open));
        let recovery = facts.recovery == Some(true) && self.was_open;
        self.bands.set(bands::RECOVERY, time, recovery.then_some("recovery"));
        self.timers.take(&decoded.event);
        if step.segment.is_some_and(|segment| segment.is_ours) {
            self.timers.sent();
        }
        for timer in Timer::ALL {
            self.bands.set(bands::timer(timer), time, self.timers.has(timer).then_some("armed"));
        }
    }

    /// Takes in spans of what limited the sending side, in order of time.
    pub(super) fn limits(&mut self, spans: &[Span<Limit>]) {
        let since = |time: Micros| (time - self.first).0.max(0) as u64;
        for span in spans {
            let (start, end, name) = (since(span.start), since(span.end), span.state.name());
            // What decided is not drawn: spans of one state are one.
            match self.limits.spans.last_mut() {
                Some(last) if last.1 == start && last.2 == name => last.1 = end,
                _ => self.limits.spans.push((start, end, name)),
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
        if (ticks.texts.all.len() < ALL_TEXTS || notable) && !decoded.is_unknown() {
            // A String takes everything.
            let words = &mut self.words;
            ticks.texts.push(at, |text| _ = words.write(decoded, decoded.initial_seqs, text));
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

    /// The picture, with what the account of the connection says, and the initial sequence numbers of its records.
    pub(super) fn finish(mut self, account: &Account) -> (ConnectionPicture, Vec<u32>) {
        self.limits(&account.spans);
        let since = |time: Micros| (time - self.first).0.max(0) as u64;
        self.picture.bands = std::mem::take(&mut self.bands).finish(self.picture.duration_us);
        self.picture.bands.insert(0, std::mem::take(&mut self.limits));
        self.picture.verdict = account.verdict();
        self.picture.lost_us = account.lost_us();
        self.picture.shares = Limit::ALL
            .into_iter()
            .map(|limit| (limit.name(), account.sending.time_us(limit)))
            .filter(|(_, time)| *time > 0)
            .collect();
        self.picture.stalls = account
            .stalls
            .iter()
            .map(|stall| StallBand {
                start_us: since(stall.start),
                duration_us: stall.us(),
                text: stall.text(account.first),
            })
            .collect();
        if self.picture.ticks.texts.all.len() >= ALL_TEXTS {
            self.picture.ticks.texts = self.notable_texts();
        }
        let rates =
            [self.rate("acked", ("delivered", "delivered")), self.rate("rcv-nxt", ("arrived", "received"))];
        let mut values: Vec<Series> = self.values.into_values().collect();
        values.sort_by_key(|line| line.id);
        self.picture.lines.extend(rates);
        self.picture.lines.extend(values);
        // A line that is always 0 says nothing: nothing was taken for lost, nothing was received.
        let says = |line: &Series| line.points.iter().any(|point| point.1 > 0.0) || line.id == "cwnd";
        self.picture.lines.retain(says);
        self.picture.bars.retain(|bars| !bars.ranges.is_empty());
        self.picture.bars.iter_mut().for_each(|bars| bars.ranges.sort_by_key(|range| range.time));
        weigh_directions(&mut self.picture);
        (self.picture, self.iss)
    }

    fn notable_texts(&self) -> SentenceList {
        let mut texts = SentenceList::default();
        let all = self.picture.ticks.texts.iter().zip(&self.notable);
        for ((event, text), _) in all.filter(|(_, notable)| **notable) {
            texts.push(event as usize, |all| all.push_str(text));
        }
        texts
    }

    /// The rate at which the sequence number of the line `of` advanced, in steps of one of [`RATE_BUCKETS`] or an srtt.
    fn rate(&self, of: &str, (id, label): (&'static str, &'static str)) -> Series {
        let mut line = Series::new(Panel::Rate, id, label, SeriesStyle::Step);
        let known = |id: &str| {
            let line = self.picture.lines.iter().find(|line| line.id == id);
            line.into_iter().flat_map(|line| line.points.iter()).filter(|point| !point.1.is_nan())
        };
        let acked = known(of);
        let rtt = known("srtt").next_back().map_or(0, |point| point.1 as u64);
        let step = (self.picture.duration_us / RATE_BUCKETS).max(rtt).max(1000);
        let mut acked = acked.peekable();
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

/// Leaves out the panel of a direction without data; if neither has any, that of what was sent stays. Of two
/// directions the one with much less data is a minor one.
fn weigh_directions(picture: &mut ConnectionPicture) {
    let bytes = |panel: Panel| {
        let bars = picture.bars.iter().filter(|bars| bars.panel == panel);
        let ranges = bars.filter(|bars| !bars.kind.ends_with("sack")).flat_map(|bars| &bars.ranges);
        // SYN and FIN take a sequence number and are no data.
        ranges.map(|range| range.high - range.low).filter(|length| *length > 1).sum::<u64>()
    };
    let (sent, received) = (bytes(Panel::Sequence), bytes(Panel::Arrival));
    let (less, panel, rate) = match sent < received {
        true => (sent, Panel::Sequence, "delivered"),
        false => (received, Panel::Arrival, "arrived"),
    };
    if less > 0 {
        picture.minor = (less * MINOR < sent.max(received)).then_some(panel);
        return;
    }
    picture.bars.retain(|bars| bars.panel != panel);
    picture.lines.retain(|line| line.panel != panel && line.id != rate);
}

/// The phase of congestion control.
fn phase(facts: &Facts) -> Option<&'static str> {
    let (cwnd, ssthresh) = (facts.cwnd?, facts.ssthresh?);
    Some(match facts.fast_recovery {
        Some(true) => "fast recovery",
        _ if cwnd < ssthresh => "slow start",
        _ => "congestion avoidance",
    })
}

/// The kind of a segment that was sent.
fn bar_kind(step: &Step) -> &'static str {
    match (step.send_error, &step.retransmission) {
        (Some(_), _) => "failed",
        (None, None) => "sent",
        (None, Some(again)) => match again.cause {
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
        decoded.category().word()
    }
}
