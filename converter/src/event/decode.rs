// SPDX-License-Identifier: BSD-2-Clause
//! Records and events decoded, one after the other.

use bblog_analysis::track::{Track, Tracked};
use bblog_analysis::{self as analysis, Item, Numbers, Plans, Resent, Retransmission, Step, Wanted, notices};
use bblog_dissector::Micros;
use bblog_dissector::event::Event;
use bblog_dissector::spec::{AlertGroup, AlertSpec, Category, Severity};
use bblog_dissector::text::InitialSeqs;
use bblog_dissector::{catalog, elog, tables, tcp_provider};
use bblog_pcapng::bblog_entry::{self, connection_key};

use super::connection::is_named;
use super::follow::Follower;
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
    /// What its source says.
    pub item: LogItem<'a>,
    /// The decoded event.
    pub event: Event<'a>,
    /// Facts from the previous record of its connection, or the previous event of its session.
    pub tracked: Tracked,
    /// What its sequence numbers are relative to. Where the log does not hold a SYN, that is one less than the
    /// first sequence number seen, as in tcpdump's lines.
    pub initial_seqs: InitialSeqs,
    /// The segment, if it was sent before.
    pub again: Option<Retransmission>,
    /// What it says of its connection, if [connections are followed](ItemDecoder::follow).
    pub analysis: Option<ItemAnalysis>,
}

/// What an item says of its connection.
#[derive(Clone)]
pub struct ItemAnalysis {
    /// What limits the connection now, and what happened.
    pub step: Step,
    /// The stall that ended with this item, in a sentence.
    pub stall: Option<Box<str>>,
}

impl DecodedItem<'_> {
    /// Whether it is notable: by what it says of its connection, or by an error or a warning of the tables. A closed
    /// window is notable when it closes, not while it stays closed.
    pub fn is_notable(&self) -> bool {
        let is_alarm = |alert: &AlertSpec| {
            alert.group == AlertGroup::Response
                || (alert.severity >= Severity::Warn && alert.name != "zero_window")
        };
        self.analysis.as_ref().is_some_and(|analysis| analysis.step.is_notable())
            || self.event.alerts().any(is_alarm)
    }

    /// Why it deserves notice, as Wireshark shows it. That a stall ended is known if [connections are
    /// followed](ItemDecoder::follow).
    pub fn alerts(&self) -> impl Iterator<Item = &'static AlertSpec> {
        let has_tables = match &self.item {
            LogItem::Bblog(_) => true,
            LogItem::Eventlog(item) => item.tables.is_some(),
        };
        let stall = self.analysis.as_ref().filter(|analysis| analysis.step.stall_ended);
        let stall = stall.and_then(|_| tables::alert("stall"));
        self.event.alerts().chain(notices(&self.event, &self.tracked, has_tables)).chain(stall)
    }

    /// What it is about: loss, if it is a segment that was sent before.
    pub fn category(&self) -> Category {
        if self.again.is_some() { Category::Loss } else { self.event.category() }
    }

    /// Whether no table describes it: then its bytes are all there is to show.
    pub fn is_unknown(&self) -> bool {
        self.event.spec().is_unknown()
    }
}

/// Decodes records and events, one after the other.
pub struct ItemDecoder {
    /// Follows connections, if that is wanted.
    follower: Option<Box<Follower>>,
    plans: Plans,
    connections: BblogConnections,
    sessions: LruMap<InputSession, SessionDecoding>,
    number: u64,
    /// Time of the first event.
    first: Option<Micros>,
}

/// Input, section, provider and session.
type InputSession = (usize, u64, u16, u64);

/// A session as far as the next event of it needs it.
#[derive(Clone, Default)]
struct SessionDecoding {
    /// The time of its last event.
    last: Option<u64>,
    numbers: Numbers,
    resent: Resent,
}

impl ItemDecoder {
    /// A decoder in front of the first event.
    pub fn new() -> ItemDecoder {
        let sessions = LruMap::new(CONNECTIONS);
        ItemDecoder {
            follower: None,
            plans: Plans::new(),
            connections: BblogConnections::new(),
            sessions,
            number: 0,
            first: None,
        }
    }

    /// From now on connections are followed, and each item has what it says of its own.
    pub fn follow(&mut self) {
        self.follower.get_or_insert_with(|| Box::new(Follower::new(Wanted::default())));
    }

    #[cold]
    fn analysis(
        follower: &mut Follower,
        input: usize,
        number: u64,
        item: &LogItem<'_>,
    ) -> Option<ItemAnalysis> {
        let (_, step) = follower.feed(input, number, item)?;
        // Accounts are not of one item.
        follower.take_closed();
        let stall = if step.stall_ended { follower.last_stall().map(String::into) } else { None };
        Some(ItemAnalysis { step, stall })
    }

    /// Decodes the next event, which is of input number `input`.
    #[inline]
    pub fn decode<'a>(&mut self, input: usize, item: LogItem<'a>) -> DecodedItem<'a> {
        self.number += 1;
        let (event, tracked, style, again) = match &item {
            LogItem::Bblog(item) => {
                let followed = self.connections.of(input, item);
                let tracked = followed.track.next(&item.record);
                let style = followed.numbers.of_record(&item.record);
                let (record, context) = (item.record, item.origin.context());
                let event = Event::of_record(&record, context);
                let again = match self.follower {
                    Some(_) => None,
                    None => {
                        let item = Item::Bblog(analysis::RecordItem { record, time: item.time, context });
                        followed.resent.feed(&mut self.plans, &item)
                    }
                };
                let srtt_us = self.plans.srtt_us(&record, &event);
                (event, Tracked { srtt_us, ..tracked }, style, again)
            }
            LogItem::Eventlog(item) => {
                let spec = catalog::Catalog::event(item.tables, item.event.event_id());
                let event = Event::of_elog(&item.event, spec).with_hz(item.ticks_per_second());
                let (tracked, style, again) = self.beside(input, item, &event);
                (event, tracked, style, again)
            }
        };
        let time = item.time();
        let first = *self.first.get_or_insert(time);
        let analysis = match &mut self.follower {
            Some(follower) => ItemDecoder::analysis(follower, input, self.number, &item),
            None => None,
        };
        let again = analysis.as_ref().map_or(again, |analysis| analysis.step.retransmission);
        DecodedItem {
            number: self.number,
            input,
            first,
            item,
            event,
            tracked,
            initial_seqs: style,
            again,
            analysis,
        }
    }

    /// What an event is beside those before it of its session.
    #[inline]
    fn beside(
        &mut self,
        input: usize,
        item: &EventlogItem<'_>,
        decoded: &Event<'_>,
    ) -> (Tracked, InitialSeqs, Option<Retransmission>) {
        let event = &item.event;
        let key = (input, item.section, event.provider_id(), event.session_id());
        let session = self.sessions.get_or_insert_with(key, SessionDecoding::default);
        let now = event.timestamp();
        let delta = session.last.replace(now).map(|last| Micros(now.wrapping_sub(last) as i64));
        if event.event_id() == elog::SESSION_CREATE {
            (session.numbers, session.resent) = Default::default();
        }
        let tracked = Tracked::of_event(delta);
        if item.provider != Some(tcp_provider::NAME) {
            return (tracked, InitialSeqs::default(), None);
        }
        let tracked = tracked.with_srtt(event.event_id(), decoded);
        let style = session.numbers.of_event(event.event_id(), decoded);
        if self.follower.is_some() {
            return (tracked, style, None);
        }
        let (event, spec, time, hz) = (item.event, decoded.spec(), item.time, item.ticks_per_second());
        let item = analysis::EventItem { event, spec, time, hz };
        (tracked, style, session.resent.feed(&mut self.plans, &Item::Eventlog(item)))
    }
}

impl Default for ItemDecoder {
    fn default() -> ItemDecoder {
        ItemDecoder::new()
    }
}

/// The BBLog connections, each with its last record.
struct BblogConnections {
    /// Input and section of the current one, which is not in `others`.
    section: (usize, u64),
    key: InputConnection,
    followed: Followed,
    others: LruMap<InputConnection, Followed>,
}

/// What of a connection is followed from record to record.
#[derive(Default)]
struct Followed {
    track: Track,
    numbers: Numbers,
    resent: Resent,
}

/// The connection, and the input: two of them may be of two machines.
#[derive(Clone, Copy, PartialEq, Eq, Hash)]
struct InputConnection {
    key: bblog_entry::EntryKey,
    input: usize,
    /// Where the header names no connection: the entry, and the initial sequence number.
    unnamed: Option<(u64, u32)>,
}

impl BblogConnections {
    fn new() -> BblogConnections {
        BblogConnections {
            section: (usize::MAX, 0),
            key: InputConnection { key: [0; 41], input: usize::MAX, unnamed: None },
            followed: Followed::default(),
            others: LruMap::new(CONNECTIONS),
        }
    }

    #[inline]
    fn of(&mut self, input: usize, item: &BblogItem<'_>) -> &mut Followed {
        let is_other = |(_, iss): (u64, u32)| iss != item.record.iss();
        if self.section != (input, item.section) || self.key.unnamed.is_some_and(is_other) {
            self.change(input, item);
        }
        &mut self.followed
    }

    #[cold]
    fn change(&mut self, input: usize, item: &BblogItem<'_>) {
        self.section = (input, item.section);
        let unnamed = (!is_named(item.header)).then(|| (item.entry, item.record.iss()));
        let key = InputConnection { key: connection_key(item.header), input, unnamed };
        if key != self.key {
            let followed = std::mem::take(&mut self.followed);
            if self.key.input != usize::MAX {
                self.others.insert(self.key, followed);
            }
            self.followed = self.others.remove(&key).unwrap_or_default();
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
