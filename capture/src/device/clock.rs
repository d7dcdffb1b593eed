// SPDX-License-Identifier: BSD-2-Clause
//! The two clocks, read at one moment.

use bblog_dissector::Micros;
use nix::time::{ClockId, clock_gettime};

/// The clocks at one moment, in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Anchor {
    /// Since boot: the clock of eventlog's time stamps.
    pub uptime: u64,
    /// Since 1970.
    pub utc: u64,
}

impl Anchor {
    /// UTC of a time since boot.
    pub fn utc(self, uptime: u64) -> Micros {
        let since = uptime.wrapping_sub(self.uptime) as i64;
        Micros(i64::try_from(self.utc).unwrap_or(i64::MAX).saturating_add(since))
    }

    /// How far the clock of UTC was set since `self`, in microseconds, if this is how the clocks
    /// stand `now`.
    pub fn step(self, now: Anchor) -> i64 {
        self.utc(now.uptime).0.saturating_neg().saturating_add(now.utc as i64)
    }

    /// Reads the clocks a few times, and uses the fastest read.
    pub fn now() -> Anchor {
        let best = (0..5)
            .filter_map(|_| {
                let before = micros(ClockId::CLOCK_MONOTONIC)?;
                let utc = micros(ClockId::CLOCK_REALTIME)?;
                let after = micros(ClockId::CLOCK_MONOTONIC)?;
                Some((after - before, Anchor { uptime: before + (after - before) / 2, utc }))
            })
            .min_by_key(|(took, _)| *took);
        best.map_or_else(Anchor::default, |(_, anchor)| anchor)
    }
}

fn micros(clock: ClockId) -> Option<u64> {
    let time = clock_gettime(clock).ok()?;
    u64::try_from(time.tv_sec() * 1_000_000 + time.tv_nsec() / 1_000).ok()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_clock_that_was_set() {
        let begin = Anchor { uptime: 1_000, utc: 50_000 };
        assert_eq!(begin.utc(900), Micros(49_900));
        assert_eq!(begin.step(Anchor { uptime: 2_000, utc: 51_000 }), 0);
        assert_eq!(begin.step(Anchor { uptime: 2_000, utc: 41_000 }), -10_000);
    }
}
