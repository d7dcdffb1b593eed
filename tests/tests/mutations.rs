//! Damaged captures in tshark with the plugin: whatever stands in them, it must not die by a
//! signal, and neither GLib nor Wireshark may find a fault in the plugin.

use std::os::unix::process::ExitStatusExt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use bblog_tests::fixtures::fixture;
use bblog_tests::programs::convert;
use bblog_tests::tshark::Tshark;

/// How many damaged captures.
const MUTATIONS: usize = 1000;
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

/// Lines of stderr that tell of a fault in a dissector, without their time and process.
fn faults(stderr: &[u8]) -> Vec<String> {
    let words = ["CRITICAL", "WARNING", "ERROR", "Dissector bug", "assertion", "panicked"];
    String::from_utf8_lossy(stderr)
        .lines()
        .filter(|line| words.iter().any(|word| line.contains(word)))
        .map(|line| line.split_once(" -- ").map_or(line, |(_, fault)| fault).to_owned())
        .collect()
}

#[test]
fn damaged_captures_do_no_harm() {
    let (tshark, stock) = (Tshark::with_plugin(), Tshark::stock());
    let logs = [
        "default_refused.tcplog",
        "rack_verbose_40.tcplog",
        "bbr_120.tcplog",
        "variant_e.elog",
        "small-plain.elog",
    ];
    let captures: Vec<Vec<u8>> = logs.iter().map(|log| convert(&fixture(log))).collect();
    let next = AtomicUsize::new(0);
    let opened = AtomicUsize::new(0);
    let one = |number: usize| {
        let mut random = Random(0x9e37_79b9_7f4a_7c15 ^ (number as u64 + 1) << 7);
        let damaged = mutate(&captures[number % captures.len()], &mut random);
        let output = tshark.run(&["-V", "-n"], &damaged);
        assert_eq!(
            output.status.signal(),
            None,
            "mutation {number}: {}",
            String::from_utf8_lossy(&output.stderr)
        );
        let mut faults = faults(&output.stderr);
        if !faults.is_empty() {
            // Wireshark's own dissectors stumble over damaged captures too.
            let known = self::faults(&stock.run(&["-V", "-n"], &damaged).stderr);
            faults.retain(|fault| !known.contains(fault));
            assert!(faults.is_empty(), "mutation {number}: {faults:#?}");
        }
        if !output.stdout.is_empty() {
            opened.fetch_add(1, Ordering::Relaxed);
        }
    };
    thread::scope(|scope| {
        for _ in 0..thread::available_parallelism().map_or(1, |n| n.get()) {
            scope.spawn(|| {
                loop {
                    let number = next.fetch_add(1, Ordering::Relaxed);
                    if number >= MUTATIONS {
                        return;
                    }
                    one(number);
                }
            });
        }
    });
    let opened = opened.into_inner();
    assert!(opened > MUTATIONS / 2, "only {opened} of {MUTATIONS} damaged captures showed a frame");
}
