// SPDX-License-Identifier: BSD-2-Clause
//! A subscription: its clocks, its providers, and the way of its events into pcapng.

use std::collections::HashMap;
use std::rc::Rc;

use bblog_dissector::Micros;
use bblog_dissector::catalog::Catalog;
use bblog_dissector::counted::Counted;
use bblog_dissector::elog::{FileHeader, RawEvent, SESSION_END};
use bblog_dissector::layout::{Layout, Votes};
use bblog_dissector::tcp_provider::{self, Addresses, SegmentPlan};
use bblog_pcapng::elog::CaptureInfo;
use bblog_pcapng::eventlog_frame;
use bblog_pcapng::machine::Machine;
use bblog_pcapng::providers::{CaptureProvider, Providers};
use bblog_pcapng::sessions::{self, SessionContext, SessionKey};

use crate::device::clock::Anchor;
use crate::eventlog::ended::EndedSessions;
use crate::eventlog::kernel_drops::KernelDrops;
use crate::eventlog::late_stacks::LateStacks;
use crate::log::Log;

/// Microseconds by which the clocks may drift apart before files note it.
const STEP: u64 = 1_000;
/// Microseconds from which on it is reported.
const STEP_REPORTED: u64 = 1_000_000;

/// The subscription.
pub struct EventlogCapture {
    anchor: Anchor,
    /// The provider table as it stands in ELOG files.
    pub table: Vec<u8>,
    /// Facts about the kernel, for every section: RTTs may be in its ticks.
    machine: Machine,
    providers: Providers,
    votes: Votes,
    layout: Option<Layout>,
    plan: Option<SegmentPlan>,
    catalog: Catalog,
    /// The events that the kernel has dropped.
    pub kernel_drops: KernelDrops,
    /// Sessions that ended and may go on.
    pub ended: EndedSessions,
    /// Stacks that are loaded later; `None` if the names of stacks cannot be read.
    pub late_stacks: Option<LateStacks>,
    log: Rc<Log>,
}

/// Addresses of sessions from later events of the same read.
pub type AddressHints = HashMap<SessionKey, Addresses>;

impl EventlogCapture {
    /// A subscription of the providers in `table`, on `machine`.
    pub fn new(anchor: Anchor, table: Vec<u8>, machine: Machine, log: Rc<Log>) -> EventlogCapture {
        let providers = Providers::of_table(&table);
        EventlogCapture {
            anchor,
            table,
            machine,
            providers,
            votes: Votes::default(),
            layout: None,
            plan: None,
            catalog: Catalog::builtin(),
            kernel_drops: KernelDrops::default(),
            ended: EndedSessions::default(),
            late_stacks: None,
            log,
        }
    }

    /// The events of a read, in order, up to the first invalid one.
    pub fn events<'a>(&self, bytes: &'a [u8]) -> impl Iterator<Item = RawEvent<'a>> + use<'a, '_> {
        let mut rest = bytes;
        std::iter::from_fn(move || match RawEvent::split(rest) {
            Ok(Some((event, after))) => {
                rest = after;
                Some(event)
            }
            other => {
                if let (false, Err(problem)) = (rest.is_empty(), other) {
                    self.log.error(format_args!(
                        "/dev/eventlog: {problem}; {} skipped",
                        Counted(rest.len() as u64, "byte")
                    ));
                } else if !rest.is_empty() {
                    self.log.error(format_args!(
                        "/dev/eventlog: torn event; {} skipped",
                        Counted(rest.len() as u64, "byte")
                    ));
                }
                rest = &[];
                None
            }
        })
    }

    /// Searches a read for addresses that its first events need.
    pub fn look_ahead(&mut self, bytes: &[u8]) -> AddressHints {
        let mut hints = AddressHints::new();
        let mut ended = Vec::new();
        let mut votes = std::mem::take(&mut self.votes);
        let mut rest = bytes;
        while let Ok(Some((event, after))) = RawEvent::split(rest) {
            rest = after;
            if !self.is_tcp(&event) {
                continue;
            }
            votes.count(&event);
            let key = self.key(&event);
            if event.event_id() == SESSION_END {
                ended.push(key);
            } else if let Some(addresses) = sessions::addresses(&event)
                && addresses.1.port() != 0
                && !ended.contains(&key)
            {
                hints.entry(key).or_insert(addresses);
            }
        }
        let winner = votes.winner();
        if self.plan.is_none() || winner != self.layout {
            self.layout = winner;
            self.plan = self.catalog.provider(tcp_provider::NAME, winner).map(SegmentPlan::of);
        }
        self.votes = votes;
        hints
    }

    /// Which session an event is of.
    pub fn key(&self, event: &RawEvent<'_>) -> SessionKey {
        let number = self.provider(event).map_or(u16::MAX, |provider| provider.name_number);
        (number, event.session_id())
    }

    /// The name of the provider that a key begins with.
    pub fn provider_name(&self, key: SessionKey) -> &[u8] {
        let found = self.providers.iter().find(|provider| provider.name_number == key.0);
        found.map_or(b"unknown", |provider| &provider.name)
    }

    /// Whether a key stands for no session. A session of another provider than `tcp` may be number 0.
    pub fn is_no_session(&self, key: SessionKey) -> bool {
        key.1 == u64::MAX || (key.1 == 0 && self.provider_name(key) == tcp_provider::NAME)
    }

    /// Tells that two connections have one session number at a time, or that a session's end is
    /// missing: a session began again with another tcpcb.
    pub fn tell_restart(&self, key: SessionKey, connection: &str) {
        let provider = String::from_utf8_lossy(self.provider_name(key));
        self.log.warning(format_args!(
            "{connection}: session {} of {provider} began again before its end, with another tcpcb: its end was \
             dropped, or another VNET jail has a session of that number, whose events are mixed with these",
            key.1
        ));
    }

    /// Whether an event is of a session of the `tcp` provider.
    pub fn is_tcp(&self, event: &RawEvent<'_>) -> bool {
        self.provider(event).is_some_and(|provider| provider.is_tcp)
            && !sessions::is_no_session(event.session_id())
    }

    fn provider(&self, event: &RawEvent<'_>) -> Option<&CaptureProvider> {
        self.providers.get(event.provider_id())
    }

    /// How the clocks stand: what files begun now count from.
    pub fn anchor(&self) -> Anchor {
        self.anchor
    }

    /// Checks whether the clock was set, which time stamps do not show, and whether a stack was loaded. Call it often.
    pub fn look_around(&mut self) {
        if let Some(stacks) = &mut self.late_stacks {
            stacks.look(&self.log);
        }
        let now = Anchor::now();
        let step = self.anchor.step(now);
        if step.unsigned_abs() < STEP {
            return;
        }
        self.anchor = now;
        if step.unsigned_abs() >= STEP_REPORTED {
            let seconds = step as f64 / 1e6;
            self.log.warning(format_args!(
                "the clock was set by {seconds:+.1} s; files begun before keep the time they had"
            ));
        }
    }

    /// As elog(1) writes it: counted from the first event.
    pub fn elog_header(&self, anchor: Anchor, first: u64, event_count: u64, drops: u64) -> FileHeader {
        let utc = u64::try_from(anchor.utc(first).0).unwrap_or_default();
        FileHeader { capture_start: first, start_utc_us: utc, event_count, dropped_events: drops }
    }

    /// Appends a section header with its interfaces.
    pub fn section(&self, out: &mut Vec<u8>, anchor: Anchor) {
        let header = header(anchor, 0, 0);
        // Providers are at most 32, so the options fit; and a buffer takes everything.
        let _ = self.info(&header).section().append(out);
    }

    /// Appends what ends a section: how many events the kernel dropped.
    pub fn statistics(&self, out: &mut Vec<u8>, time: Micros, events: u64, drops: u64) {
        let header = header(self.anchor, events.max(1), drops);
        let info = self.info(&header);
        let _ = info.section().append_statistics(out, info.statistics(time));
    }

    fn info<'a>(&'a self, header: &'a FileHeader) -> CaptureInfo<'a> {
        let providers = self.providers.names();
        let (source, machine) = ("/dev/eventlog".to_owned(), self.machine.clone());
        CaptureInfo { header, table: &self.table, providers, source, machine }
    }

    /// Appends an event as pcapng. `context` is empty if the event is of no session of `tcp`.
    pub fn event(&self, out: &mut Vec<u8>, anchor: Anchor, event: &RawEvent<'_>, context: &SessionContext) {
        eventlog_frame::append(out, anchor.utc(event.timestamp()), event, context, self.plan.as_ref());
    }
}

/// The file header of a capture whose clocks are known from the beginning.
fn header(anchor: Anchor, event_count: u64, dropped_events: u64) -> FileHeader {
    FileHeader { capture_start: anchor.uptime, start_utc_us: anchor.utc, event_count, dropped_events }
}

#[cfg(test)]
mod tests {
    use bblog_pcapng::machine::Fact;
    use bblog_pcapng::read::{Endianness, blocks};
    use bblog_pcapng::section::Section;

    use super::*;
    use crate::log::LogFormat;

    #[test]
    fn sections_state_the_ticks_per_second() {
        let machine = Machine { hz: std::num::NonZeroU32::new(100).map(Fact::stated), ..Machine::default() };
        let table = [&1_u32.to_le_bytes()[..], &1_u16.to_le_bytes(), b"tcp", &[0; 29]].concat();
        let anchor = Anchor::now();
        let capture =
            EventlogCapture::new(anchor, table, machine.clone(), Rc::new(Log::new(LogFormat::Text, false)));
        let mut bytes = Vec::new();
        capture.section(&mut bytes, anchor);
        let header = blocks(&bytes, Endianness::Little).next().unwrap();
        let section = Section::new(&header, 1);
        assert_eq!((section.elog.is_some(), section.machine), (true, machine));
    }
}
