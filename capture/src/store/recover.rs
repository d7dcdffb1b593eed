// SPDX-License-Identifier: BSD-2-Clause
//! Completes the files of a killed run: a `.part` is cut after its last whole block or event, and its line for
//! the index is made from its contents.

use std::fs::File;
use std::io;
use std::os::unix::fs::FileExt;

use bblog_dissector::Micros;
use bblog_dissector::elog::{EVENT_HEADER_LEN, FILE_HEADER_LEN, FileHeader, ProviderTable, RawEvent};
use nix::unistd::ftruncate;

use crate::store::compress::Compressor;
use crate::store::folder::{Folder, part};
use crate::store::index::IndexLine;
use crate::store::name;
use crate::store::salvage::Salvage;

/// bblogd writes no block longer than this.
const MAX_BLOCK: u64 = 1 << 20;

/// What became of an unfinished file.
pub enum RecoverOutcome {
    /// It held nothing, or only what another file holds.
    Removed,
    /// It was removed with the one that it was made from.
    Gone,
    /// It can be completed; so many torn bytes were cut off.
    Ready {
        /// Bytes cut off.
        cut: u64,
        /// The index line.
        line: Box<IndexLine>,
    },
    /// It is complete under another name, and the index may not say so yet.
    Complete {
        /// That name.
        name: String,
        /// The index line, if there is one.
        line: Option<Box<IndexLine>>,
    },
    /// It is no file of bblogd's.
    NotOurs,
}

/// Makes `name`.part ready to be completed.
///
/// # Errors
/// The system's.
pub fn finish(folder: &Folder, name: &str) -> io::Result<RecoverOutcome> {
    if name::split(name).is_none() {
        return Ok(RecoverOutcome::NotOurs);
    }
    // Compressed files are made from unfinished ones, which are looked at before: that one was compressed
    // again, and this one is gone.
    if Compressor::of(name) != Compressor::None {
        return match folder.remove(&part(name)) {
            Err(error) if error.kind() == io::ErrorKind::NotFound => Ok(RecoverOutcome::Gone),
            removed => removed.map(|()| RecoverOutcome::Removed),
        };
    }
    let mut salvage = Salvage::default();
    if let Some(complete) = completed(folder, name)? {
        read(&folder.reopen(name, true)?, name, &mut salvage)?;
        return Ok(RecoverOutcome::Complete { name: complete, line: salvage.line().map(Box::new) });
    }
    let file = folder.reopen_to_patch(name)?;
    let size = file.metadata()?.len();
    let (good, header) = read(&file, name, &mut salvage)?;
    let Some(line) = salvage.line() else {
        folder.remove(&part(name))?;
        return Ok(RecoverOutcome::Removed);
    };
    if let Some(header) = header {
        patch(&file, &header)?;
    }
    if good < size {
        ftruncate(&file, good.try_into().unwrap_or(i64::MAX))?;
    }
    Ok(RecoverOutcome::Ready { cut: size - good, line: Box::new(line) })
}

/// The name under which a file, or what it was compressed to, is complete: the kill came before its
/// old name was removed.
fn completed(folder: &Folder, name: &str) -> io::Result<Option<String>> {
    for compressor in [Compressor::None, Compressor::Xz, Compressor::Zstd] {
        let complete = folder.completed(&[name, compressor.suffix()].concat())?;
        if complete.is_some() {
            return Ok(complete);
        }
    }
    Ok(None)
}

/// How far a file consists of whole blocks or events; and for ELOG, the header it ought to have.
fn read(file: &File, name: &str, salvage: &mut Salvage) -> io::Result<(u64, Option<FileHeader>)> {
    if name.ends_with(".elog") { elog(file, salvage) } else { Ok((blocks(file, salvage)?, None)) }
}

/// How far a pcapng file consists of whole blocks.
fn blocks(file: &File, salvage: &mut Salvage) -> io::Result<u64> {
    let size = file.metadata()?.len();
    let mut at = 0;
    let mut block = Vec::new();
    loop {
        let mut begin = [0; 8];
        if !fill(file, at, &mut begin)? {
            return Ok(at);
        }
        let [.., l0, l1, l2, l3] = begin;
        let len = u64::from(u32::from_le_bytes([l0, l1, l2, l3]));
        if !(12..=MAX_BLOCK).contains(&len) || len % 4 != 0 || at + len > size {
            return Ok(at);
        }
        block.resize(usize::try_from(len).unwrap_or_default(), 0);
        if !fill(file, at, &mut block)? || !block.ends_with(&[l0, l1, l2, l3]) {
            return Ok(at);
        }
        salvage.block(&block);
        at += len;
    }
}

/// How far an ELOG file consists of whole events, and its header with their number.
fn elog(file: &File, salvage: &mut Salvage) -> io::Result<(u64, Option<FileHeader>)> {
    let mut bytes = vec![0; 1 << 16];
    // Header and provider table are far shorter.
    let len = file.read_at(&mut bytes, 0)?;
    bytes.truncate(len);
    let Ok(header) = FileHeader::parse(&bytes) else { return Ok((0, None)) };
    let Ok((table, rest)) = ProviderTable::split(&bytes[FILE_HEADER_LEN..]) else { return Ok((0, None)) };
    salvage.providers(&table);
    let mut at = (bytes.len() - rest.len()) as u64;
    let mut events = 0;
    let mut event = [0; 2];
    let mut whole = Vec::new();
    while fill(file, at, &mut event)? {
        let len = u16::from_le_bytes(event);
        whole.resize(usize::from(len), 0);
        if usize::from(len) < EVENT_HEADER_LEN || !fill(file, at, &mut whole)? {
            break;
        }
        let Ok(Some((event, _))) = RawEvent::split(&whole) else { break };
        salvage.event(&event, Micros(header.utc(event.timestamp()).0));
        at += u64::from(len);
        events += 1;
    }
    Ok((at, Some(FileHeader { event_count: events, ..header })))
}

fn patch(file: &File, header: &FileHeader) -> io::Result<()> {
    file.write_all_at(&header.to_bytes(), 0)
}

/// Reads all of `bytes` from `at` on; `false` if the file ends before.
fn fill(file: &File, at: u64, bytes: &mut [u8]) -> io::Result<bool> {
    match file.read_exact_at(bytes, at) {
        Ok(()) => Ok(true),
        Err(error) if error.kind() == io::ErrorKind::UnexpectedEof => Ok(false),
        Err(error) => Err(error),
    }
}
