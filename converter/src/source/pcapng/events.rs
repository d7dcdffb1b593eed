// SPDX-License-Identifier: BSD-2-Clause
//! eventlog events in packets.

use std::net::SocketAddr;
use std::ops::Range;

use bblog_dissector::elog::RawEvent;
use bblog_dissector::tcp_provider::{Addresses, id};
use bblog_pcapng::block::ENHANCED_PACKET;
use bblog_pcapng::elog::upper_pdu;
use bblog_pcapng::packet::{ParsedPacket, RAW};
use bblog_pcapng::providers::Providers;
use bblog_pcapng::read::{Block, BlockOptions};
use bblog_pcapng::section::{Section, elog_option};

use super::PACKET_DATA;
use super::block::BlockReader;
use crate::input::assumptions::Assumptions;

/// How far ahead events are looked at to find out their layout.
const VOTE_BYTES: usize = 256 * 1024;

/// Decides on the layout of the `tcp` provider by the events in front.
#[cold]
pub(super) fn vote(
    blocks: &mut BlockReader,
    section: &Section,
    providers: &mut Providers,
    assumptions: &Assumptions,
) {
    let events = blocks.lookahead(VOTE_BYTES).filter_map(|block| event_of(&block, section));
    let layout = assumptions.layout(providers.votes(events).winner());
    providers.describe(&assumptions.catalog, layout);
}

/// The event that a block holds.
pub(super) fn event_of<'a>(block: &Block<'a>, section: &Section) -> Option<RawEvent<'a>> {
    if block.kind != ENHANCED_PACKET {
        return None;
    }
    let (body, order) = (block.body(), block.order);
    let interface = section.interfaces.get(order.u32(body, 0)? as usize)?;
    let end = PACKET_DATA.checked_add(order.u32(body, 12)? as usize)?;
    let data = body.get(PACKET_DATA..end)?;
    let bytes = match upper_pdu(interface.link, data) {
        Some((event, _)) => event,
        None => BlockOptions::new(body.get(end.next_multiple_of(4)..)?, order)
            .find_map(|(code, value)| elog_option(code, value, order))?,
    };
    RawEvent::whole(bytes).ok()
}

/// Where `part`, a part of `whole`, stands in it.
#[inline]
pub(super) fn place(whole: &[u8], part: &[u8]) -> Range<usize> {
    let start = (part.as_ptr() as usize).saturating_sub(whole.as_ptr() as usize);
    start..start.saturating_add(part.len())
}

/// Local and remote address of an IN or OUT event by its packet.
pub(super) fn of_packet(event: &[u8], data: &[u8]) -> Option<Addresses> {
    let event = RawEvent::whole(event).ok()?;
    let ParsedPacket { source, destination, .. } = ParsedPacket::new(RAW, data)?;
    let (local, remote): (SocketAddr, SocketAddr) = match event.event_id() {
        id::IN => (destination, source),
        _ => (source, destination),
    };
    Some((local, remote))
}
