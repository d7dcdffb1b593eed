// SPDX-License-Identifier: BSD-2-Clause
//! The facts as they were before an item.

use crate::evidence::Facts;

/// The facts before an item that are compared with those after it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct FactsBefore {
    pub(crate) tcp_state: Option<u8>,
    pub(crate) established: bool,
    pub(crate) snd_una: Option<u32>,
    pub(crate) snd_max: Option<u32>,
    pub(crate) snd_end: Option<u32>,
    pub(crate) snd_wnd: Option<u32>,
    pub(crate) cwnd: Option<u32>,
    pub(crate) ssthresh: Option<u32>,
    pub(crate) recovery: Option<bool>,
    pub(crate) fast_recovery: Option<bool>,
}

impl FactsBefore {
    #[inline]
    pub(crate) fn of(facts: &Facts) -> FactsBefore {
        FactsBefore {
            tcp_state: facts.tcp_state,
            established: facts.established,
            snd_una: facts.snd_una,
            snd_max: facts.snd_max,
            snd_end: facts.snd_end,
            snd_wnd: facts.snd_wnd,
            cwnd: facts.cwnd,
            ssthresh: facts.ssthresh,
            recovery: facts.recovery,
            fast_recovery: facts.fast_recovery,
        }
    }
}
