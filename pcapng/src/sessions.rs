// SPDX-License-Identifier: BSD-2-Clause
//! Sessions of eventlog's `tcp` provider: which connection an event belongs to.
//!
//! A session is a connection's PCB, known by provider *name* and session id: a connection keeps
//! its first provider's id when it changes to a stack with another provider of that name. Its
//! addresses come in CONN_SET_IP_V4 or _V6, which may repeat. Replays repeat SESSION_CREATE; with
//! the same tcpcb and no SESSION_END between it is the same connection. SESSION_END may be
//! missing, and after it the same id may begin again.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use bblog_dissector::elog::{RawEvent, SESSION_CREATE, SESSION_END};

use crate::packet::without_zone;

/// The `tcp` provider's name.
pub const TCP: &[u8] = b"tcp";

/// Event ids of the `tcp` provider, equal in all its schema versions.
const CONN_SET_IP_V4: u32 = 0;
const CONN_SET_IP_V6: u32 = 1;
const LOG_ID: u32 = 2;
const CONN_PARAMS: u32 = 3;
/// In the oldest version (A) CONN_PARAMS is short, and this has the structure of the later ones.
const CONN_PARAMS_V2: u32 = 6;
/// Everywhere but in version A, where it has the number 7. Its structure is a name of 32 bytes.
const TCP_STACK_CHANGE: u32 = 6;
const TCP_STACK_CHANGE_A: u32 = 7;
/// Bytes of CONN_PARAMS in all other versions.
const CONN_PARAMS_LEN: usize = 64;

/// Number of the provider's name, and the session's id.
pub type SessionKey = (u16, u64);

/// Local and remote address of a connection.
pub type Addresses = (SocketAddr, SocketAddr);

/// What an event needs to know of its connection.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Context {
    /// Local and remote address. A listener's, or those of a socket that is only bound, have
    /// the remote port 0.
    pub addresses: Option<Addresses>,
    /// Shift of the windows received (snd_wscale).
    pub snd_scale: u8,
    /// Shift of the windows sent (rcv_wscale).
    pub rcv_scale: u8,
}

impl Context {
    /// The addresses, if they are those of a connection rather than of a listener.
    pub fn connection(&self) -> Option<Addresses> {
        self.addresses.filter(|(_, remote)| remote.port() != 0)
    }
}

/// One session.
#[derive(Default)]
pub struct Session {
    /// What its events need to know.
    pub context: Context,
    /// Whether events wait for its addresses.
    pub waiting: Waiting,
    /// The tcpcb's kernel address; 0 until a SESSION_CREATE was seen.
    tcpcb: u64,
    ended: bool,
}

/// Names the wait of one session for its addresses.
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

/// What an event changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Change {
    /// Nothing that others wait for.
    None,
    /// There is nothing to wait for any more.
    Settled,
    /// Another connection of the same id began; the context of the one before is enclosed.
    Restarted(Context),
}

impl Session {
    /// Takes note of what an event of this session says.
    #[inline(always)]
    pub fn observe(&mut self, event: &RawEvent<'_>) -> Change {
        let payload = event.payload();
        match event.event_id() {
            SESSION_CREATE => {
                let tcpcb = payload.first_chunk().map_or(0, |&bytes| u64::from_le_bytes(bytes));
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
            // The number 6 has another meaning, and size, in later versions.
            CONN_PARAMS | CONN_PARAMS_V2 if payload.len() >= CONN_PARAMS_LEN => {
                if let Some(&[snd_scale, rcv_scale]) = payload.get(12..14) {
                    self.context.snd_scale = snd_scale;
                    self.context.rcv_scale = rcv_scale;
                }
                Change::None
            }
            _ => match addresses(event) {
                // A listener's addresses do not replace a connection's.
                Some(found) if found.1.port() != 0 || self.context.connection().is_none() => {
                    self.context.addresses = Some(found);
                    Change::Settled
                }
                _ => Change::None,
            },
        }
    }
}

/// The addresses that a CONN_SET_IP_V4 or _V6 event of the `tcp` provider tells; IPv6 scope zones
/// are taken out, as they are not on the wire either.
#[inline]
pub fn addresses(event: &RawEvent<'_>) -> Option<Addresses> {
    match event.event_id() {
        CONN_SET_IP_V4 => addresses_v4(event.payload()),
        CONN_SET_IP_V6 => addresses_v6(event.payload()),
        _ => None,
    }
}

fn addresses_v4(payload: &[u8]) -> Option<Addresses> {
    let address = |at: usize| payload.get(at..)?.first_chunk::<4>().map(|&bytes| Ipv4Addr::from(bytes));
    let local = SocketAddr::from((address(0)?, port(payload, 4)?));
    Some((local, SocketAddr::from((address(8)?, port(payload, 12)?))))
}

fn addresses_v6(payload: &[u8]) -> Option<Addresses> {
    let address = |at: usize| payload.get(at..)?.first_chunk::<16>().map(|&bytes| Ipv6Addr::from(bytes));
    let local = SocketAddr::from((without_zone(address(0)?), port(payload, 16)?));
    Some((local, SocketAddr::from((without_zone(address(20)?), port(payload, 36)?))))
}

fn port(payload: &[u8], at: usize) -> Option<u16> {
    payload.get(at..)?.first_chunk().map(|&bytes| u16::from_be_bytes(bytes))
}

/// The log id that a LOG_ID event of the `tcp` provider tells (up to a NUL); `None` if it is empty.
pub fn log_id<'a>(event: &RawEvent<'a>) -> Option<&'a [u8]> {
    if event.event_id() != LOG_ID {
        return None;
    }
    event.payload().split(|&b| b == 0).next().filter(|id| !id.is_empty())
}

/// The stack that an event of the `tcp` provider says its connection has (up to a NUL).
pub fn stack<'a>(event: &RawEvent<'a>) -> Option<&'a [u8]> {
    let payload = event.payload();
    match (event.event_id(), payload.len()) {
        (CONN_PARAMS | CONN_PARAMS_V2, CONN_PARAMS_LEN..) => payload.get(31..63),
        (TCP_STACK_CHANGE | TCP_STACK_CHANGE_A, 32) => payload.get(..32),
        _ => None,
    }
}

/// Whether a session id stands for no session.
pub fn is_no_session(id: u64) -> bool {
    id == 0 || id == u64::MAX
}
