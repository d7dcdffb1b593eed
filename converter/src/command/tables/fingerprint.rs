// SPDX-License-Identifier: BSD-2-Clause
//! The fingerprint of a file's content: the same under any name.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};
use std::path::{Path, PathBuf};

use foldhash::fast::RandomState;
use sha2::{Digest, Sha256};

use crate::input::InputName;

/// Bytes at each end of a file that are looked at.
const LOOKED_AT: u64 = 64 << 10;

/// The fingerprints of files, each computed once.
#[derive(Debug, Default)]
pub struct Fingerprints(HashMap<PathBuf, Option<String>, RandomState>);

impl Fingerprints {
    /// That of a file; `None` if it cannot be read twice, or not at all, which is reported when it is opened.
    pub(super) fn of(&mut self, name: &InputName) -> Option<&str> {
        let known = self.0.entry(name.path().to_owned());
        let compute = || name.can_be_opened_again().then(|| of_file(name.path()).ok()).flatten();
        known.or_insert_with(compute).as_deref()
    }
}

/// The first half of the SHA-256 hash of a file's length and of its first and last 64 KiB, as hexadecimal digits.
fn of_file(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let len = file.metadata()?.len();
    let mut hash = Sha256::new();
    hash.update(len.to_le_bytes());
    let mut bytes = Vec::new();
    file.by_ref().take(LOOKED_AT).read_to_end(&mut bytes)?;
    hash.update(&bytes);
    if len > LOOKED_AT {
        bytes.clear();
        file.seek(SeekFrom::Start(len.saturating_sub(LOOKED_AT).max(LOOKED_AT)))?;
        file.take(LOOKED_AT).read_to_end(&mut bytes)?;
        hash.update(&bytes);
    }
    Ok(digits(&hash.finalize()[..16]))
}

/// What several files are known by.
pub(super) fn of_all<'a>(parts: impl Iterator<Item = &'a str>) -> String {
    let mut hash = Sha256::new();
    for part in parts {
        hash.update(part.as_bytes());
        hash.update([0]);
    }
    digits(&hash.finalize()[..8])
}

/// What bytes are known by.
pub(super) fn of_bytes(bytes: &[u8]) -> String {
    digits(&Sha256::digest(bytes)[..8])
}

fn digits(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
