// SPDX-License-Identifier: BSD-2-Clause
//! What is known of a connection when it is over: where its time went, and what else is worth knowing.

use bblog_dissector::Micros;

use crate::evidence::Facts;
use crate::limits::ledger::{Span, Total};
use crate::limits::limit::{Limit, Reception};
use crate::limits::stall::Stall;
use crate::measure::handshake::Handshake;
use crate::measure::reordering::Reordering;
use crate::measure::rtt::Rtts;
use crate::measure::slow_start::SlowStart;
use crate::measure::tally::{EndSegments, Tally};
use crate::measure::transmit::{Cause, SegmentCounts};
use crate::tcp::timer::Timer;

/// Where a connection's time went, and what else is known of it. Some 600 bytes.
#[derive(Clone, Debug)]
#[non_exhaustive]
pub struct Account {
    /// Time of its first item.
    pub first: Micros,
    /// The earliest time of any item: before [`Account::first`] where the log is not in order of time.
    pub earliest: Micros,
    /// From its first to its last item, microseconds.
    pub duration_us: u64,
    /// The number of its first item.
    pub first_number: u64,
    /// Its records or events.
    pub items: u64,
    /// Whether it was established.
    pub established: bool,
    /// Whether its end was seen.
    pub ended: bool,
    /// Whether it is a listening or unbound socket: it never left the states CLOSED and LISTEN, and sent nothing.
    pub is_listener: bool,
    /// What limited the sending side.
    pub sending: TimeByState<Limit>,
    /// What was in the way of the receiving side.
    pub receiving: TimeByState<Reception>,
    /// Gaps without progress, in order of time; of more than 64 the longest.
    pub stalls: Box<[Stall]>,
    /// Stalls that are not among them.
    pub more_stalls: u32,
    /// Segments sent.
    pub sent: SegmentCounts,
    /// Segments received.
    pub received: SegmentCounts,
    /// Bytes of data that the peer acknowledged; `None` if the log has no acknowledgements.
    pub acked_bytes: Option<u64>,
    /// Retransmissions by [`Cause`].
    pub resent: [u32; Cause::ALL.len()],
    /// How often each [`Timer`] fired.
    pub fired: [u32; Timer::ALL.len()],
    /// Whether more timers may have fired: records that may say so have no end.
    pub timer_cut: bool,
    /// Sends that failed: error numbers of FreeBSD, and how often each.
    pub failed: Box<[(i32, u32)]>,
    /// Times that fast recovery began.
    pub recoveries: u32,
    /// Records missing.
    pub missing: u64,
    /// In how many places.
    pub gaps: u32,
    /// Round-trip times.
    pub rtts: Rtts,
    /// The smoothed RTT that the connection began with, microseconds, if it is the host cache's and cannot be its own.
    /// It is not among the round-trip times.
    pub cached_rtt_us: Option<u32>,
    /// The least and the greatest congestion window since it was established, bytes.
    pub cwnd: Option<(u32, u32)>,
    /// Segments that ended it.
    pub ends: EndSegments,
    /// What was offered when it was opened.
    pub handshake: Handshake,
    /// How often the TCP stack changed.
    pub stack_changes: u32,
    /// How often the congestion control algorithm changed (eventlog).
    pub cc_changes: u32,
    /// The last TCP state, as tcp_fsm.h numbers it.
    pub tcp_state: Option<u8>,
    /// Every span of the sending side that was not taken before, if [`Wanted::spans`](crate::Wanted::spans).
    pub spans: Box<[Span<Limit>]>,
    /// Spans that there was no room for.
    pub more_spans: u64,
    pub(crate) options: InUse,
    pub(crate) tally: NoteCounts,
}

/// What was agreed on, as far as the log says.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct InUse {
    pub(crate) sack: Option<bool>,
    pub(crate) timestamps: Option<bool>,
    pub(crate) scaling: Option<bool>,
    pub(crate) ecn: Option<bool>,
}

/// What was counted for the notes.
#[derive(Clone, Copy, Debug)]
pub(crate) struct NoteCounts {
    pub(crate) spurious: u32,
    pub(crate) reordered: u32,
    pub(crate) reordered_by: u32,
    pub(crate) zero_windows: u32,
    pub(crate) largest_window: u32,
    pub(crate) goodput: Option<u64>,
    pub(crate) slow_start: SlowStart,
}

impl InUse {
    pub(crate) fn of(facts: &Facts) -> InUse {
        let Facts { sack, timestamps, scaling, ecn, .. } = *facts;
        InUse { sack, timestamps, scaling, ecn }
    }
}

impl NoteCounts {
    pub(crate) fn of(tally: &Tally, order: &Reordering) -> NoteCounts {
        NoteCounts {
            spurious: tally.spurious,
            reordered: order.late,
            reordered_by: order.extent,
            zero_windows: tally.zero_windows,
            largest_window: tally.largest_window,
            goodput: tally.goodput,
            slow_start: tally.slow_start,
        }
    }
}

/// The time of one side by state, the largest first. Together they are the connection's duration.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimeByState<S> {
    /// The states that took time.
    pub totals: Box<[Total<S>]>,
}

impl<S: Copy + Eq> TimeByState<S> {
    pub(crate) fn new(totals: Vec<Total<S>>) -> TimeByState<S> {
        TimeByState { totals: totals.into_boxed_slice() }
    }

    /// The total of `state`; `None` if it took no time.
    pub fn total(&self, state: S) -> Option<&Total<S>> {
        self.totals.iter().find(|total| total.state == state)
    }

    /// The time in `state`, microseconds.
    pub fn time_us(&self, state: S) -> u64 {
        self.total(state).map_or(0, |total| total.time_us)
    }

    /// The share of `state` in all of the time, 0 to 1; 0 without any time.
    pub fn share(&self, state: S) -> f64 {
        match self.all_us() {
            0 => 0.0,
            all => self.time_us(state) as f64 / all as f64,
        }
    }

    /// All of the time, microseconds.
    pub fn all_us(&self) -> u64 {
        self.totals.iter().map(|total| total.time_us).sum()
    }

    fn largest_but(&self, handshake: S) -> Option<S> {
        let states = || self.totals.iter().map(|total| total.state);
        states().find(|&state| state != handshake).or_else(|| states().next())
    }
}

impl TimeByState<Limit> {
    /// What limited it most: the state with the largest share. The handshake counts where it never ended;
    /// `None` without any time.
    pub fn main(&self) -> Option<Limit> {
        self.largest_but(Limit::Handshake)
    }
}

impl TimeByState<Reception> {
    /// What it was in most: the state with the largest share. The handshake counts where it never ended;
    /// `None` without any time.
    pub fn main(&self) -> Option<Reception> {
        self.largest_but(Reception::Handshake)
    }
}

impl Account {
    /// The time that was lost, microseconds: in recovery, waiting for timers, and with failed sends.
    pub fn lost_us(&self) -> u64 {
        [Limit::Recovery, Limit::Timeout, Limit::SendError]
            .map(|limit| self.sending.time_us(limit))
            .iter()
            .sum()
    }

    /// Retransmissions of what the peer had, by its duplicate SACKs; `None` if there could be none.
    pub fn spurious_retransmits(&self) -> Option<u32> {
        let spurious = self.tally.spurious;
        (spurious > 0 || self.options.sack == Some(true)).then_some(spurious)
    }

    /// How often `timer` fired.
    pub fn fired(&self, timer: Timer) -> u32 {
        self.fired[timer as usize]
    }

    /// Bytes of data acknowledged, per second of the time since the connection was established, in bits; `None` if
    /// the log does not say, or has no time.
    pub fn goodput_bps(&self) -> Option<u64> {
        let us = self.duration_us.checked_sub(self.sending.time_us(Limit::Handshake)).filter(|&us| us > 0)?;
        u64::try_from(u128::from(self.acked_bytes?) * 8_000_000 / u128::from(us)).ok()
    }

    /// Bytes of data received for the first time, per second of the time since the connection was established, in
    /// bits; `None` without any time.
    pub fn received_bps(&self) -> Option<u64> {
        let us = self.duration_us.checked_sub(self.sending.time_us(Limit::Handshake)).filter(|&us| us > 0)?;
        let bytes = self.received.bytes.saturating_sub(self.received.retransmitted_bytes);
        u64::try_from(u128::from(bytes) * 8_000_000 / u128::from(us)).ok()
    }
}
