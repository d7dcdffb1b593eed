// SPDX-License-Identifier: BSD-2-Clause
//! BBLog entries to files: one for each entry, and one more for each change of stack in it.

use std::rc::Rc;

use bblog_dissector::bblog::{HEADER_LEN, Record, Serial};
use bblog_dissector::counted::Counted;
use bblog_dissector::{DecodeError, Micros};
use bblog_pcapng::bblog_entry::EntryEncoder;
use bblog_pcapng::netflix::NetflixBlock;

use crate::bblog::filter::EntryFilter;
use crate::bblog::serials::Serials;
use crate::bblog::stacks::Stacks;
use crate::bblog::stream::EntrySink;
use crate::log::Log;
use crate::store::files::{PartFile, Store};
use crate::store::index::IndexLine;
use crate::store::name;

/// Bytes given to the system at once.
const FLUSH: usize = 128 * 1024;
/// Entries of up to so many records are small.
const SMALL: u64 = 10;
/// How files of BBLog end.
const END: &str = ".pcapng";

/// The entry being written.
pub struct BblogFiles {
    filter: EntryFilter,
    stacks: Stacks,
    serials: Serials,
    log: Rc<Log>,
    current: Option<CurrentEntry>,
    /// Blocks not given to the system yet.
    buffer: Vec<u8>,
}

struct CurrentEntry {
    entry: EntryEncoder,
    base: String,
    /// The serial number to be expected next, and the one after the last that reached the file.
    expected: Option<u32>,
    written: Option<u32>,
    section: Option<SectionFile>,
}

/// A file, or what will be one at the first flush.
struct SectionFile {
    stack: u8,
    first_serial: u32,
    stack_name: Vec<u8>,
    /// Whether that is a name, or the word for none.
    is_named: bool,
    file: Option<PartFile>,
    /// Records that reached the file, and that are in the buffer.
    records: u64,
    buffered: u64,
    missing: u64,
    first: Micros,
    last: Micros,
    ended: bool,
}

impl BblogFiles {
    /// No entry yet.
    pub fn new(filter: EntryFilter, stacks: Stacks, log: Rc<Log>) -> BblogFiles {
        let buffer = Vec::with_capacity(FLUSH + 4096);
        BblogFiles { filter, stacks, serials: Serials::default(), log, current: None, buffer }
    }

    /// The sink that writes to `store`.
    pub fn writing<'a>(&'a mut self, store: &'a mut Store) -> BblogFilesWriter<'a> {
        BblogFilesWriter { files: self, store }
    }

    /// Whether there is anything to flush.
    pub fn is_dirty(&self) -> bool {
        !self.buffer.is_empty()
    }

    /// Gives everything to the system.
    pub fn flush(&mut self, store: &mut Store) {
        if let Some(current) = &mut self.current {
            current.flush(&mut self.buffer, store);
        }
    }

    /// Begins another section in the file if its stack had no name when it was begun, and has one
    /// now.
    fn name_stack(&mut self) {
        let Some(CurrentEntry { entry, section: Some(section), .. }) = &mut self.current else { return };
        if section.is_named {
            return;
        }
        if let Some((name, machine)) = self.stacks.late_facts(section.stack) {
            let _ = entry.section(section.stack, name, machine).append(&mut self.buffer);
            section.stack_name = name.to_vec();
            section.is_named = true;
        }
    }

    fn begin_section(&mut self, record: &Record<'_>) {
        let (stack, serial, time) = (record.stack_id(), record.serial(), record.time());
        let Some(current) = &mut self.current else { return };
        let (name, machine, is_named) = self.stacks.facts(stack);
        // Nothing in it can be longer than pcapng's options may be, and a buffer takes everything.
        let _ = current.entry.section(stack, name, machine).append(&mut self.buffer);
        current.section = Some(SectionFile {
            stack,
            first_serial: serial,
            stack_name: name.to_vec(),
            is_named,
            file: None,
            records: 0,
            buffered: 0,
            missing: 0,
            first: time,
            last: time,
            ended: false,
        });
    }

    fn end_section(&mut self, store: &mut Store) {
        let small = self.filter.drop_small;
        let Some(current) = &mut self.current else { return };
        let reason = current.entry.reason();
        let records = current.section.as_ref().map_or(0, |section| section.records + section.buffered);
        if small && records <= SMALL && matches!(reason, b"error" | b"rebuffer") {
            self.buffer.clear();
            if let Some(file) = current.section.take().and_then(|section| section.file) {
                store.discard(file);
            }
            store.counters.left_out += 1;
            return;
        }
        current.flush(&mut self.buffer, store);
        if let Some(section) = current.section.take() {
            current.complete(section, store);
        }
    }
}

impl CurrentEntry {
    /// Writes the buffer. If that fails, its records are dropped and the file ends before them.
    fn flush(&mut self, buffer: &mut Vec<u8>, store: &mut Store) {
        let Some(section) = &mut self.section else { return };
        if buffer.is_empty() {
            return;
        }
        if section.file.is_none() {
            section.file = store.begin(&self.base, END);
        }
        let done = section.file.as_mut().is_some_and(|file| store.append(file, buffer));
        buffer.clear();
        let records = std::mem::take(&mut section.buffered);
        if done {
            section.records += records;
            self.written = self.expected;
            return;
        }
        // The serial number of the next record that can be written shows how many are missing.
        store.dropped(&self.base, records);
        let first = section.first_serial;
        self.expected = self.written;
        self.lost_from(first);
        if let Some(section) = self.section.take() {
            self.complete(section, store);
        }
    }

    /// The record `serial` is dropped: if it is the first of its connection, that is what is
    /// expected.
    fn lost_from(&mut self, serial: u32) {
        if self.written.is_none() {
            self.written = Some(serial);
            self.expected = self.written;
        }
    }

    fn complete(&self, section: SectionFile, store: &mut Store) {
        let Some(file) = section.file else { return };
        if file.len == 0 {
            return store.discard(file);
        }
        let line = IndexLine {
            date: self.entry.dump_time,
            id: self.entry.id().to_vec(),
            reason: self.entry.reason().to_vec(),
            remote: Some(self.entry.remote()),
            local: Some(self.entry.local()),
            records: section.records,
            stack: section.stack_name,
            duration: section.last - section.first,
            ended: section.ended,
            tag: self.entry.tag().to_vec(),
            source: "bblog",
            missing: section.missing,
        };
        store.complete(file, &self.base, END, line);
    }
}

/// [`BblogFiles`] with the store that its files are in.
pub struct BblogFilesWriter<'a> {
    files: &'a mut BblogFiles,
    store: &'a mut Store,
}

impl EntrySink for BblogFilesWriter<'_> {
    fn begin(&mut self, header: &[u8; HEADER_LEN], ahead: &[u8]) {
        let files = &mut *self.files;
        self.store.counters.entries += 1;
        let entry = EntryEncoder::new(header, files.filter.dump_time(header, ahead));
        files.current = None;
        if !files.filter.wants(&entry) {
            self.store.counters.left_out += 1;
            return;
        }
        let ((_, lport), (faddr, fport)) = (entry.local(), entry.remote());
        let base = name::of_connection(entry.id(), lport, faddr, fport);
        let expected = files.serials.expected(&entry.key);
        files.current = Some(CurrentEntry { entry, base, expected, written: expected, section: None });
    }

    #[inline]
    fn record(&mut self, record: &Record<'_>) {
        let (files, store) = (&mut *self.files, &mut *self.store);
        store.counters.records += 1;
        let Some(current) = &mut files.current else { return };
        let stack = record.stack_id();
        if current.section.as_ref().is_none_or(|section| section.stack != stack) {
            if store.retry_if_due() {
                current.lost_from(record.serial());
                return store.dropped(&current.base, 1);
            }
            files.end_section(store);
            files.begin_section(record);
        } else if files.buffer.is_empty() {
            files.name_stack();
        }
        let Some(CurrentEntry { entry, expected, section: Some(section), .. }) = &mut files.current else {
            return;
        };
        let missing = Serial::of(record.serial(), *expected).missing();
        if missing > 0 {
            NetflixBlock::Skipped(missing).append(&mut files.buffer);
            section.missing += u64::from(missing);
            store.counters.missing += u64::from(missing);
        }
        *expected = Some(record.serial().wrapping_add(1));
        entry.append(&mut files.buffer, record);
        section.buffered += 1;
        section.last = record.time();
        section.ended |= record.is_connection_end();
        if files.buffer.len() >= FLUSH {
            files.flush(store);
        }
    }

    fn end(&mut self, whole: bool) {
        let (files, store) = (&mut *self.files, &mut *self.store);
        files.end_section(store);
        let Some(current) = files.current.take() else { return };
        if !whole {
            store.counters.cut_entries += 1;
            files.log.warning(format_args!("{}: the entry was cut short", current.base));
        }
        if let Some(next) = current.written {
            files.serials.written(current.entry.key, next.wrapping_sub(1));
        }
    }

    fn skipped(&mut self, why: DecodeError, bytes: u64) {
        self.store.counters.skipped_entries += 1;
        self.files
            .log
            .warning(format_args!("/dev/tcp_log stream: {why}; {} skipped", Counted(bytes, "byte")));
    }
}
