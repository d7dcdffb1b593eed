// SPDX-License-Identifier: BSD-2-Clause
//! Perfetto's own classes read what `bblog convert --format perfetto` writes, and xplot what `bblog plot` writes.

use std::path::{Path, PathBuf};
use std::process::Command;

use bblog_tests::fixtures::{STACKS, fixture};
use bblog_tests::page::Page;
use bblog_tests::programs::bblog;
use serde_json::Value;
use tempfile::TempDir;

/// The version of PyPI's perfetto that reads traces here.
const PERFETTO: &str = "perfetto==0.59.1";

/// Reads a trace with Perfetto's classes, and prints what is in it as JSON.
const READ_TRACE: &str = r"
import json, sys
from perfetto.protos.perfetto.trace.perfetto_trace_pb2 import Trace, TrackEvent
trace = Trace()
trace.ParseFromString(open(sys.argv[1], 'rb').read())
tracks, events = {}, []
for packet in trace.packet:
    if packet.HasField('track_descriptor'):
        it = packet.track_descriptor
        tracks[it.uuid] = {
            'name': it.process.process_name if it.HasField('process') else it.name,
            'parent': it.parent_uuid,
            'kind': 'process' if it.HasField('process') else 'counter' if it.HasField('counter') else 'track',
        }
    if packet.HasField('track_event'):
        it = packet.track_event
        events.append([packet.timestamp, it.track_uuid, TrackEvent.Type.Name(it.type), it.name,
                       it.counter_value if it.HasField('counter_value') else None, list(it.flow_ids)])
print(json.dumps({'tracks': tracks, 'events': events}))
";

/// A Python that has Perfetto's classes, in a folder below the built programs. `None`, said on stderr, where there is
/// no Python or no network to get them from.
fn python() -> Option<PathBuf> {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join("perfetto");
    let python = folder.join("bin/python");
    let has_classes = || {
        let import = "from perfetto.protos.perfetto.trace.perfetto_trace_pb2 import Trace";
        Command::new(&python).args(["-c", import]).output().is_ok_and(|tried| tried.status.success())
    };
    if !has_classes() {
        let made = Command::new("python3").args(["-m", "venv"]).arg(&folder).output();
        let got = Command::new(&python)
            .args(["-m", "pip", "install", "--quiet", "--disable-pip-version-check", PERFETTO, "protobuf"])
            .output();
        if !made.is_ok_and(|made| made.status.success()) || !got.is_ok_and(|got| got.status.success()) {
            eprintln!("{PERFETTO}: not to be had here, traces are not read back");
            return None;
        }
    }
    assert!(has_classes(), "{PERFETTO} has no classes of traces");
    Some(python)
}

struct Trace(Value);

impl Trace {
    fn track(&self, uuid: &Value) -> &Value {
        &self.0["tracks"][uuid.to_string()]
    }

    /// Events of this type on tracks of this name, of any connection.
    fn events<'a>(&'a self, kind: &'a str, track: &'a str) -> Vec<&'a Value> {
        let events = self.0["events"].as_array().expect("events").iter();
        events.filter(|event| event[2] == kind && self.track(&event[1])["name"] == track).collect()
    }
}

/// Tracks hang together, counters have the values of the page, slices begin and end, and a flow leads from a
/// segment to the one that repeats it.
#[test]
fn perfettos_classes_read_a_trace() {
    let Some(python) = python() else { return };
    let folder = TempDir::new().unwrap();
    let log = fixture("rack_tailloss_rto.tcplog");
    let [trace, page] = ["out.perfetto-trace", "page.html"].map(|name| folder.path().join(name));
    let options = ["--stack", STACKS, "--kernel", "13", log.to_str().unwrap(), "-o"];
    let converted =
        bblog(&[&["convert", "--format", "perfetto"], &options[..], &[trace.to_str().unwrap()]].concat());
    assert!(converted.status.success(), "{converted:?}");
    assert!(bblog(&[&["plot"], &options[..], &[page.to_str().unwrap()]].concat()).status.success());
    let read = Command::new(python).args(["-c", READ_TRACE]).arg(&trace).output().expect("python runs");
    assert!(read.status.success(), "{}", String::from_utf8_lossy(&read.stderr));
    let trace = Trace(serde_json::from_slice(&read.stdout).expect("JSON"));
    let page = Page::read(&page);
    let connection = &page.data["connections"][0];

    // A process for the host, a group for the connection, and all else in that.
    let tracks = trace.0["tracks"].as_object().expect("tracks");
    let find = |name: &str| tracks.iter().find(|(_, track)| track["name"] == name).expect("a track");
    let (host, process) = find("10.99.0.2");
    assert_eq!(process["kind"], "process");
    let (group, of_connection) = find(connection["title"].as_str().unwrap());
    assert_eq!(of_connection["parent"].to_string(), *host);
    for (uuid, track) in tracks.iter().filter(|(uuid, _)| ![host, group].contains(uuid)) {
        assert_eq!(track["parent"].to_string(), *group, "{uuid}: {track}");
    }

    let numbers = page.numbers(0);
    let lines = connection["lines"].as_array().expect("lines");
    for line in lines.iter().filter(|line| line["style"] == "step") {
        let label = line["label"].as_str().unwrap();
        let values = numbers.column(&line["levels"][0]["y"]);
        let counted: Vec<f64> = trace
            .events("TYPE_COUNTER", label)
            .iter()
            .map(|event| event[4].as_f64().expect("a value"))
            .collect();
        let drawn: Vec<f64> = values.into_iter().filter(|value| !value.is_nan()).map(f64::trunc).collect();
        assert_eq!(counted, drawn, "{label}");
    }
    for row in connection["bands"].as_array().expect("rows") {
        let label = row["label"].as_str().unwrap();
        let count = row["start"][2].as_u64().unwrap() as usize;
        let begun = trace.events("TYPE_SLICE_BEGIN", label);
        let ended = trace.events("TYPE_SLICE_END", label);
        assert_eq!((begun.len(), ended.len()), (count, count), "{label}");
        assert!(begun.iter().zip(&ended).all(|(begin, end)| begin[0].as_u64() <= end[0].as_u64()), "{label}");
    }
    let flows = |events: &[&Value]| -> Vec<(u64, Value)> {
        let flows = events.iter().flat_map(|event| {
            let flows = event[5].as_array().expect("flows").iter();
            flows.map(|flow| (event[0].as_u64().expect("a time"), flow.clone()))
        });
        flows.collect()
    };
    let sent = flows(&trace.events("TYPE_INSTANT", "sent"));
    for again in ["tail loss probe", "sent again: RACK or duplicate ACKs"] {
        let again = flows(&trace.events("TYPE_INSTANT", again));
        assert!(!again.is_empty());
        for (time, flow) in again {
            assert!(sent.iter().any(|(first, its)| *its == flow && *first < time), "{flow} begins nowhere");
        }
    }
}

/// The program of Debian's xplot-xplot.org.
const XPLOT: &str = "xplot.org";

/// xplot reads every line of a plot: the first that it refuses is the one that is put in place of the last.
#[test]
fn xplot_accepts_a_plot() {
    let has =
        |program: &str| Command::new("which").arg(program).output().is_ok_and(|found| found.status.success());
    if !has(XPLOT) || !has("xvfb-run") {
        eprintln!("xplot-xplot.org or xvfb: not here, plots are not looked at");
        return;
    }
    let folder = TempDir::new().unwrap();
    for log in ["rack_tailloss_rto.tcplog", "bbr_120.tcplog", "default_v4mapped.tcplog"] {
        let plot = folder.path().join("out.xpl");
        let log = fixture(log);
        let options = ["--overwrite", "--stack", STACKS, "--kernel", "13", "-o", plot.to_str().unwrap()];
        assert!(bblog(&[&["plot", log.to_str().unwrap()], &options[..]].concat()).status.success());
        let text = std::fs::read_to_string(&plot).unwrap();
        assert!(text.ends_with("\ngo\n"));
        for kind in ["line", "dtick", "utick"] {
            assert!(text.contains(&format!("\n{kind} ")), "{kind}");
        }
        std::fs::write(&plot, text.replace("\ngo\n", "\nno such command\n")).unwrap();
        let shown = Command::new("xvfb-run").args(["--auto-servernum", XPLOT]).arg(&plot).output();
        let shown = shown.expect("xvfb-run runs");
        let said =
            [shown.stdout, shown.stderr].map(|said| String::from_utf8_lossy(&said).into_owned()).concat();
        assert!(said.contains("offending line: no such command"), "{}: {said}", log.display());
    }
}
