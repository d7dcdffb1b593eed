//! The two clocks, read at one moment.

use nix::time::{ClockId, clock_gettime};

/// What the clocks said at one moment, in microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Anchor {
    /// Since boot: the clock of eventlog's time stamps.
    pub uptime: u64,
    /// Since 1970.
    pub utc: u64,
}

impl Anchor {
    /// Reads the clocks: a few times, of which the quickest counts.
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
