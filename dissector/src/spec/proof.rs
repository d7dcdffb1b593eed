// SPDX-License-Identifier: BSD-2-Clause
//! What a record proves about the stack and the kernel that wrote it.

use super::place::Place;
use super::stack::Stack;
use super::when::When;

/// A stack that takes a connection over logs under the id of the stack before it until it has.
#[derive(Clone, Copy, Debug)]
pub struct Takeover {
    /// When a record is of [`Takeover::stack`].
    pub when: When,
    /// The stack that takes over.
    pub stack: Stack,
}

/// What a record proves about the stack or the kernel that wrote it.
#[derive(Clone, Copy, Debug)]
pub struct Proof {
    /// When it does. Conditions on the kernel mean nothing here.
    pub when: When,
    /// How two members of the record must compare.
    pub compare: Option<Compare>,
    /// For proof that the connection's next record gives: the event that this record is of on
    /// `kernels`, and on no other kernel.
    pub next: Option<u8>,
    /// The stacks that the record can come from, as [`Stack::bit`]s; [`ALL`](super::ALL) if it proves none.
    pub stacks: u8,
    /// The kernels that the record can come from, as [`Kernel::bit`](super::Kernel::bit)s; [`ALL`](super::ALL) if it proves none.
    pub kernels: u8,
}

/// A comparison of two members of a record.
#[derive(Clone, Copy, Debug)]
pub struct Compare {
    /// The member.
    pub place: Place,
    /// Whether it must be greater than `times` the other one, or must not be.
    pub above: bool,
    /// What the other member is multiplied by.
    pub times: u64,
    /// The other member.
    pub other: Place,
}
