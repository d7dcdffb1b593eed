// SPDX-License-Identifier: BSD-2-Clause
//! The bar of long work: on a terminal only. The terminal is that of script(1).
#![cfg(target_os = "linux")]

mod support;

use std::process::{Command, Stdio};

use support::{Folder, fixture};

/// Runs a line of the shell whose standard error is a terminal, and gives what was shown there; `None`
/// without script(1).
fn on_terminal(line: &str) -> Option<String> {
    let ran = Command::new("script")
        .args(["-qec", line, "/dev/null"])
        .env("TERM", "xterm")
        .stdin(Stdio::null())
        .output()
        .inspect_err(|_| eprintln!("skipped: there is no script(1) here"))
        .ok()?;
    assert!(ran.status.success(), "{line}: {}", String::from_utf8_lossy(&ran.stdout));
    Some(String::from_utf8_lossy(&ran.stdout).into_owned())
}

#[test]
fn long_work_shows_how_far_it_is() {
    let folder = Folder::new();
    let (bblog, log) = (env!("CARGO_BIN_EXE_bblog"), fixture("rack_reqresp.tcplog"));
    let (log, out) = (log.display(), folder.path("out").display().to_string());
    let slow = format!("(echo hello; cat {log}; sleep 1; cat {log}) | {bblog}");
    for work in [
        format!("convert - -o {out} --overwrite"),
        "show - > /dev/null".into(),
        "csv - > /dev/null".into(),
        "json - > /dev/null".into(),
        "info - > /dev/null".into(),
    ] {
        let Some(shown) = on_terminal(&format!("{slow} {work}")) else { return };
        assert!(shown.contains("events/s") && shown.contains("KiB"), "{work}: {shown:?}");
        // Removed at the end; messages stand above it.
        assert!(shown.ends_with("\u{1b}[2K") || shown.trim_end().ends_with("\u{1b}[2K"), "{work}: {shown:?}");
        assert!(shown.contains("text before the log"), "{work}: {shown:?}");
    }
    // A file beside a FIFO, which has no size.
    let fifo = folder.path("late");
    assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
    let shown = on_terminal(&format!(
        "(sleep 1; cat {log}) > {} & {bblog} json {log} {} > /dev/null",
        fifo.display(),
        fifo.display()
    ));
    assert!(shown.is_some_and(|shown| shown.contains("events/s")));
}

#[test]
fn short_work_and_other_places_show_none() {
    let (bblog, log) = (env!("CARGO_BIN_EXE_bblog"), fixture("rack_reqresp.tcplog"));
    let log = log.display();
    let slow = format!("(cat {log}; sleep 1) | {bblog}");
    for line in [
        format!("{bblog} json {log} > /dev/null"),
        format!("{slow} json - > /dev/null 2> /dev/null"),
        // The listing itself is on the terminal.
        format!("{slow} show --no-pager --limit 3 -"),
        format!("{slow} json -"),
    ] {
        let Some(shown) = on_terminal(&line) else { return };
        assert!(!shown.contains("events/s"), "{line}: {shown:?}");
    }
    let piped = Command::new("sh").args(["-c", &format!("{slow} json - > /dev/null")]).output().unwrap();
    assert_eq!((piped.status.code(), piped.stderr.len()), (Some(0), 0));
}
