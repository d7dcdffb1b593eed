// SPDX-License-Identifier: BSD-2-Clause
//! eventlog in pcapng: the encoding of this project.
//!
//! A section has two interfaces. Interface 0 (LINKTYPE_RAW) has the IN and OUT events of
//! connections whose addresses are known, as packets; the event itself is a custom option of the
//! packet. Interface 1 (LINKTYPE_WIRESHARK_UPPER_PDU) has every other event, as data of the
//! dissector `eventlog`. Custom options carry the private enterprise number of The FreeBSD
//! Project and begin with `ELOG`: in the SHB the file header and the provider table follow, in a
//! packet the event.

use std::net::{IpAddr, SocketAddr};
use std::time::Duration;

use bblog_dissector::Micros;
use bblog_dissector::elog::FileHeader;
use pcap_file::DataLink;
use pcap_file::pcapng::blocks::interface_description::{
    InterfaceDescriptionBlock, InterfaceDescriptionOption,
};
use pcap_file::pcapng::blocks::interface_statistics::{InterfaceStatisticsBlock, InterfaceStatisticsOption};

use crate::source::elog::dropped_events;

use super::{Section, custom_option, interface, section_header};

/// The FreeBSD Project's private enterprise number.
pub const PEN: u32 = 2238;
/// What our custom data begins with.
pub const TAG: [u8; 4] = *b"ELOG";
/// The interface of packets.
pub const PACKETS: u32 = 0;
/// The interface of other events.
pub const EVENTS: u32 = 1;
/// The longest event that fits a packet's option beside [`PEN`] and [`TAG`].
pub const MAX_OPTION_EVENT: usize = u16::MAX as usize - 8;

/// Above every event (65,535 bytes) with its addresses.
const SNAPLEN: u32 = 0x4_0000;

/// What the section of a capture says.
pub struct CaptureInfo<'a> {
    /// The ELOG file header.
    pub header: &'a FileHeader,
    /// The provider table as it stands in the file, with its count.
    pub table: &'a [u8],
    /// The providers' names for people, e.g. `tcp, hpts`.
    pub providers: String,
    /// The capture's name for people.
    pub source: String,
}

impl CaptureInfo<'_> {
    /// A section for this capture.
    pub fn section(&self) -> Section<'static> {
        let mut value = TAG.to_vec();
        value.extend_from_slice(&self.header.to_bytes());
        value.extend_from_slice(self.table);
        let packets = format!("TCP segments (events IN and OUT) of {}", self.source);
        let events = format!("events of {} from {}", self.providers, self.source);
        Section {
            header: section_header(vec![custom_option(PEN, value)]),
            interfaces: vec![
                described(DataLink::RAW, "tcp", packets),
                described(DataLink::WIRESHARK_UPPER_PDU, "eventlog", events),
            ],
        }
    }

    /// The statistics block (ISB) that ends the section: events dropped, unless the capture was
    /// never closed, when nobody knows.
    pub fn statistics(&self, time: Micros) -> InterfaceStatisticsBlock<'static> {
        let dropped = dropped_events(self.header).map(InterfaceStatisticsOption::IsbOsDrop);
        InterfaceStatisticsBlock {
            interface_id: EVENTS,
            timestamp: Duration::from_micros(time.0.max(0) as u64),
            options: dropped.into_iter().collect(),
        }
    }
}

/// A section of a capture that saw no event and of which nothing is known.
pub fn empty_section() -> Section<'static> {
    let packets = described(DataLink::RAW, "tcp", "TCP segments (events IN and OUT)".to_owned());
    let events = described(DataLink::WIRESHARK_UPPER_PDU, "eventlog", "events".to_owned());
    Section { header: section_header(Vec::new()), interfaces: vec![packets, events] }
}

fn described(
    linktype: DataLink,
    name: &'static str,
    description: String,
) -> InterfaceDescriptionBlock<'static> {
    let options = vec![
        InterfaceDescriptionOption::IfName(name.into()),
        InterfaceDescriptionOption::IfDescription(description.into()),
    ];
    interface(linktype, SNAPLEN, options)
}

/// The parts of a packet option's value.
pub fn event_parts(event: &[u8]) -> [&[u8]; 2] {
    const INTRO: [u8; 8] = {
        let ([p0, p1, p2, p3], [t0, t1, t2, t3]) = (PEN.to_le_bytes(), TAG);
        [p0, p1, p2, p3, t0, t1, t2, t3]
    };
    [&INTRO, event]
}

/// The tags of an upper PDU, in front of the event.
///
/// Numbers are those of Wireshark's exported_pdu_tlvs.h; tags and lengths are big-endian.
pub struct UpperPduTags {
    bytes: [u8; UpperPduTags::LONGEST],
    len: usize,
}

impl UpperPduTags {
    const LONGEST: usize = 12 + 12 + 2 * 20 + 3 * 8 + 4;

    pub(crate) const DISSECTOR_NAME: u16 = 12;
    const PROTOCOL_TEXT: u16 = 33;
    pub(crate) const IPV4_SOURCE: u16 = 20;
    pub(crate) const IPV4_DESTINATION: u16 = 21;
    pub(crate) const IPV6_SOURCE: u16 = 22;
    pub(crate) const IPV6_DESTINATION: u16 = 23;
    const PORT_TYPE: u16 = 24;
    pub(crate) const SOURCE_PORT: u16 = 25;
    pub(crate) const DESTINATION_PORT: u16 = 26;
    pub(crate) const END: u16 = 0;
    const PORT_TYPE_TCP: u32 = 2;

    /// Tags for an event of the dissector `eventlog`, between `local` and `remote` if known.
    pub fn new(connection: Option<(SocketAddr, SocketAddr)>) -> UpperPduTags {
        let mut tags = UpperPduTags { bytes: [0; UpperPduTags::LONGEST], len: 0 };
        tags.add(Self::DISSECTOR_NAME, b"eventlog");
        tags.add(Self::PROTOCOL_TEXT, b"EVENTLOG");
        if let Some((local, remote)) = connection {
            tags.address(local.ip(), Self::IPV4_SOURCE, Self::IPV6_SOURCE);
            tags.address(remote.ip(), Self::IPV4_DESTINATION, Self::IPV6_DESTINATION);
            tags.add(Self::PORT_TYPE, &Self::PORT_TYPE_TCP.to_be_bytes());
            tags.add(Self::SOURCE_PORT, &u32::from(local.port()).to_be_bytes());
            tags.add(Self::DESTINATION_PORT, &u32::from(remote.port()).to_be_bytes());
        }
        tags.add(Self::END, &[]);
        tags
    }

    /// The tags' bytes.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    fn address(&mut self, address: IpAddr, ipv4: u16, ipv6: u16) {
        match address {
            IpAddr::V4(address) => self.add(ipv4, &address.octets()),
            IpAddr::V6(address) => self.add(ipv6, &address.octets()),
        }
    }

    fn add(&mut self, tag: u16, value: &[u8]) {
        for part in [&tag.to_be_bytes()[..], &(value.len() as u16).to_be_bytes(), value] {
            self.bytes[self.len..self.len + part.len()].copy_from_slice(part);
            self.len += part.len();
        }
    }
}
