// SPDX-License-Identifier: BSD-2-Clause
//! Amounts of many connections: how many are known, their sum, and percentiles.

use serde::Serialize;
use sketches_ddsketch::{Config, DDSketch};

/// Percentiles are right to this share of their value.
pub const ERROR: f64 = 0.01;
/// Buckets that are kept: enough for amounts from 1 to 10^17.
const BUCKETS: u32 = 2048;
/// Percentiles that are shown.
pub const PERCENTILES: [u8; 3] = [50, 95, 99];

/// The amounts of a column. Those that are not known do not count.
#[derive(Clone)]
pub struct Sketch {
    sketch: DDSketch,
    sum: i128,
}

/// What is shown of the amounts of a column.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
pub struct Spread {
    /// Connections whose amount is known.
    pub known: u64,
    /// The sum; `None` where it takes more than 64 bits.
    pub sum: Option<i64>,
    /// The median.
    pub p50: Option<i64>,
    /// The 95th percentile.
    pub p95: Option<i64>,
    /// The 99th percentile.
    pub p99: Option<i64>,
}

impl Default for Sketch {
    fn default() -> Sketch {
        Sketch { sketch: DDSketch::new(Config::new(ERROR, BUCKETS, 0.5)), sum: 0 }
    }
}

impl Sketch {
    /// Takes in an amount.
    pub fn add(&mut self, amount: i64) {
        self.sketch.add(amount as f64);
        self.sum += i128::from(amount);
    }

    /// What is to be shown.
    pub fn spread(&self) -> Spread {
        let count = self.sketch.count() as u64;
        // The nearest rank: the least amount that so many percent of all do not exceed. The crate takes the rank as a
        // share of the highest, and rounds it down.
        let percentile = |percent: u8| {
            let rank = (count * u64::from(percent)).div_ceil(100).saturating_sub(1);
            let share = (rank as f64 + 0.25) / count.saturating_sub(1).max(1) as f64;
            let value = self.sketch.quantile(share.min(1.0)).ok().flatten()?;
            Some(value.round() as i64)
        };
        let [p50, p95, p99] = PERCENTILES.map(percentile);
        Spread { known: count, sum: i64::try_from(self.sum).ok(), p50, p95, p99 }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// A percentile is within [`ERROR`] of the amount at its rank.
        #[test]
        fn percentiles_are_right(mut amounts in prop::collection::vec(0_i64..10_000_000_000_000, 1..400)) {
            let mut sketch = Sketch::default();
            amounts.iter().for_each(|&amount| sketch.add(amount));
            amounts.sort_unstable();
            let spread = sketch.spread();
            prop_assert_eq!(spread.known, amounts.len() as u64);
            prop_assert_eq!(spread.sum, Some(amounts.iter().sum()));
            for (percent, found) in PERCENTILES.iter().zip([spread.p50, spread.p95, spread.p99]) {
                let rank = (amounts.len() * usize::from(*percent)).div_ceil(100).max(1) - 1;
                let exact = amounts[rank] as f64;
                let found = found.unwrap() as f64;
                prop_assert!(
                    (found - exact).abs() <= exact * ERROR + 1.0,
                    "p{percent} is {found}, expected {exact}"
                );
            }
        }
    }
}
