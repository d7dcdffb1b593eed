// SPDX-License-Identifier: BSD-2-Clause
//! Events of an input that are out of the order of their times.

use std::fmt;

use super::error::{InputError, InputErrorKind, Recovery};

/// How many items were out of order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Disorder {
    /// Those that came after a newer one.
    pub late: u64,
    /// Those that still do.
    pub left: u64,
}

impl Disorder {
    /// The line about it, if any event was late.
    pub fn notice(self) -> Option<InputError> {
        let kind = InputErrorKind::OutOfOrder(self);
        (self.late > 0).then_some(InputError { offset: None, kind, recovery: Recovery::Nothing })
    }
}

/// How many events were late, and what became of them.
impl fmt::Display for Disorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Disorder { late, left } = *self;
        let events = if late == 1 { "event" } else { "events" };
        write!(f, "{late} {events} logged after newer ones: ")?;
        match left {
            0 => write!(f, "put in the order of their times"),
            _ if left == late => write!(f, "left where they are"),
            _ => write!(f, "put in the order of their times, but for {left}"),
        }
    }
}
