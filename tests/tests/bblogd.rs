// SPDX-License-Identifier: BSD-2-Clause
//! bblogd's one stream into tshark, with the plugin and without.

use std::fs::File;
use std::process::{Command, Output};

use bblog_tests::fixtures::{self, STACKS};
use bblog_tests::programs;
use bblog_tests::tshark::Tshark;

/// `bblogd -f - -o -`.
fn bblogd(log: &std::path::Path) -> Output {
    let mut command = Command::new(programs::program("bblogd"));
    command.args(["-f", "-", "-o", "-", "--stack", STACKS]).stdin(File::open(log).expect("a log"));
    command.output().expect("bblogd runs")
}

#[test]
fn a_pipe_into_tshark() {
    let fixture = || fixtures::fixture("rack_reqresp.tcplog");
    let log = fixtures::stream("bblog/mixed_multi_sameid_dumpid.tcplog").unwrap_or_else(fixture);
    let output = bblogd(&log);
    assert!(
        output.status.success() && output.stderr.is_empty(),
        "{}",
        String::from_utf8_lossy(&output.stderr)
    );
    let stock = Tshark::stock().text(&["-T", "fields", "-e", "frame.number"], &output.stdout);
    let tshark = Tshark::with_plugin();
    let names = tshark.text(&["-T", "fields", "-e", "bblog.event"], &output.stdout);
    assert_eq!(stock.lines().count(), names.lines().count());
    let named_out = names.lines().filter(|name| *name == "OUT").count();
    let sent = tshark.text(&["-Y", "bblog.event==OUT"], &output.stdout);
    assert_eq!(sent.lines().count(), named_out);
    assert!(named_out > 10, "{named_out}");
    // The converter makes the same frames of the same log, but for when it was dumped.
    let kernel = ["-V", "-o", "bblog-record.kernel:13"];
    let converted = tshark.text(&kernel, &programs::convert(&log));
    let captured = tshark.text(&kernel, &output.stdout);
    let frames = |text: &str| text.lines().filter(|line| line.starts_with("Frame ")).count();
    assert_eq!(frames(&captured), frames(&converted));
    // The converter also infers the tick rate, which bblogd takes from the kernel alone.
    let in_ticks =
        |line: &&str| ["ticks", "[Smoothed RTT", "[Decoded as: "].iter().any(|part| line.contains(part));
    let captured = captured.lines().filter(|line| !in_ticks(line));
    let pairs = captured.zip(converted.lines().filter(|line| !in_ticks(line)));
    let wrong: Vec<_> = pairs.filter(|(a, b)| a != b && !a.to_lowercase().contains("dump")).take(5).collect();
    assert!(wrong.is_empty(), "{wrong:#?}");
}
