// SPDX-License-Identifier: BSD-2-Clause
//! The index is taken away and SIGHUP sent, as newsyslog(8) does it, while both devices give what
//! they can and files of events are rotated by size. Each file is in one index, and each record
//! and event in one file.

use std::collections::HashSet;
use std::fs;
use std::io::Write;
use std::sync::atomic::{AtomicBool, Ordering};
use std::thread;
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::bblogd::{counter, files, until};
use crate::devices::Kernel;
use crate::made::{connection, records, session_begin, session_end, session_events};
use crate::reading;

const SESSIONS: u64 = 8;

pub fn run(reopens: u64) -> String {
    let kernel = Kernel::new();
    let place = &kernel.place;
    let (fifo, mut writer) = place.fifo("fifo");
    let options =
        ["-f", fifo.to_str().unwrap(), "--eventlog", "tcp", "--rotate-size", "16K", "--buffer-size", "64M"];
    let daemon = kernel.start(&options);
    let index = place.out().join("records");
    let over = AtomicBool::new(false);
    let (fed, logged) = thread::scope(|scope| {
        let records = scope.spawn(|| {
            let id = connection("id");
            let mut serial = 0;
            while !over.load(Ordering::Relaxed) {
                writer.write_all(&id.entry(&records(serial..serial + 20))).unwrap();
                serial += 20;
                thread::sleep(Duration::from_micros(500));
            }
            u64::from(serial)
        });
        let events = scope.spawn(|| {
            let mut logged = 0;
            let mut log = |events: Vec<u8>| {
                logged += reading::split(&events).len() as u64;
                kernel.log(&events);
            };
            (1..=SESSIONS).for_each(|session| log(session_begin(session, "web", session as u16)));
            while !over.load(Ordering::Relaxed) {
                (1..=SESSIONS).for_each(|session| log(session_events(session, 20)));
                thread::sleep(Duration::from_millis(5));
            }
            (1..=SESSIONS).for_each(|session| log(session_end(session)));
            logged
        });
        for number in 0..reopens {
            until("a line", || index.exists(), || daemon.log());
            fs::rename(&index, place.out().join(format!("records.{number}"))).unwrap();
            daemon.signal(Signal::SIGHUP);
        }
        until("a line", || index.exists(), || daemon.log());
        over.store(true, Ordering::Relaxed);
        (records.join().unwrap(), events.join().unwrap())
    });
    until(
        "all of it",
        || {
            daemon.signal(Signal::SIGUSR1);
            let log = daemon.log();
            log.contains(&format!("records {fed}, events {logged},"))
        },
        || daemon.log(),
    );
    let log = daemon.stop();
    assert_eq!((counter(&log, "dropped"), counter(&log, "kernel drops")), (0, 0), "{log}");

    let mut listed = HashSet::new();
    let (mut of_bblog, mut of_eventlog) = (0, 0);
    let indexes = (0..reopens).map(|number| format!("records.{number}")).chain(["records".to_owned()]);
    for name in indexes {
        for line in fs::read_to_string(place.out().join(name)).unwrap().lines() {
            let line: serde_json::Value = serde_json::from_str(line).unwrap();
            assert!(listed.insert(line["filename"].as_str().unwrap().to_owned()), "twice: {line}");
            let count = line["record_count"].as_u64().unwrap();
            if line["source"] == "bblog" { of_bblog += count } else { of_eventlog += count }
        }
    }
    assert_eq!((of_bblog, of_eventlog), (fed, logged));
    let files: HashSet<String> = files(&place.out())
        .iter()
        .map(|path| path.file_name().unwrap().to_str().unwrap().to_owned())
        .filter(|name| !name.starts_with("records"))
        .collect();
    assert_eq!(files, listed);
    // What the lines say is what the files hold.
    let (mut of_bblog, mut of_eventlog) = (0, 0);
    for name in &files {
        let blocks = reading::blocks(&place.out().join(name));
        of_bblog += reading::serials(&blocks).len() as u64;
        of_eventlog += reading::events(&blocks).len() as u64;
    }
    assert_eq!((of_bblog, of_eventlog), (fed, logged));
    format!("{fed} records and {logged} events in {} files, each in one index; none lost", files.len())
}
