// SPDX-License-Identifier: BSD-2-Clause
//! Readers: from a byte stream to records and events, one at a time.
//!
//! All stream: a reader holds a bounded window of the input, and no length in the input makes it
//! allocate. A reader's `step` goes to the next item or returns a [`Fault`](crate::Fault);
//! after a fault it may be called again and gives what is still readable, then `None`.

pub mod compression;
pub mod elog;
pub mod pcapng;
mod read_ahead;
pub mod tcplog;
mod window;

pub use window::Window;
