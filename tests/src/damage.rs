// SPDX-License-Identifier: BSD-2-Clause
//! Damaged captures, any number of them and each the same every time, and what Wireshark says when a
//! dissector stumbles over one.

use crate::fixtures::fixture;
use crate::programs::convert;

/// Logs whose captures are damaged: every stack, verbose records, and event logs.
const LOGS: [&str; 5] = [
    "default_refused.tcplog",
    "rack_verbose_40.tcplog",
    "bbr_120.tcplog",
    "variant_e.elog",
    "small-plain.elog",
];
/// Records of a damaged capture.
const RECORDS: usize = 40;
/// Where block bodies begin: damage before it mostly makes a file that is no capture at all.
const PREAMBLE: usize = 28;

/// A small generator of numbers (xorshift64*), seeded: a failure can be made again.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % bound
    }
}

/// Positions of the blocks of a little-endian capture: start and length.
fn blocks(capture: &[u8]) -> Vec<(usize, usize)> {
    let mut at = 0;
    let mut blocks = Vec::new();
    while let Some(len) = capture.get(at + 4..at + 8) {
        let len = u32::from_le_bytes([len[0], len[1], len[2], len[3]]) as usize;
        blocks.push((at, len));
        at += len.max(12);
    }
    blocks
}

/// A capture with the section's head and a few of its records, from anywhere in it: less to read, and as
/// much to damage.
fn excerpt(capture: &[u8], random: &mut Random) -> Vec<u8> {
    let blocks = blocks(capture);
    // Section and interfaces; what follows are records, and the statistics at the end.
    let head = blocks.iter().take_while(|&&(at, _)| [0x0a, 0x01].contains(&capture[at])).count();
    let first = head + random.below((blocks.len() - head).saturating_sub(RECORDS).max(1));
    let records = &blocks[first..(first + RECORDS).min(blocks.len())];
    let all = blocks[..head].iter().chain(records);
    all.flat_map(|&(at, len)| &capture[at..at + len]).copied().collect()
}

/// Damages bytes, option lengths and lengths of whole blocks.
fn mutate(capture: &[u8], random: &mut Random) -> Vec<u8> {
    let mut bytes = capture.to_vec();
    let blocks = blocks(capture);
    for _ in 0..=random.below(40) {
        let (start, len) = blocks[random.below(blocks.len())];
        if len <= PREAMBLE + 4 {
            continue;
        }
        let at = start + PREAMBLE + random.below(len - PREAMBLE - 4);
        match random.below(6) {
            0 => bytes[at] = 0xff,
            1 => bytes[at] = 0,
            2 => bytes[at] ^= 1 << random.below(8),
            3 => bytes[at..at + 4].copy_from_slice(&[0xff; 4]),
            // A length field of an option, if one is here.
            4 => bytes[at & !3 | 2] = random.below(256) as u8,
            _ => bytes[at] = random.below(256) as u8,
        }
    }
    if random.below(10) == 0 {
        bytes.truncate(random.below(bytes.len()).max(64));
    }
    bytes
}

/// Captures to damage.
pub struct Damaged(Vec<Vec<u8>>);

impl Damaged {
    /// The captures of a few logs of this repository.
    pub fn new() -> Damaged {
        Damaged(LOGS.iter().map(|log| convert(&fixture(log))).collect())
    }

    /// The damaged capture of this number.
    pub fn capture(&self, number: usize) -> Vec<u8> {
        let mut random = Random(0x9e37_79b9_7f4a_7c15 ^ (number as u64 + 1) << 7);
        let whole = excerpt(&self.0[number % self.0.len()], &mut random);
        mutate(&whole, &mut random)
    }
}

impl Default for Damaged {
    fn default() -> Damaged {
        Damaged::new()
    }
}

/// Lines of stderr that report a fault in a dissector, without their time and process.
pub fn faults(stderr: &[u8]) -> Vec<String> {
    let words = ["CRITICAL", "WARNING", "ERROR", "Dissector bug", "assertion", "panicked"];
    String::from_utf8_lossy(stderr)
        .lines()
        .filter(|line| words.iter().any(|word| line.contains(word)))
        .map(|line| line.split_once(" -- ").map_or(line, |(_, fault)| fault).to_owned())
        .collect()
}
