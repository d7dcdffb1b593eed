// SPDX-License-Identifier: BSD-2-Clause
//! A segment's header and its options.

use crate::tcp::seq::before;

/// Bits of a TCP header's flags.
pub(crate) mod flag {
    pub(crate) const FIN: u16 = 0x01;
    pub(crate) const SYN: u16 = 0x02;
    pub(crate) const RST: u16 = 0x04;
    pub(crate) const ACK: u16 = 0x10;
    pub(crate) const ECE: u16 = 0x40;
    pub(crate) const CWR: u16 = 0x80;
}

/// A segment.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Segment<'a> {
    pub(crate) seq: u32,
    pub(crate) ack: u32,
    pub(crate) flags: u16,
    /// Bytes of data.
    pub(crate) len: u32,
    /// The options' bytes, as they stand in the header; `None` where the log has none.
    pub(crate) options: Option<&'a [u8]>,
}

impl Segment<'_> {
    /// Whether all of `flags` are set.
    #[inline]
    pub(crate) fn has(&self, flags: u16) -> bool {
        self.flags & flags == flags
    }

    /// The sequence number after it: SYN and FIN take one each.
    #[inline]
    pub(crate) fn end(&self) -> u32 {
        let control = u32::from(self.has(flag::SYN)) + u32::from(self.has(flag::FIN));
        self.seq.wrapping_add(self.len).wrapping_add(control)
    }
}

/// Options of a segment, as far as they are looked at.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(crate) struct SegmentOptions {
    pub(crate) mss: Option<u16>,
    pub(crate) shift: Option<u8>,
    pub(crate) sack_permitted: bool,
    pub(crate) timestamps: bool,
    /// The first SACK block.
    pub(crate) first_block: Option<(u32, u32)>,
    /// The block after it.
    pub(crate) second_block: Option<(u32, u32)>,
    /// The end of the block that reaches furthest.
    pub(crate) sacked_to: Option<u32>,
}

impl SegmentOptions {
    /// Reads the options; what is malformed ends them.
    pub(crate) fn parse(mut bytes: &[u8]) -> SegmentOptions {
        let mut options = SegmentOptions::default();
        while let Some((&kind, rest)) = bytes.split_first() {
            match kind {
                0 => break,
                1 => {
                    bytes = rest;
                    continue;
                }
                _ => {}
            }
            let Some(&len) = rest.first() else { break };
            let Some(value) = bytes.get(2..usize::from(len)) else { break };
            options.take(kind, value);
            bytes = bytes.get(usize::from(len)..).unwrap_or_default();
        }
        options
    }

    fn take(&mut self, kind: u8, value: &[u8]) {
        match (kind, value) {
            (2, &[a, b]) => self.mss = Some(u16::from_be_bytes([a, b])),
            (3, &[shift]) => self.shift = Some(shift),
            (4, []) => self.sack_permitted = true,
            (8, value) if value.len() == 8 => self.timestamps = true,
            (5, value) => {
                for block in value.chunks_exact(8) {
                    let number = |at: usize| {
                        block.get(at..).and_then(<[u8]>::first_chunk).map_or(0, |b| u32::from_be_bytes(*b))
                    };
                    let block = (number(0), number(4));
                    match (self.first_block, self.second_block) {
                        (None, _) => self.first_block = Some(block),
                        (_, None) => self.second_block = Some(block),
                        _ => {}
                    }
                    if self.sacked_to.is_none_or(|to| before(to, block.1)) {
                        self.sacked_to = Some(block.1);
                    }
                }
            }
            _ => {}
        }
    }

    /// The range that the peer received twice (RFC 2883): a first block at or below the acknowledgement, or
    /// inside the second block.
    pub(crate) fn duplicate(&self, ack: u32) -> Option<(u32, u32)> {
        let (start, end) = self.first_block?;
        let inside = |outer: (u32, u32)| !before(start, outer.0) && !before(outer.1, end);
        (!before(ack, end) || self.second_block.is_some_and(inside)).then_some((start, end))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn options_of_a_syn() {
        let bytes = [2, 4, 5, 180, 1, 3, 3, 7, 4, 2, 8, 10, 0, 0, 0, 1, 0, 0, 0, 0];
        let options = SegmentOptions::parse(&bytes);
        assert_eq!((options.mss, options.shift), (Some(1460), Some(7)));
        assert!(options.sack_permitted && options.timestamps);
    }

    #[test]
    fn duplicates() {
        let block = |start: u32, end: u32| [start.to_be_bytes(), end.to_be_bytes()].concat();
        let options = |blocks: &[Vec<u8>]| {
            let len = 2 + 8 * blocks.len() as u8;
            SegmentOptions::parse(&[&[1, 1, 5, len][..], &blocks.concat()].concat())
        };
        assert_eq!(options(&[block(100, 200)]).duplicate(200), Some((100, 200)));
        assert_eq!(options(&[block(100, 200)]).duplicate(50), None);
        assert_eq!(options(&[block(100, 200), block(100, 400)]).duplicate(50), Some((100, 200)));
        assert_eq!(options(&[block(300, 400), block(100, 200)]).sacked_to, Some(400));
    }

    #[test]
    fn malformed_options_end() {
        for bytes in [&[2, 0][..], &[2, 1, 2, 3], &[5, 9, 1], &[8], &[3, 3]] {
            assert_eq!(SegmentOptions::parse(bytes), SegmentOptions::default());
        }
    }
}
