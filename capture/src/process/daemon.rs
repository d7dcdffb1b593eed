// SPDX-License-Identifier: BSD-2-Clause
//! Running in the background: a session of its own, and a pid file that stays locked.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::fs::{MetadataExt, OpenOptionsExt};
use std::path::{Path, PathBuf};

use nix::errno::Errno;
use nix::fcntl::{Flock, FlockArg, OFlag};

use crate::failure::{Failure, of_open};

/// A pid file, locked as long as this lives.
pub struct PidFile {
    file: Flock<File>,
    path: PathBuf,
    /// Whether it was made here.
    is_new: bool,
}

impl PidFile {
    /// Makes the pid file and locks it.
    ///
    /// # Errors
    /// A [`Failure`]: another process holds it, which is named; it is no regular file, or has a
    /// second name (emptying it would empty a file that another user linked there); or the system refuses.
    pub fn open(path: &Path) -> Result<PidFile, Failure> {
        let failed = |error: io::Error| Failure::io(path.display(), error);
        let flags = (OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK).bits();
        let mut options = File::options();
        options.read(true).write(true).mode(0o644).custom_flags(flags);
        let (file, is_new) = match options.clone().create_new(true).open(path) {
            Err(error) if error.kind() == io::ErrorKind::AlreadyExists => (options.open(path), false),
            made => (made, true),
        };
        let file = file.map_err(|error| failed(of_open(error)))?;
        let status = file.metadata().map_err(failed)?;
        if !status.is_file() || status.nlink() != 1 {
            let found = if status.is_file() { "has other names" } else { "is no regular file" };
            return Err(Failure::new(path.display(), format_args!("{found}, expected a file of its own")));
        }
        match Flock::lock(file, FlockArg::LockExclusiveNonblock) {
            Ok(file) => Ok(PidFile { file, path: path.to_owned(), is_new }),
            Err((mut file, Errno::EWOULDBLOCK)) => {
                let mut pid = String::new();
                let read = Read::by_ref(&mut file).take(32).read_to_string(&mut pid);
                let who = match (read, pid.trim().parse::<u32>()) {
                    (Ok(_), Ok(pid)) => format!("with pid {pid}"),
                    (Ok(_), Err(_)) if !pid.trim().is_empty() => {
                        "and its pid file holds no number".to_owned()
                    }
                    _ => "which has not written its pid yet".to_owned(),
                };
                Err(Failure::new(path.display(), format_args!("bblogd is running already, {who}")))
            }
            Err((_, error)) => Err(Failure::io(path.display(), error)),
        }
    }

    /// Removes the file if it was made here: for a start that fails.
    pub fn discard(self) {
        if self.is_new {
            // A user without the permission to remove it leaves it empty, as at every end.
            let _ = std::fs::remove_file(&self.path);
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
