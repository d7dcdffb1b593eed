// SPDX-License-Identifier: BSD-2-Clause
//! `bblog fields`

use std::io::Write;
use std::path::Path;

use bblog_converter::output::Output;
use bblog_converter::text::fields::{events, json, markdown, mdoc, only, rows, text};
use bblog_converter::{OutputError, WriteError};

use super::messages::{Messages, Outcome};
use super::reading;
use super::usage::UsageError;

/// Print the reference of events and fields
///
/// With the name of an event: what the event is, which stacks log it, and its values. Otherwise one line
/// per field: name, type, unit or names of values, event, condition, meaning.
#[derive(clap::Args)]
pub struct Args {
    /// Name of an event, or a pattern for events or fields: timerstar, 'timer*', '*.snd_cwnd'
    #[arg(conflicts_with_all = ["markdown", "mdoc"])]
    pattern: Option<String>,
    /// Print JSON Lines
    #[arg(long)]
    json: bool,
    /// Print a Markdown page
    #[arg(long, conflicts_with = "json")]
    markdown: bool,
    /// Print a manual page
    #[arg(long, conflicts_with_all = ["json", "markdown"])]
    mdoc: bool,
    #[command(flatten)]
    assumptions: reading::AssumptionArgs,
}

/// Runs the subcommand.
///
/// # Errors
/// [`UsageError`] if the command line is wrong.
pub fn run(args: Args) -> Result<Outcome, UsageError> {
    let assumptions = args.assumptions.assumptions(None)?;
    let mut rows = rows(&assumptions.catalog);
    let mut page = Vec::new();
    if let Some(pattern) = &args.pattern {
        rows = only(rows, pattern);
        let events = events(&assumptions.catalog, pattern);
        if rows.is_empty() && events.is_empty() {
            return Err(format!("fields: no event or field is called {pattern}").into());
        }
        if !args.json && !events.is_empty() {
            return Ok(Messages::new().end(print(events.as_bytes())));
        }
    }
    match (args.json, args.markdown, args.mdoc) {
        (true, ..) => json(&rows, &mut page)?,
        (_, true, _) => page.extend_from_slice(markdown(&assumptions.catalog, &rows).as_bytes()),
        (_, _, true) => page.extend_from_slice(mdoc(&rows).as_bytes()),
        _ => page.extend_from_slice(text(&rows).as_bytes()),
    }
    Ok(Messages::new().end(print(&page)))
}

fn print(page: &[u8]) -> Result<(), OutputError> {
    let stdout = Path::new("-");
    let mut out = Output::text(false)?;
    out.write_all(page).map_err(|error| Output::error(stdout, WriteError::Io(error)))?;
    out.commit()
}
