// SPDX-License-Identifier: BSD-2-Clause
//! The Wireshark profile: its columns, colouring rules, filter buttons and graphs, in the real
//! tshark.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use bblog_dissector::catalog::Catalog;
use bblog_dissector::tables;
use bblog_tests::fixtures::fixture;
use bblog_tests::programs::convert;
use bblog_tests::tshark::Tshark;
use insta::assert_snapshot;

static TSHARK: LazyLock<Tshark> = LazyLock::new(|| {
    let tshark = Tshark::with_plugin();
    let script = packaging().join("install-profile.sh");
    let output = Command::new(script).env("HOME", tshark.home()).output().expect("the script runs");
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    tshark
});

fn packaging() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging")
}

/// The lines of a file of the profile.
fn lines(name: &str) -> Vec<String> {
    let path = packaging().join("wireshark-profile/BBLog").join(name);
    let text = fs::read_to_string(&path).unwrap_or_else(|e| panic!("{}: {e}", path.display()));
    text.lines().filter(|line| !line.starts_with('#')).map(str::to_owned).collect()
}

/// Name and filter of each colouring rule.
fn rules() -> Vec<(String, String)> {
    let rule = |line: &String| {
        let mut parts = line.split('@').skip(1);
        Some((parts.next()?.to_owned(), parts.next()?.to_owned()))
    };
    lines("colorfilters").iter().filter_map(rule).collect()
}

/// The quoted values of each line of a table that Wireshark keeps.
fn quoted(name: &str) -> Vec<Vec<String>> {
    let values = |line: &String| line.trim_matches('"').split("\",\"").map(str::to_owned).collect();
    lines(name).iter().map(values).collect()
}

fn every_filter() -> Vec<String> {
    let colours = rules().into_iter().map(|(_, filter)| filter);
    let buttons = quoted("dfilter_buttons").into_iter().map(|button| button[2].clone());
    let graphs = quoted("io_graphs").into_iter().map(|graph| graph[2].clone());
    colours.chain(buttons).chain(graphs).collect()
}

#[test]
fn columns_are_filled() {
    for (name, log) in [("bblog", "rack_reqresp.tcplog"), ("eventlog", "small-plain.elog")] {
        let listing = TSHARK.text(&["-C", "BBLog", "-c", "30"], &convert(&fixture(log)));
        assert_snapshot!(format!("columns_{name}"), listing);
    }
}

#[test]
fn every_rule_colours_something() {
    let rules: BTreeSet<String> = rules().into_iter().map(|(name, _)| name).collect();
    assert_eq!(
        rules.len(),
        lines("colorfilters").len(),
        "names that stand twice, or lines that are no rules"
    );
    let mut seen = BTreeSet::new();
    for log in ["each_event.tcplog", "default_refused.tcplog", "small-plain.elog"] {
        let arguments = ["-C", "BBLog", "--color", "-T", "fields", "-e", "frame.coloring_rule.name"];
        let text = TSHARK.text(&arguments, &convert(&fixture(log)));
        seen.extend(text.lines().filter(|line| !line.is_empty()).map(str::to_owned));
    }
    assert_eq!(seen, rules);
}

#[test]
fn every_filter_is_valid() {
    let all = every_filter().iter().map(|filter| format!("({filter})")).collect::<Vec<_>>().join("||");
    TSHARK.text(&["-Y", &all], &convert(&fixture("default_refused.tcplog")));
}

#[test]
fn every_event_of_a_filter_exists() {
    let catalog = Catalog::builtin();
    let eventlog = catalog.providers().iter().flat_map(|provider| provider.events.iter());
    let known: BTreeSet<&str> = tables::EVENTS.iter().chain(eventlog).map(|event| event.name).collect();
    for filter in every_filter() {
        for list in filter.split("bblog.event in {").skip(1) {
            let list = list.split('}').next().unwrap();
            for name in list.split(',').map(str::trim) {
                assert!(known.contains(name), "{name} in {filter}");
            }
        }
    }
}

#[test]
fn the_buttons_find_events() {
    let labels: Vec<String> = quoted("dfilter_buttons").iter().map(|button| button[1].clone()).collect();
    let expected = ["Loss", "Timers", "Pacing", "RTT", "Connection", "Stalls", "Limits", "Retransmissions"];
    assert_eq!(labels, expected);
    let logs = ["each_event.tcplog", "rack_tailloss_rto.tcplog"];
    let capture = logs.map(|log| convert(&fixture(log))).concat();
    for button in quoted("dfilter_buttons") {
        assert_ne!(TSHARK.text(&["-Y", &button[2]], &capture), "", "{}", button[1]);
    }
}

#[test]
fn the_graphs_draw_numbers() {
    let capture = [convert(&fixture("rack_reqresp.tcplog")), convert(&fixture("small-plain.elog"))].concat();
    let columns: Vec<String> = quoted("io_graphs")
        .iter()
        .filter(|graph| !graph[6].is_empty())
        .map(|graph| format!("AVG({0}){0}&&({1})", graph[6], graph[2]))
        .collect();
    let table = TSHARK.text(&["-q", "-z", &format!("io,stat,0,{}", columns.join(","))], &capture);
    let row = table.lines().find(|line| line.contains("<>")).expect("a row of averages");
    // The interval, a value for each, and what is beside the bars.
    assert_eq!(row.split('|').count(), columns.len() + 4, "{table}");
}
