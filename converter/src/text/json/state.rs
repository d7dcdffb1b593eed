// SPDX-License-Identifier: BSD-2-Clause
//! The members that every BBLog record has: the state of the connection. Most stay the same from record to record, and
//! their text is kept.

use bblog_dissector::event::{ByteSet, RowGroup};
use bblog_dissector::tables;

/// Bytes of a member that are kept. So many are copied, which costs less than a copy of unknown length.
const KEPT: usize = 48;

/// A row that every record has, and its text in the last record.
pub struct StateMember {
    /// The row.
    pub group: RowGroup,
    /// Its index among those of the group.
    pub index: usize,
    /// What its text depends on.
    of: ByteSet,
    text: [u8; KEPT],
    /// Bytes of the text, 0 if the record does not have the row; `None` if the text is not kept.
    len: Option<u8>,
}

impl StateMember {
    /// The members of a record, in their order.
    pub fn all() -> Box<[StateMember]> {
        let groups = [(RowGroup::Common, tables::RECORD), (RowGroup::Derived, tables::DERIVED)];
        let members = groups.into_iter().flat_map(|(group, rows)| {
            rows.iter().enumerate().map(move |(index, row)| {
                let of = ByteSet::of_row(rows, row);
                StateMember { group, index, of, text: [0; KEPT], len: None }
            })
        });
        members.collect()
    }

    /// Appends the text that the last record had and returns `true`, unless the text depends on one of the bytes
    /// `changed`.
    #[inline]
    pub fn repeat(&self, changed: ByteSet, out: &mut Vec<u8>) -> bool {
        let Some(len) = self.len.filter(|_| self.of.is_disjoint(changed)) else { return false };
        let end = out.len() + usize::from(len);
        out.extend_from_slice(&self.text);
        out.truncate(end);
        true
    }

    /// Keeps the text of a record.
    #[inline]
    pub fn keep(&mut self, text: &[u8]) {
        let place = self.text.get_mut(..text.len());
        self.len = place.map(|place| {
            place.copy_from_slice(text);
            text.len() as u8
        });
    }
}
