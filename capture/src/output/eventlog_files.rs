// SPDX-License-Identifier: BSD-2-Clause
//! Events to files: one for each session, in pcapng or in the format of elog(1).

use std::collections::{HashMap, VecDeque};
use std::net::IpAddr;
use std::time::{Duration, Instant};

use bblog_dissector::Micros;
use bblog_dissector::elog::{FILE_HEADER_LEN, RawEvent, SESSION_END};
use bblog_dissector::tcp_provider;
use bblog_pcapng::sessions::{Session, SessionChange, SessionContext, SessionKey};

use crate::device::clock::Anchor;
use crate::eventlog::capture::EventlogCapture;
use crate::eventlog::ended::EndedSession;
use crate::store::files::{PartFile, Store};
use crate::store::index::IndexLine;
use crate::store::name;

/// Bytes of one session given to the system at once.
const FLUSH: usize = 64 * 1024;
/// Bytes of all sessions together that wait to be given to the system.
const FLUSH_ALL: usize = 8 << 20;
/// How many sessions are kept. If there are more, the least recently used are finished.
const SESSIONS: usize = 32_768;
/// An unused session's file is finished after this time: its end may never be logged.
const UNUSED: Duration = Duration::from_secs(600);
/// How often unused sessions are looked for.
const LOOK: Duration = Duration::from_secs(10);

/// How files are written.
#[derive(Clone, Copy, Debug, PartialEq, Eq, clap::ValueEnum)]
pub enum EventFormat {
    /// pcapng, for Wireshark
    Pcapng,
    /// ELOG, for elog(1)
    Elog,
}

/// Options of the operator.
#[derive(Clone, Copy, Debug)]
pub struct Rotation {
    /// How files are written.
    pub format: EventFormat,
    /// Bytes after which a file is finished and another begun, 0 for any number.
    pub size: u64,
    /// Time after which it is, 0 for any.
    pub time: Duration,
    /// Files that may be open at a time.
    pub max_open: usize,
}

/// The sessions' files.
pub struct EventlogFiles {
    /// The subscription.
    pub capture: EventlogCapture,
    rotation: Rotation,
    sessions: HashMap<SessionKey, SessionFileState>,
    /// Sessions with something to flush.
    dirty: Vec<SessionKey>,
    dirty_bytes: usize,
    /// Sessions whose file is open, in the order they were opened.
    open: VecDeque<SessionKey>,
    looked: Instant,
}

struct SessionFileState {
    session: Session,
    /// The connection's tcpcb, 0 until it is known.
    tcpcb: u64,
    log_id: Vec<u8>,
    /// Whether that is the id of the session that this one continues.
    is_id_old: bool,
    stack: Vec<u8>,
    used: Instant,
    file: Option<OpenFile>,
}

/// A file, or what will be one at the first flush.
struct OpenFile {
    part: Option<PartFile>,
    buffer: Vec<u8>,
    /// Events in the buffer, and in the file.
    buffered: u64,
    events: u64,
    first: u64,
    last: u64,
    ended: bool,
    begun: Instant,
    /// The clocks when it began.
    anchor: Anchor,
    /// How many events had been dropped by the time of its first one.
    kernel_drops: u64,
}

impl EventlogFiles {
    /// No session yet.
    pub fn new(capture: EventlogCapture, rotation: Rotation) -> EventlogFiles {
        EventlogFiles {
            capture,
            rotation,
            sessions: HashMap::new(),
            dirty: Vec::new(),
            dirty_bytes: 0,
            open: VecDeque::new(),
            looked: Instant::now(),
        }
    }

    /// Processes a read.
    pub fn take(&mut self, bytes: &[u8], store: &mut Store) {
        self.capture.look_around();
        let mut hints = self.capture.look_ahead(bytes);
        let now = Instant::now();
        let mut rest = bytes;
        while let Ok(Some((event, after))) = RawEvent::split(rest) {
            rest = after;
            let key = self.capture.key(&event);
            self.event(key, &event, hints.get(&key).copied(), now, store);
            if event.event_id() == SESSION_END {
                hints.remove(&key);
            }
        }
        if !rest.is_empty() {
            // Reports the problem.
            store.counters.skipped_entries += 1;
            self.capture.events(rest).for_each(drop);
        }
        if self.dirty_bytes >= FLUSH_ALL {
            self.flush(store);
        }
    }

    fn event(
        &mut self,
        key: SessionKey,
        event: &RawEvent<'_>,
        hint: Option<tcp_provider::Addresses>,
        now: Instant,
        store: &mut Store,
    ) {
        store.counters.events += 1;
        if self.sessions.len() >= SESSIONS && !self.sessions.contains_key(&key) {
            self.finish_longest_unused(store);
        }
        let is_tcp = self.capture.is_tcp(event);
        let ended = &mut self.capture.ended;
        let state = self.sessions.entry(key).or_insert_with(|| {
            let mut state = SessionFileState::new(now);
            if let Some(tcpcb) = tcp_provider::tcpcb(event).filter(|_| is_tcp)
                && let Some(before) = ended.resume(key, tcpcb)
            {
                (state.session.context, state.log_id) = (before.context, before.log_id);
                state.is_id_old = true;
            }
            state
        });
        state.used = now;
        if is_tcp && let Some(before) = state.restarts(event) {
            self.begin_again(key, before, store);
        }
        let Some(state) = self.sessions.get_mut(&key) else { return };
        if is_tcp {
            state.learn(event, hint);
        }
        if state.file.is_none() {
            if store.retry_if_due() {
                let name = self.base(key);
                return store.dropped(&name, 1);
            }
            state.file = Some(OpenFile::new(&self.capture, event.timestamp(), now));
        }
        let Some(file) = &mut state.file else { return };
        let was = file.buffer.len();
        if was == 0 {
            self.dirty.push(key);
        }
        file.append(&self.capture, self.rotation.format, event, &state.session.context);
        let (len, size) = (file.buffer.len(), file.len());
        self.dirty_bytes += len - was;
        if event.event_id() == SESSION_END {
            self.finish(key, store);
            if let Some(SessionFileState { tcpcb, session, log_id, .. }) = self.sessions.remove(&key) {
                self.capture.ended.remember(key, EndedSession { tcpcb, context: session.context, log_id });
            }
        } else if self.rotation.size > 0 && size >= self.rotation.size {
            self.finish(key, store);
        } else if len >= FLUSH {
            self.flush_one(key, store);
        }
    }

    /// Another connection begins under a session's number; `before` is what was known of the one
    /// whose file that is.
    fn begin_again(&mut self, key: SessionKey, before: SessionContext, store: &mut Store) {
        let Some(state) = self.sessions.get_mut(&key) else { return };
        let fresh = std::mem::replace(&mut state.session.context, before);
        let name = self.base(key);
        self.capture.tell_restart(key, &name);
        self.finish(key, store);
        let Some(state) = self.sessions.get_mut(&key) else { return };
        state.session.context = fresh;
        state.log_id.clear();
    }

    /// Whether there is anything to flush.
    pub fn is_dirty(&self) -> bool {
        self.dirty_bytes > 0
    }

    /// Gives everything to the system.
    pub fn flush(&mut self, store: &mut Store) {
        for key in std::mem::take(&mut self.dirty) {
            self.flush_one(key, store);
        }
        self.dirty_bytes = 0;
    }

    /// Finishes files that are old or unused; to be called about once a second.
    pub fn tick(&mut self, store: &mut Store) {
        let limit = self.rotation.time;
        if limit.is_zero() && self.looked.elapsed() < LOOK {
            return;
        }
        self.looked = Instant::now();
        let is_due = |entry: &SessionFileState| {
            let begun = entry.file.as_ref().map(|file| file.begun);
            begun.is_some_and(|begun| !limit.is_zero() && begun.elapsed() >= limit)
                || entry.used.elapsed() >= UNUSED
        };
        let due: Vec<SessionKey> = self
            .sessions
            .iter()
            .filter(|(_, entry)| entry.file.is_some() && is_due(entry))
            .map(|(key, _)| *key)
            .collect();
        due.into_iter().for_each(|key| self.finish(key, store));
    }

    /// Finishes all files.
    pub fn finish_all(&mut self, store: &mut Store) {
        let mut keys: Vec<SessionKey> = self.sessions.keys().copied().collect();
        keys.sort_unstable();
        keys.into_iter().for_each(|key| self.finish(key, store));
    }

    fn finish_longest_unused(&mut self, store: &mut Store) {
        let mut used: Vec<(Instant, SessionKey)> =
            self.sessions.iter().map(|(key, entry)| (entry.used, *key)).collect();
        used.sort_unstable();
        for (_, key) in used.into_iter().take(SESSIONS / 16) {
            self.finish(key, store);
            self.sessions.remove(&key);
        }
    }

    /// The beginning of the names of a session's files.
    fn base(&self, key: SessionKey) -> String {
        let provider = self.capture.provider_name(key);
        let Some(entry) = self.sessions.get(&key) else { return name::safe(provider) };
        if let Some((local, remote)) = entry.session.context.connection() {
            let id = if entry.log_id.is_empty() { b"UNKNOWN" } else { entry.log_id.as_slice() };
            return name::of_connection(id, local.port(), remote.ip(), remote.port());
        }
        match self.capture.is_no_session(key) {
            true => format!("{}_global", name::safe(provider)),
            false => format!("{}_{}", name::safe(provider), key.1),
        }
    }

    fn end(&self) -> &'static str {
        match self.rotation.format {
            EventFormat::Pcapng => ".pcapng",
            EventFormat::Elog => ".elog",
        }
    }

    fn flush_one(&mut self, key: SessionKey, store: &mut Store) {
        let base = self.base(key);
        let end = self.end();
        let Some(file) = self.sessions.get_mut(&key).and_then(|entry| entry.file.as_mut()) else { return };
        if file.buffer.is_empty() {
            return;
        }
        if !file.part.as_ref().is_some_and(PartFile::is_open) {
            self.open.push_back(key);
        }
        if file.part.is_none() {
            file.part = store.begin(&base, end);
        }
        let done = file.part.as_mut().is_some_and(|part| store.append(part, &file.buffer));
        let events = std::mem::take(&mut file.buffered);
        // Most sessions are quiet most of the time: no memory is kept for them.
        self.dirty_bytes = self.dirty_bytes.saturating_sub(file.buffer.len());
        file.buffer = Vec::new();
        if done {
            file.events += events;
        } else {
            store.dropped(&base, events);
            self.complete(key, store);
        }
        while self.open.len() > self.rotation.max_open {
            let Some(oldest) = self.open.pop_front() else { break };
            let entry = self.sessions.get_mut(&oldest);
            if let Some(part) =
                entry.and_then(|entry| entry.file.as_mut()).and_then(|file| file.part.as_mut())
            {
                store.close(part);
            }
        }
    }

    /// Finishes a session's file, if it has one.
    fn finish(&mut self, key: SessionKey, store: &mut Store) {
        let Some(file) = self.sessions.get_mut(&key).and_then(|entry| entry.file.as_mut()) else { return };
        if self.rotation.format == EventFormat::Pcapng {
            let was = file.buffer.len();
            let drops = self.capture.kernel_drops.total().saturating_sub(file.kernel_drops);
            let time = file.anchor.utc(file.last);
            self.capture.statistics(&mut file.buffer, time, file.events + file.buffered, drops);
            self.dirty_bytes += file.buffer.len() - was;
        }
        self.flush_one(key, store);
        self.complete(key, store);
    }

    fn complete(&mut self, key: SessionKey, store: &mut Store) {
        let (base, end) = (self.base(key), self.end());
        let Some(entry) = self.sessions.get_mut(&key) else { return };
        let Some(file) = entry.file.take() else { return };
        let Some(mut part) = file.part else { return };
        if part.len == 0 {
            return store.discard(part);
        }
        let drops = self.capture.kernel_drops.total().saturating_sub(file.kernel_drops);
        if self.rotation.format == EventFormat::Elog {
            let header = self.capture.elog_header(file.anchor, file.first, file.events, drops);
            store.overwrite_start(&mut part, &header.to_bytes());
        }
        let connection = entry.session.context.connection();
        let side = |side: std::net::SocketAddr| -> (IpAddr, u16) { (side.ip(), side.port()) };
        let known = |text: &[u8]| if text.is_empty() { b"UNKNOWN".to_vec() } else { text.to_vec() };
        let line = IndexLine {
            date: file.anchor.utc(file.last).seconds(),
            id: known(&entry.log_id),
            reason: b"eventlog".to_vec(),
            remote: connection.map(|(_, remote)| side(remote)),
            local: connection.map(|(local, _)| side(local)),
            records: file.events,
            stack: known(&entry.stack),
            duration: Micros(file.last.wrapping_sub(file.first) as i64),
            ended: file.ended,
            tag: b"UNKNOWN".to_vec(),
            source: "eventlog",
            missing: drops,
        };
        store.complete(part, &base, end, line);
    }
}

impl SessionFileState {
    fn new(now: Instant) -> SessionFileState {
        SessionFileState {
            session: Session::default(),
            tcpcb: 0,
            log_id: Vec::new(),
            is_id_old: false,
            stack: Vec::new(),
            used: now,
            file: None,
        }
    }

    /// Follows an event of the `tcp` provider. If it begins another session of that number, what
    /// was known of the one before comes back.
    fn restarts(&mut self, event: &RawEvent<'_>) -> Option<SessionContext> {
        let before = self.session.context;
        matches!(self.session.observe(event), SessionChange::Restarted(_)).then_some(before)
    }

    /// Learns what an event of the `tcp` provider says about its connection. `hint` are the
    /// addresses that a later event says.
    fn learn(&mut self, event: &RawEvent<'_>, hint: Option<tcp_provider::Addresses>) {
        if self.session.context.addresses.is_none() {
            self.session.context.addresses = hint;
        }
        if let (Some(id), true) = (tcp_provider::log_id(event), self.log_id.is_empty() || self.is_id_old) {
            (self.log_id, self.is_id_old) = (id.to_vec(), false);
        }
        if let Some(tcpcb) = tcp_provider::tcpcb(event) {
            self.tcpcb = tcpcb;
        }
        if let Some(stack) = tcp_provider::stack_name(event).filter(|name| !name.is_empty()) {
            self.stack = stack.to_vec();
        }
    }
}

impl OpenFile {
    fn new(capture: &EventlogCapture, first: u64, begun: Instant) -> OpenFile {
        OpenFile {
            part: None,
            buffer: Vec::new(),
            buffered: 0,
            events: 0,
            first,
            last: first,
            ended: false,
            begun,
            anchor: capture.anchor(),
            kernel_drops: capture.kernel_drops.before(first),
        }
    }

    /// Puts an event into the buffer.
    fn append(
        &mut self,
        capture: &EventlogCapture,
        format: EventFormat,
        event: &RawEvent<'_>,
        context: &SessionContext,
    ) {
        if self.buffer.is_empty() && self.part.is_none() {
            self.begin(capture, format);
        }
        match format {
            EventFormat::Pcapng => capture.event(&mut self.buffer, self.anchor, event, context),
            EventFormat::Elog => self.buffer.extend_from_slice(event.as_bytes()),
        }
        self.buffered += 1;
        self.last = event.timestamp();
        self.ended |= event.event_id() == SESSION_END;
    }

    /// Bytes of the file, those in the buffer included.
    fn len(&self) -> u64 {
        self.part.as_ref().map_or(0, |part| part.len) + self.buffer.len() as u64
    }

    /// Appends what precedes the first event to the buffer.
    fn begin(&mut self, capture: &EventlogCapture, format: EventFormat) {
        match format {
            EventFormat::Pcapng => capture.section(&mut self.buffer, self.anchor),
            EventFormat::Elog => {
                let header = capture.elog_header(self.anchor, self.first, 0, 0).to_bytes();
                debug_assert_eq!(header.len(), FILE_HEADER_LEN);
                self.buffer.extend_from_slice(&header);
                self.buffer.extend_from_slice(&capture.table);
            }
        }
    }
}
