// SPDX-License-Identifier: BSD-2-Clause
//! Members of BBLog records, read column by column.
//!
//! Most members stand at one place in every record, whatever its event, stack and kernel. Records are gathered in blocks that
//! fit the processor's first cache; then each column takes its member from all of them in one loop.

use bblog_dissector::bblog::Record;
use bblog_dissector::spec::{
    ByteOrder, Condition, FieldSpec, Kernel, MemberTest, Place, Repeat, Stack, ValueKind, When,
};
use bblog_dissector::tables;

use super::arrow_column::IntColumn;

/// The member that says which optional parts of a record are valid.
const EVENT_FLAGS: &str = "tlb_eventflags";
/// Records of a block.
const RECORDS: usize = 64;

/// A member that stands at one place in every record.
struct FixedMember {
    column: usize,
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
    I32,
    I64,
}

/// The members that are read by blocks, and the others.
pub(super) struct Members {
    members: Vec<FixedMember>,
    /// Indexes of the other rows among those of records, and among the derived ones.
    pub(super) others: [Vec<usize>; 2],
    /// Bytes of a record that they lie in.
    len: usize,
}

impl Members {
    /// Those of the rows that have a column by `column`.
    pub(super) fn new(column: impl Fn(&FieldSpec) -> Option<usize>) -> Members {
        let groups: [&'static [FieldSpec]; 2] = [tables::RECORD, tables::DERIVED];
        let mut found = Members { members: Vec::new(), others: [Vec::new(), Vec::new()], len: 0 };
        for (group, rows) in groups.into_iter().enumerate() {
            for (index, row) in rows.iter().enumerate() {
                let Some(column) = column(row) else { continue };
                // All rows of a name, or none of them.
                let is_first = rows.iter().position(|other| other.name == row.name) == Some(index);
                match FixedMember::of(rows, row, column) {
                    Some(member) if is_first => {
                        found.len = found.len.max(member.end());
                        found.members.push(member);
                    }
                    Some(_) => {}
                    None => found.others[group].push(index),
                }
            }
        }
        found
    }

    /// Whether there are rows that are not read by blocks.
    pub(super) fn has_others(&self) -> bool {
        self.others.iter().any(|others| !others.is_empty())
    }
}

impl FixedMember {
    fn of(rows: &'static [FieldSpec], row: &FieldSpec, column: usize) -> Option<FixedMember> {
        let variants = || rows.iter().filter(|other| other.name == row.name);
        let flags = event_flags(row.when)?;
        let is_same = |other: &FieldSpec| {
            other.place == row.place
                && other.kind == row.kind
                && other.unset == row.unset
                && other.yields_to.is_empty()
                && event_flags(other.when) == Some(flags)
        };
        // Rows of several stacks and kernels are one member if they are there for all of them.
        let is_there = |stack: &Stack, kernel: &Kernel| {
            let holds =
                |row: &FieldSpec| row.when.stacks & stack.bit() != 0 && row.when.kernels & kernel.bit() != 0;
            variants().any(holds)
        };
        let is_always =
            Stack::ALL.iter().all(|stack| Kernel::ALL.iter().all(|kernel| is_there(stack, kernel)));
        if !is_always || !variants().all(is_same) {
            return None;
        }
        let Place { offset, size, bits, low: None, minus, order, repeat: Repeat::Once } = row.place else {
            return None;
        };
        let size = match (row.kind, order, size) {
            (ValueKind::Unsigned(_) | ValueKind::Bool, _, 1) => Size::U8,
            (ValueKind::Unsigned(_), ByteOrder::Host, 2) => Size::U16,
            (ValueKind::Unsigned(_), ByteOrder::Host, 4) => Size::U32,
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
            column,
            at: usize::from(offset),
            size,
            minus: minus.map(usize::from),
            bits,
            flags,
            unset: row.unset,
        })
    }

    fn end(&self) -> usize {
        let size = match self.size {
            Size::U8 => 1,
            Size::U16 => 2,
            Size::U32 | Size::I32 => 4,
            Size::I64 => 8,
        };
        self.at.max(self.minus.unwrap_or_default()) + size
    }

    /// Whether each record has a value.
    fn is_plain(&self) -> bool {
        self.flags == 0 && self.unset.is_empty()
    }

    /// Its value in a record that is long enough.
    #[inline]
    fn read(&self, record: &[u8]) -> i64 {
        let at = self.at;
        let value = match self.size {
            Size::U8 => u64::from(record[at]),
            Size::U16 => u64::from(u16::from_le_bytes(array(record, at))),
            Size::U32 => {
                let value = u32::from_le_bytes(array(record, at));
                let minus = self.minus.map_or(0, |at| u32::from_le_bytes(array(record, at)));
                u64::from(value.wrapping_sub(minus))
            }
            Size::I32 => return i64::from(i32::from_le_bytes(array(record, at))),
            Size::I64 => return i64::from_le_bytes(array(record, at)),
        };
        (value >> self.bits.0 & self.bits.1) as i64
    }

    fn is_unset(&self, value: i64) -> bool {
        self.unset.iter().any(|&(from, to)| (from..=to).contains(&(value as u64)))
    }
}

/// The event flags that a condition requires. Each must be set. `None` if it requires more of the record.
fn event_flags(when: &When) -> Option<u16> {
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

/// Records that wait until their members go to the columns.
#[derive(Default)]
pub(super) struct RecordBlock {
    /// Their first bytes, back to back.
    bytes: Vec<u8>,
    flags: Vec<u16>,
    /// The row of the first one.
    row: usize,
}

impl RecordBlock {
    /// Takes in a record, which is row number `row`; `false` if it is too short.
    #[inline]
    pub(super) fn push(&mut self, members: &Members, row: usize, record: &Record<'_>) -> bool {
        let Some(bytes) = record.known_bytes().get(..members.len) else { return false };
        if self.flags.is_empty() {
            self.row = row;
        }
        self.bytes.extend_from_slice(bytes);
        self.flags.push(record.flags().0);
        true
    }

    /// Whether its members have to go to the columns before another record comes in.
    #[inline]
    pub(super) fn is_full(&self) -> bool {
        self.flags.len() >= RECORDS
    }

    /// Hands its members to the columns.
    pub(super) fn flush(&mut self, members: &Members, columns: &mut [IntColumn]) {
        if self.flags.is_empty() {
            return;
        }
        let records = || self.bytes.chunks_exact(members.len);
        for member in &members.members {
            let Some(column) = columns.get_mut(member.column) else { continue };
            if member.is_plain() {
                column.extend(self.row, records().map(|record| member.read(record)));
                continue;
            }
            for (at, (record, flags)) in records().zip(&self.flags).enumerate() {
                let value = member.read(record);
                if flags & member.flags == member.flags && !member.is_unset(value) {
                    column.set(self.row + at, value);
                }
            }
        }
        self.bytes.clear();
        self.flags.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Nearly all rows are read by blocks, and each row is in one place.
    #[test]
    fn few_rows_are_left() {
        let members = Members::new(|_| Some(0));
        let left = members.others.iter().map(Vec::len).sum::<usize>();
        assert!(left <= 4, "{:?}", members.others);
        assert!(members.members.len() > 40);
        assert!(members.len <= bblog_dissector::bblog::RECORD_LEN);
    }
}
