//! Gathers a report on an ELOG capture.

use std::collections::{BTreeMap, HashMap};

use bblog_dissector::catalog::Catalog;
use bblog_dissector::elog::RawEvent;
use bblog_dissector::layout::Votes;

use super::info::{Connection, EventCount, MAX_CONNECTIONS, Provider, Report, Span, add_name};
use crate::error::Fault;
use crate::escape::Escaped;
use crate::sessions::{self, Change, Session, SessionKey};
use crate::source::Window;
use crate::source::elog::{ElogReader, dropped_events};
use crate::tables::Tables;

/// Kinds of events counted one by one; a capture has some hundred, unless it is damaged.
const MAX_KINDS: usize = 10_000;
/// Event id of the `tcp` provider, equal in all its schema versions.
const LOG_ID: u32 = 2;

/// Reads all of `window` into `report`.
pub(super) fn gather(report: &mut Report, window: Window, tables: &Tables, on_fault: &mut dyn FnMut(&Fault)) {
    let mut faults = Faults { report, on_fault };
    let mut reader = match ElogReader::open(window) {
        Ok(reader) => reader,
        Err(fault) => return faults.add(&fault),
    };
    let names: Vec<(u16, Vec<u8>)> = reader.providers().map(|(id, name)| (id, name.to_vec())).collect();
    let header = *reader.header();
    let clock = if header.start_utc_us == 0 { "uptime" } else { "utc" };
    let mut counts: BTreeMap<(u16, u32), u64> = BTreeMap::new();
    let mut connections = Connections::default();
    let mut votes = Votes::default();
    loop {
        let event = match reader.step() {
            Ok(Some(event)) => event,
            Ok(None) => break,
            Err(fault) => {
                faults.add(&fault);
                continue;
            }
        };
        let report = &mut *faults.report;
        let time = header.utc(event.timestamp());
        report.events += 1;
        Span::widen(&mut report.time, clock, time);
        let kind = (event.provider_id(), event.event_id());
        if counts.len() < MAX_KINDS || counts.contains_key(&kind) {
            *counts.entry(kind).or_insert(0) += 1;
        } else {
            report.other_events += 1;
        }
        let provider = names.iter().position(|(id, _)| *id == event.provider_id());
        let is_tcp = provider.is_some_and(|at| names[at].1 == sessions::TCP);
        if is_tcp {
            votes.count(&event);
            if !sessions::is_no_session(event.session_id())
                && let Some(connection) = connections.of(report, &event)
            {
                connection.events += 1;
                Span::widen(&mut connection.time, clock, time);
            }
        }
    }
    report.sections = 1;
    let layout = votes.winner();
    report.layout = layout.map(|layout| layout.name());
    report.dropped_events = dropped_events(&header);
    let events_of = |id| counts.iter().filter(|((of, _), _)| *of == id).map(|(_, count)| count).sum();
    report.providers = names
        .iter()
        .map(|(id, name)| Provider { id: *id, name: Escaped(name).to_string(), events: events_of(*id) })
        .collect();
    let mut by_name: BTreeMap<(Option<&[u8]>, u32), u64> = BTreeMap::new();
    for (&(provider, id), count) in &counts {
        let name = names.iter().find(|(known, _)| *known == provider).map(|(_, name)| name.as_slice());
        *by_name.entry((name, id)).or_insert(0) += count;
    }
    report.event_counts = by_name
        .into_iter()
        .map(|((provider, id), count)| {
            let name = provider.and_then(|name| event_name(&tables.catalog, name, layout, id));
            EventCount { provider: provider.map(|name| Escaped(name).to_string()), id, name, count }
        })
        .collect();
}

/// An event's name; `None` if no table knows it.
fn event_name(
    catalog: &Catalog,
    provider: &[u8],
    layout: Option<bblog_dissector::layout::Layout>,
    id: u32,
) -> Option<&'static str> {
    let spec = Catalog::event(catalog.provider(provider, layout), id);
    (spec.id == id).then_some(spec.name)
}

/// Where faults go: to the caller and into the report.
struct Faults<'a> {
    report: &'a mut Report,
    on_fault: &'a mut dyn FnMut(&Fault),
}

impl Faults<'_> {
    fn add(&mut self, fault: &Fault) {
        (self.on_fault)(fault);
        self.report.add_problem(fault);
    }
}

/// The connections of a capture, by session.
#[derive(Default)]
struct Connections {
    known: HashMap<SessionKey, (Session, usize)>,
}

impl Connections {
    /// The connection of an event of the `tcp` provider, after taking note of what it says;
    /// `None` if there is no room for it.
    fn of<'r>(&mut self, report: &'r mut Report, event: &RawEvent<'_>) -> Option<&'r mut Connection> {
        let key = (0, event.session_id());
        if self.known.len() >= MAX_CONNECTIONS && !self.known.contains_key(&key) {
            report.more_connections += u64::from(event.event_id() == bblog_dissector::elog::SESSION_CREATE);
            return None;
        }
        let (session, at) = self.known.entry(key).or_insert_with(|| {
            report.connections.push(new_connection(event));
            (Session::default(), report.connections.len() - 1)
        });
        if let Change::Restarted(_) = session.observe(event)
            && report.connections.len() < MAX_CONNECTIONS
        {
            report.connections.push(new_connection(event));
            *at = report.connections.len() - 1;
        }
        let connection = report.connections.get_mut(*at)?;
        if let Some((local, remote)) = session.context.addresses
            && sessions::addresses(event).is_some()
        {
            connection.local = Some(local.to_string());
            connection.remote = Some(remote.to_string());
        }
        let payload = event.payload();
        match event.event_id() {
            LOG_ID => connection.log_id = Some(text(payload)),
            _ => {
                let stack = sessions::stack(event).map(text).filter(|stack| !stack.is_empty());
                stack.into_iter().for_each(|stack| add_name(&mut connection.stacks, stack));
            }
        }
        Some(connection)
    }
}

fn new_connection(event: &RawEvent<'_>) -> Connection {
    Connection { session: Some(event.session_id()), ..Connection::default() }
}

/// A char array up to its NUL, escaped.
fn text(bytes: &[u8]) -> String {
    Escaped(bytes.split(|&b| b == 0).next().unwrap_or_default()).to_string()
}
