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
        let percentile = |percent: u8| {
            let value = self.sketch.quantile(f64::from(percent) / 100.0).ok().flatten()?;
            Some(value.round() as i64)
        };
        let [p50, p95, p99] = PERCENTILES.map(percentile);
        Spread { known: self.sketch.count() as u64, sum: i64::try_from(self.sum).ok(), p50, p95, p99 }
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    proptest! {
        /// A percentile is within [`ERROR`] of an amount at its rank.
        #[test]
        fn percentiles_are_right(mut amounts in prop::collection::vec(0_i64..10_000_000_000_000, 1..400)) {
            let mut sketch = Sketch::default();
            amounts.iter().for_each(|&amount| sketch.add(amount));
            amounts.sort_unstable();
            let spread = sketch.spread();
            prop_assert_eq!(spread.known, amounts.len() as u64);
            prop_assert_eq!(spread.sum, Some(amounts.iter().sum()));
            for (percent, found) in PERCENTILES.iter().zip([spread.p50, spread.p95, spread.p99]) {
                let rank = f64::from(*percent) / 100.0 * (amounts.len() - 1) as f64;
                let near = [rank.floor(), rank.ceil()].map(|rank| amounts[rank as usize] as f64);
                let found = found.unwrap() as f64;
                prop_assert!(
                    found >= near[0] * (1.0 - ERROR) - 1.0 && found <= near[1] * (1.0 + ERROR) + 1.0,
                    "p{percent} is {found}, expected {near:?}"
                );
            }
        }
    }
}
