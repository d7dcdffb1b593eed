// SPDX-License-Identifier: BSD-2-Clause
//! `bblog stats`: rows, groups, comparisons, and what it makes of folders with anything in them.

mod support;

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use serde_json::Value;
use support::{Folder, Ran, part_of, run};

const STACKS: [&str; 4] = ["--stack", "1=freebsd,2=rack,3=bbr", "--kernel", "13"];
const LOGS: [&str; 5] = [
    "rack_tailloss_rto.tcplog",
    "rack_reqresp.tcplog",
    "bbr_keepalive.tcplog",
    "default_v4mapped.tcplog",
    "small-plain.elog",
];

/// A log of the end-to-end tests.
fn log(name: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures").join(name)
}

fn bblog(command: &str, args: &[&str], inputs: &[&Path]) -> Ran {
    let mut all: Vec<&Path> = vec![Path::new(command)];
    all.extend(args.iter().chain(&STACKS).map(Path::new));
    all.extend(inputs);
    run(&all, b"")
}

fn lines(ran: &Ran) -> Vec<Value> {
    String::from_utf8_lossy(&ran.stdout).lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn rows(args: &[&str], inputs: &[&Path]) -> Vec<Value> {
    lines(&bblog("stats", &[&["--json"], args].concat(), inputs))
}

/// A folder with logs in folders.
fn captures() -> Folder {
    let folder = Folder::new();
    for (at, name) in LOGS.iter().enumerate() {
        let place = folder.path(&format!("host=web{}/deep", at % 2));
        std::fs::create_dir_all(&place).unwrap();
        std::fs::copy(log(name), place.join(format!("{at}.log"))).unwrap();
    }
    folder
}

/// Every row says of its connection what `bblog why` says.
#[test]
fn rows_agree_with_why() {
    for name in LOGS {
        let rows = rows(&[], &[&log(name)]);
        let why = lines(&bblog("why", &["--json"], &[&log(name)]));
        assert_eq!(rows.len(), why.len(), "{name}");
        let by_ends = |connection: &Value| {
            ["local", "local_port", "remote", "remote_port"].map(|key| connection[key].to_string()).join(" ")
        };
        let rows: BTreeMap<String, Value> = rows.into_iter().map(|row| (by_ends(&row), row)).collect();
        assert_eq!(rows.len(), why.len(), "{name}: two connections have the same ends");
        for why in why {
            let row = &rows[&by_ends(&why["connection"])];
            let sending = &why["sending"];
            assert_eq!(row["duration_us"], why["duration_us"], "{name}");
            assert_eq!(row["established"], why["established"], "{name}");
            assert_eq!(row["verdict"], why["verdict"], "{name}");
            assert_eq!(row["main_limit"], sending["main"], "{name}");
            assert_eq!(row["goodput_bps"], sending["goodput_bps"], "{name}");
            assert_eq!(row["retransmitted_bytes"], sending["retransmitted_bytes"], "{name}");
            let limits = sending["limits"].as_array().unwrap();
            let of_why: BTreeMap<String, u64> = limits
                .iter()
                .map(|limit| {
                    (
                        format!("limit_{}_us", limit["state"].as_str().unwrap()),
                        limit["time_us"].as_u64().unwrap(),
                    )
                })
                .collect();
            for (key, value) in row.as_object().unwrap().iter().filter(|(key, _)| key.starts_with("limit_")) {
                assert_eq!(value.as_u64().unwrap(), of_why.get(key).copied().unwrap_or(0), "{name}: {key}");
            }
        }
    }
}

#[test]
fn a_row() {
    let [mut row] = rows(&[], &[&log("rack_tailloss_rto.tcplog")]).try_into().unwrap();
    row["file"] = Value::Null;
    insta::assert_json_snapshot!("stats_row", row);
}

#[test]
fn text() {
    let folder = captures();
    let ran = bblog("stats", &[], &[&folder.path("")]);
    assert_eq!((ran.code, &*ran.stderr), (0, ""));
    insta::assert_snapshot!("stats_text", String::from_utf8(ran.stdout).unwrap());
}

/// Folders are searched, hosts are those of folders, and the worst comes first; CSV has what JSON has.
#[test]
fn folders() {
    let folder = captures();
    let rows = rows(&[], &[&folder.path("")]);
    let lost: Vec<i64> = rows.iter().map(|row| row["lost_us"].as_i64().unwrap()).collect();
    assert!(lost.is_sorted_by(|a, b| a >= b) && lost[0] > 0, "{lost:?}");
    for row in &rows {
        let file = row["file"].as_str().unwrap();
        assert!(file.contains(&format!("host={}/", row["host"].as_str().unwrap())), "{row}");
    }
    let csv = bblog("stats", &["--csv", "--sort", "duration_us"], &[&folder.path("")]);
    let mut reader = csv::Reader::from_reader(&csv.stdout[..]);
    let headers = reader.headers().unwrap().clone();
    let names: Vec<&String> = rows[0].as_object().unwrap().keys().collect();
    assert_eq!(
        {
            let mut all: Vec<&str> = headers.iter().collect();
            all.sort_unstable();
            all
        },
        names
    );
    let records: Vec<csv::StringRecord> = reader.records().map(Result::unwrap).collect();
    assert_eq!(records.len(), rows.len());
    let of = |record: &csv::StringRecord, name: &str| {
        record[headers.iter().position(|header| header == name).unwrap()].to_owned()
    };
    let durations: Vec<i64> =
        records.iter().map(|record| of(record, "duration_us").parse().unwrap()).collect();
    assert!(durations.is_sorted_by(|a, b| a >= b), "{durations:?}");
    for record in &records {
        let row = rows.iter().find(|row| row["connection_id"] == *of(record, "connection_id")).unwrap();
        for name in headers.iter() {
            let json = match &row[name] {
                Value::Null => String::new(),
                Value::String(text) => text.clone(),
                other => other.to_string(),
            };
            assert_eq!(of(record, name), json, "{name}");
        }
    }
    let top = bblog("stats", &["--top", "2", "--json"], &[&folder.path("")]);
    assert_eq!(lines(&top), rows[..2]);
}

/// The id of a connection is the same alone and among others, and in pcapng; another host's is another.
#[test]
fn ids_are_stable() {
    let folder = Folder::new();
    let input = log("rack_tailloss_rto.tcplog");
    let id = |args: &[&str], input: &Path| rows(args, &[input])[0]["connection_id"].clone();
    let plain = id(&[], &input);
    let pcapng = folder.path("a.pcapng");
    support::convert(&input, &pcapng);
    assert_eq!(id(&[], &pcapng), plain);
    assert_ne!(id(&["--host", "web1"], &input), plain);
    let copy = folder.path("host=web1");
    std::fs::create_dir(&copy).unwrap();
    std::fs::copy(&input, copy.join("x")).unwrap();
    assert_eq!(id(&[], &copy.join("x")), id(&["--host", "web1"], &input));
    assert_eq!(plain.as_str().unwrap().len(), 32);
}

/// Parts of one connection are one row, whether they have the names of a series or not; a copy adds nothing.
#[test]
fn parts_of_a_connection_are_joined() {
    let input = std::fs::read(log("rack_tailloss_rto.tcplog")).unwrap();
    let whole = &rows(&[], &[&log("rack_tailloss_rto.tcplog")])[0];
    let part = |from, to| part_of(&input, from, to);
    let records = (input.len() - 208) / 328;
    let parts = [part(0, 200), part(200, 201), part(201, records)];
    for names in [["a.tcplog", "b/x", "c/y"], ["z", "y", "x"]] {
        let folder = Folder::new();
        std::fs::create_dir(folder.path("b")).unwrap();
        std::fs::create_dir(folder.path("c")).unwrap();
        for (name, part) in names.iter().zip(&parts) {
            folder.write(name, part);
        }
        folder.write("copy", &parts[0]);
        folder.write("other", &std::fs::read(log("bbr_keepalive.tcplog")).unwrap());
        let rows = rows(&[], &[&folder.path("")]);
        assert_eq!(rows.len(), 2, "{rows:?}");
        let joined = rows.iter().find(|row| row["connection_id"] == whole["connection_id"]).unwrap();
        for (key, value) in whole.as_object().unwrap().iter().filter(|(key, _)| *key != "file") {
            assert_eq!(&joined[key], value, "{key}");
        }
    }
}

/// A series is one input, as everywhere.
#[test]
fn a_series_by_its_name() {
    let folder = Folder::new();
    support::convert(&log("rack_reqresp.tcplog"), &folder.path("web.0.pcapng"));
    let by_name = rows(&[], &[&folder.path("web")]);
    assert_eq!(by_name, rows(&[], &[&folder.path("")]));
    assert_eq!(by_name.len(), 1);
}

/// The bytes of an ELOG capture as two captures, the second of which begins with the event `at`, so much later by the clock
/// of the day.
fn two_captures(capture: &[u8], at: usize, later_us: u64) -> [Vec<u8>; 2] {
    let number = |at: usize| u64::from_le_bytes(capture[at..at + 8].try_into().unwrap());
    let table = 4 + 34 * u32::from_le_bytes(capture[40..44].try_into().unwrap()) as usize;
    let mut cut = 40 + table;
    for _ in 0..at {
        cut += usize::from(u16::from_le_bytes([capture[cut], capture[cut + 1]]));
    }
    let mut first = capture[..cut].to_vec();
    first[24..40].fill(0);
    let mut second = capture[..40 + table].to_vec();
    second.extend(&capture[cut..]);
    let begin = number(cut + 8);
    second[8..16].copy_from_slice(&begin.to_le_bytes());
    second[16..24].copy_from_slice(&(number(16) + begin - number(8) + later_us).to_le_bytes());
    second[24..40].fill(0);
    [first, second]
}

/// A session of eventlog goes on in the next capture of a series, unless the machine booted between them; a copy is no
/// next capture.
#[test]
fn sessions_go_on_in_a_series() {
    let capture = std::fs::read(log("small-plain.elog")).unwrap();
    let whole = rows(&["--hz", "1000"], &[&log("small-plain.elog")]);
    let by_id = |rows: Vec<Value>| -> BTreeMap<String, Value> {
        let rows = rows.into_iter().map(|mut row| {
            row["file"] = Value::Null;
            (row["connection_id"].as_str().unwrap().to_owned(), row)
        });
        rows.collect()
    };
    for at in [30, 100, 200] {
        let folder = Folder::new();
        for (number, part) in two_captures(&capture, at, 0).iter().enumerate() {
            folder.write(&format!("web.{number}.elog"), part);
        }
        assert_eq!(by_id(rows(&["--hz", "1000"], &[&folder.path("")])), by_id(whole.clone()), "{at}");
        assert_eq!(by_id(rows(&["--hz", "1000"], &[&folder.path("web")])), by_id(whole.clone()), "{at}");
        let why = lines(&bblog("why", &["--json", "--hz", "1000"], &[&folder.path("web")]));
        assert_eq!(
            why,
            lines(&bblog("why", &["--json", "--hz", "1000"], &[&log("small-plain.elog")])),
            "{at}"
        );
    }
    // Booted an hour later: other sessions.
    let folder = Folder::new();
    for (number, part) in two_captures(&capture, 100, 3_600_000_000).iter().enumerate() {
        folder.write(&format!("web.{number}.elog"), part);
    }
    let apart = rows(&["--hz", "1000"], &[&folder.path("")]);
    assert!(apart.len() > whole.len(), "{}", apart.len());
    // Other names are no series.
    let folder = Folder::new();
    for (name, part) in ["a.elog", "b.elog"].iter().zip(two_captures(&capture, 100, 0)) {
        folder.write(name, &part);
    }
    assert_eq!(rows(&["--hz", "1000"], &[&folder.path("")]).len(), apart.len());
}

/// A capture of eventlog counts once: under another name, compressed, and as far as it was when it was copied.
#[test]
fn copies_of_a_capture_add_nothing() {
    let capture = std::fs::read(log("small-plain.elog")).unwrap();
    let folder = Folder::new();
    folder.write("a.elog", &capture);
    let expected = rows(&[], &[&folder.path("")]);
    folder.write("b.elog", &capture);
    folder.write("c.elog.gz", &support::gzip(&capture));
    let [beginning, _] = two_captures(&capture, 100, 0);
    folder.write("0.elog", &beginning);
    let ran = bblog("stats", &["--json"], &[&folder.path("")]);
    assert_eq!((lines(&ran), ran.code), (expected.clone(), 0));
    assert_eq!(ran.stderr, "bblog: 3 files left out, the same as others; -v names them\n");
    let ran = bblog("stats", &["--json", "-v"], &[&folder.path("a.elog"), &folder.path("b.elog")]);
    assert_eq!((lines(&ran), ran.code), (expected, 0));
    assert!(ran.stderr.contains("b.elog: the same as "), "{}", ran.stderr);
    // Of two machines it is two captures.
    for host in ["host=a", "host=b"] {
        std::fs::create_dir(folder.path(host)).unwrap();
        std::fs::write(folder.path(host).join("log"), &capture).unwrap();
    }
    let inputs = [&*folder.path("host=a"), &*folder.path("host=b")];
    assert_eq!(rows(&[], &inputs).len(), 2 * rows(&[], &[&folder.path("a.elog")]).len());
}

/// The output does not depend on which thread is first.
#[test]
fn the_order_is_that_of_the_rows() {
    let folder = captures();
    for at in 0..40 {
        let (name, place) = (LOGS[at % LOGS.len()], folder.path(&format!("host=h{at}")));
        std::fs::create_dir(&place).unwrap();
        std::fs::copy(log(name), place.join("log")).unwrap();
    }
    let first = bblog("stats", &["--json"], &[&folder.path("")]);
    assert!(lines(&first).len() > 40);
    for _ in 0..5 {
        assert!(bblog("stats", &["--json"], &[&folder.path("")]).stdout == first.stdout);
    }
}

/// Counts, sums and percentiles of groups are those of their rows.
#[test]
fn groups() {
    let folder = captures();
    for at in 0..30 {
        let place = folder.path(&format!("host=h{at}"));
        std::fs::create_dir(&place).unwrap();
        std::fs::copy(log(LOGS[at % LOGS.len()]), place.join("log")).unwrap();
    }
    let input = &[&*folder.path("")];
    let rows = rows(&[], input);
    let groups = lines(&bblog("stats", &["--group-by", "stack,remote/24,date,main_limit", "--json"], input));
    let of_group = |group: &Value| -> Vec<&Value> {
        let is = |row: &&Value| {
            let date = row["first"].as_str().map(|first| first[..10].to_owned());
            row["stack"] == group["stack"]
                && row["main_limit"] == group["main_limit"]
                && group["date"].as_str() == date.as_deref()
        };
        rows.iter().filter(is).collect()
    };
    let mut all = 0;
    for group in &groups {
        let mine = of_group(group);
        all += group["connections"].as_u64().unwrap();
        assert!(mine.len() as u64 >= group["connections"].as_u64().unwrap(), "{group}");
        if mine.len() as u64 != group["connections"].as_u64().unwrap() {
            continue;
        }
        for column in ["duration_us", "lost_us", "rtt_p50_us", "goodput_bps", "lost_records"] {
            let mut known: Vec<i64> = mine.iter().filter_map(|row| row[column].as_i64()).collect();
            known.sort_unstable();
            assert_eq!(group[column]["known"], known.len(), "{group}");
            assert_eq!(group[column]["sum"].as_i64().unwrap(), known.iter().sum::<i64>(), "{group}");
            let Some(p50) = group[column]["p50"].as_f64() else { continue };
            let near = [(known.len() - 1) / 2, known.len() / 2].map(|at| known[at] as f64);
            assert!(p50 >= near[0] * 0.99 - 1.0 && p50 <= near[1] * 1.01 + 1.0, "{column}: {p50} {near:?}");
        }
    }
    assert_eq!(all, rows.len() as u64);
    let network = groups.iter().find_map(|group| group["remote/24"].as_str()).unwrap();
    assert!(network.ends_with(".0/24") || network.ends_with("/48"), "{network}");
    let text = bblog(
        "stats",
        &["--group-by", "stack"],
        &[&log("rack_reqresp.tcplog"), &log("bbr_keepalive.tcplog")],
    );
    insta::assert_snapshot!("stats_groups", String::from_utf8(text.stdout).unwrap());
    let csv = bblog("stats", &["--group-by", "stack", "--csv"], input);
    let by_stack = lines(&bblog("stats", &["--group-by", "stack", "--json"], input));
    let mut reader = csv::Reader::from_reader(&csv.stdout[..]);
    assert_eq!(reader.records().count(), by_stack.len());
}

#[test]
fn two_sets() {
    let (a, b) = (log("rack_reqresp.tcplog"), log("rack_tailloss_rto.tcplog"));
    let ran = bblog("stats", &["--compare", "--json"], &[&a, &b]);
    assert_eq!((ran.code, &*ran.stderr), (0, ""));
    let (row_a, row_b) = (&rows(&[], &[&a])[0], &rows(&[], &[&b])[0]);
    for line in lines(&ran) {
        let column = line["column"].as_str().unwrap();
        for (set, row) in [("a", row_a), ("b", row_b)] {
            assert_eq!(line[set]["sum"].as_i64().unwrap(), row[column].as_i64().unwrap_or(0), "{column}");
        }
        if let (Some(a), Some(b)) = (line["a"]["p95"].as_i64(), line["b"]["p95"].as_i64()) {
            assert_eq!(line["difference"]["p95"], b - a);
        }
    }
    let text = bblog("stats", &["--compare"], &[&a, &b]);
    let text = String::from_utf8(text.stdout).unwrap();
    insta::assert_snapshot!("stats_compare", text.lines().skip(2).collect::<Vec<_>>().join("\n"));
    let wrong = bblog("stats", &["--compare"], &[&a]);
    assert_eq!((wrong.code, &*wrong.stderr), (2, "bblog: stats: --compare takes two inputs\n"));
}

/// Files that are no logs are left out and counted; one that is named, and a damaged one, is a problem.
#[test]
fn foreign_and_damaged_files() {
    let folder = Folder::new();
    folder.write("records", b"{\"file\":\"a.pcapng\"}\n");
    folder.write("notes.txt", b"no log");
    folder.write(".hidden", b"no log");
    folder.write("old.pcap", b"\xd4\xc3\xb2\xa1\x02\x00\x04\x00rest of a pcap file");
    let whole = std::fs::read(log("rack_tailloss_rto.tcplog")).unwrap();
    folder.write("whole", &whole);
    let ran = bblog("stats", &["--json"], &[&folder.path("")]);
    assert_eq!((ran.code, lines(&ran).len()), (0, 1));
    assert_eq!(ran.stderr, "bblog: 3 files left out, no logs; -v names them\n");
    let ran = bblog("stats", &["--json", "-v"], &[&folder.path("")]);
    assert_eq!(
        ran.stderr.lines().filter(|line| line.ends_with(": no log, left out")).count(),
        3,
        "{}",
        ran.stderr
    );
    let named = bblog("stats", &["--json"], &[&folder.path("notes.txt")]);
    assert!(named.code == 1 && named.stderr.contains("expected an ELOG file"), "{}", named.stderr);
    let missing = bblog("stats", &["--json"], &[&folder.path("nothing")]);
    assert!(missing.code == 1 && missing.stderr.contains("No such file"), "{}", missing.stderr);
    folder.write("whole", &whole[..208 + 100 * 328 + 7]);
    let ran = bblog("stats", &["--json"], &[&folder.path("")]);
    let rows = lines(&ran);
    assert_eq!((ran.code, rows.len()), (1, 1), "{}", ran.stderr);
    assert_eq!(rows[0]["events"], 100);
    let wrong = bblog("stats", &["--group-by", "stacks"], &[&folder.path("")]);
    assert!(wrong.code == 2 && wrong.stderr.contains("stacks"), "{}", wrong.stderr);
}
