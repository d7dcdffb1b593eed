// SPDX-License-Identifier: BSD-2-Clause
//! Sessions of eventlog's `tcp` provider: which connection an event belongs to.
//!
//! A session is a connection's PCB. It is identified by the *name* of the provider and the session id: a
//! connection keeps the id when it changes to a stack with another provider of the same name. Its
//! addresses come in CONN_SET_IP_V4 or _V6, which may repeat. Replays repeat SESSION_CREATE; with
//! the same tcpcb and no SESSION_END between it is the same connection. SESSION_END may be
//! missing, and after it the same id may begin again.

use std::net::{IpAddr, SocketAddr};

use bblog_dissector::elog::{RawEvent, SESSION_CREATE, SESSION_END};
use bblog_dissector::tcp_provider::{self, Addresses};

use crate::packet::without_zone;

/// Number of the provider's name, and the session's id.
pub type SessionKey = (u16, u64);

/// Facts about the connection of an event.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SessionContext {
    /// Local and remote address. A listener's, or those of a socket that is only bound, have
    /// the remote port 0.
    pub addresses: Option<Addresses>,
    /// Shift of the windows received (snd_wscale).
    pub snd_scale: u8,
    /// Shift of the windows sent (rcv_wscale).
    pub rcv_scale: u8,
}

impl SessionContext {
    /// The addresses, if they are those of a connection rather than of a listener.
    pub fn connection(&self) -> Option<Addresses> {
        self.addresses.filter(|(_, remote)| remote.port() != 0)
    }
}

/// One session.
#[derive(Default)]
pub struct Session {
    /// Facts about its connection.
    pub context: SessionContext,
    /// Whether events wait for its addresses.
    pub waiting: Waiting,
    /// The tcpcb's kernel address; 0 until a SESSION_CREATE was seen.
    tcpcb: u64,
    ended: bool,
}

/// Identifies one wait of a session for its addresses.
pub type WaitId = u32;

/// Whether a session's events wait for its addresses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Waiting {
    /// The first event without addresses would have to wait.
    #[default]
    NotYet,
    /// Events wait.
    Since(WaitId),
    /// No event waits any more: the addresses came, the session ended, or the queue was full.
    Over,
}

/// The effect of an event on a session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// None that waiting events depend on.
    None,
    /// Events need not wait any more.
    Settled,
    /// Another connection with the same id began. This is the context of the previous one.
    Restarted(SessionContext),
}

impl Session {
    /// Updates the session with one of its events.
    #[inline(always)]
    pub fn observe(&mut self, event: &RawEvent<'_>) -> Change {
        match event.event_id() {
            SESSION_CREATE => {
                let tcpcb = tcp_provider::tcpcb(event).unwrap_or(0);
                let other = tcpcb != 0 && self.tcpcb != 0 && tcpcb != self.tcpcb;
                let before = self.context;
                if self.ended || other {
                    *self = Session { tcpcb, ..Session::default() };
                    return Change::Restarted(before);
                }
                self.tcpcb = tcpcb;
                Change::None
            }
            SESSION_END => {
                self.ended = true;
                Change::Settled
            }
            _ => self.learn(event),
        }
    }

    /// Updates the connection with an event.
    #[inline(always)]
    fn learn(&mut self, event: &RawEvent<'_>) -> Change {
        if let Some((snd_scale, rcv_scale)) = tcp_provider::window_scales(event) {
            (self.context.snd_scale, self.context.rcv_scale) = (snd_scale, rcv_scale);
            return Change::None;
        }
        match addresses(event) {
            // A listener's addresses do not replace a connection's.
            Some(found) if found.1.port() != 0 || self.context.connection().is_none() => {
                self.context.addresses = Some(found);
                Change::Settled
            }
            _ => Change::None,
        }
    }
}

/// The addresses in a CONN_SET_IP_V4 or _V6 event of the `tcp` provider, without IPv6 scope zones, which
/// packets do not have.
#[inline]
pub fn addresses(event: &RawEvent<'_>) -> Option<Addresses> {
    let wire = |end: SocketAddr| match end.ip() {
        IpAddr::V4(_) => end,
        IpAddr::V6(address) => SocketAddr::from((without_zone(address), end.port())),
    };
    tcp_provider::addresses(event).map(|(local, remote)| (wire(local), wire(remote)))
}

/// Whether a session id means "no session".
pub fn is_no_session(id: u64) -> bool {
    id == 0 || id == u64::MAX
}
