// SPDX-License-Identifier: BSD-2-Clause
//! eventlog in pcapng: the encoding of this project.
//!
//! A section has two interfaces. Interface 0 (LINKTYPE_RAW) has the IN and OUT events of
//! connections whose addresses are known, as packets; the event itself is a custom option of the
//! packet. Interface 1 (LINKTYPE_WIRESHARK_UPPER_PDU) has every other event, as data of the
//! dissector `eventlog`. Custom options carry the private enterprise number of The FreeBSD
//! Project and begin with `ELOG`: in the SHB the file header and the provider table follow, in a
//! packet the event.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::time::Duration;

use bblog_dissector::Micros;
use bblog_dissector::elog::FileHeader;
use bblog_dissector::tcp_provider::Addresses;
use pcap_file::DataLink;
use pcap_file::pcapng::blocks::interface_description::{
    InterfaceDescriptionBlock, InterfaceDescriptionOption,
};
use pcap_file::pcapng::blocks::interface_statistics::{InterfaceStatisticsBlock, InterfaceStatisticsOption};

use crate::block::{OPT_CUSTOM, RawOption};
use crate::machine::Machine;
use crate::section_head::{SectionHead, custom_option, interface, section_header};

/// The FreeBSD Project's private enterprise number.
pub const PEN: u32 = 2238;
/// The first bytes of the custom data of this project.
pub const TAG: [u8; 4] = *b"ELOG";
/// The interface of packets.
pub const PACKETS: u32 = 0;
/// The interface of other events.
pub const EVENTS: u32 = 1;
/// The longest event that fits a packet's option beside [`PEN`] and [`TAG`].
pub const MAX_OPTION_EVENT: usize = u16::MAX as usize - 8;

/// LINKTYPE_WIRESHARK_UPPER_PDU.
const UPPER_PDU: u16 = 252;

/// More than the longest event (65,535 bytes) with its addresses.
const SNAPLEN: u32 = 0x4_0000;

/// The contents of a capture's section header.
pub struct CaptureInfo<'a> {
    /// The ELOG file header.
    pub header: &'a FileHeader,
    /// The provider table as it stands in the file, with its count.
    pub table: &'a [u8],
    /// The names of the providers, as text: `tcp, hpts`.
    pub providers: String,
    /// The name of the capture, as text.
    pub source: String,
    /// The machine that wrote it.
    pub machine: Machine,
}

impl CaptureInfo<'_> {
    /// A section for this capture.
    pub fn section(&self) -> SectionHead<'static> {
        let mut value = TAG.to_vec();
        value.extend_from_slice(&self.header.to_bytes());
        value.extend_from_slice(self.table);
        let mut options = vec![custom_option(PEN, value)];
        // No event has the number of a stack.
        options.extend(self.machine.options(&[]));
        let packets = format!("TCP segments (events IN and OUT) of {}", self.source);
        let events = format!("events of {} from {}", self.providers, self.source);
        SectionHead {
            header: section_header(options),
            interfaces: vec![
                described(DataLink::RAW, "tcp", packets),
                described(DataLink::WIRESHARK_UPPER_PDU, "eventlog", events),
            ],
        }
    }

    /// The statistics block (ISB) that ends the section. It has the number of dropped events, unless the
    /// capture was never closed and the number is unknown.
    pub fn statistics(&self, time: Micros) -> InterfaceStatisticsBlock<'static> {
        let dropped = dropped_events(self.header).map(InterfaceStatisticsOption::IsbOsDrop);
        InterfaceStatisticsBlock {
            interface_id: EVENTS,
            timestamp: Duration::from_micros(time.0.max(0) as u64),
            options: dropped.into_iter().collect(),
        }
    }
}

/// The number of events that the kernel dropped. `None` if the counters of the header were never
/// written, because the capture is still running or was killed: they are 0 then.
pub fn dropped_events(header: &FileHeader) -> Option<u64> {
    let known = header.event_count != 0 || header.dropped_events != 0;
    known.then_some(header.dropped_events)
}

/// A section of a capture without events and without known facts.
pub fn empty_section() -> SectionHead<'static> {
    let packets = described(DataLink::RAW, "tcp", "TCP segments (events IN and OUT)".to_owned());
    let events = described(DataLink::WIRESHARK_UPPER_PDU, "eventlog", "events".to_owned());
    SectionHead { header: section_header(Vec::new()), interfaces: vec![packets, events] }
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

/// The option of a packet that holds its event.
#[inline]
pub(crate) fn event_option(event: &[u8]) -> RawOption<'_, 2> {
    const INTRO: [u8; 8] = {
        let ([p0, p1, p2, p3], [t0, t1, t2, t3]) = (PEN.to_le_bytes(), TAG);
        [p0, p1, p2, p3, t0, t1, t2, t3]
    };
    RawOption { code: OPT_CUSTOM, parts: [&INTRO, event] }
}

/// The tags of an upper PDU, in front of the event.
///
/// Numbers are those of Wireshark's exported_pdu_tlvs.h; tags and lengths are big-endian, and every
/// value here is a multiple of 4 bytes long.
pub(crate) struct UpperPduTags;

impl UpperPduTags {
    const DISSECTOR_NAME: u16 = 12;
    const PROTOCOL_TEXT: u16 = 33;
    const IPV4_SOURCE: u16 = 20;
    const IPV4_DESTINATION: u16 = 21;
    const IPV6_SOURCE: u16 = 22;
    const IPV6_DESTINATION: u16 = 23;
    const PORT_TYPE: u16 = 24;
    const SOURCE_PORT: u16 = 25;
    const DESTINATION_PORT: u16 = 26;
    const END: u16 = 0;
    const PORT_TYPE_TCP: u32 = 2;

    /// Appends the tags for an event of the dissector `eventlog`, between `local` and `remote` if
    /// known.
    #[inline]
    pub(crate) fn append(out: &mut Vec<u8>, connection: Option<&(SocketAddr, SocketAddr)>) {
        const END: [u8; 4] = tag(UpperPduTags::END, 0);
        let [n0, n1, n2, p0, p1, p2] = Self::NAME;
        // Each kind in one piece, which is much faster than tag by tag.
        match connection {
            None => out.extend_from_slice([n0, n1, n2, p0, p1, p2, END].as_flattened()),
            Some((SocketAddr::V4(local), SocketAddr::V4(remote))) => {
                let [t0, t1, t2, t3, t4, t5] = Self::ports(local.port(), remote.port());
                let tags = [
                    n0,
                    n1,
                    n2,
                    p0,
                    p1,
                    p2,
                    tag(Self::IPV4_SOURCE, 4),
                    local.ip().octets(),
                    tag(Self::IPV4_DESTINATION, 4),
                    remote.ip().octets(),
                    t0,
                    t1,
                    t2,
                    t3,
                    t4,
                    t5,
                    END,
                ];
                out.extend_from_slice(tags.as_flattened());
            }
            Some((local, remote)) => Self::append_named(out, &Self::NAME, local, remote),
        }
    }

    /// Appends the tags for the dissector of BBLog records, as live streams have them.
    pub(crate) fn append_live(out: &mut Vec<u8>, local: &SocketAddr, remote: &SocketAddr) {
        const NAME: [[u8; 4]; 7] = [
            tag(UpperPduTags::DISSECTOR_NAME, 12),
            *b"bblo",
            *b"g-li",
            *b"ve\0\0",
            tag(UpperPduTags::PROTOCOL_TEXT, 8),
            *b"BBLo",
            *b"g\0\0\0",
        ];
        Self::append_named(out, &NAME, local, remote);
    }

    /// Appends the tags of a name and those of the addresses, one by one.
    fn append_named(out: &mut Vec<u8>, name: &[[u8; 4]], local: &SocketAddr, remote: &SocketAddr) {
        out.extend_from_slice(name.as_flattened());
        put_address(out, local.ip(), Self::IPV4_SOURCE, Self::IPV6_SOURCE);
        put_address(out, remote.ip(), Self::IPV4_DESTINATION, Self::IPV6_DESTINATION);
        out.extend_from_slice(Self::ports(local.port(), remote.port()).as_flattened());
        out.extend_from_slice(&tag(Self::END, 0));
    }

    /// The dissector, and the name of its packets.
    const NAME: [[u8; 4]; 6] = [
        tag(UpperPduTags::DISSECTOR_NAME, 8),
        *b"even",
        *b"tlog",
        tag(UpperPduTags::PROTOCOL_TEXT, 8),
        *b"EVEN",
        *b"TLOG",
    ];

    /// TCP's ports.
    #[inline]
    fn ports(local: u16, remote: u16) -> [[u8; 4]; 6] {
        [
            tag(Self::PORT_TYPE, 4),
            Self::PORT_TYPE_TCP.to_be_bytes(),
            tag(Self::SOURCE_PORT, 4),
            u32::from(local).to_be_bytes(),
            tag(Self::DESTINATION_PORT, 4),
            u32::from(remote).to_be_bytes(),
        ]
    }
}

fn put_address(out: &mut Vec<u8>, address: IpAddr, ipv4: u16, ipv6: u16) {
    match address {
        IpAddr::V4(address) => out.extend_from_slice([tag(ipv4, 4), address.octets()].as_flattened()),
        IpAddr::V6(address) => {
            out.extend_from_slice(&tag(ipv6, 16));
            out.extend_from_slice(&address.octets());
        }
    }
}

/// A tag and the length of its value.
const fn tag(tag: u16, len: u16) -> [u8; 4] {
    let ([t0, t1], [l0, l1]) = (tag.to_be_bytes(), len.to_be_bytes());
    [t0, t1, l0, l1]
}

/// The event in a packet of the upper-PDU interface that is for the dissector `eventlog`, and
/// its connection's addresses.
pub fn upper_pdu(link: u16, data: &[u8]) -> Option<(&[u8], Option<Addresses>)> {
    if link != UPPER_PDU {
        return None;
    }
    let mut rest = data;
    let mut is_ours = false;
    let (mut local, mut remote): (Option<IpAddr>, Option<IpAddr>) = (None, None);
    let (mut local_port, mut remote_port) = (None, None);
    loop {
        let (head, after) = rest.split_first_chunk::<4>()?;
        let (tag, len) = (u16::from_be_bytes([head[0], head[1]]), u16::from_be_bytes([head[2], head[3]]));
        let (value, after) = after.split_at_checked(usize::from(len))?;
        rest = after;
        match tag {
            UpperPduTags::END => break,
            UpperPduTags::DISSECTOR_NAME => {
                is_ours = value.split(|&b| b == 0).next() == Some(b"eventlog");
            }
            UpperPduTags::IPV4_SOURCE | UpperPduTags::IPV6_SOURCE => local = address(value),
            UpperPduTags::IPV4_DESTINATION | UpperPduTags::IPV6_DESTINATION => remote = address(value),
            UpperPduTags::SOURCE_PORT => local_port = port(value),
            UpperPduTags::DESTINATION_PORT => remote_port = port(value),
            _ => {}
        }
    }
    let addresses = match (local, local_port, remote, remote_port) {
        (Some(local), Some(local_port), Some(remote), Some(remote_port)) => {
            Some(((local, local_port).into(), (remote, remote_port).into()))
        }
        _ => None,
    };
    is_ours.then_some((rest, addresses))
}

fn address(value: &[u8]) -> Option<IpAddr> {
    match value.len() {
        4 => value.first_chunk().map(|&bytes: &[u8; 4]| Ipv4Addr::from(bytes).into()),
        16 => value.first_chunk().map(|&bytes: &[u8; 16]| Ipv6Addr::from(bytes).into()),
        _ => None,
    }
}

fn port(value: &[u8]) -> Option<u16> {
    value.first_chunk().and_then(|&bytes| u16::try_from(u32::from_be_bytes(bytes)).ok())
}
