// SPDX-License-Identifier: BSD-2-Clause
//! Members of BBLog records, read column by column.
//!
//! Most members stand at one place in every record, whatever its event, stack and kernel. Records wait in blocks that fit the
//! processor's first cache; when rows are written, each column takes its member from all records of a block in one loop.

use bblog_dissector::bblog::Record;
use bblog_dissector::spec::{FieldSpec, Kernel, Stack};
use bblog_dissector::tables;

use super::arrow_column::IntColumn;
use super::column_memory::ColumnMemory;
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

/// Records whose members do not stand in the columns yet.
///
/// As records they take half the memory that their members take in columns, and the thread that writes the rows makes the
/// columns.
#[derive(Default)]
pub(super) struct WaitingRecords {
    blocks: Vec<RecordBlock>,
}

impl WaitingRecords {
    /// Takes in a record, which is row number `row`, one behind the last one; `false` if it is too short.
    #[inline]
    pub(super) fn push(
        &mut self,
        members: &Members,
        row: usize,
        record: &Record<'_>,
        memory: &ColumnMemory,
    ) -> bool {
        let Some(bytes) = record.known_bytes().get(..members.len) else { return false };
        if self.blocks.last().is_none_or(RecordBlock::is_full) {
            self.blocks.push(memory.block());
        }
        if let Some(block) = self.blocks.last_mut() {
            block.push(row, bytes, record.flags().0);
        }
        true
    }

    /// Hands their members to the columns, of `rows` rows at most.
    pub(super) fn flush(
        &mut self,
        members: &Members,
        columns: &mut [IntColumn],
        rows: usize,
        memory: &ColumnMemory,
    ) {
        if self.blocks.is_empty() {
            return;
        }
        for (column, _) in &members.members {
            columns.get_mut(*column).into_iter().for_each(|column| column.reserve(rows, memory));
        }
        let mut values = Vec::with_capacity(RECORDS);
        for mut block in self.blocks.drain(..) {
            block.flush(members, columns, &mut values);
            memory.put_block(block);
        }
    }
}

/// Records that are handed to the columns together.
#[derive(Default)]
pub(super) struct RecordBlock {
    /// Their first bytes, back to back.
    bytes: Vec<u8>,
    flags: Vec<u16>,
    /// The row of the first one.
    row: usize,
}

impl RecordBlock {
    #[inline]
    fn is_full(&self) -> bool {
        self.flags.len() >= RECORDS
    }

    #[inline]
    fn push(&mut self, row: usize, bytes: &[u8], flags: u16) {
        if self.flags.is_empty() {
            self.row = row;
            self.bytes.reserve_exact(RECORDS * bytes.len());
        }
        self.bytes.extend_from_slice(bytes);
        self.flags.push(flags);
    }

    /// `values` is room for the values of a member.
    fn flush(&mut self, members: &Members, columns: &mut [IntColumn], values: &mut Vec<i64>) {
        for (column, member) in &members.members {
            let Some(column) = columns.get_mut(*column) else { continue };
            member.read_all(&self.bytes, members.len, values);
            let is_set = |(&value, &flags): (&i64, &u16)| member.is_set(flags, value);
            if member.is_plain() || values.iter().zip(&self.flags).all(is_set) {
                column.extend(self.row, values);
                continue;
            }
            for (at, (value, flags)) in values.iter().zip(&self.flags).enumerate() {
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
