// SPDX-License-Identifier: BSD-2-Clause
//! What decides on the meaning of a record and is not in its bytes.

use std::num::NonZeroU32;

use crate::spec::{Kernel, Stack};

/// What is known besides the bytes and decides what they mean.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct RecordContext {
    /// The TCP stack that wrote a BBLog record.
    pub stack: Stack,
    /// The kernel that wrote a BBLog record.
    pub kernel: Kernel,
    /// Ticks per second (kern.hz) of the machine that wrote the record or event; `None` if it is not known.
    pub hz: Option<NonZeroU32>,
}

impl RecordContext {
    /// The context of records of this stack and kernel, with `hz` not known.
    pub fn new(stack: Stack, kernel: Kernel) -> RecordContext {
        RecordContext { stack, kernel, hz: None }
    }
}
