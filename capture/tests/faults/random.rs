// SPDX-License-Identifier: BSD-2-Clause
//! Another sequence each time; its seed is printed, and BBLOG_FAULT_SEED repeats it.

use std::time::{SystemTime, UNIX_EPOCH};

/// A sequence of numbers (xorshift64).
pub struct Random(u64);

impl Random {
    /// Seeded by the clock, unless the environment says something else.
    pub fn new(of: &str) -> Random {
        let given = std::env::var("BBLOG_FAULT_SEED").ok().and_then(|seed| seed.parse().ok());
        let clock = || SystemTime::now().duration_since(UNIX_EPOCH).unwrap().subsec_nanos().into();
        let seed: u64 = given.unwrap_or_else(clock);
        println!("{of}: BBLOG_FAULT_SEED={seed}");
        Random(seed | 1 << 40)
    }

    /// The next number below `below`.
    pub fn below(&mut self, below: u64) -> u64 {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        self.0 % below
    }
}
