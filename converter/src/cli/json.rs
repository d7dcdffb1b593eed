// SPDX-License-Identifier: BSD-2-Clause
//! `bblog json`

use std::path::{Path, PathBuf};

use bblog_converter::WriteError;
use bblog_converter::event::merge::Events;
use bblog_converter::output::Output;
use bblog_converter::text::json::{JsonLines, schema_doc};
use bblog_converter::text::list_in_pages;

use super::jobs::JobsArgs;
use super::messages::{Messages, Outcome};
use super::pager::Listing;
use super::progress::Progress;
use super::reading::{AssumptionArgs, Reading};
use super::selecting::SelectionArgs;
use super::usage::UsageError;

/// Print events as JSON Lines, one object each
///
/// Integers larger than 2^53 - 1 are strings. Other numbers are numbers.
#[derive(clap::Args)]
pub struct Args {
    /// Logs to read; `-` is standard input
    #[arg(required_unless_present = "schema_doc", value_name = "FILE")]
    inputs: Vec<PathBuf>,
    /// Add the members as logged, and all bytes in hexadecimal
    #[arg(long)]
    raw: bool,
    /// Add the names of enumerated values and flags
    #[arg(long)]
    names: bool,
    /// Print a JSON Schema of the lines, and exit
    #[arg(long)]
    schema_doc: bool,
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
    if args.schema_doc {
        return Ok(Messages::new().end(print_schema()));
    }
    let Reading { mut inputs, mut selection, mut messages } =
        Reading::of(args.inputs, args.selection, args.assumptions)?;
    inputs.jobs = args.jobs.of_text();
    let new_lines = || {
        let mut lines = JsonLines::new(&inputs.assumptions.catalog);
        (lines.raw, lines.names) = (args.raw, args.names);
        lines
    };
    let progress = Progress::of_listing(&inputs, messages.bar());
    let on_error = &mut |name: &_, error: &_| messages.error(name, error);
    let mut events = Events::open(&inputs, on_error);
    let written = Listing::open(false, false).and_then(|listing| {
        listing.fill(|out| list_in_pages(&mut events, &mut selection, &new_lines, inputs.jobs, out, on_error))
    });
    drop(progress);
    messages.selected(selection.took_nothing());
    Ok(messages.end(written))
}

fn print_schema() -> Result<(), bblog_converter::OutputError> {
    let stdout = Path::new("-");
    let mut out = Output::text(false)?;
    let failed = |error: std::io::Error| Output::error(stdout, WriteError::Io(error));
    serde_json::to_writer_pretty(&mut out, &schema_doc()).map_err(|error| failed(error.into()))?;
    std::io::Write::write_all(&mut out, b"\n").map_err(failed)?;
    out.commit()
}
