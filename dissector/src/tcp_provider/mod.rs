// SPDX-License-Identifier: BSD-2-Clause
//! eventlog's `tcp` provider: its event numbers, and the facts about the connection in its events.
//!
//! All values of an event come from the provider's schema (`tables/eventlog/tcp*.schema`) by way of
//! [`Event::of_elog`](crate::event::Event::of_elog). This module has what a reader needs before the layout of a capture
//! is known, and to distinguish connections. It is the same in all layouts, or distinguished by size.

use std::net::{Ipv4Addr, Ipv6Addr, SocketAddr};

use crate::cursor::Cursor;
use crate::elog::{RawEvent, SESSION_CREATE};

pub mod id;
mod segment;

pub use segment::{LoggedSegment, SegmentPlan};

/// The provider's name. Each TCP stack that logs registers a provider of this name.
pub const NAME: &[u8] = b"tcp";

/// Local and remote address of a connection.
pub type Addresses = (SocketAddr, SocketAddr);

/// Bytes of CONN_PARAMS in all layouts but A, and of CONN_PARAMS_V2.
const CONN_PARAMS_LEN: usize = 64;
/// Bytes of the name of a congestion control algorithm.
const CC_NAME_LEN: usize = 16;
/// Bytes of a stack's name.
const STACK_NAME_LEN: usize = 32;
/// Bytes of a log id.
const LOG_ID_LEN: usize = 64;

/// The addresses that a CONN_SET_IP_V4 or CONN_SET_IP_V6 event holds; `None` for other events. Those of a
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

/// The kernel address of the connection's tcpcb that a SESSION_CREATE event holds, 0 if its payload is empty;
/// `None` for other events.
#[inline]
pub fn tcpcb(event: &RawEvent<'_>) -> Option<u64> {
    (event.event_id() == SESSION_CREATE).then(|| Cursor(event.payload()).u64(0).unwrap_or_default())
}

/// The shifts of the windows received (snd_wscale) and sent (rcv_wscale) that a CONN_PARAMS event holds; `None`
/// for other events, and for layout A's short CONN_PARAMS.
#[inline]
pub fn window_scales(event: &RawEvent<'_>) -> Option<(u8, u8)> {
    let at = Cursor(connection_parameters(event)?);
    Some((at.u8(12)?, at.u8(13)?))
}

/// Whether time stamps were agreed on, as a CONN_PARAMS event says; `None` for other events, and for layout A's short
/// CONN_PARAMS.
#[inline]
pub fn timestamps(event: &RawEvent<'_>) -> Option<bool> {
    const TIMESTAMPS: u8 = 0x2;
    Some(Cursor(connection_parameters(event)?).u8(14)? & TIMESTAMPS != 0)
}

/// An RTT event of the default stack.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TicksRtt {
    /// The round-trip time in ticks: with time stamps, the whole ticks that it took, and one more.
    pub rtt: u32,
    /// The lowest one so far, 0 if there is none: with time stamps in milliseconds, else in ticks.
    pub lowest: u32,
}

/// The times of an RTT event of the default stack; `None` for other events, and those of other stacks.
#[inline]
pub fn ticks_rtt(event: &RawEvent<'_>) -> Option<TicksRtt> {
    /// What the kernel multiplies ticks by.
    const TIMES: u32 = 1000;
    if event.event_id() != id::RTT {
        return None;
    }
    let at = Cursor(event.payload());
    let [rtt, srtt, path, lowest] = [at.u32(0)?, at.u32(4)?, at.u32(8)?, at.u32(12)?];
    let [filter, goodput] = [at.u32(16)?, at.u32(20)?];
    let is_in_ticks = [path, filter, goodput, rtt % TIMES, srtt % TIMES] == [0; 5];
    is_in_ticks.then_some(TicksRtt { rtt: rtt / TIMES, lowest })
}

/// The log id that a LOG_ID event holds (up to a NUL; any bytes, set by an unprivileged program); `None` for
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

/// The name of the congestion control algorithm that an event says its connection has: CONN_PARAMS, CONN_PARAMS_V2
/// or CC_ALGO_CHANGE (up to a NUL); `None` for other events.
#[inline]
pub fn congestion_control<'a>(event: &RawEvent<'a>) -> Option<&'a [u8]> {
    let changed = || {
        let payload = event.payload();
        match (event.event_id(), payload.len()) {
            // Each number has another meaning, and size, in the other layouts.
            (id::CC_ALGO_CHANGE | id::A_CC_ALGO_CHANGE, CC_NAME_LEN) => Cursor(payload).text(0, CC_NAME_LEN),
            _ => None,
        }
    };
    let parameters = connection_parameters(event).map(Cursor);
    parameters.and_then(|at| at.text(15, CC_NAME_LEN)).or_else(changed)
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
