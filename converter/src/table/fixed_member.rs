// SPDX-License-Identifier: BSD-2-Clause
//! A number that stands at one place of a BBLog record, read without a look at its row.

use bblog_dissector::spec::{ByteOrder, Condition, FieldSpec, MemberTest, Place, Repeat, ValueKind, When};

/// The member that says which optional parts of a record are valid.
const EVENT_FLAGS: &str = "tlb_eventflags";

/// A number that stands at one place of a record.
pub(super) struct FixedMember {
    at: usize,
    size: Size,
    /// Where the number lies that is taken off, modulo 2^32.
    minus: Option<usize>,
    /// The lowest bit of it, and a mask.
    bits: (u8, u64),
    /// Event flags that say that it is valid.
    flags: u16,
    /// Values that mean "not set".
    unset: &'static [(u64, u64)],
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Size {
    U8,
    U16,
    U32,
    U64,
    I32,
    I64,
}

impl FixedMember {
    /// The number of a row, which is there if these event flags are set; `None` if it is no number at one place.
    pub(super) fn of(row: &FieldSpec, flags: u16) -> Option<FixedMember> {
        let Place { offset, size, bits, low: None, minus, order, repeat: Repeat::Once } = row.place else {
            return None;
        };
        let size = match (row.kind, order, size) {
            (ValueKind::Unsigned(_) | ValueKind::Bool, _, 1) => Size::U8,
            (ValueKind::Unsigned(_), ByteOrder::Host, 2) => Size::U16,
            (ValueKind::Unsigned(_), ByteOrder::Host, 4) => Size::U32,
            (ValueKind::Unsigned(_), ByteOrder::Host, 8) => Size::U64,
            (ValueKind::Signed(_), ByteOrder::Host, 4) => Size::I32,
            (ValueKind::Signed(_), ByteOrder::Host, 8) => Size::I64,
            _ => return None,
        };
        let is_signed = matches!(size, Size::I32 | Size::I64);
        if minus.is_some() && size != Size::U32 || bits.is_some() && is_signed {
            return None;
        }
        let bits = bits.map_or((0, u64::MAX), |(low, high)| (low, u64::MAX >> (63 - u32::from(high - low))));
        Some(FixedMember {
            at: usize::from(offset),
            size,
            minus: minus.map(usize::from),
            bits,
            flags,
            unset: row.unset,
        })
    }

    /// Where it ends in the record.
    pub(super) fn end(&self) -> usize {
        let size = match self.size {
            Size::U8 => 1,
            Size::U16 => 2,
            Size::U32 | Size::I32 => 4,
            Size::U64 | Size::I64 => 8,
        };
        self.at.max(self.minus.unwrap_or_default()) + size
    }

    /// Whether it can be greater than the greatest number with a sign.
    pub(super) fn is_wide(&self) -> bool {
        self.size == Size::U64
    }

    /// Whether each record has a value.
    pub(super) fn is_plain(&self) -> bool {
        self.flags == 0 && self.unset.is_empty()
    }

    /// Whether a record with these event flags has the value `value`.
    #[inline]
    pub(super) fn is_set(&self, flags: u16, value: i64) -> bool {
        flags & self.flags == self.flags
            && !self.unset.iter().any(|&(from, to)| (from..=to).contains(&(value as u64)))
    }

    /// Its value in a record that is long enough. A number [that is too great](FixedMember::is_wide) is below 0.
    #[inline]
    pub(super) fn read(&self, record: &[u8]) -> i64 {
        let value = match self.size {
            Size::U8 => u64::from(record[self.at]),
            Size::U16 => u64::from(u16::from_le_bytes(array(record, self.at))),
            Size::U32 => u64::from(self.read_u32(record)),
            Size::U64 => u64::from_le_bytes(array(record, self.at)),
            Size::I32 => return i64::from(i32::from_le_bytes(array(record, self.at))),
            Size::I64 => return i64::from_le_bytes(array(record, self.at)),
        };
        (value >> self.bits.0 & self.bits.1) as i64
    }

    #[inline]
    fn read_u32(&self, record: &[u8]) -> u32 {
        let value = u32::from_le_bytes(array(record, self.at));
        self.minus.map_or(value, |at| value.wrapping_sub(u32::from_le_bytes(array(record, at))))
    }

    /// Its values in records of `len` bytes, back to back.
    pub(super) fn read_all(&self, records: &[u8], len: usize, values: &mut Vec<i64>) {
        values.clear();
        let records = records.chunks_exact(len);
        match (self.size, self.minus, self.bits) {
            // By far the most: a loop of their own.
            (Size::U32, None, (0, u64::MAX)) => {
                values.extend(records.map(|record| i64::from(u32::from_le_bytes(array(record, self.at)))));
            }
            _ => values.extend(records.map(|record| self.read(record))),
        }
    }
}

/// The event flags that a condition requires. Each must be set. `None` if it requires more of the record.
pub(super) fn event_flags(when: &When) -> Option<u16> {
    let flag = |cond: &Condition| match cond.test {
        MemberTest::AnySet(mask) if cond.member == EVENT_FLAGS && mask.is_power_of_two() => {
            u16::try_from(mask).ok()
        }
        _ => None,
    };
    when.conds.iter().try_fold(when.flags, |flags, cond| Some(flags | flag(cond)?))
}

#[inline]
fn array<const N: usize>(bytes: &[u8], at: usize) -> [u8; N] {
    bytes.get(at..).and_then(<[u8]>::first_chunk).copied().unwrap_or([0; N])
}
