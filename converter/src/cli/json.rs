// SPDX-License-Identifier: BSD-2-Clause
//! `bblog json`

use std::path::{Path, PathBuf};

use bblog_converter::WriteError;
use bblog_converter::event_stream::Events;
use bblog_converter::json::{JsonLines, schema_doc};
use bblog_converter::listing::list;
use bblog_converter::output::Output;

use super::pager::Listing;
use super::progress::Progress;
use super::{Wrong, reading, selecting};
use crate::messages::{Messages, Outcome};

/// Print events as JSON Lines, one object each
///
/// Numbers are numbers, but for integers larger than 2^53 - 1, which are strings.
#[derive(clap::Args)]
pub struct Args {
    /// Logs to show; `-` is standard input
    #[arg(required_unless_present = "schema_doc", value_name = "FILE")]
    inputs: Vec<PathBuf>,
    /// Add the members as logged, and all bytes in hexadecimal
    #[arg(long)]
    raw: bool,
    /// Add enumerated values and flags in words
    #[arg(long)]
    names: bool,
    /// Print a JSON Schema of the lines, and nothing else
    #[arg(long)]
    schema_doc: bool,
    #[command(flatten)]
    selection: selecting::SelectionArgs,
    #[command(flatten)]
    tables: reading::TablesArgs,
}

/// Does it.
///
/// # Errors
/// Wrong usage.
pub fn run(args: Args) -> Result<Outcome, Wrong> {
    if args.schema_doc {
        return Ok(Messages::new().end(print_schema()));
    }
    let tables = args.tables.tables()?;
    let mut selection = args.selection.selection(&tables)?;
    let mut lines = JsonLines::new(&tables.catalog);
    (lines.raw, lines.names) = (args.raw, args.names);
    let mut messages = Messages::new();
    let inputs = reading::names(args.inputs, &mut messages);
    let progress = Progress::of_listing(&inputs);
    let on_fault = &mut |name: &_, fault: &_| messages.fault(name, fault);
    let mut events = Events::open(&inputs, &tables, on_fault);
    let written = Listing::open(false)
        .and_then(|listing| listing.fill(|out| list(&mut events, &mut selection, &mut lines, out, on_fault)));
    drop(progress);
    Ok(messages.end(written.map(|_| ())))
}

fn print_schema() -> Result<(), bblog_converter::OutputError> {
    let stdout = Path::new("-");
    let mut out = Output::create(stdout, false)?;
    let failed = |error: std::io::Error| Output::error(stdout, WriteError::Io(error));
    serde_json::to_writer_pretty(&mut out, &schema_doc()).map_err(|error| failed(error.into()))?;
    std::io::Write::write_all(&mut out, b"\n").map_err(failed)?;
    out.commit()
}
