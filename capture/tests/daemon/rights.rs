// SPDX-License-Identifier: BSD-2-Clause
//! What is left of root's rights.

use std::collections::HashMap;
use std::fs;
use std::os::unix::fs::MetadataExt;
use std::path::Path;

use crate::bblogd::{Daemon, Place, is_root, start};

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
        assert_eq!(fs::read_to_string(&pid).unwrap(), format!("{}\n", daemon.pid()));
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
        let mut command = std::process::Command::new(&program);
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
    assert_eq!(place.files()[0].metadata().unwrap().mode() & 0o7777, 0o444);
    assert_eq!(place.out().join("records").metadata().unwrap().mode() & 0o7777, 0o644);
}
