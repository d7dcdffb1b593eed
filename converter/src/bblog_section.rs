// SPDX-License-Identifier: BSD-2-Clause
//! BBLog entries as pcapng sections: one per entry, and one more for each change of stack in it.

use std::collections::VecDeque;
use std::sync::Arc;

use bblog_dissector::Micros;
use bblog_dissector::bblog::{HEADER_LEN, Record, Serial};
use bblog_pcapng::bblog_entry::{ConnectionKey, Entry};
use bblog_pcapng::machine::Machine;
use bblog_pcapng::netflix::NetflixBlock;

use crate::error::{Cause, Fault, WriteError};
use crate::gather::Gather;
use crate::recent::RecentMap;
use crate::sink::Sink;
use crate::source::Window;
use crate::source::tcplog::{Item, TcplogReader};
use crate::tables::Tables;

/// How far ahead the last record of an entry is looked for, since DUMPTIME stands in front of
/// them all. The kernel's default limit of 5,000 records makes entries of at most 2 MB; in a
/// longer one the last record seen by then gives the time.
pub const LOOKAHEAD: usize = 4 << 20;

/// Connections whose serial numbers are remembered between their entries.
const CONNECTIONS: usize = 65_536;

/// The records of a stream of entries, as frames.
pub struct BblogStream {
    reader: TcplogReader,
    /// The number of this input.
    input: usize,
    tables: Arc<Tables>,
    lookahead: usize,
    entry: Entry,
    records: Records,
    /// The current record.
    at: Position,
    /// Per connection the serial number to be expected next.
    serials: RecentMap<ConnectionKey, u32>,
    faults: VecDeque<Fault>,
    /// What [`BblogStream::advance`] found, while it gives out `faults` first.
    held: Option<bool>,
    entries: u64,
}

/// What was seen of an entry's records.
struct Records {
    /// The serial number to be expected next, if a record of the connection was seen before.
    expected: Option<u32>,
    is_first: bool,
    /// Those that lldb's script cut off.
    lldb_cut: u64,
}

/// What is known of the current record.
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
    /// The stream of input number `input`; `inputs` are read at a time and share the memory for
    /// looking ahead.
    pub fn new(window: Window, input: usize, inputs: usize, tables: &Arc<Tables>) -> BblogStream {
        BblogStream {
            reader: TcplogReader::new(window),
            input,
            tables: Arc::clone(tables),
            lookahead: LOOKAHEAD.min(8 * LOOKAHEAD / inputs.max(1)),
            entry: Entry::new(&[0; HEADER_LEN], 0),
            records: Records { expected: None, is_first: true, lldb_cut: 0 },
            at: Position::default(),
            serials: RecentMap::new(CONNECTIONS),
            faults: VecDeque::new(),
            held: None,
            entries: 0,
        }
    }

    /// Steps to the next record; `false` at the end.
    ///
    /// # Errors
    /// A [`Fault`]; call again for what follows.
    #[inline]
    pub fn advance(&mut self) -> Result<bool, Fault> {
        if let Some(fault) = self.faults.pop_front() {
            return Err(fault);
        }
        if let Some(held) = self.held.take() {
            return Ok(held);
        }
        let more = loop {
            match self.reader.step()? {
                Some(Item::Record) => {
                    self.take_record();
                    break true;
                }
                Some(Item::Entry) => self.begin_entry(),
                None => {
                    self.end_entry();
                    break false;
                }
            }
        };
        match self.faults.pop_front() {
            None => Ok(more),
            Some(fault) => {
                self.held = Some(more);
                Err(fault)
            }
        }
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

    /// The current entry's header, its strings cleaned after their NUL.
    pub fn header(&self) -> &[u8; HEADER_LEN] {
        &self.entry.header
    }

    /// Writes the current record, the section header before it if its section is not the
    /// sink's, and the count of missing records.
    ///
    /// # Errors
    /// [`WriteError`].
    pub fn write<G: Gather>(&self, sink: &mut Sink<G>) -> Result<(), WriteError> {
        let Some(record) = self.reader.record() else { return Ok(()) };
        sink.section((self.input, self.at.section), || {
            let name = self.tables.stacks.get(self.at.stack_id);
            self.entry.section(self.at.stack_id, name, &Machine::default())
        })?;
        sink.append(|out| {
            if self.at.missing > 0 {
                NetflixBlock::Skipped(self.at.missing).append(out);
            }
            self.entry.append(out, &record);
        })
    }

    fn begin_entry(&mut self) {
        self.end_entry();
        self.entries += 1;
        let mut entry = Entry::new(self.reader.header(), 0);
        let expected = self.serials.get_mut(&entry.key).copied();
        self.records = Records { expected, is_first: true, lldb_cut: 0 };
        let last = self.reader.last_time(self.lookahead).unwrap_or_default();
        entry.dump_time = (last + entry.boot_time()).seconds();
        self.entry = entry;
    }

    fn end_entry(&mut self) {
        if let Some(expected) = self.records.expected {
            self.serials.insert(self.entry.key, expected);
        }
        let records = std::mem::take(&mut self.records.lldb_cut);
        if records > 0 {
            self.faults.push_back(Fault::at(self.reader.entry_offset(), Cause::LldbCut { records }));
        }
    }

    fn take_record(&mut self) {
        let Some(record) = self.reader.record() else { return };
        let records = &mut self.records;
        self.at.time = record.time() + self.entry.boot_time();
        if records.is_first || record.stack_id() != self.at.stack_id {
            self.at.section += 1;
            self.at.stack_id = record.stack_id();
        }
        let found = record.serial();
        let expected = records.expected.replace(found.wrapping_add(1)).unwrap_or(found);
        self.at.missing = Serial::of(found, Some(expected)).missing();
        if self.at.missing == 0 && found != expected {
            let cause = match records.is_first {
                true => Cause::Restarted { found, expected },
                false => Cause::SerialBackwards { found, expected },
            };
            self.faults.push_back(Fault::at(self.reader.offset(), cause));
        }
        records.is_first = false;
        records.lldb_cut += u64::from(record.is_lldb_cut());
    }
}
