// SPDX-License-Identifier: BSD-2-Clause
//! Readers: from a byte stream to records and events, one at a time.
//!
//! A reader holds a bounded window of the input, and no length in the input makes it allocate. Its `step`
//! goes to the next item or returns an [`InputError`](crate::InputError). After an error it may be called
//! again: it returns what is still readable, then `None`.

pub mod bblog;
mod drops;
pub mod elog;
mod order;
pub mod pcapng;

pub use drops::{CaptureDrops, Dropped};

/// Counts of what an input has besides records and events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InputCounts {
    /// Entries that began. `None` if the format has none, or does not separate them.
    pub entries: Option<u64>,
    /// Sections begun: of the input, or those that `convert` makes of it.
    pub sections: u64,
    /// Packets that are neither a record nor an event.
    pub foreign_packets: u64,
    /// Blocks that are neither, and are not used here.
    pub foreign_blocks: u64,
}
