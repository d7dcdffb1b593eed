// SPDX-License-Identifier: BSD-2-Clause
//! Options, signals, and life in the background.

use std::fs;
use std::io::Write;
use std::os::unix::fs::{MetadataExt, PermissionsExt};
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
    let log = daemon.stops_with_a_loss();
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
        format!("bblogd: {}: bblogd is running already, with pid {}\n", pid_file.display(), daemon.pid());
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
    // What is repeated of the command line controls no terminal.
    let output = program().arg("--no\u{1b}]0;t\u{7}\u{9b}2J\u{202e}\r").output().unwrap();
    let message = String::from_utf8(output.stderr).unwrap();
    assert_eq!(output.status.code(), Some(2), "{message}");
    assert!(message.contains("\\u{9b}2J\\u{202e}\\u{d}"), "{message}");
    assert!(!message.contains(|c: char| c != '\n' && c.is_control() || c == '\u{202e}'), "{message:?}");
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
    fs::create_dir(place.out()).unwrap();
    fs::set_permissions(place.out(), PermissionsExt::from_mode(0o777)).unwrap();
    // Files of others, older than any of bblogd's; and one that looks like a file of bblogd's, takes no
    // room, and claims a terabyte.
    let others =
        ["holiday.2019.pcapng", "backup.1.pcapng", "mine.0.elog", "thesis.3.pcapng.xz", "x_1.0.pcapng.part"];
    for name in others {
        fs::write(place.out().join(name), [0; 20_000]).unwrap();
    }
    let sparse = place.out().join("zz_0.0.pcapng");
    fs::File::create(&sparse).unwrap().set_len(1 << 40).unwrap();
    let daemon = start(&place, place.bblogd(&["-f", fifo.to_str().unwrap(), "--max-total-size", max]));
    for number in 0..30_u32 {
        // About 3.4 KB each.
        writer.write_all(&id.entry(&records(number * 10..number * 10 + 10))).unwrap();
    }
    let deleted =
        || place.records().into_iter().filter(|line| line.get("deleted").is_some()).collect::<Vec<_>>();
    until("30 lines", || place.records().len() - deleted().len() == 30, || daemon.log());
    daemon.signal(Signal::SIGUSR1);
    daemon.wait_for("queue waits");
    let log = daemon.stop();
    let mut left = place.files();
    left.retain(|path| path.to_str().unwrap().contains("/id_"));
    let size: u64 = left.iter().map(|path| path.metadata().unwrap().blocks() * 512).sum();
    assert!(size <= 20 << 10 && left.len() > 2, "{size}, {} files", left.len());
    // The youngest are those left.
    let mut numbers: Vec<u32> =
        left.iter().map(|path| path.to_str().unwrap().rsplit('.').nth(1).unwrap().parse().unwrap()).collect();
    numbers.sort_unstable();
    assert_eq!(numbers, (30 - numbers.len() as u32..30).collect::<Vec<_>>());
    assert_eq!(counter(&log, "deleted"), 30 - numbers.len() as u64);
    // The index says which were deleted, and why.
    let lines = deleted();
    assert_eq!(lines.len(), 30 - numbers.len());
    for (number, line) in lines.iter().enumerate() {
        assert_eq!(line["filename"], format!("id_1000_10.0.0.2_2000.{number}.pcapng"));
        assert_eq!(line["deleted"], "max-total-size");
        assert!(
            line["bytes"].as_u64().unwrap() >= 3400 && line["date"].as_str().unwrap().ends_with(" +0000")
        );
    }
    for name in others {
        assert_eq!(fs::read(place.out().join(name)).unwrap(), [0; 20_000], "{name}");
    }
    assert!(sparse.exists());
}

/// What counts is the room on the disk: a small file takes a block.
#[test]
fn small_files_take_room_too() {
    let place = Place::new();
    let stream: Vec<u8> =
        (0..40).flat_map(|number| connection("id").entry(&records(number..number + 1))).collect();
    let stream = place.file("stream", &stream);
    let log = run(&place, place.bblogd(&["-f", stream.to_str().unwrap(), "--max-total-size", "20K"]));
    let room: u64 = place.files().iter().map(|path| path.metadata().unwrap().blocks() * 512).sum();
    assert!((1..=20 << 10).contains(&room), "{room}: {:?}", place.files());
    assert!(log.contains("oldest files deleted for --max-total-size"), "{log}");
}

#[test]
fn files_that_are_too_old_go() {
    let place = Place::new();
    let (fifo, mut writer) = place.fifo("dev");
    let daemon = start(&place, place.bblogd(&["-f", fifo.to_str().unwrap(), "--max-age", "1s"]));
    writer.write_all(&connection("id").entry(&records(0..10))).unwrap();
    until("a file", || place.files().len() == 1, || daemon.log());
    let seen = std::time::Instant::now();
    until("no file", || place.files().is_empty(), || daemon.log());
    assert!(seen.elapsed().as_millis() > 500, "{:?}", seen.elapsed());
    let lines = place.records();
    assert_eq!((lines.len(), &lines[1]["deleted"]), (2, &"max-age".into()), "{lines:?}");
    assert_eq!(daemon.stop(), "bblogd: 1 oldest file deleted for --max-age\n");
}

#[test]
fn what_a_killed_run_began_to_compress_is_compressed() {
    let place = Place::new();
    let input = stream(&place, &connection("id").entry(&records(0..50)));
    fs::create_dir(place.out()).unwrap();
    fs::set_permissions(place.out(), PermissionsExt::from_mode(0o777)).unwrap();
    // While another bblogd has the folder's lock nothing is finished at the start: so the stale file
    // is there when its name is needed.
    let lock = fs::File::open(place.out()).unwrap();
    let _lock = nix::fcntl::Flock::lock(lock, nix::fcntl::FlockArg::LockExclusive).unwrap();
    for end in ["xz", "zst"] {
        fs::write(place.out().join(format!("id_1000_10.0.0.2_2000.0.pcapng.{end}.part")), "half a file")
            .unwrap();
    }
    for (option, name) in
        [("-J", "id_1000_10.0.0.2_2000.0.pcapng.xz"), ("--zstd", "id_1000_10.0.0.2_2000.1.pcapng.zst")]
    {
        let log = run(&place, place.bblogd(&["-f", &input, option]));
        assert!(!log.contains("not compressed"), "{log}");
        assert!(place.out().join(name).exists(), "{:?}", place.files());
    }
    assert!(!place.out().join("id_1000_10.0.0.2_2000.0.pcapng.xz.part").exists());
}

#[test]
fn a_run_that_was_killed_while_it_compressed_is_finished_without_complaint() {
    let place = Place::new();
    let input = stream(&place, &connection("id").entry(&records(0..50)));
    run(&place, place.bblogd(&["-f", &input]));
    let (complete, part) = (place.files()[0].clone(), "id_1000_10.0.0.2_2000.0.pcapng");
    fs::set_permissions(&complete, PermissionsExt::from_mode(0o640)).unwrap();
    fs::rename(&complete, place.out().join(format!("{part}.part"))).unwrap();
    let half = place.out().join(format!("{part}.xz.part"));
    fs::copy(place.out().join(format!("{part}.part")), &half).unwrap();
    fs::File::options().write(true).open(&half).unwrap().set_len(24).unwrap();
    let owner = fs::metadata(place.out().join(format!("{part}.part"))).unwrap();
    std::os::unix::fs::chown(&half, Some(owner.uid()), Some(owner.gid())).unwrap();
    let nothing = place.file("nothing", b"");
    let log = run(&place, place.bblogd(&["-f", nothing.to_str().unwrap(), "-J"]));
    assert_eq!(log, format!("bblogd: {part}.part: unfinished, finished now\n"));
    assert_eq!(place.files(), [place.out().join(format!("{part}.xz"))]);
}

#[test]
fn the_index_stays_json_when_newsyslog_turns_it_over() {
    // What newsyslog(8) does with the sample's line: with the flag B it adds no line of its own.
    let sample = Path::new(env!("CARGO_MANIFEST_DIR"))
        .join("../packaging/freebsd/net/bblog/files/newsyslog.conf.sample.in");
    let sample = fs::read_to_string(sample).unwrap();
    let line = sample.lines().find(|line| line.starts_with("/var/log/tcplog_dumps/records")).unwrap();
    let fields: Vec<&str> = line.split_whitespace().collect();
    let [_, owner, mode, _, _, _, flags, _, signal] = fields[..] else { panic!("{line}") };
    assert_eq!((owner, mode, signal), ("nobody:nobody", "640", "1"));
    let place = Place::new();
    let (fifo, mut writer) = place.fifo("dev");
    let daemon = start(&place, place.bblogd(&["-f", fifo.to_str().unwrap()]));
    let index = place.out().join("records");
    writer.write_all(&connection("a").entry(&records(0..1))).unwrap();
    until("a line", || place.records().len() == 1, || daemon.log());
    fs::rename(&index, place.out().join("records.0")).unwrap();
    let text =
        if flags.contains('B') { "" } else { "Nov 29 00:00:00 host newsyslog[1]: logfile turned over\n" };
    fs::write(&index, text).unwrap();
    fs::set_permissions(&index, PermissionsExt::from_mode(0o666)).unwrap();
    daemon.signal(Signal::SIGHUP);
    daemon.signal(Signal::SIGUSR1);
    daemon.wait_for("queue waits");
    writer.write_all(&connection("b").entry(&records(0..1))).unwrap();
    until("a line", || fs::read_to_string(&index).unwrap().contains("\"b\""), || daemon.log());
    assert_eq!(place.records().len(), 1, "every line is JSON");
    daemon.stop();
}

#[test]
fn the_status_file_and_what_reads_it() {
    let place = Place::new();
    let (fifo, mut writer) = place.fifo("dev");
    let file = place.join("bblogd.prom");
    let arguments = ["-f", fifo.to_str().unwrap(), "--status-file", file.to_str().unwrap()];
    let daemon = start(&place, place.bblogd(&arguments));
    until("the file", || file.exists(), || daemon.log());
    writer.write_all(&connection("a").entry(&records(0..7))).unwrap();
    until("a file", || place.files().len() == 1, || daemon.log());
    daemon.signal(Signal::SIGUSR1);
    daemon.wait_for("queue waits");
    let text = || fs::read_to_string(&file).unwrap();
    until("the counters", || text().contains("\nbblogd_records_total 7\n"), text);
    // Each sample follows the two lines about its metric.
    let mut known = std::collections::HashSet::new();
    for line in text().lines() {
        if let Some(about) = line.strip_prefix("# TYPE ") {
            known.insert(about.split_once(' ').unwrap().0.to_owned());
        } else if !line.starts_with("# HELP ") {
            let (name, value) = line.rsplit_once(' ').unwrap();
            assert!(known.contains(name.split('{').next().unwrap()), "{line}");
            value.parse::<f64>().unwrap_or_else(|error| panic!("{line}: {error}"));
        }
    }
    let size: u64 = place.files()[0].metadata().unwrap().len();
    assert!(text().contains(&format!("bblogd_written_bytes_total {size}\n")));
    assert_eq!(file.metadata().unwrap().permissions().mode() & 0o777, 0o644);
    let status = |json: bool| {
        let mut command = program();
        command.args(["status", "--status-file", file.to_str().unwrap()]).args(json.then_some("--json"));
        let output = command.output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    let (code, told) = status(false);
    assert_eq!(code, Some(0), "{told}");
    assert!(told.starts_with("healthy\n") && told.contains("\nrecords_total 7\n"), "{told}");
    // Something is lost, and then it ends.
    let mut unknown = connection("id").entry(&records(0..3));
    unknown[4] = 7;
    writer.write_all(&unknown).unwrap();
    daemon.wait_for("bytes skipped");
    daemon.signal(Signal::SIGUSR1);
    until("the loss", || text().contains("bblogd_lost_total{cause=\"skipped\"} 1\n"), text);
    let (code, told) = status(true);
    let told: serde_json::Value = serde_json::from_str(&told).unwrap();
    assert_eq!((code, &told["healthy"], &told["values"]["up"]), (Some(1), &false.into(), &1.0.into()));
    assert!(told["problems"][0].as_str().unwrap().ends_with("in all: skipped 1"), "{told}");
    daemon.stops_with_a_loss();
    let (code, told) = status(false);
    assert_eq!(code, Some(1));
    assert!(told.starts_with("not healthy\n  bblogd has ended\n"), "{told}");
    fs::remove_file(&file).unwrap();
    let (code, told) = status(false);
    assert_eq!(code, Some(1));
    assert!(told.contains("bblogd.prom: No such file or directory"), "{told}");
    // A folder that the user cannot write is told at the start.
    let (code, log) =
        start(&place, place.bblogd(&["-f", fifo.to_str().unwrap(), "--status-file", "/proc/x.prom"])).wait();
    assert_eq!(code.code(), Some(1), "{log}");
    assert!(log.starts_with("bblogd: /proc/x.prom: "), "{log}");
}

/// A fleet learns of an index that cannot be written while bblogd runs, not when it ends.
#[test]
fn the_status_says_that_the_index_cannot_be_written() {
    let place = Place::new();
    fs::create_dir(place.out()).unwrap();
    fs::set_permissions(place.out(), fs::Permissions::from_mode(0o777)).unwrap();
    let index = place.out().join("records");
    fs::create_dir(&index).unwrap();
    let (fifo, mut writer) = place.fifo("dev");
    let file = place.join("bblogd.prom");
    let arguments = ["-f", fifo.to_str().unwrap(), "--status-file", file.to_str().unwrap()];
    let daemon = start(&place, place.bblogd(&arguments));
    until("the file", || file.exists(), || daemon.log());
    let text = || fs::read_to_string(&file).unwrap();
    let status = || {
        let output = program().args(["status", "--status-file", file.to_str().unwrap()]).output().unwrap();
        (output.status.code(), String::from_utf8(output.stdout).unwrap())
    };
    writer.write_all(&connection("a").entry(&records(0..7))).unwrap();
    daemon.wait_for("its line waits to be written");
    daemon.signal(Signal::SIGUSR1);
    until("the trouble", || text().contains("\nbblogd_output_in_trouble 1\n"), text);
    assert!(text().contains("message=\"records: a_"), "{}", text());
    let (code, told) = status();
    assert_eq!(code, Some(1));
    assert!(told.starts_with("not healthy\n  the output cannot be written\n"), "{told}");
    fs::remove_dir(&index).unwrap();
    writer.write_all(&connection("b").entry(&records(0..7))).unwrap();
    daemon.wait_for("records: written again");
    daemon.signal(Signal::SIGUSR1);
    until("no trouble", || text().contains("\nbblogd_output_in_trouble 0\n"), text);
    let (code, told) = status();
    assert_eq!(code, Some(0), "{told}");
    assert_eq!(fs::read_to_string(&index).unwrap().lines().count(), 2);
    drop(writer);
    let (code, log) = daemon.wait();
    assert!(code.success(), "{log}");
}

#[test]
fn what_is_no_status_file_is_not_healthy() {
    let place = Place::new();
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap().as_secs();
    let good = format!("bblogd_up 1\nbblogd_status_time_seconds {now}\n");
    let run = |text: &[u8], json: bool| {
        let file = place.file("s.prom", text);
        let mut command = program();
        command.args(["status", "--status-file", file.to_str().unwrap()]).args(json.then_some("--json"));
        command.output().unwrap()
    };
    assert_eq!(run(good.as_bytes(), false).status.code(), Some(0));
    let large = format!("{good}{}", "bblogd_x 1\n".repeat(100_000));
    let output = run(large.as_bytes(), false);
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8_lossy(&output.stdout).contains("s.prom: larger than 1048576 bytes"));
    // JSON of hostile names stays JSON, and controls no terminal.
    let output = run(format!("{good}bblogd_x{{a=\"\u{1b}\u{9b}\u{7f}\u{202e}\"}} 5\n").as_bytes(), true);
    let text = String::from_utf8(output.stdout).unwrap();
    assert!(text.contains("\\u001b\\u009b\\u007f\\u202e"), "{text}");
    serde_json::from_str::<serde_json::Value>(&text).unwrap();
    // An answer that cannot be printed is no success.
    let file = place.file("s.prom", good.as_bytes());
    let mut command = program();
    command.args(["status", "--status-file", file.to_str().unwrap()]);
    let output = command.stdout(fs::File::create("/dev/full").unwrap()).output().unwrap();
    assert_eq!(output.status.code(), Some(1));
    assert_eq!(String::from_utf8_lossy(&output.stderr), "bblogd: standard output: No space left on device\n");
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
