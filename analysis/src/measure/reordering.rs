// SPDX-License-Identifier: BSD-2-Clause
//! Order of arrival at the peer, as its SACK blocks say it.

use crate::evidence::SegmentOptions;
use crate::measure::transmit::Sent;
use crate::tcp::seq::{before, distance, later};

/// What of our data arrived out of order.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Reordering {
    /// How often a segment arrived after later ones, though it was sent once: it was late, not lost.
    pub(crate) late: u32,
    /// How far ahead of it the peer had data at most, bytes.
    pub(crate) extent: u32,
    /// How far the peer has SACKed.
    sacked_to: Option<u32>,
}

impl Reordering {
    /// The peer has data beyond a hole.
    pub(crate) fn sacked(&mut self, options: &SegmentOptions) {
        let Some(to) = options.sacked_to else { return };
        self.sacked_to = Some(self.sacked_to.map_or(to, |have| later(have, to)));
    }

    /// snd_una advanced from `old` to `una`.
    pub(crate) fn acked(&mut self, old: u32, una: u32, sent: &Sent) {
        let Some(sacked_to) = self.sacked_to else { return };
        if before(old, sacked_to) && !sent.sent_again_above(old) {
            self.late = self.late.saturating_add(1);
            self.extent = self.extent.max(distance(old, sacked_to));
        }
        if !before(una, sacked_to) {
            self.sacked_to = None;
        }
    }
}
