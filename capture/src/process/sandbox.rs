// SPDX-License-Identifier: BSD-2-Clause
//! The sandbox, which the process enters after everything is open.
//!
//! On FreeBSD it enters Capsicum's capability mode, each descriptor with the rights it needs. On
//! Linux, where it reads files and FIFOs only, it sets `no_new_privs`.

use std::os::fd::BorrowedFd;

use crate::failure::Failure;

/// What stays usable.
#[derive(Default)]
pub struct Descriptors<'a> {
    /// Devices that are polled and read.
    pub polled: Vec<BorrowedFd<'a>>,
    /// Devices that are read, and used with the ioctls in `commands`.
    pub with_ioctls: Vec<BorrowedFd<'a>>,
    /// ioctls of `with_ioctls`.
    #[cfg_attr(not(any(target_os = "freebsd", fbsd_check)), expect(dead_code, reason = "Capsicum's"))]
    pub commands: Vec<u32>,
    /// Folders in which files are made, completed and deleted.
    pub folders: Vec<BorrowedFd<'a>>,
    /// Files and pipes that are written.
    pub written: Vec<BorrowedFd<'a>>,
    /// Pipes that are read.
    pub read: Vec<BorrowedFd<'a>>,
}

/// The name of the sandbox, for the line at the start.
pub const KIND: &str =
    if cfg!(target_os = "freebsd") { "in capability mode" } else { "without new privileges" };

/// Enters the sandbox.
///
/// # Errors
/// A [`Failure`] of the system; the process should not go on then.
pub fn enter(descriptors: &Descriptors<'_>) -> Result<(), Failure> {
    system::enter(descriptors).map_err(|error| Failure::io("sandbox", error))
}

#[cfg(any(target_os = "freebsd", fbsd_check))]
mod system {
    use std::io;

    #[cfg(not(target_os = "freebsd"))]
    use crate::os::capsicum;
    use capsicum::{CapRights, FileRights, IoctlsBuilder, Right};

    use super::Descriptors;

    fn rights(rights: &[Right]) -> FileRights {
        let mut allowed = FileRights::new();
        for &right in rights {
            allowed.allow(right);
        }
        allowed
    }

    pub(super) fn enter(descriptors: &Descriptors<'_>) -> io::Result<()> {
        let polled = rights(&[Right::Read, Right::Event, Right::Fstat]);
        let with_ioctls = rights(&[Right::Read, Right::Ioctl, Right::Fstat]);
        let commands =
            descriptors.commands.iter().fold(IoctlsBuilder::new(), |all, &one| all.allow(one.into()));
        let commands = commands.finalize();
        let folder = rights(&[
            Right::Lookup,
            Right::Read,
            Right::Write,
            Right::Seek,
            Right::Pread,
            Right::Pwrite,
            Right::Create,
            Right::Fstat,
            Right::Fstatat,
            Right::Fchmod,
            Right::Fcntl,
            Right::Flock,
            Right::Ftruncate,
            Right::LinkatSource,
            Right::LinkatTarget,
            Right::RenameatSource,
            Right::RenameatTarget,
            Right::Unlinkat,
        ]);
        let written =
            rights(&[Right::Write, Right::Seek, Right::Fstat, Right::Ftruncate, Right::Flock, Right::Event]);
        let read = rights(&[Right::Read, Right::Fstat, Right::Event]);
        descriptors.polled.iter().try_for_each(|fd| polled.limit(fd))?;
        for fd in &descriptors.with_ioctls {
            with_ioctls.limit(fd)?;
            commands.limit(fd)?;
        }
        descriptors.folders.iter().try_for_each(|fd| folder.limit(fd))?;
        descriptors.written.iter().try_for_each(|fd| written.limit(fd))?;
        descriptors.read.iter().try_for_each(|fd| read.limit(fd))?;
        capsicum::enter()
    }
}

#[cfg(all(target_os = "linux", not(fbsd_check)))]
mod system {
    use std::io;

    use super::Descriptors;

    pub(super) fn enter(_: &Descriptors<'_>) -> io::Result<()> {
        Ok(nix::sys::prctl::set_no_new_privs()?)
    }
}

#[cfg(not(any(target_os = "freebsd", target_os = "linux", fbsd_check)))]
mod system {
    use std::io;

    use super::Descriptors;

    pub(super) fn enter(_: &Descriptors<'_>) -> io::Result<()> {
        Ok(())
    }
}
