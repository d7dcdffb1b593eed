// SPDX-License-Identifier: BSD-2-Clause
//! The option that says how many threads work.

use std::num::NonZeroUsize;

use bblog_converter::jobs::Jobs;

/// The option that says how many threads work.
#[derive(clap::Args)]
pub struct JobsArgs {
    /// Number of threads that work at a time. The output does not depend on it [default: 1 for csv, else
    /// the number of processors, for json 4 at most]
    #[arg(short, long, value_name = "N")]
    jobs: Option<NonZeroUsize>,
}

/// The most threads of `json` if the user does not say how many: one of them reads, and that takes a quarter of the time
/// that one thread needs for all.
const JSON: usize = 4;

impl JobsArgs {
    /// As many as the user says, or else as there are processors.
    pub fn jobs(&self) -> Jobs {
        self.jobs.map_or_else(Jobs::of_processors, |count| Jobs::new(count.get()))
    }

    /// The same, but no more than `json` has work for.
    pub fn of_json(&self) -> Jobs {
        self.jobs.map_or_else(|| Jobs::of_processors().at_most(JSON), |count| Jobs::new(count.get()))
    }

    /// As many as the user says, or else one, for CSV: to bring a record from one processor's cache to another's can take
    /// as long as to make its line.
    pub fn or_one(&self) -> Jobs {
        self.jobs.map_or(Jobs::ONE, |count| Jobs::new(count.get()))
    }
}
