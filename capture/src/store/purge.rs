// SPDX-License-Identifier: BSD-2-Clause
//! Keeps the folder below its limit: the oldest complete files go.

use std::collections::BinaryHeap;
use std::io;

use crate::store::folder::{Folder, FolderEntry};
use crate::store::name;

/// Files remembered in one pass over the folder: bounds memory, not how many are deleted.
const BATCH: usize = 1024;

/// What a purge did.
pub struct Purged {
    /// Files deleted.
    pub deleted: u64,
    /// Bytes of complete files left.
    pub left: u64,
}

/// Deletes complete files, the oldest first, until at most `max` bytes are left.
///
/// # Errors
/// The system's.
pub fn oldest(folder: &Folder, max: u64) -> io::Result<Purged> {
    let mut deleted = 0;
    loop {
        let mut left = 0;
        // The youngest of the oldest on top, to be replaced first.
        let mut oldest: BinaryHeap<((i64, i64), u64, String)> = BinaryHeap::new();
        folder.scan(&mut |FolderEntry { name, status }| {
            if name::split(&name).is_none() {
                return;
            }
            let size = u64::try_from(status.st_size).unwrap_or_default();
            left += size;
            oldest.push(((status.st_mtime, status.st_mtime_nsec), size, name));
            if oldest.len() > BATCH {
                oldest.pop();
            }
        })?;
        if left <= max || oldest.is_empty() {
            return Ok(Purged { deleted, left });
        }
        for (_, size, name) in oldest.into_sorted_vec() {
            if left <= max {
                return Ok(Purged { deleted, left });
            }
            folder.remove(&name)?;
            deleted += 1;
            left -= size;
        }
    }
}

#[cfg(test)]
mod tests {
    use std::time::{Duration, SystemTime};

    use super::*;

    #[test]
    fn the_oldest_go_and_nothing_else() {
        let place = tempfile::tempdir().unwrap();
        let begin = SystemTime::now() - Duration::from_secs(1000);
        let file = |name: &str, age| {
            let path = place.path().join(name);
            std::fs::write(&path, [0; 100]).unwrap();
            let open = std::fs::File::options().write(true).open(&path).unwrap();
            open.set_modified(begin + Duration::from_secs(age)).unwrap();
        };
        file("records", 0);
        file("x.9.pcapng.part", 0);
        (0..10).for_each(|age| file(&format!("x.{age}.pcapng"), 10 - age));
        let folder = Folder::open(place.path()).unwrap();
        let purged = oldest(&folder, 350).unwrap();
        assert_eq!((purged.deleted, purged.left), (7, 300));
        let there = |name: &str| place.path().join(name).exists();
        assert!(there("records") && there("x.9.pcapng.part") && there("x.0.pcapng") && there("x.2.pcapng"));
        assert!(!there("x.3.pcapng") && !there("x.9.pcapng"));
    }
}
