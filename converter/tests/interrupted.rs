// SPDX-License-Identifier: BSD-2-Clause
//! Signals and readers that go away: no half-written file, no complaint.
#![cfg(unix)]

mod support;

use std::io::{Read, Write};
use std::os::unix::process::ExitStatusExt;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, Stdio};
use std::time::{Duration, Instant};

use support::{Folder, bblog, bytes};

const SIGINT: i32 = 2;

/// A conversion that has begun to write and waits for more input.
struct Waiting {
    child: Child,
    stdin: ChildStdin,
}

fn begin(mut command: Command, folder: &Folder) -> Waiting {
    let mut child = command.stdin(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    let mut stdin = child.stdin.take().unwrap();
    stdin.write_all(&bytes("rack_reqresp.tcplog")).unwrap();
    let limit = Instant::now() + Duration::from_secs(20);
    while !folder.names().iter().any(|name| name.ends_with(".part")) {
        assert!(Instant::now() < limit, "nothing is written: {:?}", folder.names());
        std::thread::sleep(Duration::from_millis(5));
    }
    Waiting { child, stdin }
}

fn converter(out: &Path) -> Command {
    let mut command = bblog();
    command.args(["convert", "-", "--overwrite", "-o"]).arg(out);
    command
}

/// Whether this run ignores a signal, as what a script starts with `&` does SIGINT: so would bblog.
fn is_ignored(number: i32) -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let mask = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = mask.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    mask & (1 << (number - 1)) != 0
}

fn signal(child: &Child, name: &str) {
    let sent = Command::new("kill").args(["-s", name, &child.id().to_string()]).status().unwrap();
    assert!(sent.success());
}

#[test]
fn signals_leave_no_half_written_file() {
    let signals = [("INT", SIGINT), ("TERM", 15)];
    for (name, number) in signals.into_iter().filter(|(_, number)| !is_ignored(*number)) {
        let folder = Folder::new();
        let old: PathBuf = folder.write("out.pcapng", b"precious");
        let mut waiting = begin(converter(&old), &folder);
        signal(&waiting.child, name);
        let status = waiting.child.wait().unwrap();
        assert_eq!(status.signal(), Some(number), "ended as by the signal: {status}");
        assert_eq!(folder.names(), ["out.pcapng"]);
        assert_eq!(std::fs::read(&old).unwrap(), b"precious");
        let mut said = String::new();
        waiting.child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        assert_eq!(said, "");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn what_nohup_ignores_stays_ignored() {
    let folder = Folder::new();
    let out = folder.path("out.pcapng");
    let mut command = Command::new("sh");
    command
        .args(["-c", "trap '' HUP; exec \"$0\" convert - -o \"$1\"", env!("CARGO_BIN_EXE_bblog")])
        .arg(&out);
    let Waiting { mut child, stdin } = begin(command, &folder);
    signal(&child, "HUP");
    drop(stdin);
    assert!(child.wait().unwrap().success());
    assert_eq!(folder.names(), ["out.pcapng"]);
}

/// `| head -1` for every subcommand that lists events.
#[test]
fn a_reader_that_goes_away_is_no_problem() {
    let log = bytes("rack_verbose-cut.tcplog").repeat(40);
    for subcommand in [&["show", "-e"][..], &["json"], &["convert", "-o", "-"]] {
        let mut child = bblog()
            .args(subcommand)
            .arg("-")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::piped())
            .spawn()
            .unwrap();
        let mut stdin = child.stdin.take().unwrap();
        let input = log.clone();
        let feeder = std::thread::spawn(move || stdin.write_all(&input));
        let mut first = [0; 16];
        child.stdout.take().unwrap().read_exact(&mut first).unwrap();
        let output = child.wait_with_output().unwrap();
        let _ = feeder.join().unwrap();
        let said = String::from_utf8(output.stderr).unwrap();
        let about_output = said.lines().filter(|line| !line.starts_with("bblog: standard input: "));
        assert_eq!(about_output.collect::<Vec<_>>(), [""; 0], "{subcommand:?}");
        assert_eq!(output.status.signal(), None, "{subcommand:?}");
    }
}
