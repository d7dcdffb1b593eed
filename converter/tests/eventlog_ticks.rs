// SPDX-License-Identifier: BSD-2-Clause
//! RTTs of eventlog's default stack: ticks times 1000, which are times where hz is known.

mod support;

use std::path::Path;

use serde_json::Value;
use support::{Folder, run};

fn event(at: u64, id: u32, payload: &[u8]) -> Vec<u8> {
    let mut event = (32 + payload.len() as u16).to_le_bytes().to_vec();
    event.extend([0, 0, 1, 0, 0, 0]);
    event.extend((1_000_000 + at).to_le_bytes());
    event.extend(7_u64.to_le_bytes());
    event.extend(id.to_le_bytes());
    event.extend(9_u32.to_le_bytes());
    event.extend(payload);
    event
}

fn rtt(at: u64, ticks: u32, lowest: u32) -> Vec<u8> {
    let words = [ticks * 1000, ticks * 1000, 0, lowest, 0, 0];
    event(at, 300, &words.map(u32::to_le_bytes).concat())
}

/// A capture with one connection on a machine with 100 ticks a second, whose RTT is 20 ms; with time stamps, the events
/// prove that.
fn capture(timestamps: bool) -> Vec<u8> {
    let mut bytes = [&b"ELOG\x01\0\0\0"[..], &1_000_000_u64.to_le_bytes()].concat();
    bytes.extend(1_780_000_000_000_000_u64.to_le_bytes());
    bytes.extend([0; 16]);
    bytes.extend(1_u32.to_le_bytes());
    bytes.extend([&[1, 0][..], b"tcp", &[0; 29]].concat());
    let addresses =
        [&[10, 0, 0, 1][..], &[0, 80, 0xa5, 0xa5], &[10, 0, 0, 2], &[0x13, 0x88, 0xa5, 0xa5]].concat();
    let mut parameters = [0; 64];
    (parameters[0], parameters[4]) = (1, 1);
    parameters[14] = if timestamps { 0x43 } else { 0x41 };
    parameters[15..20].copy_from_slice(b"cubic");
    parameters[31..38].copy_from_slice(b"freebsd");
    let events = [
        event(0, 0xffff_fffe, &[1; 8]),
        event(1, 0, &addresses),
        event(2, 4, &1448_u32.to_le_bytes()),
        event(3, 3, &parameters),
        rtt(60_000, 3, 20),
        rtt(90_000, 4, 20),
        event(2_000_000, 0xffff_ffff, &[]),
    ];
    bytes.extend(events.concat());
    bytes
}

fn bblog(args: &[&str], input: &Path) -> (String, String) {
    let ran = run(&[args, &[input.to_str().unwrap()]].concat(), b"");
    assert_eq!(ran.code, 0, "{args:?}: {}", ran.stderr);
    (String::from_utf8(ran.stdout).unwrap(), ran.stderr)
}

/// What `info` says of ticks.
fn tick_rates(args: &[&str], input: &Path) -> Value {
    let (out, _) = bblog(&[&["info", "--json"], args].concat(), input);
    serde_json::from_str::<Value>(&out).unwrap()["tick_rates"].clone()
}

/// The least RTT that `stats` gives, microseconds.
fn least(args: &[&str], input: &Path) -> Option<u64> {
    let (out, _) = bblog(&[&["stats", "--json"], args].concat(), input);
    serde_json::from_str::<Value>(out.lines().next().unwrap()).unwrap()["rtt_min_us"].as_u64()
}

#[test]
fn hz_is_inferred_written_and_read_back() {
    let folder = Folder::new();
    let elog = folder.write("a.elog", &capture(true));
    let inferred = serde_json::json!([{ "hz": 100, "hz_inferred": true, "rtts": 2 }]);
    assert_eq!((tick_rates(&[], &elog), least(&[], &elog)), (inferred.clone(), Some(30_000)));
    let (shown, told) = bblog(&["show"], &elog);
    assert!(shown.contains("RTT 30.0 ms: srtt 30.0 ms") && told.is_empty(), "{shown}{told}");
    let (json, _) = bblog(&["json", "--filter", "bblog.srtt_us == 40000"], &elog);
    let line: Value = serde_json::from_str(&json).unwrap();
    assert_eq!((&line["hz"], &line["inferred"]), (&100.into(), &serde_json::json!(["hz"])));
    assert_eq!((&line["values"]["rtt"], &line["values"]["lowest_rtt"]), (&4000.into(), &20.into()));
    let (csv, _) = bblog(&["csv", "--fields", "hz,inferred,bblog.srtt_us", "--limit", "1"], &elog);
    assert_eq!(csv.lines().nth(1), Some("100,hz,"));

    // The RTTs alone prove nothing any more; the file says it.
    let pcapng = folder.path("rtts.pcapng");
    let out = ["-o", pcapng.to_str().unwrap()];
    bblog(&[&["convert", "--filter", "bblog.event == RTT"], &out[..]].concat(), &elog);
    assert_eq!(tick_rates(&[], &pcapng), inferred);
    // And passes it on.
    let again = folder.path("again.pcapng");
    bblog(&["convert", "-o", again.to_str().unwrap()], &pcapng);
    assert_eq!(tick_rates(&[], &again), inferred);

    // What the user says counts more, and is written as his word.
    let stated = serde_json::json!([{ "hz": 1000, "hz_inferred": false, "rtts": 2 }]);
    assert_eq!(
        (tick_rates(&["--hz", "1000"], &pcapng), least(&["--hz", "1000"], &elog)),
        (stated.clone(), Some(3000))
    );
    let out = ["-o", folder.path("stated.pcapng").to_str().unwrap()].map(str::to_owned);
    bblog(&["convert", "--hz", "1000", &out[0], &out[1]], &elog);
    assert_eq!(tick_rates(&[], &folder.path("stated.pcapng")), stated);
}

#[test]
fn without_hz_ticks_are_no_times() {
    let folder = Folder::new();
    let elog = folder.write("a.elog", &capture(false));
    let unknown = serde_json::json!([{ "hz": null, "hz_inferred": false, "rtts": 2 }]);
    assert_eq!((tick_rates(&[], &elog), least(&[], &elog)), (unknown, None));
    let (shown, told) = bblog(&["show"], &elog);
    assert!(shown.contains("RTT 3.0 ticks: srtt 3.0 ticks"), "{shown}");
    assert!(told.contains("2 RTTs of the default stack not used: in ticks of unknown length"), "{told}");
    let (text, _) = bblog(&["info"], &elog);
    assert!(text.contains("hz        not known: 2 RTTs in ticks left out (--hz)"), "{text}");
    let (json, _) = bblog(&["json"], &elog);
    assert!(json.lines().all(|line| line.contains("\"hz\":null") && !line.contains("srtt_us")), "{json}");
    assert_eq!(least(&["--hz", "100"], &elog), Some(30_000));
}
