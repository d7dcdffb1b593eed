// SPDX-License-Identifier: BSD-2-Clause
//! The schema that `bblog json --schema-doc` prints describes the lines that `bblog json` prints: a
//! validator of JSON Schema that is not ours says so (Python's jsonschema; skipped without it).

mod support;

use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use serde_json::Value;
use support::{Folder, bytes, fixture, run};

/// Prints the number of each line that is not as the schema says, and why.
const VALIDATE: &str = r##"
import json, sys
from jsonschema import Draft202012Validator as Validator
schema = json.load(open(sys.argv[1]))
Validator.check_schema(schema)
validators = {
    kind: Validator({**schema, "oneOf": [{"$ref": "#/$defs/" + kind}]}) for kind in ("bblog", "eventlog")
}
whole = Validator(schema)
for number, line in enumerate(sys.stdin):
    line = json.loads(line)
    # That of its kind tells better what is wrong.
    error = next(validators.get(line.get("log"), whole).iter_errors(line), None)
    if error or not whole.is_valid(line):
        print(number, error.message if error else "of both kinds")
"##;

/// What a validator has to say of these lines; `None` if there is none.
fn wrong_lines(lines: &[u8]) -> Option<Vec<String>> {
    let there = Command::new("python3").args(["-c", "from jsonschema import Draft202012Validator"]).output();
    if !there.is_ok_and(|ran| ran.status.success()) {
        eprintln!("skipped: python3 has no jsonschema here");
        return None;
    }
    let folder = Folder::new();
    let schema = run(&["json", "--schema-doc"], b"");
    assert_eq!((schema.code, schema.stderr.as_str()), (0, ""));
    let schema = folder.write("schema.json", &schema.stdout);
    let input = std::fs::File::open(folder.write("lines", lines)).unwrap();
    let mut python = Command::new("python3");
    python.args(["-W", "ignore", "-c", VALIDATE]).arg(schema).stdin(Stdio::from(input));
    let ran = python.output().unwrap();
    assert!(ran.status.success(), "{}", String::from_utf8_lossy(&ran.stderr));
    Some(String::from_utf8(ran.stdout).unwrap().lines().map(str::to_owned).collect())
}

fn json(log: &Path, options: &[&str]) -> Vec<u8> {
    let log = log.to_str().unwrap();
    run(&[&["json", "--stack", "1=freebsd,2=rack,3=bbr", log], options].concat(), b"").stdout
}

/// The fixtures, those of the end-to-end tests included.
fn logs() -> Vec<PathBuf> {
    let mut logs: Vec<PathBuf> =
        ["rack_verbose-cut.tcplog", "default_ipv6_linklocal-cut.tcplog"].map(fixture).into();
    let beside = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures");
    let names = [
        "each_event.tcplog",
        "default_v4mapped.tcplog",
        "small-plain.elog",
        "small-short.elog",
        "variant_a.elog",
    ];
    logs.extend(names.map(|name| beside.join(name)));
    logs
}

#[test]
fn genuine_lines_are_valid() {
    let mut lines = Vec::new();
    for log in logs() {
        for options in [&["--limit", "60"][..], &["--limit", "60", "--raw", "--names"]] {
            let text = json(&log, options);
            assert!(!text.is_empty(), "{}", log.display());
            lines.extend(text);
        }
    }
    if let Some(wrong) = wrong_lines(&lines) {
        assert!(wrong.is_empty(), "{wrong:#?}");
    }
}

#[test]
fn odd_lines_are_valid() {
    // Names that are not UTF-8, an event that no table has, no boot time, integers of 64 bits.
    let mut log = bytes("default_refused.tcplog");
    log[56..72].fill(0);
    log[72..74].copy_from_slice(&[0xff, 0]);
    log[136..138].copy_from_slice(&[0xfe, 0]);
    log[168..170].copy_from_slice(&[0xfd, 0]);
    log[208 + 25] = 200;
    log[208 + 328 + 160..208 + 328 + 264].fill(0xff);
    let mut lines = run(&["json", "--raw", "--names", "-"], &log).stdout;
    // A session of the largest number, a truncated payload, a provider without a schema.
    let mut elog = bytes("small-plain.elog");
    elog[46..50].copy_from_slice(b"\xffabc");
    let event = 44 + 34 * 4;
    elog[event + 16..event + 24].fill(0xff);
    lines.extend(run(&["json", "--raw", "--names", "-"], &elog).stdout);
    assert!(
        lines.windows(10).any(|part| part == b"\"event\":nu")
            && lines.windows(7).any(|part| part == b"tag_hex")
    );
    if let Some(wrong) = wrong_lines(&lines) {
        assert!(wrong.is_empty(), "{wrong:#?}");
    }
}

/// The schema is worth something: what is not a line of ours is not valid.
#[test]
fn other_lines_are_not_valid() {
    let text = json(&fixture("rack_reqresp.tcplog"), &["--limit", "1"]);
    let line: Value = serde_json::from_slice(&text).unwrap();
    let changed = |change: &dyn Fn(&mut Value)| {
        let mut line = line.clone();
        change(&mut line);
        let mut text = serde_json::to_vec(&line).unwrap();
        text.push(b'\n');
        text
    };
    let changes: [&dyn Fn(&mut Value); 8] = [
        &|line| drop(line.as_object_mut().unwrap().remove("event")),
        &|line| line["new"] = 5.into(),
        &|line| line["log"] = "other".into(),
        &|line| line["time_us"] = "soon".into(),
        &|line| line["serial"] = 1.5.into(),
        &|line| line["bblog"]["snd_cwnd"] = serde_json::json!({}),
        &|line| line["connection"]["local_port"] = 65536.into(),
        &|line| line["tcp"] = serde_json::json!({ "options": "xyz" }),
    ];
    let lines: Vec<u8> = changes.iter().flat_map(|change| changed(change)).collect();
    if let Some(wrong) = wrong_lines(&lines) {
        assert_eq!(wrong.len(), changes.len(), "{wrong:#?}");
    }
}
