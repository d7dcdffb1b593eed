// SPDX-License-Identifier: BSD-2-Clause
//! The numbers of dropped records by connection, until they are reported.

use std::collections::BTreeMap;

use crate::log::{Level, Log};
use bblog_dissector::counted::Counted;

/// How many connections' drops are reported by name.
const DROPS: usize = 1000;

/// Drops that were not reported yet.
#[derive(Default)]
pub struct UnreportedDrops {
    /// Records, by connection.
    of: BTreeMap<String, u64>,
    /// Of connections beyond the limit.
    other: u64,
}

impl UnreportedDrops {
    /// Counts records of a connection.
    pub fn add(&mut self, connection: &str, records: u64) {
        if let Some(before) = self.of.get_mut(connection) {
            *before += records;
        } else if self.of.len() < DROPS {
            self.of.insert(connection.to_owned(), records);
        } else {
            self.other += records;
        }
    }

    /// Reports the drops by connection, and clears them.
    pub fn tell(&mut self, log: &Log, why: &str) {
        let drops = std::mem::take(self);
        let all = drops.of.values().sum::<u64>() + drops.other;
        if all == 0 {
            return;
        }
        let connections = Counted(drops.of.len() as u64, "connection");
        let more = if drops.other > 0 { " and more" } else { "" };
        log.line(
            Level::Warning,
            format_args!("{why}; {} of {connections}{more} dropped meanwhile", Counted(all, "record")),
            &[("dropped", all.into())],
        );
        for (connection, records) in &drops.of {
            log.line(
                Level::Warning,
                format_args!("{connection}: {} dropped", Counted(*records, "record")),
                &[("connection", connection.as_str().into()), ("dropped", (*records).into())],
            );
        }
    }
}
