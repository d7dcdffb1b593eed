// SPDX-License-Identifier: BSD-2-Clause
//! What a live input gave is shown when it pauses: nothing waits for a buffer to fill, or for the end.

mod support;

use std::io::{Read, Write};
use std::process::{Child, Stdio};
use std::sync::mpsc::{self, Receiver};
use std::time::{Duration, Instant};

use bblog_dissector::bblog::HEADER_LEN;
use support::{bblog, bytes, run};

/// Long enough for a busy machine; what works takes a part of it.
const PATIENCE: Duration = Duration::from_secs(60);

/// Runs bblog with an input that stays open, and what comes out of it.
fn start(args: &[&str], input: &[u8]) -> (Child, Receiver<Vec<u8>>) {
    let mut child = bblog()
        .args(args)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    child.stdin.as_mut().unwrap().write_all(input).unwrap();
    let mut out = child.stdout.take().unwrap();
    let (sender, receiver) = mpsc::channel();
    std::thread::spawn(move || {
        let mut buffer = vec![0; 64 * 1024];
        while let Ok(read @ 1..) = out.read(&mut buffer) {
            if sender.send(buffer[..read].to_vec()).is_err() {
                return;
            }
        }
    });
    (child, receiver)
}

/// The log as a compressor writes it that flushed what it had, and did not end.
fn flushed(log: &[u8], how: &str) -> Vec<u8> {
    match how {
        "gzip" => {
            let mut encoder = flate2::write::GzEncoder::new(Vec::new(), flate2::Compression::best());
            encoder.write_all(log).unwrap();
            encoder.flush().unwrap();
            encoder.get_ref().clone()
        }
        "xz" => {
            let mut encoder = liblzma::write::XzEncoder::new(Vec::new(), 6);
            encoder.write_all(log).unwrap();
            // What the first one ends with is written by the second.
            encoder.flush().unwrap();
            encoder.flush().unwrap();
            encoder.get_ref().clone()
        }
        "zstd" => {
            let mut encoder = zstd::Encoder::new(Vec::new(), 3).unwrap();
            encoder.write_all(log).unwrap();
            encoder.flush().unwrap();
            encoder.get_ref().clone()
        }
        _ => {
            let mut encoder = lz4_flex::frame::FrameEncoder::new(Vec::new());
            encoder.write_all(log).unwrap();
            encoder.flush().unwrap();
            encoder.get_ref().clone()
        }
    }
}

#[test]
fn all_is_out_when_a_compressed_input_pauses() {
    for log in ["rack_reqresp.tcplog", "small-plain.elog"].map(bytes) {
        let whole = run(&["show", "--no-pager", "-"], &log).stdout;
        for how in ["gzip", "xz", "zstd", "lz4"] {
            let (mut child, receiver) = start(&["show", "--no-pager", "-"], &flushed(&log, how));
            let (mut found, started) = (Vec::new(), Instant::now());
            while found.len() < whole.len() {
                match receiver.recv_timeout(PATIENCE.saturating_sub(started.elapsed())) {
                    Ok(bytes) => found.extend(bytes),
                    Err(_) => panic!("{how}: {} of {} bytes", found.len(), whole.len()),
                }
            }
            assert!(whole == found, "{how}");
            drop(child.stdin.take());
            child.wait().unwrap();
        }
    }
}

#[test]
fn all_is_out_when_the_input_pauses() {
    let pcapng = |name| support::convert_bytes(&[&bytes(name)]).0;
    for (name, input) in [
        ("BBLog", bytes("rack_reqresp.tcplog")),
        ("BBLog without a header", bytes("rack_reqresp.tcplog").split_off(HEADER_LEN)),
        ("ELOG", bytes("small-plain.elog")),
        // Sessions that began before the capture, whose addresses never come.
        ("ELOG without addresses", bytes("variant-E-cut.elog")),
        ("pcapng of BBLog", pcapng("rack_reqresp.tcplog")),
        ("pcapng of eventlog", pcapng("small-plain.elog")),
    ] {
        for args in
            [&["show", "--no-pager", "-"][..], &["json", "-"], &["csv", "-"], &["convert", "-", "-o", "-"]]
        {
            let whole = run(args, &input).stdout;
            let (mut child, receiver) = start(args, &input);
            let mut found = Vec::new();
            let started = Instant::now();
            // Statistics, which end a capture's section, come at the end.
            let expected = if name.starts_with("ELOG") && args[0] == "convert" {
                whole.len() - 200
            } else {
                whole.len()
            };
            while found.len() < expected {
                let left = PATIENCE.saturating_sub(started.elapsed());
                match receiver.recv_timeout(left) {
                    Ok(bytes) => found.extend(bytes),
                    Err(_) => panic!("{name} {args:?}: {} of {} bytes", found.len(), whole.len()),
                }
            }
            assert!(whole.starts_with(&found), "{name} {args:?}");
            drop(child.stdin.take());
            assert!(child.wait().unwrap().success());
            receiver.into_iter().for_each(|bytes| found.extend(bytes));
            assert!(whole == found, "{name} {args:?}");
        }
    }
}
