// SPDX-License-Identifier: BSD-2-Clause
//! The flags that say which parts of a record are valid.

use crate::cursor::Cursor;
use crate::tables::member;

/// `tlb_eventflags`: which optional parts of a record are valid.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EventFlags(pub u16);

impl EventFlags {
    /// `TLB_FLAG_RXBUF`: the receive buffer's counts.
    pub const RXBUF: u16 = 0x01;
    /// `TLB_FLAG_TXBUF`: the send buffer's counts.
    pub const TXBUF: u16 = 0x02;
    /// `TLB_FLAG_HDR`: the TCP header and options.
    pub const HDR: u16 = 0x04;
    /// `TLB_FLAG_VERBOSE`: a verbose part follows the record.
    pub const VERBOSE: u16 = 0x08;
    /// `TLB_FLAG_STACKINFO`: the stack-specific union.
    pub const STACKINFO: u16 = 0x10;

    /// The flags of the record that `bytes` begin with, which may end before the record does; `None` with
    /// fewer than 28 bytes.
    #[inline]
    pub fn of_record(bytes: &[u8]) -> Option<EventFlags> {
        Cursor(bytes).u16(member::TLB_EVENTFLAGS).map(EventFlags)
    }

    /// Whether every bit of `mask` is set.
    #[inline]
    pub fn has(self, mask: u16) -> bool {
        self.0 & mask == mask
    }
}
