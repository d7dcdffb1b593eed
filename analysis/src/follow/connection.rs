// SPDX-License-Identifier: BSD-2-Clause
//! One connection: items in, facts and an account of its time out.

use bblog_dissector::Micros;
use bblog_dissector::bblog::{Record, Serial};
use bblog_dissector::spec::Stack;

use crate::evidence::{Facts, ItemKind, Observed, Plans, RttKind, Segment, SegmentOptions, flag, read};
use crate::follow::account::{Account, InUse, NoteCounts, TimeByState};
use crate::follow::step::{SackBlock, Step};
use crate::item::Item;
use crate::limits::ledger::{Ledger, Span};
use crate::limits::limit::{Evidence, Limit, Reception, receiving, sending};
use crate::limits::stall::{Situation, Stall, StallEnd, Stalls};
use crate::measure::cached_rtt::CachedRtt;
use crate::measure::facts_before::FactsBefore;
use crate::measure::handshake::Handshake;
use crate::measure::reordering::Reordering;
use crate::measure::rtt::Rtts;
use crate::measure::segment_size::SegmentSize;
use crate::measure::send_buffer::SendBuffer;
use crate::measure::tally::{StackOf, Tally};
use crate::measure::transmit::{Received, SegmentCounts, Sent};
use crate::tcp::seq::before as precedes;
use crate::tcp::state;
use crate::tcp::timer::Timer;

/// What a connection is followed for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wanted {
    /// Every span, which [`Connection::take_spans`] returns; otherwise only their totals.
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
    cached_rtt: CachedRtt,
    pub(crate) tally: Tally,
    clock: Timeline,
    buffer: SendBuffer,
    /// The serial number of the last BBLog record.
    serial: Option<u32>,
    /// Items were passed over since the last one.
    passed_over: bool,
    order: Reordering,
    /// A timer found a loss, and nothing was received since.
    unanswered: bool,
    /// What limits it, as the last item's step says.
    limit: Option<Limit>,
    mss: SegmentSize,
}

/// Times and numbers of items.
#[derive(Clone, Copy, Debug, Default)]
struct Timeline {
    first: Option<Micros>,
    /// Of any item: before `first` where the log is not in order of time.
    earliest: Option<Micros>,
    now: Micros,
    number: u64,
    /// That of the first item.
    first_number: u64,
    items: u64,
    ended: bool,
    /// The log holds the handshake (BBLog).
    is_whole: bool,
    /// The item was logged late, after later ones.
    is_late: bool,
}

/// The options of a segment that has more than a time stamp.
#[inline]
fn options_of(segment: &Segment<'_>) -> Option<SegmentOptions> {
    segment.options.filter(|options| options.len() > 12).map(SegmentOptions::parse)
}

fn newest_block(segment: &Segment<'_>, options: &SegmentOptions, is_ours: bool) -> Option<SackBlock> {
    let (start, end) = options.first_block?;
    let is_duplicate = options.duplicate(segment.ack).is_some();
    Some(SackBlock { start, end, is_ours, is_duplicate })
}

/// What is reckoned with where no RTT is known, microseconds.
const UNKNOWN_RTT_US: u32 = 100_000;
impl Default for Connection {
    fn default() -> Connection {
        Connection::new(Wanted::default())
    }
}

impl Connection {
    /// A connection without items.
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
            cached_rtt: CachedRtt::default(),
            tally: Tally::default(),
            clock: Timeline::default(),
            buffer: SendBuffer::default(),
            serial: None,
            passed_over: false,
            order: Reordering::default(),
            unanswered: false,
            limit: None,
            mss: SegmentSize::Logged,
        }
    }

    /// What is known of it now.
    pub fn facts(&self) -> &Facts {
        &self.facts
    }

    /// The smoothed round-trip time now, microseconds; `None` as long as it is the host cache's and not the
    /// connection's own.
    pub fn srtt_us(&self) -> Option<u32> {
        self.facts.srtt_us.filter(|&srtt| self.cached_rtt.is_own(srtt))
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
        if self.clock.first.is_none() {
            (self.clock.first, self.clock.first_number) = (Some(now), number);
        }
        self.clock.earliest = Some(self.clock.earliest.map_or(now, |earliest| earliest.min(item.time())));
        // Several CPUs write a capture of eventlog, and not in order.
        self.clock.is_late = item.time() < now && matches!(item, Item::Eventlog(_));
        (self.clock.now, self.clock.number) = (now, number);
        self.clock.items += 1;
        let passed_over = std::mem::take(&mut self.passed_over);
        if missing > 0 {
            self.lose(now, missing);
        } else if passed_over {
            self.skip(now);
        }
        self.sending.advance(now);
        self.receiving.advance(now);
        let before = FactsBefore::of(&self.facts);
        let seen = read(plans, &mut self.facts, item);
        if self.clock.items == 1 {
            self.clock.is_whole = matches!(item, Item::Bblog(_)) && !self.facts.established;
        }
        let stack = match item {
            Item::Bblog(item) => Some(StackOf { stack: item.context.stack, id: item.record.stack_id() }),
            Item::Eventlog(_) => None,
        };
        self.take(&before, &seen, stack, missing)
    }

    /// Takes in what an item said.
    fn take(
        &mut self,
        before: &FactsBefore,
        seen: &Observed<'_>,
        stack: Option<StackOf>,
        missing: u32,
    ) -> Step {
        let state_before = self.sending.state().map_or(Limit::Unknown, |state| state.0);
        let mut step = Step::begin(seen, missing, self.clock.items == 1);
        step.limit_before = self.limit;
        if let Some(timer) = seen.timer
            && self.fired(timer)
        {
            step.limit_before = Some(Limit::Timeout);
        }
        if seen.timer_cut {
            self.tally.timer_cut = true;
            self.stalls.timer_cut();
            self.sent.timer_cut();
        }
        self.happened(before, seen, stack.map(|of| of.stack), &mut step);
        self.changed(before, seen, &mut step);
        self.round_trip(seen, stack);
        self.tally.count(before, &self.facts, seen, (stack, self.clock.now));
        // What is sent does not show whether what was sent before is answered.
        self.facts.settled |= matches!(seen.kind, ItemKind::In(_) | ItemKind::Acked);
        self.buffer.watch(&mut self.facts, before, seen, self.clock.now);
        let (limit, evidence) = sending(&self.facts);
        self.sending.set(limit, evidence);
        let (reception, why) = receiving(&self.facts);
        self.set_reception(reception, why, seen);
        let waits = self.unanswered && limit != Limit::Unknown;
        (step.limit, step.evidence) =
            if waits { (Limit::Timeout, Evidence::Timer) } else { (limit, evidence) };
        self.limit = Some(step.limit);
        step.stall_ended = self.watch_stalls(state_before);
        step
    }

    /// Takes in a round-trip time, unless it is not the connection's own.
    fn round_trip(&mut self, seen: &Observed<'_>, stack: Option<StackOf>) {
        let is_default = stack.is_some_and(|of| of.stack == Stack::Freebsd);
        let smoothed = match seen.rtt {
            Some((RttKind::Smoothed, rtt)) if is_default => Some(rtt),
            _ => seen.default_srtt,
        };
        let age = (self.clock.now - self.clock.first.unwrap_or_default()).0.unsigned_abs();
        let age = Some(age).filter(|_| self.clock.is_whole || self.facts.opened);
        let syn_sent = self.handshake.syns > 0;
        let is_own = smoothed.is_none_or(|srtt| self.cached_rtt.take(srtt, age, syn_sent));
        if let Some((kind, rtt)) = seen.rtt.filter(|rtt| rtt.0 != RttKind::Smoothed || is_own) {
            self.rtts.add(kind, rtt);
        }
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

    /// Items up to `now` were passed over: what they changed stands in the next one, but not when.
    #[cold]
    fn skip(&mut self, now: Micros) {
        self.sending.lose(now, Limit::Unknown);
        self.receiving.lose(now, Reception::Unknown);
        self.unanswered = false;
        self.stalls.gap(0);
        self.facts.stop = None;
        self.facts.settled = false;
    }

    /// Records are missing up to `now`.
    #[cold]
    fn lose(&mut self, now: Micros, missing: u32) {
        self.sending.lose(now, Limit::Unknown);
        self.receiving.lose(now, Reception::Unknown);
        self.sent.gap();
        self.unanswered = false;
        self.stalls.gap(missing);
        self.tally.missing += u64::from(missing);
        self.tally.gaps += 1;
        self.facts.forget();
        self.buffer.lose();
    }

    /// A timer fired: of those that find a loss, the time since the last segment is theirs. Returns whether it is
    /// one of those.
    fn fired(&mut self, timer: Timer) -> bool {
        let count = &mut self.tally.fired[timer as usize];
        *count = count.saturating_add(1);
        self.stalls.fired(timer);
        self.sent.fired(timer);
        let finds_loss = timer.is_loss() && self.facts.established;
        if finds_loss {
            self.sending.attribute_again(Limit::Timeout, Evidence::Timer);
            self.unanswered = true;
        }
        if timer.is_loss() || matches!(timer, Timer::Persist | Timer::Keepalive) {
            self.receiving.attribute_again(Reception::PeerSilent, Evidence::Timer);
        }
        finds_loss
    }

    fn happened(&mut self, before: &FactsBefore, seen: &Observed<'_>, stack: Option<Stack>, step: &mut Step) {
        match seen.kind {
            ItemKind::In(segment) => self.received(before, &segment, step),
            ItemKind::Acked => self.acked(before),
            ItemKind::Out(segment, errno) => {
                self.sent(before, &segment);
                step.sack = step.sack.or_else(|| newest_block(&segment, &options_of(&segment)?, true));
                step.send_error = errno.filter(|&errno| errno > 0);
                step.retransmission = if self.clock.is_late {
                    self.sent.late(&segment);
                    None
                } else {
                    self.sent.segment(&segment, errno, stack, seen.sent_before)
                };
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
            ItemKind::NotSent(errno) => {
                let was_again = self.sent.not_sent(errno);
                self.stalls.not_sent(errno, was_again);
                step.send_error = Some(errno);
            }
            ItemKind::UserWrite | ItemKind::Other => {}
            ItemKind::End => {
                self.clock.ended = true;
                step.is_end = true;
            }
        }
    }

    /// A segment is sent. If what a timer sent was not answered in two RTTs, the time up to here is the
    /// timeout's, too, though other data is sent before the next timer fires.
    fn sent(&mut self, before: &FactsBefore, segment: &Segment<'_>) {
        let is_new = before.snd_max.is_some_and(|max| precedes(max, segment.end()));
        let patience = 2 * i64::from(self.rtt_us().unwrap_or(UNKNOWN_RTT_US));
        if self.unanswered && is_new {
            if self.sending.since_settled() > patience {
                self.sending.attribute_again(Limit::Timeout, Evidence::Timer);
            }
            self.unanswered = false;
        }
        self.sending.settle();
        self.mss.learn(&mut self.facts, &self.handshake, segment);
    }

    /// The round-trip time to go by, microseconds.
    fn rtt_us(&self) -> Option<u32> {
        self.srtt_us().or_else(|| self.rtts.mean_us())
    }

    /// A segment was received.
    fn received(&mut self, before: &FactsBefore, segment: &Segment<'_>, step: &mut Step) {
        self.unanswered = false;
        self.sending.settle();
        self.receiving.settle();
        if self.clock.is_late {
            self.received.late(segment);
        } else {
            step.arrival = self.received.segment(segment);
        }
        self.tally.ends.see(segment, false);
        if !self.facts.established || segment.has(flag::SYN) {
            self.handshake.received(segment);
        }
        let options = options_of(segment);
        if let Some(options) = options.filter(|options| options.first_block.is_some()) {
            self.sacked(segment, &options);
            step.sack = newest_block(segment, &options, false);
        }
        self.acked(before);
    }

    /// What SACK blocks say about duplicates and order.
    fn sacked(&mut self, segment: &Segment<'_>, options: &SegmentOptions) {
        match options.duplicate(segment.ack) {
            Some(range) => {
                self.tally.spurious = self.tally.spurious.saturating_add(1);
                self.stalls.duplicate(range);
            }
            None => self.order.sacked(options),
        }
    }

    /// snd_una may have advanced.
    fn acked(&mut self, before: &FactsBefore) {
        let (Some(old), Some(una)) = (before.snd_una, self.facts.snd_una) else { return };
        self.sending.settle();
        if precedes(old, una) {
            self.order.acked(old, una, &self.sent);
        }
        self.sent.acked(una);
    }

    /// What the item changed in the facts.
    fn changed(&mut self, before: &FactsBefore, seen: &Observed<'_>, step: &mut Step) {
        let facts = &self.facts;
        if let (Some(was), Some(is)) = (before.recovery, facts.recovery)
            && was != is
        {
            step.recovery = Some(is);
        }
        let begins = before.fast_recovery == Some(false) && facts.fast_recovery == Some(true);
        self.tally.recoveries += u32::from(begins || seen.recovery_begins);
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
        if facts.tcp_state == Some(state::CLOSED) && before.established {
            self.clock.ended = true;
        }
    }

    /// Silence that a timer found goes on until a segment arrives.
    fn set_reception(&mut self, reception: Reception, why: Evidence, seen: &Observed<'_>) {
        let silent = seen
            .timer
            .is_some_and(|timer| timer.is_loss() || matches!(timer, Timer::Persist | Timer::Keepalive));
        let goes_on = matches!(self.receiving.state(), Some((Reception::PeerSilent, _)))
            && !matches!(seen.kind, ItemKind::In(_) | ItemKind::Acked);
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
        let closed = matches!(facts.tcp_state, Some(state::CLOSED | state::TIME_WAIT));
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

    /// As [`Connection::take_spans`], one by one; the memory is kept for those to come.
    pub fn drain_spans(&mut self) -> impl Iterator<Item = Span<Limit>> {
        self.sending.drain_settled()
    }

    /// Spans of the sending side that later items may still change or prolong, the oldest first. With those that
    /// [`Connection::drain_spans`] gave they are all of the time up to the last item.
    pub fn unsettled_spans(&self) -> impl Iterator<Item = Span<Limit>> {
        self.sending.unsettled()
    }

    /// Segments sent so far.
    pub fn sent_counts(&self) -> SegmentCounts {
        self.sent.counts
    }

    /// Bytes of data that the peer acknowledged so far; `None` if the log has no acknowledgements.
    pub fn acked_bytes(&self) -> Option<u64> {
        self.facts.snd_una.map(|_| self.tally.acked_bytes)
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
            earliest: self.clock.earliest.unwrap_or(first),
            duration_us: (self.clock.now - first).0.max(0) as u64,
            first_number: self.clock.first_number,
            items: self.clock.items,
            established: self.facts.established,
            ended: self.clock.ended,
            is_listener: self.is_listener(),
            sending: TimeByState::new(self.sending.totals()),
            receiving: TimeByState::new(self.receiving.totals()),
            stalls: self.stalls.kept().into_boxed_slice(),
            more_stalls: self.stalls.more,
            sent: self.sent.counts,
            received: self.received.counts,
            acked_bytes: self.facts.snd_una.map(|_| self.tally.acked_bytes),
            resent: self.sent.by_cause,
            fired: self.tally.fired,
            timer_cut: self.tally.timer_cut,
            failed: std::mem::take(&mut self.sent.failed).into_boxed_slice(),
            recoveries: self.tally.recoveries,
            missing: self.tally.missing,
            gaps: self.tally.gaps,
            rtts: self.rtts,
            cwnd: self.tally.cwnd,
            ends: self.tally.ends,
            handshake: self.handshake,
            stack_changes: self.tally.stack_changes,
            cc_changes: self.tally.cc_changes,
            tcp_state: self.facts.tcp_state.filter(|_| self.facts.is_state_current),
            spans,
            more_spans: self.sending.dropped(),
            cached_rtt_us: self.cached_rtt.first_us(),
            options: InUse::of(&self.facts),
            tally: NoteCounts::of(&self.tally, &self.order),
        }
    }

    /// Whether it is a socket without a connection.
    pub fn is_listener(&self) -> bool {
        let idle = matches!(self.facts.tcp_state, Some(state::CLOSED | state::LISTEN));
        idle && !self.facts.established
            && self.sent.counts.segments == 0
            && self.received.counts.segments == 0
    }

    /// The round-trip times so far.
    pub fn rtts(&self) -> &Rtts {
        &self.rtts
    }
}
