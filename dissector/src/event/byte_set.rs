// SPDX-License-Identifier: BSD-2-Clause
//! Which bytes of a BBLog record a value depends on. Most values stay the same from record to record; those whose bytes
//! do need not be read again.

use crate::bblog::RECORD_LEN;
use crate::spec::{FieldSpec, Place, Repeat, When};
use crate::tables::{self, member};

/// Bytes of a record, in groups of two: 164 in a whole record. Members beside each other change apart: of 49 values that
/// a record has, 6 are not those of the record before it, and with groups of eight bytes 16 seemed to be.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ByteSet([u64; 3]);

/// Bytes of a group.
const GROUP: usize = 2;
/// Bytes that are compared at once: four groups.
const WORD: usize = 8;
/// Words whose groups have a bit each in one integer. Group `lane` of word number `at` has bit `16 * lane + at`: so the bits
/// of a word are found with shifts alone.
const WORDS: usize = 16;
/// Bytes of these words.
const PART: usize = WORDS * WORD;

impl ByteSet {
    /// More than the number of any group.
    pub const GROUPS: usize = 3 * 64;
    /// No bytes.
    pub const NONE: ByteSet = ByteSet([0; 3]);
    /// All bytes.
    pub const ALL: ByteSet = ByteSet([u64::MAX; 3]);

    /// The bytes that differ between two records; all if their lengths do.
    #[inline]
    pub fn differing(a: &[u8], b: &[u8]) -> ByteSet {
        if a.len() != b.len() || a.len() > RECORD_LEN {
            return ByteSet::ALL;
        }
        // The length of most is known here, so that the loops are unrolled: a third of the time.
        if let (Some(a), Some(b)) = (a.as_array::<RECORD_LEN>(), b.as_array::<RECORD_LEN>()) {
            let part = |at: usize, end: usize| differing_groups(&a[at..end], &b[at..end]);
            return ByteSet([part(0, PART), part(PART, 2 * PART), part(2 * PART, RECORD_LEN)]);
        }
        let mut set = ByteSet::NONE;
        let parts = a.chunks(PART).zip(b.chunks(PART));
        set.0.iter_mut().zip(parts).for_each(|(bits, (a, b))| *bits = differing_groups(a, b));
        set
    }

    /// Whether no byte is in both.
    #[inline]
    pub fn is_disjoint(self, other: ByteSet) -> bool {
        self.common(other) == ByteSet::NONE
    }

    /// The bytes in both.
    #[inline]
    #[must_use]
    pub fn common(self, other: ByteSet) -> ByteSet {
        ByteSet(std::array::from_fn(|at| self.0[at] & other.0[at]))
    }

    /// The numbers of the groups in it, each below [`ByteSet::GROUPS`]: those of bytes that are in both of two sets are in
    /// both.
    #[inline]
    pub fn groups(self) -> impl Iterator<Item = usize> {
        self.0.into_iter().enumerate().flat_map(|(word, mut bits)| {
            std::iter::from_fn(move || {
                let bit = bits.trailing_zeros() as usize;
                bits &= bits.wrapping_sub(1);
                (bit < 64).then_some(64 * word + bit)
            })
        })
    }

    /// The bytes in either.
    #[must_use]
    pub fn and(self, other: ByteSet) -> ByteSet {
        ByteSet(std::array::from_fn(|at| self.0[at] | other.0[at]))
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

    /// The bytes that the values called `names` depend on, of those that every record has.
    pub fn of_members(names: &[&str]) -> ByteSet {
        let rows = tables::RECORD.iter().filter(|row| names.contains(&row.name));
        rows.fold(ByteSet::NONE, |set, row| set.and(ByteSet::of_row(tables::RECORD, row)))
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
        let mut set = ByteSet::NONE;
        for at in (offset / GROUP..(offset + size).div_ceil(GROUP)).map(|group| group * GROUP) {
            let (word, lane) = (at / WORD, at % WORD / GROUP);
            let Some(bits) = set.0.get_mut(word / WORDS) else { return ByteSet::ALL };
            *bits |= 1 << (16 * lane + word % WORDS);
        }
        set
    }
}

/// A bit for each group of up to 16 words: whether it differs.
#[inline(always)]
fn differing_groups(a: &[u8], b: &[u8]) -> u64 {
    let ((a, a_rest), (b, b_rest)) = (a.as_chunks::<WORD>(), b.as_chunks::<WORD>());
    let mut whole = 0;
    for (at, (a, b)) in a.iter().zip(b).enumerate() {
        whole |= differing_lanes(a, b) >> (WORDS - 1 - at);
    }
    if a_rest.is_empty() {
        return whole;
    }
    let padded = |rest: &[u8]| std::array::from_fn(|at| rest.get(at).copied().unwrap_or_default());
    whole | differing_lanes(&padded(a_rest), &padded(b_rest)) >> (WORDS - 1 - a.len())
}

/// The highest bit of each of four groups: whether it differs.
#[inline]
fn differing_lanes(a: &[u8; WORD], b: &[u8; WORD]) -> u64 {
    const HIGHEST: u64 = 0x8000_8000_8000_8000;
    let differ = u64::from_le_bytes(*a) ^ u64::from_le_bytes(*b);
    // A carry into the highest bit of a lane says that another one is set; none goes beyond.
    (((differ & !HIGHEST) + !HIGHEST) | differ) & HIGHEST
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
