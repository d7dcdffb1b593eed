// SPDX-License-Identifier: BSD-2-Clause
//! `bblog info`

use std::path::PathBuf;

use bblog_converter::command::info;
use bblog_converter::select::walk::Picker;

use super::jobs::JobsArgs;
use super::messages::Outcome;
use super::progress::Progress;
use super::reading::{AssumptionArgs, Reading};
use super::selecting::SelectionArgs;
use super::usage::UsageError;

/// Summarize logs: connections, stacks, events, times, problems
///
/// With a selection, the summary is of the selected events. Each FILE is summarized on its own: --limit
/// and times after the first event apply to each.
#[derive(clap::Args)]
pub struct Args {
    /// Logs to read; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    inputs: Vec<PathBuf>,
    /// Print JSON, one object per FILE, one per line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    jobs: JobsArgs,
    #[command(flatten)]
    selection: SelectionArgs,
    #[command(flatten)]
    assumptions: AssumptionArgs,
}

/// Runs the subcommand.
///
/// # Errors
/// [`UsageError`] if the command line is wrong.
pub fn run(args: Args) -> Result<Outcome, UsageError> {
    let Reading { mut inputs, selection, mut messages } =
        Reading::of(args.inputs, args.selection, args.assumptions)?;
    inputs.jobs = args.jobs.jobs();
    let mut picker = Picker::new(selection);
    let progress = Progress::of_report(&inputs, messages.bar());
    let on_error = &mut |name: &_, error: &_| messages.error(name, error);
    let reports = info::of_inputs(&inputs, &mut picker, on_error);
    drop(progress);
    messages.selected(picker.took_nothing());
    let written = if args.json { info::print_json(&reports) } else { info::print_text(&reports) };
    Ok(messages.end(written))
}
