// SPDX-License-Identifier: BSD-2-Clause
//! One pass over records and events: each is decoded, selected, and given to a [`Sink`], which
//! turns it into text.

use std::io;

use bblog_dissector::Micros;
use bblog_dissector::event::{Context, Event};
use bblog_dissector::spec::Stack;
use bblog_dissector::track::{Track, Tracked};
use bblog_dissector::{catalog, elog};
use bblog_pcapng::bblog_entry::{self, connection_key};

use crate::event_stream::{Events, Seen, SeenEvent, SeenRecord};
use crate::gather::Gather;
use crate::merge::OnFault;
use crate::meter;
use crate::recent::RecentMap;
use crate::select::Selection;

/// BBLog connections, and sessions, followed at a time.
const CONNECTIONS: usize = 65_536;

/// A decoded record or event, as sinks and selections get it.
pub struct Shown<'a> {
    /// Its number among all events of the inputs, from 1.
    pub number: u64,
    /// The number of its input.
    pub input: usize,
    /// What its source says.
    pub seen: Seen<'a>,
    /// What the tables say.
    pub event: Event<'a>,
    /// What it is beside the record before of its connection, or the event before of its session.
    pub tracked: Tracked,
}

impl Shown<'_> {
    /// Whether no table describes it: then its bytes are all there is to show.
    pub fn is_unknown(&self) -> bool {
        self.event.spec().is_unknown()
    }
}

/// Turns events into text.
pub trait Sink {
    /// Appends what stands before the first event.
    fn begin(&mut self, _out: &mut Vec<u8>) {}

    /// Appends an event.
    fn event(&mut self, shown: &Shown<'_>, out: &mut Vec<u8>);
}

/// Gathers the selected events in `out`, and returns how many there were.
///
/// # Errors
/// Those of `out`; faults of inputs go to `on_fault`.
pub fn list<G: Gather>(
    events: &mut Events,
    selection: &mut Selection,
    sink: &mut impl Sink,
    out: &mut G,
    on_fault: &mut OnFault<'_>,
) -> io::Result<u64> {
    sink.begin(out.buffer()?);
    let mut written = 0;
    walk(events, selection, on_fault, |shown| {
        sink.event(shown, out.buffer()?);
        written += 1;
        out.appended()
    })?;
    Ok(written)
}

/// Calls `each` for the selected events.
///
/// # Errors
/// The first that `each` returns, which ends the walk.
pub fn walk(
    events: &mut Events,
    selection: &mut Selection,
    on_fault: &mut OnFault<'_>,
    mut each: impl FnMut(&Shown<'_>) -> io::Result<()>,
) -> io::Result<()> {
    let mut decoder = Decoder::new();
    while !selection.is_full() && events.advance(on_fault) {
        let Some((input, seen)) = events.seen() else { continue };
        let shown = decoder.show(input, seen);
        meter::count_event();
        if selection.admits(&shown) {
            each(&shown)?;
        }
    }
    Ok(())
}

/// Decodes records and events, one after the other.
pub struct Decoder {
    connections: Connections,
    sessions: RecentMap<SessionKey, Option<u64>>,
    number: u64,
}

/// Input, section, provider and session.
type SessionKey = (usize, u64, u16, u64);

impl Decoder {
    /// A decoder in front of the first event.
    pub fn new() -> Decoder {
        let sessions = RecentMap::new(CONNECTIONS);
        Decoder { connections: Connections::new(), sessions, number: 0 }
    }

    /// Decodes the next event, which is of input number `input`.
    #[inline]
    pub fn show<'a>(&mut self, input: usize, seen: Seen<'a>) -> Shown<'a> {
        self.number += 1;
        let (event, tracked) = match &seen {
            Seen::Bblog(seen) => {
                let (stack, track) = self.connections.of(input, seen);
                let tracked = track.next(&seen.record);
                let cx = Context::new(stack, seen.kernel);
                (Event::of_record(&seen.record, cx), tracked)
            }
            Seen::Eventlog(seen) => {
                let spec = catalog::Catalog::event(seen.tables, seen.event.event_id());
                (Event::of_elog(&seen.event, spec), self.beside(input, seen))
            }
        };
        Shown { number: self.number, input, seen, event, tracked }
    }

    /// What an event is beside the one before it of its session.
    #[inline]
    fn beside(&mut self, input: usize, seen: &SeenEvent<'_>) -> Tracked {
        let event = &seen.event;
        let key = (input, seen.section, event.provider_id(), event.session_id());
        let last = self.sessions.get_or_insert_with(key, || None);
        let now = event.timestamp();
        let delta = last.replace(now).map(|last| Micros(now.wrapping_sub(last) as i64));
        Tracked::of_event(delta)
    }
}

/// Picks events to be passed on as they are: what [`walk`] is for those that are turned into text.
pub struct Picker {
    decoder: Decoder,
    selection: Selection,
}

impl Picker {
    /// Picks what `selection` selects; `None` if that is everything, which needs no decoding.
    pub fn new(selection: Selection) -> Option<Picker> {
        (!selection.is_everything()).then(|| Picker { decoder: Decoder::new(), selection })
    }

    /// Whether the next event, of input number `input`, is picked.
    #[inline]
    pub fn picks(&mut self, input: usize, seen: Seen<'_>) -> bool {
        let shown = self.decoder.show(input, seen);
        !self.selection.is_full() && self.selection.admits(&shown)
    }

    /// Whether no further event can be picked.
    #[inline]
    pub fn is_full(&self) -> bool {
        self.selection.is_full()
    }
}

impl Default for Decoder {
    fn default() -> Decoder {
        Decoder::new()
    }
}

/// The BBLog connections, each with what was seen of it last.
struct Connections {
    /// Input and section of the current one, which is not in `others`.
    section: (usize, u64),
    key: ConnectionKey,
    stack: Stack,
    track: Track,
    others: RecentMap<ConnectionKey, Track>,
}

/// The connection, and the input: two of them may be of two machines.
type ConnectionKey = (bblog_entry::ConnectionKey, usize);

impl Connections {
    fn new() -> Connections {
        Connections {
            section: (usize::MAX, 0),
            key: ([0; 41], usize::MAX),
            stack: Stack::Unknown,
            track: Track::default(),
            others: RecentMap::new(CONNECTIONS),
        }
    }

    #[inline]
    fn of(&mut self, input: usize, seen: &SeenRecord<'_>) -> (Stack, &mut Track) {
        if self.section != (input, seen.section) {
            self.change(input, seen);
        }
        (self.stack, &mut self.track)
    }

    #[cold]
    fn change(&mut self, input: usize, seen: &SeenRecord<'_>) {
        self.section = (input, seen.section);
        self.stack = Stack::from_name(seen.stack);
        let key = (connection_key(seen.header), input);
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
pub fn event_id(seen: &Seen<'_>) -> u32 {
    match seen {
        Seen::Bblog(seen) => u32::from(seen.record.event_id()),
        Seen::Eventlog(seen) => seen.event.event_id(),
    }
}

/// The payload of an eventlog event; nothing for BBLog.
pub fn payload<'a>(shown: &Shown<'a>) -> &'a [u8] {
    match shown.seen {
        Seen::Bblog(_) => &[],
        Seen::Eventlog(seen) => seen.event.as_bytes().get(elog::EVENT_HEADER_LEN..).unwrap_or_default(),
    }
}
