// SPDX-License-Identifier: BSD-2-Clause
//! Microsecond times.

use std::ops::{Add, Sub};

/// Microseconds, of the uptime clock or since 1970-01-01 UTC, as the giver says.
///
/// Arithmetic wraps: clocks come from files and may hold anything.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Micros(pub i64);

impl Micros {
    /// From a `struct timeval`; both parts are i64 on 64-bit FreeBSD, and neither is trusted.
    pub fn from_timeval(sec: i64, usec: i64) -> Micros {
        Micros(sec.wrapping_mul(1_000_000).wrapping_add(usec))
    }

    /// Whole seconds, rounded down.
    pub fn seconds(self) -> i64 {
        self.0.div_euclid(1_000_000)
    }

    /// The part below a second, 0..=999999.
    pub fn subsec_micros(self) -> u32 {
        self.0.rem_euclid(1_000_000) as u32
    }
}

impl Add for Micros {
    type Output = Micros;

    fn add(self, other: Micros) -> Micros {
        Micros(self.0.wrapping_add(other.0))
    }
}

impl Sub for Micros {
    type Output = Micros;

    fn sub(self, other: Micros) -> Micros {
        Micros(self.0.wrapping_sub(other.0))
    }
}
