// SPDX-License-Identifier: BSD-2-Clause
//! The option that says how many threads work.

use std::num::NonZeroUsize;

use bblog_converter::jobs::Jobs;

/// The option that says how many threads work.
#[derive(clap::Args)]
pub struct JobsArgs {
    /// Number of threads that work at a time. The output does not depend on it [default: 1 for json and csv, else the
    /// number of processors]
    #[arg(short, long, value_name = "N")]
    jobs: Option<NonZeroUsize>,
}

impl JobsArgs {
    /// As many as the user says, or else one: where processors wait for each other's memory, more threads take more
    /// CPU time and hardly end sooner.
    pub fn or_one(&self) -> Jobs {
        self.jobs.map_or(Jobs::ONE, |count| Jobs::new(count.get()))
    }

    /// As many as the user says, or else as there are processors.
    pub fn jobs(&self) -> Jobs {
        self.jobs.map_or_else(Jobs::of_processors, |count| Jobs::new(count.get()))
    }
}
