// SPDX-License-Identifier: BSD-2-Clause
//! What an input holds, counted: events by kind, stacks, machines, providers, captures.

use std::collections::HashMap;
use std::num::NonZeroU32;

use bblog_dissector::catalog::Catalog;
use bblog_dissector::elog::{FileHeader, ProviderTable};
use bblog_dissector::layout::Votes;
use bblog_dissector::{tables, tcp_provider};
use bblog_pcapng::escape::Escaped;
use bblog_pcapng::machine::{Fact, Machine};
use foldhash::fast::RandomState;

use super::report::{EventCount, MachineReport, ProviderReport, Report, StackReport, TickRateReport};
use crate::event::item::{BblogItem, EventlogItem, LogItem};
use crate::event::source::EventSource;
use crate::input::InputKind;

/// Kinds of events counted one by one; a log has some hundred, unless it is damaged.
const MAX_KINDS: usize = 10_000;
/// Captures in a pcapng file that are known apart.
const MAX_CAPTURES: usize = 4096;
/// Providers and stacks that are listed.
const MAX_LISTED: usize = 1000;

/// The counts.
pub(super) struct Census {
    /// BBLog records, by number of the event.
    records: [u64; 256],
    /// eventlog events.
    events: HashMap<(ProviderOf, u32), KindCount, RandomState>,
    providers: Vec<ProviderCount>,
    stacks: Vec<StackReport>,
    machines: Vec<(Machine, u64)>,
    /// The last BBLog record's.
    origin: Option<RecordOrigin>,
    captures: Vec<FileHeader>,
    last_capture: Option<FileHeader>,
    votes: Votes,
    /// RTTs in ticks, by what is known of ticks.
    tick_rates: Vec<(Option<Fact<NonZeroU32>>, u64)>,
    lost: u64,
}

/// Where a BBLog record comes from.
#[derive(Clone, Copy)]
struct RecordOrigin {
    section: u64,
    /// Places among the stacks and the machines.
    stack: usize,
    machine: usize,
}

/// A provider that was subscribed to.
struct ProviderCount {
    id: u16,
    name: Vec<u8>,
    events: u64,
    /// The first provider of this name: those of one name are counted as one.
    first: usize,
}

/// The provider of an event: its place; `None` if the capture does not name it.
type ProviderOf = Option<usize>;

/// Events of one kind.
struct KindCount {
    count: u64,
    name: Option<&'static str>,
}

impl Default for Census {
    fn default() -> Census {
        Census {
            records: [0; 256],
            events: HashMap::default(),
            providers: Vec::new(),
            stacks: Vec::new(),
            machines: Vec::new(),
            origin: None,
            captures: Vec::new(),
            last_capture: None,
            votes: Votes::default(),
            tick_rates: Vec::new(),
            lost: 0,
        }
    }
}

impl Census {
    /// Takes note of the capture that the current event is of.
    #[inline]
    pub(super) fn capture(&mut self, source: &dyn EventSource) {
        let Some(capture) = source.capture() else { return };
        if self.last_capture == Some(*capture.header) {
            return;
        }
        self.last_capture = Some(*capture.header);
        self.begin_capture(capture.header, capture.table);
    }

    #[cold]
    fn begin_capture(&mut self, header: &FileHeader, table: &[u8]) {
        if self.captures.len() >= MAX_CAPTURES || self.captures.contains(header) {
            return;
        }
        self.captures.push(*header);
        for (id, name) in ProviderTable::split(table).into_iter().flat_map(|(table, _)| table.iter()) {
            let is_known = self.providers.iter().any(|known| (known.id, &known.name[..]) == (id, name));
            if !is_known && self.providers.len() < MAX_LISTED {
                let first = self.providers.iter().position(|known| known.name == name);
                let first = first.unwrap_or(self.providers.len());
                self.providers.push(ProviderCount { id, name: name.to_vec(), events: 0, first });
            }
        }
    }

    /// Takes note of what an event, selected or not, says of its layout.
    #[inline]
    pub(super) fn layout(&mut self, item: &LogItem<'_>) {
        if let LogItem::Eventlog(item) = item
            && item.provider == Some(tcp_provider::NAME)
        {
            self.votes.count(&item.event);
        }
    }

    /// Counts an item.
    #[inline]
    pub(super) fn item(&mut self, report: &mut Report, item: &LogItem<'_>) {
        match item {
            LogItem::Bblog(item) => self.record(item),
            LogItem::Eventlog(item) => self.event(report, item),
        }
    }

    #[inline]
    fn record(&mut self, item: &BblogItem<'_>) {
        self.lost += u64::from(item.missing);
        self.records[usize::from(item.record.event_id())] += 1;
        let known = self.origin.filter(|origin| origin.section == item.section);
        let place = known.unwrap_or_else(|| self.find_origin(item));
        if let Some(stack) = self.stacks.get_mut(place.stack) {
            stack.records += 1;
        }
        if let Some(machine) = self.machines.get_mut(place.machine) {
            machine.1 += 1;
        }
    }

    #[cold]
    fn find_origin(&mut self, item: &BblogItem<'_>) -> RecordOrigin {
        let (id, origin) = (item.record.stack_id(), item.origin);
        let (name, inferred) = (Escaped(&origin.stack_name).to_string(), origin.machine.is_stack_inferred);
        let is_known = |known: &StackReport| (known.id, &known.name, known.inferred) == (id, &name, inferred);
        let stack = self.stacks.iter().position(is_known).unwrap_or(self.stacks.len());
        if stack == self.stacks.len() && stack < MAX_LISTED {
            self.stacks.push(StackReport { id, name, inferred, records: 0 });
        }
        let of = Machine { is_stack_inferred: false, ..origin.machine.clone() };
        let machine = self.machines.iter().position(|known| known.0 == of).unwrap_or(self.machines.len());
        if machine == self.machines.len() && machine < MAX_LISTED {
            self.machines.push((of, 0));
        }
        let place = RecordOrigin { section: item.section, stack, machine };
        self.origin = Some(place);
        place
    }

    /// Counts an RTT in ticks.
    #[cold]
    fn rtt_in_ticks(&mut self, hz: Option<Fact<NonZeroU32>>) {
        let is_full = self.tick_rates.len() >= MAX_LISTED;
        match self.tick_rates.iter_mut().find(|known| known.0 == hz) {
            Some(known) => known.1 += 1,
            None if !is_full => self.tick_rates.push((hz, 1)),
            None => {}
        }
    }

    #[inline]
    fn event(&mut self, report: &mut Report, item: &EventlogItem<'_>) {
        if item.provider == Some(tcp_provider::NAME)
            && tcp_provider::ticks_rtt(&item.event).is_some_and(|rtt| rtt.rtt > 0)
        {
            self.rtt_in_ticks(item.hz);
        }
        let (event, id) = (&item.event, item.event.provider_id());
        let named = |known: &&mut ProviderCount| known.id == id && item.provider == Some(&known.name[..]);
        let provider = self.providers.iter_mut().find(named).map(|known| {
            known.events += 1;
            known.first
        });
        let room = self.events.len() < MAX_KINDS;
        let name = || Some(Catalog::event(item.tables, event.event_id())).filter(|spec| !spec.is_unknown());
        match self.events.get_mut(&(provider, event.event_id())) {
            Some(kind) => {
                kind.count += 1;
                kind.name = kind.name.or_else(|| name().map(|spec| spec.name));
            }
            None if room => {
                let kind = KindCount { count: 1, name: name().map(|spec| spec.name) };
                self.events.insert((provider, event.event_id()), kind);
            }
            None => report.other_events += 1,
        }
    }

    /// Writes the counts into the report: no item follows.
    pub(super) fn finish(self, report: &mut Report, kind: InputKind) {
        let has_records = self.records.iter().any(|&count| count > 0);
        if has_records || matches!(kind, InputKind::Bblog | InputKind::Records) {
            report.lost_records = Some(self.lost);
        }
        report.is_capture = !self.captures.is_empty();
        report.layout = self.votes.winner().map(|layout| layout.name());
        report.event_counts = self.event_counts();
        report.stacks = self.stacks;
        report.stacks.sort_by_key(|stack| stack.id);
        report.machines =
            self.machines.iter().map(|(machine, records)| MachineReport::new(machine, *records)).collect();
        let rate = |&(hz, rtts): &(Option<Fact<NonZeroU32>>, u64)| TickRateReport {
            hz: hz.map(|hz| hz.value.get()),
            hz_inferred: hz.is_some_and(|hz| hz.is_inferred),
            rtts,
        };
        report.tick_rates = self.tick_rates.iter().map(rate).collect();
        let provider = |known: &ProviderCount| ProviderReport {
            id: known.id,
            name: Escaped(&known.name).to_string(),
            events: known.events,
        };
        report.providers = self.providers.iter().map(provider).collect();
    }

    /// How often each event stands there: BBLog's first, then those of providers by name.
    fn event_counts(&self) -> Vec<EventCount> {
        let records = (0..=u8::MAX).zip(self.records).filter(|record| record.1 > 0);
        let mut counts: Vec<EventCount> = records
            .map(|(id, count)| {
                let name = tables::event(id).map(|event| event.name);
                EventCount { provider: None, id: id.into(), name, count }
            })
            .collect();
        counts.extend(self.events.iter().map(|(&(provider, id), kind)| {
            let provider = provider.and_then(|at| self.providers.get(at));
            let provider = provider.map(|known| Escaped(&known.name).to_string());
            EventCount { provider, id, name: kind.name, count: kind.count }
        }));
        counts.sort_by(|a, b| (&a.provider, a.id).cmp(&(&b.provider, b.id)));
        counts
    }
}
