// SPDX-License-Identifier: BSD-2-Clause
//! The output as stock tshark reads it: the judge that is not ours.

mod support;

use support::{Folder, convert, fixture, tshark};

/// Fields of the packets of a converted fixture, one line each.
fn fields(name: &str, filter: &str, fields: &[&str]) -> Vec<String> {
    let folder = Folder::new();
    let out = folder.path("out.pcapng");
    convert(&fixture(name), &out);
    let mut args = vec!["-o", "ip.check_checksum:TRUE", "-o", "tcp.check_checksum:TRUE", "-T", "fields"];
    args.extend(["-E", "separator=,"]);
    if !filter.is_empty() {
        args.extend(["-Y", filter]);
    }
    fields.iter().for_each(|field| args.extend(["-e", field]));
    tshark(&out, &args)
}

#[test]
fn every_record_is_there_and_checksums_are_right() {
    // Records, and of these IN, by an independent count.
    let streams = [
        ("default_refused.tcplog", 3, 1),
        ("default_v4mapped.tcplog", 73, 32),
        ("rack_reqresp.tcplog", 130, 9),
        ("rack_verbose-cut.tcplog", 60, 4),
        ("default_ipv6_linklocal-cut.tcplog", 40, 9),
    ];
    for (name, records, received) in streams {
        let lines = fields(
            name,
            "",
            &["frame.packet_flags_direction", "ip.checksum.status", "tcp.len", "tcp.checksum.status"],
        );
        assert_eq!(lines.len(), records, "{name}");
        let inbound = lines.iter().filter(|line| line.starts_with("0x00000001,")).count();
        assert_eq!(inbound, received, "{name}");
        for line in lines {
            let column: Vec<_> = line.split(',').collect();
            assert!(column[1] != "0", "{name}: IP checksum of {line}");
            assert!(column[2] != "0" || column[3] == "1", "{name}: TCP checksum of {line}");
        }
    }
}

#[test]
fn bblog_events_have_times() {
    let lines = fields("default_refused.tcplog", "", &["frame.time_epoch", "frame.protocols"]);
    let times: Vec<_> = lines.iter().map(|line| line.split(',').next().unwrap()).collect();
    assert!(times.is_sorted() && times[0].starts_with("179"), "{times:?}");
    assert!(lines[0].ends_with("null:ip:tcp") && lines[2].contains("bblog"), "{lines:?}");
}

#[test]
fn eventlog_packets_and_addresses() {
    let lines = fields(
        "small-plain.elog",
        "ip && tcp.flags.syn == 1 && tcp.flags.ack == 0",
        &["ip.src", "tcp.dstport", "tcp.hdr_len", "tcp.options", "frame.packet_flags_direction"],
    );
    assert_eq!(
        lines,
        [
            "192.0.2.112,80,40,0101010101010101010101010101010101010101,0x00000002",
            "192.0.2.58,80,40,0101010101010101010101010101010101010101,0x00000002"
        ]
    );
    // All events of a connection have its addresses, also those before it had any.
    let lines = fields("small-plain.elog", "ip.addr == 192.0.2.112", &["frame.number"]);
    assert_eq!(lines.len(), 35);
    assert_eq!(lines[0], "1");
}

#[test]
fn eventlog_layouts() {
    for name in ["variant-A-cut.elog", "variant-D2-cut.elog", "variant-E-cut.elog"] {
        let lines = fields(name, "tcp", &["tcp.hdr_len"]);
        assert_eq!(lines.len(), 98, "{name}");
    }
    // Real options, where they were logged.
    let lines = fields("variant-E-cut.elog", "tcp.options.timestamp.tsval", &["tcp.options.timestamp.tsval"]);
    assert!(lines.len() > 10);
}

#[test]
fn merged_files_open() {
    let folder = Folder::new();
    let out = folder.path("out.pcapng");
    let inputs = ["rack_reqresp.tcplog", "small-plain.elog", "default_v4mapped.tcplog"];
    let status =
        support::bblog().args(["convert", "-o"]).arg(&out).args(inputs.map(fixture)).status().unwrap();
    assert!(status.success());
    assert_eq!(tshark(&out, &[]).len(), 130 + 296 + 73);
}

/// mergecap, which we did not write, brings the same frames into the same order; and `bblog show` and
/// `json` of the logs list their events in that of the merged file.
#[test]
fn merged_files_are_in_the_order_of_mergecap_and_of_the_listings() {
    let folder = Folder::new();
    // One capture dealt out to three, of which the frames alternate. (Records of BBLog without a packet
    // have no time for mergecap.)
    let capture = support::bytes("small-plain.elog");
    let table = 4 + 34 * u32::from_le_bytes(capture[40..44].try_into().unwrap()) as usize;
    let mut head = capture[..40 + table].to_vec();
    // The number of events is not in it.
    head[24..40].fill(0);
    let mut parts = vec![head; 3];
    let (mut rest, mut turn) = (&capture[40 + table..], 0);
    while rest.len() >= 32 {
        let (event, after) = rest.split_at(usize::from(u16::from_le_bytes([rest[0], rest[1]])));
        parts[turn * turn % 7 % 3].extend_from_slice(event);
        (rest, turn) = (after, turn + 1);
    }
    let logs: Vec<_> =
        ["a", "b", "c"].iter().zip(&parts).map(|(name, part)| folder.write(name, part)).collect();
    let bblog = |args: &[&str], inputs: &[std::path::PathBuf]| {
        let output = support::bblog().args(args).args(["--hz", "1000"]).args(inputs).output().unwrap();
        assert!(output.status.success() && output.stderr.is_empty(), "{args:?}: {output:?}");
        String::from_utf8(output.stdout).unwrap().lines().map(str::to_owned).collect::<Vec<_>>()
    };
    let alone: Vec<_> = (0..logs.len()).map(|number| folder.path(&format!("{number}.pcapng"))).collect();
    for (log, out) in logs.iter().zip(&alone) {
        convert(log, out);
    }
    let (ours, theirs) = (folder.path("ours.pcapng"), folder.path("theirs.pcapng"));
    bblog(&["convert", "-o", ours.to_str().unwrap()], &logs);
    let merged = std::process::Command::new("mergecap").arg("-w").arg(&theirs).args(&alone).status().unwrap();
    assert!(merged.success());
    // Frames of one time may come in any order.
    let frames = |file: &std::path::Path| {
        let args = ["-T", "fields", "-e", "frame.time_epoch", "-e", "frame.len", "-e", "tcp.seq_raw"];
        let mut frames = tshark(file, &args);
        let times: Vec<String> = tshark(file, &["-T", "fields", "-e", "frame.time_epoch"]);
        frames.sort();
        (times, frames)
    };
    let (ours_in_order, theirs_in_order) = (frames(&ours), frames(&theirs));
    assert_eq!(ours_in_order.0.len(), 296);
    for (ours, theirs) in ours_in_order.0.iter().zip(&theirs_in_order.0) {
        assert_eq!(ours, theirs);
    }
    assert_eq!(ours_in_order.1, theirs_in_order.1);
    // The listings of the logs, and those of both merged files.
    let number = |line: &String| {
        let line: serde_json::Value = serde_json::from_str(line).unwrap();
        format!(
            "{}.{:06}000",
            line["time_us"].as_i64().unwrap() / 1_000_000,
            line["time_us"].as_i64().unwrap() % 1_000_000
        )
    };
    for inputs in [logs.clone(), vec![ours.clone()], vec![theirs]] {
        let lines = bblog(&["json"], &inputs);
        assert_eq!(lines.iter().map(number).collect::<Vec<_>>(), ours_in_order.0, "{inputs:?}");
    }
    // Ours also keeps the order of events of one time.
    let shown = |inputs: &[std::path::PathBuf]| bblog(&["csv", "--fields", "time,event"], inputs);
    assert_eq!(shown(&logs), shown(&[ours]));
}

#[test]
fn an_empty_capture_opens() {
    let folder = Folder::new();
    let (input, out) = (folder.write("in", b""), folder.path("out.pcapng"));
    convert(&input, &out);
    assert_eq!(tshark(&out, &[]), [""; 0]);
}
