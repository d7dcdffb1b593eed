// SPDX-License-Identifier: BSD-2-Clause
//! Where a value lies, and how it is read there.

/// The type of a field's values.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum ValueKind {
    /// Unsigned integer of 8, 16, 32 or 64 bits.
    Unsigned(u8),
    /// Signed integer of 8, 16, 32 or 64 bits.
    Signed(u8),
    /// A truth value: any nonzero number is true.
    Bool,
    /// Text, cut at the first NUL; any bytes.
    Text,
    /// Raw bytes.
    Bytes,
    /// An IPv4 address.
    Ipv4,
    /// An IPv6 address.
    Ipv6,
}

/// Where a value lies, relative to the record (BBLog) or the payload (eventlog).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Place {
    /// First byte.
    pub offset: u16,
    /// Bytes.
    pub size: u16,
    /// The lowest and highest bit of it, if the value is a part of an integer.
    pub bits: Option<(u8, u8)>,
    /// Where the low 32 bits lie, if the value is a 64-bit integer in two members.
    pub low: Option<u16>,
    /// Where an integer of the same size lies that is to be taken off, modulo its size: the
    /// value is computed, not logged.
    pub minus: Option<u16>,
    /// The byte order.
    pub order: ByteOrder,
    /// How often the value stands there.
    pub repeat: Repeat,
}

/// How a value is read, which follows from its [`ValueKind`] and [`Place`]: worked out beforehand, since
/// it is needed for every value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ReadMethod {
    /// An unsigned integer of 8 bits that stands there by itself.
    U8,
    /// One of 16 bits.
    U16,
    /// One of 32 bits.
    U32,
    /// One of 64 bits.
    U64,
    /// A signed integer of 32 bits.
    I32,
    /// One of 64 bits.
    I64,
    /// A truth value of 8 bits.
    Bool,
    /// All others.
    Other,
}

impl ReadMethod {
    /// How values of `kind` are read at `place`.
    pub const fn of(kind: ValueKind, place: &Place) -> ReadMethod {
        let Place { bits: None, low: None, minus: None, .. } = place else { return ReadMethod::Other };
        match (kind, place.order, place.size) {
            (ValueKind::Unsigned(_), _, 1) => ReadMethod::U8,
            (ValueKind::Unsigned(_), ByteOrder::Host, 2) => ReadMethod::U16,
            (ValueKind::Unsigned(_), ByteOrder::Host, 4) => ReadMethod::U32,
            (ValueKind::Unsigned(_), ByteOrder::Host, 8) => ReadMethod::U64,
            (ValueKind::Signed(_), ByteOrder::Host, 4) => ReadMethod::I32,
            (ValueKind::Signed(_), ByteOrder::Host, 8) => ReadMethod::I64,
            (ValueKind::Bool, _, 1) => ReadMethod::Bool,
            _ => ReadMethod::Other,
        }
    }
}

/// Byte order of an integer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ByteOrder {
    /// The order of the machine that wrote the log: little-endian.
    Host,
    /// Network order.
    Network,
}

/// How often a value stands at its place.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Repeat {
    /// Once.
    Once,
    /// A variable-length tail: as often as an earlier integer says, one after the other.
    Tail {
        /// Offset of the count in the payload.
        count_at: u16,
        /// Its bytes.
        count_size: u8,
        /// The most there can be.
        max: u32,
    },
}
