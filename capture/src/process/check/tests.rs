// SPDX-License-Identifier: BSD-2-Clause
//! What is said of FreeBSD's settings.

use std::io;

use super::item::{CheckState, Remedy};
use super::text::{json_text, text};
use super::*;

/// FreeBSD with these sysctls and devices; with an error, the devices cannot be opened.
#[derive(Default)]
struct Fake {
    sysctls: Vec<(&'static str, Vec<u8>)>,
    devices: &'static [&'static str],
    error: Option<i32>,
}

impl System for Fake {
    fn value(&self, name: &str) -> Option<Vec<u8>> {
        self.sysctls.iter().find(|(known, _)| *known == name).map(|(_, value)| value.clone())
    }
    fn is_device(&self, path: &str) -> bool {
        self.devices.contains(&path)
    }
    fn try_open(&self, _: &str) -> io::Result<()> {
        self.error.map_or(Ok(()), |error| Err(io::Error::from_raw_os_error(error)))
    }
    fn is_freebsd(&self) -> bool {
        true
    }
    fn is_root(&self) -> bool {
        true
    }
}

/// The settings of BBLog on FreeBSD 15, each in the type that the kernel has it in.
fn bblog_settings(disable_all: bool, mode: i32, all: bool, ratio: u32) -> Fake {
    let int = |value: i32| value.to_ne_bytes().to_vec();
    let mut stacks = vec![0; 2 * 72];
    stacks[4] = 1;
    stacks[5..12].copy_from_slice(b"freebsd");
    stacks[72 + 4] = 2;
    stacks[72 + 5..72 + 9].copy_from_slice(b"rack");
    Fake {
        sysctls: vec![
            ("net.inet.tcp.bb.log_version", int(9)),
            ("net.inet.tcp.bb.disable_all", int(disable_all.into())),
            ("net.inet.tcp.bb.log_auto_mode", int(mode)),
            // SYSCTL_BOOL: one byte.
            ("net.inet.tcp.bb.log_auto_all", vec![all.into()]),
            ("net.inet.tcp.bb.log_auto_ratio", ratio.to_ne_bytes().to_vec()),
            ("net.inet.tcp.bb.log_global_limit", int(5_000_000)),
            ("net.inet.tcp.bb.log_global_entries", int(12)),
            ("net.inet.tcp.bb.log_session_limit", int(5000)),
            ("net.inet.tcp.function_info", stacks),
        ],
        devices: &["/dev/tcp_log"],
        error: None,
    }
}

/// States by name.
fn states(items: &[CheckedItem]) -> Vec<(&'static str, CheckState)> {
    items.iter().map(|item| (item.what, item.state)).collect()
}

/// The commands of a text, in order.
fn commands(text: &str) -> Vec<&str> {
    text.lines().filter_map(|line| line.strip_prefix("    ")).filter(|line| !line.starts_with(' ')).collect()
}

#[test]
fn a_stock_system() {
    let system = bblog_settings(false, 1, false, 0);
    let items = bblog::look(&system);
    assert!(is_usable(&items));
    let told = text(&[], &items, &eventlog::look(&system));
    assert!(told.contains("BBLog: ready, but not every new connection logs\n"), "{told}");
    assert!(
        told.contains("1: tail: the last records are kept, and written only when a program asks"),
        "{told}"
    );
    assert!(told.contains("12 of 5000000 records kept (1945 MB at the limit)"), "{told}");
    assert!(told.contains("TCP stacks: 1=freebsd, 2=rack\n"), "{told}");
    assert!(told.contains("eventlog: no logs on this system"), "{told}");
    // What is pasted works: all three settings, and the one that chooses connections last.
    assert_eq!(
        commands(&told),
        [
            "sysctl net.inet.tcp.bb.log_auto_mode=4",
            "sysctl net.inet.tcp.bb.log_auto_all=1",
            "sysctl net.inet.tcp.bb.log_auto_ratio=1"
        ]
    );
    serde_json::from_str::<serde_json::Value>(&json_text(&[], &items, &[])).unwrap();
}

#[test]
fn after_the_commands_every_connection_logs() {
    let mut system = bblog_settings(false, 4, true, 1);
    system.sysctls.push(("kern.eventlog.tcp.default", 1_i32.to_ne_bytes().to_vec()));
    system.sysctls.push(("kern.eventlog.hpts.default", 1_i32.to_ne_bytes().to_vec()));
    system.devices = &["/dev/tcp_log", "/dev/eventlog"];
    let (bblog, eventlog) = (bblog::look(&system), eventlog::look(&system));
    let all = [bblog.clone(), eventlog.clone()].concat();
    assert_eq!(all.len(), 12);
    assert!(all.iter().all(|item| item.state == CheckState::Ok && item.change.is_none()), "{all:?}");
    let told = text(&[], &bblog, &eventlog);
    assert!(told.contains("BBLog: every new connection logs\n"), "{told}");
    assert!(told.contains("eventlog: every new connection logs\n") && commands(&told).is_empty(), "{told}");
}

#[test]
fn the_emergency_stop_is_seen() {
    let items = bblog::look(&bblog_settings(true, 4, true, 1));
    assert!(!is_usable(&items));
    let told = text(&[], &items, &[]);
    assert!(told.contains("BBLog: no logs on this system\n"), "{told}");
    assert_eq!(commands(&told), ["sysctl net.inet.tcp.bb.disable_all=0"]);
}

#[test]
fn another_version() {
    let mut system = bblog_settings(false, 4, true, 1);
    system.sysctls[0].1 = 10_i32.to_ne_bytes().to_vec();
    let items = bblog::look(&system);
    assert!(!is_usable(&items));
    assert_eq!(items[1].found, "10, expected 9");
}

#[test]
fn a_kernel_without_either() {
    let system = Fake::default();
    let (bblog, eventlog) = (bblog::look(&system), eventlog::look(&system));
    assert!(!is_usable(&bblog) && !is_usable(&eventlog));
    let told = text(&[root(&system)], &bblog, &eventlog);
    assert!(told.contains("options TCP_BLACKBOX") && told.contains("boot a kernel with eventlog(9)"));
    assert!(!told.contains("TCPHPTS"));
    assert!(bblog.iter().chain(&eventlog).all(|item| matches!(item.change, Some(Remedy::Advice(_)))));
    assert!(commands(&told).is_empty());
}

#[test]
fn what_makes_logs_rare() {
    let mut system = bblog_settings(false, 5, true, 100);
    for (name, value) in &mut system.sysctls {
        match *name {
            "net.inet.tcp.bb.log_global_entries" => *value = 4_600_000_i32.to_ne_bytes().to_vec(),
            "net.inet.tcp.bb.log_session_limit" => *value = 0_i32.to_ne_bytes().to_vec(),
            _ => {}
        }
    }
    let bblog = bblog::look(&system);
    assert!(is_usable(&bblog));
    assert_eq!(
        states(&bblog)[3..8],
        [
            ("net.inet.tcp.bb.log_auto_mode", CheckState::Note),
            ("net.inet.tcp.bb.log_auto_all", CheckState::Ok),
            ("net.inet.tcp.bb.log_auto_ratio", CheckState::Note),
            ("net.inet.tcp.bb.log_global_limit", CheckState::Note),
            ("net.inet.tcp.bb.log_session_limit", CheckState::Note),
        ]
    );
    assert_eq!(bblog[5].found, "100: one of 100 new connections is chosen");
    let told = text(&[], &bblog, &[]);
    assert_eq!(commands(&told).len(), 3, "{told}");
}

#[test]
fn eventlog_in_a_jail_and_for_nobody() {
    let fake = |default: i32, error| Fake {
        sysctls: vec![("kern.eventlog.tcp.default", default.to_ne_bytes().to_vec())],
        devices: &["/dev/eventlog"],
        error,
    };
    let jail = eventlog::look(&fake(1, Some(libc::EPERM)));
    assert!(!is_usable(&jail));
    assert_eq!(jail[0].found, "present, but this is a jail: it cannot be opened");
    assert!(is_usable(&eventlog::look(&fake(1, None))));
    assert_eq!(eventlog::look(&fake(0, Some(libc::EACCES)))[0].state, CheckState::Note);
    assert_eq!(states(&eventlog::look(&fake(-1, None)))[1].1, CheckState::Missing);
}

#[test]
fn words_for_a_shell() {
    assert_eq!(quoted("/var/log/tcplog_dumps"), "/var/log/tcplog_dumps");
    assert_eq!(quoted("it's; rm -rf"), "'it'\\''s; rm -rf'");
    assert_eq!(quoted(""), "''");
}
