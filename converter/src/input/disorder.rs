// SPDX-License-Identifier: BSD-2-Clause
//! Events of an input that are out of the order of their times.

use bblog_dissector::counted::Counted;
use std::fmt;

/// How many items were out of order.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Disorder {
    /// Items that came after a newer one.
    pub late: u64,
    /// Items that still do after sorting.
    pub left: u64,
}

/// How many events were late, and what was done about them.
impl fmt::Display for Disorder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Disorder { late, left } = *self;
        write!(f, "{} logged after newer ones: ", Counted(late, "event"))?;
        match left {
            0 => write!(f, "put in the order of their times"),
            _ if left == late => write!(f, "left where they are"),
            _ => write!(f, "put in the order of their times, but for {left}"),
        }
    }
}
