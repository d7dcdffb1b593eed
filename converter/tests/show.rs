// SPDX-License-Identifier: BSD-2-Clause
//! What `bblog show` prints.

use std::path::Path;
use std::process::Command;

/// Runs `bblog show` with COLUMNS as given.
fn show(name: &str, columns: Option<usize>, options: &[&str]) -> String {
    let log = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures").join(name);
    let mut command = Command::new(env!("CARGO_BIN_EXE_bblog"));
    command.arg("show").args(options).arg(log).env_remove("COLUMNS");
    if let Some(columns) = columns {
        command.env("COLUMNS", columns.to_string());
    }
    let ran = command.output().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    String::from_utf8(ran.stdout).unwrap()
}

const RACK: [&str; 4] = ["--stack", "1=freebsd,2=rack,3=bbr", "--kernel", "13"];

/// The story of a tail loss: the handshake, probes, the loss found by SACK, recovery.
#[test]
fn a_tail_loss() {
    let text = show("rack_tailloss_rto.tcplog", Some(100), &RACK);
    let lines: Vec<&str> = text.lines().collect();
    let story = [&lines[..24], &["..."], &lines[318..350], &["..."], &lines[372..396]].concat();
    insta::assert_snapshot!(story.join("\n"));
}

#[test]
fn eventlog() {
    let text = show("small-plain.elog", Some(100), &["--limit", "60"]);
    insta::assert_snapshot!(text);
}

#[test]
fn titles_and_absolute_numbers() {
    let text = show("bbr_120.tcplog", Some(120), &[&RACK[..], &["--titles", "-S", "--limit", "40"]].concat());
    insta::assert_snapshot!(text);
}

/// A line without the mark of an event that was logged late, if it has it.
fn without_late(line: &str) -> Option<&str> {
    line.strip_suffix(" late]")?.rsplit_once(" [logged ").map(|parts| parts.0)
}

/// A whole line, and that of a segment without its window, and without its ACK.
fn shorter(whole: &str) -> Vec<String> {
    let without = |whole: &str, word: &str| {
        let (before, after) = whole.split_once(word)?;
        Some(before.to_owned() + after.trim_start_matches(|c: char| c.is_ascii_digit()))
    };
    let no_window = without(whole, " win ");
    let no_ack = no_window.as_deref().and_then(|line| without(line, " ack "));
    [Some(whole.to_owned()), no_window, no_ack].into_iter().flatten().collect()
}

/// Whether a line is a whole one, cut: behind a word, and with what must be seen behind the cut.
fn is_cut_of(line: &str, whole: &str) -> bool {
    let (line, whole) = match (without_late(line), without_late(whole)) {
        (Some(line), Some(whole)) => (line, whole),
        _ => (line, whole),
    };
    match line.rsplit_once("..") {
        Some((start, kept)) if whole.contains(kept.trim_start()) => {
            whole.strip_prefix(start).is_some_and(|rest| rest.starts_with(' ') || !start.contains(' '))
        }
        _ => line == whole,
    }
}

/// On 80 columns a segment that carries data still has its length and the congestion window, or why it was sent again.
#[test]
fn what_is_wanted_most_is_not_cut() {
    let text = show("rack_tailloss_rto.tcplog", Some(80), &RACK);
    let data: Vec<&str> =
        text.lines().filter(|line| line.contains(" OUT ") && line.contains("[.] seq")).collect();
    let (again, new): (Vec<&str>, Vec<&str>) =
        data.into_iter().partition(|line| line.contains("retransmission"));
    assert!(new.len() > 50 && again.len() > 5, "{} {}", new.len(), again.len());
    for line in new {
        assert!(line.contains(" len ") && line.contains("; cwnd "), "{line}");
    }
}

/// Lines are no longer than COLUMNS, and not cut within a word.
#[test]
fn lines_fit() {
    for (name, options) in
        [("rack_tailloss_rto.tcplog", &RACK[..]), ("small-plain.elog", &[]), ("bbr_120.tcplog", &RACK)]
    {
        let wide = show(name, Some(80), &[options, &["--wide"]].concat());
        assert_eq!(wide, show(name, None, options), "{name}");
        for columns in [60, 80, 100, 120] {
            let text = show(name, Some(columns), options);
            let (heads, lines): (Vec<&str>, Vec<&str>) = text.lines().partition(|line| line.starts_with('#'));
            assert!(!heads.is_empty());
            assert_eq!(lines.len(), wide.lines().count(), "{name}");
            for (line, whole) in lines.into_iter().zip(wide.lines()) {
                assert!(line.len() <= columns, "{line}");
                let whole = whole.split("  # ").next().unwrap();
                assert!(shorter(whole).iter().any(|whole| is_cut_of(line, whole)), "{line}\n{whole}");
            }
        }
    }
}

/// Elsewhere than on a terminal every line is an event; the first one of a connection says which it is.
#[test]
fn a_line_is_an_event() {
    let text = show("rack_reqresp.tcplog", None, &RACK);
    let events = show("rack_reqresp.tcplog", None, &[&RACK[..], &["-n"]].concat());
    assert_eq!(text.lines().count(), events.lines().count());
    let named: Vec<&str> = text.lines().filter(|line| line.contains("  # ")).collect();
    assert_eq!(named.len(), 1);
    assert!(
        named[0].ends_with("  # 2026-11-21 UTC, 1: 10.99.0.2:59855 - 10.99.0.1:9334, stack rack"),
        "{}",
        named[0]
    );
}

/// Where there are several connections, each line has the number of its one.
#[test]
fn several_connections() {
    let text = show("small-plain.elog", None, &[]);
    let named = |number: usize| text.lines().filter(|line| line.contains(&format!("  # {number}: "))).count();
    assert_eq!((named(2), named(3)), (1, 1));
    let second = text.lines().find(|line| line.contains("  # 2: ")).unwrap();
    assert!(second[16..].starts_with("  2 "), "{second}");
}
