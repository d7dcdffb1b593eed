// SPDX-License-Identifier: BSD-2-Clause
//! Room on the disk, reserved ahead of what is written.
//!
//! Without it, writing takes half as long again, because ext4 searches for room at every page. A file that
//! replaces another reserves none: ext4 writes it back at once, so that a crash does not cost both, and
//! that takes longer with reserved blocks. Linux only: FreeBSD's file systems allocate when they write
//! back.

use std::fs::File;
use std::io;

/// The file size from which on room is reserved, and the size of one reservation.
const STEP: u64 = 16 << 20;

/// The room that was reserved for a file.
#[derive(Default)]
pub(crate) struct Reserve {
    written: u64,
    /// The end of the reserved room, or 0.
    end: u64,
    is_refused: bool,
}

impl Reserve {
    /// For a file that is not to be given any.
    pub(crate) fn none() -> Reserve {
        Reserve { is_refused: true, ..Reserve::default() }
    }

    /// Counts `bytes` that were written to `file`, and reserves more room if there is no more.
    pub(crate) fn written(&mut self, file: &File, bytes: usize) {
        self.written += bytes as u64;
        if self.written < self.end.max(STEP) || self.is_refused {
            return;
        }
        // File systems without this, and full ones, refuse. The next write reports a full one.
        self.is_refused = ask(file, self.written, STEP).is_err();
        if !self.is_refused {
            self.end = self.written + STEP;
        }
    }

    /// Gives room back that `file` did not need.
    ///
    /// # Errors
    /// The system's.
    pub(crate) fn give_back(self, file: &File) -> io::Result<()> {
        if self.end > self.written { file.set_len(self.written) } else { Ok(()) }
    }
}

/// Asks for `len` bytes behind the first `begin`; the file does not get longer.
#[cfg(target_os = "linux")]
fn ask(file: &File, begin: u64, len: u64) -> io::Result<()> {
    use nix::fcntl::{FallocateFlags, fallocate};
    let offset = |at: u64| i64::try_from(at).map_err(|_| io::Error::from(io::ErrorKind::FileTooLarge));
    Ok(fallocate(file, FallocateFlags::FALLOC_FL_KEEP_SIZE, offset(begin)?, offset(len)?)?)
}

#[cfg(not(target_os = "linux"))]
fn ask(_: &File, _: u64, _: u64) -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::unix::fs::MetadataExt;

    use super::*;

    #[test]
    fn nothing_stays_that_was_not_written() {
        let mut file = tempfile::tempfile().unwrap();
        let mut reserve = Reserve::default();
        let chunk = vec![1; 1 << 20];
        for _ in 0..40 {
            file.write_all(&chunk).unwrap();
            reserve.written(&file, chunk.len());
            assert_eq!(file.metadata().unwrap().len(), reserve.written);
        }
        file.write_all(b"end").unwrap();
        reserve.written(&file, 3);
        reserve.give_back(&file).unwrap();
        let found = file.metadata().unwrap();
        assert_eq!(found.len(), (40 << 20) + 3);
        // Blocks of 512 bytes; some more for the file system's own use.
        assert!(found.blocks() * 512 < (41 << 20), "{} blocks", found.blocks());
    }
}
