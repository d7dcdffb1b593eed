// SPDX-License-Identifier: BSD-2-Clause
//! The blocks that occur by the million. Each part is appended to the buffer that is written, without a
//! copy.

use bblog_dissector::Micros;

/// Type of a section header block; the same in both byte orders.
pub const SECTION_HEADER: u32 = 0x0a0d_0d0a;
/// Type of an interface description block.
pub const INTERFACE: u32 = 1;
/// Type of the obsolete packet block.
pub const OLD_PACKET: u32 = 2;
/// Type of a simple packet block.
pub const SIMPLE_PACKET: u32 = 3;
/// Type of an interface statistics block.
pub const STATISTICS: u32 = 5;
/// Type of an enhanced packet block.
pub const ENHANCED_PACKET: u32 = 6;
/// Type of a custom block that may be copied.
pub const CUSTOM: u32 = 0x0000_0bad;
/// Type of a custom block that should not be copied.
pub const CUSTOM_NO_COPY: u32 = 0x4000_0bad;

/// opt_custom with binary data that may be copied: the code tcplog_dumper uses.
pub const OPT_CUSTOM: u16 = 2989;
/// opt_custom with binary data that should not be copied.
pub const OPT_CUSTOM_NO_COPY: u16 = 19_373;
/// epb_flags.
const EPB_FLAGS: u16 = 2;

/// How an enhanced packet block (EPB) begins.
#[derive(Clone, Copy, Debug)]
pub struct EnhancedPacket {
    /// The interface's number within the section.
    pub interface: u32,
    /// Since 1970. Earlier times are written as 0: pcapng cannot express them.
    pub time: Micros,
}

impl EnhancedPacket {
    /// Appends the block to `out`, little-endian. `data` appends the captured bytes, and returns how
    /// many more bytes the packet had. `options` appends the options.
    #[inline]
    pub fn append(
        self,
        out: &mut Vec<u8>,
        data: impl FnOnce(&mut Vec<u8>) -> u32,
        options: impl FnOnce(&mut Vec<u8>),
    ) {
        let time = self.time.0.max(0) as u64;
        let head = [self.interface, (time >> 32) as u32, time as u32, 0, 0];
        append(out, ENHANCED_PACKET, head, |out| {
            let begin = out.len();
            let more = data(out);
            let captured = (out.len() - begin) as u32;
            if let Some(lengths) = out.get_mut(begin - 8..begin) {
                lengths[..4].copy_from_slice(&captured.to_le_bytes());
                lengths[4..].copy_from_slice(&captured.saturating_add(more).to_le_bytes());
            }
            pad(out, begin);
            let data_end = out.len();
            options(out);
            if out.len() > data_end {
                out.extend_from_slice(&END_OF_OPTIONS);
            }
        });
    }
}

/// Appends a block of type `kind`, little-endian: its body begins with the words of `head`, and `body`
/// appends the rest.
#[inline]
pub(super) fn append<const N: usize>(
    out: &mut Vec<u8>,
    kind: u32,
    head: [u32; N],
    body: impl FnOnce(&mut Vec<u8>),
) {
    let begin = out.len();
    put_words(out, [kind, 0]);
    put_words(out, head);
    body(out);
    let len = (out.len() - begin + 4) as u32;
    put_words(out, [len]);
    if let Some(place) = out.get_mut(begin + 4..begin + 8) {
        place.copy_from_slice(&len.to_le_bytes());
    }
}

/// An option. The parts of its value have at most 65,535 bytes together.
#[derive(Clone, Copy)]
pub struct RawOption<'a, const N: usize> {
    /// Its code.
    pub code: u16,
    /// Its value.
    pub parts: [&'a [u8]; N],
}

impl<const N: usize> RawOption<'_, N> {
    /// Appends code, length, value and padding to `out`.
    #[inline(always)]
    pub fn append(self, out: &mut Vec<u8>) {
        let len: usize = self.parts.iter().map(|part| part.len()).sum();
        debug_assert!(len <= usize::from(u16::MAX));
        let begin = out.len();
        put_words(out, [u32::from(self.code) | (len as u32) << 16]);
        for part in self.parts {
            out.extend_from_slice(part);
        }
        pad(out, begin);
    }
}

/// Where a packet went, seen from the machine that logged it: the value of epb_flags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Received.
    Inbound = 1,
    /// Sent.
    Outbound = 2,
}

impl Direction {
    /// Appends it as an epb_flags option.
    #[inline]
    pub fn append(self, out: &mut Vec<u8>) {
        RawOption { code: EPB_FLAGS, parts: [&(self as u32).to_le_bytes()] }.append(out);
    }
}

/// opt_endofopt.
pub(super) const END_OF_OPTIONS: [u8; 4] = [0; 4];

/// Appends words, little-endian, in one piece.
#[inline]
fn put_words<const N: usize>(out: &mut Vec<u8>, words: [u32; N]) {
    out.extend_from_slice(words.map(u32::to_le_bytes).as_flattened());
}

/// Appends zeros up to a multiple of 4 bytes from `begin` on.
#[inline]
fn pad(out: &mut Vec<u8>, begin: usize) {
    let end = begin + (out.len() - begin).next_multiple_of(4);
    out.extend_from_slice(&[0; 4]);
    out.truncate(end);
}
