// SPDX-License-Identifier: BSD-2-Clause
//! Made-up packets: IP and TCP headers for segments of which only the TCP header was logged.
//!
//! What the log does not say has fixed values: TTL and hop limit 127, identification, type of
//! service and flow label 0. Payload is counted but absent.

use std::net::{IpAddr, Ipv6Addr, SocketAddr};

/// FreeBSD's address families, as DLT_NULL shows them.
const AF_INET: u32 = 2;
const AF_INET6: u32 = 28;
const HOP_LIMIT: u8 = 127;
const PROTOCOL_TCP: u8 = 6;
/// The longest: DLT_NULL's family, IPv6, TCP with 40 bytes of options.
const LONGEST: usize = 4 + 40 + 60;

/// What stands before the IP header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Link {
    /// DLT_NULL: the address family, 4 bytes in the section's (little-endian) order.
    Null,
    /// LINKTYPE_RAW: nothing.
    Raw,
}

/// The headers of a segment, ready to be written.
pub struct Headers {
    bytes: [u8; LONGEST],
    len: usize,
    original_len: u32,
}

impl Headers {
    /// Headers of a segment from `source` to `destination`.
    ///
    /// `tcp` is its TCP header with options, 20 to 60 bytes in network order; more is cut off.
    /// `payload` is how many bytes of data the segment had. An IP length that 16 bits cannot hold
    /// is written as 0, as hosts do for segments that the network card cuts: Wireshark then goes
    /// by the captured packet's original length.
    ///
    /// With `checksum` the TCP checksum is computed as if the payload were zeros, which is right
    /// for segments without one; else it stays as it is in `tcp`.
    pub fn new(
        link: Link,
        source: IpAddr,
        destination: IpAddr,
        tcp: &[u8],
        payload: u32,
        checksum: bool,
    ) -> Headers {
        let tcp = &tcp[..tcp.len().min(60)];
        let segment = tcp.len() as u64 + u64::from(payload);
        let mut headers = Headers { bytes: [0; LONGEST], len: 0, original_len: 0 };
        let pseudo = match (source, destination) {
            (IpAddr::V4(source), IpAddr::V4(destination)) => {
                if link == Link::Null {
                    headers.put(&AF_INET.to_le_bytes());
                }
                let (source, destination) = (source.octets(), destination.octets());
                headers.ipv4(&source, &destination, segment);
                sum(&source) + sum(&destination)
            }
            (source, destination) => {
                if link == Link::Null {
                    headers.put(&AF_INET6.to_le_bytes());
                }
                let (source, destination) = (on_the_wire(source), on_the_wire(destination));
                headers.ipv6(&source, &destination, segment);
                sum(&source) + sum(&destination)
            }
        };
        let at = headers.len;
        headers.put(tcp);
        if checksum && let Some(field) = headers.bytes.get_mut(at + 16..at + 18) {
            field.fill(0);
            let pseudo = pseudo + u64::from(PROTOCOL_TCP) + (segment >> 16) + (segment & 0xffff);
            let sum = fold(pseudo + sum(&headers.bytes[at..headers.len]));
            headers.bytes[at + 16..at + 18].copy_from_slice(&sum.to_be_bytes());
        }
        headers.original_len = u32::try_from(headers.len as u64 + u64::from(payload)).unwrap_or(u32::MAX);
        headers
    }

    /// The bytes of the headers.
    pub fn as_bytes(&self) -> &[u8] {
        &self.bytes[..self.len]
    }

    /// Bytes that the packet had, link header and payload included.
    pub fn original_len(&self) -> u32 {
        self.original_len
    }

    fn put(&mut self, bytes: &[u8]) {
        self.bytes[self.len..self.len + bytes.len()].copy_from_slice(bytes);
        self.len += bytes.len();
    }

    fn ipv4(&mut self, source: &[u8; 4], destination: &[u8; 4], segment: u64) {
        let mut header = [0; 20];
        header[0] = 0x45;
        header[2..4].copy_from_slice(&u16::try_from(20 + segment).unwrap_or(0).to_be_bytes());
        header[8] = HOP_LIMIT;
        header[9] = PROTOCOL_TCP;
        header[12..16].copy_from_slice(source);
        header[16..20].copy_from_slice(destination);
        let sum = fold(sum(&header));
        header[10..12].copy_from_slice(&sum.to_be_bytes());
        self.put(&header);
    }

    fn ipv6(&mut self, source: &[u8; 16], destination: &[u8; 16], segment: u64) {
        let mut header = [0; 40];
        header[0] = 0x60;
        header[4..6].copy_from_slice(&u16::try_from(segment).unwrap_or(0).to_be_bytes());
        header[6] = PROTOCOL_TCP;
        header[7] = HOP_LIMIT;
        header[8..24].copy_from_slice(source);
        header[24..40].copy_from_slice(destination);
        self.put(&header);
    }
}

/// What was made up by [`Headers`], or anybody else, taken apart again.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parsed<'a> {
    /// Where the segment came from.
    pub source: SocketAddr,
    /// Where it went.
    pub destination: SocketAddr,
    /// Its TCP header with options, whole.
    pub tcp: &'a [u8],
}

impl<'a> Parsed<'a> {
    /// Addresses and TCP header of a packet with a link header of this pcapng type; `None` if it
    /// is not TCP over IP, or not all of the TCP header is there.
    pub fn new(link: u16, data: &'a [u8]) -> Option<Parsed<'a>> {
        const NULL: u16 = 0;
        const RAW: u16 = 101;
        let ip = match link {
            NULL => data.get(4..)?,
            RAW => data,
            _ => return None,
        };
        let (source, destination, segment): (IpAddr, IpAddr, &[u8]) = match ip.first()? >> 4 {
            4 => {
                let (header, segment) = ip.split_at_checked(usize::from(ip[0] & 0xf) * 4)?;
                let address =
                    |at: usize| header.get(at..)?.first_chunk().map(|&bytes: &[u8; 4]| IpAddr::from(bytes));
                let addresses = (address(12)?, address(16)?);
                (header.get(9) == Some(&PROTOCOL_TCP)).then_some((addresses.0, addresses.1, segment))?
            }
            6 => {
                let (header, segment) = ip.split_at_checked(40)?;
                let address =
                    |at: usize| header.get(at..)?.first_chunk().map(|&bytes: &[u8; 16]| IpAddr::from(bytes));
                let addresses = (address(8)?, address(24)?);
                (header[6] == PROTOCOL_TCP).then_some((addresses.0, addresses.1, segment))?
            }
            _ => return None,
        };
        let tcp_len = usize::from(segment.get(12)? >> 4) * 4;
        let tcp = segment.get(..tcp_len).filter(|_| tcp_len >= 20)?;
        let port = |at: usize| u16::from_be_bytes([tcp[at], tcp[at + 1]]);
        let (source, destination) = (SocketAddr::from((source, port(0))), (destination, port(2)).into());
        Some(Parsed { source, destination, tcp })
    }
}

/// An IPv6 address without the scope zone that FreeBSD's kernel keeps in the second group of
/// link-local addresses (KAME's form, `fe80:2::1`): packets never carry it.
fn on_the_wire(address: IpAddr) -> [u8; 16] {
    let address = match address {
        IpAddr::V6(address) => address,
        IpAddr::V4(address) => address.to_ipv6_mapped(),
    };
    without_zone(address).octets()
}

/// See [`on_the_wire`]: unicast fe80::/10 and multicast of interface- or link-local scope.
pub(crate) fn without_zone(address: Ipv6Addr) -> Ipv6Addr {
    let mut groups = address.segments();
    if address.is_unicast_link_local() || matches!(groups[0] & 0xff0f, 0xff01 | 0xff02) {
        groups[1] = 0;
    }
    Ipv6Addr::from(groups)
}

/// The sum of big-endian 16-bit words, a last odd byte padded with zero; not folded.
fn sum(bytes: &[u8]) -> u64 {
    let mut words = bytes.chunks_exact(2);
    let total: u64 = words.by_ref().map(|word| u64::from(u16::from_be_bytes([word[0], word[1]]))).sum();
    total + words.remainder().first().map_or(0, |&last| u64::from(last) << 8)
}

/// The Internet checksum of a sum.
fn fold(mut sum: u64) -> u16 {
    while sum > 0xffff {
        sum = (sum >> 16) + (sum & 0xffff);
    }
    !(sum as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A checksummed header sums up to all ones.
    #[test]
    fn checksums_verify() {
        let mut tcp = [0u8; 24];
        tcp[0..4].copy_from_slice(&[0x30, 0x39, 0x00, 0x50]);
        tcp[12] = 0x60;
        tcp[13] = 2;
        tcp[20..24].copy_from_slice(&[2, 4, 5, 0xb4]);
        let (a, b) = ("10.99.0.2".parse().unwrap(), "10.99.0.1".parse().unwrap());
        let packet = Headers::new(Link::Raw, a, b, &tcp, 0, true);
        let bytes = packet.as_bytes();
        assert_eq!(fold(sum(&bytes[..20])), 0);
        let pseudo = sum(&bytes[12..20]) + 6 + 24;
        assert_eq!(fold(pseudo + sum(&bytes[20..])), 0);
        assert_eq!((bytes.len(), packet.original_len()), (44, 44));
    }

    #[test]
    fn headers_parse_back() {
        let mut tcp = [1; 24];
        tcp[12] = 0x60;
        for (a, b) in [("10.0.0.1", "10.0.0.2"), ("2001:db8::1", "2001:db8::2")] {
            let (a, b): (IpAddr, IpAddr) = (a.parse().unwrap(), b.parse().unwrap());
            for (link, number) in [(Link::Null, 0), (Link::Raw, 101)] {
                let headers = Headers::new(link, a, b, &tcp, 1000, false);
                let parsed = Parsed::new(number, headers.as_bytes()).unwrap();
                let (source, destination) = ((a, 0x0101).into(), (b, 0x0101).into());
                assert_eq!(parsed, Parsed { source, destination, tcp: &tcp });
                for len in 0..headers.as_bytes().len() {
                    assert_eq!(Parsed::new(number, &headers.as_bytes()[..len]), None);
                }
            }
        }
    }

    #[test]
    fn lengths_do_not_overflow() {
        let tcp = [0x50; 20];
        let (a, b) = ("10.0.0.1".parse().unwrap(), "10.0.0.2".parse().unwrap());
        let total = |payload| {
            let packet = Headers::new(Link::Null, a, b, &tcp, payload, true);
            (u16::from_be_bytes([packet.as_bytes()[6], packet.as_bytes()[7]]), packet.original_len())
        };
        assert_eq!(total(65495), (65535, 4 + 40 + 65495));
        assert_eq!(total(65496), (0, 4 + 40 + 65496));
        assert_eq!(total(u32::MAX), (0, u32::MAX));
    }

    #[test]
    fn zone_is_not_on_the_wire() {
        let scoped: Ipv6Addr = "fe80:2::bb:ff:fe00:fe".parse().unwrap();
        assert_eq!(without_zone(scoped), "fe80::bb:ff:fe00:fe".parse::<Ipv6Addr>().unwrap());
        let global: Ipv6Addr = "2001:db8::1".parse().unwrap();
        assert_eq!(without_zone(global), global);
    }
}
