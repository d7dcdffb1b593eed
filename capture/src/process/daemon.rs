// SPDX-License-Identifier: BSD-2-Clause
//! Life in the background: a session of its own, and a pid file that stays locked.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::OpenOptionsExt;
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg, OFlag};

use crate::failure::Failure;

/// A pid file, locked as long as this lives.
pub struct PidFile {
    file: Flock<File>,
    path: PathBuf,
}

impl PidFile {
    /// Makes the pid file and locks it.
    ///
    /// # Errors
    /// A [`Failure`]: another process holds it, which is named, or the system refuses.
    pub fn open(path: &Path) -> Result<PidFile, Failure> {
        let failed = |error: io::Error| Failure::io(path.display(), error);
        let flags = (OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK).bits();
        let mut options = File::options();
        let opened =
            options.read(true).write(true).create(true).truncate(false).mode(0o644).custom_flags(flags);
        let file = opened.open(path).map_err(failed)?;
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(file) => Ok(PidFile { file, path: path.to_owned() }),
            Err((mut file, Errno::EWOULDBLOCK)) => {
                let mut pid = String::new();
                let read = Read::by_ref(&mut file).take(32).read_to_string(&mut pid);
                let who = match read {
                    Ok(_) if !pid.trim().is_empty() => format!("with pid {}", pid.trim()),
                    _ => "which has not written its pid yet".to_owned(),
                };
                Err(Failure::new(path.display(), format_args!("bblogd runs already, {who}")))
            }
            Err((_, error)) => Err(Failure::io(path.display(), error)),
        }
    }

    /// Writes the process id.
    ///
    /// # Errors
    /// A [`Failure`] of the system.
    pub fn write(&mut self) -> Result<(), Failure> {
        let pid = format!("{}\n", std::process::id());
        let written = self.clear().and_then(|()| self.file.write_all(pid.as_bytes()));
        written.map_err(|error| Failure::io(self.path.display(), error))
    }

    /// Empties the file: the folder it lies in belongs to root, so it cannot be removed.
    ///
    /// # Errors
    /// The system's.
    pub fn clear(&mut self) -> io::Result<()> {
        self.file.set_len(0)?;
        self.file.seek(SeekFrom::Start(0)).map(drop)
    }

    /// The descriptor, for the sandbox.
    pub fn descriptor(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }
}

/// Goes on in the background: the parent ends, the child is the leader of its own session, with
/// `/` as working directory and standard streams to /dev/null.
///
/// To be called before any thread is made.
///
/// # Errors
/// A [`Failure`] of the system.
pub fn detach() -> Result<(), Failure> {
    nix::unistd::daemon(false, false).map_err(|error| Failure::io("daemon", error))
}
