// SPDX-License-Identifier: BSD-2-Clause
//! The header of an entry.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};

use super::{HEADER_LEN, VERSION};
use crate::cursor::Cursor;
use crate::{DecodeError, Micros};

/// `TCP_LOG_DEV_TYPE_BBR`, the only entry type defined.
const TYPE_BBR: u32 = 1;
/// FreeBSD's `AF_INET`.
const AF_INET: u8 = 2;
/// FreeBSD's `AF_INET6`.
const AF_INET6: u8 = 28;

/// Where the strings `tlh_id`, `tlh_reason` and `tlh_tag` lie, and their sizes.
const ID: (usize, usize) = (72, 64);
const REASON: (usize, usize) = (136, 32);
const TAG: (usize, usize) = (168, 32);
/// Where `tlh_ie`, the ports, addresses and scope zone, lies.
const ENDPOINTS_AT: usize = 16;
/// `sizeof(struct in_endpoints)`.
const ENDPOINTS_LEN: usize = 40;
/// Where `tlh_af` lies.
const FAMILY_AT: usize = 200;

/// The header of an entry (208 bytes): one dump of one connection.
#[derive(Clone, Copy)]
pub struct Header<'a>(&'a [u8; HEADER_LEN]);

/// How sure it is that addresses are of IPv6 though the header says AF_INET.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WrongFamily {
    /// They do not fit IPv4.
    Certain,
    /// One is 0.0.0.1, which no host has in IPv4: `::1`.
    Inferred,
}

impl<'a> Header<'a> {
    /// Reads the header that `bytes` begin with.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`] with fewer than 208 bytes, [`DecodeError::Version`] or
    /// [`DecodeError::ByteOrder`] if `tlch_version` is not 9, [`DecodeError::EntryType`] if
    /// `tlch_type` is not 1 and [`DecodeError::Length`] if `tlch_length` is below 208.
    pub fn parse(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        let header = Header::unchecked(bytes)?;
        let version = header.version();
        if version != VERSION {
            let what = "BBLog";
            return Err(if version.swap_bytes() == VERSION {
                DecodeError::ByteOrder { what, found: version, supported: VERSION }
            } else {
                DecodeError::Version { what, found: version, supported: VERSION }
            });
        }
        if header.entry_type() != TYPE_BBR {
            return Err(DecodeError::EntryType { found: header.entry_type() });
        }
        if header.entry_len() < HEADER_LEN as u64 {
            return Err(DecodeError::Length {
                what: "entry length",
                found: header.entry_len(),
                min: HEADER_LEN as u64,
                max: u64::MAX,
            });
        }
        Ok(header)
    }

    /// Whether `bytes` begin with a header beyond doubt: version, type and length, an address family, and zeros where
    /// there is padding.
    pub fn is_certain(bytes: &[u8]) -> bool {
        bytes.first_chunk() == Some(&VERSION.to_le_bytes())
            && matches!(bytes.get(FAMILY_AT..HEADER_LEN), Some([2 | AF_INET6, 0, 0, 0, 0, 0, 0, 0]))
            && Header::parse(bytes).is_ok()
    }

    /// Takes any bytes as a header: for DUMPINFO options, whose version stands
    /// elsewhere and whose length is that of the rest.
    ///
    /// # Errors
    /// [`DecodeError::Truncated`] with fewer than 208 bytes.
    pub fn unchecked(bytes: &'a [u8]) -> Result<Self, DecodeError> {
        bytes.first_chunk().map(Header).ok_or(DecodeError::Truncated {
            what: "BBLog entry header",
            needed: HEADER_LEN as u64,
            found: bytes.len() as u64,
        })
    }

    /// Takes any bytes as a header, as [`Header::unchecked`] does.
    #[inline]
    pub fn from_bytes(bytes: &'a [u8; HEADER_LEN]) -> Self {
        Header(bytes)
    }

    /// The bytes of a header that has addresses and ports and nothing else: for records that come without one.
    pub fn of_ends(local: SocketAddr, remote: SocketAddr) -> [u8; HEADER_LEN] {
        let mut header = [0; HEADER_LEN];
        let is_ipv6 = local.is_ipv6() || remote.is_ipv6();
        header[FAMILY_AT] = if is_ipv6 { AF_INET6 } else { AF_INET };
        for (end, port_at, address_at) in [(remote, 16, 20), (local, 18, 36)] {
            header[port_at..port_at + 2].copy_from_slice(&end.port().to_be_bytes());
            let address = &mut header[address_at..address_at + 16];
            match end.ip() {
                IpAddr::V4(ip) if is_ipv6 => address.copy_from_slice(&ip.to_ipv6_mapped().octets()),
                IpAddr::V4(ip) => address[12..].copy_from_slice(&ip.octets()),
                IpAddr::V6(ip) => address.copy_from_slice(&ip.octets()),
            }
        }
        header
    }

    /// The 208 bytes.
    pub fn as_bytes(&self) -> &'a [u8; HEADER_LEN] {
        self.0
    }

    fn at(&self) -> Cursor<'a> {
        Cursor(self.0)
    }

    /// `tlch_version`.
    pub fn version(&self) -> u32 {
        self.at().u32(0).unwrap_or_default()
    }

    /// `tlch_type`.
    pub fn entry_type(&self) -> u32 {
        self.at().u32(4).unwrap_or_default()
    }

    /// `tlch_length`: bytes of the whole entry, header included.
    pub fn entry_len(&self) -> u64 {
        self.at().u64(8).unwrap_or_default()
    }

    /// Bytes of the records that follow the header.
    pub fn body_len(&self) -> u64 {
        self.entry_len().saturating_sub(HEADER_LEN as u64)
    }

    /// `ie_fport`: the peer's port (stored in network order).
    pub fn fport(&self) -> u16 {
        self.at().be16(16).unwrap_or_default()
    }

    /// `ie_lport`: our port (stored in network order).
    pub fn lport(&self) -> u16 {
        self.at().be16(18).unwrap_or_default()
    }

    /// The peer's address.
    pub fn faddr(&self) -> IpAddr {
        self.address(20)
    }

    /// Our address.
    pub fn laddr(&self) -> IpAddr {
        self.address(36)
    }

    /// An `in_dependaddr`: 16 bytes; IPv4 uses the last four.
    fn address(&self, at: usize) -> IpAddr {
        let bytes: [u8; 16] = self.0[at..].first_chunk().copied().unwrap_or_default();
        if self.is_ipv6() {
            IpAddr::V6(Ipv6Addr::from(bytes))
        } else {
            IpAddr::V4(Ipv4Addr::new(bytes[12], bytes[13], bytes[14], bytes[15]))
        }
    }

    /// `ie6_zoneid`: the IPv6 scope zone, 0 if none.
    pub fn zone(&self) -> u32 {
        self.at().u32(52).unwrap_or_default()
    }

    /// `tlh_offset`: when the machine booted, since 1970. A record's time plus this is UTC.
    /// Zero in files made from core dumps.
    pub fn boot_time(&self) -> Micros {
        let at = self.at();
        Micros::from_timeval(at.i64(56).unwrap_or_default(), at.i64(64).unwrap_or_default())
    }

    /// `tlh_id`, the log id (at most 64 bytes, set by an unprivileged program: any bytes);
    /// `UNKNOWN` if unset.
    pub fn id(&self) -> &'a [u8] {
        self.text(ID)
    }

    /// `tlh_id` as it stands there: 64 bytes, with what follows its end.
    pub fn raw_id(&self) -> &'a [u8; ID.1] {
        self.0[ID.0..].first_chunk().expect("the header holds the log id")
    }

    /// `tlh_reason`: why the log was dumped (at most 32 bytes, any bytes).
    pub fn reason(&self) -> &'a [u8] {
        self.text(REASON)
    }

    /// `tlh_tag`: the tag of the log (at most 32 bytes, any bytes); `UNKNOWN` if unset.
    pub fn tag(&self) -> &'a [u8] {
        self.text(TAG)
    }

    /// Whether `tlh_af` is AF_INET6 (28), or wrong: see [`Header::wrong_family`]. Anything else counts as AF_INET (2).
    #[inline]
    pub fn is_ipv6(&self) -> bool {
        self.0[FAMILY_AT] == AF_INET6 || self.wrong_family().is_some()
    }

    /// Whether the addresses are of IPv6 and `tlh_af` is AF_INET all the same, as of sockets that listen or are only
    /// bound: FreeBSD notes the family when it connects them.
    pub fn wrong_family(&self) -> Option<WrongFamily> {
        const IPV4: usize = 12;
        let sides = [&self.0[20..36], &self.0[36..52]];
        if self.0[FAMILY_AT] == AF_INET6 {
            return None;
        }
        if sides.iter().any(|side| side[..IPV4] != [0; IPV4]) {
            return Some(WrongFamily::Certain);
        }
        // 0.0.0.1: no address of a host in IPv4, and the loopback address in IPv6.
        let is_loopback = |side: &&[u8]| side[IPV4..] == [0, 0, 0, 1];
        sides.iter().any(is_loopback).then_some(WrongFamily::Inferred)
    }

    fn text(&self, (at, len): (usize, usize)) -> &'a [u8] {
        self.at().text(at, len).unwrap_or_default()
    }

    /// The connection's addresses, ports, scope zone and address family as they stand in the header: equal for
    /// all entries of a connection, different for two connections that exist at the same time.
    #[inline]
    pub fn connection_key(&self) -> [u8; ENDPOINTS_LEN + 1] {
        let mut key = [self.0[FAMILY_AT]; ENDPOINTS_LEN + 1];
        key[..ENDPOINTS_LEN].copy_from_slice(&self.0[ENDPOINTS_AT..ENDPOINTS_AT + ENDPOINTS_LEN]);
        key
    }

    /// The 208 bytes, with zeros after the end of the log id, the reason and the tag. The kernel leaves there
    /// what the memory held before.
    pub fn to_clean_bytes(&self) -> [u8; HEADER_LEN] {
        let mut clean = *self.0;
        for (at, len) in [ID, REASON, TAG] {
            let text = &mut clean[at..at + len];
            let end = text.iter().position(|&b| b == 0).unwrap_or(len);
            text[end..].fill(0);
        }
        clean
    }
}
