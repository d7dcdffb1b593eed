// SPDX-License-Identifier: BSD-2-Clause
//! One connection: items in, facts and an account of its time out.

use bblog_dissector::Micros;
use bblog_dissector::bblog::{Record, Serial};
use bblog_dissector::spec::Stack;

use crate::account::{Account, InUse, Seen, Side};
use crate::evidence::{Facts, Kind, Observed, Options, Plans, Segment, flag, read};
use crate::handshake::Handshake;
use crate::item::Item;
use crate::ledger::{Ledger, Span};
use crate::limit::{Evidence, Limit, Reception, receiving, sending};
use crate::rtt::Rtts;
use crate::seq::{before as precedes, distance, later};
use crate::stall::{Situation, Stall, StallEnd, Stalls};
use crate::tally::{SlowStart, SlowStartEnd, Tally};
use crate::tcp_state;
use crate::timer::Timer;
use crate::transmit::{Received, Retransmission, Sent};

/// What one item told.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Step {
    /// What limits the sending side after this item, as far as is known then: time that turns out to belong
    /// to a timer that fires later is [`Limit::Timeout`] in the account only.
    pub limit: Limit,
    /// What decided on it.
    pub evidence: Evidence,
    /// Whether the item changed it.
    pub limit_changed: bool,
    /// The timer that fired.
    pub timer: Option<Timer>,
    /// The segment that was sent again.
    pub retransmission: Option<Retransmission>,
    /// The error number of the send that failed.
    pub send_error: Option<i32>,
    /// Loss recovery began (`true`) or ended (`false`) with this item.
    pub recovery: Option<bool>,
    /// The peer's window closed (`true`) or opened (`false`) with this item.
    pub window_closed: Option<bool>,
    /// The TCP state changed with this item.
    pub state_changed: bool,
    /// Whether a stall ended with this item.
    pub stall_ended: bool,
    /// Records missing before it.
    pub missing: u32,
    /// Whether it is the connection's first item.
    pub is_first: bool,
    /// Whether the connection, or its log, ends with this item.
    pub is_end: bool,
    /// The segment that was sent or received with this item.
    pub segment: Option<SegmentRange>,
    /// The newest SACK block of the segment that was received: its first sequence number, and the one after it.
    pub sack: Option<(u32, u32)>,
    /// The round-trip time that the item says, microseconds.
    pub rtt_us: Option<u32>,
}

/// The sequence numbers that a segment takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentRange {
    /// Its first sequence number.
    pub start: u32,
    /// The sequence number after it; SYN and FIN take one each.
    pub end: u32,
    /// Whether it was sent; else it was received.
    pub is_ours: bool,
}

/// The sequence numbers of the segment that an item is of.
fn range(kind: &Kind<'_>) -> Option<SegmentRange> {
    let (segment, is_ours) = match kind {
        Kind::In(segment) => (segment, false),
        Kind::Out(segment, _) => (segment, true),
        Kind::NotSent(_) | Kind::Acked | Kind::UserWrite | Kind::Other | Kind::End => return None,
    };
    Some(SegmentRange { start: segment.seq, end: segment.end(), is_ours })
}

impl Step {
    /// Whether it matters: a loss, a timer that fired (the delayed ACK's and the pacer's are the usual
    /// course of things), a change of state, an error, a closed window, the end.
    pub fn is_notable(&self) -> bool {
        let timer = self.timer.is_some_and(|timer| !matches!(timer, Timer::DelayedAck | Timer::Pacing));
        timer
            || self.retransmission.is_some()
            || self.send_error.is_some()
            || self.recovery.is_some()
            || self.window_closed.is_some()
            || self.state_changed
            || self.stall_ended
            || self.missing > 0
            || self.is_first
            || self.is_end
    }
}

/// What a connection is followed for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Every span, to be had from [`Connection::take_spans`]; otherwise only their totals.
    pub spans: bool,
}

/// A connection.
///
/// Its memory is bounded: about 1.5 kB, and at most 64 stalls of 150 bytes each and 6 kB for round-trip times.
#[derive(Clone, Debug)]
pub struct Connection {
    facts: Facts,
    sending: Ledger<Limit>,
    receiving: Ledger<Reception>,
    pub(crate) stalls: Stalls,
    pub(crate) sent: Sent,
    pub(crate) received: Received,
    pub(crate) handshake: Handshake,
    pub(crate) rtts: Rtts,
    pub(crate) tally: Tally,
    clock: Clock,
    buffer: Buffer,
    /// The serial number of the last BBLog record.
    serial: Option<u32>,
    /// Items were passed over since the last one.
    passed_over: bool,
    /// How far the peer has SACKed.
    sacked_to: Option<u32>,
    /// A timer found a loss, and nothing was received since.
    unanswered: bool,
    mss: SegmentSize,
}

/// What is known of the size of a full segment where the stack does not log it.
#[derive(Clone, Copy, Debug, Default)]
enum SegmentSize {
    /// The stack logs it.
    #[default]
    Logged,
    /// The largest common measure of the segments that were followed by more, and how many there were.
    Learned(u32, u32),
    /// Both SYNs said it.
    Negotiated,
}

/// Times and numbers of items.
#[derive(Clone, Copy, Debug, Default)]
struct Clock {
    first: Option<Micros>,
    now: Micros,
    number: u64,
    items: u64,
    ended: bool,
}

/// What is known of the send buffer from how the writer behaves.
#[derive(Clone, Copy, Debug, Default)]
struct Buffer {
    /// The most that was ever in it.
    ceiling: u32,
    /// Writes in a row that filled it to there after an ACK.
    fills: u32,
    /// An ACK freed something since the last write, at this time.
    freed: Option<Micros>,
    /// Bytes in it before the write.
    before: u32,
}

/// What is reckoned with where no RTT is known, microseconds.
const UNKNOWN_RTT_US: u32 = 100_000;
/// The least size of a full segment, bytes.
const LEAST_MSS: u32 = 536;
/// Segments followed by more, after which their common measure is taken for the size of one.
const ENOUGH_SEGMENTS: u32 = 3;

fn common_measure(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { common_measure(b, a % b) }
}

/// Writes that fill the buffer to its ceiling after an ACK, after which the writer is taken to wait for ACKs.
const FILLS: u32 = 3;
/// A writer that waits for room writes within this time of the ACK that made it, microseconds.
const PROMPT_US: i64 = 5_000;

impl Default for Connection {
    fn default() -> Connection {
        Connection::new(Wanted::default())
    }
}

impl Connection {
    /// The stall that ended last, if it is one of the longest: of many, those are kept.
    pub fn latest_stall(&self) -> Option<&Stall> {
        self.stalls.latest()
    }

    /// One of which nothing is known yet.
    pub fn new(wanted: Wanted) -> Connection {
        Connection {
            facts: Facts::default(),
            sending: Ledger::new(wanted.spans),
            receiving: Ledger::new(false),
            stalls: Stalls::default(),
            sent: Sent::default(),
            received: Received::default(),
            handshake: Handshake::default(),
            rtts: Rtts::default(),
            tally: Tally::default(),
            clock: Clock::default(),
            buffer: Buffer::default(),
            serial: None,
            passed_over: false,
            sacked_to: None,
            unanswered: false,
            mss: SegmentSize::Logged,
        }
    }

    /// What is known of it now.
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// Time of the first item.
    pub fn first(&self) -> Option<Micros> {
        self.clock.first
    }

    /// The latest time of any item.
    pub fn last(&self) -> Micros {
        self.clock.now
    }

    /// Items taken in.
    pub fn items(&self) -> u64 {
        self.clock.items
    }

    /// Whether it ended, as far as the log says.
    pub fn is_ended(&self) -> bool {
        self.clock.ended
    }

    /// How a BBLog record with this serial number follows the last one.
    pub fn serial(&self, serial: u32) -> Serial {
        Serial::of(serial, self.serial.map(|last| last.wrapping_add(1)))
    }

    /// Whether a BBLog record is of another connection: it has another initial sequence number, or this one never
    /// was a connection.
    pub(crate) fn is_other(&self, record: &Record<'_>) -> bool {
        match (self.facts.iss, record.iss()) {
            (Some(_), 0) => record.serial() == 0,
            (Some(ours), theirs) => ours != theirs,
            (None, _) => record.serial() == 0 || self.is_listener(),
        }
    }

    /// Takes in its next item, which has the number `number` among all items of the input. A time before that
    /// of the last item counts as that.
    #[inline]
    pub fn feed(&mut self, plans: &mut Plans, number: u64, item: &Item<'_>) -> Step {
        let missing = self.missing(item);
        let now = match self.clock.first {
            Some(_) => self.clock.now.max(item.time()),
            None => item.time(),
        };
        self.clock.first.get_or_insert(now);
        (self.clock.now, self.clock.number) = (now, number);
        self.clock.items += 1;
        if missing > 0 || std::mem::take(&mut self.passed_over) {
            self.lose(now, missing);
        }
        self.sending.advance(now);
        self.receiving.advance(now);
        let before = Before::of(&self.facts);
        let seen = read(plans, &mut self.facts, item);
        let stack = match item {
            Item::Bblog(item) => Some((item.context.stack, item.record.stack_id())),
            Item::Eventlog(_) => None,
        };
        self.take(&before, &seen, stack, missing)
    }

    /// Takes in what an item said.
    fn take(
        &mut self,
        before: &Before,
        seen: &Observed<'_>,
        stack: Option<(Stack, u8)>,
        missing: u32,
    ) -> Step {
        let limit_before = self.sending.state();
        let mut step = Step {
            limit: Limit::Unknown,
            evidence: Evidence::Missing,
            limit_changed: false,
            timer: seen.timer,
            retransmission: None,
            send_error: None,
            recovery: None,
            window_closed: None,
            state_changed: false,
            stall_ended: false,
            missing,
            is_first: self.clock.items == 1,
            is_end: false,
            segment: range(&seen.kind),
            sack: None,
            rtt_us: seen.rtt.map(|rtt| rtt.1),
        };
        if let Some(timer) = seen.timer {
            self.fired(timer);
        }
        self.happened(before, seen, stack.map(|stack| stack.0), &mut step);
        self.changed(before, &mut step);
        self.count(before, seen, stack);
        self.facts.settled |= matches!(seen.kind, Kind::In(_) | Kind::Out(..) | Kind::Acked);
        self.watch_buffer(before, seen);
        let (limit, evidence) = sending(&self.facts);
        self.sending.set(limit, evidence);
        let (reception, why) = receiving(&self.facts);
        self.set_reception(reception, why, seen);
        (step.limit, step.evidence) = (limit, evidence);
        step.limit_changed = limit_before.is_none_or(|before| before.0 != limit);
        step.stall_ended = self.watch_stalls(limit_before.map_or(Limit::Unknown, |before| before.0));
        step
    }

    /// Passes over its next item: the time up to the one after it is unknown.
    pub(crate) fn pass_over(&mut self, item: &Item<'_>) {
        if let Item::Bblog(item) = item {
            let serial = item.record.serial();
            if self.is_other(&item.record) || self.serial(serial) == Serial::Restart {
                return;
            }
            self.serial = Some(serial);
        }
        self.passed_over = true;
    }

    /// Records missing before `item`.
    fn missing(&mut self, item: &Item<'_>) -> u32 {
        let Item::Bblog(item) = item else { return 0 };
        let serial = item.record.serial();
        let missing = self.serial(serial).missing();
        self.serial = Some(serial);
        missing
    }

    /// Records are missing up to `now`, or were passed over.
    #[cold]
    fn lose(&mut self, now: Micros, missing: u32) {
        self.sending.lose(now, Limit::Unknown);
        self.receiving.lose(now, Reception::Unknown);
        self.sent.gap();
        self.unanswered = false;
        self.stalls.gap(missing);
        self.tally.missing += u64::from(missing);
        self.tally.gaps += u32::from(missing > 0);
        // What is carried from record to record may be out of date; the next record has the rest.
        let Facts { established, iss, mss, srtt_us, buffer_limit, .. } = self.facts;
        self.facts = Facts { established, iss, mss, srtt_us, buffer_limit, ..Facts::default() };
        self.buffer = Buffer { ceiling: self.buffer.ceiling, ..Buffer::default() };
    }

    /// A timer fired: of those that find a loss, the time since the last segment is theirs.
    fn fired(&mut self, timer: Timer) {
        let count = &mut self.tally.fired[timer as usize];
        *count = count.saturating_add(1);
        self.stalls.fired(timer);
        self.sent.fired(timer);
        if timer.is_loss() && self.facts.established {
            self.sending.attribute_again(Limit::Timeout, Evidence::Timer);
            self.unanswered = true;
        }
        if timer.is_loss() || matches!(timer, Timer::Persist | Timer::Keepalive) {
            self.receiving.attribute_again(Reception::PeerSilent, Evidence::Timer);
        }
    }

    fn happened(&mut self, before: &Before, seen: &Observed<'_>, stack: Option<Stack>, step: &mut Step) {
        match seen.kind {
            Kind::In(segment) => step.sack = self.received(before, &segment),
            Kind::Acked => self.acked(before),
            Kind::Out(segment, errno) => {
                self.sent(before, &segment);
                step.send_error = errno.filter(|&errno| errno > 0);
                step.retransmission = self.sent.segment(&segment, errno, stack, before.snd_max);
                if let Some(again) = &step.retransmission {
                    self.stalls.resent(again);
                }
                if let Some(errno) = step.send_error {
                    self.stalls.not_sent(errno, false);
                } else if segment.has(flag::SYN) {
                    self.handshake.sent(&segment);
                }
                self.tally.ends.see(&segment, true);
            }
            Kind::NotSent(errno) => {
                let was_again = self.sent.not_sent(errno);
                self.stalls.not_sent(errno, was_again);
                step.send_error = Some(errno);
            }
            Kind::UserWrite | Kind::Other => {}
            Kind::End => {
                self.clock.ended = true;
                step.is_end = true;
            }
        }
    }

    /// A segment is sent. If what a timer sent was not answered in two RTTs, the time up to here is the
    /// timeout's, too, though other data is sent before the next timer fires.
    fn sent(&mut self, before: &Before, segment: &Segment<'_>) {
        let is_new = before.snd_max.is_some_and(|max| precedes(max, segment.end()));
        let patience = 2 * i64::from(self.rtt_us().unwrap_or(UNKNOWN_RTT_US));
        if self.unanswered && is_new {
            if self.sending.since_settled() > patience {
                self.sending.attribute_again(Limit::Timeout, Evidence::Timer);
            }
            self.unanswered = false;
        }
        self.sending.settle();
        self.learn_segment_size(segment);
    }

    /// The round-trip time to go by, microseconds.
    fn rtt_us(&self) -> Option<u32> {
        self.facts.srtt_us.or_else(|| self.rtts.mean_us())
    }

    /// Learns how large a full segment is from those that are followed by more.
    fn learn_segment_size(&mut self, segment: &Segment<'_>) {
        if !matches!(self.mss, SegmentSize::Learned(..)) && self.facts.mss.is_some() {
            return;
        }
        if let (Some(ours), Some(theirs)) = (self.handshake.ours, self.handshake.theirs)
            && let (Some(ours), Some(theirs)) = (ours.mss, theirs.mss)
            && self.facts.timestamps.is_some()
            && self.facts.established
        {
            self.facts.mss_with_options(ours.min(theirs).into());
            self.mss = SegmentSize::Negotiated;
            return;
        }
        let more = self.facts.unsent().is_some_and(|unsent| unsent > 0);
        if !more || segment.len < LEAST_MSS {
            return;
        }
        let (measure, seen) = match self.mss {
            SegmentSize::Learned(measure, seen) => (common_measure(measure, segment.len), seen + 1),
            _ => (segment.len, 1),
        };
        // Segments cut short by a window have no common measure with others.
        self.mss = SegmentSize::Learned(if measure < LEAST_MSS { segment.len } else { measure }, seen);
        if seen >= ENOUGH_SEGMENTS && measure >= LEAST_MSS {
            self.facts.mss = Some(measure);
        }
    }

    /// A segment was received. Returns its newest SACK block.
    fn received(&mut self, before: &Before, segment: &Segment<'_>) -> Option<(u32, u32)> {
        self.unanswered = false;
        self.sending.settle();
        self.receiving.settle();
        self.received.segment(segment);
        self.tally.ends.see(segment, false);
        if !self.facts.established || segment.has(flag::SYN) {
            self.handshake.received(segment);
        }
        let options = segment.options.filter(|options| options.len() > 12).map(Options::parse);
        if let Some(options) = options.filter(|options| options.first_block.is_some()) {
            self.sacked(segment, &options);
        }
        self.acked(before);
        options?.first_block
    }

    /// What SACK blocks say about duplicates and order.
    fn sacked(&mut self, segment: &Segment<'_>, options: &Options) {
        if let Some(range) = options.duplicate(segment.ack) {
            self.tally.spurious = self.tally.spurious.saturating_add(1);
            self.stalls.duplicate(range);
            return;
        }
        let Some(sacked_to) = options.sacked_to else { return };
        self.sacked_to = Some(self.sacked_to.map_or(sacked_to, |have| later(have, sacked_to)));
    }

    /// snd_una may have advanced.
    fn acked(&mut self, before: &Before) {
        let (Some(old), Some(una)) = (before.snd_una, self.facts.snd_una) else { return };
        self.sending.settle();
        if !precedes(old, una) {
            self.sent.acked(una);
            return;
        }
        // What was missing below SACKed data came, and nobody had sent it again: it was late, not lost.
        if let Some(sacked_to) = self.sacked_to {
            if precedes(old, sacked_to) && !self.sent.sent_again_above(old) {
                self.tally.reordered = self.tally.reordered.saturating_add(1);
                self.tally.reordered_by = self.tally.reordered_by.max(distance(old, sacked_to));
            }
            if !precedes(una, sacked_to) {
                self.sacked_to = None;
            }
        }
        self.sent.acked(una);
    }

    /// What the item changed in the facts.
    fn changed(&mut self, before: &Before, step: &mut Step) {
        let facts = &self.facts;
        if let (Some(was), Some(is)) = (before.recovery, facts.recovery)
            && was != is
        {
            step.recovery = Some(is);
        }
        let begins = before.fast_recovery == Some(false) && facts.fast_recovery == Some(true);
        self.tally.recoveries += u32::from(begins);
        let closed = |window: Option<u32>| window.map(|window| window == 0);
        if facts.established
            && before.established
            && let (Some(was), Some(is)) = (closed(before.snd_wnd), closed(facts.snd_wnd))
            && was != is
        {
            step.window_closed = Some(is);
            self.tally.zero_windows += u32::from(is);
        }
        step.state_changed = before.tcp_state.is_some() && before.tcp_state != facts.tcp_state;
        if facts.tcp_state == Some(tcp_state::CLOSED) && before.established {
            self.clock.ended = true;
        }
    }

    fn count(&mut self, before: &Before, seen: &Observed<'_>, stack: Option<Stack>) {
        let (facts, tally) = (&self.facts, &mut self.tally);
        if let Some((kind, rtt)) = seen.rtt {
            self.rtts.add(kind, rtt);
        }
        if let (Some(old), Some(una)) = (before.snd_una, facts.snd_una)
            && before.established
        {
            // A FIN is no data.
            let end = before.snd_end.filter(|&end| precedes(end, una)).unwrap_or(una);
            tally.acked_bytes += u64::from(distance(old, end));
        }
        if facts.established {
            if let Some(cwnd) = facts.cwnd {
                let (min, max) = tally.cwnd.get_or_insert((cwnd, cwnd));
                (*min, *max) = ((*min).min(cwnd), (*max).max(cwnd));
            }
            tally.largest_window = tally.largest_window.max(facts.snd_wnd.unwrap_or(0));
        }
        if let Some(stack) = stack.filter(|&stack| Some(stack) != tally.stack) {
            tally.stack_changes += u32::from(tally.stack.is_some());
            tally.stack = Some(stack);
        }
        tally.stack_changes += u32::from(seen.stack_changed);
        tally.cc_changes += u32::from(seen.cc_changed);
        tally.goodput = seen.goodput.or(tally.goodput);
        self.slow_start(before, seen);
    }

    /// Follows slow start: cwnd below ssthresh.
    fn slow_start(&mut self, before: &Before, seen: &Observed<'_>) {
        let facts = &self.facts;
        let (Some(cwnd), Some(ssthresh)) = (facts.cwnd, facts.ssthresh) else { return };
        if !facts.established {
            return;
        }
        match self.tally.slow_start {
            SlowStart::Unseen if cwnd < ssthresh => self.tally.slow_start = SlowStart::Going,
            SlowStart::Going if cwnd >= ssthresh || seen.hystart => {
                let lowered = before.ssthresh.is_some_and(|was| ssthresh < was);
                let loss = facts.recovery == Some(true) || seen.timer == Some(Timer::Rto);
                let how = match () {
                    _ if seen.hystart => SlowStartEnd::HyStart,
                    _ if loss => SlowStartEnd::Loss,
                    _ if lowered => SlowStartEnd::Congestion,
                    _ => SlowStartEnd::Ssthresh,
                };
                let cwnd = before.cwnd.unwrap_or(cwnd).max(cwnd);
                self.tally.slow_start = SlowStart::Ended(how, self.clock.now, cwnd);
            }
            _ => {}
        }
    }

    /// Learns from the writer whether the send buffer is what it waits for.
    fn watch_buffer(&mut self, before: &Before, seen: &Observed<'_>) {
        let buffer = &mut self.buffer;
        let Some(buffered) = self.facts.buffered else { return };
        let mss = self.facts.mss.unwrap_or(0);
        match seen.kind {
            Kind::In(_) | Kind::Acked if before.snd_una != self.facts.snd_una => {
                buffer.freed.get_or_insert(self.clock.now);
            }
            Kind::UserWrite => {
                let prompt = buffer.freed.is_some_and(|at| (self.clock.now - at).0 <= PROMPT_US);
                let full = buffered.saturating_add(mss) >= buffer.ceiling;
                // A writer that waits for room never lets the buffer run empty.
                let kept = self.facts.flight().is_some_and(|flight| flight > 0) && buffer.before > 0;
                buffer.fills = if prompt && full && kept { buffer.fills.saturating_add(1) } else { 0 };
                buffer.freed = None;
            }
            _ => {}
        }
        buffer.ceiling = buffer.ceiling.max(buffered);
        buffer.before = self.facts.flight().map_or(0, |flight| buffered.min(flight));
        let limit = self.facts.buffer_limit;
        let near = |limit: u32| buffered.saturating_add(mss) >= limit && limit > 0;
        self.facts.buffer_full =
            limit.is_some_and(near) || (limit.is_none() && buffer.fills >= FILLS && near(buffer.ceiling));
    }

    /// Silence that a timer found goes on until a segment arrives.
    fn set_reception(&mut self, reception: Reception, why: Evidence, seen: &Observed<'_>) {
        let silent = seen
            .timer
            .is_some_and(|timer| timer.is_loss() || matches!(timer, Timer::Persist | Timer::Keepalive));
        let goes_on = matches!(self.receiving.state(), Some((Reception::PeerSilent, _)))
            && !matches!(seen.kind, Kind::In(_) | Kind::Acked);
        match reception {
            Reception::Open | Reception::OutOfOrder | Reception::WindowClosed if silent || goes_on => {
                self.receiving.set(Reception::PeerSilent, Evidence::Timer);
            }
            _ => self.receiving.set(reception, why),
        }
    }

    fn situation(&self) -> Option<Situation> {
        let facts = &self.facts;
        let (una, max) = (facts.snd_una?, facts.snd_max?);
        let unsent = facts.unsent().unwrap_or(0);
        let closed = matches!(facts.tcp_state, Some(tcp_state::CLOSED | tcp_state::TIME_WAIT));
        Some(Situation {
            now: self.clock.now,
            number: self.clock.number,
            una,
            max,
            waiting: !closed && (precedes(una, max) || unsent > 0),
            unsent,
            mss: facts.mss.unwrap_or(0),
            srtt_us: self.rtt_us().unwrap_or(0),
            in_handshake: !facts.established,
            fin_sent: facts.fin_sent,
            window_closed: facts.established && (facts.snd_wnd == Some(0) || facts.persist == Some(true)),
            dupacks: facts.dupacks.unwrap_or(0),
        })
    }

    fn watch_stalls(&mut self, limit: Limit) -> bool {
        self.situation().is_some_and(|situation| self.stalls.observe(&situation, limit))
    }

    /// Spans of the sending side that no later item can change, since the last call; at most 65,536 are kept. The
    /// rest stands in the account.
    pub fn take_spans(&mut self) -> Vec<Span<Limit>> {
        self.sending.take_settled()
    }

    /// The stall that ended last, if it is kept.
    pub fn last_stall(&self) -> Option<&Stall> {
        self.stalls.last()
    }

    /// The account of it, if no item follows.
    pub fn account(&self) -> Account {
        self.clone().finish()
    }

    /// The account of it, now that no item follows.
    pub fn finish(mut self) -> Account {
        let limit = self.sending.state().map_or(Limit::Unknown, |state| state.0);
        self.sending.finish();
        self.receiving.finish();
        if let Some(situation) = self.situation() {
            let ended_by = if self.clock.ended { StallEnd::ConnectionEnd } else { StallEnd::LogEnd };
            self.stalls.finish(&situation, ended_by, limit);
        }
        self.rtts.shrink();
        let spans = self.sending.take_settled().into_boxed_slice();
        let first = self.clock.first.unwrap_or(self.clock.now);
        Account {
            first,
            duration_us: (self.clock.now - first).0.max(0) as u64,
            items: self.clock.items,
            established: self.facts.established,
            ended: self.clock.ended,
            is_listener: self.is_listener(),
            sending: Side::new(self.sending.totals()),
            receiving: Side::new(self.receiving.totals()),
            stalls: self.stalls.kept().into_boxed_slice(),
            more_stalls: self.stalls.more,
            sent: self.sent.counts,
            received: self.received.counts,
            acked_bytes: self.facts.snd_una.map(|_| self.tally.acked_bytes),
            resent: self.sent.by_cause,
            fired: self.tally.fired,
            failed: std::mem::take(&mut self.sent.failed).into_boxed_slice(),
            recoveries: self.tally.recoveries,
            missing: self.tally.missing,
            gaps: self.tally.gaps,
            rtts: self.rtts,
            cwnd: self.tally.cwnd,
            ends: self.tally.ends,
            handshake: self.handshake,
            tcp_state: self.facts.tcp_state,
            spans,
            more_spans: self.sending.dropped(),
            options: InUse::of(&self.facts),
            tally: Seen::of(&self.tally),
        }
    }

    /// Whether it is a socket without a connection.
    fn is_listener(&self) -> bool {
        let idle = matches!(self.facts.tcp_state, None | Some(tcp_state::CLOSED | tcp_state::LISTEN));
        idle && !self.facts.established
            && self.sent.counts.segments == 0
            && self.received.counts.segments == 0
    }

    /// The round-trip times so far.
    pub fn rtts(&self) -> &Rtts {
        &self.rtts
    }
}

/// The facts before an item that are compared with those after it.
#[derive(Clone, Copy, Debug)]
struct Before {
    tcp_state: Option<u8>,
    established: bool,
    snd_una: Option<u32>,
    snd_max: Option<u32>,
    snd_end: Option<u32>,
    snd_wnd: Option<u32>,
    cwnd: Option<u32>,
    ssthresh: Option<u32>,
    recovery: Option<bool>,
    fast_recovery: Option<bool>,
}

impl Before {
    #[inline]
    fn of(facts: &Facts) -> Before {
        Before {
            tcp_state: facts.tcp_state,
            established: facts.established,
            snd_una: facts.snd_una,
            snd_max: facts.snd_max,
            snd_end: facts.snd_end,
            snd_wnd: facts.snd_wnd,
            cwnd: facts.cwnd,
            ssthresh: facts.ssthresh,
            recovery: facts.recovery,
            fast_recovery: facts.fast_recovery,
        }
    }
}
