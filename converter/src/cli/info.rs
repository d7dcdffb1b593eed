// SPDX-License-Identifier: BSD-2-Clause
//! `bblog info`

use std::path::PathBuf;

use bblog_converter::report::info;

use super::progress::Progress;
use super::{Wrong, reading, selecting};
use crate::messages::{Messages, Outcome};

/// Tell what is in logs
///
/// Of selected events, it is what they tell that is counted and summed up. Each FILE is looked at on
/// its own: --limit and times after the first event are for each anew.
#[derive(clap::Args)]
pub struct Args {
    /// Logs to look at; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    inputs: Vec<PathBuf>,
    /// JSON instead of text: one object per FILE and line
    #[arg(long)]
    json: bool,
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
    let tables = args.tables.tables()?;
    let mut selection = args.selection.selection(&tables)?;
    let mut messages = Messages::new();
    let inputs = reading::names(args.inputs, &mut messages);
    let progress = Progress::of_report(&inputs);
    let on_fault = &mut |name: &_, fault: &_| messages.fault(name, fault);
    let reports = info::of_inputs(&inputs, &tables, &mut selection, on_fault);
    drop(progress);
    let written = if args.json { info::print_json(&reports) } else { info::print_text(&reports) };
    Ok(messages.end(written))
}
