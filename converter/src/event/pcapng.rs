// SPDX-License-Identifier: BSD-2-Clause
//! The records and events of a pcapng file, with what is known of them.

use std::collections::VecDeque;
use std::sync::Arc;

use bblog_dissector::Micros;
use bblog_pcapng::machine::Machine;
use bblog_pcapng::section::MoreFacts;

use super::item::{BblogItem, Clock, EventlogItem, LogItem};
use super::origin::{Origin, OriginFinder, Stated};
use super::source::{CaptureFacts, EventSource};
use super::tick_rate::TickRateFinder;
use crate::input::assumptions::Assumptions;
use crate::input::error::InputError;
use crate::input::window::Window;
use crate::source::pcapng::{NO_HEADER, PcapngReader, PcapngStep};
use crate::source::{CaptureDrops, InputCounts};

/// How far ahead records are looked at to find out where those of a section come from.
const LOOKAHEAD: usize = 256 * 1024;
/// Records that are examined before it is decided again whether examining goes on.
const TURN: u32 = 16;

/// The blocks of a pcapng file, and where its BBLog records come from.
pub struct PcapngEvents {
    reader: PcapngReader,
    origins: OriginFinder,
    ticks: TickRateFinder,
    place: RecordPosition,
    /// What is reported at the end.
    ending: Option<VecDeque<InputError>>,
}

/// The position of the current record.
#[derive(Default)]
struct RecordPosition {
    /// The number of its section in the file.
    section: u64,
    /// Counts sections, changes of stack in them, and changes of what is known of their origin.
    number: u64,
    /// The same without changes of stack.
    begun: u64,
    /// The number of its stack, or before the first what the section header says.
    stack_id: u8,
    /// Whether records are looked at for what they prove.
    watches: bool,
    /// Records examined since that was last decided.
    looked: u32,
    /// Up to this offset they were looked at ahead.
    looked_to: u64,
}

impl PcapngEvents {
    /// The file in `window`.
    pub fn new(window: Window, assumptions: &Arc<Assumptions>) -> PcapngEvents {
        PcapngEvents {
            reader: PcapngReader::new(window, assumptions),
            origins: OriginFinder::new(assumptions),
            ticks: TickRateFinder::new(assumptions),
            place: RecordPosition::default(),
            ending: None,
        }
    }

    /// Steps to the next block that is neither section header nor interface; `None` at the end.
    ///
    /// # Errors
    /// An [`InputError`]; call again for what follows.
    #[inline]
    pub fn step(&mut self) -> Result<Option<PcapngStep>, InputError> {
        let item = self.reader.step()?;
        if self.place.section != self.reader.section().number && item.is_some() {
            self.begin_section();
        }
        match item {
            Some(PcapngStep::Record) => self.take_record(),
            Some(PcapngStep::Event) => self.take_event(),
            Some(_) => {}
            None => {
                let (origins, disorder) = (&mut self.origins, self.reader.disorder());
                let ending = self.ending.get_or_insert_with(|| {
                    let mut ending = VecDeque::from(origins.finish());
                    ending.extend(InputError::out_of_order(disorder));
                    ending
                });
                if let Some(error) = ending.pop_front() {
                    return Err(error);
                }
            }
        }
        Ok(item)
    }

    /// Whether one of the next blocks of the section is a record, as far as `bytes` show, without waiting for more.
    pub fn has_record_ahead(&mut self, bytes: usize) -> bool {
        self.reader.records_ahead(bytes).1.next().is_some()
    }

    /// What reads the file.
    pub fn reader(&self) -> &PcapngReader {
        &self.reader
    }

    /// A number that changes with each section, and each time that more is known of its origin.
    pub fn begun(&self) -> u64 {
        self.place.begun
    }

    /// What the current section's header has to say of its origin and does not.
    pub fn more_facts(&self) -> MoreFacts {
        let section = self.reader.section();
        if self.place.section != section.number {
            return MoreFacts::default();
        }
        let Some(facts) = section.bblog.as_ref() else { return self.more_of_events() };
        let origin = self.origins.current();
        let names_stack = !facts.stack_name.is_empty() && facts.stack_name != b"unknown";
        let has_more = origin.machine != section.machine;
        MoreFacts {
            stack: (!names_stack && origin.is_decoded())
                .then(|| (self.place.stack_id, origin.stack_name.clone())),
            os: origin.machine.os().filter(|os| has_more && section.machine.os().as_ref() != Some(os)),
            machine: origin.machine.option_value(&origin.stack_name).filter(|_| has_more),
        }
    }

    /// What the current section's header has to say of the machine that wrote its events, and does not.
    fn more_of_events(&self) -> MoreFacts {
        let section = self.reader.section();
        let hz = self.ticks.current().filter(|_| section.elog.is_some());
        let machine = Machine { hz: hz.or(section.machine.hz), ..section.machine.clone() };
        let more = if machine == section.machine { None } else { machine.option_value(&[]) };
        MoreFacts { machine: more, ..MoreFacts::default() }
    }

    #[inline]
    fn take_event(&mut self) {
        let Some(event) = self.reader.event() else { return };
        if self.reader.provider(event.provider_id()).is_some_and(|provider| provider.is_tcp) {
            self.ticks.observe(&event);
        }
    }

    #[inline]
    fn take_record(&mut self) {
        let Some(record) = self.reader.record() else { return };
        let id = record.stack_id();
        if self.place.stack_id != id {
            self.place.stack_id = id;
            self.place.number += 1;
            self.place.watches = self.origins.wants(id);
            self.origins.meet(id);
            self.origins.find(id);
        }
        if self.place.watches && self.reader.offset() >= self.place.looked_to {
            self.watch(id);
        }
        if let Some(record) = self.reader.record() {
            self.origins.pass(&record);
        }
    }

    #[cold]
    fn begin_section(&mut self) {
        let section = self.reader.section();
        let facts = section.bblog.as_ref();
        let stated = Stated {
            stack: facts.map(|facts| (facts.stack_id, facts.stack_name.clone())),
            machine: section.machine.clone(),
        };
        let boot_time = facts.map_or(Micros(0), |facts| facts.boot_time);
        let is_bblog = facts.is_some();
        let id = facts.map_or(0, |facts| facts.stack_id);
        let place = &mut self.place;
        place.section = section.number;
        place.stack_id = id;
        place.number += 1;
        place.begun += 1;
        self.ticks.begin(stated.machine.hz);
        self.origins.begin_connection(boot_time, stated);
        place.watches = self.origins.wants(id);
        if is_bblog {
            self.origins.meet(id);
        }
        if place.watches && is_bblog {
            let (end, records) = self.reader.records_ahead(LOOKAHEAD);
            self.origins.look_ahead(records);
            place.looked_to = end;
        }
        self.origins.find(id);
        if !is_bblog {
            self.ticks.look_ahead(self.reader.events_ahead(LOOKAHEAD));
        }
    }

    /// Looks at the current record, which may prove where it comes from.
    #[cold]
    fn watch(&mut self, id: u8) {
        let Some(record) = self.reader.record() else { return };
        self.origins.observe(&record);
        self.place.looked += 1;
        if self.place.looked.is_multiple_of(TURN) || !self.origins.current().is_decoded() {
            self.place.watches = self.origins.wants(id);
            if self.origins.find(id) {
                self.place.number += 1;
                self.place.begun += 1;
            }
        }
    }

    fn record(&self) -> Option<BblogItem<'_>> {
        let record = self.reader.record()?;
        let facts = self.reader.section().bblog.as_ref();
        let booted = facts.is_some_and(|facts| facts.boot_time != Micros(0));
        Some(BblogItem {
            record,
            time: self.reader.time(),
            clock: if booted { Clock::Utc } else { Clock::Uptime },
            header: facts.map_or(&NO_HEADER, |facts| &facts.header),
            origin: self.origin(),
            missing: self.reader.missing(),
            is_damaged: self.reader.is_damaged(),
            section: self.place.number,
            entry: self.place.section,
        })
    }

    /// Where the current record comes from.
    #[inline]
    pub fn origin(&self) -> &Origin {
        self.origins.current()
    }
}

impl EventSource for PcapngEvents {
    #[inline]
    fn advance(&mut self) -> Result<bool, InputError> {
        if self.reader.item() == Some(PcapngStep::Record) {
            self.reader.forget_missing();
        }
        loop {
            match self.step()? {
                Some(PcapngStep::Record | PcapngStep::Event) => return Ok(true),
                Some(
                    PcapngStep::Missing(_) | PcapngStep::Packet | PcapngStep::Other | PcapngStep::Refused(_),
                ) => {}
                None => {
                    let end = self.reader.no_events().or_else(|| self.ticks.finish());
                    return end.map_or(Ok(false), Err);
                }
            }
        }
    }

    fn is_dry(&mut self) -> bool {
        self.reader.is_dry()
    }

    fn time(&self) -> Micros {
        self.reader.time()
    }

    #[inline]
    fn item(&self) -> Option<LogItem<'_>> {
        let reader = &self.reader;
        let Some(event) = reader.event() else { return self.record().map(LogItem::Bblog) };
        let provider = reader.provider(event.provider_id());
        let uptime = reader.section().elog.as_ref().is_some_and(|facts| facts.header.start_utc_us == 0);
        Some(LogItem::Eventlog(EventlogItem {
            event,
            time: reader.time(),
            clock: if uptime { Clock::Uptime } else { Clock::Utc },
            provider: provider.map(|provider| provider.name.as_slice()),
            tables: provider.and_then(|provider| provider.spec),
            addresses: reader.addresses(),
            hz: self.ticks.current(),
            section: reader.counts().sections,
            is_damaged: reader.is_damaged(),
            series: 0,
        }))
    }

    fn capture(&self) -> Option<CaptureFacts<'_>> {
        let facts = self.reader.section().elog.as_ref()?;
        Some(CaptureFacts { header: &facts.header, table: &facts.table })
    }

    fn counts(&self) -> InputCounts {
        *self.reader.counts()
    }

    fn drops(&self) -> CaptureDrops {
        self.reader.drops()
    }
}
