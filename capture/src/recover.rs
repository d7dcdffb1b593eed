//! Finishes what a killed run left: a `.part` is cut after its last whole block or event.

use std::fs::File;
use std::io::{self, Read, Seek, SeekFrom};

use bblog_dissector::elog::{EVENT_HEADER_LEN, FILE_HEADER_LEN, FileHeader, ProviderTable, RawEvent};
use nix::unistd::ftruncate;

use crate::folder::{Folder, part};
use crate::name;

/// Block types that are no frame: section header and interface.
const SECTION_HEADER: u32 = 0x0a0d_0d0a;
const INTERFACE: u32 = 1;

/// What became of an unfinished file.
#[derive(Debug, PartialEq, Eq)]
pub enum Outcome {
    /// It held nothing, or only what another file holds.
    Removed,
    /// It can be completed; so many torn bytes were cut off.
    Ready {
        /// Bytes cut off.
        cut: u64,
    },
    /// It is no file of bblogd's.
    NotOurs,
}

/// Makes `name`.part ready to be completed.
///
/// # Errors
/// The system's.
pub fn finish(folder: &Folder, name: &str) -> io::Result<Outcome> {
    if name::split(name).is_none() {
        return Ok(Outcome::NotOurs);
    }
    // Compressed files are made from unfinished ones that are still there; and a finished file of
    // the same number means that the kill came between naming it and removing this.
    let compressed = name.ends_with(".xz") || name.ends_with(".zst");
    if compressed || folder.is_same(&part(name), name)? || finished(folder, name)? {
        folder.remove(&part(name))?;
        return Ok(Outcome::Removed);
    }
    let mut file = folder.reopen_to_patch(name)?;
    let size = file.metadata()?.len();
    let (good, frames) = if name.ends_with(".elog") { elog(&mut file)? } else { blocks(&mut file)? };
    if frames == 0 {
        folder.remove(&part(name))?;
        return Ok(Outcome::Removed);
    }
    if good < size {
        ftruncate(&file, good.try_into().unwrap_or(i64::MAX))?;
    }
    Ok(Outcome::Ready { cut: size - good })
}

fn finished(folder: &Folder, name: &str) -> io::Result<bool> {
    Ok(folder.exists(&[name, ".xz"].concat())? || folder.exists(&[name, ".zst"].concat())?)
}

/// How far a pcapng file consists of whole blocks, and how many of them are frames.
fn blocks(file: &mut File) -> io::Result<(u64, u64)> {
    let size = file.metadata()?.len();
    let (mut at, mut frames) = (0, 0);
    loop {
        let mut begin = [0; 8];
        let mut end = [0; 4];
        if !fill(file, at, &mut begin)? {
            return Ok((at, frames));
        }
        let [k0, k1, k2, k3, l0, l1, l2, l3] = begin;
        let kind = u32::from_le_bytes([k0, k1, k2, k3]);
        let len = u64::from(u32::from_le_bytes([l0, l1, l2, l3]));
        let whole = len >= 12 && len % 4 == 0 && at + len <= size;
        if !whole || !fill(file, at + len - 4, &mut end)? || end != [l0, l1, l2, l3] {
            return Ok((at, frames));
        }
        at += len;
        frames += u64::from(kind != SECTION_HEADER && kind != INTERFACE);
    }
}

/// How far an ELOG file consists of whole events, and how many. Their number goes into its
/// header.
fn elog(file: &mut File) -> io::Result<(u64, u64)> {
    let mut bytes = Vec::new();
    file.seek(SeekFrom::Start(0))?;
    // Bounded by --rotate-size, or else by what one session makes; read in steps all the same.
    file.take(1 << 20).read_to_end(&mut bytes)?;
    let Ok(header) = FileHeader::parse(&bytes) else { return Ok((0, 0)) };
    let Ok((_, rest)) = ProviderTable::split(&bytes[FILE_HEADER_LEN..]) else { return Ok((0, 0)) };
    let mut at = (bytes.len() - rest.len()) as u64;
    let mut events = 0;
    let mut event = [0; EVENT_HEADER_LEN];
    let size = file.metadata()?.len();
    while fill(file, at, &mut event)? {
        let [l0, l1, ..] = event;
        let len = u64::from(u16::from_le_bytes([l0, l1]));
        if RawEvent::split(&event).is_err() || at + len > size {
            break;
        }
        at += len;
        events += 1;
    }
    patch(file, &FileHeader { event_count: events, ..header })?;
    Ok((at, events))
}

fn patch(file: &File, header: &FileHeader) -> io::Result<()> {
    use std::os::unix::fs::FileExt;
    file.write_all_at(&header.to_bytes(), 0)
}

/// Reads all of `bytes` from `at` on; `false` if the file ends before.
fn fill(file: &File, at: u64, bytes: &mut [u8]) -> io::Result<bool> {
    use std::os::unix::fs::FileExt;
    match file.read_exact_at(bytes, at) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}
