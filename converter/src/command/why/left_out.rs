// SPDX-License-Identifier: BSD-2-Clause
//! Connections that are counted, not listed.

use std::fmt;

use bblog_analysis::{Account, Limit};
use bblog_dissector::counted::Counted;

/// Connections beyond those that are listed, by what limited them most. As text: `990000 connections with less
/// trouble: application 800000, congestion_window 190000`.
#[derive(Default)]
pub struct Unlisted {
    by_limit: [u64; Limit::ALL.len()],
    /// Connections without any time.
    timeless: u64,
}

impl Unlisted {
    /// Counts a connection.
    pub(super) fn count(&mut self, account: &Account) {
        match account.sending.main() {
            Some(limit) => self.by_limit[limit as usize] += 1,
            None => self.timeless += 1,
        }
    }

    /// Adds those of `other`.
    pub(super) fn add(&mut self, other: Unlisted) {
        for (count, more) in self.by_limit.iter_mut().zip(other.by_limit) {
            *count += more;
        }
        self.timeless += other.timeless;
    }

    /// How many there are.
    pub fn connections(&self) -> u64 {
        self.by_limit.iter().sum::<u64>() + self.timeless
    }
}

impl fmt::Display for Unlisted {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} with less trouble", Counted(self.connections(), "connection"))?;
        let mut limits: Vec<(&str, u64)> = Limit::ALL
            .iter()
            .map(|limit| (limit.name(), self.by_limit[*limit as usize]))
            .chain([("no time", self.timeless)])
            .filter(|limit| limit.1 > 0)
            .collect();
        limits.sort_by_key(|limit| std::cmp::Reverse(limit.1));
        for (at, (name, count)) in limits.iter().enumerate() {
            write!(f, "{} {name} {count}", if at == 0 { ":" } else { "," })?;
        }
        Ok(())
    }
}
