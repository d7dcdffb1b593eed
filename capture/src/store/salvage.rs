// SPDX-License-Identifier: BSD-2-Clause
//! What the index has to say about a file whose writer was killed, from the file itself.

use std::net::IpAddr;

use bblog_dissector::Micros;
use bblog_dissector::bblog::{HEADER_LEN, Record, TCPINFO_LEN};
use bblog_dissector::elog::{FILE_HEADER_LEN, ProviderTable, RawEvent, SESSION_END};
use bblog_pcapng::bblog_entry::Entry;
use bblog_pcapng::block::{CUSTOM, ENHANCED_PACKET, OPT_CUSTOM};
use bblog_pcapng::sessions;
use bblog_pcapng::{elog, netflix};

use crate::bblog::filter::is_connection_end;
use crate::eventlog::names::{log_id, stack_name};
use crate::store::index::Line;

const SECTION_HEADER: u32 = 0x0a0d_0d0a;
/// Types of Netflix's options.
const TCPINFO: u32 = 2;
const DUMPINFO: u32 = 4;
const DUMPTIME: u32 = 5;
const STACKNAME: u32 = 6;
/// The interface of events without a segment, whose data are an upper PDU's tags and the event.
const EVENTS: u32 = 1;

/// What was seen of a file.
#[derive(Default)]
pub struct Salvage {
    line: Line,
    /// Numbers of the providers called `tcp`.
    tcp: Vec<u16>,
    entry: Option<Entry>,
    first: Option<Micros>,
    last: Micros,
}

impl Salvage {
    /// A whole block of pcapng.
    pub fn block(&mut self, block: &[u8]) {
        let Some(kind) = word(block, 0) else { return };
        let body = block.get(8..block.len().saturating_sub(4)).unwrap_or_default();
        match kind {
            SECTION_HEADER => self.section(body.get(16..).unwrap_or_default()),
            CUSTOM if word(body, 4) == Some(1) => {
                self.options(body.get(8..).unwrap_or_default(), Micros(0));
            }
            CUSTOM if word(body, 4) == Some(2) => {
                self.line.missing += u64::from(word(body, 8).unwrap_or_default());
            }
            ENHANCED_PACKET => self.packet(body),
            _ => {}
        }
    }

    /// An event, logged at `time`.
    pub fn event(&mut self, event: &RawEvent<'_>, time: Micros) {
        self.time(time);
        self.line.source = "eventlog";
        self.line.ended |= event.event_id() == SESSION_END;
        if !self.tcp.contains(&event.provider_id()) {
            return;
        }
        if let Some((local, remote)) = sessions::addresses(event) {
            self.line.local = Some((local.ip(), local.port()));
            self.line.remote = Some((remote.ip(), remote.port()));
        }
        if let (Some(id), true) = (log_id(event), self.line.id.is_empty()) {
            self.line.id = id;
        }
        if let Some(stack) = stack_name(event) {
            self.line.stack = stack;
        }
    }

    /// The providers that events name by number.
    pub fn providers(&mut self, table: &ProviderTable<'_>) {
        self.tcp = table.iter().filter(|(_, name)| *name == sessions::TCP).map(|(id, _)| id).collect();
    }

    /// The line, if there was any record or event.
    pub fn line(self) -> Option<Line> {
        let first = self.first?;
        let mut line = self.line;
        line.duration = self.last - first;
        match &self.entry {
            Some(entry) => {
                line.source = "bblog";
                line.date = entry.dump_time;
                (line.id, line.reason, line.tag) =
                    (entry.id().to_vec(), entry.reason().to_vec(), entry.tag().to_vec());
                (line.local, line.remote) = (Some(entry.local()), Some(entry.remote()));
            }
            None => {
                line.date = self.last.seconds();
                (line.reason, line.tag) = (b"eventlog".to_vec(), b"UNKNOWN".to_vec());
                for text in [&mut line.id, &mut line.stack] {
                    if text.is_empty() {
                        *text = b"UNKNOWN".to_vec();
                    }
                }
            }
        }
        Some(line)
    }

    fn time(&mut self, time: Micros) {
        self.line.records += 1;
        self.first.get_or_insert(time);
        self.last = time;
    }

    fn section(&mut self, options: &[u8]) {
        let (mut header, mut dump_time) = (None, 0);
        for (number, value) in custom(options) {
            if number == elog::PEN
                && let Some(table) = value.get(4 + FILE_HEADER_LEN..)
                && let Ok((table, _)) = ProviderTable::split(table)
            {
                self.providers(&table);
            }
        }
        for (kind, value) in netflix(options) {
            match kind {
                DUMPINFO => header = value.first_chunk::<HEADER_LEN>(),
                DUMPTIME => dump_time = value.first_chunk().map_or(0, |&bytes| i64::from_le_bytes(bytes)),
                STACKNAME => self.line.stack = value.get(1..).unwrap_or_default().to_vec(),
                _ => {}
            }
        }
        self.entry = header.map(|header| Entry::new(header, dump_time));
    }

    fn packet(&mut self, body: &[u8]) {
        let (Some(interface), Some(high), Some(low)) = (word(body, 0), word(body, 4), word(body, 8)) else {
            return;
        };
        let time = Micros((i64::from(high) << 32) | i64::from(low));
        let len = word(body, 12).map_or(0, |len| len as usize);
        let data = body.get(20..).and_then(|data| data.get(..len)).unwrap_or_default();
        if self.entry.is_some() {
            let options = body.get(20 + len.next_multiple_of(4)..).unwrap_or_default();
            return self.options(options, time);
        }
        if interface != EVENTS {
            return self.time(time);
        }
        let mut tags = Tags(data);
        let (mut addresses, mut ports) = ([None; 2], [0; 2]);
        for (tag, value) in &mut tags {
            match (tag, value) {
                (20 | 21, &[a, b, c, d]) => {
                    addresses[usize::from(tag - 20)] = Some(IpAddr::from([a, b, c, d]))
                }
                (22 | 23, value) => {
                    addresses[usize::from(tag - 22)] =
                        value.first_chunk::<16>().map(|&six| IpAddr::from(six));
                }
                (25 | 26, &[_, _, a, b]) => ports[usize::from(tag - 25)] = u16::from_be_bytes([a, b]),
                _ => {}
            }
        }
        match RawEvent::split(tags.0) {
            Ok(Some((event, _))) => self.event(&event, time),
            _ => self.time(time),
        }
        if let [Some(local), Some(remote)] = addresses {
            (self.line.local, self.line.remote) = (Some((local, ports[0])), Some((remote, ports[1])));
        }
    }

    /// Options of a BBLog record; `time` is that of its packet, if it is one.
    fn options(&mut self, options: &[u8], time: Micros) {
        let info = netflix(options).find(|(kind, value)| *kind == TCPINFO && value.len() == TCPINFO_LEN);
        let Some(Ok(record)) = info.map(|(_, value)| Record::from_tcpinfo(value)) else { return };
        self.line.ended |= is_connection_end(&record);
        let boot = self.entry.as_ref().map_or(Micros(0), Entry::boot_time);
        self.time(if time == Micros(0) { record.time() + boot } else { time });
    }
}

/// Type and value of Netflix's options.
fn netflix(options: &[u8]) -> impl Iterator<Item = (u32, &[u8])> {
    let ours = custom(options).filter(|(number, _)| *number == netflix::PEN);
    ours.filter_map(|(_, value)| Some((word(value, 0)?, &value[4..])))
}

/// Enterprise and value of custom options.
fn custom(options: &[u8]) -> impl Iterator<Item = (u32, &[u8])> {
    let mut rest = options;
    std::iter::from_fn(move || {
        loop {
            let &[c0, c1, l0, l1] = rest.first_chunk()?;
            let (code, len) = (u16::from_le_bytes([c0, c1]), usize::from(u16::from_le_bytes([l0, l1])));
            let value = rest.get(4..4 + len)?;
            rest = rest.get(4 + len.next_multiple_of(4)..)?;
            if code == OPT_CUSTOM {
                return Some((word(value, 0)?, &value[4..]));
            }
        }
    })
}

/// Tags of an upper PDU; what is left behind them is its data.
struct Tags<'a>(&'a [u8]);

impl<'a> Iterator for Tags<'a> {
    type Item = (u16, &'a [u8]);

    fn next(&mut self) -> Option<(u16, &'a [u8])> {
        let &[t0, t1, l0, l1] = self.0.first_chunk()?;
        let (tag, len) = (u16::from_be_bytes([t0, t1]), usize::from(u16::from_be_bytes([l0, l1])));
        let value = self.0.get(4..4 + len)?;
        self.0 = &self.0[4 + len..];
        if tag == 0 { None } else { Some((tag, value)) }
    }
}

fn word(bytes: &[u8], at: usize) -> Option<u32> {
    bytes.get(at..)?.first_chunk().map(|&bytes| u32::from_le_bytes(bytes))
}
