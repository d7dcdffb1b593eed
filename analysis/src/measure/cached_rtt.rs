// SPDX-License-Identifier: BSD-2-Clause
//! The smoothed RTT that a connection begins with, where it is the host cache's and not its own.
//!
//! The default stack takes it from the host cache in ticks. RACK and BBR write it there in microseconds, so it can be
//! seconds where the path takes a millisecond. Each sample takes an eighth of it away.

/// What the first smoothed RTT of a passive opening may exceed the time since the log began by, microseconds: the
/// SYN|ACK was sent before there was a connection. One that took longer would have been sent again.
const BEFORE_LOG_US: u64 = 1_000_000;
/// What it may exceed that time by after a SYN of ours, which the log holds, microseconds: two ticks at hz 100.
const ROUNDING_US: u64 = 20_000;

/// Whether smoothed RTTs are the connection's own.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum CachedRtt {
    /// No smoothed RTT was seen yet.
    #[default]
    Unseen,
    /// They are the connection's own.
    Own,
    /// They began with the first value, of the host cache; the second is what is left of it. Microseconds.
    Cached(u32, u32),
}

impl CachedRtt {
    /// Takes in the next smoothed RTT of the default stack, which came so long after the beginning of the connection;
    /// `None` if the log does not hold the beginning. Returns whether it is the connection's own.
    pub(crate) fn take(&mut self, srtt_us: u32, age_us: Option<u64>, syn_sent: bool) -> bool {
        let slack = if syn_sent { ROUNDING_US } else { BEFORE_LOG_US };
        *self = match *self {
            CachedRtt::Unseen if age_us.is_some_and(|age| u64::from(srtt_us) > age + slack) => {
                CachedRtt::Cached(srtt_us, srtt_us)
            }
            CachedRtt::Unseen | CachedRtt::Own => CachedRtt::Own,
            CachedRtt::Cached(first, rest) => CachedRtt::Cached(first, rest - rest / 8),
        };
        self.is_own(srtt_us)
    }

    /// Whether a smoothed RTT is the connection's own, but for an eighth at most.
    pub(crate) fn is_own(self, srtt_us: u32) -> bool {
        !matches!(self, CachedRtt::Cached(_, rest) if rest > srtt_us / 8)
    }

    /// The one from the cache, microseconds, if the connection began with it.
    pub(crate) fn first_us(self) -> Option<u32> {
        match self {
            CachedRtt::Cached(first, _) => Some(first),
            CachedRtt::Unseen | CachedRtt::Own => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// 8121/32 ticks at hz 100 on the loopback interface, as FreeBSD 15 logged them.
    #[test]
    fn one_of_the_cache_counts_until_it_has_decayed() {
        let mut cached = CachedRtt::default();
        assert!(!cached.take(2_537_812, Some(42), false));
        assert!(!cached.take(2_221_875, Some(23_000), false));
        assert_eq!(cached.first_us(), Some(2_537_812));
        // Each sample is 20 ms.
        let mut srtt = 2_221_875;
        let own = (0..200).position(|_| {
            srtt = srtt - srtt / 8 + 20_000 / 8;
            cached.take(srtt, Some(60_000_000), false)
        });
        assert_eq!(own, Some(49));
        assert!(srtt < 24_000, "{srtt}");
    }

    #[test]
    fn what_was_measured_is_own() {
        // A passive opening; an active one; a log that begins late; a value that fits the cache's connection.
        for (srtt, age, syn_sent) in
            [(600_000, Some(42), false), (41_000, Some(40_300), true), (9_000_000, None, true)]
        {
            let mut cached = CachedRtt::default();
            assert!(cached.take(srtt, age, syn_sent) && cached.first_us().is_none());
        }
        assert!(!CachedRtt::default().take(600_000, Some(40_000), true));
    }
}
