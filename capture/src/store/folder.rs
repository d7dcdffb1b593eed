// SPDX-License-Identifier: BSD-2-Clause
//! The output folder: every file is reached through its descriptor, by a name that is one
//! component, without following links.
//!
//! A file grows as `NAME.part` and gets its name when it is complete, by a link that replaces nothing: a name
//! is either absent or a whole file.

use std::fs::File;
use std::hash::{BuildHasher, RandomState};
use std::io::{self, Read, Seek, SeekFrom, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::path::{Path, PathBuf};

use nix::dir::Dir;
use nix::errno::Errno;
use nix::fcntl::{AT_FDCWD, AtFlags, OFlag, openat};
use nix::sys::stat::{FileStat, Mode, SFlag, fchmod, fstat, fstatat, mkdirat};
use nix::unistd::{Gid, Uid, UnlinkatFlags, fchown, geteuid, linkat, unlinkat};

use crate::failure::{not_regular, of_open};
use crate::store::name;

/// Its size differs between systems.
type ModeBits = libc::mode_t;

/// The mode of a folder that is made here.
const FOLDER_MODE: ModeBits = 0o750;
/// Names tried for a probe.
const PROBES: u32 = 16;

/// The suffix of an unfinished file.
pub const PART: &str = ".part";
/// The index of files.
pub const RECORDS: &str = "records";

/// The folder, open.
pub struct Folder {
    dir: OwnedFd,
    /// The parent folder and the name in it, to find the folder again if it was deleted and created again.
    parent: OwnedFd,
    name: PathBuf,
    /// The mode of files that grow; complete ones lose the bits that allow writing.
    mode: Mode,
}

/// A file found in the folder.
pub struct FolderEntry {
    /// Its name.
    pub name: String,
    /// Its status.
    pub status: FileStat,
}

impl Folder {
    /// Opens the folder `path`, or makes it, with mode 0750 and of this `owner`; and whether it was
    /// made. `mode` is that of its files.
    ///
    /// # Errors
    /// The system's.
    pub fn open_or_make(path: &Path, mode: u32, owner: Option<(Uid, Gid)>) -> io::Result<(Folder, bool)> {
        match path.canonicalize() {
            Ok(path) => Ok((Folder::open(&path, mode)?, false)),
            Err(error) if error.kind() == io::ErrorKind::NotFound => Folder::make(path, mode, owner),
            Err(error) => Err(error),
        }
    }

    /// Opens the folder `path`, whose files have the mode `mode`.
    ///
    /// # Errors
    /// The system's.
    pub fn open(path: &Path, mode: u32) -> io::Result<Folder> {
        let (parent, name) = Folder::parent(path)?;
        let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | folder_flags();
        let dir = openat(&parent, &name, flags, Mode::empty())?;
        Ok(Folder { dir, parent, name, mode: file_mode(mode) })
    }

    /// Creates the folder. A user who may write in its parent may replace it before it
    /// is opened: so what is opened must be a folder, not a link to one, this user's own and empty, and is
    /// given away by its descriptor.
    fn make(path: &Path, mode: u32, owner: Option<(Uid, Gid)>) -> io::Result<(Folder, bool)> {
        let (parent, name) = Folder::parent(path)?;
        mkdirat(&parent, &name, Mode::from_bits_truncate(FOLDER_MODE))?;
        let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | folder_flags();
        let dir = openat(&parent, &name, flags, Mode::empty())?;
        let status = fstat(&dir)?;
        if status.st_uid != geteuid().as_raw() || !is_empty(&dir)? {
            return Err(io::Error::new(io::ErrorKind::PermissionDenied, "replaced while it was made"));
        }
        if let Some((user, group)) = owner {
            fchown(&dir, Some(user), Some(group))?;
        }
        Ok((Folder { dir, parent, name, mode: file_mode(mode) }, true))
    }

    /// The folder that `path` lies in, open, and its name there.
    fn parent(path: &Path) -> io::Result<(OwnedFd, PathBuf)> {
        let name = path.file_name().map_or_else(|| PathBuf::from("."), PathBuf::from);
        let parent = match path.parent() {
            Some(parent) if parent.as_os_str().is_empty() => Path::new("."),
            Some(parent) => parent,
            None => Path::new("/"),
        };
        let parent = openat(AT_FDCWD, parent, OFlag::O_RDONLY | folder_flags(), Mode::empty())?;
        Ok((parent, name))
    }

    /// Removes the folder, which was just made and is empty: for a start that fails.
    pub fn remove_itself(&self) {
        // One that is not empty is not removed.
        let _ = unlinkat(&self.parent, &self.name, UnlinkatFlags::RemoveDir);
    }

    /// Looks whether the folder is still the one of that name, and takes the one that is.
    ///
    /// # Errors
    /// An error of the system, for example that there is none.
    pub fn find_again(&mut self) -> io::Result<()> {
        let flags = OFlag::O_RDONLY | OFlag::O_NOFOLLOW | folder_flags();
        self.dir = openat(&self.parent, &self.name, flags, Mode::empty())?;
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

    /// Gives `from`.part, which is the complete `file`, the name `to`; it can no longer be written. Its status, and
    /// whether it has its old name as well, which is to be removed once the index has the file.
    ///
    /// # Errors
    /// `AlreadyExists` if there is a file of that name, which stays; `NotFound` if `file` has its name no longer; or the
    /// system's.
    pub fn complete(&self, file: &File, from: &str, to: &str) -> io::Result<(FileStat, bool)> {
        let from = part(from);
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
        let (status, own) = (self.status(to)?, fstat(file)?);
        if (status.st_dev, status.st_ino) != (own.st_dev, own.st_ino) {
            // Another program has put something in its place.
            self.remove(to)?;
            return Err(io::ErrorKind::NotFound.into());
        }
        // Afterwards, since an unfinished file has to be written by the next start. It is ours.
        let _ = fchmod(file, self.mode & Mode::from_bits_truncate(0o444));
        Ok((status, has_both))
    }

    /// Replaces the contents of the file `name` with `bytes`, atomically.
    ///
    /// # Errors
    /// The system's: the old one is left.
    pub fn replace(&self, name: &str, bytes: &[u8]) -> io::Result<()> {
        let new = format!(".{name}.new");
        // A killed run may have left it.
        match self.remove(&new) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut file = self.open_at(&new, OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL)?;
        let written = file.write_all(bytes);
        let replaced =
            written.and_then(|()| Ok(nix::fcntl::renameat(&self.dir, new.as_str(), &self.dir, name)?));
        if replaced.is_err() {
            // The error before counts.
            let _ = self.remove(&new);
        }
        replaced
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

    /// The status of a file.
    ///
    /// # Errors
    /// The system's.
    pub fn status(&self, name: &str) -> io::Result<FileStat> {
        Ok(fstatat(&self.dir, name, AtFlags::AT_SYMLINK_NOFOLLOW)?)
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

    /// The first bytes of the file `name`, at most `len`; `None` if there is none.
    ///
    /// # Errors
    /// The system's.
    pub fn beginning(&self, name: &str, len: u64) -> io::Result<Option<Vec<u8>>> {
        let mut beginning = Vec::new();
        match self.open_at(name, OFlag::O_RDONLY) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(None),
            opened => opened?.take(len).read_to_end(&mut beginning)?,
        };
        Ok(Some(beginning))
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
            // Capability mode forbids to look at the second.
            if matches!(name, "." | "..") {
                continue;
            }
            let Ok(status) = fstatat(&self.dir, name, AtFlags::AT_SYMLINK_NOFOLLOW) else { continue };
            if SFlag::from_bits_truncate(status.st_mode) & SFlag::S_IFMT == SFlag::S_IFREG {
                each(FolderEntry { name: name.to_owned(), status });
            }
        }
        Ok(())
    }

    /// Whether this process may create files here. It creates one to find out.
    ///
    /// # Errors
    /// The system's.
    pub fn probe(&self) -> io::Result<()> {
        let flags = OFlag::O_WRONLY | OFlag::O_CREAT | OFlag::O_EXCL;
        // Others who may write here must not be able to guess the name and take it.
        let mut error = io::ErrorKind::AlreadyExists.into();
        for _ in 0..PROBES {
            let name = format!(".bblogd-{:016x}", RandomState::new().hash_one(std::process::id()));
            match self.open_at(&name, flags) {
                Ok(_) => return self.remove(&name),
                Err(exists) if exists.kind() == io::ErrorKind::AlreadyExists => error = exists,
                Err(error) => return Err(error),
            }
        }
        Err(error)
    }

    fn open_at(&self, name: &str, flags: OFlag) -> io::Result<File> {
        // Without O_NONBLOCK a FIFO would be waited for; for regular files it means nothing.
        let flags = flags | OFlag::O_NOFOLLOW | OFlag::O_CLOEXEC | OFlag::O_NONBLOCK | OFlag::O_NOCTTY;
        let file = File::from(openat(&self.dir, name, flags, self.mode).map_err(of_open)?);
        if file.metadata()?.is_file() { Ok(file) } else { Err(not_regular()) }
    }
}

fn is_empty(dir: &OwnedFd) -> io::Result<bool> {
    let mut dir = Dir::openat(dir, ".", OFlag::O_RDONLY | folder_flags(), Mode::empty())?;
    for entry in dir.iter() {
        if !matches!(entry?.file_name().to_bytes(), b"." | b"..") {
            return Ok(false);
        }
    }
    Ok(true)
}

/// The mode of growing files: their owner has to write them.
fn file_mode(mode: u32) -> Mode {
    Mode::from_bits_truncate(0o600 | (mode as ModeBits & 0o666))
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
    use std::os::unix::fs::{PermissionsExt, symlink};

    use super::*;

    #[test]
    fn a_name_appears_when_the_file_is_complete() {
        let place = tempfile::tempdir().unwrap();
        let folder = Folder::open(place.path(), 0o640).unwrap();
        let mut file = folder.create("a.0.pcapng").unwrap();
        file.write_all(b"bytes").unwrap();
        assert!(!place.path().join("a.0.pcapng").exists());
        assert_eq!(folder.completed("a.0.pcapng").unwrap(), None);
        let (status, has_both) = folder.complete(&file, "a.0.pcapng", "b.1.pcapng").unwrap();
        assert_eq!((status.st_size, has_both), (5, true));
        assert_eq!(folder.completed("a.0.pcapng").unwrap(), Some("b.1.pcapng".to_owned()));
        folder.remove(&part("a.0.pcapng")).unwrap();
        let made = place.path().join("b.1.pcapng");
        assert_eq!(std::fs::read(&made).unwrap(), b"bytes");
        assert_eq!(made.metadata().unwrap().permissions().mode() & 0o777, 0o440);
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
        let folder = Folder::open(place.path(), 0o640).unwrap();
        assert!(folder.create("a.0.pcapng").is_err());
        assert!(folder.reopen("a.0.pcapng", false).is_err());
        assert!(folder.records().is_err());
        let file = folder.create("b.0.pcapng").unwrap();
        symlink(&victim, place.path().join("b.0.pcapng")).unwrap();
        assert_eq!(
            folder.complete(&file, "b.0.pcapng", "b.0.pcapng").unwrap_err().kind(),
            io::ErrorKind::AlreadyExists
        );
        // What was put in the place of an unfinished file is not taken for it.
        std::fs::remove_file(place.path().join("b.0.pcapng.part")).unwrap();
        let gone = |to| folder.complete(&file, "b.0.pcapng", to).unwrap_err().kind();
        assert_eq!(gone("c.0.pcapng"), io::ErrorKind::NotFound);
        symlink(&victim, place.path().join("b.0.pcapng.part")).unwrap();
        assert_eq!(gone("c.0.pcapng"), io::ErrorKind::NotFound);
        assert!(!folder.exists("c.0.pcapng").unwrap());
        assert_eq!(std::fs::read(&victim).unwrap(), b"precious");
    }

    #[test]
    fn a_folder_made_anew_is_found() {
        let place = tempfile::tempdir().unwrap();
        let path = place.path().join("out");
        std::fs::create_dir(&path).unwrap();
        let mut folder = Folder::open(&path, 0o640).unwrap();
        std::fs::remove_dir(&path).unwrap();
        assert!(folder.create("a.0.pcapng").is_err());
        assert!(folder.find_again().is_err());
        std::fs::create_dir(&path).unwrap();
        folder.find_again().unwrap();
        folder.create("a.0.pcapng").unwrap();
    }
}
