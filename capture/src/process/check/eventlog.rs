// SPDX-License-Identifier: BSD-2-Clause
//! What eventlog needs.

use nix::errno::Errno;

use crate::process::check::item::{CheckedItem, advice, command};
use crate::process::check::system::System;

const DEVICE: &str = "/dev/eventlog";
const TCP: &str = "kern.eventlog.tcp.default";
const HPTS: &str = "kern.eventlog.hpts.default";

/// Looks at everything that eventlog needs.
pub fn look(system: &impl System) -> Vec<CheckedItem> {
    let mut items = vec![device(system), tcp(system)];
    items.extend(system.integer(HPTS).map(|value| match value {
        0 => CheckedItem::note(HPTS, "0: the pacer logs nothing", command(format!("sysctl {HPTS}=1"))),
        value => CheckedItem::ok(HPTS, value.to_string()),
    }));
    items
}

fn device(system: &impl System) -> CheckedItem {
    if system.is_device(DEVICE) {
        return match system.try_open(DEVICE) {
            Ok(()) => CheckedItem::ok(DEVICE, "present"),
            Err(error) if error.raw_os_error() == Some(Errno::EPERM as i32) => {
                let found = "present, but this is a jail: it cannot be opened";
                CheckedItem::missing(
                    DEVICE,
                    found,
                    advice("run bblogd on the host, which logs for its jails"),
                )
            }
            Err(error) if error.raw_os_error() == Some(Errno::EACCES as i32) => CheckedItem::note(
                DEVICE,
                "present, but this user cannot open it",
                advice("start bblogd as root"),
            ),
            Err(error) => {
                let found = format!("present, but cannot be opened: {}", crate::failure::io_text(&error));
                CheckedItem::missing(DEVICE, found, advice("see eventlog(9)"))
            }
        };
    }
    let change = match system.is_freebsd() {
        true => "boot a kernel with eventlog(9); jails have no such device",
        false => "run bblogd on FreeBSD",
    };
    CheckedItem::missing(DEVICE, "no such device", advice(change))
}

fn tcp(system: &impl System) -> CheckedItem {
    match system.integer(TCP) {
        Some(0) => CheckedItem::note(
            TCP,
            "0: only connections log whose program sets TCP_EVENTLOG",
            command(format!("sysctl {TCP}=1")),
        ),
        Some(-1) => CheckedItem::missing(TCP, "-1: no connection logs", command(format!("sysctl {TCP}=1"))),
        Some(1) => CheckedItem::ok(TCP, "1: every new connection logs"),
        Some(value) => CheckedItem::ok(TCP, format!("{value}: every connection logs")),
        None if system.is_freebsd() => {
            let change = "load a TCP stack that registers the provider tcp";
            CheckedItem::missing(TCP, "no such sysctl", advice(change))
        }
        None => CheckedItem::missing(TCP, "no such sysctl", advice("run bblogd on FreeBSD")),
    }
}
