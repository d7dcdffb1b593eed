// SPDX-License-Identifier: BSD-2-Clause
//! ELOG events as a pcapng section: packets from IN and OUT, upper PDUs from the rest.

use std::io::Write;
use std::sync::Arc;

use bblog_dissector::elog::{FileHeader, RawEvent};
use bblog_dissector::layout::Votes;
use bblog_dissector::{Micros, catalog};

use crate::backfill::{Backfill, Knowledge};
use crate::error::{Fault, WriteError};
use crate::escape::Escaped;
use crate::input::Name;
use crate::owner::Owner;
use crate::packet::{Headers, Link};
use crate::pcapng::elog::{CaptureInfo, EVENTS, MAX_OPTION_EVENT, PACKETS, UpperPduTags, event_parts};
use crate::pcapng::{Direction, EPB_FLAGS, EnhancedPacket, OPT_CUSTOM, RawOption, Section, SectionKey, Sink};
use crate::recent::RecentMap;
use crate::segment::{IN, OUT, Plan, Segment};
use crate::sessions::{self, Addresses, Change, Context, Session, SessionKey, Waiting};
use crate::source::Window;
use crate::source::elog::ElogReader;
use crate::tables::Tables;

/// How far ahead IN and OUT events are looked at to find out their layout: from the first one on.
const VOTE_BYTES: usize = 256 * 1024;

/// The events of a capture, as frames.
pub struct ElogStream {
    reader: ElogReader,
    key: SectionKey,
    source: String,
    providers: Vec<Provider>,
    tables: Arc<Tables>,
    /// How IN and OUT are laid out; `None` before the first of them.
    plan: Option<Plan>,
    sessions: RecentMap<SessionKey, Session>,
    backfill: Backfill,
    current: Current,
    time: Micros,
    ended: bool,
}

struct Provider {
    id: u16,
    name: Vec<u8>,
    /// Equal for providers of one name.
    name_number: u16,
    is_tcp: bool,
    /// What describes its events, as far as that is known.
    tables: Option<&'static catalog::Provider>,
}

/// Where the current event is.
enum Current {
    None,
    /// In the reader's window.
    Read(Context),
    /// First in the queue.
    Queued(Context),
}

impl ElogStream {
    /// The events of input number `input`.
    ///
    /// # Errors
    /// The [`Fault`] of a file header or provider table that cannot be read.
    pub fn open(
        window: Window,
        input: usize,
        name: &Name,
        tables: &Arc<Tables>,
    ) -> Result<ElogStream, Fault> {
        let reader = ElogReader::open(window)?;
        let mut names: Vec<&[u8]> = Vec::new();
        let mut providers: Vec<Provider> = Vec::new();
        for (id, name) in reader.providers() {
            let number = names.iter().position(|known| *known == name).unwrap_or(names.len());
            if number == names.len() {
                names.push(name);
            }
            // The first entry of an id that stands twice wins.
            if providers.iter().all(|known| known.id != id) {
                providers.push(Provider {
                    id,
                    name: name.to_vec(),
                    name_number: number as u16,
                    is_tcp: name == sessions::TCP,
                    tables: tables.catalog.provider(name, tables.layout(None)),
                });
            }
        }
        let time = reader.header().utc(reader.header().capture_start);
        let mut stream = ElogStream {
            reader,
            key: (input, 0),
            source: name.file_name(),
            providers,
            tables: Arc::clone(tables),
            plan: None,
            sessions: sessions::table(),
            backfill: Backfill::default(),
            current: Current::None,
            time,
            ended: false,
        };
        stream.vote();
        Ok(stream)
    }

    /// Steps to the next event; `false` at the end.
    ///
    /// # Errors
    /// A [`Fault`]; call again for what follows.
    pub fn advance(&mut self) -> Result<bool, Fault> {
        if let Current::Queued(_) = std::mem::replace(&mut self.current, Current::None) {
            self.backfill.pop();
        }
        while matches!(self.current, Current::None) {
            if let Some(context) = self.first_queued() {
                self.current = Current::Queued(context);
            } else if !self.read_event()? {
                return Ok(false);
            }
        }
        if let Some(event) = self.event() {
            self.time = self.reader.header().utc(event.timestamp());
        }
        Ok(true)
    }

    /// UTC of the current event, or of the last one.
    pub fn time(&self) -> Micros {
        self.time
    }

    /// Whose the current event is.
    pub fn owner(&self) -> Owner<'_> {
        let Some(event) = self.event() else { return Owner::Nobody };
        let provider = self.provider(event.provider_id()).map_or(&b""[..], |provider| provider.0);
        Owner::Session { event, provider, addresses: self.addresses() }
    }

    /// Writes the current event, and the section header before it if its section is not the
    /// sink's.
    ///
    /// # Errors
    /// [`WriteError`].
    pub fn write<W: Write>(&self, sink: &mut Sink<W>) -> Result<(), WriteError> {
        let (Some(event), Current::Read(context) | Current::Queued(context)) = (self.event(), &self.current)
        else {
            return Ok(());
        };
        sink.section(self.key, || self.section())?;
        if matches!(event.event_id(), IN | OUT)
            && let Some((direction, headers)) = self.packet(&event, context)
        {
            return sink.packet(&EnhancedPacket {
                interface: PACKETS,
                time: self.time,
                original_len: headers.original_len(),
                data: &[headers.as_bytes()],
                options: &[
                    RawOption { code: EPB_FLAGS, parts: &[&direction.flags()] },
                    RawOption { code: OPT_CUSTOM, parts: &event_parts(event.as_bytes()) },
                ],
            });
        }
        let tags = UpperPduTags::new(context.addresses);
        sink.packet(&EnhancedPacket {
            interface: EVENTS,
            time: self.time,
            original_len: (tags.as_bytes().len() + event.as_bytes().len()) as u32,
            data: &[tags.as_bytes(), event.as_bytes()],
            options: &[],
        })
    }

    /// Ends the section with its statistics.
    ///
    /// # Errors
    /// [`WriteError`].
    pub fn finish<W: Write>(&self, sink: &mut Sink<W>) -> Result<(), WriteError> {
        sink.section(self.key, || self.section())?;
        sink.statistics(self.info().statistics(self.time))
    }

    fn info(&self) -> CaptureInfo<'_> {
        let names: Vec<_> = self.reader.providers().map(|(_, name)| Escaped(name).to_string()).collect();
        CaptureInfo {
            header: self.reader.header(),
            table: self.reader.table_bytes(),
            providers: if names.is_empty() { "no provider".to_owned() } else { names.join(", ") },
            source: self.source.clone(),
        }
    }

    fn section(&self) -> Section<'static> {
        self.info().section()
    }

    /// The capture's file header.
    pub fn header(&self) -> &FileHeader {
        self.reader.header()
    }

    /// The provider table with its count.
    pub fn table_bytes(&self) -> &[u8] {
        self.reader.table_bytes()
    }

    /// Name and tables of the provider with this id; `None` if the capture does not name it.
    #[inline]
    pub fn provider(&self, id: u16) -> Option<(&[u8], Option<&'static catalog::Provider>)> {
        let provider = self.providers.iter().find(|provider| provider.id == id)?;
        Some((&provider.name, provider.tables))
    }

    /// Addresses of the current event's connection, if they are known.
    #[inline]
    pub fn addresses(&self) -> Option<Addresses> {
        match &self.current {
            Current::None => None,
            Current::Read(context) | Current::Queued(context) => context.addresses,
        }
    }

    /// The current event; `None` unless [`ElogStream::advance`] just stepped to one.
    #[inline]
    pub fn event(&self) -> Option<RawEvent<'_>> {
        match self.current {
            Current::None => None,
            Current::Read(_) => self.reader.event(),
            Current::Queued(_) => RawEvent::whole(self.backfill.first()?).ok(),
        }
    }

    /// The context of the first queued event, if it can go.
    fn first_queued(&mut self) -> Option<Context> {
        if self.backfill.is_empty() {
            return None;
        }
        if let Some(context) = self.backfill.first_context() {
            return Some(context);
        }
        if !self.ended && !self.backfill.is_full() {
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
    fn read_event(&mut self) -> Result<bool, Fault> {
        let Some(event) = self.reader.step()? else {
            self.ended = true;
            return Ok(!self.backfill.is_empty());
        };
        let provider_id = event.provider_id();
        let provider = self.providers.iter().find(|provider| provider.id == provider_id);
        let Some(provider) = provider.filter(|provider| provider.is_tcp) else {
            self.pass(Knowledge::Known(Context::default()));
            return Ok(true);
        };
        let key = (provider.name_number, event.session_id());
        if sessions::is_no_session(key.1) {
            self.pass(Knowledge::Known(Context::default()));
            return Ok(true);
        }
        let is_segment = matches!(event.event_id(), IN | OUT);
        let session = self.sessions.get_or_insert_with(key, Session::default);
        let waiting = session.waiting;
        match session.observe(&event) {
            Change::None => {}
            Change::Settled => {
                session.waiting = Waiting::Over;
                if let Waiting::Since(id) = waiting {
                    self.backfill.settle(id, session.context);
                }
            }
            Change::Restarted(before) => {
                if let Waiting::Since(id) = waiting {
                    self.backfill.settle(id, before);
                }
            }
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
        if is_segment && self.plan.is_none() {
            self.plan = self.vote().map(Plan::of);
        }
        self.pass(knowledge);
        Ok(true)
    }

    /// Makes the event just read the current one if it can go right away; else it is put into the
    /// queue.
    #[inline]
    fn pass(&mut self, knowledge: Knowledge) {
        match knowledge {
            Knowledge::Known(context) if self.backfill.is_empty() => self.current = Current::Read(context),
            _ => {
                if let Some(event) = self.reader.event() {
                    self.backfill.push(event.as_bytes(), knowledge);
                }
            }
        }
    }

    /// Decides on the layout of the `tcp` provider, by what is in front.
    fn vote(&mut self) -> Option<&'static catalog::Provider> {
        let mut votes = Votes::default();
        let providers = &self.providers;
        let is_tcp = |id| providers.iter().any(|provider| provider.is_tcp && provider.id == id);
        self.reader
            .lookahead(VOTE_BYTES)
            .filter(|event| is_tcp(event.provider_id()))
            .for_each(|event| votes.count(&event));
        let layout = self.tables.layout(votes.winner());
        let tcp = self.tables.catalog.provider(sessions::TCP, layout);
        self.providers.iter_mut().filter(|provider| provider.is_tcp).for_each(|it| it.tables = tcp);
        tcp
    }

    /// The headers of an IN or OUT event's segment, if everything needed is known and the event
    /// fits beside them.
    fn packet(&self, event: &RawEvent<'_>, context: &Context) -> Option<(Direction, Headers)> {
        let (local, remote) = context.connection()?;
        if event.as_bytes().len() > MAX_OPTION_EVENT {
            return None;
        }
        let is_tcp = |provider: &&Provider| provider.is_tcp && provider.id == event.provider_id();
        self.providers.iter().find(is_tcp)?;
        let (direction, from, to, scale) = match event.event_id() {
            IN => (Direction::Inbound, remote, local, context.snd_scale),
            _ => (Direction::Outbound, local, remote, context.rcv_scale),
        };
        let segment = Segment::of(event, self.plan.as_ref()?, scale)?;
        let (tcp, len) = segment.tcp_header(from.port(), to.port());
        Some((direction, Headers::new(Link::Raw, from.ip(), to.ip(), &tcp[..len], segment.len, false)))
    }
}
