// SPDX-License-Identifier: BSD-2-Clause
//! When complete files are deleted: `--max-total-size` and `--max-age`.

use std::time::{Duration, Instant};

use crate::failure::io_text;
use crate::log::Log;
use crate::store::counters::Counters;
use crate::store::folder::Folder;
use crate::store::index::Index;
use crate::store::purge;
use bblog_dissector::counted::Counted;

/// How often deletions are reported.
const REPORT: Duration = Duration::from_secs(60);
/// How often files that are too old are looked for, at most.
const LOOK_FOR_OLD: Duration = Duration::from_secs(60);

/// The limits of complete files, and what is known of them.
pub struct Retention {
    /// Bytes of complete files, 0 for any number.
    max_total: u64,
    /// How old complete files get, 0 for any age.
    max_age: Duration,
    /// Bytes of complete files, if that is limited.
    total: u64,
    /// The number of files deleted at the last report, and its time.
    reported: (u64, Option<Instant>),
    /// When files that are too old were last looked for.
    looked: Option<Instant>,
}

impl Retention {
    /// The limits, before any file.
    pub fn new(max_total: u64, max_age: Duration) -> Retention {
        Retention { max_total, max_age, total: 0, reported: (0, None), looked: None }
    }

    /// Counts a complete file that takes so many bytes.
    pub fn add(&mut self, bytes: u64) {
        self.total += bytes;
    }

    /// Whether files are deleted when they are too old.
    pub fn has_max_age(&self) -> bool {
        !self.max_age.is_zero()
    }

    /// Whether it is time to look for files that are too old.
    pub fn is_due(&self) -> bool {
        let often = (self.max_age / 10).clamp(Duration::from_millis(100), LOOK_FOR_OLD);
        self.has_max_age() && self.looked.is_none_or(|looked| looked.elapsed() >= often)
    }

    /// Whether complete files take more than they may.
    pub fn is_over(&self) -> bool {
        self.max_total > 0 && self.total > self.max_total
    }

    /// Deletes files beyond the limits, with a line in the index for each, and reports it once a minute at most.
    pub fn purge(&mut self, folder: &Folder, index: &mut Index, counters: &mut Counters, log: &Log) {
        self.looked = Some(Instant::now());
        let (max_total, max_age) = (self.max_total, self.max_age);
        // A bit more than needed: looking through the folder for every file would cost too much.
        let target = if self.total > max_total { max_total - max_total / 16 } else { max_total };
        let target = (max_total > 0).then_some(target);
        let max_age = (!max_age.is_zero()).then_some(max_age);
        let purged = purge::purge(folder, target, max_age, &mut |file, why| {
            if let Err(error) = folder.remove(&file.name) {
                log.warning(format_args!("{}: --{}: {}", file.name, why.option(), io_text(&error)));
                return Err(error);
            }
            counters.deleted += 1;
            if let Err(error) = index.deleted(folder, &file.name, why.option(), file.bytes) {
                log.warning(format_args!("records: {}: {}", file.name, io_text(&error)));
            }
            Ok(())
        });
        match purged {
            Ok(left) => self.total = left,
            Err(error) => log.warning(format_args!("--max-total-size, --max-age: {}", io_text(&error))),
        }
        if self.reported.1.is_none_or(|reported| reported.elapsed() >= REPORT) {
            self.report(counters, log);
        }
    }

    /// Reports how many files were deleted since the last report.
    pub fn report(&mut self, counters: &Counters, log: &Log) {
        let new = counters.deleted - self.reported.0;
        if new > 0 {
            let options = match (self.max_total > 0, self.has_max_age()) {
                (true, true) => "--max-total-size and --max-age",
                (true, false) => "--max-total-size",
                _ => "--max-age",
            };
            log.info(format_args!("{} deleted for {options}", Counted(new, "oldest file")));
        }
        self.reported = (counters.deleted, Some(Instant::now()));
    }
}
