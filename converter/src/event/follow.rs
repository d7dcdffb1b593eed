// SPDX-License-Identifier: BSD-2-Clause
//! Hands records and events to the analysis, each to its connection.

use bblog_analysis::{
    Account, BblogItem, Connections, EventlogItem, Facts, Fed, Item, Key, Number, Step, Wanted,
};
use bblog_dissector::bblog::Header;
use bblog_dissector::catalog::Catalog;
use bblog_dissector::event::RecordContext;
use bblog_dissector::tcp_provider;
use bblog_pcapng::sessions::{self, Change, Session};
use foldhash::fast::RandomState;

use super::item::{self, LogItem};
use crate::lru_map::LruMap;

/// Sessions remembered at a time.
const SESSIONS: usize = 131_072;

/// Follows the connections of records and events.
pub struct Follower {
    connections: Connections<RandomState>,
    /// Input and section of the last record, and what all records of that section have in common.
    section: Option<(usize, u64, Key, RecordContext)>,
    /// Captures, each with its number: input and section.
    captures: LruMap<(usize, u64), u32>,
    capture_count: u32,
    sessions: LruMap<Key, Session>,
}

impl Follower {
    /// One that has seen nothing yet.
    pub fn new(wanted: Wanted) -> Follower {
        Follower {
            connections: Connections::new(wanted),
            section: None,
            captures: LruMap::new(SESSIONS),
            capture_count: 0,
            sessions: LruMap::new(SESSIONS),
        }
    }

    /// Takes in the item with the number `number` among all items, which is of input number `input`. Returns its
    /// connection and what it told; `None` if it is of no connection, or was read before.
    #[inline]
    pub fn feed(&mut self, input: usize, number: u64, item: &LogItem<'_>) -> Option<(Number, Step)> {
        let fed = match item {
            LogItem::Bblog(item) => self.record(input, number, item),
            LogItem::Eventlog(item) => self.event(input, number, item)?,
        };
        match fed {
            Fed::Told(number, step) => Some((number, step)),
            Fed::Repeated(_) => None,
        }
    }

    #[inline]
    fn record(&mut self, input: usize, number: u64, item: &item::BblogItem<'_>) -> Fed {
        let (key, context) = match &self.section {
            Some((of, section, key, context)) if (*of, *section) == (input, item.section) => (*key, *context),
            _ => self.begin_section(input, item),
        };
        let item = Item::Bblog(BblogItem { record: item.record, time: item.time, context });
        self.connections.feed(key, number, &item)
    }

    #[cold]
    fn begin_section(&mut self, input: usize, item: &item::BblogItem<'_>) -> (Key, RecordContext) {
        let key = match Header::unchecked(item.header) {
            Ok(header) => Key::of_entry(&header),
            Err(_) => Key::Endpoints([0; 40], 0),
        };
        let context = item.origin.context();
        self.section = Some((input, item.section, key, context));
        (key, context)
    }

    #[inline]
    fn event(&mut self, input: usize, number: u64, item: &item::EventlogItem<'_>) -> Option<Fed> {
        let id = item.event.session_id();
        if item.provider != Some(tcp_provider::NAME) || sessions::is_no_session(id) {
            return None;
        }
        let count = &mut self.capture_count;
        let capture = *self.captures.get_or_insert_with((input, item.section), || {
            *count += 1;
            *count
        });
        let key = Key::Session(capture, id);
        let session = self.sessions.get_or_insert_with(key, Session::default);
        if let Change::Restarted(_) = session.observe(&item.event) {
            self.connections.restart(key);
        }
        let spec = Catalog::event(item.tables, item.event.event_id());
        let item = Item::Eventlog(EventlogItem { event: item.event, spec, time: item.time });
        Some(self.connections.feed(key, number, &item))
    }

    /// What is known of the connection of the last item.
    pub fn facts(&self) -> Option<&Facts> {
        Some(self.connections.latest()?.facts())
    }

    /// What happened in the stall that ended last on the connection of the last item, in a sentence.
    pub fn last_stall(&self) -> Option<String> {
        let connection = self.connections.latest()?;
        Some(connection.last_stall()?.text(connection.first()?))
    }

    /// Items that were read before, as in files that overlap.
    pub fn repeated(&self) -> u64 {
        self.connections.repeated()
    }

    /// The accounts of all connections, by number: no item follows.
    pub fn finish(self) -> Vec<Account> {
        self.connections.finish()
    }
}
