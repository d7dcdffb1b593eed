// SPDX-License-Identifier: BSD-2-Clause
//! Long lines at several resolutions: a coarser level keeps the smallest and the largest value of each
//! bucket of the finer one, so that no peak is lost.

use super::model::Range;

/// Points of a coarser level are made of so many of the finer one, which leave two.
const BUCKET: usize = 16;
/// Lines of so many points or fewer need no coarser level.
const ENOUGH: usize = 8192;

/// Slots of time of the coarsest level of ranges, and how many times finer each further level is.
const SLOTS: u64 = 8192;
const FINER: u64 = 8;

/// Coarser levels of ranges over a connection that lasts `until`, the finest first. Each level has a number of slots
/// of time; ranges of one slot that touch each other are one range there, so that a level covers what the ranges do.
pub fn slots(ranges: &[Range], until: u64) -> Vec<Vec<Range>> {
    let mut levels = Vec::new();
    let mut slots = SLOTS;
    while slots < ranges.len() as u64 / 2 {
        let slot = |time: u64| u128::from(time) * u128::from(slots) / (u128::from(until) + 1);
        let mut level: Vec<Range> = Vec::new();
        for range in ranges {
            match level.last_mut() {
                Some(last)
                    if slot(last.time) == slot(range.time)
                        && range.low <= last.high
                        && range.high >= last.low =>
                {
                    (last.low, last.high) = (last.low.min(range.low), last.high.max(range.high));
                }
                _ => level.push(*range),
            }
        }
        levels.push(level);
        slots *= FINER;
    }
    levels.reverse();
    levels
}

/// A line's points: times and values.
pub type Points = Vec<(u64, f64)>;

/// The levels of a line, the finest first. If it has more than `limit` points, the finest level is one that
/// has fewer.
pub fn levels(points: Points, limit: usize) -> Vec<Points> {
    let mut levels = vec![points];
    while let Some(last) = levels.last()
        && last.len() > ENOUGH
    {
        let coarser = reduce(last);
        levels.push(coarser);
    }
    let first = levels.iter().position(|level| level.len() <= limit).unwrap_or(levels.len() - 1);
    levels.split_off(first)
}

/// The extremes of each bucket, in order of time. A gap stays one.
fn reduce(points: &[(u64, f64)]) -> Points {
    let mut reduced = Vec::with_capacity(points.len() / (BUCKET / 2) + 2);
    for bucket in points.chunks(BUCKET) {
        let values = || bucket.iter().enumerate().filter(|(_, point)| !point.1.is_nan());
        let by_value = |a: &(usize, &(u64, f64)), b: &(usize, &(u64, f64))| a.1.1.total_cmp(&b.1.1);
        match (values().min_by(by_value), values().max_by(by_value)) {
            (Some((low, _)), Some((high, _))) => {
                let (first, second) = (low.min(high), low.max(high));
                reduced.push(bucket[first]);
                if second != first {
                    reduced.push(bucket[second]);
                }
            }
            _ => reduced.extend(bucket.first()),
        }
    }
    reduced
}

#[cfg(test)]
mod tests {
    use super::{Range, levels, slots};

    #[test]
    fn no_level_loses_an_extreme() {
        let points: Vec<(u64, f64)> = (0..100_000).map(|at| (at, ((at * 7919) % 10_007) as f64)).collect();
        let all = levels(points.clone(), usize::MAX);
        assert_eq!(all[0], points);
        assert!(all.len() > 1);
        for level in &all {
            let extreme = |fold: fn(f64, f64) -> f64, start| level.iter().map(|p| p.1).fold(start, fold);
            assert_eq!(extreme(f64::min, f64::MAX), 0.0);
            assert_eq!(extreme(f64::max, f64::MIN), 10_006.0);
            assert!(level.is_sorted_by_key(|point| point.0));
        }
        assert!(levels(points, 20_000)[0].len() <= 20_000);
    }

    /// What a level of ranges covers of sequence numbers is what the ranges cover.
    #[test]
    fn no_level_loses_a_range() {
        let range = |at: u64| Range { time: at, low: at * 100, high: at * 100 + 100, number: at };
        let ranges: Vec<Range> = (0..200_000).filter(|at| at % 1000 != 7).map(range).collect();
        let levels = slots(&ranges, 200_000);
        assert_eq!(levels.len(), 2);
        for level in &levels {
            assert!(level.len() < ranges.len() / 2);
            assert!(level.is_sorted_by_key(|range| range.time));
            let covered: u64 = level.iter().map(|range| range.high - range.low).sum();
            assert_eq!(covered, ranges.len() as u64 * 100);
        }
        assert!(slots(&ranges[..1000], 200_000).is_empty());
    }

    #[test]
    fn a_gap_stays_a_gap() {
        let points: Vec<(u64, f64)> = (0..20_000).map(|at| (at, f64::NAN)).collect();
        assert!(levels(points, usize::MAX).iter().all(|level| level.iter().all(|point| point.1.is_nan())));
    }
}
