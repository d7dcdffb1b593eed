// SPDX-License-Identifier: BSD-2-Clause
//! A row of a table.

use super::names::ValueNames;
use super::place::{Place, ReadMethod, ValueKind};
use super::when::When;
use crate::language::unit::Unit;

/// One row of a table: one value that a record or an event may hold.
#[derive(Debug)]
pub struct FieldSpec {
    /// A number of its own among all rows of the process, counted from 0 without gaps.
    pub id: u32,
    /// The name within its event, lower case: `snd_cwnd`, `pacing_delay`.
    pub name: &'static str,
    /// The display filter name: `bblog.snd_cwnd`, `bblog.hptsi_calc.pacing_delay`.
    pub filter: &'static str,
    /// What it is, a few words.
    pub label: &'static str,
    /// The type of its values. Rows that share a filter name share the widest type among them.
    pub kind: ValueKind,
    /// The unit.
    pub unit: Unit,
    /// The names of its values.
    pub names: ValueNames,
    /// Where it lies in the bytes.
    pub place: Place,
    /// How it is read there.
    pub read: ReadMethod,
    /// When it is there.
    pub when: &'static When,
    /// How many rows from this one on have the very same [`FieldSpec::when`]: where it does not
    /// hold, they are passed over at once.
    pub span: u16,
    /// Rows of the same event, by index, that take this one's place where they apply: same bits,
    /// more conditions.
    pub yields_to: &'static [u16],
    /// Whether it came with a common set, and so says nothing special about its event.
    pub common: bool,
    /// Values that are no number to count with, from the first to the last of each range. Those that mean "not set": a
    /// kernel's largest number, where there is no value yet, or a negative one in an unsigned member. And those of
    /// `implausible`.
    pub unset: &'static [(u64, u64)],
    /// Values that no kernel writes, as a window above the largest that TCP has, as ranges: the record is damaged.
    pub implausible: &'static [(u64, u64)],
    /// Values from this one on are lower bounds: the kernel cut them, or they wrapped.
    pub at_least: Option<u64>,
    /// Which kernel source the row comes from.
    pub source: &'static str,
}
