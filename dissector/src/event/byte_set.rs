// SPDX-License-Identifier: BSD-2-Clause
//! Which bytes of a BBLog record a value depends on. Most values stay the same from record to record; those whose bytes
//! do need not be read again.

use crate::bblog::RECORD_LEN;
use crate::spec::{FieldSpec, Place, Repeat, When};
use crate::tables::member;

/// Bytes of a record, in groups of eight: 41 in a whole record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ByteSet(u64);

/// Bytes of a group.
const GROUP: usize = 8;

impl ByteSet {
    /// No bytes.
    pub const NONE: ByteSet = ByteSet(0);
    /// All bytes.
    pub const ALL: ByteSet = ByteSet(u64::MAX);

    /// The bytes that differ between two records; all if their lengths do.
    #[inline]
    pub fn differing(a: &[u8], b: &[u8]) -> ByteSet {
        if a.len() != b.len() || a.len() > RECORD_LEN {
            return ByteSet::ALL;
        }
        let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<GROUP>(), b.as_chunks::<GROUP>());
        let differ = |set, (at, (a, b))| set | u64::from(a != b).wrapping_shl(at as u32);
        let whole = a.iter().zip(b).enumerate().fold(0, differ);
        ByteSet(whole | u64::from(a_rest != b_rest).wrapping_shl(a.len() as u32))
    }

    /// Whether no byte is in both.
    #[inline]
    pub fn is_disjoint(self, other: ByteSet) -> bool {
        self.0 & other.0 == 0
    }

    /// The bytes in either.
    #[must_use]
    pub fn and(self, other: ByteSet) -> ByteSet {
        ByteSet(self.0 | other.0)
    }

    /// The bytes that a value of `spec`, which is one of `rows`, depends on. It also depends on stack and kernel.
    pub fn of_row(rows: &[FieldSpec], spec: &FieldSpec) -> ByteSet {
        if spec.place.repeat != Repeat::Once {
            return ByteSet::ALL;
        }
        let others = spec.yields_to.iter().filter_map(|&other| rows.get(usize::from(other)));
        let whens = others.map(|other| other.when).chain([spec.when]);
        whens.fold(ByteSet::of_place(&spec.place), |set, when| set.and(ByteSet::of_when(when)))
    }

    fn of_when(when: &When) -> ByteSet {
        let flags = if when.flags == 0 { ByteSet::NONE } else { ByteSet::of(member::TLB_EVENTFLAGS, 2) };
        when.conds.iter().fold(flags, |set, cond| set.and(ByteSet::of_place(&cond.place)))
    }

    fn of_place(place: &Place) -> ByteSet {
        let size = usize::from(place.size);
        let low = place.low.map_or(ByteSet::NONE, |low| ByteSet::of(low.into(), 4));
        let minus = place.minus.map_or(ByteSet::NONE, |other| ByteSet::of(other.into(), size));
        ByteSet::of(place.offset.into(), size).and(low).and(minus)
    }

    fn of(offset: usize, size: usize) -> ByteSet {
        let groups = offset / GROUP..(offset + size).div_ceil(GROUP);
        groups.fold(ByteSet::NONE, |set, group| {
            set.and(ByteSet(1_u64.checked_shl(group as u32).unwrap_or(u64::MAX)))
        })
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::bblog::Record;
    use crate::event::{Event, RecordContext, RowGroup};
    use crate::spec::Stack;

    /// Whichever byte of a record changes: a value of a row that does not depend on it stays the same.
    #[test]
    fn values_depend_on_these_bytes_only() {
        let contexts = [Stack::Freebsd, Stack::Rack, Stack::Bbr, Stack::Unknown]
            .map(|stack| RecordContext { stack, ..RecordContext::default() });
        for seed in 0..40_u32 {
            let mut bytes: [u8; RECORD_LEN] =
                std::array::from_fn(|at| (seed.wrapping_mul(at as u32 ^ 0x9e37) >> 7) as u8);
            for context in contexts {
                for at in 0..RECORD_LEN {
                    let before = bytes;
                    bytes[at] ^= 1 << (seed % 8);
                    check(&before, &bytes, context);
                    bytes = before;
                }
            }
        }
    }

    fn check(before: &[u8; RECORD_LEN], after: &[u8; RECORD_LEN], context: RecordContext) {
        let differing = ByteSet::differing(before, after);
        let (before, after) = (Record::from_bytes(before), Record::from_bytes(after));
        let (before, after) = (Event::of_record(&before, context), Event::of_record(&after, context));
        if before.stack() != after.stack() || before.as_bytes().len() != after.as_bytes().len() {
            return;
        }
        for group in [RowGroup::Common, RowGroup::Derived] {
            let rows = before.rows_of(group);
            for (index, row) in rows.iter().enumerate() {
                if ByteSet::of_row(rows, row).is_disjoint(differing) {
                    let value =
                        |event: &Event<'_>| event.value_at(group, index).map(|field| format!("{field:?}"));
                    assert_eq!(value(&before), value(&after), "{}", row.name);
                }
            }
        }
    }
}
