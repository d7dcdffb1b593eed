// SPDX-License-Identifier: BSD-2-Clause
//! `bblog plot`: the numbers in pages beside those of `bblog csv`, golden files, and bad input.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use bblog_tests::fixtures::{STACKS, fixture};
use bblog_tests::page::{Numbers, Page};
use bblog_tests::programs;
use serde_json::Value;
use tempfile::TempDir;

fn bblog(args: &[&str], logs: &[&Path]) -> Output {
    let mut command = Command::new(programs::program("bblog"));
    command.args(args).args(logs);
    if logs.iter().any(|log| log.extension().is_some_and(|extension| extension == "tcplog")) {
        command.args(["--stack", STACKS, "--kernel", "13"]);
    }
    command.output().expect("bblog runs")
}

/// Plots `logs` into a file of `folder`, and gives its place.
fn plotted(logs: &[&Path], name: &str, folder: &TempDir) -> PathBuf {
    let out = folder.path().join(name);
    let plotted = bblog(&["plot", "--overwrite", "-o", out.to_str().expect("UTF-8")], logs);
    assert!(plotted.status.success(), "{}", String::from_utf8_lossy(&plotted.stderr));
    out
}

/// What `bblog csv` prints of these fields, without the heading.
fn csv(fields: &str, log: &Path) -> Vec<Vec<String>> {
    let printed = bblog(&["csv", "--fields", fields], &[log]);
    let printed = String::from_utf8(printed.stdout).expect("UTF-8");
    printed.lines().skip(1).map(|row| row.split(',').map(str::to_owned).collect()).collect()
}

fn microseconds(seconds: &str) -> f64 {
    (seconds.parse::<f64>().expect("a time") * 1e6).round()
}

/// The points of a line of the first connection.
fn line(page: &Page, numbers: &Numbers, id: &str) -> Vec<(f64, f64)> {
    let connection = &page.data["connections"][0];
    let lines = connection["lines"].as_array().expect("lines");
    let level = &lines.iter().find(|line| line["id"] == id).expect("a line")["levels"][0];
    let times = numbers.column(&connection["ticks"]["t"]);
    let at = numbers.column(&level["at"]).into_iter().map(|at| times[at as usize]);
    at.zip(numbers.column(&level["y"])).collect()
}

const LOGS: [&str; 3] = ["rack_tailloss_rto.tcplog", "bbr_120.tcplog", "default_v4mapped.tcplog"];

#[test]
fn a_page_holds_the_congestion_window_that_csv_prints() {
    let folder = TempDir::new().unwrap();
    for log in LOGS.map(fixture) {
        let page = Page::read(&plotted(&[&log], "page.html", &folder));
        let mut expected: Vec<(f64, f64)> = Vec::new();
        for row in csv("relative,bblog.state,bblog.snd_cwnd", &log) {
            let [time, state, cwnd] = &row[..] else { panic!("{row:?}: three columns") };
            // Before the connection is established its window is not set.
            if ["0", "1", "2", "3"].contains(&state.as_str()) && expected.is_empty() || cwnd.is_empty() {
                continue;
            }
            let point = (microseconds(time), cwnd.parse().unwrap());
            if expected.last().is_none_or(|last| last.1 != point.1) {
                expected.push(point);
            }
        }
        let mut drawn = line(&page, &page.numbers(0), "cwnd");
        // The SYN of the peer opens a connection one record before a record says so.
        let drawn = drawn.split_off(drawn.len() - expected.len().min(drawn.len()));
        assert_eq!(drawn, expected, "{}", log.display());
    }
}

#[test]
fn a_page_holds_the_events_and_the_segments_that_csv_prints() {
    let folder = TempDir::new().unwrap();
    for log in LOGS.map(fixture) {
        let page = Page::read(&plotted(&[&log], "page.html", &folder));
        let numbers = page.numbers(0);
        let connection = &page.data["connections"][0];
        let ticks = &connection["ticks"];
        let names = ticks["codes"].as_array().expect("names");
        let names =
            numbers.column(&ticks["code"]).into_iter().map(|code| names[code as usize]["name"].clone());
        let drawn: Vec<(f64, Value)> = numbers.column(&ticks["t"]).into_iter().zip(names).collect();
        let rows = csv("relative,event,tcp.len", &log);
        // An event that was logged late stands at the time of the one before it.
        let late = |last: &mut f64, row: &Vec<String>| {
            *last = last.max(microseconds(&row[0]));
            Some((*last, Value::from(row[1].as_str())))
        };
        let expected: Vec<(f64, Value)> = rows.iter().scan(0.0, late).collect();
        let same = drawn.iter().zip(&expected).position(|(drawn, expected)| drawn != expected);
        assert_eq!((drawn.len(), same), (expected.len(), None), "{}", log.display());

        // Bytes of data in the ranges, by direction; SYN and FIN take one number each.
        let mut bytes: BTreeMap<&str, f64> = BTreeMap::new();
        for bars in connection["bars"].as_array().expect("ranges") {
            let kind = bars["kind"].as_str().expect("a name");
            let direction = match kind {
                "sent" | "fast" | "tlp" | "rto" | "again" => "OUT",
                "received" | "ahead" | "behind" => "IN",
                _ => continue,
            };
            let lengths = numbers.column(&bars["len"]);
            *bytes.entry(direction).or_default() +=
                lengths.iter().filter(|length| **length > 1.0).sum::<f64>();
        }
        for (direction, drawn) in bytes {
            let logged: f64 = rows
                .iter()
                .filter(|row| row[1] == direction)
                .filter_map(|row| row[2].parse::<f64>().ok())
                .filter(|length| *length > 1.0)
                .sum();
            // A FIN beside data lengthens its range by one.
            assert!((drawn - logged).abs() <= 2.0, "{}: {direction}: {drawn}, {logged}", log.display());
        }
    }
}

/// A value that is not set is no point: BBR's minimum is 2^32 - 1 until there is one.
#[test]
fn values_that_are_not_set_are_not_drawn() {
    let folder = TempDir::new().unwrap();
    let log = fixture("bbr_120.tcplog");
    let page = Page::read(&plotted(&[&log], "page.html", &folder));
    let numbers = page.numbers(0);
    for drawn in page.data["connections"][0]["lines"].as_array().expect("lines") {
        let values = numbers.column(&drawn["levels"][0]["y"]);
        let unset = [f64::from(u32::MAX), f64::from(65_535 << 14)];
        assert!(values.iter().all(|value| !unset.contains(value)), "{}", drawn["id"]);
    }
}

#[test]
fn sentences_are_those_of_show() {
    let folder = TempDir::new().unwrap();
    let log = fixture("rack_reqresp.tcplog");
    let page = Page::read(&plotted(&[&log], "page.html", &folder));
    let (numbers, ticks) = (page.numbers(0), &page.data["connections"][0]["ticks"]);
    let all = page.bytes(page.data["connections"][0]["sentences"].as_str().expect("its element"));
    let ends = numbers.column(&ticks["text_end"]);
    assert_eq!(ends.len(), numbers.column(&ticks["t"]).len());
    let shown = bblog(&["show", "--color", "never", "--wide"], &[&log]);
    let shown = String::from_utf8_lossy(&shown.stdout).into_owned();
    let mut start = 0;
    for (end, line) in ends.into_iter().zip(shown.lines()) {
        let sentence = String::from_utf8_lossy(&all[start..end as usize]);
        assert!(line.contains(&*sentence), "{sentence}\n{line}");
        start = end as usize;
    }
}

/// What the states of the page add up to is what `bblog why` says.
#[test]
fn limits_are_those_of_why() {
    let folder = TempDir::new().unwrap();
    let log = fixture("rack_tailloss_rto.tcplog");
    let page = Page::read(&plotted(&[&log], "page.html", &folder));
    let why = bblog(&["why", "--json"], &[&log]);
    let why: Value =
        serde_json::from_slice(why.stdout.split(|byte| *byte == b'\n').next().unwrap()).expect("JSON");
    let connection = &page.data["connections"][0];
    let (numbers, row) = (page.numbers(0), &connection["bands"][0]);
    assert_eq!(row["row"], "limit");
    let mut times: BTreeMap<String, u64> = BTreeMap::new();
    let spans = numbers.column(&row["start"]).into_iter().zip(numbers.column(&row["end"]));
    for ((start, end), state) in spans.zip(numbers.column(&row["state"])) {
        let name = row["names"][state as usize].as_str().expect("a name").to_owned();
        *times.entry(name).or_default() += (end - start) as u64;
    }
    let of_shares = connection["shares"].as_array().expect("shares").iter();
    let shares: BTreeMap<String, u64> = of_shares
        .map(|share| (share[0].as_str().expect("a name").to_owned(), share[1].as_u64().expect("a time")))
        .collect();
    assert_eq!(times, shares);
    assert!(why.to_string().contains(&shares["timeout"].to_string()), "{why}");
    assert_eq!(connection["verdict"], why["verdict"], "{why}");
}

#[test]
fn a_series_is_one_connection() {
    let folder = TempDir::new().unwrap();
    let log = fixture("rack_tailloss_rto.tcplog");
    let whole = folder.path().join("whole.pcapng");
    let converted = bblog(&["convert", "-o", whole.to_str().unwrap()], &[&log]);
    assert!(converted.status.success(), "{converted:?}");
    for (name, span) in [("one.0.pcapng", ["--to", "+0.2s"]), ("one.1.pcapng", ["--from", "+0.2s"])] {
        let part = folder.path().join(name);
        let args = ["convert", span[0], span[1], "-o", part.to_str().unwrap()];
        assert!(bblog(&args, &[&whole]).status.success(), "{name}");
    }
    let of_whole = Page::read(&plotted(&[&whole], "whole.html", &folder));
    let of_series = Page::read(&plotted(&[&folder.path().join("one")], "series.html", &folder));
    let connections = of_series.data["connections"].as_array().expect("connections");
    assert_eq!(connections.len(), 1);
    assert_eq!(connections[0]["verdict"], of_whole.data["connections"][0]["verdict"]);
    assert_eq!(
        line(&of_series, &of_series.numbers(0), "cwnd"),
        line(&of_whole, &of_whole.numbers(0), "cwnd")
    );
}

#[test]
fn connections_stand_in_the_order_of_the_time_lost() {
    let folder = TempDir::new().unwrap();
    let log = fixture("small-plain.elog");
    let page = Page::read(&plotted(&[&log], "page.html", &folder));
    let connections = page.data["connections"].as_array().expect("connections").iter();
    let lost: Vec<u64> = connections.map(|it| it["lost_us"].as_u64().expect("a time")).collect();
    assert_eq!(lost.len(), 5);
    assert!(lost.is_sorted_by(|a, b| a >= b), "{lost:?}");
}

#[test]
fn golden_files() {
    let folder = TempDir::new().unwrap();
    let log = fixture("bbr_120.tcplog");
    // Files are named in the page as they are on the command line.
    let page = Page::read(&plotted(&[&log], "page.html", &folder)).with_digests();
    let folder_of_log = format!("{}/", log.parent().unwrap().display());
    let (head, scripts) = page.split_once("<script>").expect("scripts");
    assert!(scripts.contains("uPlot"), "the library is in the page");
    // The library and the styles are in the repository as they are.
    let (before, rest) = head.split_once("<style>").expect("styles");
    let (_, body) = rest.split_once("</style>").expect("an end");
    let body = body.replace(&folder_of_log, "");
    insta::assert_snapshot!("html", format!("{before}<style>...</style>{body}<script>..."));
    for form in ["svg", "xpl"] {
        let out = plotted(&[&log], &format!("out.{form}"), &folder);
        insta::assert_snapshot!(form, std::fs::read_to_string(out).unwrap());
    }
}

/// A page with nothing but what it holds: no address of anything outside.
#[test]
fn a_page_loads_nothing() {
    let folder = TempDir::new().unwrap();
    let page = plotted(&[&fixture("rack_reqresp.tcplog")], "page.html", &folder);
    let page = std::fs::read_to_string(page).unwrap();
    for outside in [" src=", "<link", "@import", "url(", "//cdn", "fetch(", "XMLHttpRequest", "import("] {
        assert!(!page.contains(outside), "{outside}");
    }
}

/// Texts of a log are text, never markup.
#[test]
fn hostile_texts_stay_texts() {
    let folder = TempDir::new().unwrap();
    let mut stream = std::fs::read(fixture("rack_reqresp.tcplog")).unwrap();
    let mut at = 0;
    while at + 208 <= stream.len() {
        for (place, room) in [(72, 64), (136, 32), (168, 32)] {
            let text = b"</script><script>alert(1)</script>]]><!--&amp;\x1b[31m\"'";
            let field = &mut stream[at + place..at + place + room];
            field.fill(0);
            let length = room.min(text.len());
            field[..length].copy_from_slice(&text[..length]);
        }
        at += u64::from_le_bytes(stream[at + 8..at + 16].try_into().unwrap()) as usize;
    }
    let log = folder.path().join("]]><script>.tcplog");
    std::fs::write(&log, &stream).unwrap();
    let page = plotted(&[&log], "page.html", &folder);
    let text = std::fs::read_to_string(&page).unwrap();
    let usual =
        std::fs::read_to_string(plotted(&[&fixture("rack_reqresp.tcplog")], "usual.html", &folder)).unwrap();
    for markup in ["<script", "</script", "<!--", "]]>"] {
        assert_eq!(text.matches(markup).count(), usual.matches(markup).count(), "{markup}");
    }
    let details = Page::read(&page).data["connections"][0]["details"].as_str().unwrap().to_owned();
    assert!(details.contains("</script><script>alert(1)"), "{details}");
    let svg = std::fs::read_to_string(plotted(&[&log], "out.svg", &folder)).unwrap();
    assert!(!svg.contains("<script") && !svg.contains("]]>") && !svg.contains('\x1b'));
    assert!(svg.contains("&lt;script&gt;alert(1)"), "the id is shown as text");
    let xpl = std::fs::read_to_string(plotted(&[&log], "out.xpl", &folder)).unwrap();
    assert!(!xpl.contains('\x1b'));
    assert!(plotted(&[&log], "out.png", &folder).exists());
}

#[test]
fn what_cannot_be_plotted_leaves_no_file() {
    let folder = TempDir::new().unwrap();
    let place = folder.path().join("out.svg");
    let out = place.to_str().unwrap();
    let log = fixture("rack_tailloss_rto.tcplog");
    let refused = |args: &[&str], log: &Path, expected: &str| {
        let refused = bblog(&[&["plot", "-o", out], args].concat(), &[log]);
        let said = String::from_utf8_lossy(&refused.stderr);
        assert_eq!(refused.status.code(), Some(1), "{said}");
        assert_eq!(said.lines().count(), 1, "{said}");
        assert!(said.contains(expected), "{said}");
    };
    refused(&["--filter", "bblog.snd_cwnd == 1"], &log, "nothing to plot");
    refused(&["--size", "200x200"], &log, "too small");
    refused(&[], &fixture("small-plain.elog"), "5 connections");
    assert!(!place.exists());
    std::fs::write(&place, "mine").unwrap();
    refused(&[], &log, "out.svg");
    assert_eq!(std::fs::read(&place).unwrap(), b"mine");
}
