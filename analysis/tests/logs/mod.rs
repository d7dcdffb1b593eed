// SPDX-License-Identifier: BSD-2-Clause
//! Logs for the tests: those of this repository, and a larger collection beside it where it is there.
#![allow(dead_code, reason = "each test uses a part")]

use std::collections::BTreeMap;
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};

use bblog_analysis::infer::EventlogTicks;
use bblog_analysis::{Connection, EventItem, Item, Plans, RecordItem, Step, Wanted};
use bblog_dissector::Micros;
use bblog_dissector::bblog::{self, Header, Record, records};
use bblog_dissector::catalog::Catalog;
use bblog_dissector::elog::{FILE_HEADER_LEN, FileHeader, ProviderTable, RawEvent};
use bblog_dissector::event::RecordContext;
use bblog_dissector::layout::Votes;
use bblog_dissector::spec::{Kernel, Stack};

/// A log of this repository.
pub fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures").join(name)
}

/// The logs of the collection in `folder` with this extension; empty where it is not there.
pub fn streams(folder: &str, extension: &str) -> Vec<PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/streams").join(folder);
    let entries = folder.read_dir().into_iter().flatten().flatten().map(|entry| entry.path());
    let mut paths: Vec<PathBuf> =
        entries.filter(|path| path.extension().is_some_and(|have| have == extension)).collect();
    if paths.is_empty() {
        eprintln!("{}: not here, left out", folder.display());
    }
    paths.sort();
    paths
}

/// A log of the collection; `None` where it is not there.
pub fn stream(name: &str) -> Option<PathBuf> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/streams").join(name);
    path.exists().then_some(path)
}

/// The name of a log without folder and extension.
pub fn name(path: &Path) -> String {
    path.file_stem().unwrap().to_string_lossy().into_owned()
}

/// The stack with this number in all logs of the collection.
fn stack(id: u8) -> Stack {
    [Stack::Unknown, Stack::Freebsd, Stack::Rack, Stack::Bbr]
        .get(usize::from(id))
        .copied()
        .unwrap_or_default()
}

/// A record of a log, and what is known of it.
#[derive(Clone, Copy)]
pub struct Logged<'a> {
    /// The record.
    pub record: Record<'a>,
    /// Its connection: ports and addresses.
    pub key: [u8; 40],
    /// The kernel that wrote it, and hz there.
    pub machine: (Kernel, u32),
    /// Its number in the log, from 1.
    pub number: u64,
}

impl<'a> Logged<'a> {
    /// As an item.
    pub fn item(&self) -> Item<'a> {
        let (kernel, hz) = self.machine;
        let context = RecordContext { stack: stack(self.record.stack_id()), kernel, hz: NonZeroU32::new(hz) };
        Item::Bblog(RecordItem { record: self.record, time: self.record.time(), context })
    }
}

/// The records of a log. Logs of a running FreeBSD 15 say so by their names; all others are of 13.
pub fn load<'a>(path: &Path, bytes: &'a [u8]) -> Vec<Logged<'a>> {
    let machine = match name(path).as_str() {
        "fbsd15_hz1000" => (Kernel::Main, 1000),
        name if name.starts_with("fbsd15") => (Kernel::Main, 100),
        _ => (Kernel::Freebsd13, 1000),
    };
    let mut all = Vec::new();
    for entry in bblog::entries(bytes) {
        let (header, body): (Header<'_>, _) = entry.unwrap();
        let key = *header.as_bytes()[16..].first_chunk().unwrap();
        for record in records(body) {
            let number = all.len() as u64 + 1;
            all.push(Logged { record: record.unwrap(), key, machine, number });
        }
    }
    all
}

/// The connections of a log, by ports and addresses, and what each record told.
pub fn follow<'a>(
    records: &[Logged<'a>],
    mut with: impl FnMut(&Logged<'a>, &Step, &Connection),
) -> BTreeMap<[u8; 40], Connection> {
    let mut plans = Plans::new();
    let mut connections: BTreeMap<[u8; 40], Connection> = BTreeMap::new();
    for logged in records {
        let connection =
            connections.entry(logged.key).or_insert_with(|| Connection::new(Wanted { spans: true }));
        let step = connection.feed(&mut plans, logged.number, &logged.item());
        with(logged, &step, connection);
    }
    connections
}

/// The sessions of an ELOG capture's tcp providers.
pub fn sessions(bytes: &[u8]) -> BTreeMap<u64, Connection> {
    session_events(bytes, |_, _, _, _| {})
}

/// As [`sessions`], with the step of each event: session, number, item, step. None of a file without events.
pub fn session_events<'a>(
    bytes: &'a [u8],
    mut with: impl FnMut(u64, u64, &Item<'a>, &Step),
) -> BTreeMap<u64, Connection> {
    if bytes.is_empty() {
        return BTreeMap::new();
    }
    let header = FileHeader::parse(bytes).unwrap();
    let (table, events) = ProviderTable::split(&bytes[FILE_HEADER_LEN..]).unwrap();
    let is_tcp = |event: &RawEvent<'_>| table.name(event.provider_id()) == Some(b"tcp");
    let mut all = Vec::new();
    let mut rest = events;
    while let Ok(Some((event, after))) = RawEvent::split(rest) {
        all.push(event);
        rest = after;
    }
    let mut votes = Votes::default();
    all.iter().filter(|event| is_tcp(event)).for_each(|event| votes.count(event));
    let catalog = Catalog::builtin();
    let provider = catalog.provider(b"tcp", votes.winner());
    let mut ticks = EventlogTicks::default();
    all.iter().filter(|event| is_tcp(event)).for_each(|event| ticks.observe(event));
    let hz = ticks.hz().and_then(|hz| NonZeroU32::new(hz.value));
    let mut plans = Plans::new();
    let mut sessions: BTreeMap<u64, Connection> = BTreeMap::new();
    for (at, event) in all.iter().enumerate().filter(|(_, event)| is_tcp(event)) {
        let spec = Catalog::event(provider, event.event_id());
        let time: Micros = header.utc(event.timestamp());
        let connection =
            sessions.entry(event.session_id()).or_insert_with(|| Connection::new(Wanted { spans: true }));
        let item = Item::Eventlog(EventItem { event: *event, spec, time, hz });
        let number = at as u64 + 1;
        let step = connection.feed(&mut plans, number, &item);
        with(event.session_id(), number, &item, &step);
    }
    sessions
}
