// SPDX-License-Identifier: BSD-2-Clause
//! What each side offered when the connection was opened, by the SYNs' options.

use crate::evidence::{Segment, SegmentOptions, flag};

/// What a SYN offers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Offer {
    /// The maximum segment size, bytes.
    pub mss: Option<u16>,
    /// The shift of its windows.
    pub shift: Option<u8>,
    /// Selective acknowledgements.
    pub sack: bool,
    /// Time stamps.
    pub timestamps: bool,
    /// ECN, or in answer to an offer: agreement.
    pub ecn: bool,
}

/// The opening of a connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub struct Handshake {
    /// SYNs that we sent.
    pub syns: u16,
    /// What our SYN offered; `None` if the log does not hold it.
    pub ours: Option<Offer>,
    /// What the peer's SYN offered; `None` if the log does not hold it.
    pub theirs: Option<Offer>,
    /// Whether the peer answered a SYN of ours with RST.
    pub refused: bool,
}

impl Offer {
    fn of(segment: &Segment<'_>) -> Option<Offer> {
        let options = SegmentOptions::parse(segment.options?);
        // An answer agrees to ECN by ECE alone.
        let ecn =
            if segment.has(flag::ACK) { segment.has(flag::ECE) } else { segment.has(flag::ECE | flag::CWR) };
        Some(Offer {
            mss: options.mss,
            shift: options.shift,
            sack: options.sack_permitted,
            timestamps: options.timestamps,
            ecn,
        })
    }
}

impl Handshake {
    /// A SYN of ours. One that is sent again may offer less.
    pub(crate) fn sent(&mut self, segment: &Segment<'_>) {
        self.syns = self.syns.saturating_add(1);
        self.ours = Offer::of(segment);
    }

    /// A segment of the peer's while the handshake is going on.
    pub(crate) fn received(&mut self, segment: &Segment<'_>) {
        if segment.has(flag::RST) {
            self.refused = self.syns > 0;
        } else if segment.has(flag::SYN) {
            self.theirs = Offer::of(segment);
        }
    }
}
