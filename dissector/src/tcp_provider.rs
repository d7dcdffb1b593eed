// SPDX-License-Identifier: BSD-2-Clause
//! eventlog's `tcp` provider: its event numbers, and what its events say about the connection itself.
//!
//! All values of an event come from the provider's schema (`tables/eventlog/tcp*.schema`) by way of
//! [`Event::of_elog`](crate::event::Event::of_elog). What a reader needs before it knows which layout a capture
//! has, and to tell connections apart, is here; it is the same in all layouts, or told apart by size.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::cursor::Cursor;
use crate::elog::{RawEvent, SESSION_CREATE};

/// The provider's name. Each TCP stack that logs registers a provider of this name.
pub const NAME: &[u8] = b"tcp";

/// Event numbers, equal in all layouts unless a constant says otherwise.
pub mod id {
    /// The addresses of the connection, IPv4.
    pub const CONN_SET_IP_V4: u32 = 0;
    /// The addresses of the connection, IPv6.
    pub const CONN_SET_IP_V6: u32 = 1;
    /// The log id that a program gave the connection.
    pub const LOG_ID: u32 = 2;
    /// What was agreed on in the handshake. 8 bytes in layout A.
    pub const CONN_PARAMS: u32 = 3;
    /// The maximum segment size.
    pub const MSS: u32 = 4;
    /// The process that owns the socket.
    pub const CONN_OWNER: u32 = 5;
    /// The connection changed to another TCP stack. Not layout A.
    pub const TCP_STACK_CHANGE: u32 = 6;
    /// Layout A: what CONN_PARAMS is in the other layouts.
    pub const A_CONN_PARAMS_V2: u32 = 6;
    /// The connection changed to another congestion control algorithm. Not layout A.
    pub const CC_ALGO_CHANGE: u32 = 7;
    /// Layout A: the connection changed to another TCP stack.
    pub const A_TCP_STACK_CHANGE: u32 = 7;
    /// Layout A: the connection changed to another congestion control algorithm.
    pub const A_CC_ALGO_CHANGE: u32 = 8;
    /// A segment was received.
    pub const IN: u32 = 100;
    /// A segment is sent.
    pub const OUT: u32 = 101;
    /// An acknowledgement was processed.
    pub const ACK: u32 = 102;
    /// A SACK was processed.
    pub const SACK: u32 = 103;
    /// The program wrote to the socket.
    pub const USER_SEND: u32 = 104;
    /// The program called sendfile(2).
    pub const SENDFILE: u32 = 105;
    /// Layout E: the program called shutdown(2).
    pub const SHUTDOWN: u32 = 106;
    /// Layout E: the program closed the socket.
    pub const CLOSE: u32 = 107;
    /// The congestion window changed.
    pub const CWND: u32 = 200;
    /// Parameters of congestion control.
    pub const CC_PARAMS: u32 = 201;
    /// Loss recovery begins.
    pub const ENTER_RECOVERY: u32 = 202;
    /// Loss recovery ends.
    pub const EXIT_RECOVERY: u32 = 203;
    /// Proportional rate reduction.
    pub const PRR_STATE: u32 = 204;
    /// The peer took back window.
    pub const WINDOW_COLLAPSE: u32 = 205;
    /// HyStart++.
    pub const HYSTART: u32 = 206;
    /// A measurement of goodput.
    pub const GOODPUT: u32 = 207;
    /// The round-trip time that the stack goes by.
    pub const RTT: u32 = 300;
    /// A sample of the round-trip time.
    pub const RTT_SAMPLE: u32 = 301;
    /// The retransmission timer expired.
    pub const RTO: u32 = 400;
    /// Why data is sent again.
    pub const RETRANSMIT_REASON: u32 = 401;
    /// The peer reported a duplicate segment.
    pub const DSACK: u32 = 402;
    /// A timer was armed.
    pub const TIMER_START: u32 = 500;
    /// A timer was disarmed.
    pub const TIMER_CANCEL: u32 = 501;
    /// A timer expired.
    pub const TIMER_FIRED: u32 = 502;
    /// The program waiting for a socket buffer is woken.
    pub const SB_WAKE: u32 = 503;
    /// A timer's expiry was handled. Layout D and later.
    pub const TIMER_PROCESSED: u32 = 504;
    /// A pacing delay was calculated.
    pub const PACING_CALC: u32 = 600;
    /// Sizes of pacing bursts.
    pub const PACE_STATE: u32 = 601;
    /// Pacing by the network card.
    pub const HW_PACE_RATE: u32 = 602;
    /// A socket option was set to a number.
    pub const SOCKET_OPT_UINT32: u32 = 700;
    /// A socket option was refused.
    pub const SOCKET_OPT_ERR: u32 = 701;
    /// Layout E: a socket option was set to bytes.
    pub const SOCKET_OPT_BLOB: u32 = 702;
    /// What the output function decided.
    pub const OUTPUT_DECISION: u32 = 800;
}

/// Local and remote address of a connection.
pub type Addresses = (SocketAddr, SocketAddr);

/// Bytes of CONN_PARAMS in all layouts but A, and of CONN_PARAMS_V2.
const CONN_PARAMS_LEN: usize = 64;
/// Bytes of a stack's name.
const STACK_NAME_LEN: usize = 32;
/// Bytes of a log id.
const LOG_ID_LEN: usize = 64;

/// The addresses that a CONN_SET_IP_V4 or CONN_SET_IP_V6 event tells; `None` for other events. Those of a
/// listener have the remote port 0. IPv6 addresses of link-local scope come with the zone that the kernel keeps
/// in their second group, as logged.
#[inline]
pub fn addresses(event: &RawEvent<'_>) -> Option<Addresses> {
    let at = Cursor(event.payload());
    match event.event_id() {
        id::CONN_SET_IP_V4 => {
            let address = |offset: usize| Some(Ipv4Addr::from(at.be32(offset)?));
            Some(((address(0)?, at.be16(4)?).into(), (address(8)?, at.be16(12)?).into()))
        }
        id::CONN_SET_IP_V6 => {
            let address = |offset: usize| Some(Ipv6Addr::from(*at.bytes(offset, 16)?.first_chunk::<16>()?));
            Some(((address(0)?, at.be16(16)?).into(), (address(20)?, at.be16(36)?).into()))
        }
        _ => None,
    }
}

/// The kernel address of the connection's tcpcb that a SESSION_CREATE event tells, 0 if its payload is empty;
/// `None` for other events.
#[inline]
pub fn tcpcb(event: &RawEvent<'_>) -> Option<u64> {
    (event.event_id() == SESSION_CREATE).then(|| Cursor(event.payload()).u64(0).unwrap_or_default())
}

/// The shifts of the windows received (snd_wscale) and sent (rcv_wscale) that a CONN_PARAMS event tells; `None`
/// for other events, and for layout A's short CONN_PARAMS.
#[inline]
pub fn window_scales(event: &RawEvent<'_>) -> Option<(u8, u8)> {
    let at = Cursor(connection_parameters(event)?);
    Some((at.u8(12)?, at.u8(13)?))
}

/// The log id that a LOG_ID event tells (up to a NUL; any bytes, set by an unprivileged program); `None` for
/// other events, and if it is empty.
#[inline]
pub fn log_id<'a>(event: &RawEvent<'a>) -> Option<&'a [u8]> {
    if event.event_id() != id::LOG_ID {
        return None;
    }
    let payload = event.payload();
    Cursor(payload).text(0, payload.len().min(LOG_ID_LEN)).filter(|id| !id.is_empty())
}

/// The name of the stack that an event says its connection has: CONN_PARAMS, CONN_PARAMS_V2 or
/// TCP_STACK_CHANGE (up to a NUL); `None` for other events.
#[inline]
pub fn stack_name<'a>(event: &RawEvent<'a>) -> Option<&'a [u8]> {
    let parameters = connection_parameters(event).map(Cursor);
    parameters.and_then(|at| at.text(31, STACK_NAME_LEN)).or_else(|| changed_stack(event))
}

/// The name of the stack that a connection changed to, of a TCP_STACK_CHANGE event (up to a NUL); `None` for
/// other events.
#[inline]
pub fn changed_stack<'a>(event: &RawEvent<'a>) -> Option<&'a [u8]> {
    let payload = event.payload();
    match (event.event_id(), payload.len()) {
        // Each number has another meaning, and size, in the other layouts.
        (id::TCP_STACK_CHANGE | id::A_TCP_STACK_CHANGE, STACK_NAME_LEN) => {
            Cursor(payload).text(0, STACK_NAME_LEN)
        }
        _ => None,
    }
}

/// The payload of a CONN_PARAMS event, or of layout A's CONN_PARAMS_V2, which has the same structure.
#[inline]
fn connection_parameters<'a>(event: &RawEvent<'a>) -> Option<&'a [u8]> {
    let payload = event.payload();
    match event.event_id() {
        id::CONN_PARAMS | id::A_CONN_PARAMS_V2 if payload.len() >= CONN_PARAMS_LEN => Some(payload),
        _ => None,
    }
}

/// Whether a session id stands for no session.
pub fn is_no_session(id: u64) -> bool {
    id == 0 || id == u64::MAX
}
