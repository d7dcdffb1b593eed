// SPDX-License-Identifier: BSD-2-Clause
//! `bblog top` without a terminal: what is shown after which records.

mod support;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::{Duration, Instant};

use serde_json::Value;
use support::run;

const LOGS: [&str; 6] = [
    "rack_tailloss_rto.tcplog",
    "bbr_120.tcplog",
    "default_v4mapped.tcplog",
    "default_refused.tcplog",
    "rack_verbose_40.tcplog",
    "small-plain.elog",
];

/// A log of the end-to-end tests.
fn fixture(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures").join(name)
}

fn bytes(name: &str) -> Vec<u8> {
    std::fs::read(fixture(name)).unwrap()
}

/// Long enough to read the input to its end, which ends the waiting.
const TO_THE_END: [&str; 2] = ["--interval", "600"];

fn json(args: &[&str], input: &[u8]) -> Value {
    let ran = run(&[&["top", "--json", "-"], &TO_THE_END[..], args].concat(), input);
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    serde_json::from_slice(&ran.stdout).unwrap()
}

/// One input of several connections: streams of the device follow each other as they are.
fn several() -> Vec<u8> {
    LOGS.iter().filter(|log| log.ends_with(".tcplog")).flat_map(|log| bytes(log)).collect()
}

fn ports(reading: &Value) -> Vec<u64> {
    let connections = reading["connections"].as_array().unwrap();
    connections.iter().map(|connection| connection["local_port"].as_u64().unwrap()).collect()
}

#[test]
fn one_reading_as_text() {
    let shown = |input: &[u8]| {
        let ran = run(&[&["top", "--once"], &TO_THE_END[..]].concat(), input);
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
        String::from_utf8(ran.stdout).unwrap()
    };
    insta::assert_snapshot!("bblog", shown(&several()));
    insta::assert_snapshot!("eventlog", shown(&bytes("small-plain.elog")));
}

/// What `bblog why` says of the same connections, by their local ports: it reads the whole log, and so does this.
#[test]
fn the_numbers_are_those_of_why() {
    for log in LOGS {
        let why = run(&["why", "--json", fixture(log).to_str().unwrap()], b"");
        let why: BTreeMap<u64, Value> = String::from_utf8(why.stdout)
            .unwrap()
            .lines()
            .map(|line| serde_json::from_str::<Value>(line).unwrap())
            .map(|line| (line["connection"]["local_port"].as_u64().unwrap(), line))
            .collect();
        let reading = json(&[], &bytes(log));
        assert_eq!(reading["ended"], true);
        let connections = reading["connections"].as_array().unwrap();
        assert_eq!(connections.len(), why.len(), "{log}");
        for connection in connections {
            let whole = &why[&connection["local_port"].as_u64().unwrap()];
            let limits: BTreeMap<&str, u64> = whole["sending"]["limits"]
                .as_array()
                .unwrap()
                .iter()
                .map(|state| (state["state"].as_str().unwrap(), state["time_us"].as_u64().unwrap()))
                .collect();
            let lost = ["recovery", "timeout", "send_error"].map(|state| limits.get(state).copied());
            assert_eq!(connection["lost_us"], lost.into_iter().flatten().sum::<u64>(), "{log}");
            // None of them is longer than ten seconds.
            let recent = &connection["recent"];
            let states: BTreeMap<&str, u64> = recent["limits"]
                .as_array()
                .unwrap()
                .iter()
                .map(|state| (state["state"].as_str().unwrap(), state["time_us"].as_u64().unwrap()))
                .collect();
            assert_eq!(states, limits, "{log}");
            assert_eq!(recent["duration_us"], whole["duration_us"], "{log}");
            assert_eq!(recent["retransmitted_bytes"], whole["sending"]["retransmitted_bytes"], "{log}");
            let duration = recent["duration_us"].as_u64().unwrap();
            let acked = whole["sending"]["bytes"].as_u64();
            let goodput = acked.and_then(|bytes| (bytes * 8_000_000).checked_div(duration));
            assert_eq!(recent["goodput_bps"].as_u64(), goodput, "{log}");
        }
    }
}

/// A file of the daemon, a live stream of it in both forms, the device's stream, compressed or not: the same.
#[test]
fn all_forms_of_a_log_are_shown_alike() {
    use bblog_pcapng::bblog_entry::{EntryEncoder, EventForm};
    let log = bytes("rack_tailloss_rto.tcplog");
    let stream = |form: EventForm| {
        let mut out = Vec::new();
        for entry in bblog_dissector::bblog::entries(&log) {
            let (header, body) = entry.unwrap();
            let entry = EntryEncoder::new(header.as_bytes(), 0).in_form(form);
            entry.section(2, b"rack", &Default::default()).append(&mut out).unwrap();
            bblog_dissector::bblog::records(body).for_each(|record| entry.append(&mut out, &record.unwrap()));
        }
        out
    };
    let whole = json(&["--stack", "2=rack"], &log);
    let forms = [
        support::convert_bytes(&[&log]).0,
        stream(EventForm::default()),
        stream(EventForm::Packet),
        zstd::encode_all(&log[..], 3).unwrap(),
    ];
    for (number, form) in forms.iter().enumerate() {
        assert_eq!(json(&["--stack", "2=rack"], form), whole, "form {number}");
    }
    assert_eq!(whole["connections"][0]["stack"], "rack");
    assert_eq!(whole["connections"][0]["stack_inferred"], false);
    assert_eq!(json(&[], &log)["connections"][0]["stack_inferred"], true);
}

#[test]
fn the_least_recently_active_make_room() {
    let whole = json(&[], &several());
    assert_eq!((ports(&whole).len(), &whole["forgotten_connections"]), (5, &Value::from(0)));
    let two = json(&["--max-connections", "2"], &several());
    assert_eq!(two["forgotten_connections"], 3);
    // The last two of the input.
    let mut left = ports(&two);
    left.sort_unstable();
    assert_eq!(left, [35465, 43478]);
    let text = run(&[&["top", "--max-connections", "1"], &TO_THE_END[..]].concat(), &several()).stdout;
    let text = String::from_utf8(text).unwrap();
    assert!(text.contains("\n4 connections forgotten (--max-connections)\n"), "{text}");
    // One that is active again is not the one that goes: its log comes in two parts, others between them.
    let log = bytes("rack_tailloss_rto.tcplog");
    let (header, body) = bblog_dissector::bblog::entries(&log).next().unwrap().unwrap();
    let records: Vec<_> = bblog_dissector::bblog::records(body).map(Result::unwrap).collect();
    let part = |range: std::ops::Range<usize>| {
        let mut entry = header.as_bytes().to_vec();
        let body: Vec<u8> = records[range].iter().flat_map(|record| record.as_bytes()).copied().collect();
        let len = (entry.len() + body.len()) as u64;
        entry[8..16].copy_from_slice(&len.to_le_bytes());
        [entry, body].concat()
    };
    let input =
        [part(0..10), bytes("default_v4mapped.tcplog"), part(10..20), bytes("default_refused.tcplog")];
    assert_eq!(ports(&json(&["--max-connections", "2"], &input.concat())), [12270, 35465]);
}

#[test]
fn records_lost_are_said() {
    let log = bytes("rack_tailloss_rto.tcplog");
    // The second record of the entry is taken out.
    let mut cut = log.clone();
    let len = u64::from_le_bytes(cut[8..16].try_into().unwrap());
    cut[8..16].copy_from_slice(&(len - 328).to_le_bytes());
    cut.drain(208 + 328..208 + 2 * 328);
    let reading = json(&[], &cut);
    assert_eq!(reading["lost_records"], 1);
    let text = run(&[&["top", "--once"], &TO_THE_END[..]].concat(), &cut).stdout;
    assert!(String::from_utf8(text).unwrap().contains("\n1 record lost\n"));
    // The time around it is unknown.
    let states = reading["connections"][0]["recent"]["limits"].as_array().unwrap().clone();
    assert!(states.iter().any(|state| state["state"] == "unknown"), "{states:?}");
}

#[test]
fn filters_select_connections_not_events() {
    let whole = json(&[], &several());
    let lossy = json(&["-Y", "bblog.retransmission == RTO or bblog.timer_fired == TLP"], &several());
    assert_eq!(ports(&lossy), [12270, 22622]);
    assert_eq!(lossy["events"], whole["events"]);
    let same = whole["connections"].as_array().unwrap().iter().find(|c| c["local_port"] == 12270);
    assert_eq!(lossy["connections"].as_array().unwrap().first(), same);
    assert_eq!(ports(&json(&["--filter", "bblog.limit == receiver_window"], &several())), [0_u64; 0]);
    let wrong = run(&["top", "--once", "-Y", "tcp.prt == 1", "-"], b"");
    assert_eq!(wrong.code, 2);
    assert!(wrong.stderr.starts_with("bblog: --filter, column 1"), "{}", wrong.stderr);
}

#[test]
fn groups_and_order() {
    let stacks = json(&["--group", "stack", "--sort", "stack"], &several());
    let rows: Vec<(String, u64)> = stacks["connections"]
        .as_array()
        .unwrap()
        .iter()
        .map(|group| (group["group"].as_str().unwrap().to_owned(), group["members"].as_u64().unwrap()))
        .collect();
    assert_eq!(rows, [("bbr*".into(), 1), ("freebsd*".into(), 2), ("rack*".into(), 2)]);
    let network = json(&["--group", "network"], &several());
    assert_eq!(network["connections"][0]["group"], "* - 10.99.0.0/24");
    assert_eq!(network["connections"][0]["members"], 5);
    let sum: u64 = json(&[], &several())["connections"]
        .as_array()
        .unwrap()
        .iter()
        .map(|connection| connection["recent"]["sent_bytes"].as_u64().unwrap())
        .sum();
    assert_eq!(network["connections"][0]["recent"]["sent_bytes"], sum);
    let by_goodput = json(&["--sort", "goodput"], &several());
    let rates: Vec<u64> = by_goodput["connections"]
        .as_array()
        .unwrap()
        .iter()
        .map(|connection| connection["recent"]["goodput_bps"].as_u64().unwrap())
        .collect();
    assert!(rates.is_sorted_by(|a, b| a >= b), "{rates:?}");
}

#[test]
fn a_replay_takes_its_time() {
    let log = fixture("rack_tailloss_rto.tcplog");
    let started = Instant::now();
    // 0.462 s of log.
    let args = ["top", "--json", "--replay", "0.5", "--interval", "600", log.to_str().unwrap()];
    let ran = run(&args, b"");
    assert!(started.elapsed() >= Duration::from_millis(900), "{:?}", started.elapsed());
    let slow: Value = serde_json::from_slice(&ran.stdout).unwrap();
    // A word that is no number is the file.
    let ran = run(&["top", "--json", "--replay", log.to_str().unwrap()], b"");
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    assert_eq!(slow["events"], 649);
    // After a part of it, it is not over.
    let args = ["top", "--json", "--replay", "0.001", "--interval", "0.1", log.to_str().unwrap()];
    let part: Value = serde_json::from_slice(&run(&args, b"").stdout).unwrap();
    assert_eq!(part["ended"], false);
    let refused = |args: &[&str], message: &str| {
        let ran = run(args, b"");
        assert_eq!((ran.code, ran.stderr), (2, format!("bblog: {message}\n")));
    };
    refused(&["top", "--replay", "2", "-"], "top: --replay expects a file");
    refused(&["top", "--replay", "0", log.to_str().unwrap()], "--replay: expected a SPEED above 0");
    let expected = "--replay: expected a number, such as 0.5 or 10";
    refused(&["top", "--replay", "fast", log.to_str().unwrap()], expected);
}

#[test]
fn problems_are_said_and_the_rest_is_shown() {
    let log = bytes("rack_tailloss_rto.tcplog");
    let garbage = [&log[..], &[0x5a; 1000], &bytes("default_refused.tcplog")].concat();
    let ran = run(&[&["top", "--json"], &TO_THE_END[..]].concat(), &garbage);
    assert_eq!((ran.code, ran.stderr.lines().count()), (1, 1), "{}", ran.stderr);
    let reading: Value = serde_json::from_slice(&ran.stdout).unwrap();
    assert_eq!((ports(&reading), &reading["problems"]), (vec![12270, 35465], &Value::from(1)));
    let missing = run(&["top", "--once", "/does/not/exist"], b"");
    let message = "bblog: /does/not/exist: No such file or directory\n";
    assert_eq!((missing.code, missing.stderr.as_str(), missing.stdout.len()), (1, message, 0));
}

/// Text of a log reaches the terminal without control characters, in whatever form it is printed.
#[test]
fn text_of_logs_is_harmless() {
    let ran = run(&[&["top", "--once"], &TO_THE_END[..]].concat(), &bytes("small-short.elog"));
    let text = String::from_utf8(ran.stdout).unwrap();
    assert!(text.contains("\\u{"), "the log has such an id: {text}");
    assert_eq!(text.chars().find(|c| c.is_control() && *c != '\n'), None);
}

#[test]
fn the_schema_describes_the_reading() {
    const VALIDATE: &str = "import json, sys; from jsonschema import Draft202012Validator as V; \
                            schema = json.loads(sys.argv[1]); V.check_schema(schema); \
                            V(schema).validate(json.load(sys.stdin))";
    let there = std::process::Command::new("python3").args(["-c", "import jsonschema"]).output();
    if !there.is_ok_and(|ran| ran.status.success()) {
        eprintln!("skipped: python3 has no jsonschema here");
        return;
    }
    let schema = String::from_utf8(run(&["top", "--schema-doc"], b"").stdout).unwrap();
    for (args, input) in [
        (&[][..], several()),
        (&["--group", "stack"], several()),
        (&[], bytes("small-short.elog")),
        (&[], Vec::new()),
    ] {
        let reading = run(&[&["top", "--json"], &TO_THE_END[..], args].concat(), &input).stdout;
        let mut validate = std::process::Command::new("python3");
        validate.args(["-c", VALIDATE, &schema]).stdin(std::process::Stdio::piped());
        let mut child = validate.spawn().unwrap();
        std::io::Write::write_all(&mut child.stdin.take().unwrap(), &reading).unwrap();
        assert!(child.wait().unwrap().success(), "{}", String::from_utf8_lossy(&reading));
    }
}

/// The default stack begins with what another connection left in the host cache, 2.5 s on the loopback interface.
#[test]
fn a_round_trip_time_of_the_host_cache_is_not_shown() {
    let reading = json(&[], &bytes("default_cached_rtt.pcapng.xz"));
    let connections = reading["connections"].as_array().unwrap();
    assert_eq!(connections.len(), 2);
    for connection in connections {
        assert_eq!((&connection["srtt_us"], &connection["min_rtt_us"]), (&Value::Null, &Value::Null));
    }
}
