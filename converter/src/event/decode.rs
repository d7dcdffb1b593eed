// SPDX-License-Identifier: BSD-2-Clause
//! Records and events decoded, one after the other.

use bblog_analysis::track::{Track, Tracked};
use bblog_dissector::Micros;
use bblog_dissector::event::{Context, Event};
use bblog_dissector::spec::Stack;
use bblog_dissector::{catalog, elog};
use bblog_pcapng::bblog_entry::{self, connection_key};

use super::item::{BblogItem, EventlogItem, LogItem};
use crate::lru_map::LruMap;

/// BBLog connections, and sessions, followed at a time.
const CONNECTIONS: usize = 65_536;

/// A decoded record or event, as selections and texts get it.
pub struct DecodedItem<'a> {
    /// Its number among all events of the inputs, from 1.
    pub number: u64,
    /// The number of its input.
    pub input: usize,
    /// The time of the first event of the inputs, selected or not: what relative times count from.
    pub first: Micros,
    /// Its time is before that of the event before it: it was logged late.
    pub runs_back: bool,
    /// What its source says.
    pub item: LogItem<'a>,
    /// What the tables say.
    pub event: Event<'a>,
    /// What it is beside the record before of its connection, or the event before of its session.
    pub tracked: Tracked,
}

impl DecodedItem<'_> {
    /// Whether no table describes it: then its bytes are all there is to show.
    pub fn is_unknown(&self) -> bool {
        self.event.spec().is_unknown()
    }
}

/// Decodes records and events, one after the other.
pub struct ItemDecoder {
    connections: Connections,
    sessions: LruMap<InputSession, Option<u64>>,
    number: u64,
    /// Time of the first event, and of the last.
    first: Option<Micros>,
    last: Option<Micros>,
}

/// Input, section, provider and session.
type InputSession = (usize, u64, u16, u64);

impl ItemDecoder {
    /// A decoder in front of the first event.
    pub fn new() -> ItemDecoder {
        let sessions = LruMap::new(CONNECTIONS);
        ItemDecoder { connections: Connections::new(), sessions, number: 0, first: None, last: None }
    }

    /// Decodes the next event, which is of input number `input`.
    #[inline]
    pub fn decode<'a>(&mut self, input: usize, item: LogItem<'a>) -> DecodedItem<'a> {
        self.number += 1;
        let (event, tracked) = match &item {
            LogItem::Bblog(item) => {
                let (stack, track) = self.connections.of(input, item);
                let tracked = track.next(&item.record);
                let cx = Context::new(stack, item.kernel);
                (Event::of_record(&item.record, cx), tracked)
            }
            LogItem::Eventlog(item) => {
                let spec = catalog::Catalog::event(item.tables, item.event.event_id());
                (Event::of_elog(&item.event, spec), self.beside(input, item))
            }
        };
        let time = item.time();
        let first = *self.first.get_or_insert(time);
        let runs_back = self.last.replace(time).is_some_and(|last| time < last);
        DecodedItem { number: self.number, input, first, runs_back, item, event, tracked }
    }

    /// What an event is beside the one before it of its session.
    #[inline]
    fn beside(&mut self, input: usize, item: &EventlogItem<'_>) -> Tracked {
        let event = &item.event;
        let key = (input, item.section, event.provider_id(), event.session_id());
        let last = self.sessions.get_or_insert_with(key, || None);
        let now = event.timestamp();
        let delta = last.replace(now).map(|last| Micros(now.wrapping_sub(last) as i64));
        Tracked::of_event(delta)
    }
}

impl Default for ItemDecoder {
    fn default() -> ItemDecoder {
        ItemDecoder::new()
    }
}

/// The BBLog connections, each with what was seen of it last.
struct Connections {
    /// Input and section of the current one, which is not in `others`.
    section: (usize, u64),
    key: InputConnection,
    stack: Stack,
    track: Track,
    others: LruMap<InputConnection, Track>,
}

/// The connection, and the input: two of them may be of two machines.
type InputConnection = (bblog_entry::ConnectionKey, usize);

impl Connections {
    fn new() -> Connections {
        Connections {
            section: (usize::MAX, 0),
            key: ([0; 41], usize::MAX),
            stack: Stack::Unknown,
            track: Track::default(),
            others: LruMap::new(CONNECTIONS),
        }
    }

    #[inline]
    fn of(&mut self, input: usize, item: &BblogItem<'_>) -> (Stack, &mut Track) {
        if self.section != (input, item.section) {
            self.change(input, item);
        }
        (self.stack, &mut self.track)
    }

    #[cold]
    fn change(&mut self, input: usize, item: &BblogItem<'_>) {
        self.section = (input, item.section);
        self.stack = Stack::from_name(item.stack);
        let key = (connection_key(item.header), input);
        if key != self.key {
            let track = std::mem::take(&mut self.track);
            if self.key.1 != usize::MAX {
                self.others.insert(self.key, track);
            }
            self.track = self.others.remove(&key).unwrap_or_default();
            self.key = key;
        }
    }
}

/// The number of a BBLog or eventlog event as the input has it, which an unknown one has too.
pub fn event_id(item: &LogItem<'_>) -> u32 {
    match item {
        LogItem::Bblog(item) => u32::from(item.record.event_id()),
        LogItem::Eventlog(item) => item.event.event_id(),
    }
}

/// The payload of an eventlog event; nothing for BBLog.
pub fn payload<'a>(decoded: &DecodedItem<'a>) -> &'a [u8] {
    match decoded.item {
        LogItem::Bblog(_) => &[],
        LogItem::Eventlog(item) => item.event.as_bytes().get(elog::EVENT_HEADER_LEN..).unwrap_or_default(),
    }
}
