// SPDX-License-Identifier: BSD-2-Clause
//! Facts of the running kernel: its log version, release, ticks per second, limits and the names of its
//! stacks.

use std::num::NonZeroU32;

use bblog_dissector::bblog::VERSION;
use bblog_dissector::spec::Kernel;
use bblog_pcapng::machine::{Fact, Machine};
use bblog_pcapng::stacks::StackNames;

use crate::failure::Failure;
use crate::os::sysctl;

/// The kernel's TCP stacks, as `struct tcp_function_info` array.
const FUNCTION_INFO: &str = "net.inet.tcp.function_info";
/// TCP_LOG_BUF_VER of the kernel.
const LOG_VERSION: &str = "net.inet.tcp.bb.log_version";
/// The kernel's release, as `uname -r` prints it.
const OS_RELEASE: &str = "kern.osrelease";
/// `__FreeBSD_version`: the release as a number, such as 1501502, also of a system with another name.
const OS_RELDATE: &str = "kern.osreldate";
/// Ticks per second.
const HZ: &str = "kern.hz";
/// Bytes of one `struct tcp_function_info`.
const ELEMENT: usize = 72;
/// More than all stacks that can be loaded need, in bytes.
pub const MAX_FUNCTION_INFO: usize = 256 * ELEMENT;

/// Finds out whether the kernel's records are of the version that is read here.
///
/// # Errors
/// A [`Failure`]: they are of another.
pub fn check_version() -> Result<(), Failure> {
    match sysctl::integer(LOG_VERSION) {
        Some(found) if found != i64::from(VERSION) => {
            Err(Failure::new(LOG_VERSION, format_args!("{found}, expected {VERSION}")))
        }
        _ => Ok(()),
    }
}

/// The running kernel's release and its ticks per second.
pub fn machine() -> Machine {
    let release = sysctl::value(OS_RELEASE).unwrap_or_default();
    let release = release.split(|&b| b == 0).next().unwrap_or_default();
    let release = release_of(&String::from_utf8_lossy(release), sysctl::integer(OS_RELDATE));
    let hz = sysctl::integer(HZ).and_then(|hz| NonZeroU32::new(u32::try_from(hz).ok()?));
    Machine {
        hz: hz.map(Fact::stated),
        kernel: release.as_deref().and_then(Kernel::from_name).map(|kernel| Fact::stated(kernel.into())),
        release,
        is_stack_inferred: false,
    }
}

/// FreeBSD's release: `named`, or what `reldate` (`__FreeBSD_version`) says, if the system counts its own
/// releases: what its records mean depends on FreeBSD's.
fn release_of(named: &str, reldate: Option<i64>) -> Option<String> {
    let counted = || reldate.map(|date| format!("{}.{}", date / 100_000, date / 1_000 % 100));
    match Kernel::from_name(named) {
        Some(_) => Some(named.to_owned()),
        None => counted().filter(|release| Kernel::from_name(release).is_some()),
    }
}

/// The kernel's TCP stacks, as the kernel returns them.
pub fn function_info() -> Option<Vec<u8>> {
    sysctl::value(FUNCTION_INFO)
}

/// The names of the kernel's TCP stacks.
pub fn stack_names() -> Option<StackNames> {
    function_info().map(|info| StackNames::from_function_info(&info))
}

/// Limits of BBLog, and what the kernel keeps now.
const LIMITS: [&str; 7] = [
    "net.inet.tcp.bb.log_global_limit",
    "net.inet.tcp.bb.log_global_entries",
    "net.inet.tcp.bb.log_session_limit",
    "net.inet.tcp.bb.log_id_limit",
    "net.inet.tcp.bb.log_id_entries",
    "net.inet.tcp.bb.log_id_tcpcb_limit",
    "net.inet.tcp.bb.log_id_tcpcb_entries",
];

/// Names and values of the kernel's limits, as far as it has them.
pub fn limits() -> Vec<(String, i64)> {
    LIMITS.iter().filter_map(|name| Some(((*name).to_owned(), sysctl::integer(name)?))).collect()
}

/// CPUs, and bytes of memory, if the kernel says so.
pub fn cpus_and_memory() -> Option<(u64, u64)> {
    // eventlog's buffers are for every number up to the highest.
    let cpus = sysctl::integer("kern.smp.maxid")
        .map(|highest| highest + 1)
        .or_else(|| sysctl::integer("hw.ncpu"))?;
    let memory = sysctl::integer("hw.physmem")?;
    Some((u64::try_from(cpus).ok()?, u64::try_from(memory).ok()?))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn releases() {
        let named = |name: &str| release_of(name, Some(1_501_502));
        assert_eq!(named("14.2-RELEASE-p1").as_deref(), Some("14.2-RELEASE-p1"));
        // A system built from FreeBSD's sources that has a name and a version of its own.
        assert_eq!(named("0.1-CURRENT").as_deref(), Some("15.1"));
        assert_eq!(named("").as_deref(), Some("15.1"));
        assert_eq!(release_of("0.1-CURRENT", None), None);
        assert_eq!(release_of("", Some(903_000)), None);
    }
}
