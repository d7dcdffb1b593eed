// SPDX-License-Identifier: BSD-2-Clause
//! Logs to test with: small ones in this repository, and a larger collection beside it, if it is
//! there.

use std::path::{Path, PathBuf};

/// A log of this repository.
///
/// # Panics
/// If there is none of that name.
pub fn fixture(name: &str) -> PathBuf {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("fixtures").join(name);
    assert!(path.exists(), "{}: no such fixture", path.display());
    path
}

/// A file of the collection of genuine streams beside the checkout: `bblog/rack_clean.tcplog`.
/// `None`, said on stderr, where that collection is not there.
pub fn stream(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/streams").join(name);
    if !path.exists() {
        eprintln!("{}: not here, left out", path.display());
        return None;
    }
    Some(path)
}

/// Every file of a folder of that collection with this extension; empty where it is not there.
pub fn streams(folder: &str, extension: &str) -> Vec<PathBuf> {
    let Some(folder) = stream(folder) else { return Vec::new() };
    let entries = folder.read_dir().into_iter().flatten().flatten().map(|entry| entry.path());
    let mut paths: Vec<PathBuf> = entries.filter(|p| p.extension().is_some_and(|e| e == extension)).collect();
    paths.sort();
    paths
}

/// The names of stack ids in all of these logs.
pub const STACKS: &str = "1=freebsd,2=rack,3=bbr";
