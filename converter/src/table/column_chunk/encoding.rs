// SPDX-License-Identifier: BSD-2-Clause
//! The encodings of Parquet that columns of numbers and of words need: bit packing, its hybrid with runs, and differences.
//!
//! <https://parquet.apache.org/docs/file-format/data-pages/encodings/>

/// Values of a bit-packed run at most: 63 groups of 8, whose header is one byte.
const MAX_LITERALS: usize = 504;
/// Values of a block of differences, and of each of its parts.
const BLOCK: usize = 256;
const PART: usize = 64;
const PARTS: usize = BLOCK / PART;

/// Appends a number, 7 bits a byte, the lowest first.
fn varint(mut number: u64, out: &mut Vec<u8>) {
    while number >= 0x80 {
        out.push(number as u8 | 0x80);
        number >>= 7;
    }
    out.push(number as u8);
}

/// Appends a number with a sign.
fn zigzag(number: i64, out: &mut Vec<u8>) {
    varint((number << 1 ^ number >> 63) as u64, out);
}

/// How many bits a number takes.
pub(super) fn bits_of(number: u64) -> u32 {
    u64::BITS - number.leading_zeros()
}

/// Appends numbers of `width` bits back to back, the lowest bit first. Together they fill whole bytes.
fn pack<T: Copy + Into<u64>>(numbers: &[T], width: u32, out: &mut Vec<u8>) {
    let mut packer = Packer { bits: 0, count: 0, out };
    for &number in numbers {
        let number = number.into();
        packer.put(number as u32, width.min(32));
        if width > 32 {
            packer.put((number >> 32) as u32, width - 32);
        }
    }
    packer.end();
}

struct Packer<'a> {
    bits: u64,
    count: u32,
    out: &'a mut Vec<u8>,
}

impl Packer<'_> {
    #[inline]
    fn put(&mut self, number: u32, width: u32) {
        self.bits |= u64::from(number) << self.count;
        self.count += width;
        if self.count >= 32 {
            self.out.extend_from_slice(&(self.bits as u32).to_le_bytes());
            self.bits >>= 32;
            self.count -= 32;
        }
    }

    fn end(self) {
        let bytes = self.bits.to_le_bytes();
        self.out.extend_from_slice(&bytes[..self.count.div_ceil(8) as usize]);
    }
}

/// Numbers of few bits as runs and bit-packed groups: levels, and places in a dictionary.
pub(super) struct Hybrid {
    width: u32,
    out: Vec<u8>,
    literals: Vec<u32>,
    run: (u32, usize),
}

impl Hybrid {
    /// Of numbers of `width` bits.
    pub(super) fn new(width: u32) -> Hybrid {
        Hybrid { width, out: Vec::new(), literals: Vec::new(), run: (0, 0) }
    }

    /// Appends a number `count` times.
    #[inline]
    pub(super) fn push(&mut self, number: u32, count: usize) {
        if number == self.run.0 {
            self.run.1 += count;
        } else {
            self.end_run();
            self.run = (number, count);
        }
    }

    #[inline]
    fn end_run(&mut self) {
        let (number, count) = std::mem::take(&mut self.run);
        if count < 8 {
            self.literals.extend(std::iter::repeat_n(number, count));
            if self.literals.len() >= MAX_LITERALS {
                self.end_literals();
            }
        } else {
            self.end_long_run(number, count);
        }
    }

    fn end_long_run(&mut self, number: u32, count: usize) {
        // A bit-packed run has a multiple of 8 numbers.
        let fill = (8 - self.literals.len() % 8) % 8;
        if count < fill + 8 {
            self.literals.extend(std::iter::repeat_n(number, count));
            return;
        }
        self.literals.extend(std::iter::repeat_n(number, fill));
        self.end_literals();
        varint(((count - fill) as u64) << 1, &mut self.out);
        let bytes = number.to_le_bytes();
        self.out.extend_from_slice(&bytes[..self.width.div_ceil(8) as usize]);
    }

    /// Writes the literals that fill groups of 8.
    fn end_literals(&mut self) {
        let whole = self.literals.len() / 8 * 8;
        for run in self.literals[..whole].chunks(MAX_LITERALS) {
            varint((run.len() as u64 / 8) << 1 | 1, &mut self.out);
            pack(run, self.width, &mut self.out);
        }
        self.literals.drain(..whole);
    }

    /// Appends numbers that are seldom equal to the one before.
    pub(super) fn extend(&mut self, numbers: &[u32]) {
        self.end_run();
        self.literals.extend_from_slice(numbers);
        self.end_literals();
    }

    /// Their bytes.
    pub(super) fn finish(mut self) -> Vec<u8> {
        self.end_run();
        let padded = self.literals.len().next_multiple_of(8);
        self.literals.resize(padded, 0);
        self.end_literals();
        self.out
    }
}

/// Numbers as differences to the one before: `DELTA_BINARY_PACKED`.
pub(super) fn differences(numbers: &[i64]) -> Vec<u8> {
    let mut out = Vec::with_capacity(numbers.len());
    for size in [BLOCK, PARTS, numbers.len()] {
        varint(size as u64, &mut out);
    }
    zigzag(numbers.first().copied().unwrap_or_default(), &mut out);
    let mut block = [0u64; BLOCK];
    let mut before = numbers.first().copied().unwrap_or_default();
    for numbers in numbers.get(1..).unwrap_or_default().chunks(BLOCK) {
        let mut least = i64::MAX;
        for (difference, &number) in block.iter_mut().zip(numbers) {
            let by = number.wrapping_sub(before);
            least = least.min(by);
            *difference = by as u64;
            before = number;
        }
        let differences = &mut block[..numbers.len()];
        differences.iter_mut().for_each(|difference| *difference = difference.wrapping_sub(least as u64));
        zigzag(least, &mut out);
        parts(differences, &mut out);
    }
    out
}

/// Appends the parts of a block, each with a width of its own.
fn parts(differences: &[u64], out: &mut Vec<u8>) {
    let widths = out.len();
    out.extend_from_slice(&[0; PARTS]);
    for (at, part) in differences.chunks(PART).enumerate() {
        let width = bits_of(part.iter().fold(0, |all, difference| all | difference));
        out[widths + at] = width as u8;
        let mut whole = [0u64; PART];
        whole[..part.len()].copy_from_slice(part);
        pack(&whole, width, out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The example of the format's page: the numbers 0 to 7, three bits each.
    #[test]
    fn bit_packing_is_that_of_the_format() {
        let mut out = Vec::new();
        pack(&[0u32, 1, 2, 3, 4, 5, 6, 7], 3, &mut out);
        assert_eq!(out, [0b1000_1000, 0b1100_0110, 0b1111_1010]);
        out.clear();
        pack(&[0x1_2345_6789_u64, 1, 0, 0, 0, 0, 0, 0], 33, &mut out);
        assert_eq!(out.len(), 33);
        assert_eq!(out[..5], [0x89, 0x67, 0x45, 0x23, 0x03]);
    }

    #[test]
    fn runs_and_groups() {
        let mut hybrid = Hybrid::new(2);
        hybrid.push(1, 3);
        hybrid.push(2, 100);
        hybrid.push(3, 1);
        // A group of 3 and 5 numbers, a run of 95, a group of one number and seven for nothing.
        assert_eq!(hybrid.finish(), [3, 0b1001_0101, 0b1010_1010, 190, 1, 2, 3, 3, 0]);
    }
}
