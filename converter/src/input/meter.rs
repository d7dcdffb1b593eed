// SPDX-License-Identifier: BSD-2-Clause
//! The progress of a command: bytes read of its inputs, and events seen.

use std::io::{self, Read};
use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Counts what is read, shared by the readers and the display.
#[derive(Debug, Default)]
pub struct Meter {
    bytes: AtomicU64,
    events: AtomicU64,
}

impl Meter {
    /// Bytes read of all inputs so far, as they are stored: compressed ones as such.
    pub fn bytes(&self) -> u64 {
        self.bytes.load(Relaxed)
    }

    /// Records and events seen so far.
    pub fn events(&self) -> u64 {
        self.events.load(Relaxed)
    }

    /// Counts an event. Only the one thread that does the work counts them, so adding costs no
    /// locked instruction.
    #[inline]
    pub(crate) fn count_event(&self) {
        self.events.store(self.events.load(Relaxed).wrapping_add(1), Relaxed);
    }

    /// Counts events that one of several threads has seen.
    pub(crate) fn add_events(&self, count: u64) {
        self.events.fetch_add(count, Relaxed);
    }
}

/// A reader whose bytes are counted.
pub(super) struct Metered<R>(pub(super) R, pub(super) Arc<Meter>);

impl<R: Read> Read for Metered<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let count = self.0.read(out)?;
        self.1.bytes.fetch_add(count as u64, Relaxed);
        Ok(count)
    }
}
