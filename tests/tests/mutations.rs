// SPDX-License-Identifier: BSD-2-Clause
//! Damaged captures in Wireshark with the plugin: whatever stands in them, it must not die by a
//! signal, and neither GLib nor Wireshark may find a fault in the plugin.
//!
//! sharkd reads them, one after the other, and every fiftieth is read by a tshark of its own too.
//! `BBLOG_MUTATIONS` says how many there are to be.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use bblog_tests::fixtures::fixture;
use bblog_tests::programs::convert;
use bblog_tests::sharkd::Sharkd;
use bblog_tests::tshark::Tshark;

/// How many damaged captures, unless the environment says so.
const MUTATIONS: usize = 1000;
/// Of how many one is read by tshark as well.
const TSHARK_EVERY: usize = 50;
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

/// Lines of stderr that tell of a fault in a dissector, without their time and process.
fn faults(stderr: &[u8]) -> Vec<String> {
    let words = ["CRITICAL", "WARNING", "ERROR", "Dissector bug", "assertion", "panicked"];
    String::from_utf8_lossy(stderr)
        .lines()
        .filter(|line| words.iter().any(|word| line.contains(word)))
        .map(|line| line.split_once(" -- ").map_or(line, |(_, fault)| fault).to_owned())
        .collect()
}

/// Reads a damaged capture with tshark.
fn in_tshark(number: usize, tshark: &Tshark, stock: &Tshark, damaged: &[u8]) {
    let output = tshark.run(&["-V", "-n"], damaged);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.signal(), None, "mutation {number}: {said}");
    let mut faults = faults(&output.stderr);
    if !faults.is_empty() {
        // Wireshark's own dissectors stumble over damaged captures too.
        let known = self::faults(&stock.run(&["-V", "-n"], damaged).stderr);
        faults.retain(|fault| !known.contains(fault));
        assert!(faults.is_empty(), "mutation {number}: {faults:#?}");
    }
}

#[test]
fn damaged_captures_do_no_harm() {
    let mutations = std::env::var("BBLOG_MUTATIONS").map_or(MUTATIONS, |n| n.parse().expect("a number"));
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
    let work = |worker: usize| {
        let file = tshark.home().join(format!("damaged-{worker}.pcapng"));
        let (mut sharkd, mut sharkd_stock) = (Sharkd::start(&tshark), None);
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= mutations {
                assert_eq!(sharkd.signal(), None, "sharkd's end");
                return;
            }
            let mut random = Random(0x9e37_79b9_7f4a_7c15 ^ (number as u64 + 1) << 7);
            let whole = excerpt(&captures[number % captures.len()], &mut random);
            let damaged = mutate(&whole, &mut random);
            std::fs::write(&file, &damaged).unwrap();
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
            let frames = sharkd.look_at(&file);
            let mut faults = faults(&sharkd.said());
            let Some(frames) = frames else {
                let kept = std::env::temp_dir().join(format!("bblog-mutation-{number}.pcapng"));
                std::fs::write(&kept, &damaged).unwrap();
                panic!(
                    "mutation {number}: signal {:?}, {faults:#?}; see {}",
                    sharkd.signal(),
                    kept.display()
                );
            };
            if !faults.is_empty() {
                let other = sharkd_stock.get_or_insert_with(|| Sharkd::start(&stock));
                other.look_at(&file).expect("stock Wireshark dies of the file");
                let known = self::faults(&other.said());
                faults.retain(|fault| !known.contains(fault));
                assert!(faults.is_empty(), "mutation {number}: {faults:#?}");
            }
            if number.is_multiple_of(TSHARK_EVERY) {
                in_tshark(number, &tshark, &stock, &damaged);
            }
            opened.fetch_add(usize::from(frames > 0), Ordering::Relaxed);
        }
    };
    thread::scope(|scope| {
        for worker in 0..thread::available_parallelism().map_or(1, |n| n.get()) {
            let work = &work;
            scope.spawn(move || work(worker));
        }
    });
    let opened = opened.into_inner();
    assert!(opened > mutations / 2, "only {opened} of {mutations} damaged captures showed a frame");
}
