// SPDX-License-Identifier: BSD-2-Clause
//! A stand-in for the parts of the crate capsicum that the sandbox uses. The crate exists on FreeBSD only. This
//! is used to type-check code for FreeBSD elsewhere (`--cfg fbsd_check`), and is never linked.
//! `make freebsd-check` compiles with the crate itself.

use std::io;
use std::os::fd::AsFd;

pub trait CapRights {
    fn limit<F: AsFd>(&self, fd: &F) -> io::Result<()>;
}

#[derive(Clone, Copy)]
pub enum Right {
    Read,
    Write,
    Seek,
    Pread,
    Pwrite,
    Lookup,
    Create,
    Event,
    Fchmod,
    Fcntl,
    Flock,
    Fstat,
    Fstatat,
    Ftruncate,
    Ioctl,
    LinkatSource,
    LinkatTarget,
    RenameatSource,
    RenameatTarget,
    Unlinkat,
}

pub struct FileRights(Vec<Right>);

impl FileRights {
    pub fn new() -> FileRights {
        FileRights(Vec::new())
    }

    pub fn allow(&mut self, right: Right) -> &mut FileRights {
        self.0.push(right);
        self
    }
}

impl CapRights for FileRights {
    fn limit<F: AsFd>(&self, _: &F) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

pub struct IoctlsBuilder(Vec<libc::c_ulong>);

impl IoctlsBuilder {
    pub fn new() -> IoctlsBuilder {
        IoctlsBuilder(Vec::new())
    }

    pub fn allow(mut self, command: libc::c_ulong) -> IoctlsBuilder {
        self.0.push(command);
        self
    }

    pub fn finalize(self) -> IoctlRights {
        IoctlRights(self.0)
    }
}

pub struct IoctlRights(#[expect(dead_code, reason = "a stand-in is never read")] Vec<libc::c_ulong>);

impl CapRights for IoctlRights {
    fn limit<F: AsFd>(&self, _: &F) -> io::Result<()> {
        Err(io::ErrorKind::Unsupported.into())
    }
}

pub fn enter() -> io::Result<()> {
    Err(io::ErrorKind::Unsupported.into())
}
