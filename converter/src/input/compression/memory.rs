// SPDX-License-Identifier: BSD-2-Clause
//! The memory that decoders of all inputs take together.

use std::io;
use std::sync::atomic::{AtomicU64, Ordering::Relaxed};

/// Bytes taken at once.
const STEP: u64 = 1 << 20;

/// The memory of all inputs: 8 windows of the largest size, or some hundred of the usual ones.
static ALL: Budget = Budget { most: 1 << 30, taken: AtomicU64::new(0) };

/// Memory that decoders share.
struct Budget {
    most: u64,
    taken: AtomicU64,
}

/// What one decoder takes of it, until it is dropped.
pub(super) struct Lease {
    budget: &'static Budget,
    held: u64,
}

impl Default for Lease {
    fn default() -> Lease {
        Lease { budget: &ALL, held: 0 }
    }
}

impl Lease {
    /// Takes as much as is missing to `bytes`.
    ///
    /// # Errors
    /// All decoders would take more than there is for them.
    #[inline]
    pub(super) fn hold(&mut self, bytes: u64) -> io::Result<()> {
        if bytes <= self.held { Ok(()) } else { self.grow(bytes) }
    }

    #[cold]
    fn grow(&mut self, bytes: u64) -> io::Result<()> {
        let more = (bytes - self.held).next_multiple_of(STEP);
        let Budget { most, taken } = self.budget;
        if taken.fetch_add(more, Relaxed) + more > *most {
            taken.fetch_sub(more, Relaxed);
            const WHY: &str =
                "compressed inputs need more than 1 GiB of memory at a time: decompress some, or read fewer";
            return Err(io::Error::new(io::ErrorKind::OutOfMemory, WHY));
        }
        self.held += more;
        Ok(())
    }
}

impl Drop for Lease {
    fn drop(&mut self) {
        self.budget.taken.fetch_sub(self.held, Relaxed);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn decoders_share_the_memory() {
        static FEW: Budget = Budget { most: 10 * STEP, taken: AtomicU64::new(0) };
        let lease = || Lease { budget: &FEW, held: 0 };
        let (mut one, mut two) = (lease(), lease());
        assert!(one.hold(1).is_ok() && one.hold(6 * STEP).is_ok() && one.hold(5).is_ok());
        assert!(two.hold(4 * STEP).is_ok());
        assert!(two.hold(4 * STEP + 1).is_err() && two.hold(4 * STEP).is_ok());
        drop(one);
        assert!(two.hold(10 * STEP).is_ok() && lease().hold(1).is_err());
        drop(two);
        assert_eq!(FEW.taken.load(Relaxed), 0);
    }
}
