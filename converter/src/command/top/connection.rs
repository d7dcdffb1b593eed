// SPDX-License-Identifier: BSD-2-Clause
//! What is kept of a connection to be shown, beside what the analysis keeps of it.

use std::collections::VecDeque;
use std::sync::Arc;

use bblog_analysis::{Connection, Step};
use bblog_dissector::Micros;
use bblog_dissector::bblog::Header;
use bblog_dissector::tcp_provider::{self, Addresses};
use bblog_pcapng::escape::Escaped;

use super::history::{History, Sample};
use super::last_event::LastEvent;
use super::notable::{Beside, Notable, of_step};
use super::recent::{self, ByLimit, Bytes, Recent};
use crate::event::connection::ConnectionRef;
use crate::event::decode::DecodedItem;
use crate::event::item::{EventlogItem, LogItem};

/// Notable events kept of a connection: the last.
pub const NOTABLES: usize = 64;
/// What a BBLog header has where nothing was set.
const NOT_SET: &[u8] = b"UNKNOWN";

/// Which connection it is, and what it runs on. Text is escaped: it is safe to print.
#[derive(Clone, Default)]
pub struct ConnectionIdentity {
    /// Local and remote address, where events had them.
    pub addresses: Option<Addresses>,
    /// The session (eventlog).
    pub session: Option<u64>,
    /// The log id, if one was set.
    pub log_id: Option<Arc<str>>,
    /// The name of the TCP stack, if it is known.
    pub stack: Option<Arc<str>>,
    /// Whether the stack was inferred from the records.
    pub is_stack_inferred: bool,
    /// The congestion control, if it is known.
    pub cc: Option<Arc<str>>,
}

/// The state of a connection that is followed.
pub struct TrackedConnection {
    /// The ends and names that identify it.
    pub identity: ConnectionIdentity,
    /// Time in each state that no later record can change, microseconds.
    pub limits: ByLimit,
    /// The last ten seconds.
    pub recent: Recent,
    /// How windows, round-trip times and rates went.
    pub history: History,
    /// What happened that matters, the oldest first.
    pub notables: VecDeque<Notable>,
    /// The step of its last event.
    pub step: Option<Step>,
    /// The last event of it, and the last that is a segment, for filters that are set later.
    pub last_events: [LastEvent; 2],
    /// The time of its last event.
    pub last: Micros,
    /// When an event of it was selected by the filter last.
    pub selected: Option<Micros>,
    /// Input and section of the last BBLog record: what those say is noted.
    section: Option<(usize, u64)>,
    acked: u64,
    sent: (u64, u64),
}

/// State before the first event.
impl Default for TrackedConnection {
    fn default() -> TrackedConnection {
        TrackedConnection {
            identity: ConnectionIdentity::default(),
            limits: ByLimit::default(),
            recent: Recent::default(),
            history: History::default(),
            notables: VecDeque::new(),
            step: None,
            last_events: Default::default(),
            last: Micros(0),
            selected: None,
            section: None,
            acked: 0,
            sent: (0, 0),
        }
    }
}

impl TrackedConnection {
    /// Takes in an event of the connection, which the analysis has taken in already.
    #[inline]
    pub fn take(&mut self, connection: &mut Connection, step: &Step, decoded: &DecodedItem<'_>) {
        for span in connection.drain_spans() {
            recent::add(&mut self.limits, &span);
            self.recent.span(&span);
        }
        let now = connection.last();
        let bytes = self.bytes(connection);
        if bytes != Bytes::default() {
            self.recent.count(now, bytes);
        }
        let facts = connection.facts();
        let sample =
            Sample { cwnd: facts.cwnd, flight: facts.flight(), srtt_us: connection.srtt_us(), bytes };
        self.history.add(connection.first().unwrap_or(now), now, sample);
        if step.is_notable() {
            self.note(connection, step, decoded.item.time());
        }
        self.identify(decoded);
        (self.step, self.last) = (Some(*step), now);
        // Addresses and ports are those of packets, as in Wireshark.
        let is_segment = match &decoded.item {
            LogItem::Bblog(item) => item.record.is_segment(),
            LogItem::Eventlog(_) => step.segment.is_some(),
        };
        self.last_events[usize::from(is_segment)].keep(decoded);
    }

    /// Bytes since the last event.
    #[inline]
    fn bytes(&mut self, connection: &Connection) -> Bytes {
        let sent = connection.sent_counts();
        let acked = connection.acked_bytes().unwrap_or(self.acked);
        let (bytes, again) = self.sent;
        let since = Bytes {
            acked: acked.saturating_sub(self.acked),
            // A segment that turned out not to have been sent is taken back.
            sent: sent.bytes.saturating_sub(bytes),
            again: sent.retransmitted_bytes.saturating_sub(again),
        };
        (self.acked, self.sent) = (acked, (sent.bytes, sent.retransmitted_bytes));
        since
    }

    #[cold]
    fn note(&mut self, connection: &Connection, step: &Step, time: Micros) {
        let facts = connection.facts();
        let beside = Beside { iss: facts.iss, tcp_state: facts.tcp_state, stall: connection.last_stall() };
        for what in of_step(step, beside) {
            if self.notables.len() >= NOTABLES {
                self.notables.pop_front();
            }
            self.notables.push_back(Notable { time, what });
        }
    }

    /// Notes the ends and names of the connection.
    #[inline]
    fn identify(&mut self, decoded: &DecodedItem<'_>) {
        match &decoded.item {
            LogItem::Bblog(item) => {
                let section = Some((decoded.input, item.section));
                if self.section != section {
                    self.section = section;
                    self.begin_section(decoded);
                }
            }
            LogItem::Eventlog(item) => self.session(decoded, item),
        }
    }

    /// What a section of BBLog says.
    #[cold]
    fn begin_section(&mut self, decoded: &DecodedItem<'_>) {
        let LogItem::Bblog(item) = &decoded.item else { return };
        let identity = &mut self.identity;
        identity.addresses = ConnectionRef::of(&decoded.item).addresses.or(identity.addresses);
        let name = &item.origin.stack_name;
        identity.stack = if item.origin.is_decoded() || name != b"unknown" { text(name) } else { None };
        identity.is_stack_inferred = item.origin.machine.is_stack_inferred;
        let id = Header::unchecked(item.header).map(|header| header.id()).unwrap_or_default();
        if id != NOT_SET && !id.is_empty() {
            identity.log_id = text(id);
        }
    }

    /// What an eventlog event says.
    fn session(&mut self, decoded: &DecodedItem<'_>, item: &EventlogItem<'_>) {
        let identity = &mut self.identity;
        identity.addresses = item.addresses.or(identity.addresses);
        identity.session = Some(item.event.session_id());
        if let Some(id) = tcp_provider::log_id(&item.event) {
            identity.log_id = text(id);
        }
        let stack = tcp_provider::stack_name(&item.event);
        if let Some(stack) = stack {
            identity.stack = text(stack);
        }
        // The parameters of a connection, and the change of one.
        if stack.is_some() || decoded.event.name() == "CC_ALGO_CHANGE" {
            let cc = decoded.event.get("cc_algo").and_then(|field| match field.value {
                bblog_dissector::event::Value::Text(name) => text(name),
                _ => None,
            });
            identity.cc = cc.or(identity.cc.take());
        }
    }
}

/// Text of a log, escaped so that it is safe to print; `None` if there is none.
fn text(bytes: &[u8]) -> Option<Arc<str>> {
    (!bytes.is_empty()).then(|| Escaped(bytes).to_string().into())
}
