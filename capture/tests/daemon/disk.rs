// SPDX-License-Identifier: BSD-2-Clause
//! Folders that cannot be written: full, gone, forbidden; and a disk that is slow.

use std::fs::{self, Permissions};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;

use nix::sys::signal::Signal;

use crate::bblogd::{Place, counter, is_root, program, records as index, start, until};
use crate::devices::Kernel;
use crate::made::{self, connection, records};
use crate::reading::{self, Read};
use crate::small_disk::Small;

/// Serial numbers of all files of a folder, in the order of their numbers, and what they say is
/// missing.
fn all(folder: &Path) -> (Vec<u32>, u64) {
    let mut files: Vec<_> = crate::bblogd::files(folder);
    files.retain(|path| path.extension().is_some_and(|end| end == "pcapng"));
    files.sort_by_key(|path| path.to_str().unwrap().rsplit('.').nth(1).unwrap().parse::<u32>().unwrap());
    let (mut serials, mut missing) = (Vec::new(), 0);
    for file in files {
        let blocks = reading::blocks(&file);
        serials.extend(reading::serials(&blocks));
        missing += blocks
            .iter()
            .map(|block| if let Read::Skipped(n) = block { u64::from(*n) } else { 0 })
            .sum::<u64>();
    }
    (serials, missing)
}

#[test]
fn a_full_disk_costs_records_but_nothing_else() {
    let place = Place::new();
    let Some(disk) = Small::mount(&place.join("out"), "256k") else { return };
    let ballast = disk.0.join("ballast");
    fs::write(&ballast, vec![0; 100 << 10]).unwrap();
    let (fifo, mut writer) = place.fifo("dev");
    let daemon = start(&place, place.bblogd(&["-f", fifo.to_str().unwrap(), "--retry", "100ms"]));
    let id = connection("id");
    // Far more than fits, in entries and in one long entry.
    for number in 0..5 {
        writer.write_all(&id.entry(&records(number * 100..number * 100 + 100))).unwrap();
    }
    writer.write_all(&id.entry(&records(500..1500))).unwrap();
    daemon.wait_for("No space left on device; new records are dropped and counted");
    // It goes on reading.
    writer.write_all(&id.entry(&records(1500..1510))).unwrap();
    until(
        "all records",
        || {
            daemon.signal(Signal::SIGUSR1);
            daemon.log().contains("records 1510,")
        },
        || daemon.log(),
    );
    // What is there is whole, and nothing is there half.
    let (before, _) = all(&disk.0);
    assert!(before.len() > 100 && before.len() < 1000, "{}", before.len());

    fs::remove_file(&ballast).unwrap();
    std::thread::sleep(std::time::Duration::from_millis(150));
    for number in 0..3 {
        writer.write_all(&id.entry(&records(1510 + number * 10..1520 + number * 10))).unwrap();
    }
    daemon.wait_for("written again");
    let log = daemon.stops_with_a_loss();
    let (serials, missing) = all(&disk.0);
    assert_eq!(serials.last(), Some(&1539), "{log}");
    let dropped = 1540 - serials.len() as u64;
    assert_eq!(counter(&log, "dropped"), dropped, "{log}");
    assert_eq!(missing, dropped);
    assert!(log.contains(&format!("id_1000_10.0.0.2_2000: {dropped} records dropped")), "{log}");
    assert!(!Place::names(&disk.0).iter().any(|name| name.ends_with(".part")));
    // Every file has its line, those cut short included.
    let lines = index(&disk.0);
    assert_eq!(lines.len() + 1, Place::names(&disk.0).len());
    let counted: u64 = lines.iter().map(|line| line["record_count"].as_u64().unwrap()).sum();
    assert_eq!(counted, serials.len() as u64);
}

#[test]
fn files_that_are_open_grow_while_none_can_be_created() {
    let kernel = Kernel::new();
    // Inodes of the folder, of one file, and of one more.
    let Some(disk) = Small::mount(&kernel.place.out(), "1m,nr_inodes=3") else { return };
    let daemon = kernel.start(&["--eventlog", "tcp", "--retry", "1h"]);
    kernel.log(&made::session_begin(7, "web", 1000));
    let len = |name: &String| disk.0.join(name).metadata().map_or(0, |file| file.len());
    let size = || -> u64 { Place::names(&disk.0).iter().map(len).sum() };
    until("a file", || size() > 0, || daemon.log());
    fs::write(disk.0.join("ballast"), b"").unwrap();
    kernel.log(&made::session_begin(8, "web", 1001));
    daemon.wait_for("No space left on device; new records are dropped and counted");
    for _ in 0..3 {
        let before = size();
        kernel.log(&[made::session_events(7, 5), made::session_events(8, 2)].concat());
        until("more of it", || size() > before, || daemon.log());
    }
    // The write that succeeded was not one that had failed.
    let log = daemon.log();
    assert_eq!((log.matches("No space").count(), log.matches("again").count()), (1, 0), "{log}");
    fs::remove_file(disk.0.join("ballast")).unwrap();
    let log = daemon.stops_with_a_loss();
    assert!(log.contains("bblogd: ended; 10 records of 1 connection dropped meanwhile\n"), "{log}");
    let blocks = reading::blocks(&kernel.place.files()[0]);
    assert_eq!(reading::events(&blocks).len(), 19);
}

#[test]
fn a_file_size_limit_is_a_full_disk() {
    // For everybody, not for root only: RLIMIT_FSIZE.
    let place = Place::new();
    let (fifo, mut writer) = place.fifo("dev");
    let mut command = place.bblogd(&["-f", fifo.to_str().unwrap(), "--retry", "50ms"]);
    limit(&mut command, nix::sys::resource::Resource::RLIMIT_FSIZE, 100_000);
    let daemon = start(&place, command);
    let id = connection("id");
    writer.write_all(&id.entry(&records(0..1000))).unwrap();
    daemon.wait_for("File too large; new records are dropped");
    std::thread::sleep(std::time::Duration::from_millis(100));
    writer.write_all(&id.entry(&records(1000..1010))).unwrap();
    daemon.wait_for("written again");
    daemon.stops_with_a_loss();
    let (serials, missing) = all(&place.out());
    assert_eq!(serials.len() as u64 + missing, 1010);
    assert_eq!(serials.last(), Some(&1009));
    for line in place.records() {
        assert!(line["bytes"].as_u64().unwrap() <= 100_000, "{line}");
    }
}

fn limit(command: &mut Command, resource: nix::sys::resource::Resource, value: u64) {
    // SAFETY: setrlimit(2) may be called between fork and exec.
    unsafe {
        command.pre_exec(move || Ok(nix::sys::resource::setrlimit(resource, value, value)?));
    }
}

#[test]
fn a_folder_that_is_deleted_and_made_anew() {
    let place = Place::new();
    let (fifo, mut writer) = place.fifo("dev");
    let daemon = start(&place, place.bblogd(&["-f", fifo.to_str().unwrap(), "--retry", "50ms"]));
    let id = connection("id");
    writer.write_all(&id.entry(&records(0..10))).unwrap();
    until("a file", || place.files().len() == 1, || daemon.log());
    fs::remove_dir_all(place.out()).unwrap();
    writer.write_all(&id.entry(&records(10..20))).unwrap();
    daemon.wait_for("new records are dropped and counted");
    fs::create_dir(place.out()).unwrap();
    fs::set_permissions(place.out(), Permissions::from_mode(0o777)).unwrap();
    std::thread::sleep(std::time::Duration::from_millis(100));
    writer.write_all(&id.entry(&records(20..30))).unwrap();
    daemon.wait_for("written again; 10 records of 1 connection dropped");
    daemon.stops_with_a_loss();
    assert_eq!(all(&place.out()), ((20..30).collect(), 10));
    assert_eq!(place.records().len(), 1);
}

#[test]
fn open_files_that_are_deleted_are_noticed() {
    let kernel = Kernel::new();
    let out = kernel.place.out();
    let daemon = kernel.start(&["--eventlog", "tcp", "--retry", "50ms"]);
    kernel.log(&made::session_begin(7, "web", 1000));
    // Made and written: between the two its events would be dropped as well.
    let is_written = |name: &String| fs::metadata(out.join(name)).is_ok_and(|file| file.len() > 0);
    until("a file", || Place::names(&out).iter().any(is_written), || daemon.log());
    fs::remove_dir_all(&out).unwrap();
    fs::create_dir(&out).unwrap();
    fs::set_permissions(&out, Permissions::from_mode(0o777)).unwrap();
    kernel.log(&made::session_events(7, 5));
    daemon.wait_for("deleted");
    std::thread::sleep(std::time::Duration::from_millis(100));
    kernel.log(&[made::session_events(7, 3), made::session_end(7)].concat());
    until("a file", || kernel.place.files().len() == 1, || daemon.log());
    let log = daemon.stops_with_a_loss();
    assert!(log.contains("5 records dropped"), "{log}");
    assert_eq!(reading::events(&reading::blocks(&kernel.place.files()[0])).len(), 4);
}

#[test]
fn a_folder_that_must_not_be_written() {
    if !is_root() {
        return eprintln!("not root, left out");
    }
    let place = Place::new();
    fs::create_dir(place.out()).unwrap();
    let (fifo, mut writer) = place.fifo("dev");
    // From the start: it says so and ends.
    let (status, log) = start(&place, place.bblogd(&["-f", fifo.to_str().unwrap()])).wait();
    assert_eq!(status.code(), Some(1));
    assert_eq!(log, format!("bblogd: {}: Permission denied\n", place.out().display()));

    // Later: it waits for better times.
    fs::set_permissions(place.out(), Permissions::from_mode(0o777)).unwrap();
    let daemon = start(&place, place.bblogd(&["-f", fifo.to_str().unwrap(), "--retry", "50ms"]));
    fs::set_permissions(place.out(), Permissions::from_mode(0o755)).unwrap();
    writer.write_all(&connection("id").entry(&records(0..10))).unwrap();
    daemon.wait_for("Permission denied; new records are dropped");
    fs::set_permissions(place.out(), Permissions::from_mode(0o777)).unwrap();
    std::thread::sleep(std::time::Duration::from_millis(100));
    writer.write_all(&connection("id").entry(&records(10..12))).unwrap();
    daemon.wait_for("written again; 10 records");
    daemon.stops_with_a_loss();
    assert_eq!(all(&place.out()), (vec![10, 11], 10));
}

#[test]
fn a_slow_reader_keeps_memory_bounded() {
    // What writes nothing for a while is a disk that hangs, or a Wireshark that was paused.
    let place = Place::new();
    let (fifo, mut writer) = place.fifo("dev");
    let (out, reader) = place.fifo("stream");
    let mut command = program();
    command.args(["-f", fifo.to_str().unwrap(), "--queue-size", "1M", "-o", out.to_str().unwrap()]);
    let daemon = start(&place, command);
    // The stream is not read: the writer has to wait, and it could write only what pipes, queue and
    // buffers hold.
    let entry = connection("id").entry(&records(0..200));
    let bytes = std::sync::Arc::new(std::sync::atomic::AtomicUsize::new(0));
    let fed = std::thread::spawn({
        let bytes = std::sync::Arc::clone(&bytes);
        move || {
            for _ in 0..200 {
                writer.write_all(&entry).unwrap();
                bytes.fetch_add(entry.len(), std::sync::atomic::Ordering::SeqCst);
            }
        }
    });
    let mut last = usize::MAX;
    until(
        "a standstill",
        || {
            std::thread::sleep(std::time::Duration::from_millis(200));
            let now = bytes.load(std::sync::atomic::Ordering::SeqCst);
            std::mem::replace(&mut last, now) == now
        },
        || daemon.log(),
    );
    assert!(last < 3 << 20, "{last} of {} bytes taken", 200 * 65_808);
    let status = fs::read_to_string(format!("/proc/{}/status", daemon.pid())).unwrap();
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let peak: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
    assert!(peak < 32 << 10, "{peak} kB");
    // Then the stream is read, and nothing was lost.
    let drained = std::thread::spawn(move || {
        let mut reader = reader;
        let mut total = Vec::new();
        let mut buffer = vec![0; 1 << 16];
        while total.len() < 200 * 200 * 304 {
            let got = std::io::Read::read(&mut reader, &mut buffer).unwrap();
            total.extend_from_slice(&buffer[..got]);
        }
        total
    });
    fed.join().unwrap();
    let total = drained.join().unwrap();
    let log = daemon.stop();
    assert_eq!(log, "");
    assert!(total.len() >= 200 * 200 * 304);
}
