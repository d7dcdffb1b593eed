// SPDX-License-Identifier: BSD-2-Clause
//! The step of one item: what it shows about its connection.

use crate::evidence::{ItemKind, Observed};
use crate::limits::limit::{Evidence, Limit};
use crate::measure::transmit::{Arrival, Retransmission};
use crate::tcp::timer::Timer;

/// What one item says.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Step {
    /// What limits the sending side after this item, as far as is known then: [`Limit::Timeout`] from the item
    /// on with which a timer finds a loss, until the peer answers or new data is sent. In the account that time
    /// begins with the last segment before.
    pub limit: Limit,
    /// What limited it up to this item; [`Limit::Timeout`] if a timer that finds a loss fired. `None` for the first
    /// item.
    pub limit_before: Option<Limit>,
    /// What decided on it.
    pub evidence: Evidence,
    /// The timer that fired.
    pub timer: Option<Timer>,
    /// The segment that was sent again.
    pub retransmission: Option<Retransmission>,
    /// The error number of the send that failed.
    pub send_error: Option<i32>,
    /// Loss recovery began (`true`) or ended (`false`) with this item.
    pub recovery: Option<bool>,
    /// The peer's window closed (`true`) or opened (`false`) with this item.
    pub window_closed: Option<bool>,
    /// The TCP state changed with this item.
    pub state_changed: bool,
    /// Whether a stall ended with this item.
    pub stall_ended: bool,
    /// Records missing before it.
    pub missing: u32,
    /// Whether it is the connection's first item.
    pub is_first: bool,
    /// Whether the connection, or its log, ends with this item.
    pub is_end: bool,
    /// The segment that was sent or received with this item.
    pub segment: Option<SegmentRange>,
    /// How the segment that was received stands to those before it; `None` if it takes no sequence numbers, or was
    /// logged late.
    pub arrival: Option<Arrival>,
    /// The newest SACK block of the segment that was sent or received.
    pub sack: Option<SackBlock>,
    /// The round-trip time that the item says, microseconds.
    pub rtt_us: Option<u32>,
}

/// The sequence numbers that a segment takes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SegmentRange {
    /// Its first sequence number.
    pub start: u32,
    /// The sequence number after it; SYN and FIN take one each.
    pub end: u32,
    /// Whether it was sent; else it was received.
    pub is_ours: bool,
}

/// A SACK block.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SackBlock {
    /// Its first sequence number.
    pub start: u32,
    /// The sequence number after it.
    pub end: u32,
    /// Whether it was sent; else it was received.
    pub is_ours: bool,
    /// Whether it says that the range arrived twice (D-SACK, RFC 2883).
    pub is_duplicate: bool,
}

/// The sequence numbers of the segment that an item is of.
fn range(kind: &ItemKind<'_>) -> Option<SegmentRange> {
    let (segment, is_ours) = match kind {
        ItemKind::In(segment) => (segment, false),
        ItemKind::Out(segment, _) => (segment, true),
        ItemKind::NotSent(_) | ItemKind::Acked | ItemKind::UserWrite | ItemKind::Other | ItemKind::End => {
            return None;
        }
    };
    Some(SegmentRange { start: segment.seq, end: segment.end(), is_ours })
}

impl Step {
    /// What is known of an item's step before it is looked at what it changes.
    pub(crate) fn begin(seen: &Observed<'_>, missing: u32, is_first: bool) -> Step {
        Step {
            limit: Limit::Unknown,
            limit_before: None,
            evidence: Evidence::Missing,
            timer: seen.timer,
            retransmission: None,
            send_error: None,
            recovery: None,
            window_closed: None,
            state_changed: false,
            stall_ended: false,
            missing,
            is_first,
            is_end: false,
            segment: range(&seen.kind),
            arrival: None,
            sack: seen.sack.map(|sack| SackBlock {
                start: sack.start,
                end: sack.end,
                is_ours: false,
                is_duplicate: sack.is_duplicate,
            }),
            rtt_us: seen.rtt.map(|rtt| rtt.1),
        }
    }

    /// Whether it matters: a loss, a timer that fired (the delayed ACK's and the pacer's are the usual
    /// course of things), a change of state, an error, a closed window, the end.
    pub fn is_notable(&self) -> bool {
        let timer = self.timer.is_some_and(|timer| !matches!(timer, Timer::DelayedAck | Timer::Pacing));
        timer
            || self.retransmission.is_some()
            || self.send_error.is_some()
            || self.recovery.is_some()
            || self.window_closed.is_some()
            || self.state_changed
            || self.stall_ended
            || self.missing > 0
            || self.is_first
            || self.is_end
    }
}
