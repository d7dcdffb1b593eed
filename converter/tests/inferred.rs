// SPDX-License-Identifier: BSD-2-Clause
//! Stacks, kernels and tick rates that no option names: found out from the records, marked as such, and
//! written into what is converted; or said to be unknown.

mod support;

use std::path::{Path, PathBuf};

use bblog_dissector::bblog;
use bblog_pcapng::bblog_entry::EntryEncoder;
use bblog_pcapng::machine::Machine;
use serde_json::{Value, json};
use support::{Folder, fixture, run};

/// The logs of the repository, and the larger collection where it is there.
fn logs() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let folders = [root.join("tests/fixtures"), root.join("../shared/streams/bblog")];
    let files = folders.iter().filter_map(|folder| std::fs::read_dir(folder).ok()).flatten();
    let mut files: Vec<PathBuf> = files.map(|file| file.unwrap().path()).collect();
    files.retain(|path| path.extension().is_some_and(|ext| ext == "tcplog"));
    // Made up: a record of each event, whatever stack and kernel write it.
    files.retain(|path| !path.ends_with("each_event.tcplog"));
    files.sort();
    assert!(!files.is_empty());
    files
}

/// A log of RACK on FreeBSD 13 with tail losses.
fn tail_loss() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/rack_tailloss_rto.tcplog")
}

fn info(path: &Path, options: &[&str]) -> Value {
    let ran = run(&[&["info", "--json", path.to_str().unwrap()], options].concat(), b"");
    serde_json::from_slice(&ran.stdout).unwrap()
}

fn text(path: &Path, options: &[&str]) -> (String, String) {
    let (command, options) = options.split_first().unwrap();
    let ran = run(&[&[*command, path.to_str().unwrap()], options].concat(), b"");
    assert_eq!(ran.code, 0, "{}", ran.stderr);
    (String::from_utf8(ran.stdout).unwrap(), ran.stderr)
}

/// What is known of the origin of its records is right, or is not known.
fn assert_right(path: &Path, report: &Value) {
    let name = path.file_name().unwrap().to_str().unwrap();
    for stack in report["stacks"].as_array().unwrap() {
        let right = ["", "freebsd", "rack", "bbr"][stack["id"].as_u64().unwrap() as usize];
        let found = (stack["name"].as_str().unwrap(), stack["inferred"].as_bool().unwrap());
        assert!(found == (right, true) || found == ("unknown", false), "{name}: {stack}");
    }
    let is_15 = name.starts_with("fbsd15");
    for machine in report["machines"].as_array().unwrap() {
        let kernel = machine["kernel"].as_str();
        let right: &[_] = if is_15 { &["14 or newer", "main"] } else { &["13"] };
        assert!(kernel.is_none_or(|kernel| right.contains(&kernel)), "{name}: {machine}");
        let hz = if is_15 && !name.contains("hz1000") { 100 } else { 1000 };
        assert!(machine["hz"].is_null() || machine["hz"] == hz, "{name}: {machine}");
    }
}

#[test]
fn right_or_not_said_on_all_logs() {
    let folder = Folder::new();
    for path in logs() {
        let report = info(&path, &[]);
        assert_right(&path, &report);
        // And so in what is made of it, which says all of it in its sections.
        let name = folder.path("converted").join(path.file_name().unwrap());
        std::fs::create_dir_all(name.parent().unwrap()).unwrap();
        text(&path, &["convert", "--overwrite", "-o", name.to_str().unwrap()]);
        let converted = info(&name, &[]);
        assert_right(&name, &converted);
        assert_eq!(converted["stacks"], report["stacks"], "{}", path.display());
    }
}

#[test]
fn a_log_of_rack() {
    let log = tail_loss();
    let (shown, told) = text(&log, &["info"]);
    assert_eq!(told, "");
    for line in
        ["stack     2 rack (inferred): 649 records", "kernel    13 (inferred)", "hz        1000 (inferred)"]
    {
        assert!(shown.contains(line), "{shown}");
    }
    let report = info(&log, &[]);
    let connection = &report["connections"][0];
    assert_eq!((&connection["rtos"], &connection["tlps"]), (&json!(0), &json!(2)));
    assert_eq!(connection["rtt"]["min_us"], 21_000);
    // The kernel decides on units: the newest has RACK's RTO in microseconds, 13 in ticks.
    let (shown, _) = text(&log, &["show"]);
    assert!(shown.contains("stack rack (inferred)"), "{shown}");
    assert!(shown.contains("RTO timer armed: 1000.0 ms"), "{shown}");
    let (lines, _) = text(&log, &["json"]);
    let first: Value = serde_json::from_str(lines.lines().next().unwrap()).unwrap();
    let origin = [&first["stack"], &first["kernel"], &first["hz"], &first["inferred"]];
    assert_eq!(origin, [&json!("rack"), &json!("13"), &json!(1000), &json!(["stack", "kernel", "hz"])]);
}

/// A user's word counts, and is no conclusion.
#[test]
fn options_overrule() {
    let log = fixture("rack_reqresp.tcplog");
    let report = info(&log, &["--stack", "2=rack_mine", "--kernel", "14.1-RELEASE"]);
    assert_eq!(report["stacks"][0]["name"], "rack_mine");
    assert_eq!(report["stacks"][0]["inferred"], false);
    let machine = &report["machines"][0];
    assert_eq!((&machine["kernel"], &machine["kernel_inferred"]), (&json!("14"), &json!(false)));
    for (release, kernel) in
        [("13.2", "13"), ("14.1-RELEASE", "14"), ("15", "main"), ("16", "main"), ("main", "main")]
    {
        assert_eq!(info(&log, &["--kernel", release])["machines"][0]["kernel"], kernel, "{release}");
    }
    assert_eq!(run(&["info", "--kernel", "rack", log.to_str().unwrap()], b"").code, 2);
}

/// Files made from core dumps have no boot time, by which machines are distinguished. Joined, each still has its own kernel
/// and tick rate.
#[test]
fn joined_logs_without_boot_times() {
    let without_boot_time = |path: &Path| {
        let mut log = std::fs::read(path).unwrap();
        let lens: Vec<usize> =
            bblog::entries(&log).map(|entry| bblog::HEADER_LEN + entry.unwrap().1.len()).collect();
        let mut at = 0;
        for len in lens {
            log[at + 56..at + 72].fill(0);
            at += len;
        }
        log
    };
    let logs = logs();
    let named = |name: &str| logs.iter().find(|path| path.file_stem().is_some_and(|stem| stem == name));
    let names = ["rack_reqresp", "fbsd15_rack", "bbr_keepalive", "fbsd15_freebsd", "default_verbose"];
    let logs: Vec<Vec<u8>> =
        names.iter().filter_map(|name| named(name)).map(|path| without_boot_time(path)).collect();
    let values = |log: &[u8]| -> Vec<Value> {
        let ran = run(&["json", "-"], log);
        assert_eq!(ran.code, 0, "{}", ran.stderr);
        let lines = ran.stdout.split(|&b| b == b'\n').filter(|line| !line.is_empty());
        let of = |line: &[u8]| {
            let line: Value = serde_json::from_slice(line).unwrap();
            json!([line["event"], line["kernel"], line["hz"], line["bblog"]["srtt_us"], line["values"]])
        };
        lines.map(of).collect()
    };
    for pair in logs.windows(2) {
        let apart: Vec<Value> = pair.iter().flat_map(|log| values(log)).collect();
        assert!(values(&pair.concat()) == apart);
    }
}

/// RACK writes no other member into a TO_PROCESS than those of its function: what it leaves 0 is not shown as 0, and
/// who called the function is not known.
#[test]
fn members_that_are_not_written_are_absent() {
    let log = tail_loss();
    let (lines, _) = text(&log, &["json", "-Y", "bblog.event == TO_PROCESS"]);
    for line in lines.lines() {
        let line: Value = serde_json::from_str(line).unwrap();
        let values = line["values"].as_object().unwrap();
        for name in ["hpts_calling", "on_hpts", "must_retran", "considered_lost"] {
            assert!(!values.contains_key(name), "{line}");
        }
        assert!(values.contains_key("hpts_flags"));
    }
    let (shown, _) = text(&log, &["show", "-Y", "bblog.event == TO_PROCESS"]);
    assert_eq!(shown.lines().count(), 21);
    assert!(!shown.contains("woken by the pacer"), "{shown}");
    let ran = run(&["show", "-Y", "bblog.timer_fired == PACING", log.to_str().unwrap()], b"");
    assert_eq!(
        ran.stderr,
        "bblog: 0 of 649 events selected; PACING is logged by bbr, and the input has rack\n"
    );
}

/// lldb's script keeps 60 bytes of records without a TCP header: no sentence is made up of what is not there.
#[test]
fn records_that_are_cut_say_so() {
    let mut log = std::fs::read(tail_loss()).unwrap();
    let mut cut = 0;
    for record in log[bblog::HEADER_LEN..].chunks_exact_mut(bblog::RECORD_LEN) {
        if record[26] & 0x4 == 0 {
            record[60..].fill(0);
            cut += 1;
        }
    }
    let folder = Folder::new();
    let path = folder.write("lldb.tcplog", &log);
    let (shown, told) = text(&path, &["show"]);
    assert!(told.ends_with(&format!(
        "of {cut} records only the first 60 bytes are there (written by FreeBSD's lldb script)\n"
    )));
    let of = |event: &str| shown.lines().find(|line| line.contains(&format!(" {event} "))).unwrap();
    for (event, says) in [
        ("TIMERSTAR", "timer armed; its values are cut off"),
        ("BBRRTT", "RTT sample; its values are cut off"),
        ("JUSTRET", "; its values are cut off"),
        ("USERSEND", "; its values are cut off"),
    ] {
        assert!(of(event).contains(says), "{}", of(event));
    }
    for made_up in ["no timer armed", "without delay", "nothing more to send", "?"] {
        assert!(!shown.contains(made_up), "{made_up}");
    }
    // What is missing is not known: neither the limit nor how much was acknowledged.
    let (why, _) = text(&path, &["why"]);
    assert!(why.contains("records or members are missing for 421 ms of 462 ms (91 %)"), "{why}");
    assert!(!why.contains("bytes acknowledged") && !why.contains("segments of a burst"), "{why}");
}

/// The kernel is written into the output, whatever the input is.
#[test]
fn the_kernel_is_written() {
    let folder = Folder::new();
    let (first, second) = (folder.path("first.pcapng"), folder.path("second.pcapng"));
    let log = fixture("rack_reqresp.tcplog");
    text(&log, &["convert", "--kernel", "15", "-o", first.to_str().unwrap()]);
    let machine = |path: &Path| info(path, &[])["machines"][0].clone();
    assert_eq!(
        (&machine(&first)["kernel"], &machine(&first)["kernel_inferred"]),
        (&json!("main"), &json!(false))
    );
    text(&first, &["convert", "--kernel", "13", "-o", second.to_str().unwrap()]);
    assert_eq!(
        (&machine(&second)["kernel"], &machine(&second)["kernel_inferred"]),
        (&json!("13"), &json!(false))
    );
}

/// A name that no table has: one line says how many events were not decoded, and what to type; what is not
/// known is not 0.
#[test]
fn a_stack_that_no_table_has() {
    let log = fixture("rack_reqresp.tcplog");
    let (_, told) = text(&log, &["info", "--stack", "2=foo"]);
    let path = log.display();
    assert_eq!(
        told,
        format!(
            "bblog: {path}: stack 2 is \"foo\", which no table has: 123 events not decoded; \
             its records look like rack: try --stack 2=rack\n"
        )
    );
    for command in [&["show"][..], &["json"], &["csv"], &["convert", "-o", "-"]] {
        let ran = run(&[command, &["--stack", "2=foo", log.to_str().unwrap()]].concat(), b"");
        assert_eq!((ran.code, ran.stderr.as_str()), (0, told.as_str()), "{command:?}");
    }
    let connection = &info(&log, &["--stack", "2=foo"])["connections"][0];
    assert_eq!((&connection["rtos"], &connection["tlps"]), (&Value::Null, &Value::Null));
}

/// Records that prove nothing: said once, and what to type.
#[test]
fn a_stack_that_cannot_be_told() {
    let mut log = std::fs::read(fixture("rack_reqresp.tcplog")).unwrap();
    // TIMERSTAR (13) alone: a stack logs it under another one's number while it takes a connection over.
    let is_timer = |record: &&[u8]| record[25] == 13;
    let body: Vec<u8> = log[208..].chunks_exact(328).filter(is_timer).flatten().copied().collect();
    log.truncate(208);
    log[8..16].copy_from_slice(&(208 + body.len() as u64).to_le_bytes());
    log.extend_from_slice(&body);
    let folder = Folder::new();
    let path = folder.write("timers.tcplog", &log);
    let (_, told) = text(&path, &["info"]);
    assert!(
        told.ends_with(
            ": stack 2 has no name, and its records do not show which stack it is: 24 events not decoded; \
             name it with --stack 2=freebsd, --stack 2=rack or --stack 2=bbr\n"
        ),
        "{told}"
    );
}

/// A pcapng file of tcplog_dumper that did not know its stacks' names.
fn nameless(log: &Path) -> Vec<u8> {
    let bytes = std::fs::read(log).unwrap();
    let mut file = Vec::new();
    for entry in bblog::entries(&bytes) {
        let (header, body) = entry.unwrap();
        let entry = EntryEncoder::new(header.as_bytes(), 0);
        entry.section(2, b"unknown", &Machine::default()).append(&mut file).unwrap();
        for record in bblog::records(body) {
            entry.append(&mut file, &record.unwrap());
        }
    }
    file
}

#[test]
fn a_pcapng_file_without_names() {
    let folder = Folder::new();
    let path = folder.write("nameless.pcapng", &nameless(&fixture("rack_reqresp.tcplog")));
    let report = info(&path, &[]);
    assert_eq!(report["stacks"], json!([{"id": 2, "name": "rack", "inferred": true, "records": 130}]));
    let machine = json!([{
        "kernel": "13", "kernel_inferred": true, "hz": 1000, "hz_inferred": true, "records": 130
    }]);
    assert_eq!(report["machines"], machine);
    // From a pipe nothing is waited for: the first records are read before anything is known, and what is
    // known later is said in a section of its own.
    let file = std::fs::read(&path).unwrap();
    let piped = run(&["convert", "-", "-o", "-"], &file);
    assert_eq!(piped.code, 0, "{}", piped.stderr);
    let converted = folder.write("piped.pcapng", &piped.stdout);
    let report = info(&converted, &[]);
    assert_eq!(report["events"], 130);
    let rack = report["stacks"].as_array().unwrap().iter().find(|stack| stack["name"] == "rack").unwrap();
    assert!(rack["records"].as_u64().unwrap() > 100, "{report}");
}

#[test]
fn event_names_in_filters() {
    let log = fixture("rack_reqresp.tcplog");
    let refused = |filter: &str| {
        let ran = run(&["show", "-Y", filter, log.to_str().unwrap()], b"");
        assert_eq!((ran.code, ran.stdout.len()), (2, 0), "{filter}");
        ran.stderr.lines().next().unwrap().to_owned()
    };
    for (filter, error) in [
        ("bblog.event == NOSUCH", "column 16: no event is called NOSUCH"),
        ("bblog.event == TIMERSTART", "column 16: no event is called TIMERSTART; did you mean TIMER_START?"),
        (
            "bblog.event in {RTO, TLP}",
            "column 22: no event is called TLP; a timer that fired is bblog.timer_fired == TLP",
        ),
        ("NOSUCH != bblog.event", "column 1: no event is called NOSUCH"),
        ("bblog.timer_fired == PERSISTS", "column 22: no timer is called PERSISTS; did you mean PERSIST?"),
    ] {
        assert_eq!(refused(filter), format!("bblog: --filter, {error}"));
    }
    // Names of older kernels, of eventlog, and of events that no table has.
    for filter in ["bblog.event == USER_EVENT", "bblog.event == TIMER_FIRED", "bblog.event == UNKNOWN"] {
        let (_, told) = text(&log, &["show", "-Y", filter]);
        assert_eq!(told, "bblog: 0 of 130 events selected\n");
    }
}

/// One name for the timers of all stacks and both logs.
#[test]
fn timers_that_fired() {
    let shown = |log: &Path, filter: &str| text(log, &["show", "-Y", filter]).0.lines().count();
    let log = |name: &str| Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures").join(name);
    assert_eq!(shown(&log("rack_tailloss_rto.tcplog"), "bblog.timer_fired == TLP"), 2);
    assert_eq!(shown(&log("rack_tailloss_rto.tcplog"), "bblog.timer_fired"), 5);
    assert_eq!(shown(&log("bbr_keepalive.tcplog"), "bblog.timer_fired == KEEPALIVE"), 4);
    let (csv, _) = text(&log("rack_tailloss_rto.tcplog"), &["csv", "--fields", "bblog.timer_fired"]);
    assert_eq!(csv.lines().filter(|line| *line == "RACK").count(), 3);
    let elog = fixture("small-plain.elog");
    let by_event = shown(&elog, "eventlog.tcp.timer_fired.reason == 3");
    assert_eq!(shown(&elog, "bblog.timer_fired == TLP && bblog.event == TIMER_FIRED"), by_event);
}

#[test]
fn a_selection_that_took_nothing() {
    let log = fixture("rack_reqresp.tcplog");
    for command in [&["show"][..], &["json"], &["csv"], &["info"], &["convert", "-o", "-"]] {
        let ran = run(&[command, &["-Y", "bblog.event == RTO", log.to_str().unwrap()]].concat(), b"");
        assert_eq!(
            (ran.code, ran.stderr.as_str()),
            (
                0,
                "bblog: 0 of 130 events selected; a timer that fires is BBR_LOG_RTO with rack: \
                 bblog.timer_fired == RTO selects it for every stack\n"
            ),
            "{command:?}"
        );
    }
    let other = run(&["show", "-Y", "bblog.event in {PKT_EPOCH, TIME_EPOCH}", log.to_str().unwrap()], b"");
    assert_eq!(
        other.stderr,
        "bblog: 0 of 130 events selected; PKT_EPOCH is an event of bbr, and the input has rack; \
         TIME_EPOCH is an event of bbr, and the input has rack\n"
    );
}

/// A name that no event has is an error wherever filters are taken.
#[test]
fn unknown_names_of_events() {
    let folder = Folder::new();
    let (log, out) = (fixture("rack_reqresp.tcplog"), folder.path("out"));
    let (log, out) = (log.to_str().unwrap(), out.to_str().unwrap());
    for command in [
        &["show"][..],
        &["json"],
        &["csv"],
        &["info"],
        &["why"],
        &["convert", "-o", out],
        &["convert", "--format", "pcap", "-o", out],
        &["convert", "--format", "elog", "-o", out],
        &["convert", "--format", "perfetto", "-o", out],
        &["convert", "--split", "-o", out],
        &["plot", "--format", "svg", "-o", out],
    ] {
        let ran = run(&[command, &["-Y", "bblog.event == TIMERSTRA", log]].concat(), b"");
        assert_eq!(ran.code, 2, "{command:?}: {}", ran.stderr);
        assert!(
            ran.stderr.contains("no event is called TIMERSTRA; did you mean TIMERSTAR?"),
            "{command:?}: {}",
            ran.stderr
        );
    }
}

/// The smoothed RTT in one unit, whatever stack and kernel.
#[test]
fn srtt_in_microseconds() {
    // RACK of 13 and the default stack log 32nds of a tick, RACK of later kernels microseconds.
    let log = fixture("rack_reqresp.tcplog");
    let of = |options: &[&str], columns: &str| {
        let (csv, _) = text(&log, &[&["csv", "--fields", columns], options].concat());
        csv.lines().last().unwrap().to_owned()
    };
    assert_eq!(of(&[], "bblog.srtt,bblog.srtt_us"), "1027,32093");
    assert_eq!(of(&["--kernel", "14"], "bblog.srtt,bblog.srtt_us"), "1027,1027");
    assert_eq!(of(&["--stack", "2=freebsd", "--hz", "100"], "bblog.srtt_us"), "320937");
    assert_eq!(of(&["--stack", "2=freebsd", "--hz", "1000"], "bblog.srtt_us"), "32093");
    // Where the unit is not known there is no number.
    assert_eq!(of(&["--stack", "2=foo"], "bblog.srtt,bblog.srtt_us"), "1027,");
    let (lines, _) = text(&log, &["json"]);
    let last: Value = serde_json::from_str(lines.lines().last().unwrap()).unwrap();
    assert_eq!((&last["bblog"]["srtt"], &last["bblog"]["srtt_us"]), (&json!(1027), &json!(32_093)));
    let (lines, _) = text(&log, &["json", "--stack", "2=foo"]);
    let last: Value = serde_json::from_str(lines.lines().last().unwrap()).unwrap();
    assert!(last["bblog"]["srtt_us"].is_null());
    let (shown, _) = text(&log, &["show", "-Y", "bblog.srtt_us > 20999"]);
    let (all, _) = text(&log, &["csv", "--fields", "bblog.srtt_us"]);
    let slower = all.lines().filter(|line| line.parse::<u32>().is_ok_and(|us| us > 20_999)).count();
    assert_eq!(shown.lines().count(), slower);
    assert!(slower > 0);
}

/// Numbers that --stack names and no record has are reported, by every command; the status is that of a selection that
/// takes nothing. A list of all stacks of a machine is no mistake.
#[test]
fn stack_numbers_that_no_record_has() {
    let log = fixture("rack_reqresp.tcplog");
    let log = log.to_str().unwrap();
    let said = "bblog: --stack names 9, and the records read have stack number 2\n";
    let folder = Folder::new();
    let (out, html) = (folder.path("out.pcapng"), folder.path("out.html"));
    let commands: [&[&str]; 10] = [
        &["convert", "-o", out.to_str().unwrap()],
        &["show", "--no-pager"],
        &["info"],
        &["info", "--json"],
        &["json"],
        &["csv"],
        &["why"],
        &["stats"],
        &["plot", "-o", html.to_str().unwrap()],
        &["top", "--once"],
    ];
    for command in commands {
        let ran = run(&[command, &["--stack", "9=rack", log]].concat(), b"");
        assert_eq!((ran.code, ran.stderr.as_str()), (0, said), "{command:?}");
        let known = [&command[..1], &["--overwrite"][..], &command[1..]].concat();
        let known = if command.contains(&"-o") { known } else { command.to_vec() };
        let ran = run(&[&known[..], &["--stack", "1=freebsd,2=rack,3=bbr", log]].concat(), b"");
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{command:?}");
    }
}
