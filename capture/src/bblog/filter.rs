// SPDX-License-Identifier: BSD-2-Clause
//! The filter of entries.

use std::time::{SystemTime, UNIX_EPOCH};

use bblog_dissector::Micros;
use bblog_dissector::bblog::{HEADER_LEN, Header};
use bblog_pcapng::bblog_entry::EntryEncoder;

use crate::bblog::stream;

/// Which entries are taken, and how.
#[derive(Clone, Debug, Default)]
pub struct EntryFilter {
    /// Only entries whose reason begins with this, ignoring case.
    pub reason: Option<String>,
    /// Leave out small entries with the reasons `error` and `rebuffer`.
    pub drop_small: bool,
    /// The entries come from a file: the time of the dump follows from their own times.
    pub old: bool,
}

impl EntryFilter {
    /// Whether an entry is selected.
    pub fn wants(&self, entry: &EntryEncoder) -> bool {
        let Some(begin) = &self.reason else { return true };
        let reason = entry.reason();
        reason.len() >= begin.len() && reason[..begin.len()].eq_ignore_ascii_case(begin.as_bytes())
    }

    /// When an entry whose records begin with `ahead` was dumped.
    pub fn dump_time(&self, header: &[u8; HEADER_LEN], ahead: &[u8]) -> i64 {
        if self.old
            && let Some(last) = stream::last_time(ahead)
        {
            let boot = Header::unchecked(header).map_or(Micros(0), |header| header.boot_time());
            return (last + boot).seconds();
        }
        let now = SystemTime::now().duration_since(UNIX_EPOCH);
        now.map_or(0, |now| i64::try_from(now.as_secs()).unwrap_or(i64::MAX))
    }
}
