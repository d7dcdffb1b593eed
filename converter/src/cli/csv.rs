// SPDX-License-Identifier: BSD-2-Clause
//! `bblog csv`

use std::path::PathBuf;

use bblog_converter::event::merge::Events;
use bblog_converter::text::csv::{self, Csv};
use bblog_converter::text::list_in_pages;

use super::jobs::JobsArgs;
use super::messages::Outcome;
use super::pager::Listing;
use super::progress::Progress;
use super::reading::{AssumptionArgs, Reading};
use super::selecting::SelectionArgs;
use super::usage::UsageError;

/// Print events as comma-separated values, for spreadsheets and pandas
///
/// The first line names the columns. For example:
/// bblog csv --fields relative,event,bblog.snd_cwnd,tcp.seq_raw FILE
#[derive(clap::Args)]
pub struct Args {
    /// Logs to read; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    inputs: Vec<PathBuf>,
    /// Columns: names of fields (`bblog fields` lists them), and number, time,
    /// time_us, relative, clock, log, connection, local, local_port, remote, remote_port, session,
    /// stack, kernel, hz, inferred, provider, event, event_id, summary
    #[arg(short, long, value_name = "NAME,...", value_delimiter = ',', default_values_t = csv::DEFAULT.map(str::to_owned))]
    fields: Vec<String>,
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
    let Reading { mut inputs, mut selection, mut messages } =
        Reading::of(args.inputs, args.selection, args.assumptions)?;
    inputs.jobs = args.jobs.of_text();
    let names = args.fields.iter().map(|name| name.trim());
    let csv = Csv::new(names, &inputs.assumptions.catalog).map_err(|error| format!("--fields: {error}"))?;
    if csv.follows() {
        selection.follow();
    }
    let progress = Progress::of_listing(&inputs, messages.bar());
    let on_error = &mut |name: &_, error: &_| messages.error(name, error);
    let mut events = Events::open(&inputs, on_error);
    let written = Listing::open(false, false).and_then(|listing| {
        let new_csv = || csv.another();
        listing.fill(|out| list_in_pages(&mut events, &mut selection, &new_csv, inputs.jobs, out, on_error))
    });
    drop(progress);
    messages.selected(selection.took_nothing());
    Ok(messages.end(written))
}
