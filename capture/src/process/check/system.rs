// SPDX-License-Identifier: BSD-2-Clause
//! What the system says: the real one, or a test's.

use std::io;
use std::os::unix::fs::FileTypeExt;

use nix::unistd::geteuid;

use crate::os::sysctl;

/// A system.
pub trait System {
    /// The bytes of a sysctl.
    fn value(&self, name: &str) -> Option<Vec<u8>>;
    /// Whether there is a character device of that name.
    fn is_device(&self, path: &str) -> bool;
    /// Whether a device can be opened to read.
    ///
    /// # Errors
    /// The system's.
    fn try_open(&self, path: &str) -> io::Result<()>;
    /// Whether this is FreeBSD.
    fn is_freebsd(&self) -> bool;
    /// Whether this process may open devices.
    fn is_root(&self) -> bool;

    /// An integer sysctl.
    fn integer(&self, name: &str) -> Option<i64> {
        sysctl::as_integer(&self.value(name)?)
    }
}

/// The system that this runs on.
pub struct ThisSystem;

impl System for ThisSystem {
    fn value(&self, name: &str) -> Option<Vec<u8>> {
        sysctl::value(name)
    }

    fn is_device(&self, path: &str) -> bool {
        std::fs::metadata(path).is_ok_and(|there| there.file_type().is_char_device())
    }

    fn try_open(&self, path: &str) -> io::Result<()> {
        std::fs::File::open(path).map(drop)
    }

    fn is_freebsd(&self) -> bool {
        cfg!(target_os = "freebsd")
    }

    fn is_root(&self) -> bool {
        geteuid().is_root()
    }
}
