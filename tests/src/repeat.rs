// SPDX-License-Identifier: BSD-2-Clause
//! Logs of any length: what a genuine connection did while it was open, over and over, each time later and with higher
//! sequence numbers.

use bblog_dissector::bblog::{Record, entries, id, records};

/// Bytes of an entry's header, and of a record before its verbose part.
const HEADER: usize = 208;
const RECORD: usize = 328;
/// Records of an entry.
const ENTRY: usize = 2_000;
const ESTABLISHED: i32 = 4;
/// The bit of tlb_eventflags for the verbose part, the place of the TCP header, and the kind of a SACK option.
const VERBOSE: u8 = 0x08;
const TCP_HEADER: usize = 268;
const SACK: u8 = 5;

/// A stream of BBLog with `least` records or a few more, made of those of the one connection in `stream`.
///
/// # Panics
/// If `stream` is none, or its connection was never open.
pub fn repeated(stream: &[u8], least: usize) -> Vec<u8> {
    let of_stream: Vec<Record<'_>> = entries(stream)
        .flat_map(|entry| records(entry.expect("a whole entry").1))
        .map(|record| record.expect("a whole record"))
        .collect();
    let open = |record: &Record<'_>| record.state() == ESTABLISHED;
    let first = of_stream.iter().position(open).expect("it was open");
    let last = of_stream.iter().rposition(open).expect("it was open");
    let (before, round) = (&of_stream[..first], &of_stream[first..=last]);
    let step = Step {
        time: (round[round.len() - 1].time() - round[0].time()).0 + 1000,
        seq: round[round.len() - 1].snd_max().wrapping_sub(round[0].snd_max()),
    };
    let times = least.saturating_sub(before.len()).div_ceil(round.len()) as u32;
    let rounds = (0..times).flat_map(|time| round.iter().map(move |record| (record, time)));
    let all: Vec<_> = before.iter().map(|record| (record, 0)).chain(rounds).collect();
    let mut out = Vec::with_capacity(all.len() * RECORD);
    for (part, from) in all.chunks(ENTRY).zip((0_u32..).step_by(ENTRY)) {
        let start = out.len();
        out.extend_from_slice(&stream[..HEADER]);
        for ((record, time), serial) in part.iter().zip(from..) {
            out.extend(step.taken(record.as_bytes(), serial, *time));
        }
        let length = (out.len() - start) as u64;
        out[start + 8..start + 16].copy_from_slice(&length.to_le_bytes());
    }
    out
}

/// From one round to the next.
struct Step {
    /// Microseconds.
    time: i64,
    seq: u32,
}

impl Step {
    /// A record of the round `round` with this serial number.
    fn taken(&self, record: &[u8], serial: u32, round: u32) -> Vec<u8> {
        let mut record = record.to_vec();
        let whole: &[u8; RECORD] = record.as_slice().try_into().expect("a whole record");
        let time = Record::from_bytes(whole).time().0 + self.time * i64::from(round);
        record[..8].copy_from_slice(&time.div_euclid(1_000_000).to_le_bytes());
        record[8..16].copy_from_slice(&time.rem_euclid(1_000_000).to_le_bytes());
        record[20..24].copy_from_slice(&serial.to_le_bytes());
        // Without the verbose part.
        record[26] &= !VERBOSE;
        let by = self.seq.wrapping_mul(round);
        // snd_una, snd_max, snd_nxt, snd_recover.
        for at in [72, 76, 84, 88] {
            add(&mut record, at, by, u32::from_le_bytes, u32::to_le_bytes);
        }
        let ours = match record[25] {
            id::OUT => vec![TCP_HEADER + 4],
            id::IN => std::iter::once(TCP_HEADER + 8).chain(sack_edges(&record)).collect(),
            _ => Vec::new(),
        };
        for at in ours {
            add(&mut record, at, by, u32::from_be_bytes, u32::to_be_bytes);
        }
        record
    }
}

/// The places of the sequence numbers in the SACK blocks of a record's segment.
fn sack_edges(record: &[u8]) -> Vec<usize> {
    let end = TCP_HEADER + usize::from(record[TCP_HEADER + 12] >> 4) * 4;
    let mut at = TCP_HEADER + 20;
    let mut edges = Vec::new();
    while at + 1 < end.min(RECORD) {
        let length = usize::from(record[at + 1]);
        match record[at] {
            0 => break,
            1 => at += 1,
            _ if length < 2 => break,
            kind => {
                if kind == SACK {
                    edges.extend((at + 2..at + length).step_by(4));
                }
                at += length;
            }
        }
    }
    edges
}

fn add(record: &mut [u8], at: usize, by: u32, from: fn([u8; 4]) -> u32, to: fn(u32) -> [u8; 4]) {
    let bytes = record[at..at + 4].try_into().expect("4 bytes");
    record[at..at + 4].copy_from_slice(&to(from(bytes).wrapping_add(by)));
}
