// SPDX-License-Identifier: GPL-2.0-or-later
//! The sequence numbers of the TCP segment in a frame.

use bblog_analysis::links::Segment;
use bblog_pcapng::packet::Parsed;

const FIN: u8 = 0x01;
const SYN: u8 = 0x02;
const ACK: u8 = 0x10;

/// The sequence numbers of a segment.
pub fn segment(packet: &Parsed<'_>) -> Segment {
    let be32 = |at: usize| packet.tcp[at..].first_chunk().map_or(0, |&bytes| u32::from_be_bytes(bytes));
    let flags = packet.tcp[13];
    let len = packet.payload + u32::from(flags & SYN != 0) + u32::from(flags & FIN != 0);
    Segment { end: be32(4).wrapping_add(len), occupies: len != 0, ack: (flags & ACK != 0).then(|| be32(8)) }
}

#[cfg(test)]
mod tests {
    use bblog_pcapng::packet::{self, Link};

    use super::*;

    #[test]
    fn data_that_were_not_captured_count() {
        let tcp = [0, 80, 0, 81, 0, 0, 0, 100, 0, 0, 0, 7, 0x50, ACK | FIN, 0, 0, 0, 0, 0, 0];
        for addresses in [("192.0.2.1", "192.0.2.2"), ("2001:db8::1", "2001:db8::2")] {
            let addresses = (addresses.0.parse().unwrap(), addresses.1.parse().unwrap());
            for (link, number) in [(Link::Null, packet::NULL), (Link::Raw, packet::RAW)] {
                let mut frame = Vec::new();
                packet::append_segment(&mut frame, link, addresses, &tcp, 10);
                let packet = Parsed::new(number, &frame).unwrap();
                assert_eq!(segment(&packet), Segment { end: 111, occupies: true, ack: Some(7) });
            }
        }
    }
}
