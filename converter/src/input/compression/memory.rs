// SPDX-License-Identifier: BSD-2-Clause
//! The memory that decoders of all inputs take together.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// The most bytes: 8 windows of the largest size, or some hundred of the usual ones.
const MOST: u64 = 1 << 30;
/// Bytes taken at once.
const STEP: u64 = 1 << 20;

static TAKEN: AtomicU64 = AtomicU64::new(0);

/// What one decoder takes of it, until it is dropped.
#[derive(Default)]
pub(super) struct Lease(u64);

impl Lease {
    /// Takes as much as is missing to `bytes`.
    ///
    /// # Errors
    /// All decoders would take more than there is for them.
    #[inline]
    pub(super) fn hold(&mut self, bytes: u64) -> io::Result<()> {
        if bytes <= self.0 { Ok(()) } else { self.grow(bytes) }
    }

    #[cold]
    fn grow(&mut self, bytes: u64) -> io::Result<()> {
        let more = (bytes - self.0).next_multiple_of(STEP);
        if TAKEN.fetch_add(more, Relaxed) + more > MOST {
            TAKEN.fetch_sub(more, Relaxed);
            const WHY: &str =
                "compressed inputs need more than 1 GiB of memory at a time: decompress some, or read fewer";
            return Err(io::Error::new(io::ErrorKind::OutOfMemory, WHY));
        }
        self.0 += more;
        Ok(())
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        TAKEN.fetch_sub(self.0, Relaxed);
    }
}
