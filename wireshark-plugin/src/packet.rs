// SPDX-License-Identifier: GPL-2.0-or-later
//! The TCP segment in a frame: the plugin's only look at IP and TCP headers.

use std::net::IpAddr;

use bblog_analysis::links::Segment;
use etherparse::{Ipv4HeaderSlice, Ipv6HeaderSlice, TcpHeaderSlice};

/// One end of a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct Endpoint {
    /// Its address.
    pub address: IpAddr,
    /// Its port.
    pub port: u16,
}

/// A TCP segment over IP, of which the data need not have been captured.
pub struct Packet<'a> {
    /// Where it came from.
    pub source: Endpoint,
    /// Where it went.
    pub destination: Endpoint,
    tcp: TcpHeaderSlice<'a>,
    /// Bytes after the IP header, as that says.
    len: usize,
}

impl<'a> Packet<'a> {
    /// Reads an IP packet; `None` if it is not TCP, or if its TCP header is incomplete.
    pub fn of_ip(ip: &'a [u8]) -> Option<Packet<'a>> {
        let (addresses, len, rest): ([IpAddr; 2], usize, &[u8]) = match ip.first()? >> 4 {
            4 => {
                let header = Ipv4HeaderSlice::from_slice(ip).ok()?;
                let len = usize::from(header.total_len()).saturating_sub(header.slice().len());
                let addresses = [header.source_addr().into(), header.destination_addr().into()];
                (addresses, len, &ip[header.slice().len()..])
            }
            6 => {
                let header = Ipv6HeaderSlice::from_slice(ip).ok()?;
                let addresses = [header.source_addr().into(), header.destination_addr().into()];
                (addresses, header.payload_length().into(), &ip[header.slice().len()..])
            }
            _ => return None,
        };
        let tcp = TcpHeaderSlice::from_slice(rest).ok()?;
        let [source, destination] = addresses;
        Some(Packet {
            source: Endpoint { address: source, port: tcp.source_port() },
            destination: Endpoint { address: destination, port: tcp.destination_port() },
            tcp,
            len,
        })
    }

    /// Its TCP header with the options: 20 to 60 bytes.
    pub fn header(&self) -> &'a [u8] {
        self.tcp.slice()
    }

    /// Its sequence numbers. A length that the IP header does not have counts as no data.
    pub fn segment(&self) -> Segment {
        let payload = self.len.saturating_sub(self.tcp.slice().len()) as u32;
        let len = payload + u32::from(self.tcp.syn()) + u32::from(self.tcp.fin());
        Segment {
            end: self.tcp.sequence_number().wrapping_add(len),
            occupies: len != 0,
            ack: self.tcp.ack().then(|| self.tcp.acknowledgment_number()),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A FIN of 10 bytes of data, of which none were captured.
    fn ip(version: u8) -> Vec<u8> {
        let mut ip = match version {
            4 => vec![0x45, 0, 0, 50, 0, 0, 0, 0, 64, 6, 0, 0, 192, 0, 2, 1, 192, 0, 2, 2],
            _ => {
                let mut ip = vec![0x60, 0, 0, 0, 0, 30, 6, 64];
                ip.extend([0x20; 16]);
                ip.extend([0x30; 16]);
                ip
            }
        };
        ip.extend([0, 80, 0, 81, 0, 0, 0, 100, 0, 0, 0, 7, 0x50, 0x11, 0, 0, 0, 0, 0, 0]);
        ip
    }

    #[test]
    fn segments_are_read_from_packets() {
        for version in [4, 6] {
            let ip = ip(version);
            let packet = Packet::of_ip(&ip).unwrap();
            assert_eq!(packet.segment(), Segment { end: 111, occupies: true, ack: Some(7) });
            assert_eq!((packet.source.port, packet.destination.port), (80, 81));
            assert_ne!(packet.source.address, packet.destination.address);
            assert_eq!(packet.header().len(), 20);
            for len in 0..ip.len() {
                assert!(Packet::of_ip(&ip[..len]).is_none());
            }
        }
    }
}
