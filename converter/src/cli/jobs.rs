// SPDX-License-Identifier: BSD-2-Clause
//! The option that says how many threads work.

use std::num::NonZeroUsize;

use bblog_converter::jobs::Jobs;

/// The option that says how many threads work.
#[derive(clap::Args)]
pub struct JobsArgs {
    /// Number of threads that work at a time. The output does not depend on it [default: the number of
    /// processors, for json and csv 4 at most]
    #[arg(short, long, value_name = "N")]
    jobs: Option<NonZeroUsize>,
}

/// The most threads of `json` and `csv` if the user does not say how many: they read one after the other, and that takes a
/// quarter of the time that one thread needs for all.
const TEXT: usize = 4;

impl JobsArgs {
    /// As many as the user says, or else as there are processors.
    pub fn jobs(&self) -> Jobs {
        self.jobs.map_or_else(Jobs::of_processors, |count| Jobs::new(count.get()))
    }

    /// The same, but no more than `json` and `csv` have work for.
    pub fn of_text(&self) -> Jobs {
        self.jobs.map_or_else(|| Jobs::of_processors().at_most(TEXT), |count| Jobs::new(count.get()))
    }
}
