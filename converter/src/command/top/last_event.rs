// SPDX-License-Identifier: BSD-2-Clause
//! The last events of a connection, kept so that a filter that is set later finds the connection at once.

use std::num::NonZeroU32;
use std::sync::Arc;

use bblog_analysis::Retransmission;
use bblog_analysis::track::Tracked;
use bblog_dissector::Micros;
use bblog_dissector::bblog::{HEADER_LEN, Record, VERBOSE_LEN};
use bblog_dissector::catalog::{Catalog, ProviderSpec};
use bblog_dissector::elog::RawEvent;
use bblog_dissector::event::Event;
use bblog_dissector::tcp_provider::Addresses;
use bblog_dissector::text::InitialSeqs;
use bblog_pcapng::machine::Fact;

use crate::event::decode::DecodedItem;
use crate::event::item::{BblogItem, Clock, EventlogItem, LogItem};
use crate::event::origin::Origin;

/// An event's bytes, and what was known when it was decoded. Some 700 bytes.
#[derive(Default)]
pub struct LastEvent {
    number: u64,
    input: usize,
    first: Micros,
    time: Micros,
    tracked: Tracked,
    style: InitialSeqs,
    again: Option<Retransmission>,
    /// The record, or the event with its header.
    bytes: Vec<u8>,
    log: Option<LoggedEvent>,
}

enum LoggedEvent {
    Bblog(Box<BblogParts>),
    Eventlog(EventlogParts),
}

struct BblogParts {
    verbose: Option<[u8; VERBOSE_LEN]>,
    header: [u8; HEADER_LEN],
    origin: Arc<Origin>,
    clock: Clock,
    missing: u32,
    input_section: (usize, u64),
    entry: u64,
}

struct EventlogParts {
    clock: Clock,
    provider: Option<Arc<[u8]>>,
    tables: Option<&'static ProviderSpec>,
    addresses: Option<Addresses>,
    hz: Option<Fact<NonZeroU32>>,
    section: u64,
}

impl LastEvent {
    /// Takes `decoded` in place of the event before.
    #[inline]
    pub fn keep(&mut self, decoded: &DecodedItem<'_>) {
        (self.number, self.input, self.first) = (decoded.number, decoded.input, decoded.first);
        self.time = decoded.item.time();
        (self.tracked, self.style, self.again) = (decoded.tracked, decoded.initial_seqs, decoded.again);
        self.bytes.clear();
        match &decoded.item {
            LogItem::Bblog(item) => {
                self.bytes.extend_from_slice(item.record.as_bytes());
                let verbose = item.record.verbose().map(|verbose| *verbose.as_bytes());
                let section = (decoded.input, item.section);
                match &mut self.log {
                    Some(LoggedEvent::Bblog(parts)) if parts.input_section == section => {
                        (parts.verbose, parts.missing) = (verbose, item.missing);
                    }
                    log => *log = Some(LoggedEvent::Bblog(Box::new(BblogParts::of(item, section, verbose)))),
                }
            }
            LogItem::Eventlog(item) => {
                self.bytes.extend_from_slice(item.event.as_bytes());
                match &mut self.log {
                    Some(LoggedEvent::Eventlog(parts)) if parts.section == item.section => {
                        (parts.addresses, parts.hz) = (item.addresses, item.hz);
                    }
                    log => *log = Some(LoggedEvent::Eventlog(EventlogParts::of(item))),
                }
            }
        }
    }

    /// The event; `None` if there was none yet. Its connection's step is left to be added.
    pub fn decoded(&self) -> Option<DecodedItem<'_>> {
        let (item, event) = match self.log.as_ref()? {
            LoggedEvent::Bblog(parts) => {
                let record = Record::from_tcpinfo(&self.bytes).ok()?.with_verbose(parts.verbose.as_ref());
                let item = BblogItem {
                    record,
                    time: self.time,
                    clock: parts.clock,
                    header: &parts.header,
                    origin: &parts.origin,
                    missing: parts.missing,
                    is_damaged: false,
                    section: parts.input_section.1,
                    entry: parts.entry,
                };
                (LogItem::Bblog(item), None)
            }
            LoggedEvent::Eventlog(parts) => {
                let event = RawEvent::whole(&self.bytes).ok()?;
                let item = EventlogItem {
                    event,
                    time: self.time,
                    clock: parts.clock,
                    provider: parts.provider.as_deref(),
                    tables: parts.tables,
                    addresses: parts.addresses,
                    hz: parts.hz,
                    section: parts.section,
                    is_damaged: false,
                    series: 0,
                };
                (LogItem::Eventlog(item), Some((event, Catalog::event(item.tables, event.event_id()))))
            }
        };
        let event = match (&item, &event) {
            (LogItem::Bblog(item), _) => Event::of_record(&item.record, item.origin.context()),
            (LogItem::Eventlog(item), Some((event, spec))) => {
                Event::of_elog(event, spec).with_hz(item.ticks_per_second())
            }
            (LogItem::Eventlog(_), None) => return None,
        };
        Some(DecodedItem {
            number: self.number,
            input: self.input,
            first: self.first,
            item,
            event,
            tracked: self.tracked,
            initial_seqs: self.style,
            again: self.again,
            analysis: None,
        })
    }
}

impl BblogParts {
    fn of(
        item: &BblogItem<'_>,
        input_section: (usize, u64),
        verbose: Option<[u8; VERBOSE_LEN]>,
    ) -> BblogParts {
        BblogParts {
            verbose,
            header: *item.header,
            origin: Arc::new(item.origin.clone()),
            clock: item.clock,
            missing: item.missing,
            input_section,
            entry: item.entry,
        }
    }
}

impl EventlogParts {
    fn of(item: &EventlogItem<'_>) -> EventlogParts {
        EventlogParts {
            clock: item.clock,
            provider: item.provider.map(Arc::from),
            tables: item.tables,
            addresses: item.addresses,
            hz: item.hz,
            section: item.section,
        }
    }
}
