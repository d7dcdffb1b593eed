// SPDX-License-Identifier: BSD-2-Clause
//! Reads a whole input and builds its report.

use std::collections::{BTreeMap, HashMap};

use bblog_dissector::bblog::{self, HEADER_LEN, Header};
use bblog_dissector::elog::{self, FileHeader, ProviderTable};
use bblog_dissector::layout::Votes;
use bblog_dissector::spec::EventSpec;
use bblog_dissector::tcp_provider;
use bblog_pcapng::elog::dropped_events;
use bblog_pcapng::escape::Escaped;
use bblog_pcapng::machine;
use bblog_pcapng::sessions::{self, Change, Session};
use foldhash::fast::RandomState;

use super::connection::{ConnectionReport, add_name};
use super::report::{EventCount, MAX_CONNECTIONS, MachineReport, ProviderReport, Report, StackReport};
use super::rules::{Log, RULES, Rule};
use super::span::Span;
use super::tracker::{Tracker, rules_of};
use crate::event::connection::known_addresses;
use crate::event::decode::{DecodedItem, ItemDecoder};
use crate::event::item::{BblogItem, Clock, EventlogItem, LogItem};
use crate::event::open;
use crate::event::source::EventSource;
use crate::input::error::InputError;
use crate::input::{Input, InputKind, InputPosition, Inputs};
use crate::lru_map::LruMap;
use crate::select::Selection;

/// Kinds of events counted one by one; a log has some hundred, unless it is damaged.
const MAX_KINDS: usize = 10_000;
/// Captures in a pcapng file that are known apart.
const MAX_CAPTURES: usize = 4096;
/// Providers and stacks that are listed.
const MAX_LISTED: usize = 1000;
/// Sessions remembered at a time.
const MAX_SESSIONS: usize = 131_072;

/// Reads `input` into `report`: all of it, or until `selection` is full.
pub(super) fn read(
    report: &mut Report,
    input: Input,
    inputs: &Inputs,
    selection: &mut Selection,
    on_error: &mut dyn FnMut(&InputError),
) {
    let kind = input.kind;
    let mut tell = |report: &mut Report, error: &InputError| {
        on_error(error);
        report.add_problem(error);
    };
    let source = open::source(input, InputPosition::ONLY, &inputs.assumptions, &mut |_, _| {});
    let mut source = match source {
        Ok(source) => source,
        Err(error) => return tell(report, &error),
    };
    if kind == InputKind::Elog {
        report.version = Some(elog::VERSION);
    }
    let mut builder = ReportBuilder::new();
    builder.capture(source.as_ref());
    let mut decoder = ItemDecoder::new();
    let mut read = 0;
    while !selection.is_full() {
        match source.advance() {
            Ok(true) => {}
            Ok(false) => break,
            Err(error) => {
                tell(report, &error);
                continue;
            }
        }
        builder.capture(source.as_ref());
        let Some(item) = source.item() else { continue };
        let decoded = decoder.decode(0, item);
        inputs.meter.count_event();
        read += 1;
        builder.note_session(&decoded);
        if selection.admits(&decoded) {
            builder.event(report, &decoded, source.as_ref());
        }
    }
    // A capture without an event has a section all the same.
    builder.capture(source.as_ref());
    let counts = source.counts();
    report.entries = counts.entries;
    report.sections = counts.sections;
    report.events_read = (!selection.is_everything()).then_some(read);
    if kind == InputKind::Bblog && counts.entries.is_some_and(|entries| entries > 0) {
        report.version = Some(bblog::VERSION);
    }
    if kind == InputKind::Pcapng {
        report.foreign_packets = Some(counts.foreign_packets);
        report.foreign_blocks = Some(counts.foreign_blocks);
    }
    builder.finish(report, kind);
}

struct ReportBuilder {
    /// The rules by the address of what describes an event.
    rules: HashMap<usize, Vec<&'static Rule>, RandomState>,
    counts: BTreeMap<(Origin, u32), (u64, Option<&'static str>)>,
    providers: Vec<(u16, Vec<u8>, u64)>,
    stacks: Vec<StackReport>,
    machines: Vec<(machine::Machine, u64)>,
    /// Section, and places among `stacks` and `machines`, of the last BBLog record.
    origin: Option<(u64, usize, usize)>,
    captures: Vec<FileHeader>,
    last_capture: Option<FileHeader>,
    /// Drops of the captures that tell; `None` if none does.
    dropped: Option<u64>,
    votes: Votes,
    has_records: bool,
    lost: u64,
    entries: HashMap<Vec<u8>, usize>,
    /// Section and place in the report of the last BBLog record.
    current: Option<(u64, Option<usize>)>,
    /// The number of the last entry.
    entry: Option<u64>,
    /// Sessions, each with the place of its connection in the report once an event of it was selected.
    sessions: LruMap<u64, (Session, Option<usize>)>,
    /// One for each connection in the report.
    trackers: Vec<Tracker>,
}

/// Where an event comes from, in the order of the report.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Origin {
    Bblog,
    UnknownProvider,
    Provider(usize),
}

impl ReportBuilder {
    fn new() -> ReportBuilder {
        ReportBuilder {
            rules: HashMap::default(),
            counts: BTreeMap::new(),
            providers: Vec::new(),
            stacks: Vec::new(),
            machines: Vec::new(),
            origin: None,
            captures: Vec::new(),
            last_capture: None,
            dropped: None,
            votes: Votes::default(),
            has_records: false,
            lost: 0,
            entries: HashMap::new(),
            current: None,
            entry: None,
            sessions: LruMap::new(MAX_SESSIONS),
            trackers: Vec::new(),
        }
    }

    /// Takes note of the capture that the current event is of.
    fn capture(&mut self, source: &dyn EventSource) {
        let Some(capture) = source.capture() else { return };
        if self.last_capture == Some(*capture.header) {
            return;
        }
        self.last_capture = Some(*capture.header);
        if self.captures.len() >= MAX_CAPTURES || self.captures.contains(capture.header) {
            return;
        }
        self.captures.push(*capture.header);
        if let Some(dropped) = dropped_events(capture.header) {
            *self.dropped.get_or_insert(0) += dropped;
        }
        let table = ProviderTable::split(capture.table);
        for (id, name) in table.into_iter().flat_map(|(table, _)| table.iter()) {
            let is_known = self.providers.iter().any(|known| (known.0, &known.1[..]) == (id, name));
            if !is_known && self.providers.len() < MAX_LISTED {
                self.providers.push((id, name.to_vec(), 0));
            }
        }
    }

    fn event(&mut self, report: &mut Report, decoded: &DecodedItem<'_>, source: &dyn EventSource) {
        report.events += 1;
        let clock = clock_name(decoded.item.clock());
        Span::widen(&mut report.time, clock, decoded.item.time());
        let (at, log) = match &decoded.item {
            LogItem::Bblog(item) => (self.record(report, item, decoded, source), Log::Bblog),
            LogItem::Eventlog(item) => (self.eventlog(report, item, decoded), Log::Tcp),
        };
        let Some(at) = at else { return };
        let Some(connection) = report.connections.get_mut(at) else { return };
        let Some(tracker) = self.trackers.get_mut(at) else { return };
        connection.events += 1;
        Span::widen(&mut connection.time, clock, decoded.item.time());
        if let LogItem::Bblog(item) = &decoded.item {
            *connection.lost_records.get_or_insert(0) += u64::from(item.missing);
            *connection.gaps.get_or_insert(0) += u64::from(item.missing > 0);
            if !item.origin.is_decoded() {
                (connection.rtos, connection.tlps) = (None, None);
            }
            tracker.stack(Some(item.record.stack_id()), &item.origin.stack_name, connection);
        }
        let address = std::ptr::from_ref::<EventSpec>(decoded.event.spec()) as usize;
        let rules = self.rules.entry(address).or_insert_with(|| rules_of(RULES, log, &decoded.event));
        rules.iter().for_each(|rule| tracker.take(rule, decoded, connection));
    }

    fn count(&mut self, report: &mut Report, origin: Origin, id: u32, name: Option<&'static str>) {
        let room = self.counts.len() < MAX_KINDS;
        match self.counts.get_mut(&(origin, id)) {
            Some(count) => *count = (count.0 + 1, count.1.or(name)),
            None if room => drop(self.counts.insert((origin, id), (1, name))),
            None => report.other_events += 1,
        }
    }

    /// The place in the report of the connection of a BBLog record.
    fn record(
        &mut self,
        report: &mut Report,
        item: &BblogItem<'_>,
        decoded: &DecodedItem<'_>,
        source: &dyn EventSource,
    ) -> Option<usize> {
        self.has_records = true;
        self.lost += u64::from(item.missing);
        let id = item.record.event_id();
        let name = (!decoded.is_unknown()).then(|| decoded.event.spec().name);
        self.count(report, Origin::Bblog, u32::from(id), name);
        self.origin(item);
        if let Some((section, at)) = self.current
            && section == item.section
        {
            return at;
        }
        let at = self.entry(report, item.header, source.counts().entries);
        self.current = Some((item.section, at));
        at
    }

    /// Counts a record for its stack and its machine.
    fn origin(&mut self, item: &BblogItem<'_>) {
        let known = self.origin.filter(|origin| origin.0 == item.section);
        let (_, stack, machine) = known.unwrap_or_else(|| self.find_origin(item));
        self.origin = Some((item.section, stack, machine));
        if let Some(stack) = self.stacks.get_mut(stack) {
            stack.records += 1;
        }
        if let Some(machine) = self.machines.get_mut(machine) {
            machine.1 += 1;
        }
    }

    #[cold]
    fn find_origin(&mut self, item: &BblogItem<'_>) -> (u64, usize, usize) {
        let (id, origin) = (item.record.stack_id(), item.origin);
        let (name, inferred) = (Escaped(&origin.stack_name).to_string(), origin.machine.is_stack_inferred);
        let is_known = |known: &StackReport| (known.id, &known.name, known.inferred) == (id, &name, inferred);
        let stack = self.stacks.iter().position(is_known).unwrap_or(self.stacks.len());
        if stack == self.stacks.len() && stack < MAX_LISTED {
            self.stacks.push(StackReport { id, name, inferred, records: 0 });
        }
        let machine = machine::Machine { is_stack_inferred: false, ..origin.machine.clone() };
        let place = self.machines.iter().position(|known| known.0 == machine).unwrap_or(self.machines.len());
        if place == self.machines.len() && place < MAX_LISTED {
            self.machines.push((machine, 0));
        }
        (item.section, stack, place)
    }

    /// The place in the report of the connection that an entry with this header is of; `None` if
    /// there is no room for it.
    fn entry(&mut self, report: &mut Report, bytes: &[u8; HEADER_LEN], entry: Option<u64>) -> Option<usize> {
        let header = Header::unchecked(bytes).ok()?;
        // A connection is its addresses; one with another log id is another connection.
        let key = [&header.connection_key(), header.id()].concat();
        let at = match self.entries.get(&key) {
            Some(&at) => at,
            None if report.connections.len() >= MAX_CONNECTIONS => {
                report.more_connections += 1;
                return None;
            }
            None => {
                let addresses = known_addresses(&header);
                report.connections.push(ConnectionReport {
                    local: addresses.map(|(local, _)| local.to_string()),
                    remote: addresses.map(|(_, remote)| remote.to_string()),
                    log_id: Some(Escaped(header.id()).to_string()),
                    tag: Some(Escaped(header.tag()).to_string()),
                    lost_records: Some(0),
                    gaps: Some(0),
                    ..ConnectionReport::begun()
                });
                self.trackers.push(Tracker::default());
                let at = report.connections.len() - 1;
                self.entries.insert(key, at);
                at
            }
        };
        let connection = report.connections.get_mut(at)?;
        // A change of stack makes a section of its own, but no entry.
        if entry.is_some() && std::mem::replace(&mut self.entry, entry) != entry {
            *connection.entries.get_or_insert(0) += 1;
        }
        add_name(&mut connection.reasons, Escaped(header.reason()).to_string());
        Some(at)
    }

    /// The place in the report of the connection of an event.
    fn eventlog(
        &mut self,
        report: &mut Report,
        item: &EventlogItem<'_>,
        decoded: &DecodedItem<'_>,
    ) -> Option<usize> {
        let (event, id) = (&item.event, item.event.provider_id());
        let named = |known: &&mut (u16, Vec<u8>, u64)| known.0 == id && item.provider == Some(&known.1[..]);
        let provider = self.providers.iter_mut().enumerate().find(|(_, known)| named(known));
        // Providers of one name are counted as one.
        let origin = match provider {
            Some((_, known)) => {
                known.2 += 1;
                let name = item.provider.unwrap_or_default();
                let first = self.providers.iter().position(|known| known.1 == name);
                first.map_or(Origin::UnknownProvider, Origin::Provider)
            }
            None => Origin::UnknownProvider,
        };
        let name = (!decoded.is_unknown()).then(|| decoded.event.spec().name);
        self.count(report, origin, event.event_id(), name);
        if is_of_session(item) { self.session(report, item) } else { None }
    }

    /// Takes note of what an event, selected or not, says of its session.
    fn note_session(&mut self, decoded: &DecodedItem<'_>) {
        let LogItem::Eventlog(item) = &decoded.item else { return };
        if item.provider == Some(tcp_provider::NAME) {
            self.votes.count(&item.event);
        }
        if is_of_session(item) {
            let key = item.event.session_id();
            let (session, at) = self.sessions.get_or_insert_with(key, Default::default);
            if let Change::Restarted(_) = session.observe(&item.event) {
                *at = None;
            }
        }
    }

    /// The place in the report of a session's connection; `None` if there is no room for it.
    fn session(&mut self, report: &mut Report, item: &EventlogItem<'_>) -> Option<usize> {
        /// The place of a connection that is counted only.
        const NOWHERE: usize = usize::MAX;
        let id = item.event.session_id();
        let (session, at) = self.sessions.get_mut(&id)?;
        let at = *at.get_or_insert_with(|| {
            if report.connections.len() >= MAX_CONNECTIONS {
                report.more_connections += 1;
                return NOWHERE;
            }
            report.connections.push(ConnectionReport { session: Some(id), ..ConnectionReport::begun() });
            self.trackers.push(Tracker::default());
            report.connections.len() - 1
        });
        let connection = report.connections.get_mut(at)?;
        // What the events do not tell, their packets may.
        let told = tcp_provider::addresses(&item.event).and(session.context.addresses);
        if let Some((local, remote)) = told.or(item.addresses.filter(|_| connection.local.is_none())) {
            connection.local = Some(local.to_string());
            connection.remote = Some(remote.to_string());
        }
        Some(at)
    }

    fn finish(self, report: &mut Report, kind: InputKind) {
        for (connection, tracker) in report.connections.iter_mut().zip(&self.trackers) {
            tracker.end(connection);
        }
        if self.has_records || matches!(kind, InputKind::Bblog | InputKind::Records) {
            report.lost_records = Some(self.lost);
        }
        report.dropped_events = self.dropped;
        report.is_capture = !self.captures.is_empty();
        report.layout = self.votes.winner().map(|layout| layout.name());
        report.stacks = self.stacks;
        report.stacks.sort_by_key(|stack| stack.id);
        report.machines =
            self.machines.iter().map(|(machine, records)| MachineReport::new(machine, *records)).collect();
        let provider = |known: &(u16, Vec<u8>, u64)| ProviderReport {
            id: known.0,
            name: Escaped(&known.1).to_string(),
            events: known.2,
        };
        report.providers = self.providers.iter().map(provider).collect();
        let mut counts: Vec<EventCount> = Vec::new();
        for ((origin, id), (count, name)) in self.counts {
            let provider = match origin {
                Origin::Provider(at) => self.providers.get(at).map(|known| Escaped(&known.1).to_string()),
                Origin::Bblog | Origin::UnknownProvider => None,
            };
            counts.push(EventCount { provider, id, name, count });
        }
        counts.sort_by(|a, b| (&a.provider, a.id).cmp(&(&b.provider, b.id)));
        report.event_counts = counts;
    }
}

/// Whether an event is one of a connection's.
fn is_of_session(item: &EventlogItem<'_>) -> bool {
    item.provider == Some(tcp_provider::NAME) && !sessions::is_no_session(item.event.session_id())
}

/// Core-dump files have no boot time.
fn clock_name(clock: Clock) -> &'static str {
    match clock {
        Clock::Utc => "utc",
        Clock::Uptime => "uptime",
    }
}
