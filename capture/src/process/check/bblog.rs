// SPDX-License-Identifier: BSD-2-Clause
//! What BBLog needs.

use bblog_dissector::bblog::VERSION;
use bblog_pcapng::stacks::StackNames;

use crate::process::check::item::{CheckedItem, advice, command};
use crate::process::check::system::System;

const DEVICE: &str = "/dev/tcp_log";
const LOG_VERSION: &str = "net.inet.tcp.bb.log_version";
const DISABLE_ALL: &str = "net.inet.tcp.bb.disable_all";
const MODE: &str = "net.inet.tcp.bb.log_auto_mode";
const ALL: &str = "net.inet.tcp.bb.log_auto_all";
const RATIO: &str = "net.inet.tcp.bb.log_auto_ratio";
const GLOBAL_LIMIT: &str = "net.inet.tcp.bb.log_global_limit";
const GLOBAL_ENTRIES: &str = "net.inet.tcp.bb.log_global_entries";
const SESSION_LIMIT: &str = "net.inet.tcp.bb.log_session_limit";
const STACKS: &str = "net.inet.tcp.function_info";
/// Bytes that the kernel takes for a record.
const RECORD_BYTES: i64 = 408;
/// The kernel is near its limit when it keeps this part of it, in tenths.
const NEARLY: i64 = 9;

/// Looks at everything that BBLog needs. Commands are in the order in which they are to be given.
pub fn look(system: &impl System) -> Vec<CheckedItem> {
    let mut items = vec![device(system), version(system)];
    items.extend(disable_all(system));
    items.extend(automatic(system));
    items.extend(limits(system));
    items.extend(stacks(system));
    items
}

fn device(system: &impl System) -> CheckedItem {
    if system.is_device(DEVICE) {
        return CheckedItem::ok(DEVICE, "present");
    }
    let change = match system.is_freebsd() {
        true => "boot a 64-bit kernel with `options TCP_BLACKBOX` (GENERIC has it since 14)",
        false => "run bblogd on FreeBSD, or give it a stream with -f",
    };
    CheckedItem::missing(DEVICE, "no such device", advice(change))
}

fn version(system: &impl System) -> CheckedItem {
    match system.integer(LOG_VERSION) {
        Some(version) if version == i64::from(VERSION) => CheckedItem::ok(LOG_VERSION, version.to_string()),
        Some(version) => {
            let found = format!("{version}, expected {VERSION}");
            CheckedItem::missing(LOG_VERSION, found, advice("use a bblogd made for this kernel"))
        }
        None if system.is_freebsd() => CheckedItem::missing(
            LOG_VERSION,
            "no such sysctl",
            advice("boot a kernel with `options TCP_BLACKBOX`"),
        ),
        None => CheckedItem::missing(LOG_VERSION, "no such sysctl", advice("run bblogd on FreeBSD")),
    }
}

fn disable_all(system: &impl System) -> Option<CheckedItem> {
    Some(match system.integer(DISABLE_ALL)? {
        0 => CheckedItem::ok(DISABLE_ALL, "0"),
        value => CheckedItem::missing(
            DISABLE_ALL,
            format!("{value}: the emergency stop is on, no connection logs"),
            command(format!("sysctl {DISABLE_ALL}=0")),
        ),
    })
}

/// What chooses new connections: all three settings are needed.
fn automatic(system: &impl System) -> Vec<CheckedItem> {
    let mode = system.integer(MODE).map(|mode| match mode {
        4 => CheckedItem::ok(MODE, "4: continual, all records are written"),
        mode => {
            let means = match mode {
                0 => "off",
                1 => "tail: the last records are kept, and written only when a program asks",
                2 => "head: the first records are kept, and written only when a program asks",
                3 => "head: the first records are kept, and written when the connection ends",
                5 => "tail: the last records are kept, and written when the connection ends",
                _ => "unknown",
            };
            CheckedItem::note(MODE, format!("{mode}: {means}"), command(format!("sysctl {MODE}=4")))
        }
    });
    let all = system.integer(ALL).map(|all| match all {
        0 => {
            let found = "0: only connections that have a log id are chosen";
            CheckedItem::note(ALL, found, command(format!("sysctl {ALL}=1")))
        }
        all => CheckedItem::ok(ALL, format!("{all}: connections without a log id are chosen as well")),
    });
    let ratio = system.integer(RATIO).map(|ratio| match ratio {
        1 => CheckedItem::ok(RATIO, "1: every new connection is chosen"),
        ratio => {
            let found = match ratio {
                0 => "0: no connection is chosen, only those log whose program asks for it".to_owned(),
                ratio => format!("{ratio}: one of {ratio} new connections is chosen"),
            };
            CheckedItem::note(RATIO, found, command(format!("sysctl {RATIO}=1")))
        }
    });
    [mode, all, ratio].into_iter().flatten().collect()
}

fn limits(system: &impl System) -> Vec<CheckedItem> {
    let mut items = Vec::new();
    if let (Some(limit), Some(kept)) = (system.integer(GLOBAL_LIMIT), system.integer(GLOBAL_ENTRIES)) {
        let memory = limit.saturating_mul(RECORD_BYTES) >> 20;
        let found = format!("{kept} of {limit} records kept ({memory} MB at the limit)");
        items.push(if kept.saturating_mul(10) >= limit.saturating_mul(NEARLY) {
            let change = "raise it if there is memory, lower log_session_limit, or log fewer connections";
            CheckedItem::note(
                GLOBAL_LIMIT,
                format!("{found}: new records are left out at the limit"),
                advice(change),
            )
        } else {
            CheckedItem::ok(GLOBAL_LIMIT, found)
        });
    }
    if let Some(limit) = system.integer(SESSION_LIMIT) {
        items.push(match limit {
            0 => CheckedItem::note(
                SESSION_LIMIT,
                "0: no record of a connection is kept",
                command(format!("sysctl {SESSION_LIMIT}=5000")),
            ),
            limit => CheckedItem::ok(SESSION_LIMIT, format!("{limit} records kept for one connection")),
        });
    }
    items
}

fn stacks(system: &impl System) -> Option<CheckedItem> {
    let names = StackNames::from_function_info(&system.value(STACKS)?);
    let unknown = StackNames::none();
    let known = (0..=u8::MAX).filter(|&id| names.get(id) != unknown.get(id));
    let names: Vec<_> = known.map(|id| format!("{id}={}", String::from_utf8_lossy(names.get(id)))).collect();
    (!names.is_empty()).then(|| CheckedItem::ok("TCP stacks", names.join(", ")))
}
