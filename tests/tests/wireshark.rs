// SPDX-License-Identifier: BSD-2-Clause
//! What a user of Wireshark sees: the real tshark with the plugin.

use std::path::Path;
use std::sync::LazyLock;

use bblog_dissector::bblog;
use bblog_tests::fixtures::{STACKS, fixture, stream};
use bblog_tests::programs::{bblog, convert};
use bblog_tests::tshark::Tshark;
use insta::assert_snapshot;

static TSHARK: LazyLock<Tshark> = LazyLock::new(Tshark::with_plugin);
static RACK: LazyLock<Vec<u8>> = LazyLock::new(|| convert(&fixture("rack_reqresp.tcplog")));
static EVENTLOG: LazyLock<Vec<u8>> = LazyLock::new(|| convert(&fixture("small-plain.elog")));

/// Records of a fixture with this event id.
fn records_with(name: &str, id: u8) -> usize {
    let bytes = std::fs::read(fixture(name)).unwrap();
    let bodies = bblog::entries(&bytes).map(|entry| entry.unwrap().1);
    bodies.flat_map(bblog::records).filter(|record| record.unwrap().event_id() == id).count()
}

fn lines(arguments: &[&str], capture: &[u8]) -> usize {
    TSHARK.text(arguments, capture).lines().count()
}

#[test]
fn a_listing_tells_what_happened() {
    assert_snapshot!("listing_bblog", TSHARK.text(&["-t", "r", "-c", "40"], &RACK));
    assert_snapshot!("listing_eventlog", TSHARK.text(&["-t", "r", "-c", "60"], &EVENTLOG));
}

/// What `bblog show` says of each event of a log.
fn shown(log: &Path) -> Vec<String> {
    let log = log.to_str().unwrap();
    let output = bblog(&["csv", "--fields", "summary", "--stack", STACKS, log]);
    assert!(output.status.success(), "{log}: {}", String::from_utf8_lossy(&output.stderr));
    let text = String::from_utf8(output.stdout).unwrap();
    let plain = |row: &str| match row.strip_prefix('"').and_then(|row| row.strip_suffix('"')) {
        Some(quoted) => quoted.replace("\"\"", "\""),
        None => row.to_owned(),
    };
    text.lines().skip(1).map(plain).collect()
}

/// A line of the Info column without what the analysis of TCP puts in front: `[TCP Retransmission] `.
fn without_analysis(mut info: &str) -> &str {
    while let Some((_, rest)) = info.strip_prefix("[TCP ").and_then(|info| info.split_once("] ")) {
        info = rest;
    }
    info
}

#[test]
fn the_info_column_says_what_show_says() {
    let fixtures =
        ["rack_tailloss_rto.tcplog", "default_v4mapped.tcplog", "each_event.tcplog", "small-short.elog"];
    let genuine = [
        "bblog/default_nosack_lossy.tcplog",
        "bblog/default_enobufs.tcplog",
        "bblog/bbr_tailloss_rto.tcplog",
        "bblog/mixed_stack_switch.tcplog",
        "elog/genuine_d_2cpu_loss_sendfile.elog",
        "elog/genuine_layout_E.elog",
    ];
    let logs = fixtures.map(fixture).into_iter().chain(genuine.into_iter().filter_map(stream));
    for log in logs {
        let capture = convert(&log);
        for passes in [&[][..], &["-2"]] {
            let path = TSHARK.home().join("info.pcapng");
            std::fs::write(&path, &capture).unwrap();
            let arguments = ["-r", path.to_str().unwrap(), "-T", "fields", "-e", "_ws.col.Info"];
            let text = TSHARK.text(&[passes, &arguments].concat(), b"");
            let shown = shown(&log);
            assert_eq!(text.lines().count(), shown.len(), "{}", log.display());
            for (number, (info, shown)) in text.lines().zip(&shown).enumerate() {
                let number = number + 1;
                // From 4.4 on the column is a field, in whose value tshark doubles backslashes.
                let info = if info.replace("\\\\", "\\") == *shown {
                    shown.as_str()
                } else {
                    without_analysis(info)
                };
                assert_eq!(info, shown, "{} {passes:?}, frame {number}", log.display());
            }
        }
    }
}

#[test]
fn events_are_found_by_name() {
    for (name, id) in [("IN", 1), ("OUT", 2), ("TIMERSTAR", 13), ("HPTSI_CALC", 43), ("CONNEND", 54)] {
        let expected = records_with("rack_reqresp.tcplog", id);
        assert!(expected > 0, "{name}");
        assert_eq!(lines(&["-Y", &format!("bblog.event=={name}")], &RACK), expected, "{name}");
        assert_eq!(lines(&["-Y", &format!("bblog.event == \"{name}\"")], &RACK), expected, "{name}");
    }
    let both = records_with("rack_reqresp.tcplog", 1) + records_with("rack_reqresp.tcplog", 2);
    assert_eq!(lines(&["-Y", "bblog.event in {IN,OUT}"], &RACK), both);
    assert_eq!(lines(&["-Y", "bblog.event in {IN,OUT} && tcp"], &RACK), both);
}

#[test]
fn one_filter_finds_a_value_in_records_and_packets() {
    let all = lines(&[], &RACK);
    assert_eq!(lines(&["-Y", "bblog.snd_cwnd"], &RACK), all);
    let packets = lines(&["-Y", "tcp && bblog.snd_cwnd == 14480"], &RACK);
    let records = lines(&["-Y", "!tcp && bblog.snd_cwnd == 14480"], &RACK);
    assert!(packets > 0 && records > 0, "{packets} {records}");
}

#[test]
fn fields_for_scripts() {
    let fields =
        ["-T", "fields", "-e", "bblog.event", "-e", "ip.src", "-e", "tcp.seq_raw", "-e", "bblog.snd_cwnd"];
    assert_snapshot!("fields_bblog", TSHARK.text(&[&fields[..], &["-c", "30"]].concat(), &RACK));
    let fields = ["-T", "fields", "-e", "bblog.event", "-e", "tcp.seq_raw", "-e", "eventlog.tcp.out.cwnd"];
    let filter = ["-Y", "bblog.event in {IN,OUT}"];
    assert_snapshot!("fields_eventlog", TSHARK.text(&[&filter[..], &fields[..]].concat(), &EVENTLOG));
}

/// The part of a `-V` text that is ours or the built-in's: without the frame's own lines, in which
/// versions differ.
fn decoded(text: &str) -> String {
    let mut ours = false;
    let mut out = String::new();
    for line in text.lines() {
        if !line.starts_with(' ') {
            ours = line.starts_with("BBLog")
                || line.starts_with("FreeBSD eventlog")
                || line.starts_with("EVENTLOG");
        }
        if ours {
            out.push_str(line);
            out.push('\n');
        }
    }
    out
}

#[test]
fn details_of_a_few_frames() {
    for frame in [1, 2, 11] {
        let text = TSHARK.text(&["-V", "-Y", &format!("frame.number == {frame}")], &RACK);
        assert_snapshot!(format!("details_bblog_{frame}"), decoded(&text));
    }
    for frame in [1, 5, 20] {
        let text = TSHARK.text(&["-V", "-Y", &format!("frame.number == {frame}")], &EVENTLOG);
        assert_snapshot!(format!("details_eventlog_{frame}"), decoded(&text));
    }
}

#[test]
fn json_has_every_value_under_its_filter_name() {
    let frames = TSHARK.json(&["-Y", "bblog.event == TIMERSTAR", "-c", "3"], &RACK);
    let layers = &frames[0]["_source"]["layers"];
    let text = serde_json::to_string_pretty(layers).unwrap();
    for field in
        ["bblog.event", "bblog.timerstar.timeout", "bblog.timerstar.hpts_flags", "bblog.timerstar.which"]
    {
        assert!(text.contains(&format!("\"{field}\"")), "{field} in {text}");
    }
}

#[test]
fn stock_statistics_work_and_do_not_change() {
    let stock = Tshark::stock();
    for tap in ["conv,tcp", "io,phs", "endpoints,ip"] {
        let with_plugin = TSHARK.text(&["-q", "-z", tap], &RACK);
        assert!(with_plugin.contains("10.99.0.1") || tap == "io,phs", "{with_plugin}");
        if tap == "conv,tcp" {
            assert_eq!(with_plugin, stock.text(&["-q", "-z", tap], &RACK));
        }
    }
}

#[test]
fn verbose_parts_are_shown() {
    let capture = convert(&fixture("rack_verbose_40.tcplog"));
    let functions = TSHARK.text(&["-T", "fields", "-e", "bblog.function", "-Y", "bblog.function"], &capture);
    assert!(!functions.is_empty());
    assert!(
        functions.lines().all(|name| name.starts_with("rack_") || name.starts_with("tcp_")),
        "{functions}"
    );
}

#[test]
fn every_eventlog_layout_opens() {
    for layout in ["a", "b", "c", "d2", "e"] {
        let capture = convert(&fixture(&format!("variant_{layout}.elog")));
        let segments = lines(&["-Y", "bblog.event in {IN,OUT} && tcp"], &capture);
        assert!(segments > 0, "{layout}");
        assert_eq!(lines(&["-Y", "_ws.malformed"], &capture), 0, "{layout}");
    }
}
