// SPDX-License-Identifier: BSD-2-Clause
//! `bblogd check` on this system; what it says of FreeBSD's settings is tested beside its code.

use crate::bblogd::program;

#[test]
fn says_what_is_missing_here() {
    let output = program().args(["check", "-D", "/nowhere/at/all"]).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.stderr.is_empty());
    if cfg!(target_os = "freebsd") {
        return;
    }
    assert_eq!(output.status.code(), Some(1));
    for line in [
        "BBLog: no logs on this system",
        "  missing  /dev/tcp_log: no such device",
        "to change it: run bblogd on FreeBSD, or give it a stream with -f",
        "eventlog: no logs on this system",
        "  missing  /dev/eventlog: no such device",
        "  note     folder: /nowhere/at/all: none",
    ] {
        assert!(said.contains(line), "{line}\n{said}");
    }
}

#[test]
fn says_the_same_in_json() {
    let output =
        program().args(["check", "--json", "-u", "nobody", "-D", "/nowhere/at/all"]).output().unwrap();
    let said: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    for kind in ["bblog", "eventlog"] {
        let items = said[kind]["items"].as_array().unwrap();
        assert!(!items.is_empty());
        for item in items {
            assert!(item["what"].is_string() && item["found"].is_string(), "{item}");
            let state = item["state"].as_str().unwrap();
            assert!(["ok", "note", "missing"].contains(&state), "{item}");
            // Whatever is not as it should be comes with what to do.
            assert_eq!(item["change"].is_string(), state != "ok", "{item}");
        }
    }
    if !cfg!(target_os = "freebsd") {
        assert_eq!((&said["bblog"]["usable"], &said["eventlog"]["usable"]), (&false.into(), &false.into()));
    }
}

#[test]
fn changes_nothing() {
    let place = crate::bblogd::Place::new();
    let missing = place.join("out");
    program().args(["check", "-D"]).arg(&missing).output().unwrap();
    assert!(!missing.exists());
}
