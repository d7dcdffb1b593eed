// SPDX-License-Identifier: BSD-2-Clause
//! Short numbers for connections, and what stands beside a number where it is said which connection it is.

use std::io::Write;

use bblog_dissector::elog::SESSION_CREATE;
use bblog_dissector::tcp_provider;
use bblog_pcapng::bblog_entry::connection_key;
use bblog_pcapng::escape::Escaped;

use crate::event::connection::ConnectionRef;
use crate::event::decode::DecodedItem;
use crate::event::item::{BblogItem, EventlogItem, LogItem};
use crate::lru_map::LruMap;

/// Connections and sessions whose number is kept.
const CONNECTIONS: usize = 65_536;

/// The connections seen so far.
pub(super) struct Labels {
    numbers: LruMap<Key, Label>,
    /// The last one, which most events are of.
    last: Option<(Key, Label)>,
    /// Input and section of the last BBLog record, for which `last` stands.
    section: (usize, u64),
    count: u64,
}

/// A connection, and the input: two of them may be of two machines.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
enum Key {
    /// Of BBLog.
    Connection(usize, [u8; 41]),
    /// Section, provider and session of eventlog.
    Session(usize, u64, u16, u64),
}

#[derive(Clone, Copy)]
struct Label {
    number: u64,
    /// What was said of it: addresses, and the number of its stack.
    named: Option<(bool, u8)>,
}

/// What is to be shown before an event.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct ConnectionNews {
    /// The connection's number, from 1.
    pub(super) number: u64,
    /// Whether the connection is named here.
    pub(super) named: bool,
}

impl Labels {
    pub(super) fn new() -> Labels {
        Labels { numbers: LruMap::new(CONNECTIONS), last: None, section: (usize::MAX, 0), count: 0 }
    }

    /// How many connections there were.
    pub(super) fn count(&self) -> u64 {
        self.count
    }

    /// The number of the event's connection.
    #[inline]
    pub(super) fn of(&mut self, decoded: &DecodedItem<'_>) -> ConnectionNews {
        if let (LogItem::Bblog(item), Some((_, label))) = (&decoded.item, &self.last)
            && self.section == (decoded.input, item.section)
        {
            return ConnectionNews { number: label.number, named: false };
        }
        self.look_up(decoded)
    }

    fn look_up(&mut self, decoded: &DecodedItem<'_>) -> ConnectionNews {
        let key = key(decoded);
        if self.last.as_ref().is_none_or(|(last, _)| *last != key) {
            if let Some((key, label)) = self.last.take() {
                self.numbers.insert(key, label);
            }
            let label = self.numbers.remove(&key).unwrap_or_else(|| {
                self.count += 1;
                Label { number: self.count, named: None }
            });
            self.last = Some((key, label));
        }
        let to_say = match &decoded.item {
            LogItem::Bblog(item) => {
                self.section = (decoded.input, item.section);
                Some((true, item.record.stack_id()))
            }
            LogItem::Eventlog(item) => {
                self.section = (usize::MAX, 0);
                // The addresses of a connection follow its first event.
                let waits = item.addresses.is_none()
                    && item.event.event_id() == SESSION_CREATE
                    && item.provider == Some(tcp_provider::NAME);
                (!waits).then_some((item.addresses.is_some(), 0))
            }
        };
        let Some((_, label)) = &mut self.last else { return ConnectionNews { number: 0, named: false } };
        let named = to_say.is_some() && label.named != to_say;
        if named {
            label.named = to_say;
        }
        ConnectionNews { number: label.number, named }
    }
}

fn key(decoded: &DecodedItem<'_>) -> Key {
    match &decoded.item {
        LogItem::Bblog(item) => Key::Connection(decoded.input, connection_key(item.header)),
        LogItem::Eventlog(item) => {
            let event = &item.event;
            Key::Session(decoded.input, item.section, event.provider_id(), event.session_id())
        }
    }
}

/// Which connection an event is of: `10.0.0.1:80 - 10.0.0.2:5000, stack rack`.
pub(super) fn name(decoded: &DecodedItem<'_>, out: &mut Vec<u8>) {
    if let Some((local, remote)) = ConnectionRef::of(&decoded.item).addresses {
        let _ = write!(out, "{local} - {remote}, ");
    }
    match &decoded.item {
        LogItem::Bblog(item) => stack(item, out),
        LogItem::Eventlog(item) => session(item, out),
    }
}

fn stack(item: &BblogItem<'_>, out: &mut Vec<u8>) {
    let inferred = if item.origin.machine.is_stack_inferred { " (inferred)" } else { "" };
    let _ = match item.origin.stack_name.as_slice() {
        b"unknown" => write!(out, "stack {} (not named in this file)", item.record.stack_id()),
        name => write!(out, "stack {}{inferred}", Escaped(name)),
    };
}

fn session(item: &EventlogItem<'_>, out: &mut Vec<u8>) {
    let provider = item.provider.unwrap_or(b"?");
    let _ = write!(out, "session {}", item.event.session_id());
    if provider != tcp_provider::NAME {
        let _ = write!(out, " of {}", Escaped(provider));
    }
}
