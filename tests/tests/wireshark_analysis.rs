// SPDX-License-Identifier: BSD-2-Clause
//! What the plugin adds beside the values: connections, frames that belong together, expert
//! informations, statistics; and where in the bytes the values lie.

use std::collections::HashMap;
use std::sync::LazyLock;

use bblog_dissector::bblog::{self, Record};
use bblog_dissector::catalog::Catalog;
use bblog_dissector::elog::EVENT_HEADER_LEN;
use bblog_dissector::event::{Event, RecordContext};
use bblog_dissector::spec::{Kernel, Stack};
use bblog_dissector::tables;
use bblog_pcapng::bblog_entry::EntryEncoder;
use bblog_pcapng::machine::Machine;
use bblog_tests::fixtures::fixture;
use bblog_tests::programs::convert;
use bblog_tests::rows::Capture;
use bblog_tests::tshark::Tshark;

static TSHARK: LazyLock<Tshark> = LazyLock::new(Tshark::with_plugin);
static RACK: LazyLock<Vec<u8>> = LazyLock::new(|| convert(&fixture("rack_reqresp.tcplog")));
static TAILLOSS: LazyLock<Vec<u8>> = LazyLock::new(|| convert(&fixture("rack_tailloss_rto.tcplog")));
static EVENTLOG: LazyLock<Vec<u8>> = LazyLock::new(|| convert(&fixture("small-plain.elog")));

/// The values of these filter names, a line for each frame, in two passes.
fn fields(options: &[&str], names: &[&str], capture: &[u8]) -> Vec<Vec<String>> {
    let names: Vec<&str> = names.iter().flat_map(|name| ["-e", name]).collect();
    let file = tempfile::NamedTempFile::new_in(TSHARK.home()).unwrap();
    std::fs::write(&file, capture).unwrap();
    open_to_all(file.path());
    let read = ["-2", "-r", file.path().to_str().unwrap(), "-T", "fields"];
    let text = TSHARK.text(&[&read[..], options, &names].concat(), b"");
    text.lines().map(|line| line.split('\t').map(str::to_owned).collect()).collect()
}

fn open_to_all(path: &std::path::Path) {
    use std::os::unix::fs::PermissionsExt;
    std::fs::set_permissions(path, std::fs::Permissions::from_mode(0o644)).unwrap();
}

fn record(event: u8, set: &[(usize, u32)]) -> Vec<u8> {
    let mut record = vec![0; bblog::TCPINFO_LEN];
    (record[24], record[25]) = (2, event);
    // TLB_FLAG_STACKINFO, no error known, established.
    record[26] = 0x10;
    for &(at, value) in [(28, u32::MAX), (56, 4), (92, 1000)].iter().chain(set) {
        record[at..at + 4].copy_from_slice(&value.to_le_bytes());
    }
    record
}

#[test]
fn events_and_packets_of_a_connection_have_one_number() {
    let both = |one: &[u8], other: &[u8]| [one, other].concat();
    for capture in [RACK.clone(), EVENTLOG.clone(), both(&RACK, &EVENTLOG), both(&EVENTLOG, &RACK)] {
        let rows = fields(
            &["-E", "occurrence=l"],
            &["bblog.stream", "tcp.stream", "ip.addr", "ipv6.addr", "bblog.event"],
            &capture,
        );
        let packets = rows.iter().filter(|row| !row[1].is_empty());
        assert!(packets.clone().all(|row| row[0] == row[1]), "{rows:?}");
        assert!(packets.count() > 10);
        // Every frame belongs somewhere.
        assert!(rows.iter().all(|row| !row[0].is_empty()), "{rows:?}");
    }
    // Events are found with the packets, by one filter: the whole log.
    let all = TSHARK.text(&["-Y", "bblog.stream == 0"], &RACK);
    assert_eq!(all.lines().count(), TSHARK.text(&[], &RACK).lines().count());
}

#[test]
fn numbers_of_connections_without_packets_collide_with_none() {
    let mut capture = Capture::default();
    for _ in 0..2 {
        // These sections name no connection.
        capture.bblog_section(RecordContext::new(Stack::Rack, Kernel::Main));
        capture.record(&record(13, &[]));
        capture.record(&record(14, &[]));
    }
    let capture = [&capture.0[..], &RACK].concat();
    let streams: Vec<String> =
        fields(&[], &["bblog.stream"], &capture).into_iter().map(|row| row[0].clone()).collect();
    assert_eq!(streams[..4], ["2147483648", "2147483648", "2147483649", "2147483649"]);
    assert!(streams[4..].iter().all(|stream| stream == "0"), "{streams:?}");
}

#[test]
fn events_have_source_and_destination() {
    let listing = TSHARK.text(&["-Y", "bblog.event == TIMERSTAR"], &RACK);
    assert!(listing.lines().all(|line| line.contains("10.99.0.2 → 10.99.0.1")), "{listing}");
}

/// Segments of the log, told by its own TCP headers: for each OUT the first IN that acknowledges it.
fn acknowledged(log: &str) -> Vec<(usize, usize)> {
    let bytes = std::fs::read(fixture(log)).unwrap();
    let bodies = bblog::entries(&bytes).map(|entry| entry.unwrap().1);
    let records: Vec<Record<'_>> = bodies.flat_map(bblog::records).map(Result::unwrap).collect();
    let be32 = |bytes: &[u8], at: usize| u32::from_be_bytes(bytes[at..at + 4].try_into().unwrap());
    let mut found = Vec::new();
    for (at, out) in records.iter().enumerate().filter(|(_, record)| record.event_id() == 2) {
        let Some(tcp) = out.tcp() else { continue };
        let len = u32::from_le_bytes(out.as_bytes()[264..268].try_into().unwrap())
            + u32::from(tcp[13] & 2 != 0)
            + u32::from(tcp[13] & 1);
        let end = be32(tcp, 4).wrapping_add(len);
        let acked = records[at..].iter().position(|record| {
            record.event_id() == 1
                && record
                    .tcp()
                    .is_some_and(|tcp| tcp[13] & 0x10 != 0 && be32(tcp, 8).wrapping_sub(end) < 1 << 31)
        });
        if let Some(after) = acked.filter(|_| len > 0) {
            found.push((at + 1, at + 1 + after));
        }
    }
    found
}

#[test]
fn sent_segments_lead_to_their_acknowledgement_and_back() {
    for log in ["rack_reqresp.tcplog", "default_v4mapped.tcplog", "bbr_120.tcplog"] {
        let rows = fields(&[], &["frame.number", "bblog.acked_in", "bblog.acks"], &convert(&fixture(log)));
        let linked: Vec<(usize, usize)> = rows
            .iter()
            .filter(|row| !row[1].is_empty())
            .map(|row| (row[0].parse().unwrap(), row[1].parse().unwrap()))
            .collect();
        assert_eq!(linked, acknowledged(log), "{log}");
        assert!(!linked.is_empty(), "{log}");
        for &(out, acked) in &linked {
            // Back to the last of those that it acknowledges.
            let back: usize = rows[acked - 1][2].parse().unwrap();
            assert!(back >= out && linked.contains(&(back, acked)), "{log}: {acked} to {back}");
        }
    }
}

#[test]
fn timers_lead_to_their_end_and_back() {
    let names = ["frame.number", "bblog.event", "bblog.timer_ended_in", "bblog.timer_started_in"];
    let mut pairs = 0;
    for capture in [&RACK, &EVENTLOG] {
        let rows = fields(&[], &names, capture);
        for row in rows.iter().filter(|row| !row[2].is_empty()) {
            assert!(["TIMERSTAR", "TIMER_START"].contains(&&*row[1]), "{row:?}");
            let end = &rows[row[2].parse::<usize>().unwrap() - 1];
            assert!(
                ["TIMERCANC", "BBR_LOG_RTO", "TIMER_CANCEL", "TIMER_FIRED"].contains(&&*end[1]),
                "{end:?}"
            );
            assert_eq!(end[3], row[0]);
            pairs += 1;
        }
    }
    assert!(pairs > 10, "{pairs}");
    // The default stack: two timers at once.
    let mut capture = Capture::default();
    capture.bblog_section(RecordContext::new(Stack::Freebsd, Kernel::Main));
    let timer = |which: u32, action: u32| record(3, &[(140, action << 8 | which)]);
    for (which, action) in [(0, 2), (4, 2), (4, 0), (0, 3)] {
        capture.record(&timer(which, action));
    }
    let rows = fields(&[], &names[2..], &capture.0);
    assert_eq!(rows, [["4", ""], ["3", ""], ["", "2"], ["", "1"]]);
}

#[test]
fn what_deserves_notice_is_an_expert_information() {
    let mut capture = Capture::default();
    capture.bblog_section(RecordContext::new(Stack::Rack, Kernel::Main));
    let flex8 = |event, value: u8| {
        let mut record = record(event, &[]);
        record[259] = value;
        record
    };
    let with = |event, at, value| record(event, &[(at, value)]);
    let cases = [
        (flex8(26, 1), "rto"),
        (flex8(26, 2), "tlp"),
        (flex8(26, 3), "rack_timer"),
        (flex8(26, 5), "persist"),
        (flex8(64, 2), "spurious_retransmit"),
        (with(2, 28, 55), "enobufs"),
        (with(2, 28, 65), "send_error"),
        (with(31, 28, 32), "call_error"),
        // All zeros behind byte 60 would be what lldb's script left out.
        (record(1, &[(60, 1), (92, 0)]), "zero_window"),
        (flex8(39, 1), "no_progress"),
        (with(54, 160, 0x01), "connection_end"),
        (with(54, 160, 0x02), "connection_aborted"),
        (with(13, 68, 0x0010_0000), "enter_recovery"),
        (with(13, 68, 0), "exit_recovery"),
        (with(200, 68, 0), "unknown_event"),
    ];
    for (at, (bytes, _)) in cases.iter().enumerate() {
        let mut bytes = bytes.clone();
        bytes[20..24].copy_from_slice(&(at as u32 + 1).to_le_bytes());
        capture.record(&bytes);
    }
    capture.record(&record(13, &[(20, 100)]));
    let lines = |filter: &str| TSHARK.text(&["-Y", filter], &capture.0).lines().count();
    for (at, (_, name)) in cases.iter().enumerate() {
        let filter = format!("bblog.expert.{name} && frame.number == {}", at + 1);
        assert_eq!(lines(&filter), 1, "{filter}");
    }
    assert_eq!(lines("bblog.expert.gap"), 1);
    let summary = TSHARK.text(&["-q", "-z", "expert"], &capture.0);
    for (_, name) in cases.iter().filter(|case| !case.1.starts_with("connection") && case.1 != "no_progress")
    {
        let about = tables::alert(name).unwrap().label;
        assert!(summary.contains(about), "{about} in {summary}");
    }
    // Every kind can be filtered by.
    for alert in tables::ALERTS {
        lines(&format!("bblog.expert.{}", alert.name));
    }
    assert!(lines("_ws.expert.severity >= warning && _ws.expert.message contains \"timeout\"") >= 1);
}

/// Of each frame the event's name, and severity and message of its expert information.
fn notices(capture: &[u8]) -> Vec<Vec<String>> {
    let names = ["bblog.event", "_ws.expert.severity", "_ws.expert.message"];
    fields(&["-E", "occurrence=l"], &names, capture)
}

#[test]
fn damaged_records_are_marked_and_the_others_decode() {
    let found = |capture: &[u8]| {
        let of = |name| TSHARK.text(&["-Y", &format!("bblog.expert.{name}")], capture).lines().count();
        ["skipped", "malformed", "unknown_layout"].map(of)
    };
    let mut capture = Capture::default();
    capture.bblog_section(RecordContext::new(Stack::Rack, Kernel::Main));
    let whole = record(13, &[]);
    capture.record(&whole);
    capture.record(&whole[..200]);
    capture.skipped(9);
    capture.packet(&whole[..200]);
    capture.record(&whole);
    let (error, warning, note) = ("8388608", "6291456", "4194304");
    let short = "Not all of the record is there: BBLog record cut short: 200 bytes, expected 268";
    let expected = [
        ["TIMERSTAR", "", ""],
        ["", error, short],
        ["", warning, "Records skipped when the log was read"],
        ["", error, short],
        ["TIMERSTAR", "", ""],
    ];
    assert_eq!(notices(&capture.0), expected);
    assert_eq!(found(&capture.0), [1, 2, 0]);

    let catalog = Catalog::builtin();
    let tcp = catalog.providers().iter().find(|provider| provider.name == "tcp").unwrap();
    let sample = tcp.events.iter().find(|event| event.name == "RTT_SAMPLE").unwrap();
    let event = |len: usize| {
        let mut event = vec![0; len];
        event[..2].copy_from_slice(&(len as u16).to_le_bytes());
        event[4] = 1;
        event.get_mut(24..28).into_iter().for_each(|id| id.copy_from_slice(&sample.id.to_le_bytes()));
        event
    };
    let len = EVENT_HEADER_LEN + usize::from(sample.size);
    let mut capture = Capture::default();
    capture.eventlog_section(tcp);
    for len in [len, len - 1, len + 8, 20, len] {
        capture.event(&event(len));
    }
    let expected = [
        ["RTT_SAMPLE", "", ""],
        ["RTT_SAMPLE", error, "Not all of the record is there: payload of 3 bytes, expected 4"],
        ["RTT_SAMPLE", note, "Bytes behind the values that are known: a newer layout"],
        ["", error, "Not all of the record is there: ELOG event cut short: 20 bytes, expected 32"],
        ["RTT_SAMPLE", "", ""],
    ];
    assert_eq!(notices(&capture.0), expected);
    assert_eq!(found(&capture.0), [0, 2, 1]);
}

#[test]
fn event_logs_have_expert_informations_too() {
    let text = TSHARK.text(
        &[
            "-Y",
            "_ws.expert && eventlog-record",
            "-T",
            "fields",
            "-e",
            "bblog.event",
            "-e",
            "_ws.expert.message",
        ],
        &EVENTLOG,
    );
    assert!(text.contains("SOCKET_OPT_ERR\tSystem call failed: 22"), "{text}");
}

/// The counts of a branch of a statistics tree, by the name of the node.
fn counts(text: &str) -> HashMap<String, u64> {
    let node = |line: &str| {
        let (name, rest) = line.trim().split_once("  ")?;
        Some((name.to_owned(), rest.split_whitespace().next()?.parse().ok()?))
    };
    text.lines().filter_map(node).collect()
}

#[test]
fn statistics_count_events_timers_errors_and_connections() {
    let tree = counts(&TSHARK.text(&["-q", "-z", "bblog,tree"], &RACK));
    let listed = |filter: &str| TSHARK.text(&["-Y", filter], &RACK).lines().count() as u64;
    assert_eq!(tree["Events by stack"], listed("bblog.event"));
    assert_eq!(tree["rack"], listed("bblog.event"));
    for event in ["IN", "OUT", "TIMERSTAR", "HPTSI_CALC"] {
        assert_eq!(tree[event], listed(&format!("bblog.event == {event}")), "{event}");
    }
    // One line for each timer; an event that names none is not counted.
    assert!(
        tree["TLP"] > 0 && tree["Timers"] <= listed("bblog.event in {TIMERSTAR, TIMERCANC, BBR_LOG_RTO}")
    );
    assert!(
        tree.keys().all(|name| !name.contains("paced output") && !name.contains("not named")),
        "{tree:?}"
    );
    assert_eq!(tree["Errors"], 0);
    let connection = "stream 0, 10.99.0.1 port 9334 and 10.99.0.2 port 59855";
    assert_eq!(tree[connection], listed("bblog.event"));

    let tree = counts(&TSHARK.text(&["-q", "-z", "eventlog,tree"], &EVENTLOG));
    let listed = |filter: &str| TSHARK.text(&["-Y", filter], &EVENTLOG).lines().count() as u64;
    assert_eq!(tree["Events by provider"], listed("bblog.event"));
    assert_eq!(tree["RTT_SAMPLE"], listed("bblog.event == RTT_SAMPLE"));
    assert_eq!(tree["System call failed"], 1);
    // Nothing of the one in the other.
    assert_eq!(counts(&TSHARK.text(&["-q", "-z", "bblog,tree"], &EVENTLOG))["Events by stack"], 0);
}

#[test]
fn the_time_of_each_limit_is_counted() {
    let tree = counts(&TSHARK.text(&["-q", "-z", "bblog_limits,tree"], &TAILLOSS));
    let deltas = fields(&[], &["bblog.time_delta"], &TAILLOSS);
    let passed: i64 = deltas.iter().filter_map(|row| row[0].parse::<i64>().ok()).filter(|&us| us > 0).sum();
    let total = tree["Milliseconds by limit"];
    assert!(total.abs_diff(passed as u64 / 1000) <= 8, "{total} of {passed} us");
    assert!(tree["handshake"] > 0 && tree["congestion_window"] > 0, "{tree:?}");
}

#[test]
fn conclusions_are_fields_of_events_and_packets() {
    let rows = fields(
        &[],
        &["bblog.event", "bblog.limit", "bblog.timer_fired", "bblog.retransmission", "bblog.srtt_us"],
        &TAILLOSS,
    );
    assert!(rows.iter().all(|row| !row[1].is_empty()), "every record has a limit");
    let count = |at: usize, value: &str| rows.iter().filter(|row| row[at] == value).count();
    // The stream's description: a tail loss, two probes, repaired by RACK.
    assert_eq!(count(2, "TLP"), 2);
    assert!(count(2, "RACK") > 0 && count(2, "RTO") == 0);
    assert!(rows.iter().all(|row| row[3].is_empty() || row[0] == "OUT"));
    assert_eq!(count(3, "TLP"), 2);
    assert!(rows.iter().filter_map(|row| row[4].parse::<u32>().ok()).all(|us| us < 1_000_000));
    // The same in a single pass, in which the filter alone needs the field.
    let found = |arguments: &[&str]| TSHARK.text(arguments, &TAILLOSS).lines().count();
    assert_eq!(found(&["-Y", "bblog.timer_fired == TLP"]), 2);
    assert_eq!(found(&["-Y", "bblog.retransmission && tcp"]), found(&["-Y", "bblog.retransmission"]));
}

#[test]
fn stalls_are_expert_informations_with_links() {
    let rows =
        fields(&["-Y", "bblog.stall_started_in"], &["frame.number", "bblog.stall_started_in"], &TAILLOSS);
    let other = fields(&["-Y", "bblog.stall_ended_in"], &["bblog.stall_ended_in", "frame.number"], &TAILLOSS);
    assert!(!rows.is_empty());
    assert_eq!(rows, other);
    let expert = TSHARK.text(&["-q", "-z", "expert"], &TAILLOSS);
    assert!(expert.contains("segments of a burst were lost"), "{expert}");
}

#[test]
fn what_the_capture_does_not_say_is_inferred_and_marked() {
    let bytes = std::fs::read(fixture("rack_tailloss_rto.tcplog")).unwrap();
    let mut capture = Vec::new();
    for entry in bblog::entries(&bytes) {
        let (header, body) = entry.unwrap();
        let entry = EntryEncoder::new(header.as_bytes(), 0);
        entry.section(2, b"", &Machine::default()).append(&mut capture).unwrap();
        bblog::records(body).for_each(|record| entry.append(&mut capture, &record.unwrap()));
    }
    let details = TSHARK.text(&["-V", "-Y", "frame.number == 500"], &capture);
    assert!(
        details.contains("stack 2 is rack (inferred), kernel 13 (inferred), hz 1000 (inferred)"),
        "{details}"
    );
    let preference = ["-o", "bblog-record.stacks:2=freebsd"];
    let told = TSHARK.text(&[&["-V", "-Y", "frame.number == 500"][..], &preference].concat(), &capture);
    assert!(told.contains("stack 2 is freebsd, kernel"), "{told}");
}

#[test]
fn values_of_packets_are_averaged() {
    let values = fields(&["-Y", "tcp"], &["bblog.snd_cwnd"], &RACK);
    let sum: u64 = values.iter().map(|row| row[0].parse::<u64>().unwrap()).sum();
    let text = TSHARK.text(
        &[
            "-q",
            "-z",
            "io,stat,0,AVG(bblog.snd_cwnd)bblog.snd_cwnd && tcp,COUNT(bblog.snd_cwnd)bblog.snd_cwnd && tcp",
        ],
        &RACK,
    );
    let row = text.lines().find(|line| line.contains("<>") && !line.contains("Interval")).unwrap();
    let columns: Vec<&str> = row.split('|').map(str::trim).filter(|column| !column.is_empty()).collect();
    let average = sum / values.len() as u64;
    assert_eq!(columns[1..], [average.to_string(), values.len().to_string()], "{text}");
}

/// Wireshark's own fields hold what was logged, also where that means "not set"; ours are absent there.
#[test]
fn a_window_that_is_not_set_is_in_no_average() {
    const NOT_SET: [&str; 2] = ["1073725440", "4294967295"];
    let capture = convert(&fixture("rack_tailloss_rto.tcplog"));
    for (ours, shared) in [("bblog.cwnd", "bblog.snd_cwnd"), ("bblog.ssthresh", "bblog.snd_ssthresh")] {
        let rows = fields(&[], &[ours, shared], &capture);
        assert!(
            rows.iter().any(|row| NOT_SET.contains(&&*row[1])) && rows.iter().any(|row| !row[0].is_empty())
        );
        let is_right = |row: &Vec<String>| match &*row[1] {
            logged if NOT_SET.contains(&logged) => row[0].is_empty(),
            set => row[0] == set,
        };
        assert!(rows.iter().all(is_right), "{ours}");
        let set: Vec<u64> = rows.iter().filter_map(|row| row[0].parse().ok()).collect();
        let text =
            TSHARK.text(&["-q", "-z", &format!("io,stat,0,AVG({ours}){ours},MAX({ours}){ours}")], &capture);
        let row = text.lines().find(|line| line.contains("<>") && !line.contains("Interval")).unwrap();
        let columns: Vec<&str> = row.split('|').map(str::trim).filter(|column| !column.is_empty()).collect();
        let average = set.iter().sum::<u64>() / set.len() as u64;
        assert_eq!(columns[1..], [average.to_string(), set.iter().max().unwrap().to_string()], "{text}");
    }
}

#[test]
fn preferences_for_packets_info_and_relative_numbers() {
    let filter = ["-Y", "tcp && bblog.event == OUT"];
    let plain = TSHARK.text(&[&filter[..], &["-o", "bblog-record.info:tcp"]].concat(), &RACK);
    assert!(plain.contains("[ACK] Seq=") && !plain.contains("cwnd"), "{plain}");
    let told = TSHARK.text(&[&filter[..], &["-o", "bblog-record.info:tcp_state"]].concat(), &RACK);
    let values = fields(&filter, &["bblog.snd_cwnd", "bblog.flight"], &RACK);
    for ((line, plain), value) in told.lines().zip(plain.lines()).zip(&values) {
        assert_eq!(line, format!("{plain} cwnd={} flight={}", value[0], value[1]));
    }
    let details = TSHARK.text(&["-V", "-c", "12"], &RACK);
    let without = TSHARK.text(&["-V", "-c", "12", "-o", "bblog-record.relative:FALSE"], &RACK);
    assert!(details.contains("relative to iss"), "{details}");
    assert!(!without.contains("relative to iss") && without.contains("Bytes in flight"), "{without}");
}

/// Name, place and length of every field of a frame's PDML.
fn places(frame: &str) -> HashMap<&str, Vec<(usize, usize)>> {
    let mut places: HashMap<&str, Vec<(usize, usize)>> = HashMap::new();
    for line in frame.lines().filter(|line| line.trim_start().starts_with("<field ")) {
        let value = |name: &str| {
            let (_, rest) = line.split_once(&format!(" {name}=\""))?;
            rest.split_once('"').map(|(value, _)| value)
        };
        if let (Some(name), Some(pos), Some(size)) = (value("name"), value("pos"), value("size")) {
            places.entry(name).or_default().push((pos.parse().unwrap(), size.parse().unwrap()));
        }
    }
    places
}

#[test]
fn values_lie_where_the_tree_says() {
    let pdml = TSHARK.text(&["-T", "pdml", "-o", "bblog-record.kernel:main"], &RACK);
    let bytes = std::fs::read(fixture("rack_reqresp.tcplog")).unwrap();
    let bodies = bblog::entries(&bytes).map(|entry| entry.unwrap().1);
    let frames: Vec<&str> = pdml.split("<packet>").skip(1).collect();
    let mut checked = 0;
    for (record, frame) in bodies.flat_map(bblog::records).zip(&frames) {
        let cx = RecordContext::new(Stack::Rack, Kernel::Main);
        let record = record.unwrap();
        let event = Event::of_record(&record, cx);
        let places = places(frame);
        let packet = matches!(record.event_id(), 1 | 2);
        for field in event.fields().chain(event.common()) {
            // Of a record that is no packet Wireshark itself shows the common members, most of them.
            if !packet
                && field.spec.filter.matches('.').count() == 1
                && !places.contains_key(field.spec.filter)
            {
                continue;
            }
            let place = (field.range.start, field.range.len());
            let found = places.get(field.spec.filter);
            let is_member = event.common().any(|member| member.spec.id == field.spec.id);
            if field.is_unset() && !is_member {
                assert_eq!(found, None, "{} is not set", field.spec.filter);
                continue;
            }
            assert!(found.is_some_and(|found| found.contains(&place)), "{}: {found:?}", field.spec.filter);
            checked += 1;
        }
        assert_eq!(places["bblog.event"], [(25, 1)]);
    }
    assert!(checked > 5000, "{checked}");
    assert_eq!(frames.len(), 130);
}

#[test]
fn values_of_event_logs_lie_where_the_tree_says() {
    let pdml = TSHARK.text(&["-T", "pdml", "-Y", "bblog.event == RTT_SAMPLE"], &EVENTLOG);
    let frame = pdml.split("<packet>").nth(1).unwrap();
    let places = places(frame);
    // Behind the tags of the exported PDU; the payload begins behind the header of 32 bytes.
    let (start, _) = places["bblog.event"][0];
    assert_eq!(places["eventlog.tcp.rtt_sample.rtt"], [(start - 24 + 32, 4)]);
}
