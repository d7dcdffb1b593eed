// SPDX-License-Identifier: BSD-2-Clause
//! `bblog why`: its text, its JSON, and what it makes of bad input.

mod support;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use support::{Folder, fixture, run};

const STACKS: [&str; 4] = ["--stack", "1=freebsd,2=rack,3=bbr", "--kernel", "13"];

/// A log of the end-to-end tests.
fn log(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures").join(name)
}

/// What why prints for logs, with the folders of the repository taken out.
fn why(logs: &[&Path], args: &[&str]) -> String {
    let mut all: Vec<&Path> = vec![Path::new("why")];
    all.extend(logs);
    all.extend(args.iter().chain(&STACKS).map(Path::new));
    let ran = run(&all, b"");
    let mut text = format!("{}{}", ran.stderr, String::from_utf8(ran.stdout).unwrap());
    for path in logs {
        text = text.replace(&format!("{}/", path.parent().unwrap().display()), "");
    }
    text
}

fn json(logs: &[&Path], args: &[&str]) -> Vec<Value> {
    let text = why(logs, &[args, &["--json"]].concat());
    text.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

#[test]
fn text() {
    insta::assert_snapshot!("why_tail_loss", why(&[&log("rack_tailloss_rto.tcplog")], &[]));
    insta::assert_snapshot!("why_refused", why(&[&fixture("default_refused.tcplog")], &[]));
    insta::assert_snapshot!("why_spans", why(&[&fixture("rack_reqresp.tcplog")], &["-v"]));
    insta::assert_snapshot!("why_eventlog", why(&[&fixture("small-plain.elog")], &[]));
}

#[test]
fn json_of_a_connection() {
    let [line] = &json(&[&log("rack_tailloss_rto.tcplog")], &[])[..] else { panic!() };
    insta::assert_json_snapshot!("why_tail_loss_json", line);
}

/// The times of the states add up to the duration, and main is the largest.
#[test]
fn shares_add_up() {
    let names =
        ["rack_tailloss_rto.tcplog", "bbr_keepalive.tcplog", "default_v4mapped.tcplog", "small-plain.elog"];
    for line in names.iter().flat_map(|name| json(&[&log(name)], &[])) {
        for side in ["sending", "receiving"] {
            let limits = line[side]["limits"].as_array().unwrap();
            let time: u64 = limits.iter().map(|limit| limit["time_us"].as_u64().unwrap()).sum();
            assert_eq!(time, line["duration_us"].as_u64().unwrap(), "{line}");
            let share: f64 = limits.iter().map(|limit| limit["share"].as_f64().unwrap()).sum();
            assert!(limits.is_empty() || (share - 1.0).abs() < 1e-5, "{line}");
        }
    }
}

/// The worst connection comes first, and its evidence is a command for it alone that works.
#[test]
fn the_worst_comes_first() {
    let logs = [log("rack_reqresp.tcplog"), log("bbr_keepalive.tcplog"), log("rack_tailloss_rto.tcplog")];
    let logs: Vec<&Path> = logs.iter().map(PathBuf::as_path).collect();
    let text = why(&logs, &[]);
    assert!(text.starts_with("10.99.0.2:12270 - 10.99.0.1:9243, rack"), "{text}");
    let evidence = text.lines().find_map(|line| line.strip_prefix("  evidence: ")).unwrap();
    let folder = logs[0].parent().unwrap();
    let shell = format!("cd '{}' && '{}' {}", folder.display(), env!("CARGO_BIN_EXE_bblog"), &evidence[6..]);
    let ran = Command::new("sh").args(["-c", &shell]).stdin(Stdio::null()).output().unwrap();
    assert!(ran.status.success(), "{shell}");
    let shown = String::from_utf8(ran.stdout).unwrap();
    assert!(shown.lines().count() > 20 && shown.contains("10.99.0.2:12270"), "{shell}");
}

/// A connection's log in two files is one connection.
#[test]
fn files_of_one_connection_are_joined() {
    let bytes = std::fs::read(log("rack_tailloss_rto.tcplog")).unwrap();
    let (header, body) = bytes.split_at(208);
    let (first, second) = body.split_at(328 * 300);
    let folder = Folder::new();
    let part = |name: &str, body: &[u8]| {
        let mut part = header.to_vec();
        part[8..16].copy_from_slice(&(208 + body.len() as u64).to_le_bytes());
        part.extend_from_slice(body);
        folder.write(name, &part)
    };
    let (one, two) = (part("1", first), part("2", second));
    let whole = json(&[&log("rack_tailloss_rto.tcplog")], &[]);
    assert_eq!(json(&[&one, &two], &[]), whole);
    // What is read twice counts once.
    assert_eq!(json(&[&one, &two, &two], &[])[0]["sending"], whole[0]["sending"]);
    // The second half alone does not know how it began.
    let [half] = &json(&[&two], &[])[..] else { panic!() };
    assert_eq!(half["notes"][0]["not_offered_by"], "unknown");
}

/// A stack and a kernel that the log does not say are marked as inferred; those that are given are not.
#[test]
fn what_was_inferred_is_marked() {
    let path = log("rack_tailloss_rto.tcplog");
    let printed = |args: &[&str]| {
        let ran = run(&[&["why", path.to_str().unwrap()], args].concat(), b"");
        String::from_utf8(ran.stdout).unwrap()
    };
    assert!(printed(&[]).contains(":9243, rack (inferred), FreeBSD 13 (inferred), id "));
    assert!(printed(&["--stack", "2=rack"]).contains(":9243, rack, FreeBSD 13 (inferred), id "));
    assert!(printed(&["--kernel", "13"]).contains(":9243, rack (inferred), FreeBSD 13, id "));
    let inferred = |args: &[&str]| {
        let line: Value = serde_json::from_str(&printed(&[args, &["--json"]].concat())).unwrap();
        assert_eq!((&line["stacks"][0], &line["kernel"]), (&"rack".into(), &"13".into()));
        line["inferred"].clone()
    };
    assert_eq!(inferred(&[]), serde_json::json!(["stack", "kernel"]));
    assert_eq!(inferred(&["--stack", "2=rack"]), serde_json::json!(["kernel"]));
    assert_eq!(inferred(&["--stack", "2=rack", "--kernel", "13"]), Value::Null);
}

/// Events that are not selected are neither missing nor known.
#[test]
fn what_is_passed_over_is_unknown() {
    let path = log("rack_tailloss_rto.tcplog");
    let [line] = &json(&[&path], &["--filter", "bblog.event in {IN, OUT}"])[..] else { panic!() };
    let unknown = |limit: &&Value| limit["state"] == "unknown" && limit["decided_by"] == "missing";
    let limits = line["sending"]["limits"].as_array().unwrap();
    assert!(
        limits.iter().find(unknown).is_some_and(|limit| limit["share"].as_f64().unwrap() > 0.5),
        "{line}"
    );
    let notes = line["notes"].as_array().unwrap();
    assert!(notes.iter().all(|note| note["kind"] != "records_missing"), "{line}");
    // Bytes and retransmissions stand in the segments.
    assert_eq!(
        (&line["sending"]["bytes"], &line["sending"]["retransmitted_bytes"]),
        (&90000.into(), &14480.into())
    );
}

#[test]
fn selections() {
    let logs = [log("rack_reqresp.tcplog"), log("rack_tailloss_rto.tcplog")];
    let logs: Vec<&Path> = logs.iter().map(PathBuf::as_path).collect();
    let of_one = json(&logs, &["--connection", "*-10.99.0.1:9243"]);
    assert_eq!(of_one, json(&logs[1..], &[]));
    let first_tenth = json(&logs[1..], &["--to", "+0.1"]);
    assert!(first_tenth[0]["duration_us"].as_u64().unwrap() <= 100_000);
}

#[test]
fn bad_input_is_one_line_and_the_rest_is_used() {
    let mut bytes = std::fs::read(log("rack_tailloss_rto.tcplog")).unwrap();
    bytes.truncate(208 + 328 * 400 + 100);
    let folder = Folder::new();
    let torn = folder.write("torn.tcplog", &bytes);
    let ran = run(&[Path::new("why"), &torn, Path::new("/does/not/exist"), Path::new("--json")], b"");
    assert_eq!(ran.code, 1);
    assert_eq!(ran.stderr.lines().count(), 2, "{}", ran.stderr);
    assert_eq!(String::from_utf8(ran.stdout).unwrap().lines().count(), 1);
    let empty = run(&["why", "-"], b"");
    assert_eq!((empty.code, empty.stdout.len()), (0, 0));
}

/// Prints what is not as the schema says.
const VALIDATE: &str = r#"
import json, sys
from jsonschema import Draft202012Validator as Validator
schema = json.load(open(sys.argv[1]))
Validator.check_schema(schema)
for line in sys.stdin:
    for error in Validator(schema).iter_errors(json.loads(line)):
        print(error.json_path, error.message)
"#;

#[test]
fn lines_are_as_the_schema_says() {
    let there = Command::new("python3").args(["-c", "from jsonschema import Draft202012Validator"]).output();
    if !there.is_ok_and(|ran| ran.status.success()) {
        eprintln!("skipped: python3 has no jsonschema here");
        return;
    }
    let folder = Folder::new();
    let schema = run(&["why", "--schema-doc"], b"");
    assert_eq!(schema.code, 0);
    let schema = folder.write("schema.json", &schema.stdout);
    let names =
        ["rack_tailloss_rto.tcplog", "default_refused.tcplog", "small-plain.elog", "each_event.tcplog"];
    let lines: Vec<String> = names.iter().map(|name| why(&[&log(name)], &["--json", "-v"])).collect();
    let lines = std::fs::File::open(folder.write("lines", lines.concat().as_bytes())).unwrap();
    let mut python = Command::new("python3");
    let ran =
        python.args(["-W", "ignore", "-c", VALIDATE]).arg(schema).stdin(Stdio::from(lines)).output().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    assert_eq!(String::from_utf8(ran.stdout).unwrap(), "");
}

/// What happens in the tail loss, and nothing else.
#[test]
fn only_what_matters_is_shown() {
    let path = log("rack_tailloss_rto.tcplog");
    let mut args = vec!["show", "--notable", "-n", "-t", "relative", path.to_str().unwrap()];
    args.extend(STACKS);
    let ran = run(&args, b"");
    assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
    insta::assert_snapshot!("notable", String::from_utf8(ran.stdout).unwrap());
}

/// The state, what was sent again, and alerts are fields of filters and columns.
#[test]
fn fields_of_the_analysis() {
    let path = log("rack_tailloss_rto.tcplog");
    let csv = |fields: &str, filter: &str| {
        let mut args = vec!["csv", "--fields", fields, "--filter", filter, path.to_str().unwrap()];
        args.extend(STACKS);
        let ran = run(&args, b"");
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""));
        let text = String::from_utf8(ran.stdout).unwrap();
        text.lines().skip(1).map(str::to_owned).collect::<Vec<String>>()
    };
    let again = csv("number,bblog.retransmission", "bblog.retransmission == TLP");
    assert_eq!(again, ["321,TLP", "330,TLP"]);
    assert_eq!(csv("number", "bblog.retransmission").len(), 10);
    let limits = csv("bblog.limit", "bblog.limit == congestion_window and bblog.event == JUSTRET");
    assert!(limits.len() == 6 && limits.iter().all(|limit| limit == "congestion_window"), "{limits:?}");
    assert_eq!(csv("bblog.alert", "bblog.alert == tlp"), ["tlp", "tlp"]);
    // The state is that of the whole log, whatever is selected.
    let selected = csv("bblog.limit", "frame.number == 317");
    assert_eq!(selected, ["application"]);
}
