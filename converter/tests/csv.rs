// SPDX-License-Identifier: BSD-2-Clause
//! `bblog csv`: what other readers of CSV find in it.

mod support;

use std::path::Path;

use serde_json::Value;
use support::{bytes, fixture, run};

const STACKS: [&str; 2] = ["--stack", "1=freebsd,2=rack,3=bbr"];

fn csv(log: &Path, options: &[&str]) -> Vec<u8> {
    let log = log.to_str().unwrap();
    let ran = run(&[&["csv", log], &STACKS[..], options].concat(), b"");
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    ran.stdout
}

/// Header and lines.
fn parsed(text: &[u8]) -> (Vec<String>, Vec<Vec<String>>) {
    let mut reader = csv::Reader::from_reader(text);
    let owned = |record: &csv::StringRecord| record.iter().map(str::to_owned).collect::<Vec<_>>();
    let header = owned(reader.headers().unwrap());
    (header, reader.records().map(|record| owned(&record.unwrap())).collect())
}

fn json(log: &Path) -> Vec<Value> {
    let log = log.to_str().unwrap();
    let text = run(&[&["json", log], &STACKS[..]].concat(), b"").stdout;
    String::from_utf8(text).unwrap().lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

/// A value of a line of JSON as CSV has it.
fn cell(value: &Value) -> String {
    match value {
        Value::Null => String::new(),
        Value::Bool(truth) => u8::from(*truth).to_string(),
        Value::String(text) => text.clone(),
        Value::Array(values) => values.iter().map(cell).collect::<Vec<_>>().join(";"),
        other => other.to_string(),
    }
}

#[test]
fn every_cell_is_what_json_has() {
    let log = fixture("rack_reqresp.tcplog");
    let fields = [
        ("time", "/time"),
        ("time_us", "/time_us"),
        ("clock", "/clock"),
        ("log", "/log"),
        ("local", "/connection/local"),
        ("local_port", "/connection/local_port"),
        ("remote", "/connection/remote"),
        ("remote_port", "/connection/remote_port"),
        ("stack", "/stack"),
        ("event", "/event"),
        ("event_id", "/event_id"),
        ("kernel", "/kernel"),
        ("hz", "/hz"),
        ("inferred", "/inferred"),
        ("bblog.reason", "/connection/reason"),
        ("bblog.snd_cwnd", "/bblog/snd_cwnd"),
        ("bblog.flight", "/bblog/flight"),
        ("bblog.time_delta", "/bblog/time_delta"),
        ("bblog.errno", "/bblog/errno"),
        ("bblog.timerstar.timeout", "/values/timeout"),
        ("tcp.seq_raw", "/tcp/seq"),
    ];
    let names: Vec<&str> = fields.iter().map(|field| field.0).collect();
    let (header, lines) = parsed(&csv(&log, &["--fields", &names.join(",")]));
    assert_eq!(header, names);
    let json = json(&log);
    assert_eq!(lines.len(), json.len());
    for (line, event) in lines.iter().zip(&json) {
        for ((name, place), found) in fields.iter().zip(line) {
            let is_other = *name == "bblog.timerstar.timeout" && event["event"] != "TIMERSTAR";
            let value = event.pointer(place).filter(|_| !is_other).unwrap_or(&Value::Null);
            assert_eq!(*found, cell(value), "{name} of {event}");
        }
    }
}

#[test]
fn eventlog_and_several_values() {
    let log = fixture("small-plain.elog");
    let (_, lines) = parsed(&csv(
        &log,
        &["-f", "event,provider,session,eventlog.tcp.out.cwnd,tcp.port", "-Y", "bblog.event == OUT and tcp"],
    ));
    assert!(lines.len() > 20);
    for line in &lines {
        assert_eq!((line[0].as_str(), line[1].as_str()), ("OUT", "tcp"));
        assert!(line[2].parse::<u64>().is_ok() && line[3].parse::<u64>().is_ok(), "{line:?}");
        let ports: Vec<u16> = line[4].split(';').map(|port| port.parse().unwrap()).collect();
        assert_eq!(ports.len(), 2);
    }
}

#[test]
fn the_default_columns_and_what_has_no_events() {
    let text = csv(&fixture("default_refused.tcplog"), &[]);
    let text = String::from_utf8(text).unwrap();
    assert!(text.starts_with("time,connection,stack,inferred,event,bblog.snd_cwnd,"), "{text}");
    // RFC 4180: lines end with CR LF.
    assert_eq!(text.lines().count(), 4);
    assert_eq!(text.matches("\r\n").count(), text.matches('\n').count());
    let none = csv(&fixture("default_refused.tcplog"), &["--fields", "event", "--limit", "0"]);
    assert_eq!(none, b"event\r\n");
}

#[test]
fn hostile_text_stays_in_its_cell() {
    let mut log = bytes("default_refused.tcplog");
    // tlh_id and tlh_tag.
    log[72..72 + 14].copy_from_slice(b"a\"b,c\r\nd;\xff\xfe\x1b[\0");
    log[168..168 + 3].copy_from_slice(b"=1\0");
    let ran = run(&["csv", "--fields", "bblog.log_id,event,bblog.tag", "-"], &log);
    let (_, lines) = parsed(&ran.stdout);
    assert_eq!(lines.len(), 3);
    for line in lines {
        assert_eq!(line[0], "a\"b,c\r\nd;\u{fffd}\u{fffd}\u{1b}[");
        assert_eq!((line.len(), line[2].as_str()), (3, "=1"));
    }
}

#[test]
fn unknown_columns_are_wrong_usage() {
    let say = |fields: &str| {
        let ran = run(&["csv", "--fields", fields, "-"], b"");
        assert_eq!((ran.code, ran.stdout.len()), (2, 0));
        ran.stderr
    };
    let expected = "bblog: --fields: no field is called snd_cwnd; did you mean bblog.snd_cwnd?\n";
    assert_eq!(say("time,snd_cwnd"), expected);
    assert_eq!(say("tim"), "bblog: --fields: no field is called tim; did you mean time?\n");
    assert_eq!(say("time,,event"), "bblog: --fields: no field is called \n");
}
