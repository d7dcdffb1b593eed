// SPDX-License-Identifier: BSD-2-Clause
//! The blocks of a pcapng file, and their options.
//!
//! A block is a slice. Its contents are parsed on demand.

use crate::block::SECTION_HEADER;

/// Bytes that every block has: type, length, and the length again.
pub const FRAME: usize = 12;

/// The byte order of a section.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Endianness {
    /// Little-endian: amd64, arm64.
    #[default]
    Little,
    /// Big-endian.
    Big,
}

impl Endianness {
    /// The number at `at`; `None` beyond the end.
    #[inline]
    pub fn u16(self, bytes: &[u8], at: usize) -> Option<u16> {
        let field = *bytes.get(at..)?.first_chunk()?;
        Some(match self {
            Endianness::Little => u16::from_le_bytes(field),
            Endianness::Big => u16::from_be_bytes(field),
        })
    }

    /// The number at `at`; `None` beyond the end.
    #[inline]
    pub fn u32(self, bytes: &[u8], at: usize) -> Option<u32> {
        let field = *bytes.get(at..)?.first_chunk()?;
        Some(match self {
            Endianness::Little => u32::from_le_bytes(field),
            Endianness::Big => u32::from_be_bytes(field),
        })
    }

    /// The number at `at`; `None` beyond the end.
    pub fn u64(self, bytes: &[u8], at: usize) -> Option<u64> {
        let field = *bytes.get(at..)?.first_chunk()?;
        Some(match self {
            Endianness::Little => u64::from_le_bytes(field),
            Endianness::Big => u64::from_be_bytes(field),
        })
    }

    /// The bytes of a number.
    pub fn u32_bytes(self, number: u32) -> [u8; 4] {
        match self {
            Endianness::Little => number.to_le_bytes(),
            Endianness::Big => number.to_be_bytes(),
        }
    }

    /// The bytes of a number.
    pub fn u16_bytes(self, number: u16) -> [u8; 2] {
        match self {
            Endianness::Little => number.to_le_bytes(),
            Endianness::Big => number.to_be_bytes(),
        }
    }

    /// The order of a section header block by its byte-order magic; `None` if that is neither.
    pub fn of_section(block: &[u8]) -> Option<Endianness> {
        match block.get(8..12)? {
            [0x4d, 0x3c, 0x2b, 0x1a] => Some(Endianness::Little),
            [0x1a, 0x2b, 0x3c, 0x4d] => Some(Endianness::Big),
            _ => None,
        }
    }
}

/// A block.
#[derive(Clone, Copy, Debug)]
pub struct Block<'a> {
    /// Its type.
    pub kind: u32,
    /// The byte order of its section.
    pub order: Endianness,
    /// The whole block, with type and lengths.
    pub bytes: &'a [u8],
}

impl<'a> Block<'a> {
    /// The bytes between the two lengths.
    #[inline]
    pub fn body(&self) -> &'a [u8] {
        self.bytes.get(8..self.bytes.len().saturating_sub(4)).unwrap_or_default()
    }
}

/// The blocks of one section that `bytes` begin with: up to the next section header, or the first
/// block that does not fit.
pub fn blocks(bytes: &[u8], order: Endianness) -> impl Iterator<Item = Block<'_>> {
    let mut rest = bytes;
    let mut first = true;
    std::iter::from_fn(move || {
        let kind = order.u32(rest, 0)?;
        if kind == SECTION_HEADER && !first {
            return None;
        }
        first = false;
        let length = order.u32(rest, 4)? as usize;
        let (block, after) = rest.split_at_checked(length).filter(|_| length >= FRAME)?;
        rest = after;
        Some(Block { kind, order, bytes: block })
    })
}

/// The options at the end of a block: code and value of each, up to the end-of-options mark or
/// the first that does not fit.
#[derive(Clone)]
pub struct BlockOptions<'a> {
    rest: &'a [u8],
    order: Endianness,
}

impl<'a> BlockOptions<'a> {
    /// The options that `bytes` consist of.
    pub fn new(bytes: &'a [u8], order: Endianness) -> BlockOptions<'a> {
        BlockOptions { rest: bytes, order }
    }

    /// How many bytes were not read yet.
    pub fn left(&self) -> usize {
        self.rest.len()
    }
}

impl<'a> Iterator for BlockOptions<'a> {
    type Item = (u16, &'a [u8]);

    #[inline]
    fn next(&mut self) -> Option<(u16, &'a [u8])> {
        let code = self.order.u16(self.rest, 0).filter(|&code| code != 0)?;
        let length = usize::from(self.order.u16(self.rest, 2)?);
        let value = self.rest.get(4..4 + length)?;
        self.rest = self.rest.get(4 + length.next_multiple_of(4)..).unwrap_or_default();
        Some((code, value))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_end_at_the_mark_or_where_they_do_not_fit() {
        let bytes = [1, 0, 3, 0, b'a', b'b', b'c', 0, 2, 0, 0, 0, 0, 0, 0, 0, 9, 0, 0, 0];
        let all = |bytes| BlockOptions::new(bytes, Endianness::Little).collect::<Vec<_>>();
        assert_eq!(all(&bytes), [(1, &b"abc"[..]), (2, b"")]);
        // The last option's padding may be missing, its value not.
        assert_eq!(all(&bytes[..7]), [(1, &b"abc"[..])]);
        assert_eq!(all(&bytes[..6]), []);
        assert_eq!(all(&[]), []);
    }
}
