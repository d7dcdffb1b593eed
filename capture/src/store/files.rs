// SPDX-License-Identifier: BSD-2-Clause
//! Files in the output folder: their numbers, growth and completion, and the handling of write errors.
//!
//! The writers of connections hold a [`PartFile`] each. If the folder cannot be written the store is *in
//! trouble*: records are dropped and counted for their connection, a write is tried every few seconds, and the
//! first one that succeeds ends it.

use std::collections::HashMap;
use std::fs::File;
use std::io::{self, Write};
use std::rc::Rc;
use std::time::{Duration, Instant};

use nix::sys::stat::fstat;
use nix::unistd::{ftruncate, geteuid};

use crate::failure::io_text;
use crate::log::Log;
use crate::store::compress::Compressor;
use crate::store::counters::Counters;
use crate::store::drops::UnreportedDrops;
use crate::store::folder::{Folder, FolderEntry, PART, part};
use crate::store::index::{Complete, Index, IndexLine};
use crate::store::retention::Retention;
use crate::store::{name, purge, recover};
use bblog_dissector::counted::Counted;

/// Numbers tried one after the other before the steps grow.
const TRIES_IN_STEPS_OF_ONE: u32 = 16;
/// Numbers tried at all.
const TRIES: u32 = 1024;
/// How many connections' next file numbers are remembered.
const NUMBERS: usize = 1 << 18;
/// Files that are remembered to be completed later.
const UNFINISHED: usize = 10_000;

/// Options of the operator.
#[derive(Clone, Copy, Debug)]
pub struct Limits {
    /// Compression of finished files.
    pub compressor: Compressor,
    /// Bytes of complete files in the folder, 0 for any number.
    pub max_total: u64,
    /// How old complete files get, 0 for any age.
    pub max_age: Duration,
    /// How long after a failed write the next one is tried.
    pub retry: Duration,
}

/// The files.
pub struct Store {
    folder: Folder,
    index: Index,
    limits: Limits,
    /// The next number by the hash of the name's beginning.
    numbers: HashMap<u64, u32>,
    /// While the folder cannot be written.
    trouble: Option<Trouble>,
    drops: UnreportedDrops,
    /// Files that could not be completed.
    unfinished: Vec<UncompletedFile>,
    retention: Retention,
    /// Counters.
    pub counters: Counters,
    log: Rc<Log>,
}

/// The folder cannot be written.
struct Trouble {
    /// When a write is tried next.
    next_try: Instant,
    /// Whether a file could be created since the last failure.
    is_reachable: bool,
}

/// A file whose content is written, under the name of an unfinished one.
struct UncompletedFile {
    file: PartFile,
    base: String,
    end: &'static str,
    line: IndexLine,
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

/// A file that got its name.
struct Placed {
    complete: Complete,
    /// The room that it takes.
    room: u64,
    /// Names of unfinished files that are to be removed then.
    old_names: Vec<String>,
}

impl PartFile {
    /// Whether it holds a descriptor.
    pub fn is_open(&self) -> bool {
        self.file.is_some()
    }
}

impl Store {
    /// A store in `folder`; what an earlier run left unfinished is finished, if no other process may
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
            trouble: None,
            drops: UnreportedDrops::default(),
            unfinished: Vec::new(),
            retention: Retention::new(limits.max_total, limits.max_age),
            counters: Counters::default(),
            log,
        };
        let mut parts = Vec::new();
        let Store { numbers, retention, folder, .. } = &mut store;
        folder.scan(&mut |FolderEntry { name, status }| {
            if let Some(finished) = name.strip_suffix(PART) {
                // Others' files may end like this, too.
                if name::is_ours(finished) && status.st_uid == geteuid().as_raw() {
                    parts.push(finished.to_owned());
                }
            } else if let Some((base, number)) = name::split(&name) {
                if purge::is_complete(&name, &status) {
                    retention.add(purge::room(&status));
                }
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
            Ok(recover::RecoverOutcome::Removed) => {
                self.log.info(format_args!("{}: unfinished, with nothing of its own, removed", part(name)));
            }
            Ok(recover::RecoverOutcome::Ready { cut, line }) => {
                let Some((base, number)) = name::split(name) else { return };
                let end = if name.ends_with(".elog") { ".elog" } else { ".pcapng" };
                let file = PartFile { name: name.to_owned(), number, file: None, len: 0 };
                let cut =
                    if cut > 0 { format!(", {} cut off", Counted(cut, "torn byte")) } else { String::new() };
                self.log.info(format_args!("{}: unfinished, finished now{cut}", part(name)));
                self.complete(file, base, end, *line);
            }
            Ok(recover::RecoverOutcome::Complete { name: complete, line }) => {
                self.log.info(format_args!("{}: complete as {complete}, removed", part(name)));
                if let Some(line) = line
                    && let Err(error) = self.recover_line(&complete, &line)
                {
                    self.log.warning(format_args!("records: {complete}: {}", io_text(&error)));
                }
                self.remove(name);
            }
            Ok(recover::RecoverOutcome::NotOurs | recover::RecoverOutcome::Gone) => {}
            Err(error) => self.log.warning(format_args!("{}: {}", part(name), io_text(&error))),
        }
    }

    /// Gives a complete file its line in the index, if it has none.
    fn recover_line(&mut self, name: &str, line: &IndexLine) -> io::Result<()> {
        if self.index.has(&self.folder, name)? {
            return Ok(());
        }
        let number = name::split(name).map_or(0, |(_, number)| number);
        let bytes = purge::size(&self.folder.status(name)?);
        let complete = Complete { name: name.to_owned(), number, compressor: Compressor::of(name), bytes };
        self.index.append(&self.folder, line, &complete)
    }

    /// Tries to reach the folder again if it cannot be written and the next try is due. Whether records are
    /// to be dropped.
    pub fn retry_if_due(&mut self) -> bool {
        let Some(trouble) = &mut self.trouble else { return false };
        let now = Instant::now();
        if trouble.is_reachable || now < trouble.next_try {
            return !trouble.is_reachable;
        }
        trouble.next_try = now + self.limits.retry;
        // The folder may have been deleted and created again.
        self.index.close();
        trouble.is_reachable = self.folder.find_again().and_then(|()| self.folder.probe()).is_ok();
        !trouble.is_reachable
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
                    // Blocks are appended whole, so the file consisted of whole blocks before.
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

    /// Removes a file that is not needed.
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
    pub fn complete(&mut self, mut file: PartFile, base: &str, end: &'static str, line: IndexLine) {
        let open = file.file.take();
        match self.place(&file, open, base, end) {
            Ok(Placed { complete, room, old_names }) => {
                self.counters.files += 1;
                self.retention.add(room);
                self.index(&line, &complete);
                // What was compressed first: without it the next start takes the other for a failure.
                old_names.iter().for_each(|name| self.remove(name));
                if self.retention.is_over() {
                    self.purge();
                }
            }
            Err(error) if error.kind() == io::ErrorKind::NotFound => {
                self.log.error(format_args!(
                    "{}: deleted by another program; its records are lost",
                    part(&file.name)
                ));
                self.counters.unfinished += 1;
            }
            Err(error) => {
                self.fail(&file.name, &error);
                if self.unfinished.len() < UNFINISHED {
                    self.unfinished.push(UncompletedFile { file, base: base.to_owned(), end, line });
                } else {
                    // It stays unfinished until the next start.
                    self.counters.unfinished += 1;
                }
            }
        }
    }

    /// Gives a file, which may be `open`, its name.
    fn place(&mut self, file: &PartFile, open: Option<File>, base: &str, end: &str) -> io::Result<Placed> {
        let compressor = self.limits.compressor;
        let mut number = file.number;
        let mut source = (file.name.clone(), Compressor::None);
        if compressor != Compressor::None {
            match self.compress(&file.name) {
                Ok(name) => source = (name, compressor),
                // Too large is better than lost.
                Err(error) => {
                    self.log.warning(format_args!("{}: not compressed: {}", file.name, io_text(&error)));
                }
            }
        }
        let open = match open.filter(|_| source.1 == Compressor::None) {
            Some(open) => open,
            None => self.folder.reopen(&source.0, true)?,
        };
        for _ in 0..TRIES {
            let name = format!("{base}.{number}{end}{}", source.1.suffix());
            match self.folder.complete(&open, &source.0, &name) {
                Ok((status, has_both)) => {
                    let mut old_names = Vec::new();
                    old_names.extend((source.1 != Compressor::None).then(|| file.name.clone()));
                    old_names.extend(has_both.then(|| source.0.clone()));
                    let next = self.numbers.entry(name::hash(base.as_bytes())).or_default();
                    *next = (*next).max(number.saturating_add(1));
                    let (bytes, room) = (purge::size(&status), purge::room_when_new(&status));
                    let complete = Complete { name, number, compressor: source.1, bytes };
                    return Ok(Placed { complete, room, old_names });
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
        // A run that was killed may have begun to compress this file: its name belongs to us.
        match self.folder.remove(&part(&compressed)) {
            Err(error) if error.kind() != io::ErrorKind::NotFound => return Err(error),
            _ => {}
        }
        let mut to = self.folder.create(&compressed)?;
        let copied = self.limits.compressor.copy(&mut from, &mut to);
        if copied.is_err() {
            let _ = self.folder.remove(&part(&compressed));
        }
        copied.map(|()| compressed)
    }

    fn index(&mut self, line: &IndexLine, complete: &Complete) {
        let was_in_trouble = self.index.is_in_trouble();
        let appended = self.index.append(&self.folder, line, complete);
        self.counters.lost_lines = self.index.lost();
        match appended {
            Ok(()) if was_in_trouble => self.log.warning("records: written again"),
            Err(error) if !was_in_trouble => {
                let why = io_text(&error);
                self.log
                    .error(format_args!("records: {}: {why}; its line waits to be written", complete.name));
            }
            _ => {}
        }
    }

    /// Opens the index again with the next line.
    pub fn reopen_index(&mut self) {
        self.index.close();
    }

    /// Counts what could not be written of a connection.
    pub fn dropped(&mut self, connection: &str, records: u64) {
        self.counters.dropped += records;
        self.drops.add(connection, records);
    }

    /// Whether the folder or its index cannot be written, as far as that is known.
    pub fn is_in_trouble(&self) -> bool {
        self.trouble.is_some() || self.index.is_in_trouble()
    }

    fn fail(&mut self, name: &str, error: &io::Error) {
        let retry = self.limits.retry;
        let trouble = Trouble { next_try: Instant::now() + retry, is_reachable: false };
        if self.trouble.replace(trouble).is_none() {
            let (why, seconds) = (io_text(error), retry.as_secs_f32());
            self.log.error(format_args!(
                "{name}: {why}; new records are dropped and counted, next try in {seconds} s"
            ));
        }
    }

    /// A write succeeded: the trouble is over, if there was any. A file that was open before may grow while
    /// none can be created (no inodes are left): then it is over when one can.
    #[inline]
    fn recovered(&mut self) {
        if self.trouble.is_some() && !self.retry_if_due() {
            self.trouble = None;
            self.drops.tell(&self.log, "written again");
            for UncompletedFile { file, base, end, line } in std::mem::take(&mut self.unfinished) {
                self.complete(file, &base, end, line);
            }
        }
    }

    /// Tries once more to write what could not be written, and reports what is lost.
    pub fn finish(&mut self) {
        for UncompletedFile { file, base, end, line } in std::mem::take(&mut self.unfinished) {
            self.complete(file, &base, end, line);
        }
        let (waiting, why) = match self.index.finish(&self.folder) {
            Ok(()) => (0, "too many waited to be written".to_owned()),
            Err((waiting, error)) => (waiting, io_text(&error)),
        };
        self.counters.lost_lines = self.index.lost() + waiting;
        if self.counters.lost_lines > 0 {
            self.log.error(format_args!(
                "records: {} not written: {why}",
                Counted(self.counters.lost_lines, "line")
            ));
        }
        self.counters.unfinished += self.unfinished.len() as u64;
        self.drops.tell(&self.log, "ended");
        self.retention.report(&self.counters, &self.log);
    }

    /// Whether files are deleted when they are too old.
    pub fn has_max_age(&self) -> bool {
        self.retention.has_max_age()
    }

    /// Deletes files that are too old; to be called about once a second.
    pub fn tick(&mut self) {
        if self.retention.is_due() {
            self.purge();
        }
    }

    fn purge(&mut self) {
        let Store { retention, folder, index, counters, log, .. } = self;
        retention.purge(folder, index, counters, log);
    }
}
