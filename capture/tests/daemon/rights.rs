// SPDX-License-Identifier: BSD-2-Clause
//! What is left of root's rights.

use std::collections::HashMap;
use std::fs;
use std::io::Write;
use std::os::unix::fs::MetadataExt;
use std::path::Path;
use std::process::Command;

use nix::sys::signal::Signal;

use crate::bblogd::{Daemon, Place, is_root, program, start, until};
use crate::devices::Kernel;
use crate::made::{connection, records, session_begin, session_end, session_events};

/// `/proc/PID/status`, by name.
fn status(daemon: &Daemon) -> HashMap<String, String> {
    let text = fs::read_to_string(format!("/proc/{}/status", daemon.pid())).unwrap();
    let pair =
        |line: &str| line.split_once(':').map(|(name, value)| (name.to_owned(), value.trim().to_owned()));
    text.lines().filter_map(pair).collect()
}

#[test]
fn root_becomes_nobody_and_stays_so() {
    if !is_root() {
        return eprintln!("not root, left out");
    }
    for user in [None, Some("daemon")] {
        let place = Place::new();
        let (fifo, _writer) = place.fifo("dev");
        // Only root may read the device and write the pid file.
        fs::set_permissions(&fifo, std::os::unix::fs::PermissionsExt::from_mode(0o400)).unwrap();
        fs::set_permissions(place.path(), std::os::unix::fs::PermissionsExt::from_mode(0o755)).unwrap();
        let pid = place.join("pid");
        let mut command = place.bblogd(&["-f", fifo.to_str().unwrap(), "-p", pid.to_str().unwrap()]);
        command.args(user.iter().flat_map(|user| ["-u", user]));
        let daemon = start(&place, command);
        let user = nix::unistd::User::from_name(user.unwrap_or("nobody")).unwrap().unwrap();
        let status = status(&daemon);
        let four = |id: u32| [id; 4].map(|id| id.to_string()).join("\t");
        // Real, effective, saved, file system.
        assert_eq!(status["Uid"], four(user.uid.as_raw()));
        assert_eq!(status["Gid"], four(user.gid.as_raw()));
        assert_eq!(status["Groups"], user.gid.to_string());
        assert_eq!(status["NoNewPrivs"], "1");
        for set in ["CapInh", "CapPrm", "CapEff"] {
            assert_eq!(u64::from_str_radix(&status[set], 16).unwrap(), 0, "{set}");
        }
        // The folder it made is that user's.
        assert_eq!(place.out().metadata().unwrap().uid(), user.uid.as_raw());
        assert_eq!(place.out().metadata().unwrap().mode() & 0o7777, 0o750);
        let written = || fs::read_to_string(&pid).unwrap() == format!("{}\n", daemon.pid());
        until("the pid", written, || daemon.log());
        daemon.stop();
    }
}

#[test]
fn users_that_cannot_be() {
    let place = Place::new();
    let nothing = place.file("nothing", b"");
    let (status, log) =
        start(&place, place.bblogd(&["-f", nothing.to_str().unwrap(), "-u", "no-such-user"])).wait();
    assert_eq!(status.code(), Some(1));
    assert_eq!(log, "bblogd: user no-such-user: unknown, expected a name in passwd(5)\n");
    assert!(!place.out().exists(), "nothing was made");
}

#[test]
fn somebody_else_runs_as_he_is() {
    if !is_root() {
        return eprintln!("not root, left out");
    }
    use std::os::unix::process::CommandExt;
    let place = Place::new();
    let stream = bblog_tests::fixtures::fixture("default_refused.tcplog");
    let copy = place.file("stream", &fs::read(stream).unwrap());
    // The program where everybody can run it.
    let program = place.join("bblogd");
    bblog_tests::programs::copy(Path::new(env!("CARGO_BIN_EXE_bblogd")), &program);
    let as_nobody = |arguments: &[&str]| {
        let mut command = Command::new(&program);
        command.arg("-D").arg(place.out()).arg("-f").arg(&copy).args(arguments).uid(65534).gid(65534);
        start(&place, command).wait()
    };
    let (status, log) = as_nobody(&[]);
    assert!(status.success(), "{log}");
    assert_eq!(place.files().len(), 1);
    let (status, log) = as_nobody(&["-u", "root"]);
    assert_eq!(status.code(), Some(1));
    assert_eq!(log, "bblogd: user root: started by uid 65534, expected root\n");
}

#[test]
fn finished_files_are_read_only() {
    let place = Place::new();
    let stream = bblog_tests::fixtures::fixture("default_refused.tcplog");
    start(&place, place.bblogd(&["-f", stream.to_str().unwrap()])).ends_well();
    let mode = |path: &Path| path.metadata().unwrap().mode() & 0o7777;
    assert_eq!(mode(&place.files()[0]), 0o440);
    assert_eq!(mode(&place.out().join("records")), 0o640);
    assert_eq!(mode(&place.out()), 0o750);
    // What grows, and a stream's file.
    let place = Place::new();
    let (fifo, mut writer) = place.fifo("dev");
    let daemon = start(&place, place.bblogd(&["-f", fifo.to_str().unwrap()]));
    writer.write_all(&connection("id").entry(&records(0..4))[..208 + 2 * 328]).unwrap();
    let growing = || Place::names(&place.out()).into_iter().find(|name| name.ends_with(".part"));
    until("a growing file", || growing().is_some(), || daemon.log());
    assert_eq!(mode(&place.out().join(growing().unwrap())), 0o640);
    drop(daemon);
    let out = place.join("all.pcapng");
    let mut command = program();
    command.args(["-f", stream.to_str().unwrap(), "-o", out.to_str().unwrap()]);
    start(&place, command).ends_well();
    assert_eq!(mode(&out), 0o640);
    // With another mode, whatever the umask.
    let place = Place::new();
    let mut command = Command::new("sh");
    command.args(["-c", "umask 077; exec \"$@\"", "sh", env!("CARGO_BIN_EXE_bblogd")]);
    command.arg("-D").arg(place.out()).arg("-f").arg(&stream).args(["--mode", "664"]);
    start(&place, command).ends_well();
    assert_eq!(mode(&place.files()[0]), 0o444);
    assert_eq!(mode(&place.out().join("records")), 0o664);
}

#[test]
fn a_folder_in_a_folder_of_others_is_given_away_by_its_descriptor() {
    if !is_root() {
        return eprintln!("not root, left out");
    }
    // Another user's folder, and one of root's that a link leads to when bblogd has made its own. A
    // preloaded library plays that user in the moment between.
    let kernel = Kernel::bare();
    let place = &kernel.place;
    let stream = bblog_tests::fixtures::fixture("default_refused.tcplog");
    let victim = place.join("victim");
    fs::create_dir(&victim).unwrap();
    kernel.set("replace", format!("{}\n", victim.display()));
    let (status, log) = start(place, kernel.bblogd(&["-f", stream.to_str().unwrap()])).wait();
    assert!(kernel.journal().contains("replaced a folder"), "{}", kernel.journal());
    assert_eq!(victim.metadata().unwrap().uid(), 0, "{log}");
    assert_eq!(status.code(), Some(1), "{log}");
    assert_eq!(Place::names(&victim), [""; 0]);
}

#[test]
fn what_root_writes_is_reached_by_no_link() {
    let place = Place::new();
    let stream = bblog_tests::fixtures::fixture("default_refused.tcplog");
    let stream = stream.to_str().unwrap();
    let victim = place.file("victim", b"precious");
    let (soft, hard) = (place.join("soft"), place.join("hard"));
    std::os::unix::fs::symlink(&victim, &soft).unwrap();
    fs::hard_link(&victim, &hard).unwrap();
    for link in [&soft, &hard] {
        let mut command = program();
        command.args(["-f", stream, "-o"]).arg(link);
        let (status, log) = start(&place, command).wait();
        assert_eq!(status.code(), Some(1), "{log}");
        let why = if link == &soft {
            "is a symbolic link, expected a regular file"
        } else {
            "has other names, expected a file of its own"
        };
        let expected = format!("bblogd: {}: {why}\n", link.display());
        assert_eq!(log, expected);
        let (status, log) = start(&place, place.bblogd(&["-f", stream, "-p", link.to_str().unwrap()])).wait();
        assert_eq!(status.code(), Some(1), "{log}");
        assert_eq!(log, expected);
        assert_eq!(fs::read(&victim).unwrap(), b"precious");
    }
    assert!(!place.out().exists());
}

#[test]
fn a_start_that_fails_leaves_nothing() {
    let kernel = Kernel::bare();
    let pid = kernel.place.join("pid");
    let before = Place::names(kernel.place.path());
    let arguments = ["--eventlog", "tcp", "-p", pid.to_str().unwrap()];
    let (status, log) = start(&kernel.place, kernel.bblogd(&arguments)).wait();
    assert_eq!(status.code(), Some(1), "{log}");
    assert!(log.contains("/dev/eventlog: no such device"), "{log}");
    let after: Vec<_> = Place::names(kernel.place.path());
    assert_eq!(
        after.iter().filter(|name| !name.starts_with("log-")).collect::<Vec<_>>(),
        before.iter().collect::<Vec<_>>()
    );
    // A pid file that was there stays.
    fs::write(&pid, "").unwrap();
    let (status, _) = start(&kernel.place, kernel.bblogd(&arguments)).wait();
    assert_eq!(status.code(), Some(1));
    assert!(pid.exists() && !kernel.place.out().exists());
}

#[test]
fn what_cannot_be_a_file_of_its_own_is_no_index() {
    use std::os::unix::fs::symlink;
    // Planted by others: bblogd must neither wait for it nor write through it, and its status tells
    // that lines are lost.
    type Plant = fn(&Path);
    let plants: [(&str, Plant, &str); 4] = [
        (
            "fifo",
            |path| nix::unistd::mkfifo(path, nix::sys::stat::Mode::from_bits_truncate(0o666)).unwrap(),
            "is no regular file",
        ),
        ("folder", |path| fs::create_dir(path).unwrap(), "is no regular file"),
        ("link", |path| symlink("victim", path).unwrap(), "is a symbolic link, expected a regular file"),
        ("socket", |path| drop(std::os::unix::net::UnixListener::bind(path).unwrap()), "is no regular file"),
    ];
    for (what, plant, found) in plants {
        let place = Place::new();
        fs::create_dir(place.out()).unwrap();
        fs::set_permissions(place.out(), std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
        plant(&place.out().join("records"));
        let stream = bblog_tests::fixtures::fixture("default_refused.tcplog");
        let (status, log) = start(&place, place.bblogd(&["-f", stream.to_str().unwrap()])).wait();
        assert_eq!(status.code(), Some(1), "{what}: {log}");
        let line = format!("bblogd: records: 1 line not written: {found}\n");
        assert!(log.contains(&line), "{what}: {log}");
        assert_eq!(place.files().len(), 1, "{what}");
    }
}

#[test]
fn a_status_file_replaces_nothing_else() {
    use std::os::unix::fs::symlink;
    type Plant = fn(&Path);
    let stream = bblog_tests::fixtures::fixture("default_refused.tcplog");
    let started = |place: &Place, file: &Path| {
        let arguments = ["-f", stream.to_str().unwrap(), "--status-file", file.to_str().unwrap()];
        start(place, place.bblogd(&arguments)).wait()
    };
    let others: [(&str, Plant, &str); 5] = [
        (
            "fifo",
            |path| nix::unistd::mkfifo(path, nix::sys::stat::Mode::from_bits_truncate(0o666)).unwrap(),
            "is no regular file",
        ),
        ("folder", |path| fs::create_dir(path).unwrap(), "is no regular file"),
        ("link", |path| symlink("victim", path).unwrap(), "is a symbolic link, expected a regular file"),
        ("socket", |path| drop(std::os::unix::net::UnixListener::bind(path).unwrap()), "is no regular file"),
        (
            "index",
            |path| fs::write(path, "{\"date\":\"2026\"}\n").unwrap(),
            "is no status file of bblogd, expected one or no file",
        ),
    ];
    for (what, plant, why) in others {
        let place = Place::new();
        let file = place.join(what);
        plant(&file);
        let before = fs::symlink_metadata(&file).unwrap();
        let (status, log) = started(&place, &file);
        assert_eq!(status.code(), Some(1), "{what}: {log}");
        assert_eq!(log, format!("bblogd: {}: {why}\n", file.display()));
        let after = fs::symlink_metadata(&file).unwrap();
        assert_eq!((before.file_type(), before.len()), (after.file_type(), after.len()), "{what}");
        assert!(!place.out().exists(), "{what}");
    }
    // An empty file, and the status of the run before.
    let place = Place::new();
    let file = place.file("bblogd.prom", b"");
    for _ in 0..2 {
        let (status, log) = started(&place, &file);
        assert!(status.success(), "{log}");
        assert!(fs::read_to_string(&file).unwrap().contains("\nbblogd_up 0\n"));
    }
}

#[test]
fn names_of_others_are_not_told_raw() {
    // What another process wrote into the pid file is not repeated to the terminal.
    let place = Place::new();
    let pid = place.file("pid", b"\x1b[2Jbell\x07\n");
    let lock = fs::File::open(&pid).unwrap();
    let _lock = nix::fcntl::Flock::lock(lock, nix::fcntl::FlockArg::LockExclusive).unwrap();
    let (status, log) = start(&place, place.bblogd(&["-f", "/dev/null", "-p", pid.to_str().unwrap()])).wait();
    assert_eq!(status.code(), Some(1));
    assert_eq!(
        log,
        format!("bblogd: {}: bblogd is running already, and its pid file holds no number\n", pid.display())
    );
    // Nor is a path.
    let (_, log) = start(&place, place.bblogd(&["-f", "no\x1b[2J\nfile"])).wait();
    assert_eq!(log, "bblogd: no\\u{1b}[2J\\u{a}file: No such file or directory\n");
}

#[test]
fn nothing_is_done_that_capability_mode_forbids() {
    // A whole life, under a library that ends the process as kern.trap_enotcap=1 does.
    let kernel = Kernel::new();
    kernel.set("strict", "");
    let place = &kernel.place;
    let (fifo, mut writer) = place.fifo("fifo");
    let log = std::os::unix::net::UnixDatagram::bind(place.join("dev/log")).unwrap();
    let status_file = place.out().join("bblogd.prom");
    let arguments = [
        "-f",
        fifo.to_str().unwrap(),
        "--eventlog",
        "tcp",
        "-J",
        "--rotate-size",
        "4K",
        "--max-total-size",
        "64K",
        "--max-age",
        "1h",
        "--retry",
        "50ms",
        "--syslog",
        "--status-file",
        status_file.to_str().unwrap(),
    ];
    fs::create_dir(place.out()).unwrap();
    fs::set_permissions(place.out(), std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
    let daemon = kernel.start(&arguments);
    let id = connection("id");
    for number in 0..60 {
        writer.write_all(&id.entry(&records(number * 100..number * 100 + 100))).unwrap();
    }
    kernel.log(&[session_begin(7, "web", 1000), session_events(7, 500), session_end(7)].concat());
    until(
        "deleted files",
        || fs::read_to_string(place.out().join("records")).unwrap_or_default().contains("\"deleted\""),
        || daemon.log(),
    );
    daemon.signal(Signal::SIGHUP);
    daemon.signal(Signal::SIGUSR1);
    kernel.log(&session_begin(8, "torn", 1001));
    until(
        "an unfinished file",
        || {
            Place::names(&place.out())
                .iter()
                .filter(|name| name.starts_with("torn") && name.ends_with("pcapng.part"))
                .any(|name| fs::metadata(place.out().join(name)).is_ok_and(|file| file.len() > 0))
        },
        || daemon.log(),
    );
    daemon.signal(Signal::SIGKILL);
    daemon.wait();
    log.set_nonblocking(true).unwrap();
    let drain = || {
        let mut text = String::new();
        let mut buffer = [0; 4096];
        while let Ok(len) = log.recv(&mut buffer) {
            text.push_str(&String::from_utf8_lossy(&buffer[..len]));
            text.push('\n');
        }
        text
    };
    drain();
    // The next one finishes what was left, and loses its folder and its log.
    let daemon = kernel.start(&arguments);
    until(
        "the finished file",
        || Place::names(&place.out()).iter().any(|name| name.starts_with("torn") && name.ends_with(".xz")),
        || {
            format!(
                "{:#?}\n{}",
                (Place::names(&place.out()), drain()),
                fs::read_to_string(place.out().join("records")).unwrap_or_default()
            )
        },
    );
    daemon.signal(Signal::SIGSTOP);
    fs::remove_dir_all(place.out()).unwrap();
    daemon.signal(Signal::SIGCONT);
    drop(log);
    writer.write_all(&id.entry(&records(0..100))).unwrap();
    std::thread::sleep(std::time::Duration::from_millis(100));
    fs::create_dir(place.out()).unwrap();
    fs::set_permissions(place.out(), std::os::unix::fs::PermissionsExt::from_mode(0o777)).unwrap();
    until(
        "a file",
        || {
            writer.write_all(&id.entry(&records(0..100))).unwrap();
            !place.files().is_empty()
        },
        || daemon.log(),
    );
    daemon.signal(Signal::SIGTERM);
    let (status, log) = daemon.wait();
    assert!(status.code().is_some(), "{status}: {log}\n{}", kernel.journal());
    let journal = kernel.journal();
    assert_eq!(journal.matches("sandbox entered").count(), 2, "{journal}");
    assert!(!journal.contains("violation"), "{journal}");
}
