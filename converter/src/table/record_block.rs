// SPDX-License-Identifier: BSD-2-Clause
//! Members of BBLog records, read column by column.
//!
//! Most members stand at one place in every record, whatever its event, stack and kernel. Records are gathered in blocks that
//! fit the processor's first cache; then each column takes its member from all of them in one loop.

use bblog_dissector::bblog::Record;
use bblog_dissector::spec::{FieldSpec, Kernel, Stack};
use bblog_dissector::tables;

use super::arrow_column::IntColumn;
use super::fixed_member::{FixedMember, event_flags};

/// Records of a block.
const RECORDS: usize = 64;

/// The members that are read by blocks, and the others.
pub(super) struct Members {
    /// Each with its column.
    members: Vec<(usize, FixedMember)>,
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
                match of_all(rows, row) {
                    Some(member) if is_first => {
                        found.len = found.len.max(member.end());
                        found.members.push((column, member));
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

/// The member of all rows that have the name of `row`, if it stands at one place in every record, whatever its stack and
/// kernel, and fits a column.
fn of_all(rows: &'static [FieldSpec], row: &FieldSpec) -> Option<FixedMember> {
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
    let is_always = Stack::ALL.iter().all(|stack| Kernel::ALL.iter().all(|kernel| is_there(stack, kernel)));
    if !is_always || !variants().all(is_same) {
        return None;
    }
    FixedMember::of(row, flags).filter(|member| !member.is_wide())
}

/// Records that wait until their members go to the columns.
#[derive(Default)]
pub(super) struct RecordBlock {
    /// Their first bytes, back to back.
    bytes: Vec<u8>,
    flags: Vec<u16>,
    /// The row of the first one.
    row: usize,
    /// The values of a member.
    values: Vec<i64>,
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
        for (column, member) in &members.members {
            let Some(column) = columns.get_mut(*column) else { continue };
            member.read_all(&self.bytes, members.len, &mut self.values);
            let is_set = |(&value, &flags): (&i64, &u16)| member.is_set(flags, value);
            if member.is_plain() || self.values.iter().zip(&self.flags).all(is_set) {
                column.extend(self.row, &self.values);
                continue;
            }
            for (at, (value, flags)) in self.values.iter().zip(&self.flags).enumerate() {
                if is_set((value, flags)) {
                    column.set(self.row + at, *value);
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
