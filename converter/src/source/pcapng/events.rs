// SPDX-License-Identifier: BSD-2-Clause
//! eventlog events in packets.

use std::net::SocketAddr;
use std::ops::Range;

use bblog_dissector::bblog::Record;
use bblog_dissector::catalog::Provider;
use bblog_dissector::elog::RawEvent;
use bblog_dissector::layout::Votes;
use bblog_dissector::tcp_provider::{self, Addresses, id};
use bblog_pcapng::block::ENHANCED_PACKET;
use bblog_pcapng::elog::upper_pdu;
use bblog_pcapng::packet::{Parsed, RAW};
use bblog_pcapng::read::{Block, Options};
use bblog_pcapng::section::{ElogFacts, Section, elog_option};

use super::block::BlockReader;
use super::{PACKET_DATA, PcapngReader};
use crate::input::assumptions::Assumptions;

/// How far ahead events are looked at to find out their layout.
const VOTE_BYTES: usize = 256 * 1024;

/// The providers of a section's events.
#[derive(Default)]
pub(super) struct Providers {
    known: Vec<Known>,
    /// The layout of the `tcp` provider was decided on.
    voted: bool,
}

struct Known {
    id: u16,
    name: Vec<u8>,
    is_tcp: bool,
    tables: Option<&'static Provider>,
}

impl Providers {
    /// Those that a section header tells.
    pub(super) fn new(facts: Option<&ElogFacts>, tables: &Assumptions) -> Providers {
        let mut known: Vec<Known> = Vec::new();
        for (id, name) in facts.into_iter().flat_map(ElogFacts::providers) {
            // The first entry of an id that stands twice wins.
            if known.iter().all(|known| known.id != id) {
                let schema = tables.catalog.provider(name, tables.layout(None));
                known.push(Known {
                    id,
                    name: name.to_vec(),
                    is_tcp: name == tcp_provider::NAME,
                    tables: schema,
                });
            }
        }
        Providers { known, voted: false }
    }

    /// Whether the layout of this event's provider is still to be decided on.
    #[inline]
    pub(super) fn wants_vote(&self, id: u16) -> bool {
        !self.voted && self.known.iter().any(|known| known.is_tcp && known.id == id)
    }

    /// Decides on the layout of the `tcp` provider by what is in front.
    #[cold]
    pub(super) fn vote(&mut self, blocks: &mut BlockReader, section: &Section, tables: &Assumptions) {
        self.voted = true;
        let mut votes = Votes::default();
        for block in blocks.lookahead(VOTE_BYTES) {
            if let Some(event) = event_of(&block, section)
                && self.known.iter().any(|known| known.is_tcp && known.id == event.provider_id())
            {
                votes.count(&event);
            }
        }
        let tcp = tables.catalog.provider(tcp_provider::NAME, tables.layout(votes.winner()));
        self.known.iter_mut().filter(|known| known.is_tcp).for_each(|known| known.tables = tcp);
    }

    #[inline]
    fn get(&self, id: u16) -> Option<&Known> {
        self.known.iter().find(|known| known.id == id)
    }
}

/// The event that a block holds.
fn event_of<'a>(block: &Block<'a>, section: &Section) -> Option<RawEvent<'a>> {
    if block.kind != ENHANCED_PACKET {
        return None;
    }
    let (body, order) = (block.body(), block.order);
    let interface = section.interfaces.get(order.u32(body, 0)? as usize)?;
    let end = PACKET_DATA.checked_add(order.u32(body, 12)? as usize)?;
    let data = body.get(PACKET_DATA..end)?;
    let bytes = match upper_pdu(interface.link, data) {
        Some((event, _)) => event,
        None => Options::new(body.get(end.next_multiple_of(4)..)?, order)
            .find_map(|(code, value)| elog_option(code, value, order))?,
    };
    RawEvent::whole(bytes).ok()
}

/// Where `part` stands in `whole`, of which it is a part.
#[inline]
pub(super) fn place(whole: &[u8], part: &[u8]) -> Range<usize> {
    let start = (part.as_ptr() as usize).saturating_sub(whole.as_ptr() as usize);
    start..start.saturating_add(part.len())
}

/// Local and remote address of an IN or OUT event by its packet.
pub(super) fn of_packet(event: &[u8], data: &[u8]) -> Option<Addresses> {
    let event = RawEvent::whole(event).ok()?;
    let Parsed { source, destination, .. } = Parsed::new(RAW, data)?;
    let (local, remote): (SocketAddr, SocketAddr) = match event.event_id() {
        id::IN => (destination, source),
        _ => (source, destination),
    };
    Some((local, remote))
}

impl PcapngReader {
    /// Name and tables of the provider with this id; `None` if the section does not name it.
    #[inline]
    pub fn provider(&self, id: u16) -> Option<(&[u8], Option<&'static Provider>)> {
        self.providers.get(id).map(|known| (known.name.as_slice(), known.tables))
    }
}

impl PcapngReader {
    /// A change of stack inside a section, which only a file that was put together by others has,
    /// counts as another section.
    #[inline]
    pub(crate) fn note_stack(&mut self) {
        let stack = Record::from_bytes(&self.current.record).stack_id();
        if self.last_stack != Some(stack) {
            self.record_section += u64::from(self.last_stack.is_some());
            self.last_stack = Some(stack);
        }
    }
}
