// SPDX-License-Identifier: BSD-2-Clause
//! The TCP header that a BBLog record holds.

use std::fmt;

/// Names of the flags, from the lowest bit.
const FLAGS: [&str; 9] = ["FIN", "SYN", "RST", "PUSH", "ACK", "URG", "ECE", "CWR", "AE"];

/// A TCP header with its options.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TcpHeaderText<'a> {
    /// Source port.
    pub source: u16,
    /// Destination port.
    pub destination: u16,
    /// Sequence number.
    pub seq: u32,
    /// Acknowledgement number.
    pub ack: u32,
    /// The nine flags.
    pub flags: u16,
    /// The window, not scaled.
    pub window: u16,
    /// The checksum, which may be that of the pseudo-header only.
    pub checksum: u16,
    /// The urgent pointer.
    pub urgent: u16,
    /// The options.
    pub options: &'a [u8],
}

impl<'a> TcpHeaderText<'a> {
    /// Reads a header; `None` with fewer than 20 bytes.
    pub fn parse(bytes: &'a [u8]) -> Option<TcpHeaderText<'a>> {
        let (fixed, options) = bytes.split_first_chunk::<20>()?;
        let word = |at: usize| u16::from_be_bytes([fixed[at], fixed[at + 1]]);
        let long = |at: usize| u32::from(word(at)) << 16 | u32::from(word(at + 2));
        Some(TcpHeaderText {
            source: word(0),
            destination: word(2),
            seq: long(4),
            ack: long(8),
            flags: word(12) & 0x1ff,
            window: word(14),
            checksum: word(16),
            urgent: word(18),
            options,
        })
    }
}

impl fmt::Display for TcpHeaderText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} > {} ", self.source, self.destination)?;
        let set = FLAGS.iter().enumerate().filter(|(bit, _)| self.flags & 1 << bit != 0);
        for (at, (_, name)) in set.enumerate() {
            write!(f, "{}{name}", if at == 0 { "" } else { "|" })?;
        }
        write!(f, " seq {} ack {} win {}", self.seq, self.ack, self.window)?;
        if !self.options.is_empty() {
            f.write_str(" options ")?;
            self.options.iter().try_for_each(|byte| write!(f, "{byte:02x}"))?;
        }
        Ok(())
    }
}
