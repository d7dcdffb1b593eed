// SPDX-License-Identifier: BSD-2-Clause
//! Records and events with bytes of their own, which stay when their input goes on.

use std::num::NonZeroU32;
use std::ops::Range;

use bblog_analysis::Retransmission;
use bblog_analysis::track::Tracked;
use bblog_dissector::Micros;
use bblog_dissector::bblog::{HEADER_LEN, Record};
use bblog_dissector::catalog::{Catalog, ProviderSpec};
use bblog_dissector::elog::RawEvent;
use bblog_dissector::event::Event;
use bblog_dissector::tcp_provider::Addresses;
use bblog_dissector::text::InitialSeqs;
use bblog_pcapng::machine::Fact;

use super::decode::{DecodedItem, ItemAnalysis};
use super::item::{BblogItem, Clock, EventlogItem, LogItem};
use super::origin::Origin;

/// Bytes of items after which a batch is full: so many that threads seldom wait for each other, and so few that they are
/// still in a processor's cache when they are used.
const FULL: usize = 128 * 1024;

/// Items in a row.
#[derive(Default)]
pub struct Batch {
    items: Vec<StoredItem>,
    /// The items' bytes, and names of providers.
    bytes: Vec<u8>,
    /// The sections of the records.
    sections: Vec<BatchSection>,
    /// Where the name of the last event's provider is.
    provider: Option<Range<usize>>,
}

/// What the records of a section have in common.
struct BatchSection {
    input: usize,
    number: u64,
    entry: u64,
    clock: Clock,
    header: [u8; HEADER_LEN],
    origin: Origin,
}

/// An item whose bytes are elsewhere.
struct StoredItem {
    time: Micros,
    bytes: Range<usize>,
    is_damaged: bool,
    of: Source,
}

/// What an item says besides its bytes.
enum Source {
    Bblog {
        /// A verbose part follows the record.
        is_verbose: bool,
        section: usize,
        missing: u32,
    },
    Eventlog {
        clock: Clock,
        provider: Option<Range<usize>>,
        tables: Option<&'static ProviderSpec>,
        addresses: Option<Addresses>,
        hz: Option<Fact<NonZeroU32>>,
        section: u64,
        series: usize,
    },
}

impl Batch {
    /// Appends an item of input number `input`.
    pub fn push(&mut self, input: usize, item: &LogItem<'_>) {
        let (bytes, of) = match item {
            LogItem::Bblog(item) => self.record(input, item),
            LogItem::Eventlog(item) => self.event(item),
        };
        let is_damaged = item.is_damaged();
        self.items.push(StoredItem { time: item.time(), bytes, is_damaged, of });
    }

    /// Whether it is time to pass it on.
    #[inline]
    pub fn is_full(&self) -> bool {
        self.bytes.len() >= FULL
    }

    /// Removes all items, and keeps the memory.
    pub fn clear(&mut self) {
        self.items.clear();
        self.bytes.clear();
        self.sections.clear();
        self.provider = None;
    }

    /// An item, by its place in the row; `None` behind the last.
    #[inline]
    pub fn get(&self, at: usize) -> Option<LogItem<'_>> {
        let StoredItem { time, bytes, is_damaged, of } = self.items.get(at)?;
        let own = self.bytes.get(bytes.clone())?;
        Some(match of {
            Source::Bblog { is_verbose, section, missing } => {
                let section = self.sections.get(*section)?;
                let behind = self.bytes.get(bytes.end..)?;
                let verbose = if *is_verbose { behind.first_chunk() } else { None };
                LogItem::Bblog(BblogItem {
                    record: Record::from_tcpinfo(own).ok()?.with_verbose(verbose),
                    time: *time,
                    clock: section.clock,
                    header: &section.header,
                    origin: &section.origin,
                    missing: *missing,
                    is_damaged: *is_damaged,
                    section: section.number,
                    entry: section.entry,
                })
            }
            Source::Eventlog { clock, provider, tables, addresses, hz, section, series } => {
                LogItem::Eventlog(EventlogItem {
                    event: RawEvent::whole(own).ok()?,
                    time: *time,
                    clock: *clock,
                    provider: provider.clone().and_then(|at| self.bytes.get(at)),
                    tables: *tables,
                    addresses: *addresses,
                    hz: *hz,
                    section: *section,
                    is_damaged: *is_damaged,
                    series: *series,
                })
            }
        })
    }

    fn append(&mut self, bytes: &[u8]) -> Range<usize> {
        let start = self.bytes.len();
        self.bytes.extend_from_slice(bytes);
        start..self.bytes.len()
    }

    fn record(&mut self, input: usize, item: &BblogItem<'_>) -> (Range<usize>, Source) {
        let record = self.append(item.record.as_bytes());
        let verbose = item.record.verbose();
        if let Some(verbose) = &verbose {
            self.append(verbose.as_bytes());
        }
        let is_known = |last: &BatchSection| (last.input, last.number) == (input, item.section);
        if !self.sections.last().is_some_and(is_known) {
            let BblogItem { clock, section: number, entry, .. } = *item;
            let (header, origin) = (*item.header, item.origin.clone());
            self.sections.push(BatchSection { input, number, entry, clock, header, origin });
        }
        let section = self.sections.len() - 1;
        (record, Source::Bblog { is_verbose: verbose.is_some(), section, missing: item.missing })
    }

    fn event(&mut self, item: &EventlogItem<'_>) -> (Range<usize>, Source) {
        let is_last = |name: &[u8]| self.provider.clone().and_then(|at| self.bytes.get(at)) == Some(name);
        let provider = match item.provider {
            Some(name) if is_last(name) => self.provider.clone(),
            Some(name) => {
                self.provider = Some(self.append(name));
                self.provider.clone()
            }
            None => None,
        };
        let EventlogItem { clock, tables, addresses, hz, section, series, .. } = *item;
        let source = Source::Eventlog { clock, provider, tables, addresses, hz, section, series };
        (self.append(item.event.as_bytes()), source)
    }
}

/// Decoded items in a row.
#[derive(Default)]
pub struct DecodedBatch {
    batch: Batch,
    facts: Vec<DecodedFacts>,
    /// Those of the items that have one. Apart, since they are large and mostly not wanted.
    analyses: Vec<ItemAnalysis>,
}

/// What a decoded item has besides what its source says.
struct DecodedFacts {
    number: u64,
    input: usize,
    first: Micros,
    tracked: Tracked,
    initial_seqs: InitialSeqs,
    again: Option<Retransmission>,
    /// Its place among the analyses.
    analysis: Option<usize>,
}

impl DecodedBatch {
    /// Appends an item.
    pub fn push(&mut self, decoded: &DecodedItem<'_>) {
        self.batch.push(decoded.input, &decoded.item);
        let DecodedItem { number, input, first, tracked, initial_seqs, again, .. } = *decoded;
        let analysis = decoded.analysis.as_ref().map(|analysis| {
            self.analyses.push(analysis.clone());
            self.analyses.len() - 1
        });
        self.facts.push(DecodedFacts { number, input, first, tracked, initial_seqs, again, analysis });
    }

    /// Whether it is time to pass it on.
    #[inline]
    pub fn is_full(&self) -> bool {
        self.batch.is_full()
    }

    /// Removes all items, and keeps the memory.
    pub fn clear(&mut self) {
        self.batch.clear();
        self.facts.clear();
        self.analyses.clear();
    }

    /// The items, in their order.
    pub fn items(&self) -> impl Iterator<Item = DecodedItem<'_>> {
        // Every item has facts.
        self.facts.iter().enumerate().filter_map(|(at, facts)| {
            let item = self.batch.get(at)?;
            let event = match &item {
                LogItem::Bblog(item) => Event::of_record(&item.record, item.origin.context()),
                LogItem::Eventlog(item) => {
                    let spec = Catalog::event(item.tables, item.event.event_id());
                    Event::of_elog(&item.event, spec).with_hz(item.ticks_per_second())
                }
            };
            let DecodedFacts { number, input, first, tracked, initial_seqs, again, .. } = *facts;
            let analysis = facts.analysis.and_then(|at| self.analyses.get(at)).cloned();
            Some(DecodedItem { number, input, first, item, event, tracked, initial_seqs, again, analysis })
        })
    }
}
