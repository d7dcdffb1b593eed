// SPDX-License-Identifier: BSD-2-Clause
//! The members that every BBLog record has: the state of the connection. Most stay the same from record to record.

use bblog_dissector::event::{ByteSet, RowGroup};
use bblog_dissector::tables;

/// A row that every record has.
pub struct StateMember {
    /// The row.
    pub group: RowGroup,
    /// Its index among those of the group.
    pub index: usize,
    /// What its text depends on.
    pub of: ByteSet,
}

impl StateMember {
    /// The members of a record, in their order.
    pub fn all() -> Box<[StateMember]> {
        let groups = [(RowGroup::Common, tables::RECORD), (RowGroup::Derived, tables::DERIVED)];
        let members = groups.into_iter().flat_map(|(group, rows)| {
            rows.iter().enumerate().map(move |(index, row)| StateMember {
                group,
                index,
                of: ByteSet::of_row(rows, row),
            })
        });
        members.collect()
    }
}
