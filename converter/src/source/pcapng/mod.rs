// SPDX-License-Identifier: BSD-2-Clause
//! Reads pcapng files of tcplog_dumper, of this project, and of Wireshark.
//!
//! [`BlockReader`] finds the blocks, [`Section`] has the facts of their section, and [`PcapngReader`]
//! interprets them. A file may hold BBLog records, eventlog events and other blocks, which are returned as
//! foreign so that they can be passed on.

mod block;
mod events;

pub use block::BlockReader;

use std::ops::Range;
use std::sync::Arc;

use bblog_dissector::bblog::{EventFlags, HEADER_LEN, RECORD_LEN, Record, TCPINFO_LEN, VERBOSE_LEN, VERSION};
use bblog_dissector::elog::RawEvent;
use bblog_dissector::tcp_provider::Addresses;
use bblog_dissector::{DecodeError, Micros};
use bblog_pcapng::block::{
    CUSTOM, CUSTOM_NO_COPY, ENHANCED_PACKET, INTERFACE, OLD_PACKET, SECTION_HEADER, SIMPLE_PACKET, STATISTICS,
};
use bblog_pcapng::packet::ParsedPacket;
use bblog_pcapng::providers::{CaptureProvider, Providers};
use bblog_pcapng::read::{Block, BlockOptions, Endianness};
use bblog_pcapng::section::{Extent, Section, elog_option, netflix_option};
use bblog_pcapng::{elog, netflix};

use crate::input::assumptions::Assumptions;
use crate::input::disorder::Disorder;
use crate::input::error::{InputError, InputErrorKind, Recovery};
use crate::input::window::Window;
use crate::source::{CaptureDrops, InputCounts};

/// How many interfaces of a section are kept.
const MAX_INTERFACES: usize = 10_000;
/// Bytes of a section's header and interfaces that are kept.
const MAX_SECTION: usize = 4 << 20;
/// Where a packet's data begin in the body of an enhanced packet block.
const PACKET_DATA: usize = 20;

/// What [`PcapngReader::step`] stepped to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PcapngStep {
    /// A BBLog record: see [`PcapngReader::record`].
    Record,
    /// An eventlog event: see [`PcapngReader::event`].
    Event,
    /// This number of BBLog records is missing here.
    Missing(u32),
    /// A packet that is neither.
    Packet,
    /// A custom block of Netflix's of another type than those two: Wireshark takes it for damage.
    Refused(u32),
    /// Another block.
    Other,
}

/// A reader that interprets blocks.
pub struct PcapngReader {
    blocks: BlockReader,
    section: Section,
    providers: Providers,
    /// The section's packets are put in the order of their times.
    sorts: bool,
    /// The layout of the `tcp` provider was decided on in this section.
    has_voted: bool,
    assumptions: Arc<Assumptions>,
    current: CurrentBlock,
    counts: InputCounts,
    /// The kind of the current block, while an error of it is returned first.
    held: Option<PcapngStep>,
    /// A record or event was met, or it was reported that there is none.
    has_events: bool,
    /// Records missing before the next one.
    missing: u32,
    /// Events that the kernel dropped, but for the section's.
    drops: CaptureDrops,
    /// Time stamps of the section's first event, and of its last one so far.
    span: Option<(u64, u64)>,
}

/// The contents of the current block.
struct CurrentBlock {
    item: Option<PcapngStep>,
    time: Micros,
    /// A record with its TCP header put back.
    record: [u8; RECORD_LEN],
    /// Bytes of it.
    record_len: usize,
    verbose: Option<[u8; VERBOSE_LEN]>,
    /// Where the event stands in the block.
    event: Range<usize>,
    addresses: Option<Addresses>,
}

impl PcapngReader {
    /// A reader in front of the first block.
    pub fn new(window: Window, assumptions: &Arc<Assumptions>) -> PcapngReader {
        let current = CurrentBlock {
            item: None,
            time: Micros(0),
            record: [0; RECORD_LEN],
            record_len: 0,
            verbose: None,
            event: 0..0,
            addresses: None,
        };
        PcapngReader {
            blocks: BlockReader::new(window),
            section: Section::default(),
            providers: Providers::default(),
            sorts: false,
            has_voted: false,
            assumptions: Arc::clone(assumptions),
            current,
            counts: InputCounts::default(),
            held: None,
            has_events: false,
            missing: 0,
            drops: CaptureDrops::default(),
            span: None,
        }
    }

    /// Steps to the next record, event or block that is neither section header nor interface;
    /// `None` at the end.
    ///
    /// # Errors
    /// A [`InputError`]; call again for what follows.
    pub fn step(&mut self) -> Result<Option<PcapngStep>, InputError> {
        if let Some(item) = self.held.take() {
            return Ok(Some(item));
        }
        self.current.item = None;
        let item = loop {
            match self.blocks.step()? {
                None => return Ok(None),
                Some(SECTION_HEADER) => self.begin_section()?,
                Some(INTERFACE) => self.add_interface()?,
                Some(ENHANCED_PACKET) => {
                    if self.sorts {
                        self.blocks.restore_order(&self.section.interfaces);
                    }
                    break self.packet();
                }
                Some(CUSTOM | CUSTOM_NO_COPY) => break self.custom(),
                Some(SIMPLE_PACKET | OLD_PACKET) => break Ok(PcapngStep::Packet),
                Some(STATISTICS) => {
                    self.statistics();
                    break Ok(PcapngStep::Other);
                }
                Some(_) => break Ok(PcapngStep::Other),
            }
        };
        let (item, error) = match item {
            Ok(item) => (item, None),
            Err(problem) => (PcapngStep::Other, Some(InputError::at(self.blocks.offset(), problem))),
        };
        self.current.item = Some(item);
        match item {
            PcapngStep::Packet => self.counts.foreign_packets += 1,
            PcapngStep::Other | PcapngStep::Refused(_) => self.counts.foreign_blocks += 1,
            PcapngStep::Missing(records) => self.missing = records,
            PcapngStep::Record | PcapngStep::Event => self.has_events = true,
        }
        match error {
            None => Ok(Some(item)),
            Some(error) => {
                self.held = Some(item);
                Err(error)
            }
        }
    }

    /// How many events were out of order so far.
    pub fn disorder(&self) -> Disorder {
        self.blocks.disorder()
    }

    /// Whether the next step has to wait for a live input.
    pub fn is_dry(&mut self) -> bool {
        self.blocks.is_dry()
    }

    /// The current item.
    pub fn item(&self) -> Option<PcapngStep> {
        self.current.item
    }

    /// Time of the current item, since 1970 or, without a boot time, since the machine booted.
    /// What has no time of its own has that of the item before.
    pub fn time(&self) -> Micros {
        self.current.time
    }

    /// The current item's block.
    pub fn block(&self) -> Option<Block<'_>> {
        self.blocks.block()
    }

    /// The current section.
    pub fn section(&self) -> &Section {
        &self.section
    }

    /// The BBLog records of the current section from the current block on, as far as `bytes` show them,
    /// without waiting for more; and the offset up to which that is.
    pub fn records_ahead(&mut self, bytes: usize) -> (u64, impl Iterator<Item = Record<'_>>) {
        let (end, blocks) = self.blocks.lookahead_at_once(bytes);
        (end, blocks.filter_map(|block| record_of(&block)))
    }

    /// The events of providers called `tcp` of the current section from the current block on, as far as `bytes` show
    /// them, without waiting for more.
    pub fn events_ahead(&mut self, bytes: usize) -> impl Iterator<Item = RawEvent<'_>> {
        let PcapngReader { blocks, section, providers, .. } = self;
        let (_, blocks) = blocks.lookahead_at_once(bytes);
        let events = blocks.filter_map(|block| events::event_of(&block, section));
        events.filter(|event| providers.is_tcp(event.provider_id()))
    }

    /// Whether the current block is damaged.
    #[inline]
    pub fn is_damaged(&self) -> bool {
        self.blocks.is_damaged()
    }

    /// Records missing before the next one.
    #[inline]
    pub fn missing(&self) -> u32 {
        self.missing
    }

    /// Takes note that the record after the missing ones was seen.
    #[inline]
    pub(crate) fn forget_missing(&mut self) {
        self.missing = 0;
    }

    /// Offset of the current block.
    pub fn offset(&self) -> u64 {
        self.blocks.offset()
    }

    /// What there is instead of records and events, once, if there are none.
    #[cold]
    pub(crate) fn no_events(&mut self) -> Option<InputError> {
        let (packets, blocks) = (self.counts.foreign_packets, self.counts.foreign_blocks);
        if std::mem::replace(&mut self.has_events, true) || packets + blocks == 0 {
            return None;
        }
        Some(InputError {
            offset: None,
            kind: InputErrorKind::NoEvents { packets, blocks },
            recovery: Recovery::Nothing,
        })
    }

    /// Counts of what was found besides records and events.
    pub fn counts(&self) -> &InputCounts {
        &self.counts
    }

    /// The current record: whole if its packet has the TCP header, else up to it.
    #[inline]
    pub fn record(&self) -> Option<Record<'_>> {
        if self.current.item != Some(PcapngStep::Record) {
            return None;
        }
        let record = Record::from_tcpinfo(&self.current.record[..self.current.record_len]).ok()?;
        Some(record.with_verbose(self.current.verbose.as_ref()))
    }

    /// The current event.
    #[inline]
    pub fn event(&self) -> Option<RawEvent<'_>> {
        if self.current.item != Some(PcapngStep::Event) {
            return None;
        }
        RawEvent::whole(self.blocks.block()?.bytes.get(self.current.event.clone())?).ok()
    }

    /// The provider with this number; `None` if the section does not name it.
    #[inline]
    pub fn provider(&self, id: u16) -> Option<&CaptureProvider> {
        self.providers.get(id)
    }

    /// Local and remote address of the current event's connection, if the file has them.
    pub fn addresses(&self) -> Option<Addresses> {
        self.current.addresses
    }

    /// How many events the kernel dropped.
    pub fn drops(&self) -> CaptureDrops {
        let mut drops = self.drops.clone();
        if let (Some((begin, end)), Some(facts)) = (self.span, &self.section.elog) {
            drops.extend(&facts.header, begin, end);
        }
        drops
    }

    /// Takes note of the events of the section so far.
    fn end_events(&mut self) {
        if let (Some((begin, end)), Some(facts)) = (self.span.take(), &self.section.elog) {
            self.drops.extend(&facts.header, begin, end);
        }
    }

    /// Takes the current block, the statistics of an interface: they may have the number of dropped events.
    #[cold]
    fn statistics(&mut self) {
        const OS_DROP: u16 = 7;
        const OPTIONS: usize = 12;
        self.end_events();
        let (Some(block), Some(facts)) = (self.blocks.block(), &self.section.elog) else { return };
        let (body, order) = (block.body(), block.order);
        let mut options = BlockOptions::new(body.get(OPTIONS..).unwrap_or_default(), order);
        let count = options.find(|&(code, value)| code == OS_DROP && value.len() == 8);
        if let Some((_, value)) = count {
            self.drops.close(&facts.header, order.u64(value, 0));
        }
    }

    #[cold]
    fn begin_section(&mut self) -> Result<(), InputError> {
        self.end_events();
        self.counts.sections += 1;
        self.missing = 0;
        let Some(block) = self.blocks.block() else { return Ok(()) };
        self.section = Section::new(&block, self.counts.sections);
        self.providers = match &self.section.elog {
            Some(facts) => Providers::of_table(&facts.table),
            None => Providers::default(),
        };
        self.providers.describe(&self.assumptions.catalog, self.assumptions.layout(None));
        self.has_voted = false;
        self.sorts = self.assumptions.sorts && self.section.elog.is_some();
        let at = self.blocks.offset();
        match &self.section.bblog {
            // Records of other versions have other layouts.
            Some(facts) if facts.version != VERSION => {
                // Why there are none is said.
                self.has_events = true;
                let problem =
                    DecodeError::Version { what: "BBLog", found: facts.version, supported: VERSION };
                Err(InputError::at(at, problem))
            }
            _ => Ok(()),
        }
    }

    #[cold]
    fn add_interface(&mut self) -> Result<(), InputError> {
        let Some(block) = self.blocks.block() else { return Ok(()) };
        let size = self.section.interface_blocks(Extent::Whole).len() + block.bytes.len();
        if self.section.interfaces.len() >= MAX_INTERFACES || size > MAX_SECTION {
            // Without its interfaces a section's packets mean nothing.
            self.blocks.give_up();
            let kind = InputErrorKind::Interfaces { max: MAX_INTERFACES };
            return Err(InputError::at(self.blocks.offset(), kind).recovered(Recovery::RestSkipped));
        }
        self.section.add_interface(&block);
        Ok(())
    }

    /// Takes an enhanced packet block.
    #[inline]
    fn packet(&mut self) -> Result<PcapngStep, DecodeError> {
        let Some(block) = self.blocks.block() else { return Ok(PcapngStep::Other) };
        let (body, order) = (block.body(), block.order);
        let word = |at| order.u32(body, at).unwrap_or_default();
        let interface = self.section.interfaces.get(word(0) as usize);
        if let Some(interface) = interface {
            self.current.time = interface.time(word(4), word(8));
        }
        let captured = word(12) as usize;
        let end = PACKET_DATA.saturating_add(captured);
        let Some(data) = body.get(PACKET_DATA..end) else {
            let (needed, found) = (end as u64, body.len() as u64);
            return Err(DecodeError::Truncated { what: "pcapng packet", needed, found });
        };
        let options = BlockOptions::new(body.get(end.next_multiple_of(4)..).unwrap_or_default(), order);
        let mut tcpinfo = None;
        let mut verbose = None;
        for (code, value) in options {
            match netflix_option(code, value, order) {
                Some((netflix::TCPINFO, data)) => tcpinfo = Some(data),
                Some((netflix::TCPVERBOSE, data)) => verbose = data.first_chunk().copied(),
                Some(_) => {}
                None => {
                    if let Some(bytes) = elog_option(code, value, order) {
                        let place = events::place(block.bytes, bytes);
                        let addresses = events::of_packet(bytes, data);
                        return Ok(self.take_event(place, addresses));
                    }
                }
            }
        }
        let link = interface.map_or(0, |interface| interface.link);
        if let Some(tcpinfo) = tcpinfo {
            let record = split_tcpinfo(tcpinfo)?;
            let tcp = ParsedPacket::new(link, data).map(|parsed| parsed.tcp);
            self.current.take_record(record, tcp, verbose);
            return Ok(self.take_record());
        }
        match elog::upper_pdu(link, data) {
            Some((bytes, addresses)) => {
                let place = events::place(block.bytes, bytes);
                Ok(self.take_event(place, addresses))
            }
            None => Ok(PcapngStep::Packet),
        }
    }

    /// Takes a custom block.
    #[inline]
    fn custom(&mut self) -> Result<PcapngStep, DecodeError> {
        const EVENT: u32 = 1;
        const SKIPPED: u32 = 2;
        let Some(block) = self.blocks.block() else { return Ok(PcapngStep::Other) };
        let body = block.body();
        if block.order.u32(body, 0) != Some(netflix::PEN) {
            return Ok(PcapngStep::Other);
        }
        // All that follows is little-endian, even in a big-endian section; writers that ignore
        // that are understood as well.
        let (order, kind) = match Endianness::Little.u32(body, 4) {
            Some(kind @ (EVENT | SKIPPED)) => (Endianness::Little, kind),
            _ => (block.order, block.order.u32(body, 4).unwrap_or_default()),
        };
        if kind == SKIPPED {
            let records = order.u32(body, 8).unwrap_or_default();
            // tcplog_dumper writes what ran backwards as a huge number.
            return Ok(PcapngStep::Missing(if records > i32::MAX as u32 { 0 } else { records }));
        }
        if kind != EVENT {
            return Ok(PcapngStep::Refused(kind));
        }
        let mut tcpinfo = None;
        let mut verbose = None;
        for (code, value) in BlockOptions::new(body.get(8..).unwrap_or_default(), order) {
            match netflix_option(code, value, order) {
                Some((netflix::TCPINFO, data)) => tcpinfo = Some(data),
                Some((netflix::TCPVERBOSE, data)) => verbose = data.first_chunk().copied(),
                _ => {}
            }
        }
        let Some(tcpinfo) = tcpinfo else { return Ok(PcapngStep::Other) };
        let record = split_tcpinfo(tcpinfo)?;
        self.current.take_record(record, None, verbose);
        Ok(self.take_record())
    }

    /// The record that was read last.
    #[inline]
    fn take_record(&mut self) -> PcapngStep {
        let Some(facts) = &self.section.bblog else { return PcapngStep::Record };
        if facts.version != VERSION {
            return PcapngStep::Other;
        }
        self.current.time = Record::from_bytes(&self.current.record).time() + facts.boot_time;
        PcapngStep::Record
    }

    /// The event at this place of the block.
    #[inline]
    fn take_event(&mut self, place: Range<usize>, addresses: Option<Addresses>) -> PcapngStep {
        let bytes = self.blocks.block().and_then(|block| block.bytes.get(place.clone()));
        let Some(event) = bytes.and_then(|bytes| RawEvent::whole(bytes).ok()) else {
            return PcapngStep::Packet;
        };
        if let Some(facts) = &self.section.elog {
            self.current.time = facts.header.utc(event.timestamp());
        }
        let (time, provider) = (self.current.time, event.provider_id());
        let stamp = event.timestamp();
        self.span = Some(self.span.map_or((stamp, stamp), |(begin, end)| (begin, end.max(stamp))));
        self.blocks.taken(time.0.max(0) as u64);
        self.current.addresses = addresses;
        self.current.event = place;
        if !self.has_voted && self.providers.is_tcp(provider) {
            self.has_voted = true;
            events::vote(&mut self.blocks, &self.section, &mut self.providers, &self.assumptions);
        }
        PcapngStep::Event
    }
}

impl CurrentBlock {
    #[inline]
    fn take_record(
        &mut self,
        tcpinfo: &[u8; TCPINFO_LEN],
        tcp: Option<&[u8]>,
        verbose: Option<[u8; VERBOSE_LEN]>,
    ) {
        self.record[..TCPINFO_LEN].copy_from_slice(tcpinfo);
        let header = &mut self.record[TCPINFO_LEN..];
        header.fill(0);
        self.record_len = TCPINFO_LEN;
        let has_header = EventFlags::of_record(tcpinfo).is_some_and(|flags| flags.has(EventFlags::HDR));
        if has_header && let Some(tcp) = tcp.filter(|tcp| tcp.len() <= header.len()) {
            header[..tcp.len()].copy_from_slice(tcp);
            self.record_len = RECORD_LEN;
        }
        self.verbose = verbose;
    }
}

/// The BBLog record that a block holds, without its TCP header and verbose part.
fn record_of<'a>(block: &Block<'a>) -> Option<Record<'a>> {
    let (body, order) = (block.body(), block.order);
    let (options, order) = match block.kind {
        ENHANCED_PACKET => {
            let end = PACKET_DATA.checked_add(order.u32(body, 12)? as usize)?;
            (body.get(end.checked_next_multiple_of(4)?..)?, order)
        }
        CUSTOM | CUSTOM_NO_COPY if order.u32(body, 0) == Some(netflix::PEN) => {
            (body.get(8..)?, Endianness::Little)
        }
        _ => return None,
    };
    BlockOptions::new(options, order).find_map(|(code, value)| match netflix_option(code, value, order)? {
        (netflix::TCPINFO, data) => Record::from_tcpinfo(data).ok(),
        _ => None,
    })
}

/// A TCPINFO's record.
#[inline]
fn split_tcpinfo(data: &[u8]) -> Result<&[u8; TCPINFO_LEN], DecodeError> {
    let found = data.len() as u64;
    let problem = DecodeError::Truncated { what: "BBLog record", needed: TCPINFO_LEN as u64, found };
    data.first_chunk().ok_or(problem)
}

/// A header without known facts.
pub const NO_HEADER: [u8; HEADER_LEN] = [0; HEADER_LEN];
