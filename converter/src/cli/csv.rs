// SPDX-License-Identifier: BSD-2-Clause
//! `bblog csv`

use std::path::PathBuf;

use bblog_converter::csv::{self, Csv};
use bblog_converter::event_stream::Events;
use bblog_converter::listing::list;

use super::pager::Listing;
use super::progress::Progress;
use super::{Wrong, reading, selecting};
use crate::messages::{Messages, Outcome};

/// Print events as comma-separated values, for spreadsheets and pandas
///
/// The first line names the columns. For example:
/// bblog csv --fields relative,event,bblog.snd_cwnd,tcp.seq_raw FILE
#[derive(clap::Args)]
pub struct Args {
    /// Logs to show; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    inputs: Vec<PathBuf>,
    /// The columns: fields by the names that filters use (`bblog fields` lists them), and number, time,
    /// time_us, relative, clock, log, connection, local, local_port, remote, remote_port, session,
    /// stack, provider, event, event_id, summary
    #[arg(short, long, value_name = "NAME,...", value_delimiter = ',', default_values_t = csv::DEFAULT.map(str::to_owned))]
    fields: Vec<String>,
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
    let names = args.fields.iter().map(|name| name.trim());
    let mut csv = Csv::new(names, &tables.catalog).map_err(|error| format!("--fields: {error}"))?;
    let mut messages = Messages::new();
    let inputs = reading::names(args.inputs, &mut messages);
    let progress = Progress::of_listing(&inputs);
    let on_fault = &mut |name: &_, fault: &_| messages.fault(name, fault);
    let mut events = Events::open(&inputs, &tables, on_fault);
    let written = Listing::open(false)
        .and_then(|listing| listing.fill(|out| list(&mut events, &mut selection, &mut csv, out, on_fault)));
    drop(progress);
    Ok(messages.end(written.map(|_| ())))
}
