// SPDX-License-Identifier: BSD-2-Clause
//! Ids that unprivileged programs choose, and more connections than descriptors.

use std::collections::HashSet;
use std::io::Write;
use std::os::unix::process::CommandExt;

use nix::sys::resource::{Resource, setrlimit};

use crate::bblogd::{Place, counter, run, start, until};
use crate::devices::Kernel;
use crate::made::{self, connection, records};
use crate::reading::{self, Read};

#[test]
fn ids_stay_in_the_folder_and_apart() {
    let place = Place::new();
    let ids: [&[u8]; 14] = [
        b"",
        b"..",
        b".",
        b"../../etc/passwd",
        b"/etc/passwd",
        &[0xff; 64],
        &[0xfe; 64],
        b"a\nb",
        b"a b",
        b"a_b",
        b"\"quoted\\",
        b"-rf",
        b"$(reboot);`reboot`",
        b"%s%n%x",
    ];
    let mut stream: Vec<u8> = ids.iter().flat_map(|id| connection(id).entry(&records(0..2))).collect();
    // Tags and reasons are as free.
    let mut free = connection("last");
    free.tag = b"\"}\n{\"\x01\xf0\x9f\x92".to_vec();
    free.reason = b"line\nfeed\"".to_vec();
    stream.extend(free.entry(&records(0..2)));
    let input = place.file("stream", &stream);
    assert_eq!(run(&place, place.bblogd(&["-f", input.to_str().unwrap()])), "");

    let names: HashSet<String> = Place::names(&place.out()).into_iter().collect();
    assert_eq!(names.len(), ids.len() + 2);
    for name in &names {
        let safe = |b: u8| b.is_ascii_alphanumeric() || b"-_.:~".contains(&b);
        assert!(name.bytes().all(safe) && !name.starts_with(['.', '-']) && name.len() < 150, "{name}");
    }
    // Nothing appeared beside the folder.
    let beside = Place::names(place.path());
    assert!(
        beside.iter().all(|name| name == "out" || name == "stream" || name.starts_with("log-")),
        "{beside:?}"
    );
    // Each line is JSON, has the file's name, and keeps the id.
    let lines = place.records();
    assert_eq!(lines.len(), ids.len() + 1);
    for (line, id) in lines.iter().zip(ids) {
        assert_eq!(line["pbcid"], String::from_utf8_lossy(id).into_owned());
        assert!(names.contains(line["filename"].as_str().unwrap()), "{line}");
    }
    assert_eq!(lines[ids.len()]["reason"], "line\nfeed\"");
    // And the file itself keeps the bytes of it.
    let file = reading::blocks(&place.out().join(lines[5]["filename"].as_str().unwrap()));
    assert!(matches!(&file[0], Read::Bblog { header, .. } if header[72..136] == [0xff; 64]));
}

#[test]
fn a_hostile_id_in_eventlog() {
    let kernel = Kernel::new();
    let daemon = kernel.start(&["--eventlog", "tcp"]);
    kernel.log(&[made::session_begin(7, "../../etc/passwd", 1000), made::session_end(7)].concat());
    until("the file", || !kernel.place.files().is_empty(), || daemon.log());
    daemon.stop();
    let name = kernel.place.files()[0].file_name().unwrap().to_str().unwrap().to_owned();
    assert!(
        name.starts_with("_._.._etc_passwd~") && name.ends_with("_1000_10.0.0.2_2000.0.pcapng"),
        "{name}"
    );
}

#[test]
fn links_in_the_folder_are_not_followed() {
    let place = Place::new();
    let victim = place.file("victim", b"precious");
    std::fs::create_dir(place.out()).unwrap();
    let _ = std::os::unix::fs::chown(place.out(), Some(65534), Some(65534));
    for number in 0..3 {
        let name = format!("id_1000_10.0.0.2_2000.{number}.pcapng");
        std::os::unix::fs::symlink(&victim, place.out().join(&name)).unwrap();
        std::os::unix::fs::symlink(&victim, place.out().join(name + ".part")).unwrap();
    }
    std::os::unix::fs::symlink(&victim, place.out().join("records")).unwrap();
    let input = place.file("stream", &connection("id").entry(&records(0..2)));
    let (status, log) = start(&place, place.bblogd(&["-f", input.to_str().unwrap()])).wait();
    assert_eq!(status.code(), Some(1), "{log}");
    assert!(log.contains("records: 1 line not written"), "{log}");
    assert_eq!(std::fs::read(victim).unwrap(), b"precious");
    let file = place.out().join("id_1000_10.0.0.2_2000.3.pcapng");
    assert_eq!(reading::serials(&reading::blocks(&file)), [0, 1]);
}

#[test]
fn ten_thousand_connections_with_sixty_descriptors() {
    const SESSIONS: u16 = 10_000;
    let kernel = Kernel::new();
    let mut command = kernel.bblogd(&["--eventlog", "tcp", "--buffer-size", "8M"]);
    // SAFETY: setrlimit(2) may be called between fork and exec.
    unsafe {
        command.pre_exec(|| Ok(setrlimit(Resource::RLIMIT_NOFILE, 60, 60)?));
    }
    let daemon = start(&kernel.place, command);
    until("a subscription", || kernel.journal().contains("eventlog create"), || daemon.log());
    // All begin, go on for a while, then end: every file is reopened several times.
    for step in 0..5 {
        let mut events = Vec::new();
        for session in 1..=SESSIONS {
            let id = u64::from(session);
            events.extend(match step {
                0 => made::session_begin(id, "web", session),
                4 => made::session_end(id),
                _ => made::session_events(id, 2),
            });
        }
        kernel.log(&events);
        std::thread::sleep(std::time::Duration::from_millis(30));
    }
    until("all files", || kernel.place.records().len() == usize::from(SESSIONS), || daemon.log());
    daemon.signal(nix::sys::signal::Signal::SIGUSR1);
    daemon.wait_for("queue waits");
    let status = std::fs::read_to_string(format!("/proc/{}/status", daemon.pid())).unwrap();
    let log = daemon.stop();
    assert_eq!((counter(&log, "dropped"), counter(&log, "kernel drops")), (0, 0), "{log}");
    assert_eq!(counter(&log, "events"), u64::from(SESSIONS) * 11);
    let files = kernel.place.files();
    assert_eq!(files.len(), usize::from(SESSIONS));
    for file in files.iter().step_by(97) {
        assert_eq!(reading::events(&reading::blocks(file)).len(), 11, "{}", file.display());
    }
    let peak = status.lines().find_map(|line| line.strip_prefix("VmHWM:")).unwrap();
    let peak: u64 = peak.trim().trim_end_matches(" kB").parse().unwrap();
    assert!(peak < 64 << 10, "{peak} kB");
}

#[test]
fn ten_thousand_connections_of_bblog() {
    let place = Place::new();
    let (fifo, mut writer) = place.fifo("dev");
    let mut command = place.bblogd(&["-f", fifo.to_str().unwrap()]);
    // SAFETY: setrlimit(2) may be called between fork and exec.
    unsafe {
        command.pre_exec(|| Ok(setrlimit(Resource::RLIMIT_NOFILE, 40, 40)?));
    }
    let daemon = start(&place, command);
    let id = connection("id");
    for lport in 0..10_000 {
        writer.write_all(&id.port(lport).entry(&records(0..2))).unwrap();
    }
    until("all files", || place.records().len() == 10_000, || daemon.log());
    assert_eq!(daemon.stop(), "");
    let file = place.out().join("id_9999_10.0.0.2_2000.0.pcapng");
    assert_eq!(reading::serials(&reading::blocks(&file)), [0, 1]);
}
