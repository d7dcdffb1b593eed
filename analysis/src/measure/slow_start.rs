// SPDX-License-Identifier: BSD-2-Clause
//! Slow start, and how it ended.

use bblog_dissector::Micros;

use crate::evidence::{Facts, Observed};
use crate::measure::facts_before::FactsBefore;
use crate::tcp::timer::Timer;

/// How slow start went.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) enum SlowStart {
    /// It was not seen.
    #[default]
    Unseen,
    /// It goes on.
    Going,
    /// It ended so, at this time and congestion window.
    Ended(SlowStartEnd, Micros, u32),
}

/// How slow start ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum SlowStartEnd {
    /// A loss was found.
    Loss,
    /// HyStart++ saw the RTT rise.
    HyStart,
    /// The congestion window came to ssthresh.
    Ssthresh,
    /// ssthresh was lowered without a loss: ECN, or the stack's own doing.
    Congestion,
}

impl SlowStart {
    /// Follows it: cwnd is below ssthresh, or no more.
    pub(crate) fn follow(&mut self, before: &FactsBefore, facts: &Facts, seen: &Observed<'_>, now: Micros) {
        let (Some(cwnd), Some(ssthresh)) = (facts.cwnd, facts.ssthresh) else { return };
        if !facts.established {
            return;
        }
        match self {
            SlowStart::Unseen if cwnd < ssthresh => *self = SlowStart::Going,
            SlowStart::Going if cwnd >= ssthresh || seen.hystart => {
                let lowered = before.ssthresh.is_some_and(|was| ssthresh < was);
                let loss = facts.recovery == Some(true) || seen.timer == Some(Timer::Rto);
                let how = match () {
                    _ if seen.hystart => SlowStartEnd::HyStart,
                    _ if loss => SlowStartEnd::Loss,
                    _ if lowered => SlowStartEnd::Congestion,
                    _ => SlowStartEnd::Ssthresh,
                };
                *self = SlowStart::Ended(how, now, before.cwnd.unwrap_or(cwnd).max(cwnd));
            }
            _ => {}
        }
    }
}
