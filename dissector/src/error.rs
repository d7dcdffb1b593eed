// SPDX-License-Identifier: BSD-2-Clause
//! Errors of input bytes.

/// A fault in the input: what was found and what was expected. The reader that has them
/// adds the file and the offset.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// Fewer bytes than the structure has.
    #[error("{what} cut short: {found} bytes, expected {needed}")]
    Truncated {
        /// The structure.
        what: &'static str,
        /// Its size in bytes.
        needed: u64,
        /// The bytes there are.
        found: u64,
    },
    /// The file does not begin with `ELOG`.
    #[error("magic {found:02x?}, expected \"ELOG\"")]
    Magic {
        /// The first four bytes.
        found: [u8; 4],
    },
    /// A format version that this library does not read.
    #[error("{what} version {found}, expected {supported}")]
    Version {
        /// The format.
        what: &'static str,
        /// The version in the input.
        found: u32,
        /// The version that is read.
        supported: u32,
    },
    /// Written on a machine of the other byte order.
    #[error("{what} version {found:#010x}, expected {supported}: written big-endian, which is not supported")]
    ByteOrder {
        /// The format.
        what: &'static str,
        /// The version as read.
        found: u32,
        /// The version that is read.
        supported: u32,
    },
    /// An entry type other than TCP_LOG_DEV_TYPE_BBR.
    #[error("entry type {found}, expected 1 (BBLog)")]
    EntryType {
        /// tlch_type.
        found: u32,
    },
    /// An entry of BBLog ends before its length does: another begins.
    #[error("the entry ends {} early: another begins", crate::counted::Counted(*missing, "byte"))]
    EntryTorn {
        /// How many bytes are missing of the length in its header.
        missing: u64,
    },
    /// Bytes inside an entry of BBLog that are not what FreeBSD writes.
    #[error("no BBLog record, expected one with a time, an event and flags of FreeBSD")]
    NoRecord,
    /// A length that cannot be right.
    #[error("{what} {found}, expected {min} to {max}")]
    Length {
        /// Which length.
        what: &'static str,
        /// Its value.
        found: u64,
        /// The smallest value allowed.
        min: u64,
        /// The largest value allowed.
        max: u64,
    },
    /// More providers than the format allows.
    #[error("{found} providers, expected at most {max}")]
    Providers {
        /// The count in the file.
        found: u32,
        /// The most that elog(1) writes or reads.
        max: u32,
    },
}
