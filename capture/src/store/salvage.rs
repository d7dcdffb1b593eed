// SPDX-License-Identifier: BSD-2-Clause
//! The index line of a file whose writer was killed, made from the file itself.

use std::net::{IpAddr, SocketAddr};

use bblog_dissector::Micros;
use bblog_dissector::bblog::{HEADER_LEN, Record, TCPINFO_LEN};
use bblog_dissector::elog::{ProviderTable, RawEvent, SESSION_END};
use bblog_dissector::tcp_provider;
use bblog_pcapng::bblog_entry::EntryEncoder;
use bblog_pcapng::block::{CUSTOM, ENHANCED_PACKET, INTERFACE, SECTION_HEADER};
use bblog_pcapng::read::{Block, BlockOptions, Endianness};
use bblog_pcapng::section::{Section, netflix_option};
use bblog_pcapng::{elog, netflix, sessions};

use crate::store::index::IndexLine;

/// The files are this program's own.
const ORDER: Endianness = Endianness::Little;
/// Where options begin in the bodies of a section header block and of Netflix's EVENT.
const SECTION_OPTIONS: usize = 16;
const EVENT_OPTIONS: usize = 8;
/// Bytes of an enhanced packet's body before its data.
const PACKET_HEAD: usize = 20;

/// The state after reading a file.
#[derive(Default)]
pub struct Salvage {
    line: IndexLine,
    section: Section,
    /// Numbers of the providers called `tcp`.
    tcp: Vec<u16>,
    entry: Option<EntryEncoder>,
    first: Option<Micros>,
    last: Micros,
}

impl Salvage {
    /// A whole block of pcapng.
    pub fn block(&mut self, bytes: &[u8]) {
        let Some(kind) = ORDER.u32(bytes, 0) else { return };
        let block = Block { kind, order: ORDER, bytes };
        let body = block.body();
        let word = |at| ORDER.u32(body, at);
        match kind {
            SECTION_HEADER => self.section(&block),
            INTERFACE => self.section.add_interface(&block),
            CUSTOM if word(0) == Some(netflix::PEN) => match word(4) {
                Some(netflix::EVENT) => {
                    self.record(body.get(EVENT_OPTIONS..).unwrap_or_default(), Micros(0));
                }
                Some(netflix::SKIPPED) => self.line.missing += u64::from(word(8).unwrap_or_default()),
                _ => {}
            },
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
        if let Some(addresses) = sessions::addresses(event) {
            self.addresses(addresses);
        }
        if let (Some(id), true) = (tcp_provider::log_id(event), self.line.id.is_empty()) {
            self.line.id = id.to_vec();
        }
        if let Some(stack) = tcp_provider::stack_name(event).filter(|name| !name.is_empty()) {
            self.line.stack = stack.to_vec();
        }
    }

    /// The providers that events name by number.
    pub fn providers(&mut self, table: &ProviderTable<'_>) {
        self.tcp = tcp_of(table.iter());
    }

    /// The line, if there was any record or event.
    pub fn line(self) -> Option<IndexLine> {
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

    fn addresses(&mut self, (local, remote): (SocketAddr, SocketAddr)) {
        let side = |side: SocketAddr| -> Option<(IpAddr, u16)> { Some((side.ip(), side.port())) };
        (self.line.local, self.line.remote) = (side(local), side(remote));
    }

    fn section(&mut self, block: &Block<'_>) {
        self.section = Section::new(block, 0);
        if let Some(elog) = &self.section.elog {
            self.tcp = tcp_of(elog.providers());
        }
        let (mut header, mut dump_time) = (None, 0);
        let options = block.body().get(SECTION_OPTIONS..).unwrap_or_default();
        for (code, value) in BlockOptions::new(options, ORDER) {
            match netflix_option(code, value, ORDER) {
                Some((netflix::DUMPINFO, value)) => header = value.first_chunk::<HEADER_LEN>(),
                Some((netflix::DUMPTIME, value)) => {
                    dump_time = value.first_chunk().map_or(0, |&bytes| i64::from_le_bytes(bytes));
                }
                _ => {}
            }
        }
        if let Some(bblog) = &self.section.bblog {
            self.line.stack.clone_from(&bblog.stack_name);
        }
        self.entry = header.map(|header| EntryEncoder::new(header, dump_time));
    }

    fn packet(&mut self, body: &[u8]) {
        let word = |at| ORDER.u32(body, at);
        let (Some(number), Some(high), Some(low), Some(len)) = (word(0), word(4), word(8), word(12)) else {
            return;
        };
        let len = len as usize;
        let Some(interface) = self.section.interfaces.get(number as usize) else { return };
        let time = interface.time(high, low);
        if self.entry.is_some() {
            let options = body.get(PACKET_HEAD + len.next_multiple_of(4)..).unwrap_or_default();
            return self.record(options, time);
        }
        let data = body.get(PACKET_HEAD..).and_then(|data| data.get(..len)).unwrap_or_default();
        let Some((event, addresses)) = elog::upper_pdu(interface.link, data) else { return self.time(time) };
        match RawEvent::split(event) {
            Ok(Some((event, _))) => self.event(&event, time),
            _ => self.time(time),
        }
        if let Some(addresses) = addresses {
            self.addresses(addresses);
        }
    }

    /// A BBLog record in the options of its packet, whose time is `time`, or of its block, whose
    /// `time` is 0.
    fn record(&mut self, options: &[u8], time: Micros) {
        let info = BlockOptions::new(options, ORDER)
            .filter_map(|(code, value)| netflix_option(code, value, ORDER))
            .find(|(kind, value)| *kind == netflix::TCPINFO && value.len() == TCPINFO_LEN);
        let Some(Ok(record)) = info.map(|(_, value)| Record::from_tcpinfo(value)) else { return };
        self.line.ended |= record.is_connection_end();
        let boot = self.entry.as_ref().map_or(Micros(0), EntryEncoder::boot_time);
        self.time(if time == Micros(0) { record.time() + boot } else { time });
    }
}

/// Numbers of the providers called `tcp`.
fn tcp_of<'a>(providers: impl Iterator<Item = (u16, &'a [u8])>) -> Vec<u16> {
    providers.filter(|(_, name)| *name == tcp_provider::NAME).map(|(id, _)| id).collect()
}
