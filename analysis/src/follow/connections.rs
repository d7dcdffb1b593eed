// SPDX-License-Identifier: BSD-2-Clause
//! Many connections: which item belongs to which, when one ends and another begins under the same key, and how
//! much is kept.

use std::collections::{HashMap, VecDeque};
use std::hash::BuildHasher;

use bblog_dissector::bblog::Serial;

use crate::evidence::Plans;
use crate::follow::account::Account;
use crate::follow::connection::{Connection, Wanted};
use crate::follow::key::ConnectionKey;
use crate::follow::shard::Shard;
use crate::follow::step::Step;
use crate::item::Item;
use crate::limits::ledger::Span;
use crate::limits::limit::Limit;

/// A connection's number among all of a run, in order of appearance.
pub type Number = usize;

/// Connections of each [`Shard`] that are followed at a time: 65,536 of all. Beyond them the one of that shard that had
/// no item for longest is taken to be over.
const MAX_OPEN: usize = 65_536 / Shard::COUNT;

/// All connections of a run.
///
/// A connection that is followed takes 2 kB, and up to 12 kB with many stalls and round-trip times. The account of
/// one that is over, some 600 bytes, is kept until it is [taken](Connections::take_closed).
#[derive(Debug)]
pub struct Connections<S = std::hash::RandomState> {
    plans: Plans,
    wanted: Wanted,
    /// Places in `open`.
    places: HashMap<ConnectionKey, usize, S>,
    /// Connections that are followed; places that are free are `None`.
    open: Vec<Option<Box<OpenConnection>>>,
    free: Vec<usize>,
    /// The connection of the last item: the next one is often of it, too.
    last: Option<(ConnectionKey, usize)>,
    /// Connections so far.
    count: Number,
    /// Accounts of those that are over and were not taken yet.
    closed: Vec<(Number, Box<Account>)>,
    /// The room for each shard, or one for all.
    rooms: Box<[Room]>,
    /// How many connections each room has place for.
    most: usize,
    renewed_bits: u32,
    /// Connections that had to make room for others.
    forgotten: u64,
    repeated: u64,
}

/// Room for a number of connections.
#[derive(Debug, Default)]
struct Room {
    /// How many it has.
    taken: usize,
    /// Keys in the order of their connections' last items, the oldest first, each with the number of its item then.
    queue: VecDeque<(ConnectionKey, u64)>,
}

#[derive(Debug)]
struct OpenConnection {
    connection: Connection,
    number: Number,
    /// The number of its last item.
    last: u64,
}

/// What became of an item.
#[derive(Clone, Copy, Debug)]
pub enum Fed {
    /// It belongs to this connection, and says this.
    Taken(Number, Step),
    /// It was read before: its connection has passed it.
    Repeated(Number),
}

impl Fed {
    /// Its connection.
    pub fn number(&self) -> Number {
        match self {
            Fed::Taken(number, _) | Fed::Repeated(number) => *number,
        }
    }
}

/// A connection is put at the end of its room's queue again once so many items have passed since the last time: 2 to
/// the power of this, less where few connections are followed.
const RENEWED_BITS: u32 = 12;

impl<S: BuildHasher + Default> Default for Connections<S> {
    fn default() -> Connections<S> {
        Connections::new(Wanted::default())
    }
}

impl<S: BuildHasher + Default> Connections<S> {
    /// None yet; at most 65,536 are followed at a time, a sixteenth of them in each [`Shard`].
    pub fn new(wanted: Wanted) -> Connections<S> {
        Connections::with_rooms(wanted, Shard::COUNT, MAX_OPEN, RENEWED_BITS)
    }

    fn with_rooms(wanted: Wanted, rooms: usize, most: usize, renewed_bits: u32) -> Connections<S> {
        Connections {
            plans: Plans::new(),
            wanted,
            places: HashMap::default(),
            open: Vec::new(),
            free: Vec::new(),
            last: None,
            count: 0,
            closed: Vec::new(),
            rooms: (0..rooms).map(|_| Room::default()).collect(),
            most,
            renewed_bits,
            forgotten: 0,
            repeated: 0,
        }
    }

    /// None yet; at most `most` are followed at a time, at least 1.
    pub fn bounded(wanted: Wanted, most: usize) -> Connections<S> {
        let most = most.max(1);
        let renewed_bits = (most / 16).max(1).ilog2().min(RENEWED_BITS);
        Connections::with_rooms(wanted, 1, most, renewed_bits)
    }

    /// Takes in the item with the number `number` among all items, those of other connections included.
    #[inline]
    pub fn feed(&mut self, key: ConnectionKey, number: u64, item: &Item<'_>) -> Fed {
        let place = match &self.last {
            Some((last, place)) if *last == key => Some(*place),
            _ => self.places.get(&key).copied(),
        };
        if let Some(place) = place
            && let Some(open) = self.open.get_mut(place).and_then(Option::as_deref_mut)
        {
            match follows(&open.connection, item) {
                Follows::Next => {
                    self.last = Some((key, place));
                    let step = open.connection.feed(&mut self.plans, number, item);
                    let (connection, last) = (open.number, std::mem::replace(&mut open.last, number));
                    if last >> self.renewed_bits != number >> self.renewed_bits {
                        self.renew(key, number);
                    }
                    return Fed::Taken(connection, step);
                }
                Follows::Repeated => {
                    self.repeated += 1;
                    return Fed::Repeated(open.number);
                }
                Follows::Another => self.close(&key),
            }
        }
        self.begin(key, number, item)
    }

    #[cold]
    fn begin(&mut self, key: ConnectionKey, at: u64, item: &Item<'_>) -> Fed {
        let room = self.room(&key);
        if self.rooms[room].taken >= self.most {
            self.close_oldest(room);
        }
        let mut connection = Connection::new(self.wanted);
        let step = connection.feed(&mut self.plans, at, item);
        let number = self.count;
        self.count += 1;
        let open = Some(Box::new(OpenConnection { connection, number, last: at }));
        let place = match self.free.pop() {
            Some(place) => {
                self.open[place] = open;
                place
            }
            None => {
                self.open.push(open);
                self.open.len() - 1
            }
        };
        self.places.insert(key, place);
        self.last = Some((key, place));
        self.rooms[room].taken += 1;
        self.rooms[room].queue.push_back((key, at));
        Fed::Taken(number, step)
    }

    /// The room of a connection.
    fn room(&self, key: &ConnectionKey) -> usize {
        if self.rooms.len() == 1 { 0 } else { Shard::of(key).index() }
    }

    /// Puts a connection at the end of its queue.
    #[cold]
    fn renew(&mut self, key: ConnectionKey, number: u64) {
        let room = self.room(&key);
        self.rooms[room].queue.push_back((key, number));
        if self.rooms[room].queue.len() > 4 * self.most {
            let queue = std::mem::take(&mut self.rooms[room].queue);
            self.rooms[room].queue = queue.into_iter().filter(|entry| self.is_latest(entry)).collect();
        }
    }

    /// Whether this is the last entry of an open connection in its queue.
    fn is_latest(&self, (key, number): &(ConnectionKey, u64)) -> bool {
        self.get_open(key).is_some_and(|open| open.last >> self.renewed_bits == number >> self.renewed_bits)
    }

    fn get_open(&self, key: &ConnectionKey) -> Option<&OpenConnection> {
        self.open.get(*self.places.get(key)?)?.as_deref()
    }

    #[cold]
    fn close_oldest(&mut self, room: usize) {
        while let Some(entry) = self.rooms[room].queue.pop_front() {
            if self.is_latest(&entry) {
                self.forgotten += 1;
                return self.close(&entry.0);
            }
        }
    }

    fn close(&mut self, key: &ConnectionKey) {
        let Some(place) = self.places.remove(key) else { return };
        self.last = None;
        let room = self.room(key);
        self.rooms[room].taken -= 1;
        if let Some(open) = self.open.get_mut(place).and_then(Option::take) {
            let OpenConnection { connection, number, .. } = *open;
            self.closed.push((number, Box::new(connection.finish())));
            self.free.push(place);
        }
    }

    /// The connection under this key is over: what follows is another, as a session that begins anew.
    pub fn restart(&mut self, key: ConnectionKey) {
        self.close(&key);
    }

    /// The connection that is followed under this key, and its number.
    pub fn get(&self, key: &ConnectionKey) -> Option<(Number, &Connection)> {
        self.get_open(key).map(|open| (open.number, &open.connection))
    }

    /// Spans of the connection under this key that no later item can change, if [`Wanted::spans`].
    pub fn take_spans(&mut self, key: &ConnectionKey) -> Vec<Span<Limit>> {
        let place = self.places.get(key).copied();
        let open = place.and_then(|place| self.open.get_mut(place)?.as_deref_mut());
        open.map(|open| open.connection.take_spans()).unwrap_or_default()
    }

    /// Spans of the connection of the last item that no later item can change, if [`Wanted::spans`].
    pub fn take_latest_spans(&mut self) -> Vec<Span<Limit>> {
        let place = self.last.as_ref().map(|last| last.1);
        let open = place.and_then(|place| self.open.get_mut(place)?.as_deref_mut());
        open.map(|open| open.connection.take_spans()).unwrap_or_default()
    }

    /// The connection of the last item.
    pub fn latest(&self) -> Option<&Connection> {
        let (_, place) = self.last.as_ref()?;
        self.open.get(*place)?.as_deref().map(|open| &open.connection)
    }

    /// The connection of the last item, to take spans from it.
    pub fn latest_mut(&mut self) -> Option<&mut Connection> {
        let (_, place) = self.last?;
        self.open.get_mut(place)?.as_deref_mut().map(|open| &mut open.connection)
    }

    /// The connections that are followed, in no order.
    pub fn followed(&self) -> impl Iterator<Item = (Number, &Connection)> {
        self.open.iter().flatten().map(|open| (open.number, &open.connection))
    }

    /// Connections that were taken to be over to make room for others.
    pub fn forgotten(&self) -> u64 {
        self.forgotten
    }

    /// Connections so far, those that are over included.
    pub fn len(&self) -> usize {
        self.count
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.count == 0
    }

    /// Items that were read before.
    pub fn repeated(&self) -> u64 {
        self.repeated
    }

    /// Passes over an item that is of no interest: the time up to the next one that is fed is unknown.
    pub fn pass_over(&mut self, key: &ConnectionKey, item: &Item<'_>) {
        let place = self.places.get(key).copied();
        if let Some(open) = place.and_then(|place| self.open.get_mut(place)?.as_deref_mut()) {
            open.connection.pass_over(item);
        }
    }

    /// The accounts of connections that are over, since the last call. Take them now and then, or memory grows with
    /// the number of connections.
    #[inline]
    pub fn take_closed(&mut self) -> std::vec::Drain<'_, (Number, Box<Account>)> {
        self.closed.drain(..)
    }

    /// The accounts that were not taken yet, by number: no item follows. A connection's memory is given back when its
    /// account is made.
    pub fn finish(self) -> impl Iterator<Item = (Number, Box<Account>)> {
        let over = self.closed.into_iter().map(|(number, account)| (number, Closed::Before(account)));
        let now = self.open.into_iter().flatten().map(|open| (open.number, Closed::Now(open)));
        let mut all: Vec<(Number, Closed)> = over.chain(now).collect();
        all.sort_unstable_by_key(|ended| ended.0);
        all.into_iter().map(|(number, ended)| match ended {
            Closed::Before(account) => (number, account),
            Closed::Now(open) => (number, Box::new(open.connection.finish())),
        })
    }
}

/// A connection that is over.
enum Closed {
    Before(Box<Account>),
    Now(Box<OpenConnection>),
}

enum Follows {
    Next,
    Repeated,
    Another,
}

/// How an item follows what is known of the connection under its key.
#[inline]
fn follows(connection: &Connection, item: &Item<'_>) -> Follows {
    let Item::Bblog(item) = item else { return Follows::Next };
    match connection.serial(item.record.serial()) {
        Serial::Next => Follows::Next,
        Serial::Gap(_) if connection.is_other(&item.record) => Follows::Another,
        Serial::Gap(_) => Follows::Next,
        // Serial numbers begin at 0 with each connection, and a key is used again: by the next connection, and
        // by every listening or unbound socket.
        Serial::Restart if connection.is_other(&item.record) => Follows::Another,
        Serial::Restart => Follows::Repeated,
    }
}
