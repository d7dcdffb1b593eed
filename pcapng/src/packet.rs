// SPDX-License-Identifier: BSD-2-Clause
//! Synthesized packets: IP and TCP headers for segments whose TCP header was logged.
//!
//! Values that the log does not have are fixed: TTL and hop limit 127, identification, type of service and
//! flow label 0. Lengths include the payload, which is absent.

use std::fmt;
use std::net::{IpAddr, Ipv6Addr, SocketAddr};

use bblog_dissector::tcp_provider::LoggedSegment;

/// FreeBSD's address families, as DLT_NULL shows them.
const AF_INET: u32 = 2;
const AF_INET6: u32 = 28;
const HOP_LIMIT: u8 = 127;
const PROTOCOL_TCP: u8 = 6;

/// The link header, before the IP header.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Link {
    /// DLT_NULL: the address family, 4 bytes in the section's (little-endian) order.
    Null,
    /// LINKTYPE_RAW: nothing.
    Raw,
}

/// Appends link and IP header of a segment from `source` to `destination`, and returns the sum of
/// the addresses, unfolded.
///
/// `segment` is how many bytes its TCP header and data have. A length that 16 bits cannot hold
/// is written as 0, as hosts do for segments that the network card splits. Wireshark then uses the
/// original length of the packet.
#[inline(always)]
pub fn append_ip(out: &mut Vec<u8>, link: Link, source: IpAddr, destination: IpAddr, segment: u64) -> u64 {
    match (source, destination) {
        (IpAddr::V4(source), IpAddr::V4(destination)) => {
            if link == Link::Null {
                out.extend_from_slice(&AF_INET.to_le_bytes());
            }
            append_ipv4(out, source.octets(), destination.octets(), segment)
        }
        (source, destination) => {
            if link == Link::Null {
                out.extend_from_slice(&AF_INET6.to_le_bytes());
            }
            append_ipv6(out, on_the_wire(source), on_the_wire(destination), segment)
        }
    }
}

/// Appends the headers of a segment whose data is unknown. `tcp` is its TCP header with options, 20 to 60
/// bytes in network order. `payload` is the number of bytes of data. The TCP checksum is
/// computed as if they were zeros, which is right for segments without any.
#[inline]
pub fn append_segment(
    out: &mut Vec<u8>,
    link: Link,
    (source, destination): (IpAddr, IpAddr),
    tcp: &[u8],
    payload: u32,
) {
    const CHECKSUM: std::ops::Range<usize> = 16..18;
    let segment = tcp.len() as u64 + u64::from(payload);
    let addresses = append_ip(out, link, source, destination, segment);
    let at = out.len();
    out.extend_from_slice(tcp);
    if let (Some(logged), Some(field)) =
        (tcp.get(CHECKSUM), out.get_mut(at..).and_then(|header| header.get_mut(CHECKSUM)))
    {
        let pseudo = addresses + u64::from(PROTOCOL_TCP) + (segment >> 16) + (segment & 0xffff);
        field.copy_from_slice(&fold(pseudo + sum(tcp) - sum(logged)).to_be_bytes());
    }
}

#[inline(always)]
fn append_ipv4(out: &mut Vec<u8>, source: [u8; 4], destination: [u8; 4], segment: u64) -> u64 {
    const FIXED: u64 = 0x4500 + (HOP_LIMIT as u64 * 256 + PROTOCOL_TCP as u64);
    let len = u16::try_from(20 + segment).unwrap_or(0);
    let addresses = sum(&source) + sum(&destination);
    let ([l0, l1], [c0, c1]) = (len.to_be_bytes(), fold(FIXED + u64::from(len) + addresses).to_be_bytes());
    let fixed = [0x45, 0, l0, l1, 0, 0, 0, 0, HOP_LIMIT, PROTOCOL_TCP, c0, c1];
    out.extend_from_slice(&fixed);
    out.extend_from_slice([source, destination].as_flattened());
    addresses
}

fn append_ipv6(out: &mut Vec<u8>, source: [u8; 16], destination: [u8; 16], segment: u64) -> u64 {
    let [l0, l1] = u16::try_from(segment).unwrap_or(0).to_be_bytes();
    out.extend_from_slice(&[0x60, 0, 0, 0, l0, l1, PROTOCOL_TCP, HOP_LIMIT]);
    out.extend_from_slice([source, destination].as_flattened());
    sum(&source) + sum(&destination)
}

/// DLT_NULL in pcapng: the address family, 4 bytes, stands before the IP header.
pub const NULL: u16 = 0;
/// LINKTYPE_RAW in pcapng: a packet begins with its IP header.
pub const RAW: u16 = 101;

/// The parts of a packet that was synthesized here, or of any other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ParsedPacket<'a> {
    /// Where the segment came from.
    pub source: SocketAddr,
    /// Where it went.
    pub destination: SocketAddr,
    /// Its TCP header with options, whole.
    pub tcp: &'a [u8],
    /// Bytes of data after the TCP header, captured or not, by the IP header. 0 if its length is 0, as hosts
    /// write it for segments that the network card splits.
    pub payload: u32,
}

impl<'a> ParsedPacket<'a> {
    /// Addresses and TCP header of a packet with a link header of this pcapng type; `None` if it
    /// is not TCP over IP, or not all of the TCP header is there.
    pub fn new(link: u16, data: &'a [u8]) -> Option<ParsedPacket<'a>> {
        let ip = match link {
            NULL => data.get(4..)?,
            RAW => data,
            _ => return None,
        };
        let be16 = |at: usize| ip.get(at..)?.first_chunk().map(|&bytes| u16::from_be_bytes(bytes));
        let (addresses, len, segment): ((IpAddr, IpAddr), u16, &[u8]) = match ip.first()? >> 4 {
            4 => {
                let (header, segment) = ip.split_at_checked(usize::from(ip[0] & 0xf) * 4)?;
                let address =
                    |at: usize| header.get(at..)?.first_chunk().map(|&bytes: &[u8; 4]| IpAddr::from(bytes));
                let addresses = (address(12)?, address(16)?);
                let len = be16(2)?.saturating_sub(header.len() as u16);
                (header.get(9) == Some(&PROTOCOL_TCP)).then_some((addresses, len, segment))?
            }
            6 => {
                let (header, segment) = ip.split_at_checked(40)?;
                let address =
                    |at: usize| header.get(at..)?.first_chunk().map(|&bytes: &[u8; 16]| IpAddr::from(bytes));
                let addresses = (address(8)?, address(24)?);
                (header[6] == PROTOCOL_TCP).then_some((addresses, be16(4)?, segment))?
            }
            _ => return None,
        };
        let tcp_len = usize::from(segment.get(12)? >> 4) * 4;
        let tcp = segment.get(..tcp_len).filter(|_| tcp_len >= 20)?;
        let port = |at: usize| u16::from_be_bytes([tcp[at], tcp[at + 1]]);
        let (source, destination) = ((addresses.0, port(0)).into(), (addresses.1, port(2)).into());
        let payload = u32::from(len).saturating_sub(tcp_len as u32);
        Some(ParsedPacket { source, destination, tcp, payload })
    }
}

/// An IPv6 address without the scope zone that FreeBSD's kernel keeps in the second group of
/// link-local addresses (KAME's form, `fe80:2::1`): packets never carry it.
#[inline]
fn on_the_wire(address: IpAddr) -> [u8; 16] {
    let address = match address {
        IpAddr::V6(address) => address,
        IpAddr::V4(address) => address.to_ipv6_mapped(),
    };
    without_zone(address).octets()
}

/// The address as in packets: without the scope zone, which the kernel keeps in the second group of
/// unicast fe80::/10 and of multicast addresses of interface- or link-local scope.
#[inline]
pub fn without_zone(address: Ipv6Addr) -> Ipv6Addr {
    let mut groups = address.segments();
    if address.is_unicast_link_local() || matches!(groups[0] & 0xff0f, 0xff01 | 0xff02) {
        groups[1] = 0;
    }
    Ipv6Addr::from(groups)
}

/// The scope zone that the kernel keeps in an address; 0 if it has none.
pub fn zone(address: Ipv6Addr) -> u32 {
    if without_zone(address) == address { 0 } else { u32::from(address.segments()[1]) }
}

/// An address as text, a scope zone behind it: `fe80::1%2`.
pub struct Scoped(pub IpAddr);

impl fmt::Display for Scoped {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            IpAddr::V6(address) if zone(address) != 0 => {
                write!(f, "{}%{}", without_zone(address), zone(address))
            }
            address => write!(f, "{address}"),
        }
    }
}

/// Appends the TCP header of `segment` in network order, `header_words` long. Options that were not logged
/// are NOPs, so that lengths stay true; the checksum, which no event has, is 0.
#[inline]
pub fn append_tcp_header(
    out: &mut Vec<u8>,
    segment: &LoggedSegment<'_>,
    source_port: u16,
    destination_port: u16,
) {
    const NOP: u8 = 1;
    const FIXED: usize = 20;
    const LONGEST: usize = 60;
    let (end, options) = (out.len() + segment.header_len(), out.len() + FIXED);
    let offset_and_flags = (u16::from(segment.header_words) << 12) | (segment.flags & 0x0fff);
    let pair = |first: u16, second: u16| (u32::from(first) << 16 | u32::from(second)).to_be_bytes();
    let fixed = [
        pair(source_port, destination_port),
        segment.seq.to_be_bytes(),
        segment.ack.to_be_bytes(),
        pair(offset_and_flags, segment.window),
        pair(0, segment.urgent),
    ];
    out.extend_from_slice(fixed.as_flattened());
    // As many as there can be, which costs no call; those beyond the header go again.
    out.extend_from_slice(&[NOP; LONGEST - FIXED]);
    out.truncate(end);
    let logged = out.get_mut(options..).unwrap_or_default().iter_mut().zip(segment.options);
    logged.for_each(|(place, &option)| *place = option);
}

/// The sum of big-endian 16-bit words, a last odd byte padded with zero; not folded.
#[inline]
fn sum(bytes: &[u8]) -> u64 {
    let mut words = bytes.chunks_exact(2);
    let total: u64 = words.by_ref().map(|word| u64::from(u16::from_be_bytes([word[0], word[1]]))).sum();
    total + words.remainder().first().map_or(0, |&last| u64::from(last) << 8)
}

/// The Internet checksum of a sum.
#[inline]
fn fold(mut sum: u64) -> u16 {
    while sum > 0xffff {
        sum = (sum >> 16) + (sum & 0xffff);
    }
    !(sum as u16)
}

#[cfg(test)]
mod tests {
    use super::*;

    fn segment(link: Link, source: IpAddr, destination: IpAddr, tcp: &[u8], payload: u32) -> Vec<u8> {
        let mut out = Vec::new();
        append_segment(&mut out, link, (source, destination), tcp, payload);
        out
    }

    /// A checksummed header sums up to all ones.
    #[test]
    fn checksums_verify() {
        let mut tcp = [0u8; 24];
        tcp[0..4].copy_from_slice(&[0x30, 0x39, 0x00, 0x50]);
        tcp[12] = 0x60;
        tcp[13] = 2;
        // Whatever was logged as the checksum does not count.
        tcp[16..18].fill(0xa5);
        tcp[20..24].copy_from_slice(&[2, 4, 5, 0xb4]);
        let (a, b) = ("10.99.0.2".parse().unwrap(), "10.99.0.1".parse().unwrap());
        let bytes = segment(Link::Raw, a, b, &tcp, 0);
        assert_eq!(fold(sum(&bytes[..20])), 0);
        let pseudo = sum(&bytes[12..20]) + 6 + 24;
        assert_eq!(fold(pseudo + sum(&bytes[20..])), 0);
        assert_eq!(bytes.len(), 44);
        let (a, b) = ("2001:db8::2".parse().unwrap(), "2001:db8::1".parse().unwrap());
        let bytes = segment(Link::Raw, a, b, &tcp, 0);
        let pseudo = sum(&bytes[8..40]) + 6 + 24;
        assert_eq!(fold(pseudo + sum(&bytes[40..])), 0);
    }

    #[test]
    fn headers_parse_back() {
        let mut tcp = [1; 24];
        tcp[12] = 0x60;
        for (a, b) in [("10.0.0.1", "10.0.0.2"), ("2001:db8::1", "2001:db8::2")] {
            let (a, b): (IpAddr, IpAddr) = (a.parse().unwrap(), b.parse().unwrap());
            for (link, number) in [(Link::Null, 0), (Link::Raw, 101)] {
                let headers = segment(link, a, b, &tcp, 1000);
                let parsed = ParsedPacket::new(number, &headers).unwrap();
                let (source, destination) = ((a, 0x0101).into(), (b, 0x0101).into());
                assert_eq!((parsed.source, parsed.destination), (source, destination));
                assert_eq!((&parsed.tcp[..16], &parsed.tcp[18..]), (&tcp[..16], &tcp[18..]));
                for len in 0..headers.len() {
                    assert_eq!(ParsedPacket::new(number, &headers[..len]), None);
                }
            }
        }
    }

    #[test]
    fn lengths_do_not_overflow() {
        let tcp = [0x50; 20];
        let (a, b) = ("10.0.0.1".parse().unwrap(), "10.0.0.2".parse().unwrap());
        let total = |payload| {
            let bytes = segment(Link::Null, a, b, &tcp, payload);
            u16::from_be_bytes([bytes[6], bytes[7]])
        };
        assert_eq!(total(65495), 65535);
        assert_eq!(total(65496), 0);
        assert_eq!(total(u32::MAX), 0);
    }

    #[test]
    fn zone_is_not_on_the_wire() {
        let scoped: Ipv6Addr = "fe80:2::bb:ff:fe00:fe".parse().unwrap();
        assert_eq!(without_zone(scoped), "fe80::bb:ff:fe00:fe".parse::<Ipv6Addr>().unwrap());
        let global: Ipv6Addr = "2001:db8::1".parse().unwrap();
        assert_eq!(without_zone(global), global);
    }
}
