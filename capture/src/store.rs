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

use nix::unistd::ftruncate;

use crate::compress::Compressor;
use crate::counters::Counters;
use crate::failure::io_text;
use crate::folder::{Folder, Found, part};
use crate::index::{Index, Line};
use crate::log::{Level, Log};
use crate::{name, purge, recover};

/// Numbers tried one after the other before the steps grow.
const TRIES_IN_STEPS_OF_ONE: u32 = 16;
/// Numbers tried at all.
const TRIES: u32 = 1024;
/// Connections whose next file number is remembered.
const NUMBERS: usize = 1 << 18;
/// Connections whose drops are told by name.
const DROPS: usize = 1000;

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
    trouble: Option<Trouble>,
    /// Bytes of complete files, if that is limited.
    total: u64,
    /// What was done.
    pub counters: Counters,
    log: Rc<Log>,
}

struct Trouble {
    next_try: Instant,
    /// Records dropped, by connection.
    drops: BTreeMap<String, u64>,
    /// Of connections beyond the limit.
    other_drops: u64,
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

/// A file that is complete.
pub struct Complete {
    /// Its name.
    pub name: String,
    /// Its number.
    pub number: u32,
    /// What it is compressed with.
    pub compressor: Compressor,
    /// Its size.
    pub bytes: u64,
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
            trouble: None,
            total: 0,
            counters: Counters::default(),
            log,
        };
        let mut parts = Vec::new();
        let Store { numbers, total, folder, .. } = &mut store;
        folder.scan(&mut |Found { name, status }| {
            if let Some(finished) = name.strip_suffix(crate::folder::PART) {
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
            parts.iter().for_each(|name| store.recover(name));
        }
        Ok(store)
    }

    /// The folder.
    pub fn folder(&self) -> &Folder {
        &self.folder
    }

    fn recover(&mut self, name: &str) {
        match recover::finish(&self.folder, name) {
            Ok(recover::Outcome::Removed) => {
                self.log.info(format_args!("{}: unfinished and empty, removed", part(name)));
            }
            Ok(recover::Outcome::Ready { cut }) => {
                let Some((base, number)) = name::split(name) else { return };
                let (base, bytes) = (base.to_owned(), 0);
                let file = PartFile { name: name.to_owned(), number, file: None, len: bytes };
                let end = if name.ends_with(".elog") { ".elog" } else { ".pcapng" };
                if let Some(complete) = self.complete(file, &base, end) {
                    let cut = if cut > 0 { format!(", {cut} torn bytes cut off") } else { String::new() };
                    self.log.info(format_args!("{}: unfinished, finished now{cut}", complete.name));
                }
            }
            Ok(recover::Outcome::NotOurs) => {}
            Err(error) => self.log.warning(format_args!("{}: {}", part(name), io_text(&error))),
        }
    }

    /// Whether writing makes no sense at the moment.
    pub fn is_in_trouble(&mut self) -> bool {
        let Some(trouble) = &mut self.trouble else { return false };
        let now = Instant::now();
        if now < trouble.next_try {
            return true;
        }
        trouble.next_try = now + self.limits.retry;
        // The folder may have been deleted and made anew.
        self.index.close();
        match self.folder.find_again().and_then(|()| self.folder.probe()) {
            Ok(()) => false,
            Err(_) => true,
        }
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
        if let Err(error) = self.folder.remove(&part(&file.name)) {
            self.log.warning(format_args!("{}: {}", part(&file.name), io_text(&error)));
        }
    }

    /// Completes a file; its name begins with `base` from now on. A file without content is
    /// removed.
    pub fn complete(&mut self, mut file: PartFile, base: &str, end: &str) -> Option<Complete> {
        file.file = None;
        match self.place(&file, base, end) {
            Ok(complete) => {
                self.counters.files += 1;
                self.total += complete.bytes;
                self.purge();
                Some(complete)
            }
            Err(error) => {
                // It stays unfinished, for the next start.
                self.fail(&file.name, &error);
                None
            }
        }
    }

    fn place(&mut self, file: &PartFile, base: &str, end: &str) -> io::Result<Complete> {
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
                Ok(()) => {
                    if source.1 != Compressor::None {
                        self.folder.remove(&part(&file.name))?;
                    }
                    let next = self.numbers.entry(name::hash(base.as_bytes())).or_default();
                    *next = (*next).max(number.saturating_add(1));
                    let bytes = self.folder.size(&name)?;
                    return Ok(Complete { name, number, compressor: source.1, bytes });
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

    /// Writes a line of the index.
    pub fn index(&mut self, line: &Line<'_>) {
        if let Err(error) = self.index.append(&self.folder, line) {
            self.log.warning(format_args!("records: {}: {}", line.file, io_text(&error)));
        }
    }

    /// Opens the index anew with the next line.
    pub fn reopen_index(&mut self) {
        self.index.close();
    }

    /// Counts what could not be written of a connection.
    pub fn dropped(&mut self, connection: &str, records: u64) {
        self.counters.dropped += records;
        let retry = self.limits.retry;
        let trouble = self.trouble.get_or_insert_with(|| Trouble::new(retry));
        if trouble.drops.len() < DROPS || trouble.drops.contains_key(connection) {
            *trouble.drops.entry(connection.to_owned()).or_default() += records;
        } else {
            trouble.other_drops += records;
        }
    }

    fn fail(&mut self, name: &str, error: &io::Error) {
        let known = self.trouble.is_some();
        let retry = self.limits.retry;
        let trouble = self.trouble.get_or_insert_with(|| Trouble::new(retry));
        trouble.next_try = Instant::now() + retry;
        if !known {
            let (why, seconds) = (io_text(error), retry.as_secs_f32());
            self.log.error(format_args!(
                "{name}: {why}; what comes is dropped and counted, next try in {seconds} s"
            ));
        }
    }

    /// A write succeeded: the trouble is over, if there was any.
    #[inline]
    fn recovered(&mut self) {
        if self.trouble.is_some() {
            self.tell_drops("written again");
        }
    }

    /// Tells what was dropped, by connection, and forgets it.
    pub fn tell_drops(&mut self, why: &str) {
        let Some(trouble) = self.trouble.take() else { return };
        let all = trouble.drops.values().sum::<u64>() + trouble.other_drops;
        self.log.line(
            Level::Warning,
            format_args!("{why}; {all} records of {} connections dropped meanwhile", trouble.drops.len()),
            &[("dropped", all.into())],
        );
        for (connection, records) in &trouble.drops {
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
        match purge::oldest(&self.folder, self.limits.max_total) {
            Ok(purged) => {
                self.total = purged.left;
                self.counters.deleted += purged.deleted;
                let (deleted, max) = (purged.deleted, self.limits.max_total);
                self.log.info(format_args!("{deleted} oldest files deleted to stay below {max} bytes"));
            }
            Err(error) => self.log.warning(format_args!("--max-total-size: {}", io_text(&error))),
        }
    }
}

impl Trouble {
    fn new(retry: Duration) -> Trouble {
        Trouble { next_try: Instant::now() + retry, drops: BTreeMap::new(), other_drops: 0 }
    }
}
