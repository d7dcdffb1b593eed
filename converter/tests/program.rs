// SPDX-License-Identifier: BSD-2-Clause
//! The program bblog: exit codes, messages, and what becomes of the output.

mod support;

use std::os::unix::fs::{FileTypeExt, PermissionsExt};
use std::path::Path;
use std::process::Stdio;

use support::{Folder, bblog, bytes, fixture, run};

/// Runs convert on an input with these bytes; returns code, message without the folder, and
/// whether there is an output.
fn convert(input: &[u8]) -> (i32, String, bool) {
    let folder = Folder::new();
    let (from, to) = (folder.write("in", input), folder.path("out.pcapng"));
    let ran = run(&[Path::new("convert"), &from, Path::new("-o"), &to], b"");
    assert!(ran.stdout.is_empty());
    let there = to.exists();
    let names = if there { vec!["in", "out.pcapng"] } else { vec!["in"] };
    assert_eq!(folder.names(), names, "nothing else is left behind");
    let folder = from.parent().unwrap().display().to_string();
    (ran.code, ran.stderr.replace(&format!("{folder}/"), ""), there)
}

fn patched(name: &str, at: usize, value: &[u8]) -> Vec<u8> {
    let mut bytes = bytes(name);
    bytes[at..at + value.len()].copy_from_slice(value);
    bytes
}

#[test]
fn good_input_says_nothing() {
    assert_eq!(convert(&bytes("rack_reqresp.tcplog")), (0, String::new(), true));
    assert_eq!(convert(&bytes("small-plain.elog")), (0, String::new(), true));
    let message = "bblog: in: offset 0: empty: a capture that saw no event\n";
    assert_eq!(convert(b""), (0, message.into(), true));
}

#[test]
fn bad_input_is_one_line_and_the_rest_converted() {
    let elog = |at, value: &[u8]| patched("small-plain.elog", at, value);
    let bblog = |at, value: &[u8]| patched("default_refused.tcplog", at, value);
    let cut = |name, len| bytes(name)[..len].to_vec();
    let events = 44 + 34 * 4;
    let cases: Vec<(Vec<u8>, &str, bool)> = vec![
        (
            b"#!/bin/sh\n".to_vec(),
            "offset 0: begins with \"#!/bin/s\", expected an ELOG file, a BBLog stream or pcapng",
            false,
        ),
        (elog(4, &[2]), "offset 0: ELOG version 2, expected 1; the rest is skipped", false),
        (elog(40, &[33]), "offset 40: 33 providers, expected at most 32; the rest is skipped", false),
        (cut("small-plain.elog", 20), "offset 0: ELOG file header cut short: 20 bytes, expected 40", false),
        (elog(events, &[31, 0]), "event length 31, expected 32 to 65535; 40 bytes skipped", true),
        (cut("small-plain.elog", 1000), "offset 948: ELOG event cut short: 52 bytes, expected 64", true),
        (bblog(0, &[8]), "offset 0: BBLog version 8, expected 9; 1192 bytes skipped", false),
        (bblog(4, &[7]), "offset 0: entry type 7, expected 1 (BBLog); 1192 bytes skipped", false),
        (
            bblog(8, &[207, 0]),
            "offset 0: entry length 207, expected 208 to 18446744073709551615; the rest is skipped",
            false,
        ),
        (
            bblog(8, &[0xff; 8]),
            "offset 0: BBLog entry cut short: 1192 bytes, expected 18446744073709551615",
            true,
        ),
        (
            cut("default_refused.tcplog", 100),
            "offset 0: BBLog entry header cut short: 100 bytes, expected 208",
            false,
        ),
        (
            cut("default_refused.tcplog", 700),
            "offset 536: BBLog record cut short: 164 bytes, expected 328",
            true,
        ),
    ];
    for (input, expected, output) in cases {
        let (code, message, there) = convert(&input);
        assert_eq!(code, 1, "{expected}");
        assert_eq!(message.lines().count(), 1, "{message}");
        assert!(message.starts_with("bblog: in: offset "), "{message}");
        assert!(message.contains(expected), "{message}\n{expected}");
        assert_eq!(there, output, "{expected}");
    }
}

#[test]
fn entries_after_a_bad_one_are_found_by_its_length() {
    let good = bytes("default_refused.tcplog");
    let mut torn = good.clone();
    torn[8..16].copy_from_slice(&(good.len() as u64 - 100).to_le_bytes());
    torn.truncate(good.len() - 100);
    let stream = [patched("default_refused.tcplog", 4, &[7]), torn, good].concat();
    let (code, message, there) = convert(&stream);
    assert_eq!((code, there), (1, true));
    let lines: Vec<_> = message.lines().collect();
    assert_eq!(
        lines,
        [
            "bblog: in: offset 0: entry type 7, expected 1 (BBLog); 1192 bytes skipped",
            "bblog: in: offset 2056: BBLog record cut short: 228 bytes, expected 328; 228 bytes skipped"
        ]
    );
}

#[test]
fn many_problems_are_summarised() {
    let bad = patched("default_refused.tcplog", 4, &[7]);
    let (code, message, there) = convert(&bad.repeat(100));
    assert_eq!((code, there, message.lines().count()), (1, false, 21));
    assert!(message.ends_with("bblog: in: 80 more problems\n"));
}

#[test]
fn inputs_that_cannot_be_opened() {
    let folder = Folder::new();
    let out = folder.path("out.pcapng");
    let say = |input: &Path| {
        let ran = run(&[Path::new("convert"), input, Path::new("-o"), &out], b"");
        assert!(!out.exists());
        assert_eq!(ran.code, 1);
        ran.stderr
    };
    assert_eq!(say(Path::new("/")), "bblog: /: is a directory, expected a file\n");
    assert_eq!(say(Path::new("/no\nsuch")), "bblog: /no\\u{a}such: No such file or directory\n");
    // The other input is still converted.
    let args = [Path::new("convert"), Path::new("/no"), &fixture("small-plain.elog"), Path::new("-o"), &out];
    let ran = run(&args, b"");
    assert_eq!((ran.code, ran.stderr.as_str()), (1, "bblog: /no: No such file or directory\n"));
    assert!(out.exists());
}

#[test]
fn unreadable_input() {
    let folder = Folder::new();
    let input = folder.write("in", &bytes("small-plain.elog"));
    std::fs::set_permissions(&input, std::fs::Permissions::from_mode(0o000)).unwrap();
    if std::fs::File::open(&input).is_ok() {
        // The superuser may read everything: nothing to see here.
        return;
    }
    let out = folder.path("out.pcapng");
    let ran = run(&[Path::new("convert"), &input, Path::new("-o"), &out], b"");
    assert_eq!(ran.code, 1);
    assert_eq!(ran.stderr, format!("bblog: {}: Permission denied\n", input.display()));
}

#[test]
fn output_is_not_replaced_unasked() {
    let folder = Folder::new();
    let out = folder.write("out.pcapng", b"precious");
    let input = fixture("default_refused.tcplog");
    let ran = run(&[Path::new("convert"), &input, Path::new("-o"), &out], b"");
    assert_eq!(ran.code, 1);
    assert_eq!(ran.stderr, format!("bblog: {}: exists; --overwrite replaces it\n", out.display()));
    assert_eq!(std::fs::read(&out).unwrap(), b"precious");
    let ran = run(&[Path::new("convert"), &input, Path::new("--overwrite"), Path::new("-o"), &out], b"");
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    assert!(std::fs::read(&out).unwrap().starts_with(b"\x0a\x0d\x0d\x0a"));
    assert_eq!(folder.names(), ["out.pcapng"]);
}

#[test]
fn outputs_that_cannot_be_written() {
    let input = fixture("rack_reqresp.tcplog");
    let say = |out: &str| {
        let ran = run(&[Path::new("convert"), &input, Path::new("-o"), Path::new(out)], b"");
        assert_eq!(ran.code, 1);
        ran.stderr
    };
    assert_eq!(say("/"), "bblog: /: is a directory\n");
    assert_eq!(say("/no/such/out"), "bblog: /no/such/out: No such file or directory\n");
    #[cfg(target_os = "linux")]
    assert_eq!(say("/dev/full"), "bblog: /dev/full: No space left on device\n");
}

/// A disk that fills up: nothing is left of the output. The limit on a file's size stands in.
#[test]
fn a_failed_run_leaves_nothing() {
    let folder = Folder::new();
    let out = folder.path("out.pcapng");
    let script = "trap '' XFSZ; ulimit -f 8; exec \"$0\" convert \"$1\" -o \"$2\"";
    let output = std::process::Command::new("sh")
        .args(["-c", script, env!("CARGO_BIN_EXE_bblog")])
        .args([&fixture("rack_reqresp.tcplog"), &out])
        .output()
        .unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(
        String::from_utf8_lossy(&output.stderr),
        format!("bblog: {}: File too large\n", out.display())
    );
    assert_eq!(folder.names(), [""; 0]);
}

#[test]
fn standard_input_and_output() {
    let input = bytes("small-plain.elog");
    let folder = Folder::new();
    // The name of the input stands in the output, so both have to come from standard input.
    let out = folder.path("out.pcapng");
    let ran = run(&[Path::new("convert"), Path::new("-"), Path::new("-o"), &out], &input);
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    let ran = run(&["convert", "-", "-o", "-"], &input);
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    assert_eq!(ran.stdout, std::fs::read(&out).unwrap());
    let ran = run(&["convert", "-", "-o", "-"], b"what?");
    assert_eq!((ran.code, ran.stdout.len()), (1, 0));
    assert!(ran.stderr.starts_with("bblog: standard input: offset 0: begins with \"what?\""));
}

#[test]
fn gzip_is_found_by_content() {
    use std::io::Write;
    let input = bytes("rack_reqresp.tcplog");
    let (one, two) = input.split_at(10_000);
    let mut zipped = Vec::new();
    for member in [one, two] {
        let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        encoder.write_all(member).unwrap();
        zipped.extend(encoder.finish().unwrap());
    }
    let plain = run(&["convert", "-", "-o", "-"], &input);
    let ran = run(&["convert", "-", "-o", "-"], &zipped);
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    assert!(ran.stdout == plain.stdout);
    // Cut short: what could be decoded is there, then the error.
    let ran = run(&["convert", "-", "-o", "-"], &zipped[..zipped.len() - 50]);
    assert_eq!((ran.code, ran.stderr.lines().count()), (1, 1), "{}", ran.stderr);
    assert!(ran.stdout.len() > 10_000 && ran.stdout.len() < plain.stdout.len());
}

#[test]
fn a_reader_that_goes_away_is_no_problem() {
    let big = fixture("small-plain.elog");
    let mut child = bblog()
        .args(["convert", "-o", "-"])
        .args([&big; 12])
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .unwrap();
    drop(child.stdout.take());
    let output = child.wait_with_output().unwrap();
    assert_eq!((output.status.code(), output.stderr.len()), (Some(0), 0));
}

#[test]
fn a_fifo_is_written_to() {
    let folder = Folder::new();
    let fifo = folder.path("fifo");
    let made = std::process::Command::new("mkfifo").arg(&fifo).status().unwrap();
    assert!(made.success());
    let from = fifo.clone();
    let reader = std::thread::spawn(move || std::fs::read(from).unwrap());
    let ran = run(&[Path::new("convert"), &fixture("default_refused.tcplog"), Path::new("-o"), &fifo], b"");
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    assert!(reader.join().unwrap().starts_with(b"\x0a\x0d\x0d\x0a"));
    assert!(std::fs::metadata(&fifo).unwrap().file_type().is_fifo());
}

#[test]
fn usage() {
    for args in [&["convert"][..], &["convert", "x"], &["info"], &["frobnicate"], &[]] {
        assert_eq!(run(args, b"").code, 2, "{args:?}");
    }
    let ran = run(&["convert", "x", "-o", "y", "--stack", "rack"], b"");
    assert_eq!(ran.code, 2);
    assert!(ran.stderr.contains("expected NUMBER=NAME"), "{}", ran.stderr);
    assert_eq!(run(&["--version"], b"").code, 0);
}

#[test]
fn umask_applies() {
    let folder = Folder::new();
    let out = folder.path("out.pcapng");
    let script = "umask 027; exec \"$0\" convert \"$1\" -o \"$2\"";
    let status = std::process::Command::new("sh")
        .args(["-c", script, env!("CARGO_BIN_EXE_bblog")])
        .args([&fixture("default_refused.tcplog"), &out])
        .status()
        .unwrap();
    assert!(status.success());
    assert_eq!(std::fs::metadata(&out).unwrap().permissions().mode() & 0o777, 0o640);
}
