// SPDX-License-Identifier: BSD-2-Clause
//! eventlog events as pcapng blocks: a segment of a connection whose addresses are known is a packet
//! that has the event as an option, every other event an upper PDU.

use std::net::SocketAddr;

use bblog_dissector::Micros;
use bblog_dissector::elog::RawEvent;
use bblog_dissector::tcp_provider::id::{IN, OUT};
use bblog_dissector::tcp_provider::{LoggedSegment, SegmentPlan};

use crate::block::{Direction, EnhancedPacket};
use crate::elog::{EVENTS, MAX_OPTION_EVENT, PACKETS, UpperPduTags, event_option};
use crate::packet::{self, Link};
use crate::sessions::SessionContext;

/// Appends `event`, of UTC `time` and the connection `context`, to `out`. `plan` has the offsets of the
/// members of IN and OUT of `tcp`. Events of other providers have no connection.
#[inline]
pub fn append(
    out: &mut Vec<u8>,
    time: Micros,
    event: &RawEvent<'_>,
    context: &SessionContext,
    plan: Option<&SegmentPlan>,
) {
    if let Some((direction, segment, (from, to))) = plan.and_then(|plan| segment(event, context, plan)) {
        let headers = |out: &mut Vec<u8>| {
            let len = segment.header_len() as u64 + u64::from(segment.len);
            packet::append_ip(out, Link::Raw, from.ip(), to.ip(), len);
            packet::append_tcp_header(out, &segment, from.port(), to.port());
            segment.len
        };
        return EnhancedPacket { interface: PACKETS, time }.append(out, headers, |out| {
            direction.append(out);
            event_option(event.as_bytes()).append(out);
        });
    }
    let upper_pdu = |out: &mut Vec<u8>| {
        UpperPduTags::append(out, context.addresses.as_ref());
        out.extend_from_slice(event.as_bytes());
        0
    };
    EnhancedPacket { interface: EVENTS, time }.append(out, upper_pdu, |_| {});
}

/// An IN or OUT event's segment, from where and to where it went, if everything needed is known and
/// the event fits beside it.
#[inline]
fn segment<'a, 'c>(
    event: &RawEvent<'a>,
    context: &'c SessionContext,
    plan: &SegmentPlan,
) -> Option<(Direction, LoggedSegment<'a>, (&'c SocketAddr, &'c SocketAddr))> {
    let (local, remote) = context.addresses.as_ref()?;
    let (direction, ends, scale) = match event.event_id() {
        IN => (Direction::Inbound, (remote, local), context.snd_scale),
        OUT => (Direction::Outbound, (local, remote), context.rcv_scale),
        _ => return None,
    };
    // A listener has no segments.
    if remote.port() == 0 || event.as_bytes().len() > MAX_OPTION_EVENT {
        return None;
    }
    Some((direction, LoggedSegment::of(event, plan, scale)?, ends))
}
