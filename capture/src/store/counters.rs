// SPDX-License-Identifier: BSD-2-Clause
//! Counters of what was done and lost, reported on SIGUSR1 and SIGINFO and at the end.

use serde_json::{Value, json};

use crate::device::queue::Load;
use crate::log::Log;

/// The counters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counters {
    /// BBLog entries begun.
    pub entries: u64,
    /// BBLog records seen.
    pub records: u64,
    /// Events seen.
    pub events: u64,
    /// Events that came after a newer one, and were put in order.
    pub late_events: u64,
    /// Bytes read.
    pub bytes_in: u64,
    /// Bytes written to files or the stream.
    pub bytes_out: u64,
    /// write(2) calls for them.
    pub writes: u64,
    /// Files completed.
    pub files: u64,
    /// Entries that the options leave out (`-r`, `--drop-small`).
    pub left_out: u64,
    /// Entries of a type or version unknown, or too long, skipped.
    pub skipped_entries: u64,
    /// Records missing by their serial numbers.
    pub missing: u64,
    /// Records and events that could not be written.
    pub dropped: u64,
    /// Events dropped by the kernel.
    pub kernel_drops: u64,
    /// Files deleted to stay below the limits.
    pub deleted: u64,
    /// Entries that were cut short.
    pub cut_entries: u64,
    /// Lines of the index that could not be written.
    pub lost_lines: u64,
    /// Files that could not be completed, or that were deleted before.
    pub unfinished: u64,
}

impl Counters {
    /// How much of what came was lost: 0 if nothing was. Units are mixed.
    ///
    /// Records that are missing by their serial numbers are not meant: most often the kernel was
    /// limited to keep only so many.
    pub fn lost(&self) -> u64 {
        let lost = [
            self.dropped,
            self.kernel_drops,
            self.skipped_entries,
            self.cut_entries,
            self.lost_lines,
            self.unfinished,
        ];
        lost.iter().sum()
    }

    /// Reports the counters and the load of the queue.
    pub fn tell(&self, log: &Log, load: Load) {
        let fields: Vec<(&str, Value)> = vec![
            ("entries", json!(self.entries)),
            ("records", json!(self.records)),
            ("events", json!(self.events)),
            ("late_events", json!(self.late_events)),
            ("bytes_in", json!(self.bytes_in)),
            ("bytes_out", json!(self.bytes_out)),
            ("writes", json!(self.writes)),
            ("files", json!(self.files)),
            ("left_out", json!(self.left_out)),
            ("skipped_entries", json!(self.skipped_entries)),
            ("cut_entries", json!(self.cut_entries)),
            ("missing", json!(self.missing)),
            ("dropped", json!(self.dropped)),
            ("kernel_drops", json!(self.kernel_drops)),
            ("lost_lines", json!(self.lost_lines)),
            ("unfinished", json!(self.unfinished)),
            ("deleted", json!(self.deleted)),
            ("queue", json!(load.bytes)),
            ("queue_peak", json!(load.peak)),
            ("queue_waits", json!(load.waits)),
        ];
        let words: Vec<String> =
            fields.iter().map(|(name, value)| format!("{} {value}", name.replace('_', " "))).collect();
        log.answer(words.join(", "), &fields);
    }
}
