// SPDX-License-Identifier: BSD-2-Clause
//! The records of BBLog entries, with their times and the number of records missing before them.

use std::collections::VecDeque;
use std::sync::Arc;

use bblog_dissector::Micros;
use bblog_dissector::bblog::{HEADER_LEN, Header, Record, Serial, WrongFamily};
use bblog_pcapng::bblog_entry::{EntryEncoder, EntryKey};

use super::connection::is_named;
use super::item::{BblogItem, Clock, LogItem};
use super::origin::{Origin, OriginFinder, Stated};
use super::source::EventSource;
use crate::input::InputPosition;
use crate::input::assumptions::Assumptions;
use crate::input::error::{InputError, InputErrorKind, Recovery};
use crate::input::window::Window;
use crate::lru_map::LruMap;
use crate::source::InputCounts;
use crate::source::bblog::{BblogReader, BblogStep};

/// How far ahead the last record of an entry is looked for, since DUMPTIME stands in front of
/// them all. The kernel's default limit of 5,000 records makes entries of at most 2 MB; in a
/// longer one the last record seen by then gives the time.
pub const LOOKAHEAD: usize = 4 << 20;

/// How many connections' serial numbers are remembered between their entries.
const CONNECTIONS: usize = 65_536;

/// The records of a stream of entries, as frames.
pub struct BblogStream {
    reader: BblogReader,
    origins: OriginFinder,
    lookahead: usize,
    entry: EntryEncoder,
    records: EntryProgress,
    /// The current record.
    at: Position,
    /// Per connection the serial number to be expected next.
    serials: LruMap<EntryKey, u32>,
    errors: VecDeque<InputError>,
    /// What [`BblogStream::advance`] found, while it gives out `errors` first.
    held: Option<bool>,
    entries: u64,
    families: WrongFamilies,
}

/// Entries of IPv6 sockets whose header says AF_INET.
#[derive(Clone, Copy, Default)]
struct WrongFamilies {
    entries: u64,
    inferred: u64,
}

impl WrongFamilies {
    fn count(&mut self, header: &[u8; HEADER_LEN]) {
        let wrong = Header::unchecked(header).ok().and_then(|header| header.wrong_family());
        self.entries += u64::from(wrong.is_some());
        self.inferred += u64::from(wrong == Some(WrongFamily::Inferred));
    }

    fn take(&mut self) -> WrongFamilies {
        std::mem::take(self)
    }

    fn notice(self) -> Option<InputError> {
        let WrongFamilies { entries, inferred } = self;
        let kind = InputErrorKind::WrongFamily { entries, inferred };
        (entries > 0).then_some(InputError { offset: None, kind, recovery: Recovery::Nothing })
    }
}

/// The state of an entry's records.
struct EntryProgress {
    /// The serial number to be expected next, if a record of the connection was seen before.
    expected: Option<u32>,
    is_first: bool,
    /// Those that lldb's script cut off.
    lldb_cut: u64,
}

/// Facts about the current record.
#[derive(Default)]
struct Position {
    time: Micros,
    stack_id: u8,
    /// Counts sections.
    section: u64,
    /// Records missing before it.
    missing: u32,
}

impl BblogStream {
    /// The stream of the input at `position`; all inputs share the memory for looking ahead.
    pub fn new(window: Window, position: InputPosition, assumptions: &Arc<Assumptions>) -> BblogStream {
        BblogStream {
            reader: BblogReader::new(window),
            origins: OriginFinder::new(assumptions),
            lookahead: LOOKAHEAD.min(8 * LOOKAHEAD / position.count.max(1)),
            entry: EntryEncoder::new(&[0; HEADER_LEN], 0),
            records: EntryProgress { expected: None, is_first: true, lldb_cut: 0 },
            at: Position::default(),
            serials: LruMap::new(CONNECTIONS),
            errors: VecDeque::new(),
            held: None,
            entries: 0,
            families: WrongFamilies::default(),
        }
    }

    /// The stream of records without headers, without a boot time. Their connection is what the user
    /// gave.
    pub fn of_records(
        window: Window,
        position: InputPosition,
        assumptions: &Arc<Assumptions>,
    ) -> BblogStream {
        let stream = BblogStream::new(window, position, assumptions);
        let header =
            assumptions.ends.map_or([0; HEADER_LEN], |(local, remote)| Header::of_ends(local, remote));
        BblogStream { reader: stream.reader.with_records_only(header), ..stream }
    }

    /// Steps to the next record; `false` at the end.
    ///
    /// # Errors
    /// A [`InputError`]; call again for what follows.
    #[inline]
    pub fn advance(&mut self) -> Result<bool, InputError> {
        if let Some(error) = self.errors.pop_front() {
            return Err(error);
        }
        if let Some(held) = self.held.take() {
            return Ok(held);
        }
        let more = loop {
            match self.reader.step()? {
                Some(BblogStep::Record) => {
                    self.take_record();
                    break true;
                }
                Some(BblogStep::Entry) => self.begin_entry(),
                None => {
                    self.end_entry();
                    self.errors.extend(self.origins.finish());
                    self.errors.extend(self.families.take().notice());
                    break false;
                }
            }
        };
        match self.errors.pop_front() {
            None => Ok(more),
            Some(error) => {
                self.held = Some(more);
                Err(error)
            }
        }
    }

    /// Whether the next step has to wait for a live input.
    pub fn is_dry(&mut self) -> bool {
        self.reader.is_dry()
    }

    /// UTC of the current record.
    pub fn time(&self) -> Micros {
        self.at.time
    }

    /// Whether any entry could be read.
    pub fn is_readable(&self) -> bool {
        self.entries > 0
    }

    /// The current record; `None` unless [`BblogStream::advance`] just stepped to one.
    pub fn record(&self) -> Option<Record<'_>> {
        self.reader.record()
    }

    /// The current record with all that is known of it; `None` unless [`BblogStream::advance`] just
    /// stepped to one.
    #[inline]
    pub fn item(&self) -> Option<BblogItem<'_>> {
        let record = self.record()?;
        let header = self.header();
        // Files made from core dumps may not have the boot time.
        let booted = Header::unchecked(header).is_ok_and(|header| header.boot_time() != Micros(0));
        Some(BblogItem {
            record,
            time: self.time(),
            clock: if booted { Clock::Utc } else { Clock::Uptime },
            header,
            origin: self.origins.current(),
            missing: self.missing(),
            is_damaged: false,
            section: self.sections(),
            entry: self.entries,
        })
    }

    /// How many records are missing before the current one.
    pub fn missing(&self) -> u32 {
        self.at.missing
    }

    /// Entries begun so far, the current one included.
    pub fn entries(&self) -> u64 {
        self.entries
    }

    /// Sections begun so far: entries, and changes of stack in them.
    pub fn sections(&self) -> u64 {
        self.at.section
    }

    /// The current entry.
    pub fn entry(&self) -> &EntryEncoder {
        &self.entry
    }

    /// The number of the current record's stack, and where the record comes from.
    pub fn origin(&self) -> (u8, &Origin) {
        (self.at.stack_id, self.origins.current())
    }

    /// The current entry's header, its strings cleaned after their NUL.
    pub fn header(&self) -> &[u8; HEADER_LEN] {
        &self.entry.header
    }

    fn begin_entry(&mut self) {
        self.end_entry();
        self.entries += 1;
        self.families.count(self.reader.header());
        let mut entry = EntryEncoder::new(self.reader.header(), 0);
        // Entries whose headers name no connection are of several.
        let expected = if is_named(&entry.header) { self.serials.get_mut(&entry.key).copied() } else { None };
        self.records = EntryProgress { expected, is_first: true, lldb_cut: 0 };
        self.origins.begin_connection(entry.boot_time(), Stated::default());
        let last = self.origins.look_ahead(self.reader.records_ahead(self.lookahead));
        let last = last.map_or(Micros(0), |record| record.time());
        entry.dump_time = (last + entry.boot_time()).seconds();
        self.entry = entry;
    }

    fn end_entry(&mut self) {
        if let Some(expected) = self.records.expected {
            self.serials.insert(self.entry.key, expected);
        }
        let records = std::mem::take(&mut self.records.lldb_cut);
        if records > 0 {
            self.errors
                .push_back(InputError::at(self.reader.entry_offset(), InputErrorKind::LldbCut { records }));
        }
    }

    fn take_record(&mut self) {
        let Some(record) = self.reader.record() else { return };
        let records = &mut self.records;
        self.at.time = record.time() + self.entry.boot_time();
        if records.is_first || record.stack_id() != self.at.stack_id {
            self.at.section += 1;
            self.at.stack_id = record.stack_id();
            self.origins.meet(self.at.stack_id);
            self.origins.find(self.at.stack_id);
        }
        self.origins.pass(&record);
        let found = record.serial();
        let expected = records.expected.replace(found.wrapping_add(1)).unwrap_or(found);
        self.at.missing = Serial::of(found, Some(expected)).missing();
        // Serial numbers begin at 0: another connection, as of the next socket that listens, has the addresses.
        let is_new = records.is_first && found == 0;
        if self.at.missing == 0 && found != expected && !is_new {
            let cause = match records.is_first {
                true => InputErrorKind::Restarted { found, expected },
                false => InputErrorKind::SerialBackwards { found, expected },
            };
            self.errors.push_back(InputError::at(self.reader.offset(), cause));
        }
        records.is_first = false;
        records.lldb_cut += u64::from(record.is_lldb_cut());
    }
}

impl EventSource for BblogStream {
    #[inline]
    fn advance(&mut self) -> Result<bool, InputError> {
        BblogStream::advance(self)
    }

    fn is_dry(&mut self) -> bool {
        BblogStream::is_dry(self)
    }

    fn time(&self) -> Micros {
        BblogStream::time(self)
    }

    #[inline]
    fn item(&self) -> Option<LogItem<'_>> {
        BblogStream::item(self).map(LogItem::Bblog)
    }

    fn counts(&self) -> InputCounts {
        InputCounts { entries: Some(self.entries()), sections: self.sections(), ..InputCounts::default() }
    }
}
