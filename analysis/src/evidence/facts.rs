// SPDX-License-Identifier: BSD-2-Clause
//! The facts that decide what limits a connection.

use bblog_dissector::spec::Stack;

/// What is known of a connection now. A fact that the log does not hold is `None`, which is never taken
/// for zero.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Facts {
    /// The TCP state, as tcp_fsm.h numbers it.
    pub tcp_state: Option<u8>,
    /// Whether a segment was received since the log began or records were missing. Before that it is not known
    /// whether what is in flight is lost.
    pub settled: bool,
    /// Whether the connection was established at some time.
    pub established: bool,
    /// Whether the log holds the end of its handshake (eventlog).
    pub opened: bool,
    /// The initial send sequence number.
    pub iss: Option<u32>,
    /// The oldest unacknowledged sequence number.
    pub snd_una: Option<u32>,
    /// The sequence number after the highest sent; the last segment is included.
    pub snd_max: Option<u32>,
    /// The sequence number after the last byte in the send buffer.
    pub snd_end: Option<u32>,
    /// The congestion window, bytes.
    pub cwnd: Option<u32>,
    /// The congestion window that the stack uses, where it differs from [`Facts::cwnd`].
    pub cwnd_to_use: Option<u32>,
    /// The slow-start threshold, bytes; very large where it was never set.
    pub ssthresh: Option<u32>,
    /// The peer's window, bytes.
    pub snd_wnd: Option<u32>,
    /// The shift of the peer's windows.
    pub snd_shift: Option<u8>,
    /// The size of a full segment's data, bytes.
    pub mss: Option<u32>,
    /// Whether lost segments are being sent again: fast recovery, or everything after a retransmission
    /// timeout.
    pub recovery: Option<bool>,
    /// Whether it is fast recovery, and not what follows a retransmission timeout.
    pub fast_recovery: Option<bool>,
    /// Whether the persist timer runs: the peer's window is closed.
    pub persist: Option<bool>,
    /// Whether the pacer holds output back.
    pub pacing: Option<bool>,
    /// Why output stopped, as the stack said; `None` once something has happened since.
    pub stop: Option<StopReason>,
    /// Whether our FIN was sent and nothing is unsent.
    pub fin_sent: bool,
    /// The error number of the last send, if it failed.
    pub send_error: Option<i32>,
    /// Bytes in the send buffer, those in flight included.
    pub buffered: Option<u32>,
    /// What the send buffer holds at most, bytes.
    pub buffer_limit: Option<u32>,
    /// Whether the send buffer is full, as far as the log says.
    pub buffer_full: bool,
    /// Our window, bytes.
    pub rcv_window: Option<u32>,
    /// The next sequence number expected.
    pub rcv_nxt: Option<u32>,
    /// Segments held out of order.
    pub held: Option<u32>,
    /// Duplicate ACKs in a row.
    pub dupacks: Option<u32>,
    /// The smoothed RTT, microseconds.
    pub srtt_us: Option<u32>,
    /// Whether selective acknowledgements are in use.
    pub sack: Option<bool>,
    /// Whether time stamps are in use.
    pub timestamps: Option<bool>,
    /// Whether window scaling is in use.
    pub scaling: Option<bool>,
    /// Whether ECN is in use.
    pub ecn: Option<bool>,
    /// What records held before the segment that the facts were carried on by.
    pub(crate) carried: Carried,
    /// The stack, as far as eventlog names it.
    pub(crate) stack: Option<Stack>,
    /// Whether the TCP state is a segment's; else it may have changed since it was logged (eventlog).
    pub(crate) is_state_current: bool,
    /// Whether the retransmission timer fired and what it did was not logged yet (eventlog).
    pub(crate) timed_out: bool,
}

/// What records held of snd_una and snd_wnd before a segment received was processed; `None` once that is done.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct Carried {
    pub(crate) snd_una: Option<u32>,
    pub(crate) snd_wnd: Option<u32>,
}

/// Why a stack's output stopped, by its own word.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StopReason {
    /// Data was sent, which does not say why no more.
    DataSent,
    /// The congestion window.
    Cwnd,
    /// The peer's window.
    Rwnd,
    /// Nothing to send.
    Application,
    /// The stack did not settle on a reason.
    Assessing,
    /// The persist state.
    Persist,
    /// Proportional rate reduction.
    Prr,
}

/// Bytes of the time stamp option with its padding, which every segment has where time stamps are in use.
const TIMESTAMP_BYTES: u32 = 12;

impl Facts {
    /// The size of a full segment is this, options included.
    pub(crate) fn mss_with_options(&mut self, mss: u32) {
        let options = if self.timestamps == Some(true) { TIMESTAMP_BYTES } else { 0 };
        self.mss = Some(mss.saturating_sub(options)).filter(|&mss| mss > 0).or(self.mss);
    }

    /// Forgets what may have changed while nothing was known: all but what was agreed on or was measured.
    pub(crate) fn forget(&mut self) {
        let Facts { established, opened, iss, mss, srtt_us, buffer_limit, snd_shift, stack, .. } = *self;
        let Facts { sack, timestamps, scaling, ecn, .. } = *self;
        let agreed = Facts { sack, timestamps, scaling, ecn, ..Facts::default() };
        *self = Facts { established, opened, iss, mss, srtt_us, buffer_limit, snd_shift, stack, ..agreed };
    }

    /// Bytes in flight.
    pub fn flight(&self) -> Option<u32> {
        Some(crate::tcp::seq::distance(self.snd_una?, self.snd_max?))
    }

    /// Whether all that was written is acknowledged; `false` if that is not known.
    pub fn is_idle(&self) -> bool {
        self.flight() == Some(0) && self.unsent() == Some(0)
    }

    /// Bytes in the send buffer that were not sent yet.
    pub fn unsent(&self) -> Option<u32> {
        Some(crate::tcp::seq::distance(self.snd_max?, self.snd_end?))
    }
}
