// SPDX-License-Identifier: BSD-2-Clause
//! `/dev/tcp_log` and `/dev/eventlog` in one process, and what the first does when it fails.

use crate::bblogd::{start, until};
use crate::devices::Kernel;
use crate::made::{self, connection, records};
use crate::reading;

#[test]
fn both_at_once() {
    let kernel = Kernel::new();
    kernel.set(
        "tcp_log",
        [connection("a").entry(&records(0..5)), connection("b").port(7).entry(&records(0..5))].concat(),
    );
    let daemon = kernel.start(&["-f", "/dev/tcp_log", "--eventlog", "tcp", "--eventlog", "hpts:INFO"]);
    kernel.log(&made::session_begin(7, "web", 1000));
    kernel.log(&made::event(2, 0, made::uptime(), 5, &[0; 8]));
    until("files", || kernel.place.files().len() == 2, || daemon.log());
    daemon.stop();
    let names: Vec<_> = kernel
        .place
        .files()
        .iter()
        .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
        .collect();
    assert_eq!(
        names,
        [
            "a_1000_10.0.0.2_2000.0.pcapng",
            "b_7_10.0.0.2_2000.0.pcapng",
            "hpts_0.0.pcapng",
            "web_1000_10.0.0.2_2000.0.pcapng",
        ]
    );
    let sources: Vec<_> = kernel.place.records().iter().map(|line| line["source"].clone()).collect();
    assert_eq!(sources.iter().filter(|source| *source == "bblog").count(), 2);
    assert_eq!(sources.iter().filter(|source| *source == "eventlog").count(), 2);
}

#[test]
fn the_default_device() {
    let kernel = Kernel::bare();
    kernel.set("tcp_log", connection("a").entry(&records(0..5)));
    start(&kernel.place, kernel.bblogd(&[])).ends_well();
    assert_eq!(kernel.journal(), "tcp_log open\n");
    assert_eq!(kernel.place.files().len(), 1);
    // And without one.
    std::fs::remove_file(kernel.place.join("dev/tcp_log")).unwrap();
    let (status, log) = start(&kernel.place, kernel.bblogd(&[])).wait();
    assert_eq!(status.code(), Some(1));
    assert!(log.starts_with("bblogd: /dev/tcp_log: ") && log.lines().count() == 1, "{log}");
}

#[test]
fn no_memory_for_an_entry_is_waited_for() {
    let kernel = Kernel::bare();
    kernel.set(
        "tcp_log",
        [connection("a").entry(&records(0..5)), connection("a").entry(&records(5..9))].concat(),
    );
    // EBUSY while the kernel cannot expand an entry.
    kernel.set("errors", format!("tcp_log {} {} 15\n", 208 + 5 * 328, libc::EBUSY));
    let log = start(&kernel.place, kernel.bblogd(&[])).ends_well();
    assert_eq!(log, "");
    assert_eq!(kernel.journal().matches("tcp_log error").count(), 15);
    assert_eq!(kernel.place.records().len(), 2);
}

#[test]
fn a_device_error_in_mid_entry() {
    // A short one is passed over, one that stays ends the program, with what was read written.
    for (count, good) in [(3, true), (1000, false)] {
        let kernel = Kernel::bare();
        let entry = connection("a").entry(&records(0..9));
        kernel.set("tcp_log", &entry);
        kernel.set("errors", format!("tcp_log {} {} {count}\n", 208 + 4 * 328 + 100, libc::EIO));
        let (status, log) = start(&kernel.place, kernel.bblogd(&[])).wait();
        assert_eq!(status.success(), good, "{log}");
        let serials = reading::serials(&reading::blocks(&kernel.place.files()[0]));
        assert_eq!(serials, (0..if good { 9 } else { 4 }).collect::<Vec<_>>());
        assert_eq!(log.contains("/dev/tcp_log: Input/output error"), !good, "{log}");
        assert_eq!(log.contains("the entry was cut short"), !good, "{log}");
    }
}

#[test]
fn one_that_fails_does_not_stop_the_other() {
    let kernel = Kernel::new();
    kernel.set("tcp_log", [connection("a").entry(&records(0..2)), b"garbage ".repeat(40)].concat());
    let daemon = kernel.start(&["-f", "/dev/tcp_log", "--eventlog", "tcp"]);
    daemon.wait_for("offset 864: BBLog version");
    kernel.log(&[made::session_begin(7, "web", 1000), made::session_end(7)].concat());
    until("the session", || kernel.place.files().len() == 2, || daemon.log());
    daemon.signal(nix::sys::signal::Signal::SIGTERM);
    let (status, _) = daemon.wait();
    assert_eq!(status.code(), Some(1), "it has not all been well");
}
