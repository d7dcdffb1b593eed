// SPDX-License-Identifier: BSD-2-Clause
//! Small inputs that would write much, and files that are replaced.

mod support;

use std::fs;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
use std::path::Path;

use support::{Folder, bytes, convert_bytes, fixture, run};

/// A pcapng file of a log whose section header has so many foreign options of 60,000 bytes.
fn with_foreign_options(log: &str, options: usize) -> Vec<u8> {
    let (file, _) = convert_bytes(&[&bytes(log)]);
    let word = |at: usize| u32::from_le_bytes(file[at..at + 4].try_into().unwrap());
    let len = word(4) as usize;
    // 2988 is a string of a private enterprise; 32473 is the number for examples.
    let mut option = vec![0xac, 0x0b];
    option.extend(60_000u16.to_le_bytes());
    option.extend(32_473u32.to_le_bytes());
    option.resize(4 + 60_000, b'x');
    let mut header = file[..24].to_vec();
    (0..options).for_each(|_| header.extend(&option));
    header.extend(&file[24..len - 4]);
    let new = (header.len() as u32 + 4).to_le_bytes();
    header.extend(new);
    header[4..8].copy_from_slice(&new);
    [&header, &file[len..]].concat()
}

/// Two files whose records take turns: the foreign options of their headers are written once.
#[test]
fn foreign_options_are_not_repeated() {
    let folder = Folder::new();
    let file = with_foreign_options("rack_reqresp.tcplog", 20);
    let (a, b) = (folder.write("a.pcapng", &file), folder.write("b.pcapng", &file));
    let out = folder.path("out.pcapng");
    let ran = run(&["convert".as_ref(), a.as_os_str(), b.as_os_str(), "-o".as_ref(), out.as_os_str()], b"");
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    let (once, both) = (file.len() as u64, fs::metadata(&out).unwrap().len());
    assert!(both >= 2 * 20 * 60_000 && both < 2 * once + 1_000_000, "{once} {both}");
    // No event is lost: as many as in the two logs without these options, and with their stack.
    let events = |inputs: &[&Path]| {
        let mut args = vec!["json".as_ref()];
        args.extend(inputs.iter().map(|input| input.as_os_str()));
        String::from_utf8(run(&args, b"").stdout).unwrap()
    };
    let plain = folder.write("plain.pcapng", &convert_bytes(&[&bytes("rack_reqresp.tcplog")]).0);
    assert_eq!(events(&[&out]).lines().count(), events(&[&plain, &plain]).lines().count());
}

/// The cases of an attack, where they are there: 2.4 MB became 1.04 GB, 1.1 MB 497 MB.
#[test]
fn headers_of_hostile_files_are_bounded() {
    let cases = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/cases/attack");
    if !cases.exists() {
        eprintln!("{}: not here, left out", cases.display());
        return;
    }
    let folder = Folder::new();
    let out = folder.path("out.pcapng");
    let inputs = [cases.join("amp0.pcapng.gz"), cases.join("amp1.pcapng.gz")];
    let mut args = vec!["convert".as_ref(), "-o".as_ref(), out.as_os_str()];
    args.extend(inputs.iter().map(|input| input.as_os_str()));
    assert_eq!(run(&args, b"").code, 0);
    let len = fs::metadata(&out).unwrap().len();
    assert!(len < 5_000_000, "{len}");
    let split = folder.path("split");
    let input = cases.join("splitamp.pcapng.gz");
    let args = ["convert".as_ref(), "--split".as_ref(), input.as_os_str(), "-o".as_ref(), split.as_os_str()];
    assert_eq!(run(&args, b"").code, 0);
    let files = fs::read_dir(&split).unwrap();
    let len: u64 = files.map(|file| file.unwrap().metadata().unwrap().len()).sum();
    assert!(len < 5_000_000, "{len}");
}

/// A file that is replaced keeps its mode and, by root, its owner.
#[test]
fn a_replaced_file_keeps_mode_and_owner() {
    let folder = Folder::new();
    let there = folder.write("there.pcapng", b"old");
    fs::set_permissions(&there, fs::Permissions::from_mode(0o600)).unwrap();
    // Only root can give files away.
    let given = std::os::unix::fs::chown(&there, Some(12_345), Some(12_346)).is_ok();
    let log = fixture("rack_reqresp.tcplog");
    let convert =
        ["convert".as_ref(), "--overwrite".as_ref(), log.as_os_str(), "-o".as_ref(), there.as_os_str()];
    assert_eq!(run(&convert, b"").code, 0);
    let now = fs::metadata(&there).unwrap();
    assert!(now.len() > 3 && now.mode() & 0o7777 == 0o600, "{:o}", now.mode());
    assert_eq!(given, (now.uid(), now.gid()) == (12_345, 12_346));
    assert_eq!(folder.names(), ["there.pcapng"]);
}
