// SPDX-License-Identifier: BSD-2-Clause
//! What is measured while a connection is followed: segments and why they were sent again, round-trip times,
//! the size of a segment, the send buffer, slow start.
//!
//! Each module measures one thing, from the facts of [`evidence`](crate::evidence) before and after an item.

pub(crate) mod cached_rtt;
pub(crate) mod facts_before;
pub(crate) mod handshake;
pub(crate) mod reordering;
pub(crate) mod resent;
pub(crate) mod rtt;
pub(crate) mod segment_size;
pub(crate) mod send_buffer;
pub(crate) mod slow_start;
pub(crate) mod tally;
pub(crate) mod transmit;
