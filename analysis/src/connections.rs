// SPDX-License-Identifier: BSD-2-Clause
//! Many connections: which item is of which, when one ends and another begins under the same key, and how
//! much is kept.

use std::collections::HashMap;
use std::hash::BuildHasher;

use bblog_dissector::bblog::{Header, Serial};

use crate::account::Account;
use crate::connection::{Connection, Step, Wanted};
use crate::evidence::Plans;
use crate::item::Item;
use crate::ledger::Span;
use crate::limit::Limit;

/// Which connection an item is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum Key {
    /// BBLog: ports, addresses and zone as they stand in an entry's header, and its address family.
    Endpoints([u8; 40], u8),
    /// eventlog: a number that the caller gives the capture and the provider's name, and the session's id.
    Session(u32, u64),
}

impl Key {
    /// The key of an entry's connection. Files of one connection have it in common, whatever its log id is.
    pub fn of_entry(header: &Header<'_>) -> Key {
        let bytes = header.as_bytes();
        let mut endpoints = [0; 40];
        endpoints.copy_from_slice(&bytes[16..56]);
        Key::Endpoints(endpoints, bytes[200])
    }
}

/// A connection's number among all of a run, in order of appearance.
pub type Number = usize;

/// Connections that are followed at a time. Beyond them the one that had no item for longest is taken to be over.
const MAX_OPEN: usize = 65_536;

/// All connections of a run.
///
/// A connection that is over takes some 600 bytes; one that is followed takes 2 kB and up to 12 kB with many
/// stalls and round-trip times.
#[derive(Debug)]
pub struct Connections<S = std::hash::RandomState> {
    plans: Plans,
    wanted: Wanted,
    open: HashMap<Key, Box<Open>, S>,
    /// Accounts of those that are over, by number; `None` for those that are followed.
    closed: Vec<Option<Box<Account>>>,
    /// Open connections in order of their last items, the oldest first: a queue of keys with the turn they had
    /// then. An entry with another turn than its connection's is out of date.
    turns: std::collections::VecDeque<(Key, u64)>,
    turn: u64,
    /// Items that were read before, as in files that overlap.
    repeated: u64,
}

#[derive(Debug)]
struct Open {
    connection: Connection,
    number: Number,
    turn: u64,
}

/// What became of an item.
#[derive(Clone, Copy, Debug)]
pub enum Fed {
    /// It is of this connection, and told this.
    Told(Number, Step),
    /// It was read before: its connection is further.
    Repeated(Number),
}

impl<S: BuildHasher + Default> Default for Connections<S> {
    fn default() -> Connections<S> {
        Connections::new(Wanted::default())
    }
}

impl<S: BuildHasher + Default> Connections<S> {
    /// None yet.
    pub fn new(wanted: Wanted) -> Connections<S> {
        Connections {
            plans: Plans::new(),
            wanted,
            open: HashMap::default(),
            closed: Vec::new(),
            turns: std::collections::VecDeque::new(),
            turn: 0,
            repeated: 0,
        }
    }

    /// Takes in the item with the number `number` among all items.
    #[inline]
    pub fn feed(&mut self, key: Key, number: u64, item: &Item<'_>) -> Fed {
        self.turn += 1;
        if let Some(open) = self.open.get_mut(&key) {
            match follows(&open.connection, item) {
                Follows::Next => {
                    let turn = std::mem::replace(&mut open.turn, self.turn);
                    let step = open.connection.feed(&mut self.plans, number, item);
                    let number = open.number;
                    self.note_turn(key, turn);
                    return Fed::Told(number, step);
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
    fn begin(&mut self, key: Key, number: u64, item: &Item<'_>) -> Fed {
        if self.open.len() >= MAX_OPEN {
            self.close_oldest();
        }
        let mut connection = Connection::new(self.wanted);
        let step = connection.feed(&mut self.plans, number, item);
        let number = self.closed.len();
        self.closed.push(None);
        self.open.insert(key, Box::new(Open { connection, number, turn: self.turn }));
        self.turns.push_back((key, self.turn));
        Fed::Told(number, step)
    }

    /// Every so often a connection's place in the queue is renewed; not at each item, which would make the queue as
    /// long as the log.
    #[inline]
    fn note_turn(&mut self, key: Key, turn: u64) {
        const EVERY: u64 = 4096;
        if turn / EVERY != self.turn / EVERY {
            self.turns.push_back((key, self.turn));
            if self.turns.len() > 4 * MAX_OPEN {
                self.forget_turns();
            }
        }
    }

    /// Drops what is out of date from the queue.
    #[cold]
    fn forget_turns(&mut self) {
        let open = &self.open;
        let mut latest: HashMap<Key, u64> = HashMap::new();
        for (key, turn) in &self.turns {
            latest.insert(*key, *turn);
        }
        self.turns.retain(|(key, turn)| open.contains_key(key) && latest.get(key) == Some(turn));
    }

    #[cold]
    fn close_oldest(&mut self) {
        while let Some((key, turn)) = self.turns.pop_front() {
            // The connection's turn may be later, by less than the queue is renewed.
            let current = self.open.get(&key).map(|open| open.turn);
            match current {
                Some(current) if current / 4096 == turn / 4096 => return self.close(&key),
                _ => {}
            }
        }
    }

    fn close(&mut self, key: &Key) {
        if let Some(open) = self.open.remove(key) {
            let Open { connection, number, .. } = *open;
            self.closed[number] = Some(Box::new(connection.finish().0));
        }
    }

    /// The connection under this key is over: what follows is another, as a session that begins anew.
    pub fn restart(&mut self, key: Key) {
        self.close(&key);
    }

    /// The connection that is followed under this key.
    pub fn get(&self, key: &Key) -> Option<(Number, &Connection)> {
        self.open.get(key).map(|open| (open.number, &open.connection))
    }

    /// Spans of the connection under this key that no later item can change, if [`Wanted::spans`].
    pub fn take_spans(&mut self, key: &Key) -> Vec<Span<Limit>> {
        self.open.get_mut(key).map(|open| open.connection.take_spans()).unwrap_or_default()
    }

    /// Connections so far, those that are over included.
    pub fn len(&self) -> usize {
        self.closed.len()
    }

    /// Whether there are none.
    pub fn is_empty(&self) -> bool {
        self.closed.is_empty()
    }

    /// Items that were read before.
    pub fn repeated(&self) -> u64 {
        self.repeated
    }

    /// The accounts of all, by number: no item follows.
    pub fn finish(mut self) -> Vec<Account> {
        let keys: Vec<Key> = self.open.keys().copied().collect();
        keys.iter().for_each(|key| self.close(key));
        self.closed.into_iter().flatten().map(|account| *account).collect()
    }
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
