// SPDX-License-Identifier: BSD-2-Clause
//! Hands records and events to the analysis, each to its connection.

use std::collections::HashMap;

use bblog_analysis::{
    Account, Connection, ConnectionKey, Connections, EventItem, Facts, Fed, Item, Limit, Number, RecordItem,
    Shard, Shards, Span, Step, Wanted,
};
use bblog_dissector::Micros;
use bblog_dissector::bblog::Header;
use bblog_dissector::catalog::Catalog;
use bblog_dissector::event::RecordContext;
use bblog_dissector::tcp_provider;
use bblog_pcapng::sessions::{self, Session, SessionChange};
use foldhash::fast::RandomState;

use super::item::{self, Clock, LogItem};
use crate::lru_map::LruMap;

/// Captures remembered at a time.
const CAPTURES: usize = 131_072;
/// Sessions of each shard remembered at a time: 131,072 of all.
const SESSIONS: usize = 131_072 / Shard::COUNT;
/// How far the times of boot that two captures give may be apart, microseconds: elog(1) reads its clocks up to some seconds
/// after the first event. Two boots of a machine are further apart than the first one lasted.
const SAME_BOOT: u64 = 60_000_000;

/// Follows the connections of records and events, or some shards of them.
pub struct Follower {
    shards: Shards,
    connections: Connections<RandomState>,
    /// The shard of the last item.
    shard: Shard,
    /// The section of the last record.
    section: Option<FollowedSection>,
    /// Captures, each with its number: input and section.
    captures: LruMap<(usize, u64), u32>,
    capture_count: u32,
    /// The last capture of each series.
    series: HashMap<usize, LastCapture, RandomState>,
    /// By shard.
    sessions: Box<[LruMap<ConnectionKey, Session>]>,
}

/// What all records of a section have in common.
#[derive(Clone, Copy)]
struct FollowedSection {
    input: usize,
    section: u64,
    key: ConnectionKey,
    context: RecordContext,
    shard: Shard,
    is_followed: bool,
}

/// The last capture of a series so far.
#[derive(Clone, Copy)]
struct LastCapture {
    number: u32,
    /// When the machine booted.
    boot: Micros,
    /// The time of its first event.
    first: Micros,
}

impl Follower {
    /// One that has seen nothing yet.
    pub fn new(wanted: Wanted) -> Follower {
        Follower::of_shards(wanted, Shards::ALL)
    }

    /// One that takes in only the items of connections of `shards`.
    pub fn of_shards(wanted: Wanted, shards: Shards) -> Follower {
        Follower {
            shards,
            connections: Connections::new(wanted),
            shard: Shard::default(),
            section: None,
            captures: LruMap::new(CAPTURES),
            capture_count: 0,
            series: HashMap::default(),
            sessions: (0..Shard::COUNT).map(|_| LruMap::new(SESSIONS)).collect(),
        }
    }

    /// One that follows at most `most` connections at a time.
    pub fn bounded(wanted: Wanted, most: usize) -> Follower {
        Follower { connections: Connections::bounded(wanted, most), ..Follower::new(wanted) }
    }

    /// Takes in the item with the number `number` among all items, which is of input number `input`. Returns its
    /// connection and what it says; `None` if it is of no connection that is followed, was read before, or is damaged.
    #[inline]
    pub fn feed(&mut self, input: usize, number: u64, item: &LogItem<'_>) -> Option<(Number, Step)> {
        if item.is_damaged() {
            self.pass_over(input, item);
            return None;
        }
        let (key, item) = self.item_of(input, item)?;
        match self.connections.feed(key, number, &item) {
            Fed::Taken(number, step) => Some((number, step)),
            Fed::Repeated(_) => None,
        }
    }

    /// Passes over an item that is not selected: what it changes is unknown, but for the end of its connection and
    /// the beginning of another.
    #[inline]
    pub fn pass_over(&mut self, input: usize, item: &LogItem<'_>) {
        if let Some((key, item)) = self.item_of(input, item) {
            self.connections.pass_over(&key, &item);
        }
    }

    /// An item as the analysis takes it, and the key of its connection; `None` if it is of no connection that is followed.
    #[inline]
    fn item_of<'a>(&mut self, input: usize, item: &LogItem<'a>) -> Option<(ConnectionKey, Item<'a>)> {
        match item {
            LogItem::Bblog(item) => self.record(input, item),
            LogItem::Eventlog(item) => self.event(input, item),
        }
    }

    #[inline]
    fn record<'a>(&mut self, input: usize, item: &item::BblogItem<'a>) -> Option<(ConnectionKey, Item<'a>)> {
        let of = match &self.section {
            Some(of) if (of.input, of.section) == (input, item.section) => of,
            _ => self.begin_section(input, item),
        };
        if !of.is_followed {
            return None;
        }
        let record = RecordItem { record: item.record, time: item.time, context: of.context };
        let (key, shard) = (of.key, of.shard);
        self.shard = shard;
        Some((key, Item::Bblog(record)))
    }

    #[cold]
    fn begin_section(&mut self, input: usize, item: &item::BblogItem<'_>) -> &FollowedSection {
        let key = match Header::unchecked(item.header) {
            Ok(header) => ConnectionKey::of_entry(&header),
            Err(_) => ConnectionKey::Endpoints([0; 40], 0),
        };
        let (context, shard) = (item.origin.context(), Shard::of(&key));
        let is_followed = self.shards.has(shard);
        self.section.insert(FollowedSection {
            input,
            section: item.section,
            key,
            context,
            shard,
            is_followed,
        })
    }

    #[inline]
    fn event<'a>(
        &mut self,
        input: usize,
        item: &item::EventlogItem<'a>,
    ) -> Option<(ConnectionKey, Item<'a>)> {
        let id = item.event.session_id();
        if item.provider != Some(tcp_provider::NAME) || sessions::is_no_session(id) {
            return None;
        }
        let (count, series) = (&mut self.capture_count, &mut self.series);
        let capture =
            *self.captures.get_or_insert_with((input, item.section), || capture_of(item, series, count));
        let key = ConnectionKey::Session(capture, id);
        let shard = Shard::of(&key);
        if !self.shards.has(shard) {
            return None;
        }
        self.shard = shard;
        let session = self.sessions[shard.index()].get_or_insert_with(key, Session::default);
        if let SessionChange::Restarted(_) = session.observe(&item.event) {
            self.connections.restart(key);
        }
        let spec = Catalog::event(item.tables, item.event.event_id());
        let (event, time, hz) = (item.event, item.time, item.ticks_per_second());
        Some((key, Item::Eventlog(EventItem { event, spec, time, hz })))
    }

    /// The shard of the connection of the last item.
    #[inline]
    pub fn shard(&self) -> Shard {
        self.shard
    }

    /// The connection of the last item.
    pub fn latest_mut(&mut self) -> Option<&mut Connection> {
        self.connections.latest_mut()
    }

    /// The connections that are followed, in no order.
    pub fn followed(&self) -> impl Iterator<Item = (Number, &Connection)> {
        self.connections.followed()
    }

    /// Connections that were taken to be over to make room for others.
    pub fn forgotten(&self) -> u64 {
        self.connections.forgotten()
    }

    /// What is known of the connection of the last item.
    pub fn facts(&self) -> Option<&Facts> {
        Some(self.connections.latest()?.facts())
    }

    /// Spans of the connection of the last item that no later item can change, if they are wanted. At most 65,536 are
    /// kept until they are taken.
    pub fn take_spans(&mut self) -> Vec<Span<Limit>> {
        self.connections.take_latest_spans()
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

    /// The accounts of connections that are over, since the last call. Take them now and then, or memory grows with
    /// the number of connections.
    #[inline]
    pub fn take_closed(&mut self) -> std::vec::Drain<'_, (Number, Box<Account>)> {
        self.connections.take_closed()
    }

    /// The accounts that were not taken yet, by number: no item follows.
    pub fn finish(self) -> impl Iterator<Item = (Number, Box<Account>)> {
        self.connections.finish()
    }
}

/// The number of the capture that begins with `item`: that of the capture before it in its series, if the machine did not
/// boot between them. Sessions then go on under the same ids.
#[cold]
fn capture_of(
    item: &item::EventlogItem<'_>,
    series: &mut HashMap<usize, LastCapture, RandomState>,
    count: &mut u32,
) -> u32 {
    let uptime = i64::try_from(item.event.timestamp()).unwrap_or(i64::MAX);
    let boot = Micros(item.time.0.saturating_sub(uptime));
    let before = series.get(&item.series).copied().filter(|before| {
        let is_same_boot = item.clock == Clock::Utc && before.boot.0.abs_diff(boot.0) < SAME_BOOT;
        // A copy begins at the same time.
        is_same_boot && before.first < item.time
    });
    let number = before.map_or_else(
        || {
            *count += 1;
            *count
        },
        |before| before.number,
    );
    series.insert(item.series, LastCapture { number, boot, first: item.time });
    number
}
