// SPDX-License-Identifier: BSD-2-Clause
//! What is different from one record to the next: text of parts that are not can be used again.

use std::iter;

use bblog_dissector::event::{ByteSet, Event};
use bblog_dissector::spec::{Kernel, Stack};

/// What a part of a record's text depends on, beside stack and kernel.
#[derive(Clone, Copy, Debug)]
pub struct PartBasis {
    /// Bytes of the record.
    pub bytes: ByteSet,
    /// Whether it is also the section that the record is in.
    pub section: bool,
}

/// Parts of a text by number. The last bit stands for all parts from there on: few texts have so many.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PartSet(u64);

/// The number of the last bit of a [`PartSet`].
const LAST: usize = 63;

impl PartSet {
    /// No part.
    const NONE: PartSet = PartSet(0);
    /// All parts.
    pub const ALL: PartSet = PartSet(u64::MAX);

    /// Adds a part.
    fn add(&mut self, part: usize) {
        self.0 |= 1 << part.min(LAST);
    }

    fn and(self, other: PartSet) -> PartSet {
        PartSet(self.0 | other.0)
    }

    /// The numbers of those of `count` parts that are in the set, in their order.
    #[inline]
    pub fn of_parts(self, count: usize) -> impl Iterator<Item = usize> {
        let mut bits = self.0 & ((1 << count.min(LAST)) - 1);
        let own = iter::from_fn(move || {
            let part = bits.trailing_zeros() as usize;
            bits &= bits.wrapping_sub(1);
            (part <= LAST).then_some(part)
        });
        let rest = if self.0 >> LAST == 0 { count } else { LAST };
        own.chain(rest..count)
    }
}

impl FromIterator<usize> for PartSet {
    fn from_iter<I: IntoIterator<Item = usize>>(parts: I) -> PartSet {
        let mut set = PartSet::NONE;
        parts.into_iter().for_each(|part| set.add(part));
        set
    }
}

/// The last record, and what the parts of its text depend on.
pub struct Changes {
    bytes: Vec<u8>,
    /// Its stack and kernel; `None` before the first.
    of: Option<(Stack, Kernel)>,
    /// The parts that depend on a group of bytes, by the group's number.
    by_group: Box<[PartSet; ByteSet::GROUPS]>,
    /// All these bytes.
    relevant: ByteSet,
    by_section: PartSet,
    /// Those that depend on more.
    always: PartSet,
}

impl Changes {
    /// In front of the first record; its text has parts with these bases, `None` for one that depends on more.
    pub fn of_parts(bases: impl IntoIterator<Item = Option<PartBasis>>) -> Changes {
        let mut changes = Changes {
            bytes: Vec::new(),
            of: None,
            by_group: Box::new([PartSet::NONE; ByteSet::GROUPS]),
            relevant: ByteSet::NONE,
            by_section: PartSet::NONE,
            always: PartSet::NONE,
        };
        for (part, basis) in bases.into_iter().enumerate() {
            let Some(PartBasis { bytes, section }) = basis else {
                changes.always.add(part);
                continue;
            };
            changes.relevant = changes.relevant.and(bytes);
            bytes.groups().for_each(|group| changes.by_group[group].add(part));
            if section {
                changes.by_section.add(part);
            }
        }
        changes
    }

    /// Takes in the next record, and returns which parts of its text may not be those of the last one. `is_elsewhere` is
    /// whether it is in another section.
    #[inline]
    pub fn next(&mut self, event: &Event<'_>, is_elsewhere: bool) -> PartSet {
        let of = Some((event.stack(), event.kernel()));
        let bytes = event.as_bytes();
        let changed = if self.of == of {
            let differing = ByteSet::differing(&self.bytes, bytes).common(self.relevant);
            let unsteady = if is_elsewhere { self.always.and(self.by_section) } else { self.always };
            differing.groups().fold(unsteady, |all, group| all.and(self.by_group[group]))
        } else {
            PartSet::ALL
        };
        self.of = of;
        self.bytes.clear();
        self.bytes.extend_from_slice(bytes);
        changed
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn parts_beyond_the_last_bit_go_together() {
        let set = |parts: &[usize]| parts.iter().copied().collect::<PartSet>();
        let of = |set: PartSet, count: usize| set.of_parts(count).collect::<Vec<_>>();
        assert_eq!(of(PartSet::ALL, 3), [0, 1, 2]);
        assert!(of(PartSet::NONE, 100).is_empty());
        assert_eq!(of(set(&[0, 5, 62]), 100), [0, 5, 62]);
        assert_eq!(of(set(&[5, 70]), 66), [5, 63, 64, 65]);
        assert!(of(PartSet::ALL, 0).is_empty());
        for count in [62, 63, 64, 65, 200] {
            assert!(PartSet::ALL.of_parts(count).eq(0..count), "{count}");
        }
    }
}
