// SPDX-License-Identifier: BSD-2-Clause
//! When complete files are deleted: `--max-total-size` and `--max-age`.

use std::fmt;
use std::io;
use std::time::{Duration, Instant};

use crate::failure::io_text;
use crate::log::Log;
use crate::store::counters::Counters;
use crate::store::folder::Folder;
use crate::store::index::Index;
use crate::store::purge::{self, Reason};
use bblog_dissector::counted::Counted;

/// How often deletions are reported.
const REPORT: Duration = Duration::from_secs(60);
/// How often files that are too old are looked for, at most.
const LOOK_FOR_OLD: Duration = Duration::from_secs(60);
/// How long after deletions that did not free enough, because files cannot be deleted, others are tried again: each
/// try looks at every file in the folder.
const TRY_AGAIN: Duration = Duration::from_secs(10);

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
    /// When files to be deleted were last looked for.
    looked: Option<Instant>,
    /// Whether that left more than there may be.
    has_too_much: bool,
    /// When files that cannot be deleted were last reported.
    reported_stuck: Option<Instant>,
}

impl Retention {
    /// The limits, before any file.
    pub fn new(max_total: u64, max_age: Duration) -> Retention {
        Retention {
            max_total,
            max_age,
            total: 0,
            reported: (0, None),
            looked: None,
            has_too_much: false,
            reported_stuck: None,
        }
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

    /// Whether complete files take more than they may, and it is time to delete some.
    pub fn is_over(&self) -> bool {
        let may_try = !self.has_too_much || self.looked.is_none_or(|looked| looked.elapsed() >= TRY_AGAIN);
        self.max_total > 0 && self.total > self.max_total && may_try
    }

    /// Deletes files beyond the limits, with a line in the index for each, and reports it once a minute at most.
    pub fn purge(&mut self, folder: &Folder, index: &mut Index, counters: &mut Counters, log: &Log) {
        self.looked = Some(Instant::now());
        let (max_total, max_age) = (self.max_total, self.max_age);
        // A bit more than needed: looking through the folder for every file would cost too much.
        let target = if self.total > max_total { max_total - max_total / 16 } else { max_total };
        let target = (max_total > 0).then_some(target);
        let max_age = (!max_age.is_zero()).then_some(max_age);
        let mut stuck = Stuck::default();
        let purged = purge::purge(folder, target, max_age, &mut |file, why| {
            if let Err(error) = folder.remove(&file.name) {
                stuck.add(&file.name, why, &error);
                return Err(error);
            }
            counters.deleted += 1;
            if let Err(error) = index.deleted(folder, &file.name, why.option(), file.bytes) {
                log.warning(format_args!("records: {}: {}", file.name, io_text(&error)));
            }
            Ok(())
        });
        match purged {
            Ok(left) => {
                self.total = left;
                self.has_too_much = max_total > 0 && left > max_total;
            }
            Err(error) => log.warning(format_args!("--max-total-size, --max-age: {}", io_text(&error))),
        }
        if self.reported.1.is_none_or(|reported| reported.elapsed() >= REPORT) {
            self.report(counters, log);
        }
        if stuck.files > 0 && self.reported_stuck.is_none_or(|reported| reported.elapsed() >= REPORT) {
            log.warning(&stuck);
            self.reported_stuck = Some(Instant::now());
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

/// Files that could not be deleted, for a message.
#[derive(Default)]
struct Stuck {
    /// The first one, and why.
    first: String,
    /// How many.
    files: u64,
}

impl Stuck {
    fn add(&mut self, name: &str, why: Reason, error: &io::Error) {
        if self.files == 0 {
            self.first = format!("{name}: --{}: {}", why.option(), io_text(error));
        }
        self.files += 1;
    }
}

impl fmt::Display for Stuck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.first)?;
        match self.files {
            0 | 1 => Ok(()),
            files => write!(f, "; and {}", Counted(files - 1, "other file")),
        }
    }
}
