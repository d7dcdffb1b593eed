// SPDX-License-Identifier: BSD-2-Clause
//! Options, signals, and life in the background.

use std::fs;
use std::io::Write;
use std::path::Path;
use std::process::Command;

use nix::sys::signal::Signal;

use crate::bblogd::{Place, counter, program, run, start, until};
use crate::made::{connection, record, records};
use crate::reading;

fn stream(place: &Place, bytes: &[u8]) -> String {
    place.file("stream", bytes).to_str().unwrap().to_owned()
}

#[test]
fn numbering_goes_on_after_a_restart() {
    let place = Place::new();
    let input = stream(
        &place,
        &[connection("id").entry(&records(0..3)), connection("id").entry(&records(3..6))].concat(),
    );
    run(&place, place.bblogd(&["-f", &input]));
    run(&place, place.bblogd(&["-f", &input]));
    let names: Vec<_> = (0..4).map(|number| format!("id_1000_10.0.0.2_2000.{number}.pcapng")).collect();
    let files: Vec<_> =
        place.files().iter().map(|path| path.file_name().unwrap().to_str().unwrap().to_owned()).collect();
    assert_eq!(files, names);
    // What was there is never touched.
    fs::write(place.out().join("id_1000_10.0.0.2_2000.4.pcapng"), "precious").unwrap();
    run(&place, place.bblogd(&["-f", &input]));
    assert_eq!(fs::read(place.out().join("id_1000_10.0.0.2_2000.4.pcapng")).unwrap(), b"precious");
    assert_eq!(place.files().len(), 7);
}

#[test]
fn reasons_choose_entries() {
    let place = Place::new();
    let id = connection("id");
    let entries =
        ["error", "Error 7", "rebuffer", "auto-dumped"].map(|reason| id.reason(reason).entry(&records(0..3)));
    let input = stream(&place, &entries.concat());
    run(&place, place.bblogd(&["-f", &input, "-r", "ERR"]));
    let reasons: Vec<_> = place.records().iter().map(|line| line["reason"].clone()).collect();
    assert_eq!(reasons, ["error", "Error 7"]);
}

#[test]
fn small_entries_are_kept_unless_asked() {
    let (keep, drop) = (Place::new(), Place::new());
    let id = connection("id");
    let entries = [
        id.reason("error").entry(&records(0..10)),
        id.reason("error").entry(&records(0..11)),
        id.reason("rebuffer").entry(&records(0..1)),
        id.reason("errors").entry(&records(0..1)),
    ]
    .concat();
    run(&keep, keep.bblogd(&["-f", &stream(&keep, &entries)]));
    assert_eq!(keep.records().len(), 4);
    run(&drop, drop.bblogd(&["-f", &stream(&drop, &entries), "--drop-small"]));
    let counts: Vec<_> = drop.records().iter().map(|line| line["record_count"].clone()).collect();
    assert_eq!(counts, [11, 1]);
    assert_eq!(Place::names(&drop.out()).len(), 3);
}

#[test]
fn single_takes_the_first_entry() {
    let place = Place::new();
    let (fifo, mut writer) = place.fifo("dev");
    let daemon = start(&place, place.bblogd(&["-f", fifo.to_str().unwrap(), "-s"]));
    let id = connection("id");
    writer.write_all(&[id.entry(&records(0..3)), id.entry(&records(3..6))].concat()).unwrap();
    daemon.ends_well();
    assert_eq!(reading::serials(&reading::blocks(&place.files()[0])), [0, 1, 2]);
    assert_eq!(place.records().len(), 1);
}

#[test]
fn unknown_types_and_long_entries_are_skipped_and_counted() {
    let place = Place::new();
    let id = connection("id");
    let mut other = id.entry(&records(0..3));
    other[4] = 7;
    let long = id.entry(&records(0..20));
    let (fifo, mut writer) = place.fifo("dev");
    let daemon = start(&place, place.bblogd(&["-f", fifo.to_str().unwrap(), "--max-entry-size", "4K"]));
    writer.write_all(&[other, long, id.entry(&records(0..2))].concat()).unwrap();
    until("the file", || !place.files().is_empty(), || daemon.log());
    daemon.signal(Signal::SIGUSR1);
    daemon.wait_for("queue waits");
    let log = daemon.stop();
    assert!(log.contains("entry type 7, expected 1 (BBLog); 1192 bytes skipped"), "{log}");
    assert!(log.contains("entry length 6768, expected 208 to 4096; 6768 bytes skipped"), "{log}");
    assert_eq!(counter(&log, "skipped entries"), 2);
    assert_eq!(reading::serials(&reading::blocks(&place.files()[0])), [0, 1]);
}

#[test]
fn a_stream_that_cannot_be_followed_ends_with_what_was_read() {
    let place = Place::new();
    let id = connection("id");
    let input = stream(&place, &[id.entry(&records(0..3)), b"garbage ".repeat(40)].concat());
    let (status, log) = start(&place, place.bblogd(&["-f", &input])).wait();
    assert_eq!(status.code(), Some(1));
    assert!(log.contains("offset 1192: BBLog version"), "{log}");
    assert_eq!(reading::serials(&reading::blocks(&place.files()[0])), [0, 1, 2]);

    let place = Place::new();
    let input = stream(&place, &id.entry(&records(0..3))[..1000]);
    let (status, log) = start(&place, place.bblogd(&["-f", &input])).wait();
    assert_eq!(status.code(), Some(1));
    assert!(log.contains("the stream ends inside an entry"), "{log}");
    assert_eq!(reading::serials(&reading::blocks(&place.files()[0])), [0, 1]);
}

#[test]
fn what_waits_is_written_within_moments() {
    let place = Place::new();
    let (fifo, mut writer) = place.fifo("dev");
    let daemon = start(&place, place.bblogd(&["-f", fifo.to_str().unwrap()]));
    let entry = connection("id").entry(&records(0..10));
    writer.write_all(&entry[..208 + 5 * 328 + 100]).unwrap();
    let part = place.out().join("id_1000_10.0.0.2_2000.0.pcapng.part");
    let read = || fs::read(&part).map_or(0, |bytes| reading::serials(&reading::until_torn(&bytes)).len());
    until("the unfinished file", || read() == 5, || daemon.log());
    assert_eq!(reading::serials(&reading::blocks(&part)), [0, 1, 2, 3, 4]);
    assert!(place.files().is_empty());
    // SIGTERM in the middle of an entry: what came of it is kept.
    let (status, log) = {
        daemon.signal(Signal::SIGTERM);
        daemon.wait()
    };
    assert!(log.contains("the stream ends inside an entry"), "{status}: {log}");
    assert_eq!(reading::serials(&reading::blocks(&place.files()[0])), [0, 1, 2, 3, 4]);
    assert!(!part.exists());
}

#[test]
fn sigterm_takes_what_is_there() {
    let place = Place::new();
    let (fifo, mut writer) = place.fifo("dev");
    let daemon = start(&place, place.bblogd(&["-f", fifo.to_str().unwrap(), "--log-format", "json"]));
    until("the folder", || place.out().exists(), || daemon.log());
    for number in 0..20 {
        writer.write_all(&connection("id").entry(&records(number * 5..number * 5 + 5))).unwrap();
    }
    daemon.stop();
    let serials: Vec<u32> = (0..20)
        .flat_map(|number| {
            let name = format!("id_1000_10.0.0.2_2000.{number}.pcapng");
            reading::serials(&reading::blocks(&place.out().join(name)))
        })
        .collect();
    assert_eq!(serials, (0..100).collect::<Vec<_>>());
}

#[test]
fn counters_on_sigusr1() {
    let place = Place::new();
    let (fifo, mut writer) = place.fifo("dev");
    let daemon = start(&place, place.bblogd(&["-f", fifo.to_str().unwrap()]));
    writer.write_all(&connection("a").entry(&records(0..7))).unwrap();
    writer.write_all(&connection("b").entry(&[record(0), record(5)])).unwrap();
    until("files", || place.files().len() == 2, || daemon.log());
    daemon.signal(Signal::SIGUSR1);
    daemon.wait_for("queue waits");
    let log = daemon.log();
    let of = |name| counter(&log, name);
    assert_eq!((of("entries"), of("records"), of("files"), of("missing"), of("dropped")), (2, 9, 2, 4, 0));
    assert_eq!(of("bytes in"), 2 * 208 + 9 * 328);
    let size: u64 = place.files().iter().map(|path| path.metadata().unwrap().len()).sum();
    assert_eq!((of("bytes out"), of("queue")), (size, 0));
    daemon.stop();

    // In JSON the same numbers stand in keys.
    let daemon = start(&place, place.bblogd(&["-f", fifo.to_str().unwrap(), "--log-format", "json"]));
    writer.write_all(&connection("a").entry(&records(0..7))).unwrap();
    until("files", || place.files().len() == 3, || daemon.log());
    daemon.signal(Signal::SIGUSR1);
    daemon.wait_for("queue_waits");
    let line: serde_json::Value = serde_json::from_str(daemon.log().lines().last().unwrap()).unwrap();
    assert_eq!(
        (&line["records"], &line["level"], &line["program"]),
        (&7.into(), &"info".into(), &"bblogd".into())
    );
}

#[test]
fn sighup_opens_the_index_anew() {
    let place = Place::new();
    let (fifo, mut writer) = place.fifo("dev");
    let daemon = start(&place, place.bblogd(&["-f", fifo.to_str().unwrap()]));
    let index = place.out().join("records");
    let lines = |path: &Path| fs::read_to_string(path).unwrap_or_default().lines().count();
    writer.write_all(&connection("a").entry(&records(0..1))).unwrap();
    until("a line", || lines(&index) == 1, || daemon.log());
    // As newsyslog(8) and logrotate(8) do it.
    fs::rename(&index, place.out().join("records.old")).unwrap();
    daemon.signal(Signal::SIGHUP);
    // Signals come in order, so the answer to this one says that the other was taken.
    daemon.signal(Signal::SIGUSR1);
    daemon.wait_for("queue waits");
    writer.write_all(&connection("b").entry(&records(0..1))).unwrap();
    until("a new line", || lines(&index) == 1, || daemon.log());
    assert_eq!(lines(&place.out().join("records.old")), 1);
    assert!(fs::read_to_string(&index).unwrap().contains("\"pbcid\":\"b\""));
    daemon.stop();
}

#[test]
fn the_pid_file_says_who_runs() {
    let place = Place::new();
    let (fifo, _writer) = place.fifo("dev");
    let pid_file = place.join("pid");
    let arguments = ["-f", fifo.to_str().unwrap(), "-p", pid_file.to_str().unwrap()];
    let daemon = start(&place, place.bblogd(&arguments));
    let pid = || fs::read_to_string(&pid_file).unwrap_or_default();
    until("the pid", || pid() == format!("{}\n", daemon.pid()), || daemon.log());
    let (status, log) = start(&place, place.bblogd(&arguments)).wait();
    assert_eq!(status.code(), Some(1));
    let expected =
        format!("bblogd: {}: bblogd runs already, with pid {}\n", pid_file.display(), daemon.pid());
    assert_eq!(log, expected);
    assert_eq!(pid(), format!("{}\n", daemon.pid()));
    daemon.stop();
    assert_eq!(pid(), "");
}

#[test]
fn in_the_background() {
    let place = Place::new();
    let (fifo, mut writer) = place.fifo("dev");
    let pid_file = place.join("pid");
    let arguments = ["-d", "-f", fifo.to_str().unwrap(), "-p", pid_file.to_str().unwrap()];
    let said = run(&place, place.bblogd(&arguments));
    assert_eq!(said, "");
    let pid = || fs::read_to_string(&pid_file).unwrap_or_default().trim().parse::<i32>().unwrap_or(0);
    until("the pid", || pid() > 0, String::new);
    let pid = pid();
    // pid (comm) state ppid pgrp session tty ...
    let stat = fs::read_to_string(format!("/proc/{pid}/stat")).unwrap();
    let stat: Vec<&str> = stat.rsplit_once(") ").unwrap().1.split(' ').collect();
    assert_eq!(stat[3], pid.to_string(), "leads a session of its own");
    assert_eq!(stat[4], "0", "without a terminal");
    assert_eq!(fs::read_link(format!("/proc/{pid}/cwd")).unwrap(), Path::new("/"));
    for stream in 0..3 {
        let to = fs::read_link(format!("/proc/{pid}/fd/{stream}")).unwrap();
        assert_eq!(to, Path::new("/dev/null"), "{stream}");
    }
    writer.write_all(&connection("id").entry(&records(0..3))).unwrap();
    until("a file", || place.files().len() == 1, String::new);
    nix::sys::signal::kill(nix::unistd::Pid::from_raw(pid), Signal::SIGTERM).unwrap();
    until("its end", || !Path::new(&format!("/proc/{pid}/exe")).exists(), String::new);
    assert_eq!(fs::read_to_string(&pid_file).unwrap(), "");
}

#[test]
fn a_second_sigterm_does_not_wait() {
    // A reader that stopped reading keeps the program in a write.
    let place = Place::new();
    let (fifo, mut writer) = place.fifo("dev");
    let (out, _reader) = place.fifo("stream");
    let mut command = program();
    command.args(["-f", fifo.to_str().unwrap(), "-o", out.to_str().unwrap()]);
    let daemon = start(&place, command);
    writer.write_all(&connection("id").entry(&records(0..180))).unwrap();
    writer.write_all(&connection("id").entry(&records(180..360))).unwrap();
    std::thread::sleep(std::time::Duration::from_millis(100));
    daemon.signal(Signal::SIGTERM);
    std::thread::sleep(std::time::Duration::from_millis(50));
    daemon.signal(Signal::SIGTERM);
    let (status, _) = daemon.wait();
    assert_eq!(status.code(), Some(1));
}

#[test]
fn wrong_usage_has_status_2() {
    for arguments in
        [&["--nonsense"][..], &["-o", "-", "-J"], &["--eventlog", "tcp:9"], &["--rotate-time", "soon"]]
    {
        let output = program().args(arguments).output().unwrap();
        assert_eq!(output.status.code(), Some(2), "{arguments:?}");
    }
    let help = program().arg("-h").output().unwrap();
    assert!(help.status.success());
    let help = String::from_utf8(help.stdout).unwrap();
    for option in ["-D", "-d", "-f", "-J", "-p", "-u", "-r", "-s", "-o", "--eventlog", "check"] {
        assert!(help.contains(option), "{option}");
    }
}

#[test]
fn the_oldest_complete_files_go() {
    let place = Place::new();
    let id = connection("id");
    let (fifo, mut writer) = place.fifo("dev");
    let max = "20K";
    let daemon = start(&place, place.bblogd(&["-f", fifo.to_str().unwrap(), "--max-total-size", max]));
    for number in 0..30_u32 {
        // About 3.4 KB each.
        writer.write_all(&id.entry(&records(number * 10..number * 10 + 10))).unwrap();
    }
    until("30 lines", || place.records().len() == 30, || daemon.log());
    daemon.signal(Signal::SIGUSR1);
    daemon.wait_for("queue waits");
    let log = daemon.stop();
    let left = place.files();
    let size: u64 = left.iter().map(|path| path.metadata().unwrap().len()).sum();
    assert!(size <= 20 << 10 && size > 10 << 10, "{size}");
    // The youngest are those left.
    let mut numbers: Vec<u32> =
        left.iter().map(|path| path.to_str().unwrap().rsplit('.').nth(1).unwrap().parse().unwrap()).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (30 - numbers.len() as u32..30).collect::<Vec<_>>());
    assert_eq!(counter(&log, "deleted"), 30 - numbers.len() as u64);
}

#[test]
fn from_a_shell() {
    // mkfifo dev && (cat LOG > dev &) && bblogd -f dev -D out && ls out
    let place = Place::new();
    let log = bblog_tests::fixtures::fixture("rack_reqresp.tcplog");
    let script = format!(
        "cd {} && mkfifo dev && (cat {} > dev &) && {} -f dev -D out && ls out",
        place.path().display(),
        log.display(),
        env!("CARGO_BIN_EXE_bblogd")
    );
    let output = Command::new("sh").arg("-c").arg(script).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    let names = String::from_utf8(output.stdout).unwrap();
    assert!(
        names.lines().count() >= 2 && names.contains(".0.pcapng\n") && names.contains("records\n"),
        "{names}"
    );
}

#[test]
fn the_manual_has_every_option() {
    let help = program().arg("--help").output().unwrap();
    let help = String::from_utf8(help.stdout).unwrap();
    let page = Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging/man/bblogd.8");
    let page = fs::read_to_string(page).unwrap();
    let mut options = 0;
    for word in help.lines().filter_map(|line| line.trim_start().split("--").nth(1)) {
        let name: String = word.chars().take_while(|c| c.is_ascii_lowercase() || *c == '-').collect();
        // mdoc(7) writes the second hyphen as part of the name.
        if help.contains(&format!("  --{name} ")) || help.contains(&format!(", --{name}")) {
            assert!(page.contains(&format!("Fl -{name}")), "{name}");
            options += 1;
        }
    }
    assert!(options > 20, "{options}");
}
