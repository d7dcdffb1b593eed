// SPDX-License-Identifier: BSD-2-Clause
//! The records and events of a pcapng file.

use bblog_dissector::Micros;

use super::item::{BblogItem, Clock, EventlogItem, LogItem};
use super::source::{Capture, EventSource};
use crate::input::error::InputError;
use crate::source::Counts;
use crate::source::pcapng::{NO_HEADER, PcapngReader, PcapngStep};

impl EventSource for PcapngReader {
    #[inline]
    fn advance(&mut self) -> Result<bool, InputError> {
        if self.item() == Some(PcapngStep::Record) {
            self.forget_missing();
        }
        loop {
            match self.step()? {
                Some(PcapngStep::Record) => {
                    self.note_stack();
                    return Ok(true);
                }
                Some(PcapngStep::Event) => return Ok(true),
                Some(
                    PcapngStep::Missing(_) | PcapngStep::Packet | PcapngStep::Other | PcapngStep::Refused(_),
                ) => {}
                None => return self.no_events().map_or(Ok(false), Err),
            }
        }
    }

    fn is_dry(&mut self) -> bool {
        PcapngReader::is_dry(self)
    }

    fn time(&self) -> Micros {
        PcapngReader::time(self)
    }

    #[inline]
    fn item(&self) -> Option<LogItem<'_>> {
        if let Some(event) = self.event() {
            let provider = self.provider(event.provider_id());
            let uptime = self.section().elog.as_ref().is_some_and(|facts| facts.header.start_utc_us == 0);
            return Some(LogItem::Eventlog(EventlogItem {
                event,
                time: PcapngReader::time(self),
                clock: if uptime { Clock::Uptime } else { Clock::Utc },
                provider: provider.map(|provider| provider.name.as_slice()),
                tables: provider.and_then(|provider| provider.spec),
                addresses: self.addresses(),
                section: PcapngReader::counts(self).sections,
            }));
        }
        let record = self.record()?;
        let facts = self.section().bblog.as_ref();
        let known = facts.filter(|facts| facts.stack_id == record.stack_id()).map(|facts| &facts.stack_name);
        let named = known.filter(|name| !name.is_empty() && name.as_slice() != b"unknown");
        let booted = facts.is_some_and(|facts| facts.boot_time != Micros(0));
        Some(LogItem::Bblog(BblogItem {
            record,
            time: PcapngReader::time(self),
            clock: if booted { Clock::Utc } else { Clock::Uptime },
            header: facts.map_or(&NO_HEADER, |facts| &facts.header),
            stack: named.map_or_else(|| self.assumptions().stacks.get(record.stack_id()), Vec::as_slice),
            kernel: self.assumptions().kernel.or(self.section().kernel).unwrap_or_default(),
            missing: self.missing(),
            section: self.record_section(),
        }))
    }

    fn capture(&self) -> Option<Capture<'_>> {
        let facts = self.section().elog.as_ref()?;
        Some(Capture { header: &facts.header, table: &facts.table })
    }

    fn counts(&self) -> Counts {
        *PcapngReader::counts(self)
    }
}
