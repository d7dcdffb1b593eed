// SPDX-License-Identifier: BSD-2-Clause
//! `--schema FILE`: what kind of file, how large, and what a fault in it looks like.

mod support;

use std::path::Path;
use std::process::Command;

use support::{Folder, fixture, run};

/// Runs show with this schema; returns code and message, the folder left out.
fn show(folder: &Folder, schema: &Path) -> (i32, String) {
    let input = fixture("small-plain.elog");
    let ran = run(&[Path::new("show"), Path::new("--schema"), schema, &input], b"");
    (
        ran.code,
        ran.stderr.replace(&format!("{}/", folder.path("").display().to_string().trim_end_matches('/')), ""),
    )
}

#[test]
fn a_byte_order_mark_is_skipped() {
    let folder = Folder::new();
    let text = "\u{feff}PROVIDER mine\nSTRUCT s\n\tn:uint32_t\nEVENT E 1 INFO X s\n\t\"n %1\"\n";
    assert_eq!(show(&folder, &folder.write("with-bom", text.as_bytes())), (0, String::new()));
}

#[test]
fn a_fifo_and_a_device_are_refused() {
    let folder = Folder::new();
    let fifo = folder.path("fifo");
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let refused = |name: &str| (2, format!("bblog: {name}: not a regular file\n"));
    assert_eq!(show(&folder, &fifo), refused("fifo"));
    assert_eq!(show(&folder, Path::new("/dev/zero")), refused("/dev/zero"));
}

#[test]
fn a_schema_that_is_too_large_is_refused() {
    let folder = Folder::new();
    let large = folder.write("large", &vec![b'#'; 5 << 20]);
    let message = "bblog: large: line 1, column 1: 1048577 bytes, expected at most 1048576\n";
    assert_eq!(show(&folder, &large), (2, message.to_owned()));
    let bomb = format!(
        "PROVIDER tcp\nSTRUCT s\n    t:char[60000]\nEVENT E 2 INFO X s\n \"{}\"\n",
        "%1".repeat(20_000)
    );
    let bomb = folder.write("bomb", bomb.as_bytes());
    let (code, message) = show(&folder, &bomb);
    assert_eq!(code, 2);
    assert!(
        message.starts_with("bblog: bomb: line 4, column 7: EVENT E format makes texts of up to"),
        "{message}"
    );
}
