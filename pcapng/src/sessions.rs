// SPDX-License-Identifier: BSD-2-Clause
//! Sessions of eventlog's `tcp` provider: which connection an event belongs to.
//!
//! A session is a connection's PCB. It is identified by the *name* of the provider and the session id: a
//! connection keeps the id when it changes to a stack with another provider of the same name. Its
//! addresses come in CONN_SET_IP_V4 or _V6, which may repeat. Replays repeat SESSION_CREATE; with
//! the same tcpcb it is the same connection, even after SESSION_END: a connection that changes to a stack without
//! a provider and back goes on without another CONN_SET_IP. SESSION_END may be missing, and after it the same id
//! may begin again. Sessions of two VNET jails may have one id at the same time. Events may come late: their
//! times say which of two sessions with one id they are of.

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
    /// Time of its SESSION_CREATE; 0 until that was seen.
    created: u64,
    /// Time of its SESSION_END.
    ended: Option<u64>,
    /// What stands before it under the same id.
    before: Before,
    /// It goes on after an end, with the addresses that it had.
    is_resumed: bool,
}

/// What stands before a session under the same id.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
enum Before {
    #[default]
    Nothing,
    /// A session that ended.
    Ended,
    /// A session with another tcpcb that had not ended.
    Unended,
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
pub enum SessionChange {
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
    pub fn observe(&mut self, event: &RawEvent<'_>) -> SessionChange {
        match event.event_id() {
            SESSION_CREATE => self.create(tcp_provider::tcpcb(event).unwrap_or(0), event.timestamp()),
            // A late one is of the session before.
            SESSION_END if self.is_of_before(event) => SessionChange::None,
            SESSION_END => {
                self.ended = Some(event.timestamp());
                SessionChange::Settled
            }
            _ => self.learn(event),
        }
    }

    /// Whether the session took the id of one with another tcpcb that had not ended: events from now on may be of
    /// either.
    pub fn is_ambiguous(&self) -> bool {
        self.before == Before::Unended
    }

    fn create(&mut self, tcpcb: u64, time: u64) -> SessionChange {
        let both_known = tcpcb != 0 && self.tcpcb != 0;
        let is_other = both_known && tcpcb != self.tcpcb;
        let is_same = both_known && tcpcb == self.tcpcb;
        let is_late = self.ended.is_some_and(|ended| time < ended) || is_other && time < self.created;
        let begins = is_other || self.ended.is_some() && !is_same;
        if begins && !is_late {
            let before = if self.ended.is_some() { Before::Ended } else { Before::Unended };
            let fresh = Session { tcpcb, created: time, before, ..Session::default() };
            return SessionChange::Restarted(std::mem::replace(self, fresh).context);
        }
        if !is_other {
            if !is_late && self.ended.take().is_some() {
                self.is_resumed = true;
            }
            if self.tcpcb == 0 {
                (self.tcpcb, self.created) = (tcpcb, time);
            }
        }
        SessionChange::None
    }

    fn is_other_connection(&self, found: Addresses) -> bool {
        found.1.port() != 0 && self.context.connection().is_some_and(|known| known != found)
    }

    /// Whether a late event is of the session before.
    #[inline]
    fn is_of_before(&self, event: &RawEvent<'_>) -> bool {
        self.before != Before::Nothing && event.timestamp() < self.created
    }

    /// Updates the connection with an event.
    #[inline(always)]
    fn learn(&mut self, event: &RawEvent<'_>) -> SessionChange {
        if let Some((snd_scale, rcv_scale)) = tcp_provider::window_scales(event) {
            (self.context.snd_scale, self.context.rcv_scale) = (snd_scale, rcv_scale);
            return SessionChange::None;
        }
        match addresses(event) {
            Some(_) if self.is_of_before(event) => SessionChange::None,
            Some(found) if self.is_resumed && self.is_other_connection(found) => {
                let (tcpcb, created) = (self.tcpcb, self.created);
                let context = SessionContext { addresses: Some(found), ..SessionContext::default() };
                let (before, waiting) = (Before::Ended, Waiting::Over);
                let fresh = Session { context, waiting, tcpcb, created, before, ..Session::default() };
                SessionChange::Restarted(std::mem::replace(self, fresh).context)
            }
            // A listener's addresses do not replace a connection's.
            Some(found) if found.1.port() != 0 || self.context.connection().is_none() => {
                self.context.addresses = Some(found);
                SessionChange::Settled
            }
            _ => SessionChange::None,
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

#[cfg(test)]
mod tests {
    use super::*;

    const SET_IP_V4: u32 = tcp_provider::id::CONN_SET_IP_V4;

    fn event(id: u32, time: u64, payload: &[u8]) -> Vec<u8> {
        let mut event = vec![0; 32];
        event[..2].copy_from_slice(&(32 + payload.len() as u16).to_le_bytes());
        event[8..16].copy_from_slice(&time.to_le_bytes());
        event[24..28].copy_from_slice(&id.to_le_bytes());
        event.extend_from_slice(payload);
        event
    }

    fn observe(session: &mut Session, id: u32, time: u64, payload: &[u8]) -> SessionChange {
        session.observe(&RawEvent::whole(&event(id, time, payload)).unwrap())
    }

    /// The remote port of a session that saw these events.
    fn remote(session: &Session) -> Option<u16> {
        session.context.addresses.map(|(_, remote)| remote.port())
    }

    #[test]
    fn late_events_are_of_the_session_of_their_time() {
        let mut session = Session::default();
        let address =
            |port: u16| [&[10, 0, 0, 1, 0, 80, 0, 0, 10, 0, 0, 2][..], &port.to_be_bytes(), &[0, 0]].concat();
        let create = |session: &mut Session, time, tcpcb: u64| {
            observe(session, SESSION_CREATE, time, &tcpcb.to_le_bytes())
        };
        assert_eq!(create(&mut session, 10, 7), SessionChange::None);
        assert_eq!(observe(&mut session, SET_IP_V4, 11, &address(1)), SessionChange::Settled);
        assert_eq!(remote(&session), Some(1));
        assert_eq!(observe(&mut session, SESSION_END, 20, &[]), SessionChange::Settled);
        // A late CREATE is no other connection.
        assert_eq!(create(&mut session, 10, 7), SessionChange::None);
        // The same tcpcb after the end: through a stack without a provider.
        assert_eq!(create(&mut session, 30, 7), SessionChange::None);
        assert_eq!((remote(&session), session.is_ambiguous()), (Some(1), false));
        assert_eq!(observe(&mut session, SESSION_END, 40, &[]), SessionChange::Settled);
        let SessionChange::Restarted(before) = create(&mut session, 50, 8) else { panic!("not begun") };
        assert_eq!(before.addresses.map(|(_, remote)| remote.port()), Some(1));
        assert!(!session.is_ambiguous());
        assert_eq!(observe(&mut session, SET_IP_V4, 51, &address(2)), SessionChange::Settled);
        // Late events of the one before.
        assert_eq!(observe(&mut session, SET_IP_V4, 31, &address(1)), SessionChange::None);
        assert_eq!(observe(&mut session, SESSION_END, 40, &[]), SessionChange::None);
        assert_eq!(create(&mut session, 10, 7), SessionChange::None);
        assert_eq!(remote(&session), Some(2));
        // Another tcpcb without an end: of another VNET.
        assert!(matches!(create(&mut session, 60, 9), SessionChange::Restarted(_)));
        assert_eq!((remote(&session), session.is_ambiguous()), (None, true));
    }
}
