// SPDX-License-Identifier: BSD-2-Clause
//! `bblog info`

use std::path::PathBuf;

use bblog_converter::report::info;

use super::{Wrong, reading};
use crate::messages::{Messages, Outcome};

/// Tell what is in logs
#[derive(clap::Args)]
pub struct Args {
    /// Logs to look at; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    inputs: Vec<PathBuf>,
    /// JSON instead of text: one object per FILE and line
    #[arg(long)]
    json: bool,
    #[command(flatten)]
    tables: reading::TablesArgs,
}

/// Does it.
///
/// # Errors
/// Wrong usage.
pub fn run(args: Args) -> Result<Outcome, Wrong> {
    let tables = args.tables.tables()?;
    let mut messages = Messages::new();
    let inputs = reading::names(args.inputs, &mut messages);
    let reports = info::of_inputs(&inputs, &tables, &mut |name, fault| messages.fault(name, fault));
    let written = if args.json { info::print_json(&reports) } else { info::print_text(&reports) };
    Ok(messages.end(written))
}
