// SPDX-License-Identifier: BSD-2-Clause
//! The output folder: every file is reached through its descriptor, by a name that is one
//! component, without following links.
//!
//! A file grows as `NAME.part` and gets its name when it is complete, by a link that does not
//! replace anything: so a name is either absent or a whole file.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, AtFlags, OFlag, openat};
use nix::sys::stat::{FileStat, Mode, SFlag, fchmod, fstat, fstatat};
use nix::unistd::{UnlinkatFlags, linkat, unlinkat};

use crate::store::name;

/// What the name of an unfinished file ends with.
pub const PART: &str = ".part";
/// The index of files.
pub const RECORDS: &str = "records";

/// The folder, open.
pub struct Folder {
    dir: OwnedFd,
    /// The folder it lies in and its name there: to find it again if it was deleted and made anew.
    parent: OwnedFd,
    name: PathBuf,
}

/// A file found in the folder.
pub struct FolderEntry {
    /// Its name.
    pub name: String,
    /// Its status.
    pub status: FileStat,
}

impl Folder {
    /// Opens the folder `path`.
    ///
    /// # Errors
    /// The system's.
    pub fn open(path: &Path) -> io::Result<Folder> {
        let path = path.canonicalize()?;
        let name = path.file_name().map_or_else(|| PathBuf::from("."), PathBuf::from);
        let parent = path.parent().unwrap_or(Path::new("/"));
        let parent = openat(AT_FDCWD, parent, OFlag::O_RDONLY | folder_flags(), Mode::empty())?;
        let dir = openat(&parent, &name, OFlag::O_RDONLY | folder_flags(), Mode::empty())?;
        Ok(Folder { dir, parent, name })
    }

    /// Looks whether the folder is still the one of that name, and takes the one that is.
    ///
    /// # Errors
    /// The system's: there is none.
    pub fn find_again(&mut self) -> io::Result<()> {
        self.dir = openat(&self.parent, &self.name, OFlag::O_RDONLY | folder_flags(), Mode::empty())?;
        Ok(())
    }

    /// The descriptors that a sandbox has to leave usable: the folder and the one it lies in.
    pub fn descriptors(&self) -> [BorrowedFd<'_>; 2] {
        [self.dir.as_fd(), self.parent.as_fd()]
    }

    /// Makes `name`.part, which must not exist, nor the finished file.
    ///
    /// # Errors
    /// `AlreadyExists`, or the system's.
    pub fn create(&self, name: &str) -> io::Result<File> {
        if self.exists(name)? {
            return Err(io::ErrorKind::AlreadyExists.into());
        }
        let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL | OFlag::O_APPEND;
        self.open_at(&part(name), flags)
    }

    /// Opens `name`.part again, to append or, `read`, to read it only.
    ///
    /// # Errors
    /// The system's.
    pub fn reopen(&self, name: &str, read: bool) -> io::Result<File> {
        let flags = if read { OFlag::O_RDONLY } else { OFlag::O_RDWR | OFlag::O_APPEND };
        self.open_at(&part(name), flags)
    }

    /// Opens `name`.part to write anywhere in it.
    ///
    /// # Errors
    /// The system's.
    pub fn reopen_to_patch(&self, name: &str) -> io::Result<File> {
        self.open_at(&part(name), OFlag::O_RDWR)
    }

    /// Opens the index to append.
    ///
    /// # Errors
    /// The system's.
    pub fn records(&self) -> io::Result<File> {
        self.open_at(RECORDS, OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_APPEND)
    }

    /// Gives `from`.part, which is complete, the name `to`; it can no longer be written. Whether it
    /// has its old name as well, which is to be removed once the index knows the file.
    ///
    /// # Errors
    /// `AlreadyExists` if there is a file of that name, which stays; or the system's.
    pub fn complete(&self, from: &str, to: &str) -> io::Result<bool> {
        let from = part(from);
        let file = self.open_at(&from, OFlag::O_RDONLY)?;
        let has_both = match linkat(&self.dir, from.as_str(), &self.dir, to, AtFlags::empty()) {
            Ok(()) => true,
            // A file system without hard links.
            Err(Errno::EPERM | Errno::EOPNOTSUPP | Errno::ENOSYS | Errno::EMLINK) => {
                if self.exists(to)? {
                    return Err(io::ErrorKind::AlreadyExists.into());
                }
                nix::fcntl::renameat(&self.dir, from.as_str(), &self.dir, to)?;
                false
            }
            Err(error) => return Err(error.into()),
        };
        // Afterwards, since an unfinished file has to be written by the next start. It is ours.
        let _ = fchmod(&file, Mode::from_bits_truncate(0o444));
        Ok(has_both)
    }

    /// Removes a file.
    ///
    /// # Errors
    /// The system's.
    pub fn remove(&self, name: &str) -> io::Result<()> {
        Ok(unlinkat(&self.dir, name, UnlinkatFlags::NoRemoveDir)?)
    }

    /// Whether there is anything of that name.
    ///
    /// # Errors
    /// The system's.
    pub fn exists(&self, name: &str) -> io::Result<bool> {
        match fstatat(&self.dir, name, AtFlags::AT_SYMLINK_NOFOLLOW) {
            Ok(_) => Ok(true),
            Err(Errno::ENOENT) => Ok(false),
            Err(error) => Err(error.into()),
        }
    }

    /// The size of a file.
    ///
    /// # Errors
    /// The system's.
    pub fn size(&self, name: &str) -> io::Result<u64> {
        let status = fstatat(&self.dir, name, AtFlags::AT_SYMLINK_NOFOLLOW)?;
        Ok(u64::try_from(status.st_size).unwrap_or_default())
    }

    /// The name under which `name`.part is complete, if it has one.
    ///
    /// # Errors
    /// The system's.
    pub fn completed(&self, name: &str) -> io::Result<Option<String>> {
        let unfinished = match fstatat(&self.dir, part(name).as_str(), AtFlags::AT_SYMLINK_NOFOLLOW) {
            Ok(status) => status,
            Err(Errno::ENOENT) => return Ok(None),
            Err(error) => return Err(error.into()),
        };
        let mut complete = None;
        if unfinished.st_nlink > 1 {
            self.scan(&mut |FolderEntry { name, status }| {
                let is_same = (status.st_dev, status.st_ino) == (unfinished.st_dev, unfinished.st_ino);
                if is_same && name::split(&name).is_some() {
                    complete = Some(name);
                }
            })?;
        }
        Ok(complete)
    }

    /// The last bytes of the index, at most `len`.
    ///
    /// # Errors
    /// The system's.
    pub fn end_of_records(&self, len: u64) -> io::Result<Vec<u8>> {
        let mut end = Vec::new();
        let mut file = match self.open_at(RECORDS, OFlag::O_RDONLY) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(end),
            opened => opened?,
        };
        let size = file.metadata()?.len();
        file.seek(SeekFrom::Start(size.saturating_sub(len)))?;
        file.take(len).read_to_end(&mut end)?;
        Ok(end)
    }

    /// Hands every regular file to `each`, in no order.
    ///
    /// # Errors
    /// The system's.
    pub fn scan(&self, each: &mut dyn FnMut(FolderEntry)) -> io::Result<()> {
        let mut dir = Dir::openat(&self.dir, ".", OFlag::O_RDONLY | folder_flags(), Mode::empty())?;
        for entry in dir.iter() {
            let entry = entry?;
            // Our own names are ASCII; others do not matter.
            let Ok(name) = entry.file_name().to_str() else { continue };
            let Ok(status) = fstatat(&self.dir, name, AtFlags::AT_SYMLINK_NOFOLLOW) else { continue };
            if SFlag::from_bits_truncate(status.st_mode) & SFlag::S_IFMT == SFlag::S_IFREG {
                each(FolderEntry { name: name.to_owned(), status });
            }
        }
        Ok(())
    }

    /// Whether this process may make files here, found out by making one.
    ///
    /// # Errors
    /// The system's.
    pub fn probe(&self) -> io::Result<()> {
        let name = format!(".bblogd-{}", std::process::id());
        self.open_at(&name, OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL)?;
        self.remove(&name)
    }

    fn open_at(&self, name: &str, flags: OFlag) -> io::Result<File> {
        let flags = flags | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC;
        let file = File::from(openat(&self.dir, name, flags, Mode::from_bits_truncate(0o644))?);
        let status = fstat(&file)?;
        let kind = SFlag::from_bits_truncate(status.st_mode) & SFlag::S_IFMT;
        if kind == SFlag::S_IFREG { Ok(file) } else { Err(io::ErrorKind::InvalidInput.into()) }
    }
}

/// The name of an unfinished file.
pub fn part(name: &str) -> String {
    [name, PART].concat()
}

fn folder_flags() -> OFlag {
    OFlag::O_DIRECTORY | OFlag::O_CLOEXEC
}

#[cfg(test)]
mod tests {
    use std::io::Write;
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn a_name_appears_when_the_file_is_complete() {
        let place = tempfile::tempdir().unwrap();
        let folder = Folder::open(place.path()).unwrap();
        folder.create("a.0.pcapng").unwrap().write_all(b"bytes").unwrap();
        assert!(!place.path().join("a.0.pcapng").exists());
        assert_eq!(folder.completed("a.0.pcapng").unwrap(), None);
        assert!(folder.complete("a.0.pcapng", "b.1.pcapng").unwrap());
        assert_eq!(folder.completed("a.0.pcapng").unwrap(), Some("b.1.pcapng".to_owned()));
        folder.remove(&part("a.0.pcapng")).unwrap();
        let made = place.path().join("b.1.pcapng");
        assert_eq!(std::fs::read(&made).unwrap(), b"bytes");
        assert_eq!(made.metadata().unwrap().permissions().mode() & 0o777, 0o444);
        let again = folder.create("b.1.pcapng").unwrap_err();
        assert_eq!(again.kind(), io::ErrorKind::AlreadyExists);
    }

    #[test]
    fn links_are_not_followed_and_nothing_is_replaced() {
        let place = tempfile::tempdir().unwrap();
        let victim = place.path().join("victim");
        std::fs::write(&victim, b"precious").unwrap();
        symlink(&victim, place.path().join("a.0.pcapng.part")).unwrap();
        symlink(&victim, place.path().join(RECORDS)).unwrap();
        let folder = Folder::open(place.path()).unwrap();
        assert!(folder.create("a.0.pcapng").is_err());
        assert!(folder.reopen("a.0.pcapng", false).is_err());
        assert!(folder.records().is_err());
        folder.create("b.0.pcapng").unwrap();
        symlink(&victim, place.path().join("b.0.pcapng")).unwrap();
        assert_eq!(
            folder.complete("b.0.pcapng", "b.0.pcapng").unwrap_err().kind(),
            io::ErrorKind::AlreadyExists
        );
        assert_eq!(std::fs::read(&victim).unwrap(), b"precious");
    }

    #[test]
    fn a_folder_made_anew_is_found() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("out");
        std::fs::create_dir(&path).unwrap();
        let mut folder = Folder::open(&path).unwrap();
        std::fs::remove_dir(&path).unwrap();
        assert!(folder.create("a.0.pcapng").is_err());
        assert!(folder.find_again().is_err());
        std::fs::create_dir(&path).unwrap();
        folder.find_again().unwrap();
        folder.create("a.0.pcapng").unwrap();
    }
}
