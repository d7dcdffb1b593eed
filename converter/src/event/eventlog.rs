// SPDX-License-Identifier: BSD-2-Clause
//! The events of an ELOG capture, with the addresses of their connections.

use std::collections::VecDeque;
use std::sync::Arc;

use bblog_dissector::elog::{FileHeader, RawEvent};
use bblog_dissector::tcp_provider::id::{IN, OUT};
use bblog_dissector::tcp_provider::{Addresses, SegmentPlan};
use bblog_dissector::{Micros, catalog};
use bblog_pcapng::elog::CaptureInfo;
use bblog_pcapng::escape::Escaped;
use bblog_pcapng::machine::Machine;
use bblog_pcapng::providers::Providers;
use bblog_pcapng::sessions::{self, Session, SessionChange, SessionContext, SessionKey, Waiting};

use super::backfill::{Backfill, Knowledge};
use super::item::{Clock, EventlogItem, LogItem};
use super::source::{CaptureFacts, EventSource};
use super::tick_rate::TickRateFinder;
use crate::input::InputName;
use crate::input::assumptions::Assumptions;
use crate::input::error::{InputError, InputErrorKind, Recovery};
use crate::input::window::Window;
use crate::lru_map::LruMap;
use crate::source::elog::ElogReader;
use crate::source::{CaptureDrops, InputCounts};

/// How far ahead IN and OUT events are looked at to find out their layout: from the first one on.
const VOTE_BYTES: usize = 256 * 1024;
/// Sessions remembered at a time.
const SESSIONS: usize = 131_072;

/// The events of a capture, as frames.
pub struct ElogStream {
    reader: ElogReader,
    source: String,
    providers: Providers,
    assumptions: Arc<Assumptions>,
    ticks: TickRateFinder,
    /// How IN and OUT are laid out; `None` before the first of them.
    plan: Option<SegmentPlan>,
    sessions: LruMap<SessionKey, Session>,
    backfill: Backfill,
    current: CurrentEvent,
    /// The context of the current event, if it was queued.
    queued_context: SessionContext,
    time: Micros,
    ended: bool,
    /// What is to be said next.
    notices: VecDeque<InputError>,
    /// How many events were out of order was said.
    is_disorder_reported: bool,
}

/// Where the current event is.
#[derive(Clone, Copy, PartialEq, Eq)]
enum CurrentEvent {
    None,
    /// In the reader's window, of the session that was used last.
    OfSession,
    /// In the reader's window, of no session.
    OfNone,
    /// First in the queue.
    Queued,
}

impl ElogStream {
    /// The events of the capture in `window`, which is called `name`.
    ///
    /// # Errors
    /// The [`InputError`] of a file header or provider table that cannot be read.
    pub fn open(
        window: Window,
        name: &InputName,
        assumptions: &Arc<Assumptions>,
    ) -> Result<ElogStream, InputError> {
        let reader = ElogReader::open(window, assumptions.sorts)?;
        let providers = Providers::of_table(reader.table_bytes());
        let time = reader.header().utc(reader.header().capture_start);
        let mut stream = ElogStream {
            reader,
            source: name.file_name(),
            providers,
            assumptions: Arc::clone(assumptions),
            ticks: TickRateFinder::new(assumptions),
            plan: None,
            sessions: LruMap::new(SESSIONS),
            backfill: Backfill::default(),
            current: CurrentEvent::None,
            queued_context: SessionContext::default(),
            time,
            ended: false,
            notices: VecDeque::new(),
            is_disorder_reported: false,
        };
        stream.vote();
        let ElogStream { reader, providers, ticks, .. } = &mut stream;
        let is_tcp = |event: &RawEvent<'_>| providers.is_tcp(event.provider_id());
        ticks.look_ahead(reader.lookahead(VOTE_BYTES).filter(is_tcp));
        Ok(stream)
    }

    /// Steps to the next event; `false` at the end.
    ///
    /// # Errors
    /// A [`InputError`]; call again for what follows.
    pub fn advance(&mut self) -> Result<bool, InputError> {
        if let Some(notice) = self.notices.pop_front() {
            return Err(notice);
        }
        if std::mem::replace(&mut self.current, CurrentEvent::None) == CurrentEvent::Queued {
            self.backfill.pop();
        }
        while self.current == CurrentEvent::None {
            if let Some(context) = self.first_queued() {
                (self.current, self.queued_context) = (CurrentEvent::Queued, context);
            } else if !self.read_event()? {
                return self.tell_order().map_or(Ok(false), Err);
            }
        }
        if let Some(event) = self.event() {
            self.time = self.reader.header().utc(event.timestamp());
        }
        Ok(true)
    }

    /// How many events were out of order, once, if any was.
    fn tell_order(&mut self) -> Option<InputError> {
        if std::mem::replace(&mut self.is_disorder_reported, true) {
            return None;
        }
        InputError::out_of_order(self.reader.disorder())
    }

    /// Whether the next step has to wait for a live input.
    pub fn is_dry(&mut self) -> bool {
        self.reader.is_dry()
    }

    /// UTC of the current event, or of the last one.
    pub fn time(&self) -> Micros {
        self.time
    }

    /// Time stamp of the newest event so far.
    pub fn newest(&self) -> u64 {
        self.reader.newest()
    }

    /// The contents of the capture's section header.
    pub fn info(&self) -> CaptureInfo<'_> {
        let names: Vec<_> = self.reader.providers().map(|(_, name)| Escaped(name).to_string()).collect();
        CaptureInfo {
            header: self.reader.header(),
            table: self.reader.table_bytes(),
            providers: if names.is_empty() { "no provider".to_owned() } else { names.join(", ") },
            source: self.source.clone(),
            machine: Machine { hz: self.ticks.current(), ..Machine::default() },
        }
    }

    /// Where the events IN and OUT have their members; `None` before the first of them.
    #[inline]
    pub fn plan(&self) -> Option<&SegmentPlan> {
        self.plan.as_ref()
    }

    /// The current event with all that is known of it; `None` unless [`ElogStream::advance`] just
    /// stepped to one.
    #[inline]
    pub fn item(&self) -> Option<EventlogItem<'_>> {
        let event = self.event()?;
        let provider = self.providers.get(event.provider_id());
        Some(EventlogItem {
            event,
            time: self.time,
            clock: if self.header().start_utc_us == 0 { Clock::Uptime } else { Clock::Utc },
            provider: provider.map(|provider| provider.name.as_slice()),
            tables: provider.and_then(|provider| provider.spec),
            addresses: self.addresses(),
            hz: self.ticks.current(),
            section: 0,
            is_damaged: false,
            series: 0,
        })
    }

    /// The capture's file header.
    pub fn header(&self) -> &FileHeader {
        self.reader.header()
    }

    /// The provider table with its count.
    pub fn table_bytes(&self) -> &[u8] {
        self.reader.table_bytes()
    }

    /// Addresses of the current event's connection, if they are known.
    #[inline]
    pub fn addresses(&self) -> Option<Addresses> {
        self.context().addresses
    }

    /// The context of the current event.
    #[inline]
    pub fn context(&self) -> &SessionContext {
        static NOTHING: SessionContext = SessionContext { addresses: None, snd_scale: 0, rcv_scale: 0 };
        match self.current {
            CurrentEvent::OfSession => self.sessions.latest().map_or(&NOTHING, |session| &session.context),
            CurrentEvent::Queued => &self.queued_context,
            CurrentEvent::None | CurrentEvent::OfNone => &NOTHING,
        }
    }

    /// The current event; `None` unless [`ElogStream::advance`] just stepped to one.
    #[inline]
    pub fn event(&self) -> Option<RawEvent<'_>> {
        match self.current {
            CurrentEvent::None => None,
            CurrentEvent::OfSession | CurrentEvent::OfNone => self.reader.event(),
            CurrentEvent::Queued => RawEvent::whole(self.backfill.first()?).ok(),
        }
    }

    /// The context of the first queued event, if it can go.
    #[inline]
    fn first_queued(&mut self) -> Option<SessionContext> {
        if self.backfill.is_empty() {
            return None;
        }
        if let Some(context) = self.backfill.first_context() {
            return Some(context);
        }
        // What a live input has shown does not wait for what it may show later.
        if !self.ended && !self.backfill.is_full() && !self.reader.pauses() {
            return None;
        }
        if let Some((key, wait)) = self.backfill.give_up()
            && let Some(session) = self.sessions.get_mut(&key)
            && session.waiting == Waiting::Since(wait)
        {
            session.waiting = Waiting::Over;
        }
        self.backfill.first_context()
    }

    /// Reads one event, which becomes the current one if it can go right away; else it is put
    /// into the queue. `false` if nothing is left in either.
    fn read_event(&mut self) -> Result<bool, InputError> {
        let Some(mut event) = self.reader.step()? else {
            self.ended = true;
            return Ok(!self.backfill.is_empty());
        };
        let provider_id = event.provider_id();
        let provider = self.providers.get(provider_id);
        if provider.is_some_and(|provider| provider.is_tcp) {
            self.ticks.observe(&event);
        }
        let session_id = event.session_id();
        let key = match provider {
            Some(provider) if provider.is_tcp && !sessions::is_no_session(session_id) => {
                (provider.name_number, session_id)
            }
            _ if self.backfill.is_empty() => {
                self.current = CurrentEvent::OfNone;
                return Ok(true);
            }
            _ => {
                self.backfill.push(event.as_bytes(), Knowledge::Known(SessionContext::default()));
                return Ok(true);
            }
        };
        if self.plan.is_none() && matches!(event.event_id(), IN | OUT) {
            self.plan = self.vote().map(SegmentPlan::of);
            let Some(again) = self.reader.event() else { return Ok(true) };
            event = again;
        }
        let session = self.sessions.get_or_insert_with(key, Session::default);
        let waiting = session.waiting;
        match session.observe(&event) {
            SessionChange::None => {}
            SessionChange::Settled => {
                session.waiting = Waiting::Over;
                if let Waiting::Since(id) = waiting {
                    self.backfill.settle(id, session.context);
                }
            }
            SessionChange::Restarted(before) => {
                if session.is_ambiguous() {
                    let kind = InputErrorKind::SessionTwice { session: session_id };
                    self.notices.push_back(InputError { offset: None, kind, recovery: Recovery::Nothing });
                }
                if let Waiting::Since(id) = waiting {
                    self.backfill.settle(id, before);
                }
            }
        }
        if session.waiting == Waiting::Over && self.backfill.is_empty() {
            self.current = CurrentEvent::OfSession;
            return Ok(true);
        }
        let knowledge = match session.waiting {
            Waiting::Over => Knowledge::Known(session.context),
            Waiting::Since(id) => Knowledge::Waits(id),
            Waiting::NotYet => {
                let id = self.backfill.wait(key);
                session.waiting = Waiting::Since(id);
                Knowledge::Waits(id)
            }
        };
        self.backfill.push(event.as_bytes(), knowledge);
        Ok(true)
    }

    /// Decides on the layout of the `tcp` provider from the next events.
    fn vote(&mut self) -> Option<&'static catalog::ProviderSpec> {
        let votes = self.providers.votes(self.reader.lookahead(VOTE_BYTES));
        let layout = self.assumptions.layout(votes.winner());
        self.providers.describe(&self.assumptions.catalog, layout);
        self.providers.tcp()
    }
}

impl EventSource for ElogStream {
    #[inline]
    fn advance(&mut self) -> Result<bool, InputError> {
        let more = ElogStream::advance(self)?;
        if more { Ok(true) } else { self.ticks.finish().map_or(Ok(false), Err) }
    }

    fn is_dry(&mut self) -> bool {
        ElogStream::is_dry(self)
    }

    fn time(&self) -> Micros {
        ElogStream::time(self)
    }

    #[inline]
    fn item(&self) -> Option<LogItem<'_>> {
        ElogStream::item(self).map(LogItem::Eventlog)
    }

    fn capture(&self) -> Option<CaptureFacts<'_>> {
        Some(CaptureFacts { header: self.header(), table: self.table_bytes() })
    }

    fn counts(&self) -> InputCounts {
        InputCounts { sections: 1, ..InputCounts::default() }
    }

    fn drops(&self) -> CaptureDrops {
        CaptureDrops::of_capture(self.header(), self.header().capture_start, ElogStream::newest(self))
    }
}
