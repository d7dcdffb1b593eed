// SPDX-License-Identifier: BSD-2-Clause
//! pcapng as an input: what was written is read back, by whichever program it was written or rewritten.

mod support;

use std::io::Write;
use std::path::Path;
use std::process::Command;

use proptest::prelude::*;

use support::seen::seen;
use support::{Folder, bytes, convert_bytes, fixture};

const FIXTURES: [&str; 9] = [
    "default_continual-cut.tcplog",
    "default_ipv6_linklocal-cut.tcplog",
    "default_refused.tcplog",
    "default_v4mapped.tcplog",
    "rack_verbose-cut.tcplog",
    "small-plain.elog",
    "small-quirks.elog",
    "variant-A-cut.elog",
    "variant-E-cut.elog",
];

fn written(name: &str) -> Vec<u8> {
    convert_bytes(&[&bytes(name)]).0
}

/// A file with all numbers of the block structure in big-endian order; data inside options of
/// Netflix's, and custom blocks of theirs, stay little-endian.
fn big_endian(file: &[u8]) -> Vec<u8> {
    let word = |bytes: &[u8], at: usize| u32::from_le_bytes(bytes[at..at + 4].try_into().unwrap());
    let swap = |bytes: &mut [u8], at: usize, size: usize| bytes[at..at + size].reverse();
    let options = |block: &mut [u8], mut at: usize| {
        while at + 4 <= block.len() - 4 {
            let code = u16::from_le_bytes([block[at], block[at + 1]]);
            let len = usize::from(u16::from_le_bytes([block[at + 2], block[at + 3]]));
            swap(block, at, 2);
            swap(block, at + 2, 2);
            match code {
                0 => return,
                2989 => swap(block, at + 4, 4),
                2 if len == 4 && block[3] == 6 => swap(block, at + 4, 4),
                _ => {}
            }
            at += 4 + len.next_multiple_of(4);
        }
    };
    let mut out = file.to_vec();
    let mut at = 0;
    while at < out.len() {
        let len = word(&out, at + 4) as usize;
        let block = &mut out[at..at + len];
        let kind = word(block, 0);
        swap(block, 0, 4);
        swap(block, 4, 4);
        swap(block, len - 4, 4);
        match kind {
            0x0a0d_0d0a => {
                swap(block, 8, 4);
                swap(block, 12, 2);
                swap(block, 14, 2);
                options(block, 24);
            }
            1 => {
                swap(block, 8, 2);
                swap(block, 12, 4);
                options(block, 16);
            }
            6 => {
                let captured = word(block, 20) as usize;
                (8..28).step_by(4).for_each(|at| swap(block, at, 4));
                options(block, 28 + captured.next_multiple_of(4));
            }
            0xbad => swap(block, 8, 4),
            5 => {
                (8..20).step_by(4).for_each(|at| swap(block, at, 4));
                options(block, 20);
            }
            other => panic!("block type {other}"),
        }
        at += len;
    }
    out
}

#[test]
fn what_was_written_is_read_back() {
    for name in FIXTURES {
        let (expected, _) = seen(&bytes(name));
        let (found, faults) = seen(&written(name));
        assert_eq!(faults, [""; 0], "{name}");
        assert!(!expected.is_empty());
        assert_eq!(found.len(), expected.len(), "{name}");
        for (found, expected) in found.iter().zip(&expected) {
            assert_eq!(found, expected, "{name}");
        }
    }
}

#[test]
fn big_endian_sections_are_read_and_passed_on() {
    for name in FIXTURES {
        let little = written(name);
        let big = big_endian(&little);
        assert_ne!(big, little);
        assert_eq!(seen(&big), seen(&little), "{name}");
        assert_eq!(convert_bytes(&[&big]), (big, vec![]), "{name}");
    }
    // Both orders in one file.
    let (a, b) = (written("default_refused.tcplog"), big_endian(&written("small-plain.elog")));
    let both = [a.as_slice(), &b].concat();
    assert_eq!(seen(&both).0, [seen(&a).0, seen(&b).0].concat());
}

#[test]
fn a_file_is_passed_on_as_it_is() {
    for name in FIXTURES {
        let file = written(name);
        assert_eq!(convert_bytes(&[&file]), (file, vec![]), "{name}");
    }
}

#[test]
fn several_files_are_merged_in_time_order() {
    let names = ["default_v4mapped.tcplog", "rack_verbose-cut.tcplog", "default_refused.tcplog"];
    let files = names.map(written);
    let expected: Vec<String> = files.iter().flat_map(|file| seen(file).0).collect();
    let (merged, faults) = convert_bytes(&[&files[0], &files[1], &files[2]]);
    assert_eq!(faults, [""; 0]);
    let (mut found, faults) = seen(&merged);
    assert_eq!(faults, [""; 0]);
    // A file that is not in order itself stays as it is.
    for file in &files {
        let own = seen(file).0;
        let rest: Vec<&String> = found.iter().filter(|line| own.contains(line)).collect();
        assert!(rest.iter().copied().eq(&own));
    }
    let mut expected = expected;
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
}

/// A file of others: a section with two interfaces, an enhanced and a simple packet, name
/// resolution, statistics, and blocks of unknown types.
fn foreign() -> Vec<u8> {
    let block = |kind: u32, body: &[u8]| {
        let len = (12 + body.len() as u32).to_le_bytes();
        [&kind.to_le_bytes()[..], &len, body, &len].concat()
    };
    let words = |words: &[u32]| words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>();
    [
        block(0x0a0d_0d0a, &words(&[0x1a2b_3c4d, 1, u32::MAX, u32::MAX])),
        block(1, &words(&[1, 65_535])),
        block(1, &words(&[113, 65_535])),
        block(4, &words(&[0])),
        // Seconds 1,700,000,000.
        block(6, &words(&[1, 395_812, 1_744_437_248, 4, 4, 0xdead_beef])),
        block(3, &words(&[4, 0xdead_beef])),
        block(0x4000_0bad, &words(&[99, 1, 2, 3])),
        block(0x1234, b"nobody knows"),
        // An interface in the middle, and a packet of it.
        block(1, &words(&[101, 65_535])),
        block(6, &words(&[2, 395_812, 1_744_437_249, 0, 0])),
        block(5, &words(&[1, 395_812, 1_744_437_250])),
    ]
    .concat()
}

#[test]
fn foreign_blocks_are_passed_on() {
    let file = foreign();
    assert_eq!(convert_bytes(&[&file]), (file.clone(), vec![]));
    let told = "no BBLog record and no eventlog event in 3 packets and 4 other blocks".to_owned();
    assert_eq!(seen(&file), (vec![], vec![told]));
    // Interrupted by another file, a section begins again with all its interfaces; none is lost.
    let elog = written("small-plain.elog");
    let (merged, faults) = convert_bytes(&[&file, &elog]);
    assert_eq!(faults, [""; 0]);
    assert_eq!(merged.len(), file.len() + elog.len());
    assert_eq!(seen(&merged), seen(&elog));
}

#[test]
fn a_section_that_is_interrupted_keeps_its_interface_numbers() {
    // Two copies of one capture alternate all the time.
    let file = written("small-plain.elog");
    let (merged, _) = convert_bytes(&[&file, &file]);
    let twice: Vec<String> = seen(&file).0.into_iter().flat_map(|line| [line.clone(), line]).collect();
    let mut found = seen(&merged).0;
    let mut expected = twice;
    found.sort();
    expected.sort();
    assert_eq!(found, expected);
    let folder = Folder::new();
    let out = folder.write("out.pcapng", &merged);
    assert_eq!(support::tshark(&out, &[]).len(), found.len());
}

/// Runs a program of Wireshark's that rewrites `from` as `to`.
fn rewrite(program: &str, args: &[&str], from: &Path, to: &Path) {
    let mut command = Command::new(program);
    match program {
        "tshark" => command.args(args).arg("-r").arg(from).arg("-w").arg(to),
        "mergecap" => command.args(args).arg("-w").arg(to).arg(from),
        _ => command.args(args).arg(from).arg(to),
    };
    let output = command.output().expect("Wireshark's tools are needed (Debian: apt-get install tshark)");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
}

#[test]
fn files_that_wireshark_rewrote() {
    let folder = Folder::new();
    for name in FIXTURES {
        let from = folder.write("in.pcapng", &written(name));
        let (expected, _) = seen(&std::fs::read(&from).unwrap());
        for (program, args) in [("editcap", &[][..]), ("tshark", &["-F", "pcapng"]), ("mergecap", &[])] {
            let to = folder.path("out.pcapng");
            rewrite(program, args, &from, &to);
            let (found, faults) = seen(&std::fs::read(&to).unwrap());
            assert_eq!(faults, [""; 0], "{program} {name}");
            assert!(found == expected, "{program} {name}");
        }
    }
}

#[test]
fn faults_are_one_line() {
    let file = written("default_refused.tcplog");
    let section = u32::from_le_bytes(file[4..8].try_into().unwrap()) as usize;
    let packet = section + 32;
    let last = file.len() - 304;
    let patched = |at: usize, value: &[u8]| {
        let mut file = file.clone();
        file[at..at + value.len()].copy_from_slice(value);
        seen(&file)
    };
    let all = seen(&file).0;
    let cases = [
        (
            patched(8, b"abcd"),
            0..0,
            "offset 0: pcapng byte-order magic 0x61626364, expected 0x1a2b3c4d or 0x4d3c2b1a; the rest is skipped".to_owned(),
        ),
        (patched(12, &[2]), 0..0, "offset 0: pcapng version 2, expected 1; the rest is skipped".to_owned()),
        (
            patched(packet + 4, &[13]),
            1..3,
            format!("offset {packet}: pcapng block length 269, expected 12 to 16777216; 388 bytes skipped"),
        ),
        (
            patched(packet + 4, &[0xfc, 0xff, 0xff, 0xff]),
            1..3,
            format!("offset {packet}: pcapng block length 4294967292, expected 12 to 16777216; 388 bytes skipped"),
        ),
        (
            patched(file.len() - 4, &[9]),
            0..3,
            format!("offset {last}: pcapng block ends with length 265, expected 304 as it begins with"),
        ),
        // The version option's value.
        (patched(24 + 12, &[8]), 0..0, "offset 0: BBLog version 8, expected 9".to_owned()),
        (seen(&file[..file.len() - 5]), 0..2, format!("offset {last}: pcapng block cut short: 299 bytes, expected 304")),
        (seen(&file[..100]), 0..0, format!("offset 0: pcapng block cut short: 100 bytes, expected {section}")),
        (seen(&file[..20]), 0..0, "offset 0: pcapng section header cut short: 20 bytes, expected 28".to_owned()),
        (seen(&file[..3]), 0..0, "offset 0: pcapng block cut short: 3 bytes, expected 12".to_owned()),
    ];
    for ((found, faults), events, message) in cases {
        assert_eq!(faults, [message.as_str()]);
        assert_eq!(found, all[events], "{message}");
    }
}

fn compressed(file: &[u8], how: &str) -> Vec<u8> {
    match how {
        "gzip" => {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::default());
            encoder.write_all(file).unwrap();
            encoder.finish().unwrap()
        }
        "xz" => {
            let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 0);
            encoder.write_all(file).unwrap();
            encoder.finish().unwrap()
        }
        _ => zstd::encode_all(file, 1).unwrap(),
    }
}

#[test]
fn compressed_files_of_every_kind() {
    for name in ["small-plain.elog", "default_v4mapped.tcplog"] {
        for file in [bytes(name), written(name)] {
            let expected = seen(&file);
            for how in ["gzip", "xz", "zstd"] {
                let small = compressed(&file, how);
                assert_eq!(seen(&small), expected, "{how}");
                // Several after one another are one input.
                let (first, second) = file.split_at(file.len() / 3);
                let parts = [compressed(first, how), compressed(second, how)].concat();
                assert_eq!(seen(&parts), expected, "{how}");
                let twice = compressed(&small, how);
                let message = "offset 0: compressed twice, expected an ELOG file, a BBLog stream or pcapng";
                assert_eq!(seen(&twice), (vec![], vec![message.to_owned()]), "{how}");
            }
        }
    }
}

#[test]
fn what_a_torn_compressed_file_holds_is_used() {
    // Large enough, and hard enough to compress, for several blocks of the compressors: the
    // members from 160 to 264 are random.
    let mut random = 1u64;
    let record = &bytes("default_v4mapped.tcplog")[208..208 + 328];
    let mut stream = bytes("default_v4mapped.tcplog")[..208].to_vec();
    for _ in 0..4000 {
        let mut record = record.to_vec();
        for byte in &mut record[160..264] {
            random = random.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1);
            *byte = (random >> 56) as u8;
        }
        stream.extend(record);
    }
    let len = (stream.len() as u64).to_le_bytes();
    stream[8..16].copy_from_slice(&len);
    let file = convert_bytes(&[&stream]).0;
    let (expected, _) = seen(&file);
    for how in ["gzip", "xz", "zstd"] {
        let small = compressed(&file, how);
        for part in [2, 3, 9] {
            let (found, faults) = seen(&small[..small.len() * (part - 1) / part]);
            assert_eq!(faults.len(), 1, "{how} {faults:?}");
            assert!(faults[0].starts_with("offset "), "{faults:?}");
            assert!(expected.starts_with(&found), "{how}");
            let least = expected.len() * (part - 1) / part * 3 / 4;
            assert!(found.len() >= least, "{how}: {} of {}", found.len(), expected.len());
        }
        let mut damaged = small.clone();
        let middle = damaged.len() / 2;
        damaged[middle..middle + 20].fill(0x55);
        // zstd has no checksum unless asked for one.
        let (_, faults) = seen(&damaged);
        assert!(!faults.is_empty() || how == "zstd", "{how}");
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 128, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn changed_bytes(
        which in 0..FIXTURES.len(),
        changes in prop::collection::vec((any::<prop::sample::Index>(), any::<u8>()), 1..20),
    ) {
        let mut file = written(FIXTURES[which]);
        for (at, value) in changes {
            let at = at.index(file.len());
            file[at] = value;
        }
        seen(&file);
        convert_bytes(&[&file]);
    }

    #[test]
    fn random_blocks(blocks in prop::collection::vec((0..8u32, prop::collection::vec(any::<u8>(), 0..200)), 0..20)) {
        let kinds = [0x0a0d_0d0au32, 1, 2, 3, 5, 6, 0xbad, 0x4000_0bad];
        let mut file = foreign();
        for (kind, body) in blocks {
            let body = &body[..body.len() / 4 * 4];
            let len = (12 + body.len() as u32).to_le_bytes();
            file.extend([&kinds[kind as usize].to_le_bytes()[..], &len, body, &len].concat());
        }
        seen(&file);
        convert_bytes(&[&file]);
    }

    #[test]
    fn cut_bytes(which in 0..FIXTURES.len(), at in any::<prop::sample::Index>()) {
        let file = written(FIXTURES[which]);
        let (whole, _) = seen(&file);
        let (found, faults) = seen(&file[..at.index(file.len())]);
        prop_assert!(faults.len() <= 1);
        prop_assert!(found.len() <= whole.len());
        // How events are laid out is decided by those in front, of which there are fewer here.
        if FIXTURES[which].ends_with("tcplog") {
            prop_assert!(whole.starts_with(&found));
        }
    }
}

/// Real files, where the streams they were made from are there.
#[test]
fn streams_read_back() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/streams");
    for (kind, end) in [("bblog", "tcplog"), ("elog", "elog")] {
        let Ok(entries) = std::fs::read_dir(folder.join(kind)) else { continue };
        for path in entries.map(|entry| entry.unwrap().path()) {
            if path.extension().is_none_or(|found| found != end) {
                continue;
            }
            let input = std::fs::read(&path).unwrap();
            let (mut expected, _) = seen(&input);
            let (mut found, _) = seen(&convert_bytes(&[&input]).0);
            // Their times may run back; the order of equal ones is the file's.
            expected.sort();
            found.sort();
            assert!(found == expected, "{}: {} and {}", path.display(), found.len(), expected.len());
        }
    }
    let _ = fixture("README.md");
}
