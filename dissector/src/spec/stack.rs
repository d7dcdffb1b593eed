// SPDX-License-Identifier: BSD-2-Clause
//! TCP stacks: the one list that the library and the build script share.

/// A TCP stack, which decides what BBLog's event values mean.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Stack {
    /// Not known: only values that do not depend on the stack are named.
    #[default]
    Unknown,
    /// FreeBSD's default stack, `freebsd`.
    Freebsd,
    /// RACK and its relatives: any name that begins with `rack`.
    Rack,
    /// BBR: any name that begins with `bbr`.
    Bbr,
}

impl Stack {
    /// All of them, with that for none.
    pub const ALL: [Stack; 4] = [Stack::Unknown, Stack::Freebsd, Stack::Rack, Stack::Bbr];

    /// From a stack's name as `net.inet.tcp.function_info` or a STACKNAME option gives it.
    ///
    /// ```
    /// use bblog_dissector::spec::Stack;
    /// assert_eq!(Stack::from_name(b"rack_15_latest"), Stack::Rack);
    /// ```
    pub fn from_name(name: &[u8]) -> Stack {
        let is =
            |prefix: &[u8]| name.len() >= prefix.len() && name[..prefix.len()].eq_ignore_ascii_case(prefix);
        match () {
            _ if is(b"rack") => Stack::Rack,
            _ if is(b"bbr") => Stack::Bbr,
            _ if is(b"freebsd") || is(b"default") => Stack::Freebsd,
            _ => Stack::Unknown,
        }
    }

    /// Its name: `freebsd`, `rack`, `bbr`, `unknown`.
    pub fn name(self) -> &'static str {
        ["unknown", "freebsd", "rack", "bbr"][self as usize]
    }

    /// This stack's bit in [`When::stacks`](super::When::stacks).
    pub const fn bit(self) -> u8 {
        1 << self as u8
    }
}
