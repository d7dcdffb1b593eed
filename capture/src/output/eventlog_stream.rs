// SPDX-License-Identifier: BSD-2-Clause
//! Events into the one stream (`-o`).

use std::collections::HashMap;

use bblog_dissector::Micros;
use bblog_dissector::elog::{RawEvent, SESSION_END};
use bblog_dissector::tcp_provider::{self, Addresses};
use bblog_pcapng::sessions::{Session, SessionChange, SessionContext, SessionKey};

use crate::device::clock::Anchor;
use crate::eventlog::capture::EventlogCapture;
use crate::eventlog::ended::EndedSession;
use crate::output::stream::{SectionOwner, StreamOut};

/// How many sessions are kept.
const SESSIONS: usize = 65_536;

/// Events on their way into the stream.
pub struct EventlogOut {
    /// The subscription.
    pub capture: EventlogCapture,
    sessions: HashMap<SessionKey, StreamSession>,
    events: u64,
    last: Micros,
    /// How the clocks stood when the section was begun.
    anchor: Anchor,
}

struct StreamSession {
    session: Session,
    /// The connection's tcpcb, 0 until it is known.
    tcpcb: u64,
}

impl EventlogOut {
    /// No session yet.
    pub fn new(capture: EventlogCapture) -> EventlogOut {
        let anchor = capture.anchor();
        EventlogOut { capture, sessions: HashMap::new(), events: 0, last: Micros(0), anchor }
    }

    /// Processes a read.
    pub fn take(&mut self, bytes: &[u8], stream: &mut StreamOut) {
        self.capture.look_around();
        let mut hints = self.capture.look_ahead(bytes);
        let mut rest = bytes;
        while let Ok(Some((event, after))) = RawEvent::split(rest) {
            rest = after;
            stream.counters.events += 1;
            self.events += 1;
            if stream.owner != SectionOwner::Eventlog || self.anchor != self.capture.anchor() {
                self.anchor = begin(&self.capture, stream);
            }
            self.last = self.anchor.utc(event.timestamp());
            let key = self.capture.key(&event);
            let context = match self.capture.is_tcp(&event) {
                true => self.observe(key, &event, hints.get(&key)),
                false => SessionContext::default(),
            };
            self.capture.event(&mut stream.buffer, self.anchor, &event, &context);
            if event.event_id() == SESSION_END {
                if let Some(StreamSession { session, tcpcb }) = self.sessions.remove(&key) {
                    let ended = EndedSession { tcpcb, context: session.context, log_id: Vec::new() };
                    self.capture.ended.remember(key, ended);
                }
                hints.remove(&key);
            }
            stream.buffered += 1;
            stream.flush_if_full();
        }
        if !rest.is_empty() {
            stream.counters.skipped_entries += 1;
            // Reports the problem.
            self.capture.events(rest).for_each(drop);
        }
    }

    /// Follows an event of the `tcp` provider; what is known of its connection then. `hint` are the
    /// addresses that a later event says.
    fn observe(&mut self, key: SessionKey, event: &RawEvent<'_>, hint: Option<&Addresses>) -> SessionContext {
        if self.sessions.len() >= SESSIONS && !self.sessions.contains_key(&key) {
            // Their addresses come again with the next replay at the latest.
            self.sessions.clear();
        }
        let tcpcb = tcp_provider::tcpcb(event);
        let ended = &mut self.capture.ended;
        let state = self.sessions.entry(key).or_insert_with(|| {
            let mut session = Session::default();
            if let Some(before) = tcpcb.and_then(|tcpcb| ended.resume(key, tcpcb)) {
                session.context = before.context;
            }
            StreamSession { session, tcpcb: 0 }
        });
        state.tcpcb = tcpcb.unwrap_or(state.tcpcb);
        let change = state.session.observe(event);
        if state.session.context.addresses.is_none() {
            state.session.context.addresses = hint.copied();
        }
        let context = state.session.context;
        if let SessionChange::Restarted(before) = change {
            let name = before
                .connection()
                .map_or_else(|| format!("session {}", key.1), |(local, remote)| format!("{local} {remote}"));
            self.capture.tell_restart(key, &name);
        }
        context
    }

    /// Ends the section with its statistics.
    pub fn finish(&mut self, stream: &mut StreamOut) {
        if stream.owner != SectionOwner::Eventlog {
            self.anchor = begin(&self.capture, stream);
        }
        let drops = self.capture.kernel_drops.total();
        self.capture.statistics(&mut stream.buffer, self.last, self.events, drops);
    }
}

/// Begins a section; returns how the clocks stand.
fn begin(capture: &EventlogCapture, stream: &mut StreamOut) -> Anchor {
    let anchor = capture.anchor();
    capture.section(&mut stream.buffer, anchor);
    stream.owner = SectionOwner::Eventlog;
    anchor
}
