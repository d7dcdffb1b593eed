// SPDX-License-Identifier: BSD-2-Clause
//! Round-trip times: minimum, mean, maximum and percentiles in little memory.
//!
//! A value is counted in a bucket 1/32 of an octave wide, so a percentile is right to 3 %. Only buckets that have
//! values take memory: 6 bytes each, some hundred bytes for a connection, 6 kB at most.

use crate::evidence::RttKind;

/// Buckets of an octave.
const STEPS: u32 = 32;
const STEP_BITS: u32 = STEPS.trailing_zeros();

/// The round-trip times of a connection, of its first kind that the log has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Rtts {
    kind: Option<RttKind>,
    min: u32,
    max: u32,
    count: u64,
    total: u64,
    /// Buckets with values, in order.
    buckets: Vec<Bucket>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(C, packed)]
struct Bucket {
    number: u16,
    count: u32,
}

impl Rtts {
    /// Takes in a value, microseconds. A better kind replaces what was there.
    #[inline]
    pub(crate) fn add(&mut self, kind: RttKind, us: u32) {
        match self.kind {
            Some(have) if have < kind => return,
            Some(have) if have == kind => {}
            _ => *self = Rtts { kind: Some(kind), min: us, ..Rtts::default() },
        }
        self.min = self.min.min(us);
        self.max = self.max.max(us);
        self.count += 1;
        self.total += u64::from(us);
        let number = bucket(us);
        match self.buckets.binary_search_by_key(&number, |bucket| bucket.number) {
            Ok(at) => self.buckets[at].count = { self.buckets[at].count }.saturating_add(1),
            Err(at) => self.buckets.insert(at, Bucket { number, count: 1 }),
        }
    }

    /// How the values came about; `None` without any.
    pub fn kind(&self) -> Option<RttKind> {
        self.kind
    }

    /// The least, microseconds.
    pub fn min_us(&self) -> Option<u32> {
        self.kind.map(|_| self.min)
    }

    /// The greatest, microseconds.
    pub fn max_us(&self) -> Option<u32> {
        self.kind.map(|_| self.max)
    }

    /// The mean, microseconds.
    pub fn mean_us(&self) -> Option<u32> {
        u32::try_from(self.total.checked_div(self.count)?).ok()
    }

    /// How many there are.
    pub fn count(&self) -> u64 {
        self.count
    }

    /// The value that `percent` of all do not exceed, right to 3 %, microseconds.
    pub fn percentile_us(&self, percent: u8) -> Option<u32> {
        self.kind?;
        let wanted = (self.count * u64::from(percent.min(100))).div_ceil(100).max(1);
        let mut seen = 0;
        let found = self.buckets.iter().find(|bucket| {
            seen += u64::from(bucket.count);
            seen >= wanted
        });
        let us = found.map_or(self.max, |bucket| middle(bucket.number));
        Some(us.clamp(self.min, self.max))
    }

    /// Gives back memory that is not used.
    pub(crate) fn shrink(&mut self) {
        self.buckets.shrink_to_fit();
    }
}

/// The bucket of a value: its octave and the five bits below its highest.
fn bucket(us: u32) -> u16 {
    if us < STEPS {
        return us as u16;
    }
    let octave = us.ilog2() - STEP_BITS;
    let step = us >> octave & (STEPS - 1);
    ((octave + 1) * STEPS + step) as u16
}

/// The value in the middle of a bucket.
fn middle(number: u16) -> u32 {
    let number = u32::from(number);
    if number < STEPS {
        return number;
    }
    let (octave, step) = (number / STEPS - 1, number % STEPS);
    let low = (STEPS + step) << octave;
    low + ((1 << octave) >> 1)
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        #[test]
        fn buckets_are_narrow(us in 0_u32..u32::MAX) {
            let near = middle(bucket(us));
            prop_assert!(near.abs_diff(us) <= us / 32, "{us} is {near}");
        }

        #[test]
        fn percentiles_are_right(mut values in prop::collection::vec(1_u32..4_000_000_000, 1..300)) {
            let mut rtts = Rtts::default();
            values.iter().for_each(|&us| rtts.add(RttKind::Sample, us));
            values.sort_unstable();
            for percent in [1_u8, 50, 95, 99, 100] {
                let at = (values.len() * usize::from(percent)).div_ceil(100).max(1) - 1;
                let found = rtts.percentile_us(percent).unwrap();
                prop_assert!(found.abs_diff(values[at]) <= values[at] / 16);
            }
            prop_assert_eq!(rtts.min_us(), values.first().copied());
            prop_assert_eq!(rtts.max_us(), values.last().copied());
        }
    }

    #[test]
    fn better_kinds_replace() {
        let mut rtts = Rtts::default();
        rtts.add(RttKind::Smoothed, 900);
        rtts.add(RttKind::Sample, 100);
        rtts.add(RttKind::Used, 500);
        assert_eq!((rtts.kind(), rtts.count(), rtts.mean_us()), (Some(RttKind::Sample), 1, Some(100)));
        assert_eq!(Rtts::default().percentile_us(50), None);
    }
}
