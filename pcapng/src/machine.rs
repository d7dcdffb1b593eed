// SPDX-License-Identifier: BSD-2-Clause
//! Facts about the machine that wrote the BBLog records or eventlog events of a section: the kernel and its ticks per second,
//! and which of these and the stack's name were inferred.
//!
//! The kernel is in `shb_os`. Everything else is in one custom option of the section header, under the
//! enterprise number that eventlog's options have ([`elog::PEN`]): [`TAG`], then
//! lines of text, each a name and a value with a blank between. A line that begins with the word
//! `inferred` was concluded from the records; all others come from the kernel or the user.
//!
//! ```text
//! hz 100
//! inferred kernel 14|main
//! inferred stack rack
//! ```

use std::num::NonZeroU32;

use bblog_dissector::printable::is_printable;
use bblog_dissector::spec::{Kernel, KernelSet};
use pcap_file::pcapng::blocks::section_header::SectionHeaderOption;

use crate::elog;
use crate::section_head::custom_option;

/// The first bytes of the option's data.
pub const TAG: [u8; 4] = *b"BBLG";
/// The first characters of `shb_os`.
const OS: &str = "FreeBSD ";
/// The first word of a line with an inferred fact.
const INFERRED: &str = "inferred";

/// A fact, and whether it was inferred from records rather than stated by the kernel or the user.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Fact<T> {
    /// The value.
    pub value: T,
    /// Whether it was inferred.
    pub is_inferred: bool,
}

impl<T> Fact<T> {
    /// A fact that the kernel or the user stated.
    pub fn stated(value: T) -> Fact<T> {
        Fact { value, is_inferred: false }
    }

    /// A fact that was concluded from records.
    pub fn inferred(value: T) -> Fact<T> {
        Fact { value, is_inferred: true }
    }
}

/// Facts about the machine that wrote the BBLog records or eventlog events of a section.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Machine {
    /// Ticks per second (kern.hz).
    pub hz: Option<Fact<NonZeroU32>>,
    /// The kernels that can have written the records.
    pub kernel: Option<Fact<KernelSet>>,
    /// The kernel's release (kern.osrelease), if the kernel stated it: `14.2-RELEASE`.
    pub release: Option<String>,
    /// Whether the stack's name in the section header was inferred.
    pub is_stack_inferred: bool,
}

impl Machine {
    /// The kernel: its release if the kernel stated it, or the kernels that it may be: `14 or newer`; `None` if
    /// it is not known.
    pub fn kernel_name(&self) -> Option<&str> {
        self.release.as_deref().or_else(|| self.kernel.map(|kernel| kernel.value.name()))
    }

    /// Which facts were inferred from the records: `stack`, `kernel`, `hz`.
    pub fn inferred(&self) -> impl Iterator<Item = &'static str> {
        let facts = [
            (self.is_stack_inferred, "stack"),
            (self.kernel.is_some_and(|kernel| kernel.is_inferred), "kernel"),
            (self.hz.is_some_and(|hz| hz.is_inferred), "hz"),
        ];
        facts.into_iter().filter(|fact| fact.0).map(|fact| fact.1)
    }

    /// The text of `shb_os`: `FreeBSD 14.2-RELEASE`, `FreeBSD 13`. `None` if the kernel is not known, or may
    /// be one of several.
    pub fn os(&self) -> Option<String> {
        let kernel = || self.kernel.and_then(|kernel| kernel.value.only()).map(Kernel::name);
        self.release.as_deref().or_else(kernel).map(|release| format!("{OS}{release}"))
    }

    /// The value of the custom option, behind its enterprise number; `None` if there is nothing to
    /// say. `stack` is the stack's name.
    pub fn option_value(&self, stack: &[u8]) -> Option<Vec<u8>> {
        let mut value = Vec::with_capacity(80);
        value.extend_from_slice(&TAG);
        let mut line = |is_inferred, words: [&[u8]; 2]| {
            value.extend_from_slice(if is_inferred { b"inferred " } else { b"" });
            words.iter().for_each(|word| value.extend_from_slice(word));
            value.push(b'\n');
        };
        if let Some(hz) = self.hz {
            line(hz.is_inferred, [b"hz ", hz.value.to_string().as_bytes()]);
        }
        // A kernel that was stated is in shb_os.
        if let Some(kernel) = self.kernel.filter(|kernel| kernel.is_inferred) {
            line(true, [b"kernel ", kernels(kernel.value).as_bytes()]);
        }
        if self.is_stack_inferred {
            line(true, [b"stack ", String::from_utf8_lossy(stack).as_bytes()]);
        }
        (value.len() > TAG.len()).then_some(value)
    }

    /// The options of a section header.
    pub(crate) fn options(&self, stack: &[u8]) -> Vec<SectionHeaderOption<'static>> {
        let mut options = Vec::new();
        options.extend(self.os().map(|os| SectionHeaderOption::OS(os.into())));
        options.extend(self.option_value(stack).map(|value| custom_option(elog::PEN, value)));
        options
    }

    /// Reads `shb_os`, unless the custom option said more already.
    pub fn take_os(&mut self, os: &[u8]) {
        let Some(release) = std::str::from_utf8(os).ok().and_then(|os| os.strip_prefix(OS)) else { return };
        // It is shown as it stands.
        if !release.chars().all(is_printable) {
            return;
        }
        let Some(kernel) = Kernel::from_name(release) else { return };
        if self.kernel.is_none() {
            self.kernel = Some(Fact::stated(kernel.into()));
            self.release = Some(release.to_owned());
        }
    }

    /// Reads the data of the custom option after [`TAG`]. Unknown lines and words are skipped.
    pub fn take_option(&mut self, data: &[u8]) {
        for line in data.split(|&b| b == b'\n').filter_map(|line| std::str::from_utf8(line).ok()) {
            let mut words = line.split(' ');
            let first = words.next();
            let is_inferred = first == Some(INFERRED);
            let name = if is_inferred { words.next() } else { first };
            let Some(value) = words.next() else { continue };
            match name {
                Some("hz") => {
                    self.hz = value.parse().ok().map(|value| Fact { value, is_inferred });
                }
                Some("kernel") => {
                    let kernels: Option<Vec<_>> = value.split('|').map(Kernel::from_name).collect();
                    let bits = kernels.into_iter().flatten().fold(0, |bits, kernel| bits | kernel.bit());
                    if let Some(value) = KernelSet::from_bits(bits) {
                        self.kernel = Some(Fact { value, is_inferred });
                        self.release = None;
                    }
                }
                Some("stack") => self.is_stack_inferred = is_inferred,
                _ => {}
            }
        }
    }
}

/// `13`, `14|main`.
fn kernels(set: KernelSet) -> String {
    let mut names = String::new();
    for kernel in set.kernels() {
        names.push_str(if names.is_empty() { "" } else { "|" });
        names.push_str(kernel.name());
    }
    names
}

#[cfg(test)]
mod tests {
    use super::*;

    fn read_back(machine: &Machine) -> Machine {
        let mut read = Machine::default();
        if let Some(os) = machine.os() {
            read.take_os(os.as_bytes());
        }
        if let Some(value) = machine.option_value(b"rack") {
            read.take_option(value.strip_prefix(&TAG).unwrap());
        }
        read
    }

    #[test]
    fn what_is_written_is_read_back() {
        let hz = NonZeroU32::new(100).unwrap();
        let newer = KernelSet::from_bits(Kernel::Freebsd14.bit() | Kernel::Main.bit()).unwrap();
        let machines = [
            Machine::default(),
            Machine { hz: Some(Fact::stated(hz)), ..Machine::default() },
            Machine { hz: Some(Fact::inferred(hz)), is_stack_inferred: true, ..Machine::default() },
            Machine { kernel: Some(Fact::inferred(newer)), ..Machine::default() },
            Machine { kernel: Some(Fact::inferred(Kernel::Freebsd13.into())), ..Machine::default() },
            Machine {
                kernel: Some(Fact::stated(Kernel::Freebsd14.into())),
                release: Some("14.2-RELEASE".to_owned()),
                ..Machine::default()
            },
        ];
        for machine in machines {
            assert_eq!(read_back(&machine), machine);
        }
    }

    #[test]
    fn text() {
        let machine = Machine {
            hz: NonZeroU32::new(1000).map(Fact::inferred),
            kernel: Some(Fact::inferred(Kernel::Freebsd13.into())),
            release: None,
            is_stack_inferred: true,
        };
        assert_eq!(machine.os().unwrap(), "FreeBSD 13");
        let value = machine.option_value(b"bbr").unwrap();
        assert_eq!(value, b"BBLGinferred hz 1000\ninferred kernel 13\ninferred stack bbr\n");
    }

    #[test]
    fn systems() {
        let kernel = |os: &[u8]| {
            let mut machine = Machine::default();
            machine.take_os(os);
            machine.kernel.map(|kernel| kernel.value.newest())
        };
        assert_eq!(kernel(b"FreeBSD 13"), Some(Kernel::Freebsd13));
        assert_eq!(kernel(b"FreeBSD 14.2-RELEASE"), Some(Kernel::Freebsd14));
        assert_eq!(kernel(b"FreeBSD main"), Some(Kernel::Main));
        assert_eq!(kernel(b"FreeBSD 15"), Some(Kernel::Main));
        assert_eq!(kernel(b"Linux 6.1"), None);
    }

    #[test]
    fn any_bytes() {
        let mut machine = Machine::default();
        machine.take_option(b"\xff\n\nhz\nhz x\nhz 0\ninferred\nkernel 13|14|main\nkernel x\nfuture word 7");
        assert_eq!(machine, Machine::default());
    }
}
