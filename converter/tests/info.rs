// SPDX-License-Identifier: BSD-2-Clause
//! `bblog info`: golden outputs.

mod support;

use std::collections::BTreeMap;
use std::path::Path;

use bblog_dissector::elog::SESSION_CREATE;
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

/// The report on an input as JSON.
fn report(path: &Path) -> serde_json::Value {
    let stacks = Path::new("1=freebsd,2=rack,3=bbr");
    let args = [
        Path::new("info"),
        Path::new("--json"),
        Path::new("--kernel"),
        Path::new("13"),
        Path::new("--stack"),
    ];
    let args: Vec<&Path> = args.into_iter().chain([stacks, path]).collect();
    serde_json::from_slice(&run(&args, b"").stdout).unwrap()
}

/// What is reported of connections is the same of a log and of the pcapng that is made of it.
#[test]
fn pcapng_tells_what_the_log_tells() {
    let folder = Folder::new();
    let logs = [
        "rack_reqresp.tcplog",
        "rack_verbose-cut.tcplog",
        "default_continual-cut.tcplog",
        "small-plain.elog",
        "small-quirks.elog",
        "variant-A-cut.elog",
    ];
    for name in logs {
        let out = folder.path(&format!("{name}.pcapng"));
        support::convert(&fixture(name), &out);
        let (log, pcapng) = (report(&fixture(name)), report(&out));
        assert_eq!(pcapng["kind"], "pcapng");
        for key in [
            "events",
            "event_counts",
            "time",
            "lost_records",
            "dropped_events",
            "stacks",
            "providers",
            "layout",
        ] {
            assert_eq!(pcapng[key], log[key], "{key} of {name}");
        }
        let connections = |report: &serde_json::Value| {
            let mut connections = report["connections"].clone();
            // Sections are not told apart by entry.
            connections
                .as_array_mut()
                .unwrap()
                .iter_mut()
                .for_each(|it| it["entries"] = serde_json::Value::Null);
            connections
        };
        assert_eq!(connections(&pcapng), connections(&log), "{name}");
        assert!(!log["connections"].as_array().unwrap().is_empty());
    }
}

/// Packets and bytes of each direction are those that tshark counts, and segments sent again
/// those it calls retransmitted or, since they come soon, out of order.
#[test]
fn segments_are_those_that_tshark_counts() {
    let streams = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/streams/bblog");
    let mut logs: Vec<_> = ["rack_reqresp", "rack_verbose-cut", "default_v4mapped", "default_continual-cut"]
        .map(|name| fixture(&format!("{name}.tcplog")))
        .into();
    for name in [
        "default_nosack_lossy",
        "default_clean",
        "bbr_tailloss_rto",
        "rack_tailloss_rto",
        "rack_clean",
        "default_ipv6_clean",
        "default_refused",
    ] {
        logs.extend(Some(streams.join(format!("{name}.tcplog"))).filter(|path| path.exists()));
    }
    let folder = Folder::new();
    let mut retransmits = 0;
    for log in logs {
        let name = log.file_name().unwrap().to_str().unwrap().to_owned();
        let out = folder.path(&format!("{name}.pcapng"));
        support::convert(&log, &out);
        let fields = [
            "null.type",
            "frame.p2p_dir",
            "tcp.len",
            "tcp.analysis.retransmission",
            "tcp.analysis.out_of_order",
        ];
        let mut args = vec!["-Y", "tcp", "-T", "fields"];
        fields.iter().for_each(|field| args.extend(["-e", field]));
        // Sent is 0 in frame.p2p_dir; without it the direction comes from the ports.
        args.extend(["-e", "tcp.srcport"]);
        let report = report(&log);
        let connections = report["connections"].as_array().unwrap();
        assert_eq!(connections.len(), 1, "{name}");
        let connection = &connections[0];
        let local = connection["local"].as_str().unwrap().rsplit_once(':').unwrap().1.to_owned();
        let mut expected = [(0u64, 0u64, 0u64); 2];
        for line in support::tshark(&out, &args) {
            let columns: Vec<&str> = line.split('\t').collect();
            let direction = &mut expected[usize::from(columns[5] != local)];
            direction.0 += 1;
            direction.1 += columns[2].parse::<u64>().unwrap();
            direction.2 += u64::from(!columns[3].is_empty() || !columns[4].is_empty());
        }
        let found = |direction: &str| {
            let direction = &connection[direction];
            (
                direction["packets"].as_u64().unwrap(),
                direction["bytes"].as_u64().unwrap(),
                direction["retransmits"].as_u64().unwrap(),
            )
        };
        assert_eq!([found("sent"), found("received")], expected, "{name}");
        retransmits += expected[0].2;
    }
    assert!(retransmits > 0 || !streams.exists());
}

/// Timeouts, probes and recoveries of genuine logs with losses.
#[test]
fn losses() {
    let streams = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/streams/bblog");
    let cases = [
        ("default_nosack_lossy", 5, 0, 0, 2),
        ("bbr_tailloss_rto", 10, 1, 2, 2),
        ("rack_tailloss_rto", 10, 0, 2, 1),
        ("bbr_bbverbose_lossy", 51, 1, 0, 3),
        ("default_clean", 0, 0, 0, 0),
    ];
    for (name, retransmits, rtos, tlps, recoveries) in cases {
        let path = streams.join(format!("{name}.tcplog"));
        if !path.exists() {
            return;
        }
        let report = report(&path);
        let connection = &report["connections"][0];
        let found = [
            &connection["sent"]["retransmits"],
            &connection["rtos"],
            &connection["tlps"],
            &connection["recoveries"],
        ];
        assert_eq!(found.map(|it| it.as_u64().unwrap()), [retransmits, rtos, tlps, recoveries], "{name}");
        // All that was sent, the first time, is what the peer got: 1448 bytes a segment.
        if name == "default_nosack_lossy" {
            assert_eq!(connection["sent"]["bytes"], 400_000 + 5 * 1448);
        }
    }
}

/// The genuine logs of the collection; none where it is not there.
fn genuine() -> Vec<std::path::PathBuf> {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/streams");
    let files =
        ["bblog", "elog"].into_iter().flat_map(|log| folder.join(log).read_dir().into_iter().flatten());
    let paths = files.flatten().map(|entry| entry.path());
    let is_genuine = |path: &std::path::PathBuf| {
        let name = path.file_name().unwrap().to_str().unwrap();
        name.ends_with(".tcplog") || (name.starts_with("genuine_d") && name.contains(".elog"))
    };
    paths.filter(is_genuine).collect()
}

/// A congestion window of 1073725440 bytes, an RTT of 4294966297 us and a smoothed RTT that the host cache had in
/// another unit are in no range, and what is sent once is no retransmission, in whatever order it was logged.
#[test]
fn what_is_not_set_is_in_no_range() {
    let (mut connections, mut unset) = (0, 0);
    for path in genuine() {
        let report: serde_json::Value =
            serde_json::from_slice(&run(&[Path::new("info"), Path::new("--json"), &path], b"").stdout)
                .unwrap();
        for connection in report["connections"].as_array().unwrap() {
            let duration = connection["duration_us"].as_u64().unwrap();
            let cwnd = connection["cwnd"]["max"].as_u64().unwrap_or(0);
            assert!(cwnd < 1_073_725_440, "{}: {connection}", path.display());
            let rtt = connection["rtt"]["max_us"].as_u64().unwrap_or(0);
            // A connection that begins with the log has no RTT from before; a second is the most that a SYN|ACK waits.
            let mut limits = connection["limits"].as_array().unwrap().iter();
            let is_whole = limits.any(|limit| limit["state"] == "handshake");
            assert!(!is_whole || rtt <= duration + 1_000_000, "{}: {connection}", path.display());
            connections += 1;
        }
        let name = path.file_name().unwrap().to_str().unwrap();
        if name == "genuine_d_4cpu_900conn.elog.xz" {
            let again = |direction: &str| -> u64 {
                let all = report["connections"].as_array().unwrap();
                all.iter().map(|connection| connection[direction]["retransmits"].as_u64().unwrap()).sum()
            };
            assert_eq!([again("sent"), again("received")], [0, 0]);
        }
        let csv =
            run(&["csv", "--fields", "bblog.bbrrtt.rtt,eventlog.tcp.rtt.rtt", path.to_str().unwrap()], b"");
        for cell in String::from_utf8(csv.stdout).unwrap().split([',', '\r', '\n']) {
            unset += u64::from(cell.parse::<u64>().is_ok_and(|rtt| rtt > 3_600_000_000));
        }
    }
    assert!(
        connections > 700 || !Path::new(env!("CARGO_MANIFEST_DIR")).join("../../shared/streams").exists()
    );
    assert_eq!(unset, 0);
}

#[test]
fn foreign_blocks_are_counted() {
    let block = |kind: u32, body: &[u8]| {
        let len = (12 + body.len() as u32).to_le_bytes();
        [&kind.to_le_bytes()[..], &len, body, &len].concat()
    };
    let words = |words: &[u32]| words.iter().flat_map(|word| word.to_le_bytes()).collect::<Vec<u8>>();
    let file = [
        block(0x0a0d_0d0a, &words(&[0x1a2b_3c4d, 1, u32::MAX, u32::MAX])),
        block(1, &words(&[1, 65_535])),
        block(6, &words(&[0, 395_812, 1_744_437_248, 4, 4, 0xdead_beef])),
        block(3, &words(&[4, 0xdead_beef])),
        block(0x1234, b"nobody knows"),
    ]
    .concat();
    let text = String::from_utf8(run(&["info", "-"], &file).stdout).unwrap();
    let expected = "standard input: pcapng\n  events    0\n  others    2 packets, 1 block\n  sections  1\n  \
                    problems\n    no BBLog record and no eventlog event in 2 packets and 1 other block\n";
    assert_eq!(text, expected);
}

/// The summary of selected events agrees with what `bblog json` prints of them.
#[test]
fn a_selection_is_that_of_json() {
    let cases: [(&str, &[&str]); 8] = [
        ("rack_reqresp.tcplog", &["--filter", "bblog.event == \"OUT\" && bblog.snd_cwnd > 14000"]),
        ("rack_reqresp.tcplog", &["--from", "+0.1", "--to", "+0.3"]),
        ("default_v4mapped.tcplog", &["--limit", "7"]),
        ("default_v4mapped.tcplog", &["--connection", "*:1"]),
        // Neither the session's begin nor its addresses are among the selected.
        ("small-plain.elog", &["--filter", "bblog.event == \"OUT\""]),
        ("small-plain.elog", &["--connection", "192.0.2.112", "--limit", "20"]),
        ("small-quirks.elog", &["-Y", "bblog.event in {\"IN\", \"OUT\"}", "--to", "+1h"]),
        ("small-quirks.elog", &["--from", "+1ms"]),
    ];
    for (name, options) in cases {
        let path = fixture(name).display().to_string();
        let run = |args: &[&str]| {
            let all: Vec<&str> = args.iter().copied().chain(options.iter().copied()).collect();
            let ran = run(&[&all[..], &["--stack", "1=freebsd,2=rack,3=bbr", &path]].concat(), b"");
            assert!(ran.code != 2, "{name} {options:?}: {}", ran.stderr);
            let text = String::from_utf8(ran.stdout).unwrap();
            text.lines().map(|line| serde_json::from_str(line).unwrap()).collect::<Vec<serde_json::Value>>()
        };
        let (events, report) = (run(&["json"]), run(&["info", "--json"]).remove(0));
        assert_eq!(report["events"], events.len(), "{name} {options:?}");
        assert!(report["events_read"].as_u64().unwrap() >= events.len() as u64);
        let times = || events.iter().map(|event| event["time_us"].as_i64().unwrap());
        assert_eq!(report["time"]["first_us"].as_i64(), times().min(), "{name} {options:?}");
        assert_eq!(report["time"]["last_us"].as_i64(), times().max());
        let count = |key: &dyn Fn(&serde_json::Value) -> String| {
            let mut counts: BTreeMap<String, u64> = BTreeMap::new();
            events.iter().for_each(|event| *counts.entry(key(event)).or_default() += 1);
            counts
        };
        let kinds =
            report["event_counts"].as_array().unwrap().iter().map(|kind| {
                (format!("{} {}", kind["provider"], kind["id"]), kind["count"].as_u64().unwrap())
            });
        let kind = |event: &serde_json::Value| format!("{} {}", event["provider"], event["event_id"]);
        assert_eq!(kinds.collect::<BTreeMap<_, _>>(), count(&kind), "{name} {options:?}");
        let mut connections: BTreeMap<String, u64> = BTreeMap::new();
        for connection in report["connections"].as_array().unwrap() {
            *connections.entry(connection["session"].to_string()).or_default() +=
                connection["events"].as_u64().unwrap();
        }
        let session = |event: &serde_json::Value| event["session"].to_string().replace('"', "");
        let mut expected = count(&|event| match (event["log"].as_str(), event["provider"].as_str()) {
            (Some("bblog"), _) => "null".to_owned(),
            (_, Some("tcp")) => session(event),
            _ => "of no connection".to_owned(),
        });
        let none = ["of no connection", "0", "18446744073709551615"];
        expected.retain(|session, _| !none.contains(&session.as_str()));
        assert_eq!(connections, expected, "{name} {options:?}");
    }
}

/// Connections that follow each other in one session stay apart, whichever events are selected.
#[test]
fn sessions_begin_anew_out_of_sight() {
    let mut file = bytes("small-plain.elog");
    let again = file.clone();
    let table = 4 + 34 * u32::from_le_bytes(file[40..44].try_into().unwrap()) as usize;
    // The same events once more, later and with other tcpcbs.
    let mut rest = &again[40 + table..];
    while let Some(&[low, high]) = rest.first_chunk() {
        let (event, after) = rest.split_at(usize::from(u16::from_le_bytes([low, high])));
        let mut event = event.to_vec();
        let later = u64::from_le_bytes(event[8..16].try_into().unwrap()) + 100_000_000;
        event[8..16].copy_from_slice(&later.to_le_bytes());
        if event[24..28] == SESSION_CREATE.to_le_bytes() && event.len() > 32 {
            event[32] ^= 0x80;
        }
        file.extend(event);
        rest = after;
    }
    let connections = |args: &[&str]| {
        let ran = run(&[&["info", "--json", "-"], args].concat(), &file);
        let report: serde_json::Value = serde_json::from_slice(&ran.stdout).unwrap();
        let whose = |it: &serde_json::Value| [it["session"].clone(), it["local"].clone()];
        report["connections"].as_array().unwrap().iter().map(whose).collect::<Vec<_>>()
    };
    let all = connections(&[]);
    let sending = connections(&["-Y", "bblog.event == \"OUT\""]);
    assert_eq!(all.len(), 10, "{all:?}");
    // Each in the order of appearance, which need not be the same.
    let sorted = |mut them: Vec<[serde_json::Value; 2]>| {
        them.sort_by_key(|whose| whose[0].as_u64());
        them
    };
    assert_eq!(sorted(sending), sorted(all));
}

#[test]
fn a_selection_is_each_files_own() {
    let (one, other) = (fixture("rack_reqresp.tcplog"), fixture("small-plain.elog"));
    let options = ["info", "--limit", "3", "--from", "+1us"].map(Path::new);
    let ran = run(&[&options[..], &[&one, &other]].concat(), b"");
    let text = String::from_utf8(ran.stdout).unwrap();
    assert_eq!((ran.code, text.matches("  selected  3 of 4 read; times, lost").count()), (0, 2), "{text}");
    let whole = info("rack_reqresp.tcplog", &["--json"]);
    assert!(whole.contains("\"events_read\":null"), "{whole}");
    let wrong = run(&["info", "-", "--filter", "bblog.nonsense"], b"");
    assert_eq!(wrong.code, 2);
    assert!(wrong.stderr.contains("--filter, "), "{}", wrong.stderr);
}

/// A version is printed if something of that version was read.
#[test]
fn versions_are_those_found() {
    let first = |input: &[u8]| {
        let ran = run(&["info", "-"], input);
        let text = String::from_utf8(ran.stdout).unwrap();
        (ran.code, text.lines().next().unwrap().to_owned())
    };
    let with = |name: &str, at: usize, value: u8| {
        let mut bytes = bytes(name);
        bytes[at] = value;
        bytes
    };
    let entries = bytes("default_refused.tcplog");
    let bblog = "standard input: BBLog entries";
    assert_eq!(first(&entries), (0, format!("{bblog}, version 9")));
    assert_eq!(first(&with("default_refused.tcplog", 0, 8)), (1, bblog.to_owned()));
    assert_eq!(first(&entries[..100]), (1, bblog.to_owned()));
    let capture = "standard input: eventlog capture (ELOG)";
    assert_eq!(first(&bytes("small-plain.elog")), (0, format!("{capture}, version 1")));
    assert_eq!(first(&with("small-plain.elog", 4, 2)), (1, capture.to_owned()));
}
