// SPDX-License-Identifier: BSD-2-Clause
//! How far the process has come: what it read of files and how many events it saw, for whoever shows
//! it. Events are counted by the one thread that does the work, so adding costs no locked instruction.

use std::io::{self, Read};
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

static BYTES: AtomicU64 = AtomicU64::new(0);
static EVENTS: AtomicU64 = AtomicU64::new(0);

/// Bytes read of all files so far, as they are stored: compressed ones as such.
pub fn bytes() -> u64 {
    BYTES.load(Relaxed)
}

/// Records and events seen so far.
pub fn events() -> u64 {
    EVENTS.load(Relaxed)
}

/// Counts an event.
#[inline]
pub(crate) fn count_event() {
    EVENTS.store(EVENTS.load(Relaxed).wrapping_add(1), Relaxed);
}

/// Does `look` without counting what it reads: it is read again. Nothing may be read ahead meanwhile.
pub(crate) fn uncounted<T>(look: impl FnOnce() -> T) -> T {
    let before = bytes();
    let found = look();
    BYTES.store(before, Relaxed);
    found
}

/// A reader whose bytes are counted.
pub(crate) struct Metered<R>(pub(crate) R);

impl<R: Read> Read for Metered<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let count = self.0.read(out)?;
        BYTES.fetch_add(count as u64, Relaxed);
        Ok(count)
    }
}
