// SPDX-License-Identifier: BSD-2-Clause
//! Captures that are made to be slow: in Wireshark with the plugin they take at most twice the time that Wireshark alone
//! takes.
#![cfg(target_os = "linux")]

use std::fs;

use bblog_tests::tshark::Tshark;

/// Beside twice the time, seconds: what the clock of the system does not resolve, twice.
const SLACK: f64 = 0.02;

fn block(kind: u32, body: &[u8]) -> Vec<u8> {
    let mut padded = body.to_vec();
    padded.resize(body.len().next_multiple_of(4), 0);
    let length = (padded.len() as u32 + 12).to_le_bytes();
    [&kind.to_le_bytes()[..], &length, &padded, &length].concat()
}

fn option(code: u16, value: &[u8]) -> Vec<u8> {
    let mut option = [code.to_le_bytes(), (value.len() as u16).to_le_bytes()].concat();
    option.extend(value);
    option.resize(option.len().next_multiple_of(4), 0);
    option
}

/// A custom option of Netflix.
fn netflix(kind: u32, value: &[u8]) -> Vec<u8> {
    option(2989, &[&10949_u32.to_le_bytes()[..], &kind.to_le_bytes(), value].concat())
}

/// A section with these options and interfaces of these link types.
fn section(options: &[u8], links: &[u16]) -> Vec<u8> {
    let head = [&0x1a2b_3c4d_u32.to_le_bytes()[..], &[1, 0, 0, 0], &[0xff; 8], options, &[0; 4]].concat();
    let interfaces = links
        .iter()
        .flat_map(|link| block(1, &[&link.to_le_bytes()[..], &[0; 2], &0x4_0000_u32.to_le_bytes()].concat()));
    block(0x0a0d_0d0a, &head).into_iter().chain(interfaces).collect()
}

/// A section of BBLog: version, time, header and stack, and more options.
fn bblog_section(more: &[u8]) -> Vec<u8> {
    let mut header = vec![0; 208];
    header[0] = 9;
    header[4] = 1;
    header[8..16].copy_from_slice(&208_u64.to_le_bytes());
    header[16..20].copy_from_slice(&[0x13, 0x88, 0, 80]);
    header[32..36].copy_from_slice(&[10, 0, 0, 2]);
    header[48..52].copy_from_slice(&[10, 0, 0, 1]);
    header[56..64].copy_from_slice(&1_700_000_000_u64.to_le_bytes());
    header[200] = 2;
    let options =
        [netflix(1, &9_u32.to_le_bytes()), netflix(4, &header), netflix(6, b"\x02rack"), more.to_vec()];
    section(&options.concat(), &[0])
}

/// A packet with options.
fn packet(interface: u32, at: u64, data: &[u8], options: &[u8]) -> Vec<u8> {
    let time = 1_700_000_100_000_000 + at;
    let words = [interface, (time >> 32) as u32, time as u32, data.len() as u32, data.len() as u32];
    let mut body = words.map(u32::to_le_bytes).concat();
    body.extend(data);
    body.resize(body.len().next_multiple_of(4), 0);
    body.extend(options);
    body.extend([0; 4]);
    block(6, &body)
}

/// The first 268 bytes of a record.
fn record(serial: u32, stack: u8, event: u8) -> Vec<u8> {
    let mut record = vec![0; 268];
    record[..8].copy_from_slice(&100_u64.to_le_bytes());
    record[8..16].copy_from_slice(&u64::from(serial % 1_000_000).to_le_bytes());
    record[20..24].copy_from_slice(&serial.to_le_bytes());
    (record[24], record[25]) = (stack, event);
    record[56] = 4;
    record[64..68].copy_from_slice(&7_u32.to_le_bytes());
    record
}

/// A segment as a packet with its record.
fn segment(serial: u32, event: u8, seq: u32, ack: u32, len: u32) -> Vec<u8> {
    let mut record = record(serial, 2, event);
    record[26] = 4;
    record[264..268].copy_from_slice(&len.to_le_bytes());
    let (ports, addresses) = match event {
        2 => ([0, 80, 0x13, 0x88], [[10, 0, 0, 1], [10, 0, 0, 2]].concat()),
        _ => ([0x13, 0x88, 0, 80], [[10, 0, 0, 2], [10, 0, 0, 1]].concat()),
    };
    let tcp =
        [&ports[..], &seq.to_be_bytes(), &ack.to_be_bytes(), &[0x50, 0x10, 3, 0xe8, 0, 0, 0, 0]].concat();
    let total = (40 + len as u16).to_be_bytes();
    let ip = [&[0x45, 0][..], &total, &[0, 0, 0, 0, 127, 6, 0, 0], &addresses].concat();
    packet(0, serial.into(), &[&2_u32.to_le_bytes()[..], &ip, &tcp].concat(), &netflix(2, &record))
}

/// 700,000 names of stacks, and records of another one.
fn many_stack_names() -> Vec<u8> {
    let mut capture = bblog_section(&netflix(6, b"\0r").repeat(700_000));
    for serial in 0..5_000 {
        let body = [&10949_u32.to_le_bytes()[..], &1_u32.to_le_bytes(), &netflix(2, &record(serial, 9, 45))];
        capture.extend(block(0xbad, &[&body.concat()[..], &[0; 4]].concat()));
    }
    capture
}

/// An ELOG file header and a table of these providers, as an option of a section.
fn providers(entries: &[(u16, &str)]) -> Vec<u8> {
    let mut value = [&2238_u32.to_le_bytes()[..], b"ELOGELOG", &1_u32.to_le_bytes(), &[0; 32]].concat();
    value.extend((entries.len() as u32).to_le_bytes());
    for (id, name) in entries {
        value.extend(id.to_le_bytes());
        value.extend(name.as_bytes());
        value.extend(vec![0; 32 - name.len()]);
    }
    option(2989, &value)
}

/// An event as an exported PDU.
fn event(at: u64, provider: u16, session: u64, id: u32, payload: &[u8]) -> Vec<u8> {
    let mut event = (32 + payload.len() as u16).to_le_bytes().to_vec();
    event.extend([0; 2]);
    event.extend(provider.to_le_bytes());
    event.extend([0; 2]);
    event.extend((1_000_000 + at).to_le_bytes());
    event.extend(session.to_le_bytes());
    event.extend(id.to_le_bytes());
    event.extend([0; 4]);
    event.extend(payload);
    let tags = [&[0, 12, 0, 8][..], b"eventlog", &[0, 0, 0, 0]].concat();
    packet(1, at, &[tags, event].concat(), &[])
}

/// 20 sections, each with 65,536 providers.
fn many_providers() -> Vec<u8> {
    let mut options = Vec::new();
    for first in (0..=u16::MAX).step_by(32) {
        let entries: Vec<(u16, &str)> = (first..=first + 31).map(|id| (id, "p")).collect();
        options.extend(providers(&entries));
    }
    let one = [section(&options, &[101, 252]), event(0, 65_535, 1, 2, b"id\0")].concat();
    one.repeat(20)
}

/// 65,536 segments that wait for their ACK, one of them out of order, and ACKs that acknowledge none.
fn many_acks() -> Vec<u8> {
    let mut capture = bblog_section(&[]);
    let sent = (0..1_u32 << 16).map(|at| (at, 1_000_000 + at * 100)).chain([(1 << 16, 1_000_250)]);
    sent.for_each(|(serial, seq)| capture.extend(segment(serial, 2, seq, 1, 100)));
    (0..20_000).for_each(|at| capture.extend(segment((1 << 16) + 1 + at, 1, 1, 1_000_000, 0)));
    capture
}

/// Timers of every number there is, armed in many sessions, and fired in the opposite order.
fn keyed_timers() -> Vec<u8> {
    const TIMERS: u64 = 50_000;
    let mut capture = section(&providers(&[(1, "tcp")]), &[101, 252]);
    let started = |at: u64| [&[0x40, 0x9c, 0, 0, 0, 0, 0, 0, (at % 256) as u8][..], &[0; 7]].concat();
    for at in 0..TIMERS {
        capture.extend(event(at, 1, 1 + at / 25_000, 500, &started(at)));
    }
    for at in (0..TIMERS).rev() {
        capture.extend(event(2 * TIMERS - at, 1, 1 + at / 25_000, 502, &[(at % 256) as u8]));
    }
    capture
}

/// User time of the processes that this one waited for, seconds.
fn children() -> f64 {
    let stat = fs::read_to_string("/proc/self/stat").unwrap();
    let behind = stat.rsplit_once(')').unwrap().1;
    // cutime is field 16; the one behind the name is field 3. A second has 100 of its units.
    behind.split_whitespace().nth(13).unwrap().parse::<f64>().unwrap() / 100.0
}

/// The least user time of two runs, seconds; each lists so many frames.
fn user_time(tshark: &Tshark, capture: &[u8], frames: usize) -> f64 {
    let times = [(); 2].map(|()| {
        let before = children();
        let output = tshark.run(&[], capture);
        let lines = output.stdout.iter().filter(|&&byte| byte == b'\n').count();
        assert!(output.status.success() && lines == frames, "{}: {lines} of {frames}", output.status);
        children() - before
    });
    times[0].min(times[1])
}

#[test]
fn no_capture_takes_more_than_twice_the_time() {
    let (plugin, stock) = (Tshark::with_plugin(), Tshark::stock());
    let captures = [
        ("stack names", many_stack_names(), 5_000),
        ("providers", many_providers(), 20),
        ("ACKs", many_acks(), 85_537),
        ("keyed timers", keyed_timers(), 100_000),
    ];
    for (what, capture, frames) in captures {
        let (with, without) = (user_time(&plugin, &capture, frames), user_time(&stock, &capture, frames));
        eprintln!("{what}: {with:.2} s, stock {without:.2} s");
        assert!(with <= 2.0 * without + SLACK, "{what}: {with:.2} s, stock {without:.2} s");
    }
}
