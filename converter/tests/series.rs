// SPDX-License-Identifier: BSD-2-Clause
//! A series of files by the name that they begin with, for every subcommand that reads.

mod support;

use std::path::Path;

use support::{Folder, bytes, fixture, run};

/// A folder with the files 0, 1 and 3 of a series, in two formats and compressed.
fn series() -> (Folder, usize) {
    let folder = Folder::new();
    for (number, name) in [(0, "rack_reqresp.tcplog"), (1, "default_refused.tcplog")] {
        support::convert(&fixture(name), &folder.path(&format!("a.{number}.pcapng")));
    }
    let events = run(&["show".as_ref(), folder.path("a.0.pcapng").as_os_str()], b"").stdout;
    let events = events.iter().filter(|&&b| b == b'\n').count();
    let packed = {
        use std::io::Write;
        let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
        gzip.write_all(&std::fs::read(folder.path("a.0.pcapng")).unwrap()).unwrap();
        gzip.finish().unwrap()
    };
    folder.write("a.3.pcapng.gz", &packed);
    // Neither is of the series.
    folder.write("a.b.0.pcapng", &bytes("small-plain.elog"));
    folder.write("ab.0.pcapng", b"nonsense");
    (folder, 2 * events + 3)
}

#[test]
fn each_subcommand_reads_all_files_and_tells_what_is_missing() {
    let (folder, events) = series();
    let name = folder.path("a");
    let told = format!("bblog: {}: missing from the series: 2\n", name.display());
    let lines = |bytes: &[u8]| bytes.iter().filter(|&&b| b == b'\n').count();
    for subcommand in ["show", "json"] {
        let ran = run(&[Path::new(subcommand), &name], b"");
        assert_eq!((ran.code, ran.stderr.as_str()), (0, told.as_str()), "{subcommand}");
        assert_eq!(lines(&ran.stdout), events, "{subcommand}");
    }
    let ran = run(&[Path::new("info"), Path::new("--json"), &name], b"");
    assert_eq!((ran.code, ran.stderr.as_str(), lines(&ran.stdout)), (0, told.as_str(), 3));
    let out = folder.path("out");
    let ran = run(&[Path::new("convert"), &name, Path::new("-o"), &out], b"");
    assert_eq!((ran.code, ran.stderr.as_str()), (0, told.as_str()));
    assert_eq!(lines(&run(&[Path::new("show"), &out], b"").stdout), events);
}

#[test]
fn a_file_of_that_very_name_is_just_a_file() {
    let (folder, _) = series();
    let name = folder.write("a", &bytes("default_refused.tcplog"));
    let ran = run(&[Path::new("show"), &name], b"");
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    assert_eq!(ran.stdout.iter().filter(|&&b| b == b'\n').count(), 3);
}

#[test]
fn without_files_the_name_is_not_found() {
    let folder = Folder::new();
    let ran = run(&[Path::new("show"), &folder.path("a")], b"");
    assert_eq!(ran.code, 1);
    assert!(ran.stderr.ends_with("/a: No such file or directory\n"), "{}", ran.stderr);
}

/// More files than a program may have open: all are read, and what is wrong with one is told once.
#[test]
fn long_series_have_few_files_open() {
    let folder = Folder::new();
    let mut log = bytes("default_refused.tcplog");
    let mut file = Vec::new();
    for number in 0..200_u64 {
        // tlh_offset: each is of another hour.
        log[56..64].copy_from_slice(&(1_700_000_000 + number * 3600).to_le_bytes());
        (file, _) = support::convert_bytes(&[&log]);
        folder.write(&format!("a.{number}.pcapng"), &file);
    }
    // Cut short, and one that holds nothing.
    file.truncate(file.len() - 3);
    folder.write("a.100.pcapng", &file);
    folder.write("a.101.pcapng", b"");
    let name = folder.path("a");
    let expected = 200 * 3 - 3 - 1;
    for (subcommand, more) in [("show", 0), ("json", 0), ("csv", 1)] {
        let output = std::process::Command::new("sh")
            .args(["-c", "ulimit -n 40; exec \"$0\" \"$1\" \"$2\"", env!("CARGO_BIN_EXE_bblog"), subcommand])
            .arg(&name)
            .output()
            .unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        let lines = output.stdout.iter().filter(|&&b| b == b'\n').count();
        assert_eq!((lines, output.status.code()), (expected + more, Some(1)), "{said}");
        assert_eq!(said.lines().count(), 2, "{said}");
        assert!(
            said.contains("a.100.pcapng: offset ") && said.contains("a.101.pcapng: offset 0: empty"),
            "{said}"
        );
    }
}
