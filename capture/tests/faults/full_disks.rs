// SPDX-License-Identifier: BSD-2-Clause
//! The disk is full, then there is room again, over and over while entries come. Each record is in
//! a file or counted as dropped.

use std::fs::{self, OpenOptions};
use std::io::Write;
use std::thread;
use std::time::Duration;

use nix::sys::signal::Signal;

use crate::bblogd::{Place, counter, records as index, start, until};
use crate::made::{connection, records};
use crate::small_disk::Small;

pub fn run(episodes: u64) -> String {
    let place = Place::new();
    let Some(disk) = Small::mount(&place.join("out"), "1m") else {
        return "left out: no file system can be mounted here".to_owned();
    };
    let (fifo, mut writer) = place.fifo("fifo");
    // What is complete makes room itself; the index is all that is kept of it.
    let options = ["-f", fifo.to_str().unwrap(), "--retry", "10ms", "--max-total-size", "200K"];
    let daemon = start(&place, place.bblogd(&options));
    let ballast = disk.0.join("ballast");
    let ids: Vec<_> = (0..4).map(|number| connection("id").port(1000 + number)).collect();
    let mut serials = [0; 4];
    let mut fed = 0;
    // Feeds some entries; once all are dealt with: how many records were fed, and dropped, so far.
    let mut feed = |times: usize| {
        for time in 0..times {
            let which = time % ids.len();
            let count = 1 + (fed % 97) as u32;
            writer.write_all(&ids[which].entry(&records(serials[which]..serials[which] + count))).unwrap();
            serials[which] += count;
            fed += u64::from(count);
        }
        let told = format!("records {fed},");
        until(
            "all records",
            || {
                daemon.signal(Signal::SIGUSR1);
                thread::sleep(Duration::from_millis(2));
                daemon.log().contains(&told)
            },
            || daemon.log(),
        );
        (fed, counter(&daemon.log(), "dropped"))
    };
    let mut dropped = 0;
    for _ in 0..episodes {
        let before = dropped;
        while dropped == before {
            // Whatever is free, and is freed meanwhile.
            let mut file = OpenOptions::new().append(true).create(true).open(&ballast).unwrap();
            while file.write_all(&[0; 4096]).is_ok() {}
            dropped = feed(8).1;
        }
        dropped = feed(20).1;
        fs::remove_file(&ballast).unwrap();
        // Until all of them are written.
        loop {
            let before = std::mem::replace(&mut dropped, feed(8).1);
            if dropped == before {
                break;
            }
        }
    }
    let (fed, _) = feed(4);
    let log = daemon.stops_with_a_loss();
    let dropped = counter(&log, "dropped");
    let (mut written, mut missing) = (0, 0);
    for line in index(&disk.0).into_iter().filter(|line| line.get("deleted").is_none()) {
        written += line["record_count"].as_u64().unwrap();
        missing += line["missing"].as_u64().unwrap();
    }
    assert_eq!(written + dropped, fed, "{log}");
    // What the files say is missing is what was dropped.
    assert_eq!(missing, dropped, "{log}");
    assert!(!Place::names(&disk.0).iter().any(|name| name.ends_with(".part")));
    format!(
        "{fed} records in = {written} written + {dropped} counted as dropped; {missing} marked as missing in files"
    )
}
