// SPDX-License-Identifier: BSD-2-Clause
//! Keeps the folder below its limits: deletes complete files that are too old, and the oldest ones while all
//! together are too large.
//!
//! Only files that bblogd completed are counted and deleted: their names have its form, they belong to the user
//! that it runs as, and they have no permission to write. Other files in the folder are left alone. The size of
//! a file is the room that it takes on the disk.

use std::collections::{BinaryHeap, HashSet};
use std::io;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nix::sys::stat::FileStat;
use nix::unistd::geteuid;

use crate::store::folder::{Folder, FolderEntry};
use crate::store::name;

/// Files remembered in one pass over the folder: bounds memory (4 MB for the longest names), not how many are
/// deleted. Each pass takes time for every file in the folder.
const BATCH: usize = 16 * 1024;
/// st_blocks' unit.
const BLOCK: u64 = 512;
/// What file systems allocate at least, for most of them.
const UNIT: u64 = 4096;

/// Why a file was deleted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Reason {
    /// It was older than `--max-age`.
    Age,
    /// The folder was larger than `--max-total-size`.
    Size,
}

impl Reason {
    /// The option that says so.
    pub fn option(self) -> &'static str {
        match self {
            Reason::Age => "max-age",
            Reason::Size => "max-total-size",
        }
    }
}

/// A file to be deleted.
#[derive(Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Doomed {
    modified: (i64, i64),
    /// Its name.
    pub name: String,
    /// The room it takes.
    pub bytes: u64,
}

/// Deletes complete files: those older than `max_age`, and the oldest until at most `max_bytes` are
/// left. Returns the bytes that are left.
///
/// `delete` deletes one; if that fails the file stays, and counts.
///
/// # Errors
/// The system's: the folder cannot be read. One file that cannot be deleted is no error.
pub fn purge(
    folder: &Folder,
    max_bytes: Option<u64>,
    max_age: Option<Duration>,
    delete: &mut dyn FnMut(&Doomed, Reason) -> io::Result<()>,
) -> io::Result<u64> {
    let mut stuck = HashSet::new();
    loop {
        let mut left = 0;
        // The youngest of the oldest on top, to be replaced first.
        let mut oldest = BinaryHeap::new();
        folder.scan(&mut |FolderEntry { name, status }| {
            if !is_complete(&name, &status) {
                return;
            }
            let bytes = room(&status);
            left += bytes;
            if !stuck.contains(&name) {
                oldest.push(Doomed { modified: (status.st_mtime, status.st_mtime_nsec), bytes, name });
            }
            if oldest.len() > BATCH {
                oldest.pop();
            }
        })?;
        let mut is_news = false;
        for file in oldest.into_sorted_vec() {
            let is_old = max_age.is_some_and(|max| age(file.modified).is_some_and(|age| age > max));
            let why = if is_old { Reason::Age } else { Reason::Size };
            if !is_old && max_bytes.is_none_or(|max| left <= max) {
                return Ok(left);
            }
            is_news = true;
            match delete(&file, why) {
                Ok(()) => left -= file.bytes,
                Err(_) => drop(stuck.insert(file.name)),
            }
        }
        if !is_news {
            return Ok(left);
        }
    }
}

/// Whether bblogd completed this file.
pub fn is_complete(name: &str, status: &FileStat) -> bool {
    name::is_ours(name) && status.st_uid == geteuid().as_raw() && status.st_mode & 0o222 == 0
}

/// The room that a file takes on the disk, in bytes.
pub fn room(status: &FileStat) -> u64 {
    u64::try_from(status.st_blocks).unwrap_or_default().saturating_mul(BLOCK)
}

/// The room that a file takes as soon as all of it is on the disk: ZFS has few blocks of a file that was just written.
pub fn room_when_new(status: &FileStat) -> u64 {
    room(status).max(size(status).next_multiple_of(UNIT))
}

/// The size of a file, in bytes.
pub fn size(status: &FileStat) -> u64 {
    u64::try_from(status.st_size).unwrap_or_default()
}

fn age((seconds, nanoseconds): (i64, i64)) -> Option<Duration> {
    let modified = Duration::new(seconds.try_into().ok()?, nanoseconds.try_into().ok()?);
    SystemTime::now().duration_since(UNIX_EPOCH).ok()?.checked_sub(modified)
}

#[cfg(test)]
mod tests {
    use std::os::unix::fs::PermissionsExt;

    use super::*;

    /// Purges, but for files whose name begins with `stuck`; what was to be deleted and why, in order.
    fn purged(
        folder: &Folder,
        max_bytes: Option<u64>,
        max_age: Option<Duration>,
    ) -> (u64, Vec<(String, Reason)>) {
        let mut deleted = Vec::new();
        let left = purge(folder, max_bytes, max_age, &mut |file, why| {
            deleted.push((file.name.clone(), why));
            if file.name.starts_with("stuck") {
                return Err(io::ErrorKind::PermissionDenied.into());
            }
            folder.remove(&file.name)
        });
        (left.unwrap(), deleted)
    }

    fn file(place: &tempfile::TempDir, name: &str, age: u64, mode: u32) {
        let path = place.path().join(name);
        std::fs::write(&path, [1; 4096]).unwrap();
        let open = std::fs::File::options().write(true).open(&path).unwrap();
        open.sync_all().unwrap();
        open.set_modified(SystemTime::now() - Duration::from_secs(age)).unwrap();
        std::fs::set_permissions(&path, PermissionsExt::from_mode(mode)).unwrap();
    }

    #[test]
    fn the_oldest_go_and_nothing_else() {
        let place = tempfile::tempdir().unwrap();
        let others = ["records", "x_1_10.0.0.1_2.9.pcapng.part", "holiday.2019.pcapng", "mine.0.elog"];
        others.iter().for_each(|name| file(&place, name, 9000, 0o444));
        // The right name, but its owner may write it.
        file(&place, "x_1_10.0.0.1_2.77.pcapng", 9000, 0o644);
        (0..10).for_each(|age| file(&place, &format!("x_1_10.0.0.1_2.{age}.pcapng"), 1000 + age, 0o440));
        // Larger than all disks, and without a block.
        let sparse = std::fs::File::create(place.path().join("tcp_0.0.pcapng")).unwrap();
        sparse.set_len(1 << 40).unwrap();
        sparse.set_permissions(PermissionsExt::from_mode(0o440)).unwrap();
        let folder = Folder::open(place.path(), 0o640).unwrap();
        let each = room(&nix::sys::stat::stat(&place.path().join("x_1_10.0.0.1_2.0.pcapng")).unwrap());
        let (left, deleted) = purged(&folder, Some(3 * each), None);
        assert_eq!(left, 3 * each);
        let names: Vec<_> =
            (3..10).rev().map(|age| (format!("x_1_10.0.0.1_2.{age}.pcapng"), Reason::Size)).collect();
        assert_eq!(deleted, names);
        assert!(others.iter().all(|name| place.path().join(name).exists()));
        assert!(place.path().join("x_1_10.0.0.1_2.77.pcapng").exists());
    }

    #[test]
    fn one_that_stays_ends_nothing_and_old_ones_go_by_age() {
        let place = tempfile::tempdir().unwrap();
        file(&place, "stuck_1_10.0.0.1_2.0.pcapng", 5000, 0o440);
        file(&place, "x_1_10.0.0.1_2.0.pcapng", 4000, 0o440);
        file(&place, "x_1_10.0.0.1_2.1.pcapng", 30, 0o440);
        let folder = Folder::open(place.path(), 0o640).unwrap();
        let (_, deleted) = purged(&folder, None, Some(Duration::from_secs(60)));
        let names: Vec<_> = deleted.iter().map(|(name, why)| (name.as_str(), *why)).collect();
        assert_eq!(
            names,
            [("stuck_1_10.0.0.1_2.0.pcapng", Reason::Age), ("x_1_10.0.0.1_2.0.pcapng", Reason::Age)]
        );
        assert!(place.path().join("x_1_10.0.0.1_2.1.pcapng").exists());
        // As many as are remembered in one pass.
        for number in 0..=BATCH {
            let path = place.path().join(format!("stuck_1_10.0.0.1_3.{number}.pcapng"));
            let stuck = std::fs::File::create(path).unwrap();
            stuck.set_modified(SystemTime::now() - Duration::from_secs(9000)).unwrap();
            stuck.set_permissions(PermissionsExt::from_mode(0o440)).unwrap();
        }
        purged(&folder, Some(0), None);
        assert!(!place.path().join("x_1_10.0.0.1_2.1.pcapng").exists());
    }
}
