// SPDX-License-Identifier: BSD-2-Clause
//! Segments sent and received: what is new, what is sent again and why, what was never sent.

use bblog_dissector::spec::Stack;

use crate::evidence::{Segment, flag};
use crate::tcp::seq::{before, distance, later};
use crate::tcp::timer::Timer;

/// Why a segment was sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cause {
    /// The retransmission timeout, or what follows it until all that was in flight is acknowledged.
    Rto,
    /// A tail loss probe.
    Tlp,
    /// RACK found it lost, by its timer or by an ACK.
    Rack,
    /// Duplicate ACKs or SACKs.
    DupAcks,
}

impl Cause {
    /// All of them.
    pub const ALL: [Cause; 4] = [Cause::Rto, Cause::Tlp, Cause::Rack, Cause::DupAcks];

    /// Its name as a value of `bblog.retransmission`: `RTO`, `dupacks`.
    pub fn name(self) -> &'static str {
        match self {
            Cause::Rto => "RTO",
            Cause::Tlp => "TLP",
            Cause::Rack => "RACK",
            Cause::DupAcks => "dupacks",
        }
    }

    /// A retransmission of this cause, or of none that is known, in words: `TLP retransmission`.
    pub fn words(cause: Option<Cause>) -> &'static str {
        match cause {
            Some(Cause::Rto) => "RTO retransmission",
            Some(Cause::Tlp) => "TLP retransmission",
            Some(Cause::Rack) => "RACK retransmission",
            Some(Cause::DupAcks) => "dupACK retransmission",
            None => "retransmission",
        }
    }
}

/// A segment sent again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Retransmission {
    /// Its first sequence number.
    pub start: u32,
    /// The sequence number after it.
    pub end: u32,
    /// Bytes of data of it that were sent before.
    pub bytes: u32,
    /// Why; `None` if the log does not say which stack it is of.
    pub cause: Option<Cause>,
}

/// How a segment that was received stands to those received before it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Arrival {
    /// It begins where the ones before it end.
    Next,
    /// Something before it is missing.
    AfterGap,
    /// It begins below what was received before: sent again, or late.
    Behind,
}

impl Retransmission {
    /// What it is, in words: `TLP retransmission`.
    pub fn words(&self) -> &'static str {
        Cause::words(self.cause)
    }
}

/// Segments of one direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SegmentCounts {
    /// Segments. With TSO and LRO one may have been several packets.
    pub segments: u64,
    /// Bytes of data in them, those sent again included.
    pub bytes: u64,
    /// Segments with data, SYN or FIN that went by before, at least in part.
    pub retransmissions: u64,
    /// Bytes of data that went by before.
    pub retransmitted_bytes: u64,
}

/// The segments sent.
#[derive(Clone, Debug, Default)]
pub(crate) struct Sent {
    pub(crate) counts: SegmentCounts,
    /// Retransmissions by cause.
    pub(crate) by_cause: [u32; Cause::ALL.len()],
    /// Sends that failed, and the error number of the last.
    pub(crate) failed: Vec<(i32, u32)>,
    /// The sequence number after the highest sent.
    max: Option<u32>,
    /// Up to here everything was sent before the last retransmission timeout.
    lost_to: Option<u32>,
    /// Up to here everything was sent before a timer fired that the log does not name.
    unsure_to: Option<u32>,
    /// The highest end of what was sent again.
    again_to: Option<u32>,
    /// The loss timer that fired since the last segment.
    fired: Option<Timer>,
    /// What to take back if the last segment turns out not to have been sent.
    last: Option<Last>,
}

/// The last segment, as it was counted.
#[derive(Clone, Copy, Debug)]
struct Last {
    max: Option<u32>,
    counts: SegmentCounts,
    cause: Option<Cause>,
    resent: bool,
}

/// Error numbers that are counted separately for each connection.
const MAX_ERRORS: usize = 8;

impl Sent {
    /// A loss timer fired.
    pub(crate) fn fired(&mut self, timer: Timer) {
        if timer == Timer::Rto {
            self.lost_to = self.max;
        }
        if timer.is_loss() {
            self.fired = Some(timer);
        }
    }

    /// A timer may have fired, the log does not say which.
    pub(crate) fn timer_cut(&mut self) {
        (self.fired, self.unsure_to) = (None, self.max);
    }

    /// An ACK arrived: what is sent now is not the timer's work.
    pub(crate) fn acked(&mut self, una: u32) {
        self.fired = None;
        if self.unsure_to.is_some_and(|to| !before(una, to)) {
            self.unsure_to = None;
        }
        if self.lost_to.is_some_and(|to| !before(una, to)) {
            self.lost_to = None;
        }
        if self.again_to.is_some_and(|to| !before(una, to)) {
            self.again_to = None;
        }
    }

    /// Whether anything at or above `una` was sent again.
    pub(crate) fn sent_again_above(&self, una: u32) -> bool {
        self.again_to.is_some_and(|to| before(una, to))
    }

    /// Segments are missing from the log.
    pub(crate) fn gap(&mut self) {
        (self.max, self.last, self.fired) = (None, None, None);
    }

    /// A segment was handed to IP; `errno` is what became of it, if that is known. `snd_max` is what was sent
    /// before it, as far as the log says.
    pub(crate) fn segment(
        &mut self,
        segment: &Segment<'_>,
        errno: Option<i32>,
        stack: Option<Stack>,
        snd_max: Option<u32>,
    ) -> Option<Retransmission> {
        // Where the log begins, or goes on after a gap, the connection's state says what was sent.
        self.max = self.max.or(snd_max);
        if let Some(errno) = errno.filter(|&errno| errno > 0) {
            self.failure(errno);
            return None;
        }
        let (max, counts) = (self.max, self.counts);
        let again = self.again(segment, stack);
        self.counts.segments += 1;
        self.counts.bytes += u64::from(segment.len);
        if let Some(again) = &again {
            self.count_again(again);
        }
        if occupies(segment) {
            self.max = Some(max.map_or(segment.end(), |max| later(max, segment.end())));
            self.fired = None;
        }
        let cause = again.and_then(|again| again.cause);
        self.last = Some(Last { max, counts, cause, resent: again.is_some() });
        again
    }

    /// A segment was sent, but logged late, after what was sent later: it is not known what was sent before it.
    pub(crate) fn late(&mut self, segment: &Segment<'_>) {
        self.counts.segments += 1;
        self.counts.bytes += u64::from(segment.len);
        self.last = None;
    }

    /// The last segment was not sent. The stack takes its sequence numbers back, so they are new when they are
    /// sent. Returns whether it was taken for a retransmission.
    pub(crate) fn not_sent(&mut self, errno: i32) -> bool {
        self.failure(errno);
        let Some(last) = self.last.take() else { return false };
        (self.max, self.counts) = (last.max, last.counts);
        if let Some(cause) = last.cause {
            self.by_cause[cause as usize] = self.by_cause[cause as usize].saturating_sub(1);
        }
        last.resent
    }

    fn failure(&mut self, errno: i32) {
        if let Some(failed) = self.failed.iter_mut().find(|failed| failed.0 == errno) {
            failed.1 = failed.1.saturating_add(1);
        } else if self.failed.len() < MAX_ERRORS {
            self.failed.push((errno, 1));
        }
    }

    fn count_again(&mut self, again: &Retransmission) {
        self.counts.retransmissions += 1;
        self.counts.retransmitted_bytes += u64::from(again.bytes);
        if let Some(cause) = again.cause {
            let count = &mut self.by_cause[cause as usize];
            *count = count.saturating_add(1);
        }
        self.again_to = Some(self.again_to.map_or(again.end, |to| later(to, again.end)));
    }

    /// What of the segment was sent before.
    fn again(&self, segment: &Segment<'_>, stack: Option<Stack>) -> Option<Retransmission> {
        let max = self.max?;
        if !occupies(segment) || !before(segment.seq, max) || is_probe(segment, max) {
            return None;
        }
        let (start, end) = (segment.seq, segment.end());
        let bytes = distance(start, if before(end, max) { end } else { max }).min(segment.len);
        let after_timeout = self.lost_to.is_some_and(|to| before(start, to));
        let cause = match self.fired {
            Some(Timer::Tlp) => Some(Cause::Tlp),
            _ if segment.has(flag::SYN) => Some(Cause::Rto),
            _ if self.unsure_to.is_some_and(|to| before(start, to)) => None,
            _ if after_timeout => Some(Cause::Rto),
            Some(Timer::Rack) => Some(Cause::Rack),
            _ => match stack {
                Some(Stack::Rack | Stack::Bbr) => Some(Cause::Rack),
                Some(Stack::Freebsd) => Some(Cause::DupAcks),
                Some(Stack::Unknown) | None => None,
            },
        };
        Some(Retransmission { start, end, bytes, cause })
    }
}

/// Whether a segment takes sequence numbers: it has data, SYN or FIN.
fn occupies(segment: &Segment<'_>) -> bool {
    segment.end() != segment.seq && !segment.has(flag::RST)
}

/// Whether its purpose is an answer, not data: a keepalive or window probe of one byte, or what
/// follows the byte of such a probe.
fn is_probe(segment: &Segment<'_>, max: u32) -> bool {
    segment.seq == max.wrapping_sub(1)
        && !segment.has(flag::SYN)
        && !segment.has(flag::FIN)
        && (segment.len <= 1 || before(max, segment.end()))
}

/// The segments received.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Received {
    pub(crate) counts: SegmentCounts,
    max: Option<u32>,
}

impl Received {
    /// A segment was received, but logged late, after what was received later: it is not known what was before it.
    pub(crate) fn late(&mut self, segment: &Segment<'_>) {
        self.counts.segments += 1;
        self.counts.bytes += u64::from(segment.len);
    }

    pub(crate) fn segment(&mut self, segment: &Segment<'_>) -> Option<Arrival> {
        self.counts.segments += 1;
        self.counts.bytes += u64::from(segment.len);
        if !occupies(segment) {
            return None;
        }
        let end = segment.end();
        let Some(max) = self.max else {
            self.max = Some(end);
            return Some(Arrival::Next);
        };
        let is_behind = before(segment.seq, max) && !is_probe(segment, max);
        if is_behind {
            self.counts.retransmissions += 1;
            let to = if before(end, max) { end } else { max };
            self.counts.retransmitted_bytes += u64::from(distance(segment.seq, to).min(segment.len));
        }
        self.max = Some(later(max, end));
        Some(match is_behind {
            true => Arrival::Behind,
            false if before(max, segment.seq) => Arrival::AfterGap,
            false => Arrival::Next,
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NONE: u16 = flag::ACK;

    fn segment(seq: u32, len: u32, flags: u16) -> Segment<'static> {
        Segment { seq, ack: 1, flags, len, options: None }
    }

    /// Sends segments of the default stack, and gives what of them was sent before, and why.
    fn send(sent: &mut Sent, seq: u32, len: u32) -> Option<(u32, Option<Cause>)> {
        let again = sent.segment(&segment(seq, len, NONE), Some(0), Some(Stack::Freebsd), None);
        again.map(|again| (again.bytes, again.cause))
    }

    #[test]
    fn what_was_sent_before_is_sent_again() {
        let mut sent = Sent::default();
        assert_eq!(send(&mut sent, 100, 100), None);
        assert_eq!(send(&mut sent, 200, 100), None);
        assert_eq!(send(&mut sent, 100, 100), Some((100, Some(Cause::DupAcks))));
        // Half of it is new.
        assert_eq!(send(&mut sent, 250, 100), Some((50, Some(Cause::DupAcks))));
        assert_eq!((sent.counts.retransmissions, sent.counts.retransmitted_bytes), (2, 150));
        assert_eq!(sent.counts.bytes, 400);
    }

    #[test]
    fn sequence_numbers_wrap() {
        let mut sent = Sent::default();
        assert_eq!(send(&mut sent, u32::MAX - 49, 100), None);
        assert_eq!(send(&mut sent, 50, 100), None);
        assert_eq!(send(&mut sent, u32::MAX - 49, 100), Some((100, Some(Cause::DupAcks))));
    }

    #[test]
    fn a_timeout_causes_all_that_follows_it_until_it_is_acknowledged() {
        let mut sent = Sent::default();
        (0..4).for_each(|at| assert_eq!(send(&mut sent, at * 100, 100), None));
        sent.fired(Timer::Rto);
        assert_eq!(send(&mut sent, 0, 100), Some((100, Some(Cause::Rto))));
        sent.acked(100);
        assert_eq!(send(&mut sent, 100, 100), Some((100, Some(Cause::Rto))));
        sent.acked(400);
        assert_eq!(send(&mut sent, 400, 100), None);
        sent.fired(Timer::Tlp);
        assert_eq!(send(&mut sent, 400, 100), Some((100, Some(Cause::Tlp))));
        assert_eq!(sent.by_cause, [2, 1, 0, 0]);
    }

    /// A probe of a closed window, and the data that begins with its byte.
    #[test]
    fn probes_are_not_sent_again() {
        let mut sent = Sent::default();
        assert_eq!(send(&mut sent, 0, 100), None);
        assert_eq!(send(&mut sent, 100, 1), None);
        assert_eq!(send(&mut sent, 100, 1), None);
        assert_eq!(send(&mut sent, 100, 100), None);
        assert_eq!(sent.counts.retransmissions, 0);
    }

    #[test]
    fn what_was_not_sent_is_new_when_it_is() {
        let mut sent = Sent::default();
        assert_eq!(send(&mut sent, 0, 100), None);
        assert_eq!(send(&mut sent, 100, 100), None);
        assert!(!sent.not_sent(55));
        assert_eq!(send(&mut sent, 100, 100), None);
        let failed = sent.segment(&segment(200, 100, NONE), Some(55), Some(Stack::Rack), None);
        assert_eq!(failed, None);
        assert_eq!(send(&mut sent, 200, 100), None);
        assert_eq!((sent.counts.segments, sent.counts.bytes), (3, 300));
        assert_eq!(sent.failed, [(55, 2)]);
    }

    /// In a log that begins late, the connection's state shows what was sent before.
    #[test]
    fn a_late_beginning() {
        let mut sent = Sent::default();
        let again = sent.segment(&segment(100, 100, NONE), Some(0), Some(Stack::Unknown), Some(500));
        assert_eq!(again.map(|again| (again.bytes, again.cause)), Some((100, None)));
    }
}
