// SPDX-License-Identifier: BSD-2-Clause
//! Ticks per second, from the tick counter (tlb_ticks) against the uptime (tlb_tv) of records.

use bblog_dissector::Micros;

use super::{CLEARLY, Inferred};

/// Values that kern.hz usually has: the default on hardware is 1000, in virtual machines 100.
pub(super) const USUAL: [u32; 8] = [50, 100, 250, 500, 1_000, 2_000, 4_000, 10_000];
/// Ticks that must pass between two records: the counter steps once a tick, and a machine that is
/// busy, or a virtual one that does not run, counts some late.
const LEAST_TICKS: i64 = 5;
/// The longest time between two records that counts: 2^31 ticks are 2.5 days at a hz of 10,000.
const LONGEST: i64 = 2 * 86_400 * 1_000_000;
/// Ticks from which on a rate that is not near a usual one is believed.
const MEASURED_TICKS: i64 = 200;
/// A rate this many percent off a usual one is taken as the usual one.
const NEAR_PERCENT: i64 = 10;

/// Measurements of the tick rate, by the usual rate that each is nearest to.
#[derive(Clone, Debug, Default)]
pub(super) struct TickVotes {
    /// Where the current measurement began.
    since: Option<(Micros, u32)>,
    by_rate: [Measured; USUAL.len()],
}

/// Measurements added up.
#[derive(Clone, Copy, Debug, Default)]
struct Measured {
    votes: u32,
    ticks: i64,
    /// Microseconds.
    time: i64,
}

impl TickVotes {
    /// Looks at a record that was made at uptime `time`, when the tick counter stood at `ticks`.
    pub(super) fn observe(&mut self, time: Micros, ticks: u32) {
        let Some((time_then, ticks_then)) = self.since else {
            self.since = Some((time, ticks));
            return;
        };
        let passed = time.0.saturating_sub(time_then.0);
        // The counter wraps, ten minutes after boot for the first time.
        let counted = i64::from(ticks.wrapping_sub(ticks_then) as i32);
        if !(0..=LONGEST).contains(&passed) || counted < 0 {
            self.since = Some((time, ticks));
            return;
        }
        if counted < LEAST_TICKS || passed == 0 {
            return;
        }
        self.since = Some((time, ticks));
        let rate = counted.saturating_mul(1_000_000) / passed;
        if let Some(measured) = nearest(rate).and_then(|at| self.by_rate.get_mut(at)) {
            measured.votes = measured.votes.saturating_add(1);
            measured.ticks = measured.ticks.saturating_add(counted);
            measured.time = measured.time.saturating_add(passed);
        }
    }

    /// Adds the measurements of `other`.
    pub(super) fn absorb(&mut self, other: &TickVotes) {
        self.since = None;
        for (measured, more) in self.by_rate.iter_mut().zip(other.by_rate) {
            measured.votes = measured.votes.saturating_add(more.votes);
            measured.ticks = measured.ticks.saturating_add(more.ticks);
            measured.time = measured.time.saturating_add(more.time);
        }
    }

    /// Measurements made.
    pub(super) fn votes(&self) -> u32 {
        self.by_rate.iter().fold(0, |sum, measured| sum.saturating_add(measured.votes))
    }

    /// The rate that clearly has the most measurements.
    pub(super) fn winner(&self) -> Option<Inferred<u32>> {
        let (usual, measured) =
            USUAL.into_iter().zip(self.by_rate).max_by_key(|(_, measured)| measured.votes)?;
        let (votes, against) = (measured.votes, self.votes() - measured.votes);
        if votes <= against.saturating_mul(CLEARLY) {
            return None;
        }
        let time = i128::from(measured.time);
        let rate = i64::try_from((i128::from(measured.ticks) * 1_000_000 + time / 2) / time).ok()?;
        let usual_rate = i64::from(usual);
        let near = (rate - usual_rate).abs() * 100 <= usual_rate * NEAR_PERCENT;
        let value = if near || measured.ticks < MEASURED_TICKS { usual } else { u32::try_from(rate).ok()? };
        Some(Inferred { value, votes, against })
    }
}

/// Whether two rates are of two machines.
pub(super) fn differ(one: u32, two: u32) -> bool {
    u64::from(one.abs_diff(two)) * 100 > u64::from(one.max(two)) * NEAR_PERCENT.unsigned_abs()
}

/// The usual rate that `rate` is nearest to, by ratio; `None` if it is not near any.
fn nearest(rate: i64) -> Option<usize> {
    let ratio = |usual: u32| {
        let usual = i64::from(usual);
        rate.max(usual) * 1_000 / rate.min(usual).max(1)
    };
    let (at, usual) = USUAL.into_iter().enumerate().min_by_key(|(_, usual)| ratio(*usual))?;
    (ratio(usual) < 1_500).then_some(at)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// What is concluded from records `step` microseconds apart on a machine with this tick rate.
    fn at(hz: i64, step: i64, from_ticks: u32) -> Option<u32> {
        let mut votes = TickVotes::default();
        for time in (0..2_000).map(|record| record * step + 17) {
            votes.observe(Micros(time), from_ticks.wrapping_add((time * hz / 1_000_000) as u32));
        }
        votes.winner().map(|inferred| inferred.value)
    }

    #[test]
    fn usual_rates() {
        for hz in USUAL {
            for step in [1_000, 7_919, 130_001] {
                assert_eq!(at(hz.into(), step, 5), Some(hz), "{step} us apart");
            }
        }
    }

    #[test]
    fn other_rates_are_measured() {
        assert_eq!(at(128, 50_000, 0).unwrap().abs_diff(128), 0);
        assert_eq!(at(1_024, 50_000, 0), Some(1_000));
        assert_eq!(at(300, 50_000, 0), Some(300));
    }

    #[test]
    fn the_counter_wraps() {
        assert_eq!(at(100, 130_001, (1 << 31) - 1_000), Some(100));
        assert_eq!(at(100, 130_001, u32::MAX - 1_000), Some(100));
    }

    #[test]
    fn nothing_from_too_little() {
        assert_eq!(at(100, 10, 0), None);
        assert_eq!(at(0, 10_000, 0), None);
    }

    #[test]
    fn times_of_any_kind() {
        let mut votes = TickVotes::default();
        for (time, ticks) in
            [(i64::MIN, 0), (i64::MAX, 7), (0, u32::MAX), (1, 9), (-1, 3), (LONGEST, 1 << 31)]
        {
            votes.observe(Micros(time), ticks);
        }
        assert_eq!(votes.winner(), None);
    }
}
