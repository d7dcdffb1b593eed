// SPDX-License-Identifier: GPL-2.0-or-later
//! The sequence numbers of the TCP segment in a frame.

use bblog_analysis::links::LinkSegment;
use bblog_dissector::TcpHeader;
use bblog_pcapng::packet::ParsedPacket;

/// The sequence numbers of a segment.
pub fn segment(packet: &ParsedPacket<'_>) -> Option<LinkSegment> {
    let header = TcpHeader::parse(packet.tcp)?;
    let has = |flag: u16| header.flags() & flag != 0;
    let len = packet.payload + u32::from(has(TcpHeader::SYN)) + u32::from(has(TcpHeader::FIN));
    Some(LinkSegment {
        end: header.seq().wrapping_add(len),
        occupies: len != 0,
        ack: has(TcpHeader::ACK).then(|| header.ack()),
    })
}

#[cfg(test)]
mod tests {
    use bblog_pcapng::packet::{self, Link};

    use super::*;

    #[test]
    fn data_that_were_not_captured_count() {
        let tcp = [0, 80, 0, 81, 0, 0, 0, 100, 0, 0, 0, 7, 0x50, 0x11, 0, 0, 0, 0, 0, 0];
        for addresses in [("192.0.2.1", "192.0.2.2"), ("2001:db8::1", "2001:db8::2")] {
            let addresses = (addresses.0.parse().unwrap(), addresses.1.parse().unwrap());
            for (link, number) in [(Link::Null, packet::NULL), (Link::Raw, packet::RAW)] {
                let mut frame = Vec::new();
                packet::append_segment(&mut frame, link, addresses, &tcp, 10);
                let packet = ParsedPacket::new(number, &frame).unwrap();
                assert_eq!(segment(&packet), Some(LinkSegment { end: 111, occupies: true, ack: Some(7) }));
            }
        }
    }
}
