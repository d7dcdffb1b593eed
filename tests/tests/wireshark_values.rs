// SPDX-License-Identifier: BSD-2-Clause
//! What the plugin computes, and what a user can set: generated values, schemas of one's own, the
//! kernel that wrote a log.

use std::collections::BTreeSet;
use std::io::Write as _;
use std::path::{Path, PathBuf};
use std::sync::LazyLock;

use bblog_analysis::track::Track;
use bblog_dissector::bblog::{HEADER_LEN, RECORD_LEN, Record, entries, records};
use bblog_dissector::event::{Event, RecordContext};
use bblog_dissector::spec::{Kernel, Stack};
use bblog_tests::fixtures::{STACKS, fixture, stream, streams};
use bblog_tests::programs::{bblog, convert};
use bblog_tests::rows::Capture;
use bblog_tests::tshark::Tshark;

static TSHARK: LazyLock<Tshark> = LazyLock::new(Tshark::with_plugin);

/// The values of these filter names, a line for each frame.
fn fields(tshark: &Tshark, options: &[&str], names: &[&str], capture: &[u8]) -> Vec<Vec<String>> {
    let names: Vec<&str> = names.iter().flat_map(|name| ["-e", name]).collect();
    let text = tshark.text(&[options, &["-T", "fields"], &names].concat(), capture);
    text.lines().map(|line| line.split('\t').map(str::to_owned).collect()).collect()
}

/// What the library computes for the records of a log of one connection.
fn computed(log: &str) -> Vec<Vec<String>> {
    let bytes = std::fs::read(fixture(log)).unwrap();
    let mut track = Track::default();
    let of = |record: &Record<'_>, track: &mut Track| {
        let event = Event::of_record(record, RecordContext::default());
        let tracked = track.next(record);
        let values: Vec<_> =
            event.derived().chain(tracked.fields()).map(|f| (f.spec.name, f.value)).collect();
        let text = |name: &str| {
            let value = values.iter().find(|value| value.0 == name).and_then(|value| value.1.as_int());
            value.map_or(String::new(), |value| value.to_string())
        };
        ["flight", "snd_una_rel", "time_delta", "rcv_nxt_rel"].map(text).to_vec()
    };
    let bodies = entries(&bytes).map(|entry| entry.unwrap().1);
    bodies.flat_map(records).map(|record| of(&record.unwrap(), &mut track)).collect()
}

#[test]
fn generated_values_are_the_librarys_in_every_pass() {
    for log in ["rack_reqresp.tcplog", "default_v4mapped.tcplog", "bbr_120.tcplog"] {
        let capture = convert(&fixture(log));
        let names = ["bblog.flight", "bblog.snd_una_rel", "bblog.time_delta", "bblog.rcv_nxt_rel"];
        let expected = computed(log);
        // Two passes need a file.
        let file = TSHARK.home().join(log);
        std::fs::write(&file, &capture).unwrap();
        let file = file.to_str().unwrap();
        for options in [&["-r", file][..], &["-2", "-r", file], &["-2", "-R", "frame || bblog", "-r", file]] {
            let got = fields(&TSHARK, options, &names, b"");
            assert_eq!(got.len(), expected.len(), "{log}");
            for (number, (got, expected)) in got.iter().zip(&expected).enumerate() {
                assert_eq!(got, expected, "{log}, frame {}, {options:?}", number + 1);
            }
        }
    }
}

/// `bblog csv` of a log and tshark of what `bblog convert` made of it.
#[test]
fn times_between_events_are_those_of_tshark() {
    for log in ["small-plain.elog", "small-short.elog", "variant_d2.elog", "rack_tailloss_rto.tcplog"] {
        let names = ["bblog.event", "bblog.time_delta"];
        let path = fixture(log);
        let csv = bblog(&["csv", "--fields", &names.join(","), path.to_str().unwrap()]);
        let csv = String::from_utf8(csv.stdout).unwrap();
        let rows = |row: &str| row.split(',').map(str::to_owned).collect::<Vec<_>>();
        let ours: Vec<_> = csv.lines().skip(1).map(rows).filter(|row| !row[0].is_empty()).collect();
        let theirs =
            fields(&TSHARK, &["-Y", "bblog.event && bblog.event != UNKNOWN"], &names, &convert(&path));
        assert!(ours.iter().filter(|row| !row[1].is_empty()).count() > ours.len() / 2, "{log}: {ours:?}");
        assert_eq!(ours, theirs, "{log}");
    }
}

/// Of each event its name, the time since the one before, and why it deserves notice: as `bblog csv` says it, and tshark
/// of what `bblog convert` made of the log.
fn ours_and_theirs(log: &Path) -> [Vec<Vec<String>>; 2] {
    let names = ["bblog.event", "bblog.time_delta", "bblog.alert"];
    let options = ["csv", "--stack", STACKS, "--fields", &names.join(","), log.to_str().unwrap()];
    let csv = String::from_utf8(bblog(&options).stdout).unwrap();
    let row = |row: &str| row.split(',').map(str::to_owned).collect();
    // What can be read of a damaged log is compared as well.
    let capture = bblog(&["convert", "--stack", STACKS, log.to_str().unwrap(), "-o", "-"]).stdout;
    let options = ["-Y", "bblog.event", "-E", "aggregator=;"];
    [csv.lines().skip(1).map(row).collect(), fields(&TSHARK, &options, &names, &capture)]
}

/// Those that follow from the events before as well.
#[test]
fn alerts_are_those_of_csv() {
    let own = ["rack_tailloss_rto.tcplog", "default_v4mapped.tcplog", "bbr_120.tcplog", "small-plain.elog"];
    let mut logs: Vec<PathBuf> = own.iter().map(|log| fixture(log)).collect();
    logs.extend(streams("bblog", "tcplog"));
    logs.extend(streams("elog", "elog"));
    let mut met = BTreeSet::new();
    for log in &logs {
        let [ours, theirs] = ours_and_theirs(log);
        assert_eq!(ours.len(), theirs.len(), "{}", log.display());
        for (number, (ours, theirs)) in ours.iter().zip(&theirs).enumerate() {
            assert_eq!(ours, theirs, "{}, event {}", log.display(), number + 1);
            met.extend(ours[2].split(';').map(str::to_owned));
        }
    }
    for alert in ["stall", "enter_recovery", "exit_recovery", "tlp"] {
        assert!(met.contains(alert), "{alert} not in {met:?}");
    }
}

/// Entries of sockets that are not bound, whose headers are zeros: each is of another socket.
#[test]
fn nothing_is_counted_from_one_unnamed_socket_to_another() {
    let log = std::fs::read(fixture("default_refused.tcplog")).unwrap();
    let mut entry = log[..u64::from_le_bytes(log[8..16].try_into().unwrap()) as usize].to_vec();
    entry[16..52].fill(0);
    // Serial numbers: the first is not that of a new log, and behind it some are missing.
    for (record, serial) in [1, 7, 8].into_iter().enumerate() {
        entry[HEADER_LEN + record * RECORD_LEN + 20] = serial;
    }
    let path = TSHARK.home().join("unnamed.tcplog");
    std::fs::write(&path, entry.repeat(2)).unwrap();
    let [ours, theirs] = ours_and_theirs(&path);
    assert_eq!(ours, theirs);
    let first_of_each = [&ours[0], &ours[ours.len() / 2]];
    assert!(first_of_each.iter().all(|row| row[1].is_empty() && row[2].is_empty()), "{ours:?}");
    assert!(ours.iter().filter(|row| row[1].is_empty()).count() == 2, "{ours:?}");
    assert!(ours[1][2].contains("gap"), "{ours:?}");
}

#[test]
fn generated_values_stand_in_brackets() {
    let capture = convert(&fixture("rack_reqresp.tcplog"));
    let text = TSHARK.text(&["-V", "-c", "12"], &capture);
    for line in ["        [Bytes in flight: 300 bytes]", "    [Time since the previous event"] {
        assert!(text.contains(line), "{line} in {text}");
    }
}

#[test]
fn lost_records_are_counted() {
    let mut capture = Capture::default();
    capture.bblog_section(RecordContext::new(Stack::Rack, Kernel::Main));
    for serial in [1_u8, 2, 7] {
        let mut record = vec![0; bblog_dissector::bblog::TCPINFO_LEN];
        (record[20], record[24], record[25]) = (serial, 2, 2);
        capture.record(&record);
    }
    assert_eq!(
        fields(&TSHARK, &["-Y", "bblog.gap"], &["bblog.serial_nr", "bblog.gap"], &capture.0),
        [["7", "4"]]
    );
}

#[test]
fn the_kernel_is_taken_from_the_section_or_the_preference() {
    // Id 30 got another meaning after 14.
    let events = |kernel, options: &[&str]| {
        let mut capture = Capture::default();
        capture.bblog_section(RecordContext::new(Stack::Rack, kernel));
        let mut record = vec![0; bblog_dissector::bblog::TCPINFO_LEN];
        (record[24], record[25]) = (2, 30);
        capture.record(&record);
        fields(&TSHARK, options, &["bblog.event"], &capture.0)[0][0].clone()
    };
    let name = |kernel| bblog_dissector::tables::event(30).unwrap().name_on(kernel);
    assert_ne!(name(Kernel::Main), name(Kernel::Freebsd13));
    for kernel in [Kernel::Main, Kernel::Freebsd14, Kernel::Freebsd13] {
        assert_eq!(events(kernel, &[]), name(kernel));
    }
    assert_eq!(events(Kernel::Freebsd13, &["-o", "bblog-record.kernel:main"]), name(Kernel::Main));
    assert_eq!(events(Kernel::Main, &["-o", "bblog-record.kernel:13"]), name(Kernel::Freebsd13));
}

/// `convert --kernel` writes the kernel into its output, whatever the input is: tshark shows what `bblog csv --kernel`
/// does, without a preference.
#[test]
fn a_kernel_given_to_convert_needs_no_preference() {
    let entries = std::fs::read(fixture("rack_tailloss_rto.tcplog")).unwrap();
    let mut gzip = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::fast());
    gzip.write_all(&entries).unwrap();
    let inputs = [
        ("entries.tcplog", entries.clone()),
        ("entries.tcplog.gz", gzip.finish().unwrap()),
        ("records.bin", entries[HEADER_LEN..].to_vec()),
        ("inferred.pcapng", convert(&fixture("rack_tailloss_rto.tcplog"))),
    ];
    let names = ["bblog.event", "bblog.srtt_us", "bblog.timerstar.srtt", "bblog.bbrrtt.act_rcv_time"];
    for (name, bytes) in inputs {
        let input = TSHARK.home().join(name);
        std::fs::write(&input, bytes).unwrap();
        let input = input.to_str().unwrap();
        let shown = ["13", "14.2-RELEASE", "15"].map(|kernel| {
            let run = |arguments: &[&str]| {
                let ran = bblog(&[arguments, &["--kernel", kernel, input]].concat());
                assert!(ran.status.success(), "{name}: {}", String::from_utf8_lossy(&ran.stderr));
                ran.stdout
            };
            let columns = format!("event,{}", names[1..].join(","));
            let csv = String::from_utf8(run(&["csv", "--fields", &columns])).unwrap();
            let expected: Vec<Vec<String>> =
                csv.lines().skip(1).map(|line| line.split(',').map(str::to_owned).collect()).collect();
            let got = fields(&TSHARK, &[], &names, &run(&["convert", "-o", "-"]));
            assert_eq!(got.len(), expected.len(), "{name}, {kernel}");
            for (number, (got, expected)) in got.iter().zip(&expected).enumerate() {
                assert_eq!(got, expected, "{name}, {kernel}, frame {}", number + 1);
            }
            got
        });
        // 13 writes other members and other units than the later ones.
        assert!(shown[0] != shown[1] && shown[1] == shown[2], "{name}");
    }
}

/// A provider that is not built in.
const SCHEMA: &str = "PROVIDER site
KEYWORD ALL 1
STRUCT PAYLOAD
	apples:uint32_t
	pears:uint16_t:hex
EVENT HARVEST 7 INFO ALL PAYLOAD
	\"%1 apples\"
";

#[test]
fn schemas_of_ones_own_are_read_at_start() {
    let mut tshark = Tshark::with_plugin();
    let (by_variable, broken, by_preference) =
        (tshark.home().join("site.src"), tshark.home().join("broken.src"), tshark.home().join("farm.src"));
    std::fs::write(&by_variable, SCHEMA).unwrap();
    std::fs::write(&by_preference, SCHEMA.replace("PROVIDER site", "PROVIDER farm")).unwrap();
    std::fs::write(&broken, "PROVIDER x\nSTRUCT s\n\tn:nonsense\n").unwrap();
    let provider = |name| bblog_dissector::catalog::ProviderSpec { name, layout: None, events: &[] };
    let mut event = vec![0; 40];
    (event[0], event[4], event[24]) = (40, 1, 7);
    event[32..38].copy_from_slice(&[3, 0, 0, 0, 0xff, 0]);
    let mut capture = Capture::default();
    for name in ["site", "farm"] {
        capture.eventlog_section(&provider(name));
        capture.event(&event);
    }

    let listing = tshark.text(&["-G", "folders"], b"");
    let folder = listing
        .lines()
        .find_map(|line| line.strip_prefix("Personal configuration:"))
        .expect("a folder")
        .trim();
    std::fs::create_dir_all(folder).unwrap();
    let saved = format!("eventlog-record.schemas: {}\n", by_preference.display());
    std::fs::write(Path::new(folder).join("preferences"), saved).unwrap();
    tshark.set("BBLOG_SCHEMAS", by_variable.to_str().unwrap());
    let names =
        ["bblog.event", "eventlog.site.harvest.apples", "eventlog.farm.harvest.pears", "bblog.summary"];
    let got = fields(&tshark, &[], &names, &capture.0);
    assert_eq!(got, [["HARVEST", "3", "", "3 apples"], ["HARVEST", "", "0x00ff", "3 apples"]]);

    tshark.set("BBLOG_SCHEMAS", broken.to_str().unwrap());
    let output = tshark.run(&["-T", "fields", "-e", "bblog.event"], &capture.0);
    let said = String::from_utf8_lossy(&output.stderr);
    let fault = format!("BBLog: schema {}: line 3, column 4", broken.display());
    assert!(said.contains(&fault) && said.lines().count() == 1, "{said}");
    assert_eq!(String::from_utf8_lossy(&output.stdout).lines().collect::<Vec<_>>(), ["UNKNOWN", "HARVEST"]);
}

/// RTTs that the default stack writes to eventlog are ticks: with the same hz the plugin shows the times that bblog does.
#[test]
fn ticks_of_eventlog_are_time_by_hz() {
    let log = fixture("small-plain.elog");
    let log = log.to_str().unwrap();
    for hz in ["100", "1000"] {
        let capture = bblog(&["convert", "--hz", hz, log, "-o", "-"]).stdout;
        let names = ["eventlog.tcp.rtt.srtt", "bblog.srtt_us"];
        let found = fields(&TSHARK, &["-Y", "bblog.srtt_us > 0"], &names, &capture);
        let json = bblog(&["json", "--hz", hz, "--filter", "bblog.srtt_us > 0", log]).stdout;
        let expected: Vec<Vec<String>> = String::from_utf8(json)
            .unwrap()
            .lines()
            .map(|line| serde_json::from_str::<serde_json::Value>(line).unwrap())
            .map(|line| {
                [&line["values"]["srtt"], &line["eventlog"]["srtt_us"]].map(ToString::to_string).to_vec()
            })
            .collect();
        assert_eq!(found, expected);
        // The default stack's are in ticks, RACK's are not.
        let scaled = if hz == "100" { "10000" } else { "1000" };
        assert!(found.contains(&vec!["1000".to_owned(), scaled.to_owned()]), "{found:?}");
        assert!(found.contains(&vec!["1096".to_owned(), "1096".to_owned()]), "{found:?}");
        let details = TSHARK.text(&["-V", "-Y", "eventlog.tcp.rtt.srtt == 1000"], &capture);
        assert!(details.contains(&format!("Decoded with: hz {hz}]")), "{details}");
        let details = TSHARK.text(&["-V", "-Y", "eventlog.tcp.rtt.srtt == 1096"], &capture);
        assert!(!details.contains("Decoded with"), "{details}");
    }
}

/// Events of one session id that stand for several connections, and a connection whose stack changes: the plugin concludes
/// what bblog does.
#[test]
fn sessions_are_the_connections_that_bblog_follows() {
    let names = ["bblog.limit", "bblog.timer_fired", "bblog.retransmission", "bblog.category"];
    let genuine = ["genuine_d_stack_switch_same_id", "genuine_d_2cpu_loss_sendfile", "genuine_d_dump_state"];
    let genuine = genuine.iter().filter_map(|name| stream(&format!("elog/{name}.elog")));
    for log in [fixture("same_session_ids.elog"), fixture("small-plain.elog")].into_iter().chain(genuine) {
        let selected = ["csv", "--fields", &names.join(","), log.to_str().unwrap()];
        let printed = String::from_utf8(bblog(&selected).stdout).unwrap();
        // None of these words has a comma.
        let expected: Vec<Vec<&str>> =
            printed.lines().skip(1).map(|line| line.split(',').collect()).collect();
        let got = fields(&TSHARK, &["-E", "occurrence=a"], &names, &convert(&log));
        assert_eq!(got.len(), expected.len(), "{}", log.display());
        for (number, (got, expected)) in got.iter().zip(&expected).enumerate() {
            assert_eq!(got, expected, "{}, frame {}", log.display(), number + 1);
        }
    }
}
