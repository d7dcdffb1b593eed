// SPDX-License-Identifier: BSD-2-Clause
//! The size of a full segment, where the stack does not log it.

use crate::evidence::{Facts, Segment};
use crate::measure::handshake::Handshake;

/// What is known of the size of a full segment where the stack does not log it.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) enum SegmentSize {
    /// The stack logs it.
    #[default]
    Logged,
    /// The largest common measure of the segments that were followed by more, and how many there were.
    Learned(u32, u32),
    /// Both SYNs said it.
    Negotiated,
}

/// The least size of a full segment, bytes.
const LEAST_MSS: u32 = 536;
/// Segments followed by more, after which their common measure is taken for the size of one.
const ENOUGH_SEGMENTS: u32 = 3;

fn common_measure(a: u32, b: u32) -> u32 {
    if b == 0 { a } else { common_measure(b, a % b) }
}

impl SegmentSize {
    /// Learns how large a full segment is from those that are followed by more.
    pub(crate) fn learn(&mut self, facts: &mut Facts, handshake: &Handshake, segment: &Segment<'_>) {
        if !matches!(self, SegmentSize::Learned(..)) && facts.mss.is_some() {
            return;
        }
        if let (Some(ours), Some(theirs)) = (handshake.ours, handshake.theirs)
            && let (Some(ours), Some(theirs)) = (ours.mss, theirs.mss)
            && facts.timestamps.is_some()
            && facts.established
        {
            facts.mss_with_options(ours.min(theirs).into());
            *self = SegmentSize::Negotiated;
            return;
        }
        let more = facts.unsent().is_some_and(|unsent| unsent > 0);
        if !more || segment.len < LEAST_MSS {
            return;
        }
        let (measure, seen) = match *self {
            SegmentSize::Learned(measure, seen) => (common_measure(measure, segment.len), seen + 1),
            _ => (segment.len, 1),
        };
        // Segments cut short by a window have no common measure with others.
        *self = SegmentSize::Learned(if measure < LEAST_MSS { segment.len } else { measure }, seen);
        if seen >= ENOUGH_SEGMENTS && measure >= LEAST_MSS {
            facts.mss = Some(measure);
        }
    }
}
