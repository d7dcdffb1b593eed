// SPDX-License-Identifier: BSD-2-Clause
//! Logs of big-endian machines: a log whose integers are turned round gives what the log itself gives.

mod support;

use std::path::Path;

use bblog_dissector::byte_order;
use bblog_dissector::catalog::Catalog;
use bblog_dissector::elog::{EVENT_HEADER_LEN, FILE_HEADER_LEN, ProviderTable, RawEvent};
use bblog_dissector::layout::Votes;
use support::{Folder, run};

/// A fixture of the whole project.
fn bytes(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures").join(name)).unwrap()
}

fn reverse(bytes: &mut [u8], places: impl IntoIterator<Item = (usize, usize)>) {
    places.into_iter().for_each(|(at, size)| bytes[at..at + size].reverse());
}

/// The integers of struct tcp_log_buffer, written down from tcp_log_buf.h: what every record has, and the union
/// as the event has it.
fn record_places(event: u8) -> Vec<(usize, usize)> {
    let mut places = vec![(0, 8), (8, 8), (16, 4), (20, 4), (26, 2), (28, 4), (264, 4)];
    places.extend((32..156).step_by(4).map(|at| (at, 4)));
    match event {
        // u_sf
        60 => places.extend([(160, 8), (168, 8), (176, 4)]),
        // u64_raw
        62 => places.extend((160..264).step_by(8).map(|at| (at, 8))),
        // u_bbr
        _ => {
            places.extend((160..192).step_by(8).map(|at| (at, 8)));
            places.extend((192..248).step_by(4).map(|at| (at, 4)));
            places.extend([(248, 2), (250, 2), (252, 2), (260, 4)]);
        }
    }
    places
}

/// A BBLog stream as a big-endian machine would have written it.
fn big_endian_bblog(stream: &[u8]) -> Vec<u8> {
    let mut out = stream.to_vec();
    let mut at = 0;
    while at < out.len() {
        let len = u64::from_le_bytes(out[at + 8..at + 16].try_into().unwrap()) as usize;
        let end = at + len;
        reverse(&mut out[at..], [(0, 4), (4, 4), (8, 8), (52, 4), (56, 8), (64, 8)]);
        at += 208;
        while at < end {
            let (event, has_verbose) = (out[at + 25], out[at + 26] & 8 != 0);
            reverse(&mut out[at..], record_places(event));
            out[at + 156] = out[at + 156].rotate_left(4);
            at += 328;
            if has_verbose {
                reverse(&mut out[at..], [(64, 4)]);
                at += 72;
            }
        }
    }
    out
}

/// An ELOG file as a big-endian machine would have written it.
fn big_endian_elog(file: &[u8]) -> Vec<u8> {
    let (providers, events) = ProviderTable::split(&file[FILE_HEADER_LEN..]).unwrap();
    let tcp = |event: &RawEvent<'_>| providers.name(event.provider_id()) == Some(b"tcp");
    let (mut votes, mut rest) = (Votes::default(), events);
    let mut all = Vec::new();
    while let Some((event, after)) = RawEvent::split(rest).unwrap() {
        if tcp(&event) {
            votes.count(&event);
        }
        all.push(event);
        rest = after;
    }
    let catalog = Catalog::builtin();
    let mut out = file[..file.len() - events.len()].to_vec();
    reverse(&mut out, [(4, 4), (8, 8), (16, 8), (24, 8), (32, 8), (40, 4)]);
    out[44..].chunks_mut(34).for_each(|entry| entry[..2].reverse());
    for event in all {
        let mut bytes = event.as_bytes().to_vec();
        let provider =
            providers.name(event.provider_id()).and_then(|name| catalog.provider(name, votes.winner()));
        byte_order::swap_payload(&mut bytes[EVENT_HEADER_LEN..], Catalog::event(provider, event.event_id()));
        reverse(&mut bytes, [(0, 2), (2, 2), (4, 2), (6, 2), (8, 8), (16, 8), (24, 4), (28, 4)]);
        out.extend(bytes);
    }
    out
}

fn same(name: &str, turned: &[u8]) {
    // Of the same name: it stands in what convert writes.
    let folders = [Folder::new(), Folder::new()];
    let (log, turned) = (folders[0].write(name, &bytes(name)), (folders[1].write(name, turned)));
    for command in [&["show", "-e"][..], &["json"], &["convert", "-o", "-"]] {
        let of = |log: &Path| {
            let mut args: Vec<&Path> = command.iter().map(Path::new).collect();
            args.push(log);
            let ran = run(&args, b"");
            (ran.code, ran.stdout)
        };
        let (code, expected) = of(&log);
        assert!(code == 0 && expected.len() > 1000, "{name} {command:?}");
        let (code, found) = of(&turned);
        let at = expected.iter().zip(&found).position(|(a, b)| a != b);
        assert!(code == 0 && found == expected, "{name} {command:?}: differs at {at:?}");
    }
}

#[test]
fn bblog() {
    for name in ["default_verbose_20.tcplog", "rack_verbose_40.tcplog", "bbr_120.tcplog", "each_event.tcplog"]
    {
        same(name, &big_endian_bblog(&bytes(name)));
    }
}

#[test]
fn elog() {
    for name in ["small-plain.elog", "variant_a.elog", "variant_c.elog", "variant_d2.elog", "variant_e.elog"]
    {
        let turned = big_endian_elog(&bytes(name));
        assert_eq!(turned[4..8], [0, 0, 0, 1]);
        same(name, &turned);
    }
}

/// A log that ends inside a record loses that record and says so, as any log.
#[test]
fn torn() {
    let turned = big_endian_bblog(&bytes("default_verbose_20.tcplog"));
    let ran = run(&["show", "-"], &turned[..turned.len() - 1]);
    let whole = run(&["show", "-"], &turned);
    let lines = |text: &[u8]| text.iter().filter(|&&byte| byte == b'\n').count();
    assert_eq!((ran.code, lines(&ran.stdout)), (1, lines(&whole.stdout) - 1));
    assert!(ran.stderr.contains("cut short"), "{}", ran.stderr);
}
