// SPDX-License-Identifier: BSD-2-Clause
//! The last ten seconds of a connection, on its log's clock: the time in each state, and bytes.

use bblog_analysis::{Limit, Span};
use bblog_dissector::Micros;

/// What is looked back on, microseconds.
pub const WINDOW_US: i64 = STEP_US * STEPS as i64;
/// The steps that the window moves on by, microseconds.
const STEP_US: i64 = 500_000;
const STEPS: usize = 20;

/// Microseconds by [`Limit`].
pub type ByLimit = [u64; Limit::ALL.len()];

/// Adds a span to the time of its state.
pub fn add(times: &mut ByLimit, span: &Span<Limit>) {
    times[span.state as usize] += span.us();
}

/// Counts of the last ten seconds, in steps of half a second. Some 2 kB.
#[derive(Default)]
pub struct Recent {
    steps: Box<[HalfSecond; STEPS]>,
}

/// Half a second.
#[derive(Clone, Copy, Default)]
struct HalfSecond {
    /// Which: its beginning in units of its length.
    number: i64,
    limits: [u32; Limit::ALL.len()],
    bytes: Bytes,
}

/// Bytes of data.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bytes {
    /// Acknowledged by the peer.
    pub acked: u64,
    /// Sent, those sent again included.
    pub sent: u64,
    /// Sent again.
    pub again: u64,
}

impl Bytes {
    /// The sum.
    pub fn plus(self, other: Bytes) -> Bytes {
        Bytes {
            acked: self.acked.saturating_add(other.acked),
            sent: self.sent.saturating_add(other.sent),
            again: self.again.saturating_add(other.again),
        }
    }

    /// The part of what was sent that was sent again, 0 to 1; `None` if nothing was sent.
    pub fn retransmitted(&self) -> Option<f64> {
        (self.sent > 0).then(|| self.again as f64 / self.sent as f64)
    }
}

/// What the last ten seconds held.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sums {
    /// How much of the ten seconds the log has, microseconds.
    pub us: u64,
    /// Time in each state.
    pub limits: ByLimit,
    /// Bytes of data.
    pub bytes: Bytes,
}

impl Recent {
    /// Takes in what was counted at `time`.
    #[inline]
    pub fn count(&mut self, time: Micros, bytes: Bytes) {
        if let Some(step) = self.step(time.0.div_euclid(STEP_US)) {
            step.bytes = step.bytes.plus(bytes);
        }
    }

    /// Takes in a span of a state.
    #[inline]
    pub fn span(&mut self, span: &Span<Limit>) {
        pieces(span, |number, us| {
            if let Some(step) = self.step(number) {
                let time = &mut step.limits[span.state as usize];
                *time = time.saturating_add(us as u32);
            }
        });
    }

    /// The step with this number; `None` if it is too long ago.
    #[inline]
    fn step(&mut self, number: i64) -> Option<&mut HalfSecond> {
        let step = &mut self.steps[number.rem_euclid(STEPS as i64) as usize];
        if step.number < number {
            *step = HalfSecond { number, ..HalfSecond::default() };
        }
        (step.number == number).then_some(step)
    }

    /// The last ten seconds before `now` of a connection that began at `first`. Its last spans, which are not
    /// settled yet, are `unsettled`.
    pub fn sums(&self, first: Micros, now: Micros, unsettled: impl Iterator<Item = Span<Limit>>) -> Sums {
        let last = now.0.div_euclid(STEP_US);
        let covered = last - STEPS as i64 + 1..=last;
        let begin = first.0.max(covered.start().saturating_mul(STEP_US));
        let mut sums = Sums { us: now.0.saturating_sub(begin).max(0) as u64, ..Sums::default() };
        for step in self.steps.iter().filter(|step| covered.contains(&step.number)) {
            sums.bytes = sums.bytes.plus(step.bytes);
            sums.limits.iter_mut().zip(step.limits).for_each(|(sum, part)| *sum += u64::from(part));
        }
        for span in unsettled {
            pieces(&span, |number, us| {
                if covered.contains(&number) {
                    sums.limits[span.state as usize] += us;
                }
            });
        }
        sums
    }
}

/// The parts of a span by step, of a long one the last.
#[inline]
fn pieces(span: &Span<Limit>, mut each: impl FnMut(i64, u64)) {
    let end = span.end.0;
    let mut start = span.start.0.max(end.saturating_sub(WINDOW_US + STEP_US));
    while start < end {
        let number = start.div_euclid(STEP_US);
        let stop = number.saturating_add(1).saturating_mul(STEP_US).min(end);
        each(number, (stop - start) as u64);
        start = stop;
    }
}

#[cfg(test)]
mod tests {
    use bblog_analysis::Evidence;

    use super::*;

    fn span(start: i64, end: i64, state: Limit) -> Span<Limit> {
        Span { start: Micros(start), end: Micros(end), state, evidence: Evidence::Arithmetic }
    }

    #[test]
    fn what_is_too_long_ago_goes() {
        let mut recent = Recent::default();
        recent.span(&span(0, 3_600_000_000, Limit::Application));
        recent.span(&span(3_600_000_000, 3_604_250_000, Limit::Timeout));
        recent.count(Micros(1), Bytes { acked: 1, ..Bytes::default() });
        recent.count(Micros(3_604_250_000), Bytes { acked: 10, sent: 40, again: 20 });
        let now = Micros(3_604_250_000);
        let sums = recent.sums(Micros(0), now, [].into_iter());
        // The half second that goes on is one of the twenty.
        assert_eq!(sums.us, 9_750_000);
        assert_eq!(sums.limits[Limit::Application as usize], 5_500_000);
        assert_eq!(sums.limits[Limit::Timeout as usize], 4_250_000);
        assert_eq!(sums.limits.iter().sum::<u64>(), sums.us);
        assert_eq!((sums.bytes.acked, sums.bytes.retransmitted()), (10, Some(0.5)));
    }

    #[test]
    fn a_young_connection_has_less() {
        let recent = Recent::default();
        let unsettled = [span(700, 900, Limit::Sending), span(900, 1_000, Limit::Application)];
        let sums = recent.sums(Micros(700), Micros(1_000), unsettled.into_iter());
        assert_eq!((sums.us, sums.limits[Limit::Sending as usize]), (300, 200));
        assert_eq!(sums.bytes.retransmitted(), None);
    }

    /// A log's times may be anything.
    #[test]
    fn far_times() {
        for (first, last) in [(i64::MIN, i64::MAX), (i64::MIN, i64::MIN), (i64::MAX, i64::MAX)] {
            let mut recent = Recent::default();
            recent.count(Micros(first), Bytes::default());
            recent.span(&span(first, last, Limit::Sending));
            recent.sums(Micros(first), Micros(last), [span(first, last, Limit::Timeout)].into_iter());
        }
    }
}
