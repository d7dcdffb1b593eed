// SPDX-License-Identifier: BSD-2-Clause
//! When a row, a sentence or an alert applies.

use super::place::Place;

/// Every bit of a stack or kernel set.
pub const ALL: u8 = 0xff;

/// When a row applies: all of it must hold.
#[derive(Clone, Copy, Debug)]
pub struct When {
    /// Stacks, as [`Stack::bit`](super::Stack::bit)s.
    pub stacks: u8,
    /// Kernels, as [`Kernel::bit`](super::Kernel::bit)s.
    pub kernels: u8,
    /// Event flags that say the member is valid at all.
    pub flags: u16,
    /// Conditions on members of the record.
    pub conds: &'static [Condition],
}

impl When {
    /// Always.
    pub const ALWAYS: When = When { stacks: ALL, kernels: ALL, flags: 0, conds: &[] };
}

/// A condition on another member of the record.
#[derive(Clone, Copy, Debug)]
pub struct Condition {
    /// The member's name, as the table has it.
    pub member: &'static str,
    /// The member.
    pub place: Place,
    /// What its value must be.
    pub test: MemberTest,
}

/// What a [`Condition`] requires.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum MemberTest {
    /// One of these.
    In(&'static [u64]),
    /// None of these.
    NotIn(&'static [u64]),
    /// Greater than this.
    Above(u64),
    /// At least one of these bits is set.
    AnySet(u64),
    /// None of these bits is set.
    NoneSet(u64),
}
