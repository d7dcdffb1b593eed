// SPDX-License-Identifier: BSD-2-Clause
//! Files in the output folder: numbered, grown, completed; and what happens when the disk says no.
//!
//! Whoever writes connections to files holds a [`PartFile`] each. If the folder cannot be written
//! the store is *in trouble*: what comes is dropped and counted with its connection, every few
//! seconds it is tried again, and the first write that succeeds ends it.

use std::collections::{BTreeMap, HashMap};
use std::fs::File;
use std::io::{self, Write};
use std::rc::Rc;
use std::time::{Duration, Instant};

use nix::sys::stat::fstat;
use nix::unistd::ftruncate;

use crate::failure::io_text;
use crate::log::{Level, Log};
use crate::store::compress::Compressor;
use crate::store::counters::Counters;
use crate::store::folder::{Folder, FolderEntry, PART, part};
use crate::store::index::{Complete, Index, Line};
use crate::store::{name, purge, recover};

/// Numbers tried one after the other before the steps grow.
const TRIES_IN_STEPS_OF_ONE: u32 = 16;
/// Numbers tried at all.
const TRIES: u32 = 1024;
/// Connections whose next file number is remembered.
const NUMBERS: usize = 1 << 18;
/// Connections whose drops are told by name.
const DROPS: usize = 1000;
/// How often the operator is told of files deleted for `--max-total-size`.
const TELL_DELETED: Duration = Duration::from_secs(60);
/// Files that are remembered to be completed later.
const UNFINISHED: usize = 10_000;

/// What an operator may choose.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Compression of finished files.
    pub compressor: Compressor,
    /// Bytes of complete files in the folder, 0 for any number.
    pub max_total: u64,
    /// How long after a failed write the next one is tried.
    pub retry: Duration,
}

/// The files.
pub struct Store {
    folder: Folder,
    index: Index,
    limits: Limits,
    /// Next number by hash of what the name begins with.
    numbers: HashMap<u64, u32>,
    /// While the folder cannot be written: when that is tried next.
    next_try: Option<Instant>,
    drops: Drops,
    /// Files that could not be completed.
    unfinished: Vec<Unfinished>,
    /// Bytes of complete files, if that is limited.
    total: u64,
    /// Files deleted for that limit when that was last told, and when.
    deleted_told: (u64, Option<Instant>),
    /// What was done.
    pub counters: Counters,
    log: Rc<Log>,
}

/// What was dropped and not told yet.
#[derive(Default)]
struct Drops {
    /// Records, by connection.
    of: BTreeMap<String, u64>,
    /// Of connections beyond the limit.
    other: u64,
}

/// A file all of whose content is written, under the name of an unfinished one.
struct Unfinished {
    file: PartFile,
    base: String,
    end: &'static str,
    line: Line,
}

/// A file that grows.
pub struct PartFile {
    /// Its name without `.part`.
    pub name: String,
    /// Its number.
    pub number: u32,
    file: Option<File>,
    /// Bytes of it that are good.
    pub len: u64,
}

impl PartFile {
    /// Whether it holds a descriptor.
    pub fn is_open(&self) -> bool {
        self.file.is_some()
    }
}

impl Store {
    /// A store in `folder`; what an earlier run left unfinished is finished, if nobody else may
    /// be writing it.
    ///
    /// # Errors
    /// The system's.
    pub fn new(folder: Folder, limits: Limits, finish_others: bool, log: Rc<Log>) -> io::Result<Store> {
        let mut store = Store {
            folder,
            index: Index::default(),
            limits,
            numbers: HashMap::new(),
            next_try: None,
            drops: Drops::default(),
            unfinished: Vec::new(),
            total: 0,
            deleted_told: (0, None),
            counters: Counters::default(),
            log,
        };
        let mut parts = Vec::new();
        let Store { numbers, total, folder, .. } = &mut store;
        folder.scan(&mut |FolderEntry { name, status }| {
            if let Some(finished) = name.strip_suffix(PART) {
                parts.push(finished.to_owned());
            } else if let Some((base, number)) = name::split(&name) {
                *total += u64::try_from(status.st_size).unwrap_or_default();
                if numbers.len() < NUMBERS {
                    let next = numbers.entry(name::hash(base.as_bytes())).or_default();
                    *next = (*next).max(number.saturating_add(1));
                }
            }
        })?;
        if finish_others {
            // Those that others were compressed from come first.
            parts.sort_by_key(|name: &String| (Compressor::of(name) != Compressor::None, name.clone()));
            parts.iter().for_each(|name| store.recover(name));
        }
        Ok(store)
    }

    fn recover(&mut self, name: &str) {
        match recover::finish(&self.folder, name) {
            Ok(recover::Outcome::Removed) => {
                self.log.info(format_args!("{}: unfinished and empty, removed", part(name)));
            }
            Ok(recover::Outcome::Ready { cut, line }) => {
                let Some((base, number)) = name::split(name) else { return };
                let end = if name.ends_with(".elog") { ".elog" } else { ".pcapng" };
                let file = PartFile { name: name.to_owned(), number, file: None, len: 0 };
                let cut = if cut > 0 { format!(", {cut} torn bytes cut off") } else { String::new() };
                self.log.info(format_args!("{}: unfinished, finished now{cut}", part(name)));
                self.complete(file, base, end, *line);
            }
            Ok(recover::Outcome::Complete { name: complete, line }) => {
                self.log.info(format_args!("{}: complete as {complete}, removed", part(name)));
                if let Some(line) = line
                    && let Err(error) = self.recover_line(&complete, &line)
                {
                    self.log.warning(format_args!("records: {complete}: {}", io_text(&error)));
                }
                self.remove(name);
            }
            Ok(recover::Outcome::NotOurs) => {}
            Err(error) => self.log.warning(format_args!("{}: {}", part(name), io_text(&error))),
        }
    }

    /// Gives a complete file its line in the index, if it has none.
    fn recover_line(&mut self, name: &str, line: &Line) -> io::Result<()> {
        if self.index.has(&self.folder, name)? {
            return Ok(());
        }
        let (number, bytes) = (name::split(name).map_or(0, |(_, number)| number), self.folder.size(name)?);
        let complete = Complete { name: name.to_owned(), number, compressor: Compressor::of(name), bytes };
        self.index.append(&self.folder, line, &complete)
    }

    /// Whether writing makes no sense at the moment.
    pub fn is_in_trouble(&mut self) -> bool {
        let Some(next_try) = self.next_try else { return false };
        let now = Instant::now();
        if now < next_try {
            return true;
        }
        self.next_try = Some(now + self.limits.retry);
        // The folder may have been deleted and made anew.
        self.index.close();
        self.folder.find_again().and_then(|()| self.folder.probe()).is_err()
    }

    /// Makes a file whose name begins with `base` and ends with `end`; `None` in trouble.
    pub fn begin(&mut self, base: &str, end: &str) -> Option<PartFile> {
        match self.make(base, end) {
            Ok(file) => Some(file),
            Err(error) => {
                self.fail(base, &error);
                None
            }
        }
    }

    fn make(&mut self, base: &str, end: &str) -> io::Result<PartFile> {
        if self.numbers.len() >= NUMBERS {
            // Names in use are found by trying.
            self.numbers.clear();
        }
        let next = self.numbers.entry(name::hash(base.as_bytes())).or_default();
        let mut step = 1;
        for tried in 0..TRIES {
            let number = *next;
            *next = next.wrapping_add(step);
            let name = format!("{base}.{number}{end}");
            let compressed = self.limits.compressor.suffix();
            if !compressed.is_empty() && self.folder.exists(&[&name, compressed].concat())? {
                continue;
            }
            match self.folder.create(&name) {
                Ok(file) => return Ok(PartFile { name, number, file: Some(file), len: 0 }),
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {}
                Err(error) => return Err(error),
            }
            if tried >= TRIES_IN_STEPS_OF_ONE {
                step = step.saturating_mul(2).min(1 << 16);
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }

    /// Appends to a file. If that fails it is left with what it had, and `false` comes back.
    pub fn append(&mut self, file: &mut PartFile, bytes: &[u8]) -> bool {
        match self.write(file, bytes) {
            Ok(()) => {
                file.len += bytes.len() as u64;
                self.counters.bytes_out += bytes.len() as u64;
                self.counters.writes += 1;
                self.recovered();
                true
            }
            Err(error) => {
                if let Some(open) = &file.file {
                    // Blocks are appended whole; so what was there before is whole blocks.
                    let _ = ftruncate(open, file.len.try_into().unwrap_or(i64::MAX));
                }
                let name = file.name.clone();
                self.fail(&name, &error);
                false
            }
        }
    }

    fn write(&mut self, file: &mut PartFile, bytes: &[u8]) -> io::Result<()> {
        let open = match &mut file.file {
            Some(open) => open,
            none => none.insert(self.folder.reopen(&file.name, false)?),
        };
        if fstat(&*open)?.st_nlink == 0 {
            return Err(io::Error::new(io::ErrorKind::NotFound, "deleted while it was written"));
        }
        open.write_all(bytes)
    }

    /// Overwrites the beginning of a file.
    pub fn overwrite_start(&mut self, file: &mut PartFile, bytes: &[u8]) {
        use std::os::unix::fs::FileExt;
        let written = self.folder.reopen_to_patch(&file.name).and_then(|open| open.write_all_at(bytes, 0));
        if let Err(error) = written {
            self.log.warning(format_args!("{}: header: {}", file.name, io_text(&error)));
        }
    }

    /// Closes a file that is going to be appended to later.
    pub fn close(&mut self, file: &mut PartFile) {
        file.file = None;
    }

    /// Removes a file that is not wanted.
    pub fn discard(&mut self, file: PartFile) {
        self.remove(&file.name);
    }

    /// Removes the unfinished file of that name.
    fn remove(&mut self, name: &str) {
        if let Err(error) = self.folder.remove(&part(name)) {
            self.log.warning(format_args!("{}: {}", part(name), io_text(&error)));
        }
    }

    /// Completes a file; its name begins with `base` from now on. The index gets `line`.
    pub fn complete(&mut self, mut file: PartFile, base: &str, end: &'static str, line: Line) {
        file.file = None;
        match self.place(&file, base, end) {
            Ok((complete, old_names)) => {
                self.counters.files += 1;
                self.total += complete.bytes;
                self.index(&line, &complete);
                // What was compressed first: without it the next start takes the other for a failure.
                old_names.iter().for_each(|name| self.remove(name));
                self.purge();
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.log.error(format_args!("{}: deleted by somebody, and what it held", part(&file.name)));
            }
            Err(error) => {
                self.fail(&file.name, &error);
                if self.unfinished.len() < UNFINISHED {
                    self.unfinished.push(Unfinished { file, base: base.to_owned(), end, line });
                }
                // Beyond that it stays unfinished until the next start.
            }
        }
    }

    /// Gives a file its name; and which names of unfinished files are to be removed then.
    fn place(&mut self, file: &PartFile, base: &str, end: &str) -> io::Result<(Complete, Vec<String>)> {
        let compressor = self.limits.compressor;
        let mut number = file.number;
        let mut source = (file.name.clone(), Compressor::None);
        if compressor != Compressor::None {
            match self.compress(&file.name) {
                Ok(name) => source = (name, compressor),
                // Larger than wanted is better than lost.
                Err(error) => {
                    self.log.warning(format_args!("{}: not compressed: {}", file.name, io_text(&error)));
                }
            }
        }
        for _ in 0..TRIES {
            let name = format!("{base}.{number}{end}{}", source.1.suffix());
            match self.folder.complete(&source.0, &name) {
                Ok(has_both) => {
                    let mut old_names = Vec::new();
                    old_names.extend((source.1 != Compressor::None).then(|| file.name.clone()));
                    old_names.extend(has_both.then(|| source.0.clone()));
                    let next = self.numbers.entry(name::hash(base.as_bytes())).or_default();
                    *next = (*next).max(number.saturating_add(1));
                    let bytes = self.folder.size(&name)?;
                    return Ok((Complete { name, number, compressor: source.1, bytes }, old_names));
                }
                Err(error) if error.kind() == io::ErrorKind::AlreadyExists => {
                    let next = self.numbers.entry(name::hash(base.as_bytes())).or_default();
                    number = (*next).max(number.wrapping_add(1));
                    *next = number;
                }
                Err(error) => return Err(error),
            }
        }
        Err(io::ErrorKind::AlreadyExists.into())
    }

    fn compress(&mut self, name: &str) -> io::Result<String> {
        let compressed = [name, self.limits.compressor.suffix()].concat();
        let mut from = self.folder.reopen(name, true)?;
        let mut to = self.folder.create(&compressed)?;
        let copied = self.limits.compressor.copy(&mut from, &mut to);
        if copied.is_err() {
            let _ = self.folder.remove(&part(&compressed));
        }
        copied.map(|()| compressed)
    }

    fn index(&mut self, line: &Line, complete: &Complete) {
        if let Err(error) = self.index.append(&self.folder, line, complete) {
            self.log.warning(format_args!("records: {}: {}", complete.name, io_text(&error)));
        }
    }

    /// Opens the index anew with the next line.
    pub fn reopen_index(&mut self) {
        self.index.close();
    }

    /// Counts what could not be written of a connection.
    pub fn dropped(&mut self, connection: &str, records: u64) {
        self.counters.dropped += records;
        if let Some(before) = self.drops.of.get_mut(connection) {
            *before += records;
        } else if self.drops.of.len() < DROPS {
            self.drops.of.insert(connection.to_owned(), records);
        } else {
            self.drops.other += records;
        }
    }

    fn fail(&mut self, name: &str, error: &io::Error) {
        let retry = self.limits.retry;
        if self.next_try.replace(Instant::now() + retry).is_none() {
            let (why, seconds) = (io_text(error), retry.as_secs_f32());
            self.log.error(format_args!(
                "{name}: {why}; what comes is dropped and counted, next try in {seconds} s"
            ));
        }
    }

    /// A write succeeded: the trouble is over, if there was any.
    #[inline]
    fn recovered(&mut self) {
        if self.next_try.take().is_some() {
            self.tell_drops("written again");
            for Unfinished { file, base, end, line } in std::mem::take(&mut self.unfinished) {
                self.complete(file, &base, end, line);
            }
        }
    }

    /// A last try for what could not be written so far; tells what is lost.
    pub fn finish(&mut self) {
        for Unfinished { file, base, end, line } in std::mem::take(&mut self.unfinished) {
            self.complete(file, &base, end, line);
        }
        if let Err((lines, error)) = self.index.finish(&self.folder) {
            self.log.error(format_args!("records: {lines} lines not written: {}", io_text(&error)));
        }
        self.tell_drops("ended");
        self.tell_deleted();
    }

    fn tell_deleted(&mut self) {
        let new = self.counters.deleted - self.deleted_told.0;
        if new > 0 {
            let max = self.limits.max_total;
            self.log.info(format_args!("{new} oldest files deleted to stay below {max} bytes"));
        }
        self.deleted_told = (self.counters.deleted, Some(Instant::now()));
    }

    /// Tells what was dropped, by connection, and forgets it.
    fn tell_drops(&mut self, why: &str) {
        let drops = std::mem::take(&mut self.drops);
        let all = drops.of.values().sum::<u64>() + drops.other;
        if all == 0 {
            return;
        }
        let (connections, more) = (drops.of.len(), if drops.other > 0 { " and more" } else { "" });
        self.log.line(
            Level::Warning,
            format_args!("{why}; {all} records of {connections} connections{more} dropped meanwhile"),
            &[("dropped", all.into())],
        );
        for (connection, records) in &drops.of {
            self.log.line(
                Level::Warning,
                format_args!("{connection}: {records} records dropped"),
                &[("connection", connection.as_str().into()), ("dropped", (*records).into())],
            );
        }
    }

    fn purge(&mut self) {
        if self.limits.max_total == 0 || self.total <= self.limits.max_total {
            return;
        }
        // A bit more than needed: looking through the folder for every file would cost too much.
        let target = self.limits.max_total - self.limits.max_total / 16;
        match purge::oldest(&self.folder, target) {
            Ok(purged) => {
                self.total = purged.left;
                self.counters.deleted += purged.deleted;
                if self.deleted_told.1.is_none_or(|told| told.elapsed() >= TELL_DELETED) {
                    self.tell_deleted();
                }
            }
            Err(error) => self.log.warning(format_args!("--max-total-size: {}", io_text(&error))),
        }
    }
}
