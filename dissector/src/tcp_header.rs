// SPDX-License-Identifier: BSD-2-Clause
//! The TCP header of a record or a packet.

use crate::cursor::Cursor;

/// Bytes of a TCP header without options.
const FIXED: usize = 20;

/// A TCP header with its options, in network order (RFC 9293).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TcpHeader<'a> {
    fixed: &'a [u8; FIXED],
    /// Header and options.
    bytes: &'a [u8],
}

impl<'a> TcpHeader<'a> {
    /// The flag FIN.
    pub const FIN: u16 = 0x001;
    /// The flag SYN.
    pub const SYN: u16 = 0x002;
    /// The flag RST.
    pub const RST: u16 = 0x004;
    /// The flag ACK.
    pub const ACK: u16 = 0x010;

    /// The header that `bytes` begin with: `th_off * 4` bytes of them, 20 to 60. `None` if they end before it
    /// does or if `th_off` is below 5.
    #[inline]
    pub fn parse(bytes: &'a [u8]) -> Option<TcpHeader<'a>> {
        let fixed: &[u8; FIXED] = bytes.first_chunk()?;
        let len = usize::from(fixed[12] >> 4) * 4;
        if len < FIXED {
            return None;
        }
        Some(TcpHeader { fixed, bytes: bytes.get(..len)? })
    }

    /// The header's bytes, 20 to 60.
    #[inline]
    pub fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }

    #[inline]
    fn at(&self) -> Cursor<'a> {
        Cursor(self.fixed)
    }

    /// `th_sport`: the source port.
    #[inline]
    pub fn source_port(&self) -> u16 {
        self.at().be16(0).unwrap_or_default()
    }

    /// `th_dport`: the destination port.
    #[inline]
    pub fn destination_port(&self) -> u16 {
        self.at().be16(2).unwrap_or_default()
    }

    /// `th_seq`: the sequence number of the first byte, or of the SYN.
    #[inline]
    pub fn seq(&self) -> u32 {
        self.at().be32(4).unwrap_or_default()
    }

    /// `th_ack`: the next sequence number expected, valid with [`TcpHeader::ACK`].
    #[inline]
    pub fn ack(&self) -> u32 {
        self.at().be32(8).unwrap_or_default()
    }

    /// The twelve bits beside `th_off`: FIN is the lowest, AE is 0x100, three are reserved.
    #[inline]
    pub fn flags(&self) -> u16 {
        self.at().be16(12).unwrap_or_default() & 0x0fff
    }

    /// `th_win`: the window, not scaled.
    #[inline]
    pub fn window(&self) -> u16 {
        self.at().be16(14).unwrap_or_default()
    }

    /// `th_sum`: the checksum. Of a segment sent it may be that of the pseudo-header only.
    #[inline]
    pub fn checksum(&self) -> u16 {
        self.at().be16(16).unwrap_or_default()
    }

    /// `th_urp`: the urgent pointer.
    #[inline]
    pub fn urgent(&self) -> u16 {
        self.at().be16(18).unwrap_or_default()
    }

    /// The options, 0 to 40 bytes.
    #[inline]
    pub fn options(&self) -> &'a [u8] {
        &self.bytes[FIXED..]
    }
}
