// SPDX-License-Identifier: BSD-2-Clause
//! `bblogd check`: prints what this system lacks to log, and the commands that change it. Changes nothing.

use std::io::{self, Write};
use std::os::unix::fs::{FileTypeExt, MetadataExt};
use std::path::Path;
use std::process::ExitCode;

use bblog_dissector::bblog::VERSION;
use nix::unistd::{User, geteuid};
use serde_json::json;

use crate::os::sysctl;
use crate::process::cli::CheckArgs;

/// How something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// As it should be.
    Ok,
    /// Logs come, but not for every connection or not for sure.
    Note,
    /// No logs come as long as it is like this.
    Missing,
}

/// One thing looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Item {
    what: &'static str,
    state: State,
    found: String,
    /// The command that changes it, or what to do.
    change: Option<String>,
}

impl Item {
    fn ok(what: &'static str, found: impl Into<String>) -> Item {
        Item { what, state: State::Ok, found: found.into(), change: None }
    }

    fn note(what: &'static str, found: impl Into<String>, change: impl Into<String>) -> Item {
        Item { what, state: State::Note, found: found.into(), change: Some(change.into()) }
    }

    fn missing(what: &'static str, found: impl Into<String>, change: impl Into<String>) -> Item {
        Item { what, state: State::Missing, found: found.into(), change: Some(change.into()) }
    }
}

/// Facts about the system: the real one, or a test's.
trait System {
    /// An integer sysctl.
    fn sysctl(&self, name: &str) -> Option<i64>;
    /// Whether there is a character device of that name.
    fn is_device(&self, path: &str) -> bool;
    /// Whether this is FreeBSD.
    fn is_freebsd(&self) -> bool;
    /// Whether this process may open devices.
    fn is_root(&self) -> bool;
}

struct ThisSystem;

impl System for ThisSystem {
    fn sysctl(&self, name: &str) -> Option<i64> {
        sysctl::integer(name)
    }

    fn is_device(&self, path: &str) -> bool {
        std::fs::metadata(path).is_ok_and(|there| there.file_type().is_char_device())
    }

    fn is_freebsd(&self) -> bool {
        cfg!(target_os = "freebsd")
    }

    fn is_root(&self) -> bool {
        geteuid().is_root()
    }
}

/// Checks everything and prints the result. Status 0 if the system can log at least one of both logs, else 1.
pub fn run(args: &CheckArgs) -> ExitCode {
    let system = ThisSystem;
    let (bblog, eventlog) = (bblog(&system), eventlog(&system));
    let common = vec![root(&system), user(&args.user), folder(&args.directory, &args.user)];
    let told =
        if args.json { json_text(&common, &bblog, &eventlog) } else { text(&common, &bblog, &eventlog) };
    // A closed standard output cannot be reported.
    let _ = io::stdout().write_all(told.as_bytes());
    if is_usable(&bblog) || is_usable(&eventlog) { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

fn is_usable(items: &[Item]) -> bool {
    items.iter().all(|item| item.state != State::Missing)
}

fn bblog(system: &impl System) -> Vec<Item> {
    let mut items = Vec::new();
    let what = "/dev/tcp_log";
    if system.is_device(what) {
        items.push(Item::ok(what, "there"));
    } else if system.is_freebsd() {
        let change = "boot a 64-bit kernel with `options TCPHPTS` and `options TCP_BLACKBOX` (GENERIC has them since 14)";
        items.push(Item::missing(what, "no such device", change));
    } else {
        items.push(Item::missing(
            what,
            "no such device",
            "run bblogd on FreeBSD, or give it a stream with -f",
        ));
    }
    let what = "net.inet.tcp.bb.log_version";
    match system.sysctl(what) {
        Some(version) if version == i64::from(VERSION) => items.push(Item::ok(what, version.to_string())),
        Some(version) => {
            let found = format!("{version}, expected {VERSION}");
            items.push(Item::missing(what, found, "use a bblogd made for this kernel"));
        }
        None if system.is_freebsd() => {
            items.push(Item::missing(what, "no such sysctl", "boot a kernel with `options TCP_BLACKBOX`"));
        }
        None => items.push(Item::missing(what, "no such sysctl", "run bblogd on FreeBSD")),
    }
    let all = system.sysctl("net.inet.tcp.bb.log_auto_all");
    let ratio = system.sysctl("net.inet.tcp.bb.log_auto_ratio");
    let mode = system.sysctl("net.inet.tcp.bb.log_auto_mode");
    let what = "net.inet.tcp.bb.log_auto_ratio";
    match (all, ratio) {
        (_, Some(0)) => {
            items.push(Item::note(
                what,
                "0: only connections log whose program asks for it",
                "sysctl net.inet.tcp.bb.log_auto_ratio=1 (every connection; N for one of N)",
            ));
        }
        (_, Some(1)) => items.push(Item::ok(what, "1: every connection")),
        (_, Some(ratio)) => items.push(Item::note(
            what,
            format!("{ratio}: one of {ratio} connections"),
            "sysctl net.inet.tcp.bb.log_auto_ratio=1 (every connection)",
        )),
        (_, None) => {}
    }
    let what = "net.inet.tcp.bb.log_auto_all";
    match all {
        Some(0) => items.push(Item::note(
            what,
            "0: of automatic logs only those of connections with a log id",
            "sysctl net.inet.tcp.bb.log_auto_all=1",
        )),
        Some(_) => items.push(Item::ok(what, "1: connections without a log id, too")),
        None => {}
    }
    let what = "net.inet.tcp.bb.log_auto_mode";
    match mode {
        Some(4) => items.push(Item::ok(what, "4: continual")),
        Some(mode) => {
            let name = match mode {
                0 => "off",
                1 => "tail: written when a program asks",
                2 => "head: written when a program asks",
                3 => "head, written at the end",
                5 => "tail, written at the end",
                _ => "unknown",
            };
            items.push(Item::note(
                what,
                format!("{mode}: {name}"),
                "sysctl net.inet.tcp.bb.log_auto_mode=4 (continual: everything is written)",
            ));
        }
        None => {}
    }
    items
}

fn eventlog(system: &impl System) -> Vec<Item> {
    let what = "/dev/eventlog";
    let mut items = Vec::new();
    if system.is_device(what) {
        items.push(Item::ok(what, "there"));
    } else if system.is_freebsd() {
        items.push(Item::missing(
            what,
            "no such device",
            "boot a kernel with eventlog(9); it is none in jails",
        ));
    } else {
        items.push(Item::missing(what, "no such device", "run bblogd on FreeBSD"));
    }
    let what = "kern.eventlog.tcp.default";
    match system.sysctl(what) {
        Some(0) => items.push(Item::note(
            what,
            "0: only connections log whose program sets TCP_EVENTLOG",
            "sysctl kern.eventlog.tcp.default=1 (new connections; 2 for existing ones, too)",
        )),
        Some(_) => items.push(Item::ok(what, "1: every new connection")),
        None if system.is_freebsd() => {
            items.push(Item::missing(
                what,
                "no such sysctl",
                "load a TCP stack that registers the provider tcp",
            ));
        }
        None => items.push(Item::missing(what, "no such sysctl", "run bblogd on FreeBSD")),
    }
    let what = "kern.eventlog.hpts.default";
    if let Some(value) = system.sysctl(what) {
        items.push(match value {
            0 => Item::note(what, "0: the pacer logs nothing", "sysctl kern.eventlog.hpts.default=1"),
            _ => Item::ok(what, "1"),
        });
    }
    items
}

fn root(system: &impl System) -> Item {
    match system.is_root() {
        true => Item::ok("rights", "root, as opening the devices needs"),
        false => {
            Item::note("rights", "not root", "start bblogd as root; it becomes the user of -u by itself")
        }
    }
}

fn user(name: &str) -> Item {
    match User::from_name(name) {
        Ok(Some(user)) => Item::ok("user", format!("{name} (uid {})", user.uid)),
        _ => Item::note("user", format!("{name}: unknown"), format!("pw useradd {name}, or another -u")),
    }
}

fn folder(path: &Path, user: &str) -> Item {
    let shown = path.display();
    let owner = User::from_name(user).ok().flatten();
    match std::fs::metadata(path) {
        Err(_) => Item::note(
            "folder",
            format!("{shown}: none"),
            format!("install -d -o {user} {shown} (bblogd makes it if the folder above is there)"),
        ),
        Ok(there) if !there.is_dir() => {
            Item::note("folder", format!("{shown}: no folder"), "choose another with -D")
        }
        Ok(there) => {
            let mode = there.mode();
            let writable = owner.is_some_and(|owner| {
                (there.uid() == owner.uid.as_raw() && mode & 0o300 == 0o300)
                    || (there.gid() == owner.gid.as_raw() && mode & 0o030 == 0o030)
                    || mode & 0o003 == 0o003
                    || owner.uid.is_root()
            });
            match writable {
                true => Item::ok("folder", format!("{shown}: {user} can write there")),
                false => Item::note(
                    "folder",
                    format!("{shown}: {user} cannot write there"),
                    format!("chown {user} {shown}"),
                ),
            }
        }
    }
}

fn text(common: &[Item], bblog: &[Item], eventlog: &[Item]) -> String {
    let mut told = String::new();
    for (title, items) in [("bblogd", common), ("BBLog", bblog), ("eventlog", eventlog)] {
        let verdict = match (title, is_usable(items)) {
            ("bblogd", _) => "",
            (_, true) => ": logs can be had",
            (_, false) => ": no logs on this system",
        };
        told.push_str(&format!("{title}{verdict}\n"));
        for item in items {
            let mark = match item.state {
                State::Ok => "ok     ",
                State::Note => "note   ",
                State::Missing => "missing",
            };
            told.push_str(&format!("  {mark}  {}: {}\n", item.what, item.found));
            if let Some(change) = &item.change {
                told.push_str(&format!("           to change it: {change}\n"));
            }
        }
    }
    told
}

fn json_text(common: &[Item], bblog: &[Item], eventlog: &[Item]) -> String {
    let list = |items: &[Item]| -> Vec<serde_json::Value> {
        let state = |item: &Item| match item.state {
            State::Ok => "ok",
            State::Note => "note",
            State::Missing => "missing",
        };
        let one = |item: &Item| json!({"what": item.what, "state": state(item), "found": item.found, "change": item.change});
        items.iter().map(one).collect()
    };
    let all = json!({
        "bblogd": list(common),
        "bblog": {"usable": is_usable(bblog), "items": list(bblog)},
        "eventlog": {"usable": is_usable(eventlog), "items": list(eventlog)},
    });
    format!("{all}\n")
}

#[cfg(test)]
mod tests {
    use super::*;

    /// FreeBSD with these sysctls and devices.
    struct Fake(&'static [(&'static str, i64)], &'static [&'static str]);

    impl System for Fake {
        fn sysctl(&self, name: &str) -> Option<i64> {
            self.0.iter().find(|(known, _)| *known == name).map(|(_, value)| *value)
        }
        fn is_device(&self, path: &str) -> bool {
            self.1.contains(&path)
        }
        fn is_freebsd(&self) -> bool {
            true
        }
        fn is_root(&self) -> bool {
            true
        }
    }

    #[test]
    fn a_stock_system() {
        let sysctls = &[
            ("net.inet.tcp.bb.log_version", 9),
            ("net.inet.tcp.bb.log_auto_all", 1),
            ("net.inet.tcp.bb.log_auto_mode", 4),
            ("net.inet.tcp.bb.log_auto_ratio", 0),
        ];
        let system = Fake(sysctls, &["/dev/tcp_log"]);
        let items = bblog(&system);
        assert!(is_usable(&items));
        let told = text(&[], &items, &eventlog(&system));
        assert!(told.contains("BBLog: logs can be had"));
        assert!(told.contains("sysctl net.inet.tcp.bb.log_auto_ratio=1"));
        assert!(told.contains("eventlog: no logs on this system"));
        serde_json::from_str::<serde_json::Value>(&json_text(&[], &items, &[])).unwrap();
    }

    #[test]
    fn another_version() {
        let items = bblog(&Fake(&[("net.inet.tcp.bb.log_version", 10)], &["/dev/tcp_log"]));
        assert!(!is_usable(&items));
        assert_eq!(items[1].found, "10, expected 9");
    }

    /// States by name.
    fn states(items: &[Item]) -> Vec<(&'static str, State)> {
        items.iter().map(|item| (item.what, item.state)).collect()
    }

    #[test]
    fn a_kernel_without_either() {
        let system = Fake(&[], &[]);
        let (bblog, eventlog) = (bblog(&system), eventlog(&system));
        assert!(!is_usable(&bblog) && !is_usable(&eventlog));
        let told = text(&[root(&system)], &bblog, &eventlog);
        assert!(told.contains("options TCP_BLACKBOX") && told.contains("boot a kernel with eventlog(9)"));
        assert!(bblog.iter().chain(&eventlog).all(|item| item.change.is_some()));
    }

    #[test]
    fn everything_on() {
        let sysctls = &[
            ("net.inet.tcp.bb.log_version", 9),
            ("net.inet.tcp.bb.log_auto_all", 1),
            ("net.inet.tcp.bb.log_auto_mode", 4),
            ("net.inet.tcp.bb.log_auto_ratio", 1),
            ("kern.eventlog.tcp.default", 1),
            ("kern.eventlog.hpts.default", 1),
        ];
        let system = Fake(sysctls, &["/dev/tcp_log", "/dev/eventlog"]);
        let all = [bblog(&system), eventlog(&system)].concat();
        assert_eq!(all.len(), 8);
        assert!(all.iter().all(|item| item.state == State::Ok && item.change.is_none()), "{all:?}");
    }

    #[test]
    fn what_makes_logs_rare() {
        let sysctls = &[
            ("net.inet.tcp.bb.log_version", 9),
            ("net.inet.tcp.bb.log_auto_all", 0),
            ("net.inet.tcp.bb.log_auto_mode", 1),
            ("net.inet.tcp.bb.log_auto_ratio", 100),
            ("kern.eventlog.tcp.default", 0),
            ("kern.eventlog.hpts.default", 0),
        ];
        let system = Fake(sysctls, &["/dev/tcp_log", "/dev/eventlog"]);
        let (bblog, eventlog) = (bblog(&system), eventlog(&system));
        assert!(is_usable(&bblog) && is_usable(&eventlog));
        assert_eq!(
            states(&bblog)[2..],
            [
                ("net.inet.tcp.bb.log_auto_ratio", State::Note),
                ("net.inet.tcp.bb.log_auto_all", State::Note),
                ("net.inet.tcp.bb.log_auto_mode", State::Note),
            ]
        );
        assert_eq!(bblog[2].found, "100: one of 100 connections");
        let changes = ["sysctl kern.eventlog.tcp.default=1", "sysctl kern.eventlog.hpts.default=1"];
        for (item, change) in eventlog[1..].iter().zip(changes) {
            assert_eq!(item.state, State::Note);
            assert!(item.change.as_ref().is_some_and(|text| text.starts_with(change)), "{item:?}");
        }
    }
}
