//! `bblog info`: golden outputs.

mod support;

use std::path::Path;

use support::{Folder, bytes, fixture, run};

/// What info prints for a fixture.
fn info(name: &str, args: &[&str]) -> String {
    let path = fixture(name);
    let mut all: Vec<&Path> = vec![Path::new("info"), &path];
    all.extend(args.iter().map(Path::new));
    let ran = run(&all, b"");
    let folder = path.parent().unwrap().display().to_string();
    let code = if ran.code == 0 { String::new() } else { format!("exit {}\n{}", ran.code, ran.stderr) };
    (code + &String::from_utf8(ran.stdout).unwrap()).replace(&format!("{folder}/"), "")
}

#[test]
fn text() {
    insta::assert_snapshot!("rack_reqresp", info("rack_reqresp.tcplog", &["--stack", "2=rack"]));
    insta::assert_snapshot!("continual", info("default_continual-cut.tcplog", &[]));
    insta::assert_snapshot!(
        "link_local",
        info("default_ipv6_linklocal-cut.tcplog", &["--stack", "1=freebsd"])
    );
    insta::assert_snapshot!("small_plain", info("small-plain.elog", &[]));
    insta::assert_snapshot!("small_live", info("small-live.elog", &[]));
}

#[test]
fn layouts() {
    let layouts = ["A", "D2", "E"].map(|layout| {
        let text = info(&format!("variant-{layout}-cut.elog"), &["--json"]);
        serde_json::from_str::<serde_json::Value>(&text).unwrap()["layout"].clone()
    });
    assert_eq!(layouts, ["A", "D2", "E"]);
}

#[test]
fn json() {
    for name in ["default_refused.tcplog", "small-plain.elog"] {
        let text = info(name, &["--json", "--stack", "1=freebsd"]);
        assert_eq!(text.lines().count(), 1);
        let value: serde_json::Value = serde_json::from_str(&text).unwrap();
        insta::assert_json_snapshot!(name, value);
    }
}

#[test]
fn hostile_log_ids_are_escaped() {
    let mut input = bytes("default_refused.tcplog");
    input[72..87].copy_from_slice(b"\x1b]0;x\x07\n\xff\"\\\xe2\x80\xae!\0");
    let ran = run(&["info", "-"], &input);
    let text = String::from_utf8(ran.stdout).unwrap();
    assert!(text.contains("id \"\\u{1b}]0;x\\u{7}\\u{a}\\xff\"\\\\\\u{202e}!\""), "{text}");
    let json = run(&["info", "-", "--json"], &input);
    let value: serde_json::Value = serde_json::from_slice(&json.stdout).unwrap();
    assert_eq!(value["connections"][0]["log_id"], "\\u{1b}]0;x\\u{7}\\u{a}\\xff\"\\\\\\u{202e}!");
}

#[test]
fn one_object_per_file() {
    let folder = Folder::new();
    let empty = folder.write("empty", b"");
    let refused = fixture("default_refused.tcplog");
    let ran = run(&[Path::new("info"), &empty, Path::new("/no"), &refused, Path::new("--json")], b"");
    assert_eq!((ran.code, ran.stderr.as_str()), (1, "bblog: /no: No such file or directory\n"));
    let kinds: Vec<_> = ran
        .stdout
        .split(|&b| b == b'\n')
        .filter(|line| !line.is_empty())
        .map(|line| serde_json::from_slice::<serde_json::Value>(line).unwrap()["kind"].clone())
        .collect();
    assert_eq!(kinds, [serde_json::json!("empty"), serde_json::Value::Null, serde_json::json!("bblog")]);
}
