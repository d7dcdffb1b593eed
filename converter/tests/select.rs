// SPDX-License-Identifier: BSD-2-Clause
//! Which events the options select.

mod support;

use std::collections::BTreeSet;
use std::path::Path;
use std::sync::Arc;

use bblog_converter::event::decode::DecodedItem;
use bblog_converter::event::merge::Events;
use bblog_converter::input::assumptions::Assumptions;
use bblog_converter::input::{InputName, Inputs};
use bblog_converter::select::filter::Filter;
use bblog_converter::select::walk::walk;
use bblog_converter::select::{Criteria, Selection};
use support::{fixture, run};

const STACKS: &str = "1=freebsd,2=rack,3=bbr";

/// Numbers of the events that `bblog show` prints with these options.
fn shown(log: &Path, options: &[&str]) -> Vec<usize> {
    let log = log.to_str().unwrap();
    let ran = run(&[&["show", "-n", "--stack", STACKS, log], options].concat(), b"");
    let text = String::from_utf8(ran.stdout).unwrap();
    let told = if text.is_empty() { "bblog: 0 of 130 events selected\n" } else { "" };
    assert_eq!((ran.code, ran.stderr.as_str()), (0, told), "{options:?}");
    text.lines().map(|line| line.split_whitespace().next().unwrap().parse().unwrap()).collect()
}

fn refused(options: &[&str]) -> String {
    let log = fixture("rack_reqresp.tcplog");
    let ran = run(&[&["show", log.to_str().unwrap()], options].concat(), b"");
    assert_eq!((ran.code, ran.stdout.len()), (2, 0), "{options:?}");
    ran.stderr
}

#[test]
fn a_wrong_filter_is_wrong_usage() {
    assert_eq!(
        refused(&["--filter", "bblog.event == RTO && snd_cwnd < 20000"]),
        "bblog: --filter, column 23: no field is called snd_cwnd; did you mean bblog.snd_cwnd?\n    \
         bblog.event == RTO && snd_cwnd < 20000\n                          ^^^^^^^^\n"
    );
    for (filter, column, what) in [
        ("bblog.snd_cwn > 1", 1, "no field is called bblog.snd_cwn; did you mean bblog.snd_cwnd?"),
        ("bblog.Snd_Cwnd > 1", 1, "no field is called bblog.Snd_Cwnd; did you mean bblog.snd_cwnd?"),
        ("nothing.like.it", 1, "no field is called nothing.like.it"),
        ("RTO == bblog.event and RTO", 24, "no field is called RTO"),
        ("tcp.port == http", 13, "http is no value of tcp.port, which is a number or one of its names"),
        ("bblog.snd_cwnd == \"a b\" or tcp", 19, "a b is no value of bblog.snd_cwnd"),
        ("ip.addr == 10.0.0.0/33", 12, "10.0.0.0/33 is no value of ip.addr, which is an IPv4 address"),
        ("tcp == 5", 8, "5 is no value of tcp, which is nothing to compare with"),
        ("bblog.snd_cwnd contains 5", 25, "bblog.snd_cwnd is no text and no bytes"),
        ("bblog.snd_cwnd matches \"5\"", 24, "bblog.snd_cwnd is no text that could match it"),
        ("bblog.event matches \"(\"", 21, "not a regular expression"),
        ("bblog.event & 5", 15, "bblog.event is no number with bits"),
        ("bblog.t_flags & x", 17, "expected a number that says which bits"),
        ("bblog.event == bblog.snd_cwnd", 16, "bblog.event and bblog.snd_cwnd cannot be compared"),
        ("5 == 5", 1, "no field is called 5"),
    ] {
        let said = refused(&["--filter", filter]);
        assert!(said.starts_with(&format!("bblog: --filter, column {column}: {what}")), "{said}");
        assert_eq!(said.lines().count(), 3, "{said}");
    }
    for options in
        [["--from", "yesterday"], ["--to", "+x"], ["--connection", "here-there"], ["--limit", "-1"]]
    {
        refused(&options);
    }
}

#[test]
fn filters_select_as_grep_would() {
    let log = fixture("rack_reqresp.tcplog");
    let all = run(&["show".as_ref(), "--stack".as_ref(), STACKS.as_ref(), log.as_os_str()], b"").stdout;
    let all = String::from_utf8(all).unwrap();
    let with = |word: &str| -> Vec<usize> {
        let lines = all.lines().enumerate();
        lines.filter(|(_, line)| line.split_whitespace().any(|it| it == word)).map(|(at, _)| at + 1).collect()
    };
    assert!(with("TIMERSTAR").len() > 5);
    for filter in ["bblog.event == TIMERSTAR", "TIMERSTAR == bblog.event", "bblog.event matches \"^timers\""]
    {
        assert_eq!(shown(&log, &["--filter", filter]), with("TIMERSTAR"), "{filter}");
        assert_eq!(shown(&log, &["-Y", filter, "--limit", "3"]), with("TIMERSTAR")[..3], "{filter}");
    }
    assert_eq!(shown(&log, &["--filter", " "]), (1..=all.lines().count()).collect::<Vec<_>>());
    assert_eq!(shown(&log, &["--filter", "frame.number in {3, 7..9}"]), [3, 7, 8, 9]);
    assert_eq!(shown(&log, &["--filter", "bblog.snd_cwnd > -1"]).len(), all.lines().count());
    assert_eq!(
        shown(&log, &["--filter", "bblog.stack == \"rack\" && bblog.reason"]).len(),
        all.lines().count()
    );
}

#[test]
fn connections_by_their_ends() {
    let log = fixture("rack_reqresp.tcplog");
    let all = shown(&log, &[]).len();
    for ends in ["10.99.0.1:9334-10.99.0.2:59855", "10.99.0.2:59855-10.99.0.1:9334", "*:9334", "10.99.0.1-*"]
    {
        assert_eq!(shown(&log, &["--connection", ends]).len(), all, "{ends}");
    }
    for ends in ["10.99.0.1:59855-10.99.0.2:9334", "*:9335", "[2001:db8::1]"] {
        assert_eq!(shown(&log, &["--connection", ends]).len(), 0, "{ends}");
    }
    // Several connections: each event is of exactly one of them, or of none.
    let log = fixture("small-plain.elog");
    let json = run(&["json".as_ref(), log.as_os_str()], b"").stdout;
    let mut ends: BTreeSet<String> = BTreeSet::new();
    let mut without = 0;
    for line in String::from_utf8(json).unwrap().lines() {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        let connection = &line["connection"];
        let text = |key: &str| match connection[key].as_str() {
            Some(text) if text.contains(':') => format!("[{text}]"),
            text => text.unwrap_or_default().to_owned(),
        };
        match connection.is_null() {
            true => without += 1,
            false => drop(ends.insert(format!(
                "{}:{}-{}:{}",
                text("remote"),
                connection["remote_port"],
                text("local"),
                connection["local_port"]
            ))),
        }
    }
    assert!(ends.len() > 2, "{ends:?}");
    let parts: Vec<usize> = ends.iter().flat_map(|ends| shown(&log, &["--connection", ends])).collect();
    assert_eq!(parts.len() + without, shown(&log, &[]).len());
    assert_eq!(parts.iter().collect::<BTreeSet<_>>().len(), parts.len());
}

#[test]
fn times() {
    let log = fixture("rack_reqresp.tcplog");
    let log = log.to_str().unwrap();
    let json = run(&["json", log], b"").stdout;
    let times: Vec<i64> = String::from_utf8(json)
        .unwrap()
        .lines()
        .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap()["time_us"].as_i64().unwrap())
        .collect();
    let (first, middle) = (times[0], times[60]);
    let before = times.iter().filter(|&&time| time < middle).count();
    assert!(before > 0 && before < times.len());
    let seconds = |us: i64| format!("{}.{:06}", us / 1_000_000, us % 1_000_000);
    let text = |subcommand: &[&str]| {
        let ran = run(&[subcommand, &["--filter", "frame.number == 61", log]].concat(), b"");
        String::from_utf8(ran.stdout).unwrap()
    };
    let iso = text(&["csv", "--fields", "time"]).lines().nth(1).unwrap().to_owned();
    for bound in [
        iso.clone(),
        iso.replace(['T', 'Z'], " "),
        // As a line of `show` begins.
        text(&["show"])[..15].to_owned(),
        seconds(middle),
        format!("+{}", seconds(middle - first)),
    ] {
        let from = shown(Path::new(log), &["--from", &bound]);
        let to = shown(Path::new(log), &["--to", &bound]);
        assert_eq!((to.len(), from.len()), (before, times.len() - before), "{bound}");
        assert!(shown(Path::new(log), &["--from", &bound, "--to", &bound]).is_empty());
    }
    // Relative to the first event that is there, not to the first that is selected.
    let late = shown(Path::new(log), &["--from", "+100ms", "--filter", "bblog.event == IN"]);
    let times_in: Vec<usize> = shown(Path::new(log), &["--filter", "bblog.event == IN"]);
    let expected: Vec<usize> =
        times_in.into_iter().filter(|&number| times[number - 1] >= first + 100_000).collect();
    assert_eq!(late, expected);
}

/// Whatever a filter asks of an event, nothing is allocated for it.
#[test]
fn filters_do_not_allocate() {
    let tables = Arc::new(Assumptions::new(STACKS.parse().unwrap()));
    let allocations = |filter: Option<&str>| {
        let filter = filter.map(|text| Filter::new(text, &tables.catalog).unwrap());
        let mut selection = Selection::new(Criteria { filter, ..Criteria::default() });
        let inputs =
            [InputName::new(fixture("rack_verbose-cut.tcplog")), InputName::new(fixture("small-plain.elog"))];
        let mut events = Events::open(&Inputs::new(inputs.into(), &tables), &mut |_, _| {});
        let mut count = 0;
        let info = allocation_counter::measure(|| {
            let each = |_: &DecodedItem<'_>| {
                count += 1;
                Ok(())
            };
            walk(&mut events, &mut selection, &mut |_, _| {}, each).unwrap();
        });
        (info.count_total, count)
    };
    // What is made on first use is made before it is counted.
    allocations(None);
    let (without, all) = allocations(None);
    assert!(all > 200);
    for filter in [
        "bblog.event in {IN, OUT} and bblog.snd_cwnd < 20000 and tcp.port == 5",
        "ip.addr == 10.0.0.0/8 or ipv6.src == ::1 or tcp.flags.syn == 1 or tcp.len > 1",
        "bblog.function contains \"nothing\" or bblog.snd_una == bblog.snd_max or bblog.flight > 5",
        "bblog.timerstar.timeout > 5 or eventlog.tcp.out.cwnd > 100 or bblog.state == ESTABLISHED",
    ] {
        let (with, selected) = allocations(Some(filter));
        assert_eq!(with, without, "{filter}");
        assert!(selected < all, "{filter}");
    }
}
