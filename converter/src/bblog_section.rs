// SPDX-License-Identifier: BSD-2-Clause
//! BBLog entries as pcapng sections: one per entry, and one more for each change of stack in it.

use std::collections::VecDeque;
use std::io::Write;
use std::net::IpAddr;
use std::sync::Arc;

use bblog_dissector::Micros;
use bblog_dissector::bblog::{HEADER_LEN, Header, Record};

use crate::error::{Cause, Fault, WriteError};
use crate::packet::{Headers, Link};
use crate::pcapng::netflix::{EntryInfo, NetflixBlock, tcpinfo_parts, verbose_parts};
use crate::pcapng::{Direction, EPB_FLAGS, EnhancedPacket, OPT_CUSTOM, RawOption, Sink};
use crate::recent::RecentMap;
use crate::source::Window;
use crate::source::tcplog::{Item, TcplogReader};
use crate::tables::Tables;

/// How far ahead the last record of an entry is looked for, since DUMPTIME stands in front of
/// them all. The kernel's default limit of 5,000 records makes entries of at most 2 MB; in a
/// longer one the last record seen by then gives the time.
pub const LOOKAHEAD: usize = 4 << 20;

/// Connections whose serial numbers are remembered between their entries.
const CONNECTIONS: usize = 65_536;

/// Event ids with a direction.
const TCP_LOG_IN: u8 = 1;
const TCP_LOG_OUT: u8 = 2;

/// Address family, ports, addresses and zone: which connection an entry is of.
type ConnectionKey = [u8; 41];

/// The records of a stream of entries, as frames.
pub struct BblogStream {
    reader: TcplogReader,
    /// The number of this input.
    input: usize,
    tables: Arc<Tables>,
    lookahead: usize,
    entry: Entry,
    /// The current record.
    at: Position,
    /// Per connection the serial number to be expected next.
    serials: RecentMap<ConnectionKey, u32>,
    faults: VecDeque<Fault>,
    /// What [`BblogStream::advance`] found, while it gives out `faults` first.
    held: Option<bool>,
    entries: u64,
}

/// What is known of an entry before its records.
struct Entry {
    header: [u8; HEADER_LEN],
    local: (IpAddr, u16),
    remote: (IpAddr, u16),
    boot_time: Micros,
    dump_time: i64,
    key: ConnectionKey,
    /// The serial number to be expected next, if a record of the connection was seen before.
    expected: Option<u32>,
    first_record: bool,
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
            entry: Entry::new(&[0; HEADER_LEN]),
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
    pub fn write<W: Write>(&self, sink: &mut Sink<W>) -> Result<(), WriteError> {
        let Some(record) = self.reader.record() else { return Ok(()) };
        sink.section((self.input, self.at.section), || {
            let info = EntryInfo {
                dump_time: self.entry.dump_time,
                header: &self.entry.header,
                stack_id: self.at.stack_id,
                stack_name: self.tables.stacks.get(self.at.stack_id),
            };
            info.section()
        })?;
        if self.at.missing > 0 {
            sink.netflix(&NetflixBlock::Skipped(self.at.missing))?;
        }
        let verbose = record.verbose();
        let verbose = verbose.as_ref().map(|verbose| verbose.as_bytes());
        let Some(tcp) = record.tcp() else {
            return sink.netflix(&NetflixBlock::Event { tcpinfo: record.tcpinfo(), verbose });
        };
        let direction = self.entry.direction(&record, tcp);
        let (from, to) = match direction {
            Direction::Inbound => (self.entry.remote.0, self.entry.local.0),
            Direction::Outbound => (self.entry.local.0, self.entry.remote.0),
        };
        let headers = Headers::new(Link::Null, from, to, tcp, record.len(), true);
        let tcpinfo = RawOption { code: OPT_CUSTOM, parts: &tcpinfo_parts(record.tcpinfo()) };
        let flags = RawOption { code: EPB_FLAGS, parts: &[&direction.flags()] };
        let data = [headers.as_bytes()];
        let packet = |options| EnhancedPacket {
            interface: 0,
            time: self.at.time,
            original_len: headers.original_len(),
            data: &data,
            options,
        };
        match verbose {
            None => sink.packet(&packet(&[tcpinfo, flags])),
            Some(verbose) => {
                let verbose = RawOption { code: OPT_CUSTOM, parts: &verbose_parts(verbose) };
                sink.packet(&packet(&[tcpinfo, verbose, flags]))
            }
        }
    }

    fn begin_entry(&mut self) {
        self.end_entry();
        self.entries += 1;
        let mut entry = Entry::new(self.reader.header());
        entry.expected = self.serials.get_mut(&entry.key).copied();
        let last = self.reader.last_time(self.lookahead).unwrap_or_default();
        entry.dump_time = (last + entry.boot_time).seconds();
        self.entry = entry;
    }

    fn end_entry(&mut self) {
        let entry = &mut self.entry;
        if let Some(expected) = entry.expected {
            self.serials.insert(entry.key, expected);
        }
        let records = std::mem::take(&mut entry.lldb_cut);
        if records > 0 {
            self.faults.push_back(Fault::at(self.reader.entry_offset(), Cause::LldbCut { records }));
        }
    }

    fn take_record(&mut self) {
        let Some(record) = self.reader.record() else { return };
        let entry = &mut self.entry;
        self.at.time = record.time() + entry.boot_time;
        if entry.first_record || record.stack_id() != self.at.stack_id {
            self.at.section += 1;
            self.at.stack_id = record.stack_id();
        }
        let found = record.serial();
        let expected = entry.expected.replace(found.wrapping_add(1)).unwrap_or(found);
        let ahead = found.wrapping_sub(expected);
        // Serial numbers wrap; what would be a gap of more than half of them runs backwards.
        self.at.missing = if ahead > i32::MAX as u32 { 0 } else { ahead };
        if ahead != self.at.missing {
            let cause = match entry.first_record {
                true => Cause::Restarted { found, expected },
                false => Cause::SerialBackwards { found, expected },
            };
            self.faults.push_back(Fault::at(self.reader.offset(), cause));
        }
        entry.first_record = false;
        entry.lldb_cut += u64::from(record.is_lldb_cut());
    }
}

impl Entry {
    /// What `header` says; the strings after their NUL are not taken along.
    fn new(header: &[u8; HEADER_LEN]) -> Entry {
        let mut clean = *header;
        for (at, len) in [(72, 64), (136, 32), (168, 32)] {
            let text = &mut clean[at..at + len];
            let end = text.iter().position(|&b| b == 0).unwrap_or(len);
            text[end..].fill(0);
        }
        let mut key = [0; 41];
        key[..40].copy_from_slice(&header[16..56]);
        key[40] = header[200];
        let mut entry = Entry {
            header: clean,
            local: (IpAddr::from([0; 4]), 0),
            remote: (IpAddr::from([0; 4]), 0),
            boot_time: Micros(0),
            dump_time: 0,
            key,
            expected: None,
            first_record: true,
            lldb_cut: 0,
        };
        if let Ok(header) = Header::unchecked(header) {
            entry.local = (header.laddr(), header.lport());
            entry.remote = (header.faddr(), header.fport());
            entry.boot_time = header.boot_time();
        }
        entry
    }

    /// IN and OUT say it themselves. Another event with a header is taken as sent unless its
    /// ports say otherwise.
    fn direction(&self, record: &Record<'_>, tcp: &[u8]) -> Direction {
        match record.event_id() {
            TCP_LOG_IN => Direction::Inbound,
            TCP_LOG_OUT => Direction::Outbound,
            _ => {
                let inbound = [self.remote.1.to_be_bytes(), self.local.1.to_be_bytes()].concat();
                if tcp.starts_with(&inbound) { Direction::Inbound } else { Direction::Outbound }
            }
        }
    }
}
