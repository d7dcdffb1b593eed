// SPDX-License-Identifier: BSD-2-Clause
//! A compressed log that was cut short: what could be decoded is shown, then one line says where
//! it ends, and the exit status is 1.

mod support;

use std::io::Write;

use support::{Folder, bytes, run};

/// The log in several blocks or members, so that those before a cut are whole.
fn compressed(log: &[u8], how: &str) -> Vec<u8> {
    let mut out = Vec::new();
    for part in log.chunks(log.len() / 8 + 1) {
        out.extend(match how {
            "gz" => {
                let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
                encoder.write_all(part).unwrap();
                encoder.finish().unwrap()
            }
            "xz" => {
                let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 6);
                encoder.write_all(part).unwrap();
                encoder.finish().unwrap()
            }
            "lz4" => {
                let mut encoder = lz4_flex::frame::FrameEncoder::new(Vec::new());
                encoder.write_all(part).unwrap();
                encoder.finish().unwrap()
            }
            _ => zstd::encode_all(part, 3).unwrap(),
        });
    }
    out
}

#[test]
fn what_is_there_is_shown_and_then_the_error() {
    let folder = Folder::new();
    for name in ["rack_reqresp.tcplog", "small-plain.elog"] {
        let whole = run(&["show", "--stack", "2=rack", "--hz", "1000", "-"], &bytes(name));
        assert_eq!(whole.code, 0);
        let lines = whole.stdout.iter().filter(|&&b| b == b'\n').count();
        for how in ["gz", "xz", "zst", "lz4"] {
            let small = compressed(&bytes(name), how);
            let path = folder.write(&format!("{name}.{how}"), &small[..small.len() * 3 / 4]);
            let path = path.to_str().unwrap();
            let shown = run(&["show", "--stack", "2=rack", "--hz", "1000", path], b"");
            assert_eq!(shown.code, 1, "{how}");
            let found = shown.stdout.iter().filter(|&&b| b == b'\n').count();
            assert!(
                whole.stdout.starts_with(&shown.stdout) && found >= lines / 2,
                "{how}: {found} of {lines}"
            );
            let told: Vec<&str> = shown.stderr.lines().collect();
            assert_eq!(told.len(), 1, "{how}: {}", shown.stderr);
            assert!(told[0].starts_with(&format!("bblog: {path}: offset ")), "{told:?}");
            // convert keeps as much, and writes it.
            let out = folder.path(&format!("{name}.{how}.pcapng"));
            let ran = run(&["convert", path, "-o", out.to_str().unwrap()], b"");
            assert_eq!((ran.code, ran.stderr.lines().count()), (1, 1), "{how}: {}", ran.stderr);
            let again = run(&["show", "--stack", "2=rack", "--hz", "1000", out.to_str().unwrap()], b"");
            assert_eq!(again.stdout.iter().filter(|&&b| b == b'\n').count(), found, "{how}");
            let info = run(&["info", "--json", path], b"");
            assert_eq!(info.code, 1);
            let report: serde_json::Value = serde_json::from_slice(&info.stdout).unwrap();
            assert_eq!(report["events"], found, "{how}");
        }
    }
}

/// A byte that is wrong in the middle: what was decoded before it is shown.
#[test]
fn what_is_before_damage_is_shown() {
    let log = bytes("rack_reqresp.tcplog");
    let whole = run(&["show", "--stack", "2=rack", "--hz", "1000", "-"], &log).stdout;
    for how in ["gz", "xz", "zst", "lz4"] {
        let mut small = compressed(&log, how);
        let at = small.len() * 3 / 4;
        small[at..at + 8].iter_mut().for_each(|byte| *byte = !*byte);
        let shown = run(&["show", "--stack", "2=rack", "--hz", "1000", "-"], &small);
        let lines = shown.stdout.iter().filter(|&&b| b == b'\n').count();
        assert!(whole.starts_with(&shown.stdout) && lines >= 65, "{how}: {lines}");
        // Bytes that were decoded wrongly are a line of their own, unless all of them are left out.
        let last = shown.stderr.lines().last().unwrap();
        assert!(shown.code == 1 && !last.contains("no BBLog record"), "{how}: {}", shown.stderr);
        assert!(shown.stderr.lines().count() <= 2, "{how}: {}", shown.stderr);
    }
}

#[test]
fn bzip2_is_named() {
    let ran = run(&["show", "-"], b"BZh91AY&SY\x00\x00\x00\x00");
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.contains("compressed with bzip2"), "{}", ran.stderr);
}
