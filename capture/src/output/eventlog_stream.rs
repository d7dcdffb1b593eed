// SPDX-License-Identifier: BSD-2-Clause
//! Events into the one stream (`-o`).

use std::collections::HashMap;

use bblog_dissector::Micros;
use bblog_dissector::elog::{RawEvent, SESSION_END};
use bblog_pcapng::sessions::{Session, SessionKey};

use crate::device::clock::Anchor;
use crate::eventlog::capture::Capture;
use crate::output::stream::{SectionOwner, StreamOut};

/// Sessions known at a time.
const SESSIONS: usize = 65_536;

/// Events on their way into the stream.
pub struct EventlogOut {
    /// The subscription.
    pub capture: Capture,
    sessions: HashMap<SessionKey, Session>,
    events: u64,
    last: Micros,
    /// How the clocks stood when the section was begun.
    anchor: Anchor,
}

impl EventlogOut {
    /// No session yet.
    pub fn new(capture: Capture) -> EventlogOut {
        let anchor = capture.anchor();
        EventlogOut { capture, sessions: HashMap::new(), events: 0, last: Micros(0), anchor }
    }

    /// Takes what was read.
    pub fn take(&mut self, bytes: &[u8], stream: &mut StreamOut) {
        self.capture.look_at_clock();
        let mut hints = self.capture.look_ahead(bytes);
        for event in self.capture.events(bytes) {
            stream.counters.events += 1;
            self.events += 1;
            if stream.owner != SectionOwner::Eventlog || self.anchor != self.capture.anchor() {
                self.anchor = begin(&self.capture, stream);
            }
            self.last = self.anchor.utc(event.timestamp());
            let key = self.capture.key(&event);
            let context = match self.capture.is_tcp(&event) {
                true => {
                    let context = observe(&mut self.sessions, key, &event);
                    if context.addresses.is_none() {
                        context.addresses = hints.get(&key).copied();
                    }
                    *context
                }
                false => Default::default(),
            };
            self.capture.event(&mut stream.buffer, self.anchor, &event, &context);
            if event.event_id() == SESSION_END {
                self.sessions.remove(&key);
                hints.remove(&key);
            }
            stream.buffered += 1;
            stream.flush_if_full();
        }
    }

    /// Ends the section with its statistics.
    pub fn finish(&mut self, stream: &mut StreamOut) {
        if stream.owner != SectionOwner::Eventlog {
            self.anchor = begin(&self.capture, stream);
        }
        let drops = self.capture.kernel_drops;
        self.capture.statistics(&mut stream.buffer, self.last, self.events, drops);
    }
}

/// Begins a section; returns how the clocks stand.
fn begin(capture: &Capture, stream: &mut StreamOut) -> Anchor {
    let anchor = capture.anchor();
    capture.section(&mut stream.buffer, anchor);
    stream.owner = SectionOwner::Eventlog;
    anchor
}

fn observe<'a>(
    sessions: &'a mut HashMap<SessionKey, Session>,
    key: SessionKey,
    event: &RawEvent<'_>,
) -> &'a mut bblog_pcapng::sessions::SessionContext {
    if sessions.len() >= SESSIONS && !sessions.contains_key(&key) {
        // Their addresses come again with the next replay at the latest.
        sessions.clear();
    }
    let session = sessions.entry(key).or_default();
    let _ = session.observe(event);
    &mut session.context
}
