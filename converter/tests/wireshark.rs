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

#[test]
fn an_empty_capture_opens() {
    let folder = Folder::new();
    let (input, out) = (folder.write("in", b""), folder.path("out.pcapng"));
    convert(&input, &out);
    assert_eq!(tshark(&out, &[]), [""; 0]);
}
