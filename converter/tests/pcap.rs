// SPDX-License-Identifier: BSD-2-Clause
//! `convert --format pcap`: what programs that use libpcap read. The packets are those of the pcapng file.

mod support;

use support::{Folder, bytes, fixture, run, tshark};

const FIELDS: [&str; 10] =
    ["-T", "fields", "-e", "frame.time_epoch", "-e", "ip.src", "-e", "tcp.seq_raw", "-e", "tcp.len"];

#[test]
fn the_packets_are_those_of_pcapng() {
    let folder = Folder::new();
    for name in ["rack_reqresp.tcplog", "default_v4mapped.tcplog", "small-plain.elog"] {
        let input = fixture(name);
        let [pcapng, pcap] = ["out.pcapng", "out.pcap"].map(|name| folder.path(name));
        support::convert(&input, &pcapng);
        let args = ["convert", "--overwrite", "--format", "pcap", input.to_str().unwrap(), "-o"];
        let ran = run(&[&args[..], &[pcap.to_str().unwrap()]].concat(), b"");
        assert_eq!((ran.code, ran.stderr.as_str()), (0, ""), "{name}");
        // Upper PDUs have addresses but no packet.
        let packets = |file: &_| tshark(file, &[&["-Y", "tcp && !exported_pdu"][..], &FIELDS].concat());
        let found = packets(&pcap);
        assert!(found.len() > 10, "{name}");
        assert_eq!(found, packets(&pcapng), "{name}");
        assert_eq!(tshark(&pcap, &[]).len(), found.len(), "{name}: nothing but packets");
        std::fs::remove_file(pcapng).unwrap();
    }
}

/// What libpcap's own program makes of the file: each packet with its time, in either precision.
#[test]
fn tcpdump_reads_it() {
    let folder = Folder::new();
    for name in ["rack_reqresp.tcplog", "default_v4mapped.tcplog", "small-plain.elog"] {
        let (input, pcap) = (fixture(name), folder.path(&format!("{name}.pcap")));
        let args = ["convert", "--format", "pcap", input.to_str().unwrap(), "-o", pcap.to_str().unwrap()];
        assert_eq!(run(&args, b"").code, 0);
        let lines = |precision: &str| {
            let mut tcpdump = std::process::Command::new("tcpdump");
            tcpdump.args(["-n", "-tt", "--time-stamp-precision", precision, "-r"]).arg(&pcap);
            let ran = tcpdump.output().expect("tcpdump is needed (Debian: apt-get install tcpdump)");
            let complaints = String::from_utf8_lossy(&ran.stderr).into_owned();
            assert!(ran.status.success() && complaints.starts_with("reading from file"), "{complaints}");
            assert_eq!(complaints.lines().count(), 1, "{complaints}");
            let lines = String::from_utf8(ran.stdout).unwrap();
            lines.lines().map(str::to_owned).collect::<Vec<_>>()
        };
        let times = tshark(&pcap, &["-T", "fields", "-e", "frame.time_epoch"]);
        for (precision, digits) in [("micro", 6), ("nano", 9)] {
            let found = lines(precision);
            assert_eq!(found.len(), times.len(), "{name}");
            for (line, time) in found.iter().zip(&times) {
                let (seconds, fraction) = time.split_once('.').unwrap();
                assert!(line.starts_with(&format!("{seconds}.{:.digits$} IP", fraction)), "{line}: {time}");
                assert!(line.contains("Flags ["), "{line}");
            }
        }
    }
}

#[test]
fn of_pcapng_the_packets_are_taken_too() {
    let folder = Folder::new();
    let pcapng = folder.write("in.pcapng", &support::convert_bytes(&[&bytes("small-plain.elog")]).0);
    let args = ["convert", "--format", "pcap", "-o", "-"];
    let of_pcapng = run(&[&args[..], &[pcapng.to_str().unwrap()]].concat(), b"");
    let of_elog = run(&[&args[..], &[fixture("small-plain.elog").to_str().unwrap()]].concat(), b"");
    assert_eq!((of_pcapng.code, of_elog.code), (0, 0), "{}", of_pcapng.stderr);
    assert_eq!(of_pcapng.stdout, of_elog.stdout);
    assert_eq!(of_elog.stdout[..4], 0xa1b2_c3d4_u32.to_le_bytes());
    assert_eq!(of_elog.stdout[20..24], [101, 0, 0, 0]);
}

/// A log of the default stack whose sends failed: the packets are those that left, as `info` counts them, and none of
/// them was sent again.
#[test]
fn packets_that_were_not_sent_are_left_out() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let path = root.join("../../shared/streams/bblog/default_enobufs.tcplog");
    if !path.exists() {
        eprintln!("{}: not here, left out", path.display());
        return;
    }
    let folder = Folder::new();
    let other = fixture("rack_reqresp.tcplog");
    for (name, others) in [("one.pcap", &[][..]), ("two.pcap", &[other.to_str().unwrap()])] {
        let pcap = folder.path(name);
        let args = ["convert", "--format", "pcap", "-o", pcap.to_str().unwrap(), path.to_str().unwrap()];
        let ran = run(&[&args[..], others].concat(), b"");
        let said = format!("bblog: {}: 5 packets left out: not sent\n", path.display());
        assert_eq!((ran.code, ran.stderr), (0, said));
        let count = |filter: &str| {
            tshark(&pcap, &["-Y", &format!("tcp.dstport == 9330 && ip.src == 10.99.0.2{filter}")]).len()
        };
        assert_eq!((count(""), count(" && tcp.analysis.retransmission")), (212, 0), "{name}");
    }
}

/// The record that says that a send failed has no TCP header: a selection that leaves it out leaves the packet out all
/// the same.
#[test]
fn a_failed_send_is_found_before_the_selection() {
    let log = fixture("damaged/enobufs.tcplog");
    let args = ["convert", "--format", "pcap", "-o", "-", log.to_str().unwrap()];
    let whole = run(&args, b"");
    let failed = run(&["csv", "--fields", "number,bblog.event,tcp.len", log.to_str().unwrap()], b"");
    let rows = String::from_utf8(failed.stdout).unwrap();
    let rows: Vec<Vec<&str>> = rows.lines().skip(1).map(|row| row.split(',').collect()).collect();
    let second = rows.iter().position(|row| row[1] == "OUT" && row[2].is_empty()).unwrap();
    for options in [&["--filter", "tcp"][..], &["--limit", &second.to_string()]] {
        let selected = run(&[&args[..], options].concat(), b"");
        assert!(
            selected.stderr.ends_with("1 packet left out: not sent\n"),
            "{options:?}: {}",
            selected.stderr
        );
        if options[0] == "--filter" {
            assert_eq!(selected.stdout, whole.stdout);
        } else {
            assert!(whole.stdout.starts_with(&selected.stdout) && selected.stdout.len() > 24);
        }
    }
}
