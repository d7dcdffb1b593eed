// SPDX-License-Identifier: BSD-2-Clause
//! What is counted while a connection is followed, for its account and its notes.

use bblog_dissector::Micros;
use bblog_dissector::spec::Stack;

use crate::evidence::{Segment, flag};
use crate::timer::Timer;

/// What is counted for the notes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) fired: [u32; Timer::ALL.len()],
    pub(crate) acked_bytes: u64,
    pub(crate) missing: u64,
    pub(crate) gaps: u32,
    pub(crate) recoveries: u32,
    pub(crate) spurious: u32,
    /// Segments that were acknowledged late and had not been sent again, and how far behind, bytes.
    pub(crate) reordered: u32,
    pub(crate) reordered_by: u32,
    pub(crate) zero_windows: u32,
    pub(crate) cwnd: Option<(u32, u32)>,
    pub(crate) largest_window: u32,
    pub(crate) stack_changes: u32,
    pub(crate) cc_changes: u32,
    pub(crate) stack: Option<Stack>,
    pub(crate) goodput: Option<u64>,
    pub(crate) slow_start: SlowStart,
    pub(crate) ends: EndSegments,
}

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

/// A segment that ends one direction, or both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndSegment {
    /// Our FIN.
    FinSent,
    /// The peer's FIN.
    FinReceived,
    /// Our RST.
    RstSent,
    /// The peer's RST.
    RstReceived,
}

impl EndSegment {
    /// All of them.
    pub const ALL: [EndSegment; 4] =
        [EndSegment::FinSent, EndSegment::FinReceived, EndSegment::RstSent, EndSegment::RstReceived];

    /// What it is, in two words: `FIN sent`.
    pub fn name(self) -> &'static str {
        match self {
            EndSegment::FinSent => "FIN sent",
            EndSegment::FinReceived => "FIN received",
            EndSegment::RstSent => "RST sent",
            EndSegment::RstReceived => "RST received",
        }
    }
}

/// Segments that end a connection, in the order in which they were first seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EndSegments([Option<EndSegment>; EndSegment::ALL.len()]);

impl EndSegments {
    /// Those seen.
    pub fn iter(&self) -> impl Iterator<Item = EndSegment> {
        self.0.into_iter().flatten()
    }

    /// Takes in a segment.
    pub(crate) fn see(&mut self, segment: &Segment<'_>, is_ours: bool) {
        let [fin, rst] = match is_ours {
            true => [EndSegment::FinSent, EndSegment::RstSent],
            false => [EndSegment::FinReceived, EndSegment::RstReceived],
        };
        for (flag, end) in [(flag::FIN, fin), (flag::RST, rst)] {
            if segment.has(flag)
                && !self.0.contains(&Some(end))
                && let Some(free) = self.0.iter_mut().find(|place| place.is_none())
            {
                *free = Some(end);
            }
        }
    }
}
