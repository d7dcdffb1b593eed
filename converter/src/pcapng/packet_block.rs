// SPDX-License-Identifier: BSD-2-Clause
//! The body of an enhanced packet block, from borrowed parts.

use bblog_dissector::Micros;

/// An enhanced packet block (EPB) to be written.
pub struct EnhancedPacket<'a> {
    /// The interface's number within the section.
    pub interface: u32,
    /// Since 1970; times before that are written as 0, which is all pcapng can say.
    pub time: Micros,
    /// Bytes the packet had; at least those of `data`.
    pub original_len: u32,
    /// The captured bytes, in parts.
    pub data: &'a [&'a [u8]],
    /// Options, in the order they are written.
    pub options: &'a [RawOption<'a>],
}

/// An option, its value in parts of together at most 65,535 bytes.
#[derive(Clone, Copy)]
pub struct RawOption<'a> {
    /// Its code.
    pub code: u16,
    /// Its value.
    pub parts: &'a [&'a [u8]],
}

impl EnhancedPacket<'_> {
    /// Appends the block's body (without type and lengths) to `body`.
    #[inline]
    pub(crate) fn encode(&self, body: &mut Vec<u8>) {
        let time = self.time.0.max(0) as u64;
        let captured = self.data.iter().map(|part| part.len()).sum::<usize>();
        let words = [self.interface, (time >> 32) as u32, time as u32, captured as u32, self.original_len];
        // In one piece: lengths that are known cost no call.
        let mut head = [0; 20];
        for (place, word) in head.chunks_exact_mut(4).zip(words) {
            place.copy_from_slice(&word.to_le_bytes());
        }
        body.extend_from_slice(&head);
        for part in self.data {
            body.extend_from_slice(part);
        }
        pad(body);
        for option in self.options {
            option.encode(body);
        }
        if !self.options.is_empty() {
            end_of_options(body);
        }
    }
}

impl RawOption<'_> {
    /// Appends code, length, value and padding to `body`, which is a multiple of 4 long.
    #[inline]
    pub(crate) fn encode(&self, body: &mut Vec<u8>) {
        let len = self.parts.iter().map(|part| part.len()).sum::<usize>();
        debug_assert!(len <= usize::from(u16::MAX));
        let ([c0, c1], [l0, l1]) = (self.code.to_le_bytes(), (len as u16).to_le_bytes());
        body.extend_from_slice(&[c0, c1, l0, l1]);
        for part in self.parts {
            body.extend_from_slice(part);
        }
        pad(body);
    }
}

/// opt_endofopt.
pub(crate) fn end_of_options(body: &mut Vec<u8>) {
    body.extend_from_slice(&[0; 4]);
}

/// Zeros up to a multiple of 4.
#[inline]
fn pad(body: &mut Vec<u8>) {
    let end = body.len().next_multiple_of(4);
    body.extend_from_slice(&[0; 4]);
    body.truncate(end);
}
