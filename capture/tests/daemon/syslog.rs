// SPDX-License-Identifier: BSD-2-Clause
//! Messages in the system's log: a socket in the place of syslogd(8)'s.

use std::fs;
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::os::unix::net::UnixDatagram;
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::bblogd::{program, start, until};
use crate::devices::Kernel;
use crate::made::{connection, records};

/// LOG_DAEMON with LOG_ERR, LOG_WARNING and LOG_INFO, as syslog(3) counts.
const ERROR: u32 = 27;
const WARNING: u32 = 28;
const INFO: u32 = 30;

/// The system's log begins to listen, as after `service syslogd restart`.
fn listen(kernel: &Kernel) -> UnixDatagram {
    let path = kernel.place.join("dev/log");
    let _ = fs::remove_file(&path);
    let socket = UnixDatagram::bind(&path).unwrap();
    fs::set_permissions(&path, PermissionsExt::from_mode(0o666)).unwrap();
    socket.set_read_timeout(Some(Duration::from_secs(30))).unwrap();
    socket
}

/// The next message: priority, APP-NAME, process id and text.
fn next(log: &UnixDatagram) -> (u32, String, i32, String) {
    let mut buffer = [0; 4096];
    let len = log.recv(&mut buffer).expect("a message within 30 s");
    let text = std::str::from_utf8(&buffer[..len]).unwrap();
    let (priority, rest) = text.strip_prefix('<').unwrap().split_once('>').unwrap();
    let (tag, message) = rest.split_once(": ").unwrap();
    let (name, pid) = tag.strip_suffix(']').unwrap().split_once('[').unwrap();
    (priority.parse().unwrap(), name.to_owned(), pid.parse().unwrap(), message.to_owned())
}

/// The next message with `text` in it.
fn wait_for(log: &UnixDatagram, text: &str) -> (u32, String, i32, String) {
    loop {
        let message = next(log);
        if message.3.contains(text) {
            return message;
        }
    }
}

#[test]
fn messages_have_a_name_a_severity_and_a_text() {
    let kernel = Kernel::bare();
    let log = listen(&kernel);
    let (fifo, mut writer) = kernel.place.fifo("fifo");
    let daemon = start(&kernel.place, kernel.bblogd(&["-f", fifo.to_str().unwrap(), "--syslog"]));
    let pid = daemon.pid();
    let mut unknown = connection("id").entry(&records(0..3));
    unknown[4] = 7;
    writer.write_all(&unknown).unwrap();
    let (priority, name, from, text) = wait_for(&log, "bytes skipped");
    assert_eq!((priority, name.as_str(), from), (WARNING, "bblogd", pid));
    assert!(text.starts_with("/dev/tcp_log stream: entry type 7, expected 1"), "{text}");
    daemon.signal(Signal::SIGUSR1);
    let (priority, name, from, text) = wait_for(&log, "queue waits");
    assert_eq!((priority, name.as_str(), from), (INFO, "bblogd", pid));
    assert!(text.contains("skipped entries 1"), "{text}");
    writer.write_all(&b"garbage ".repeat(40)).unwrap();
    let (priority, name, from, _) = wait_for(&log, "BBLog version");
    assert_eq!((priority, name.as_str(), from), (ERROR, "bblogd", pid));
    let (status, said) = daemon.wait();
    assert_eq!((status.code(), said.as_str()), (Some(1), ""));
}

#[test]
fn a_log_that_is_restarted_is_found_again() {
    let kernel = Kernel::bare();
    kernel.set("strict", "");
    let (fifo, mut writer) = kernel.place.fifo("fifo");
    let mut log = listen(&kernel);
    let daemon = start(&kernel.place, kernel.bblogd(&["-f", fifo.to_str().unwrap(), "--syslog"]));
    until("the sandbox", || kernel.journal().contains("sandbox entered"), || daemon.log());
    daemon.signal(Signal::SIGUSR1);
    wait_for(&log, "queue waits");
    for round in 1..=3 {
        // The socket before is closed by that.
        log = listen(&kernel);
        writer.write_all(&connection("id").entry(&records(0..3))).unwrap();
        until("the file", || kernel.place.files().len() == round, || daemon.log());
        daemon.signal(Signal::SIGUSR1);
        let (priority, name, from, text) = wait_for(&log, "queue waits");
        assert_eq!((priority, name.as_str(), from), (INFO, "bblogd", daemon.pid()));
        assert!(text.contains(&format!("files {round},")), "{text}");
    }
    assert_eq!(daemon.stop(), "");
    assert!(!kernel.journal().contains("violation"), "{}", kernel.journal());
}

#[test]
fn messages_that_were_lost_while_it_was_away_are_counted() {
    let kernel = Kernel::bare();
    kernel.set("strict", "");
    let (fifo, mut writer) = kernel.place.fifo("fifo");
    let log = listen(&kernel);
    let daemon = start(&kernel.place, kernel.bblogd(&["-f", fifo.to_str().unwrap(), "--syslog"]));
    until("the sandbox", || kernel.journal().contains("sandbox entered"), || daemon.log());
    drop(log);
    // A file that appears later than a message was tried.
    let unknown = |number: usize| {
        let mut entry = connection("id").entry(&records(0..3));
        entry[4] = 7;
        [entry, connection(format!("id{number}")).entry(&records(0..3))].concat()
    };
    for round in 1..=3 {
        writer.write_all(&unknown(round)).unwrap();
        until("the file", || kernel.place.files().len() == round, || daemon.log());
    }
    let log = listen(&kernel);
    daemon.signal(Signal::SIGUSR1);
    let (priority, name, from, text) = wait_for(&log, "messages lost before this one: 3");
    assert_eq!((priority, name.as_str(), from), (WARNING, "bblogd", daemon.pid()), "{text}");
    wait_for(&log, "skipped entries 3");
    daemon.signal(Signal::SIGTERM);
    assert_eq!(daemon.wait().1, "");
    assert!(!kernel.journal().contains("violation"), "{}", kernel.journal());
}

#[test]
fn a_log_that_comes_later_is_found() {
    let kernel = Kernel::bare();
    let (fifo, _writer) = kernel.place.fifo("fifo");
    let daemon = start(&kernel.place, kernel.bblogd(&["-f", fifo.to_str().unwrap(), "--syslog"]));
    daemon.signal(Signal::SIGUSR1);
    let log = listen(&kernel);
    // A message sent while nothing listened is not repeated.
    until(
        "a message",
        || {
            daemon.signal(Signal::SIGUSR1);
            log.set_read_timeout(Some(Duration::from_millis(50))).unwrap();
            log.recv(&mut [0; 4096]).is_ok()
        },
        || daemon.log(),
    );
    daemon.stop();
}

#[test]
fn in_the_background_its_last_words_are_heard() {
    let kernel = Kernel::bare();
    let log = listen(&kernel);
    let (fifo, _writer) = kernel.place.fifo("fifo");
    let pid_file = kernel.place.join("pid");
    let mut command = program();
    command.args(["-d", "-f", fifo.to_str().unwrap(), "-p", pid_file.to_str().unwrap(), "-D"]);
    command.arg(kernel.place.out());
    kernel.preload(&mut command);
    assert!(command.status().unwrap().success());
    let pid = || fs::read_to_string(&pid_file).unwrap_or_default().trim().parse().unwrap_or(0);
    until("the pid file", || pid() > 0, String::new);
    let pid: i32 = pid();
    kill(Pid::from_raw(pid), Signal::SIGTERM).unwrap();
    let (priority, name, from, text) = wait_for(&log, "entries 0");
    assert_eq!((priority, name.as_str(), from), (INFO, "bblogd", pid), "{text}");
}
