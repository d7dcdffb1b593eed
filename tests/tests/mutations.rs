// SPDX-License-Identifier: BSD-2-Clause
//! Damaged captures in Wireshark with the plugin: whatever stands in them, it must not die by a
//! signal, and neither GLib nor Wireshark may find a fault in the plugin.
//!
//! sharkd reads them, one after the other, and every fiftieth is read by a tshark of its own too.
//! `BBLOG_MUTATIONS` says how many there are to be.

use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::ExitStatusExt;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::thread;

use bblog_tests::damage::{Damaged, faults};
use bblog_tests::sharkd::{Sharkd, StockSharkd};
use bblog_tests::tshark::Tshark;

/// How many damaged captures, unless the environment says so.
const MUTATIONS: usize = 500;
/// Of how many one is read by tshark as well.
const TSHARK_EVERY: usize = 50;
/// Reads a damaged capture with tshark.
fn in_tshark(number: usize, tshark: &Tshark, stock: &Tshark, damaged: &[u8]) {
    let output = tshark.run(&["-V", "-n"], damaged);
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.signal(), None, "mutation {number}: {said}");
    let mut found = faults(&output.stderr);
    if !found.is_empty() {
        // Wireshark's own dissectors stumble over damaged captures too.
        let known = faults(&stock.run(&["-V", "-n"], damaged).stderr);
        found.retain(|fault| !known.contains(fault));
        assert!(found.is_empty(), "mutation {number}: {found:#?}");
    }
}

#[test]
fn damaged_captures_do_no_harm() {
    let mutations = std::env::var("BBLOG_MUTATIONS").map_or(MUTATIONS, |n| n.parse().expect("a number"));
    let (tshark, stock) = (Tshark::with_plugin().without_tables(), Tshark::stock().without_tables());
    let captures = Damaged::new();
    let next = AtomicUsize::new(0);
    let opened = AtomicUsize::new(0);
    let work = |worker: usize| {
        let file = tshark.home().join(format!("damaged-{worker}.pcapng"));
        let (mut sharkd, mut sharkd_stock) = (Sharkd::start(&tshark), StockSharkd::new(&stock));
        loop {
            let number = next.fetch_add(1, Ordering::Relaxed);
            if number >= mutations {
                assert_eq!(sharkd.signal(), None, "sharkd's end");
                return;
            }
            let damaged = captures.capture(number);
            std::fs::write(&file, &damaged).unwrap();
            std::fs::set_permissions(&file, std::fs::Permissions::from_mode(0o644)).unwrap();
            let frames = sharkd.look_at(&file);
            let mut found = faults(&sharkd.said());
            let Some(frames) = frames else {
                let kept = std::env::temp_dir().join(format!("bblog-mutation-{number}.pcapng"));
                std::fs::write(&kept, &damaged).unwrap();
                panic!("mutation {number}: signal {:?}, {found:#?}; see {}", sharkd.signal(), kept.display());
            };
            found = sharkd_stock.lacks(found, &file);
            assert!(found.is_empty(), "mutation {number}: {found:#?}");
            if number.is_multiple_of(TSHARK_EVERY) {
                in_tshark(number, &tshark, &stock, &damaged);
            }
            opened.fetch_add(usize::from(frames > 0), Ordering::Relaxed);
        }
    };
    thread::scope(|scope| {
        for worker in 0..thread::available_parallelism().map_or(1, |n| n.get()) {
            let work = &work;
            scope.spawn(move || work(worker));
        }
    });
    let opened = opened.into_inner();
    assert!(opened > mutations / 2, "only {opened} of {mutations} damaged captures showed a frame");
}
