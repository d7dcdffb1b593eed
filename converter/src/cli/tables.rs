// SPDX-License-Identifier: BSD-2-Clause
//! `bblog convert --format parquet` and `--format arrow`

use std::path::Path;
use std::sync::Arc;

use bblog_converter::OutputError;
use bblog_converter::command::tables::{
    ArrowStream, Files, Fingerprints, Job, RunOptions, Sink, Table, TableFolder, TablesError, arranged, walk,
};
use bblog_converter::input::assumptions::Assumptions;
use bblog_converter::input::folder::{self, FileGroup};
use bblog_converter::input::{InputName, Inputs};
use bblog_converter::jobs::Jobs;
use bblog_converter::output::{Destination, Output};
use bblog_converter::select::Selection;

use super::messages::{self, Messages, Outcome};
use super::progress::Progress;
use super::reading;
use super::usage::UsageError;

/// Options for tables.
#[derive(clap::Args)]
#[command(next_help_heading = "Tables")]
pub struct TableArgs {
    /// Tables to write: connections, events [default: both with parquet, events with arrow]
    #[arg(long, value_name = "NAME,...", value_delimiter = ',', value_parser = table)]
    table: Vec<Table>,
    /// Write a table of each of these events instead, with a column for each of its values: RTO,TIMERSTAR
    #[arg(long, value_name = "NAME,...", value_delimiter = ',', conflicts_with = "table")]
    event: Vec<String>,
    /// Add a column with each event as `bblog show` prints it
    #[arg(long)]
    summary: bool,
    /// Leave out inputs that the folder has already, instead of refusing them (parquet)
    #[arg(long, conflicts_with = "overwrite")]
    new: bool,
    /// Name the files that are left out: those that are no logs, copies, and with --new those converted before
    #[arg(short, long)]
    verbose: bool,
    #[command(flatten)]
    host: reading::HostArgs,
}

fn table(text: &str) -> Result<Table, &'static str> {
    match text {
        "connections" => Ok(Table::Connections),
        "events" => Ok(Table::Events),
        _ => Err("expected connections or events"),
    }
}

/// A format of tables.
#[derive(Clone, Copy, PartialEq, Eq)]
pub enum TableFormat {
    /// A folder of Parquet files.
    Parquet,
    /// An Arrow IPC stream.
    Arrow,
}

impl TableArgs {
    /// Whether an option is given that other formats have no use for.
    pub fn is_given(&self) -> bool {
        !self.table.is_empty()
            || !self.event.is_empty()
            || self.summary
            || self.new
            || self.verbose
            || self.host.is_given()
    }

    fn tables(&self, format: TableFormat) -> Vec<Table> {
        let mut tables: Vec<Table> = match (&self.table[..], &self.event[..], format) {
            ([], [], TableFormat::Parquet) => vec![Table::Connections, Table::Events],
            ([], [], TableFormat::Arrow) => vec![Table::Events],
            (tables, [], _) => tables.to_vec(),
            (_, events, _) => events.iter().cloned().map(Table::Event).collect(),
        };
        let mut seen = Vec::new();
        tables.retain(|table| {
            !seen.contains(table) && {
                seen.push(table.clone());
                true
            }
        });
        tables
    }
}

/// What is converted.
pub struct TableConversion {
    /// The inputs as the user names them; folders are searched.
    pub names: Vec<InputName>,
    /// What they do not say themselves.
    pub assumptions: Arc<Assumptions>,
    /// Which of their events.
    pub selection: Selection,
    /// Where the tables go.
    pub output: Destination,
    /// How many threads work.
    pub jobs: Jobs,
}

/// Converts logs to tables.
///
/// # Errors
/// [`UsageError`] if options do not go together.
pub fn run(
    args: TableArgs,
    format: TableFormat,
    conversion: TableConversion,
    mut messages: Messages,
) -> Result<Outcome, UsageError> {
    let tables = args.tables(format);
    let TableConversion { names, assumptions, mut selection, output, jobs } = conversion;
    match format {
        TableFormat::Parquet if output.path == Path::new("-") => {
            return Err("convert: --format parquet needs a folder to write to".into());
        }
        TableFormat::Arrow if tables.len() != 1 => {
            return Err("convert: --format arrow writes one table".into());
        }
        TableFormat::Arrow if args.new => return Err("convert: --new needs --format parquet".into()),
        _ => {}
    }
    let found = folder::groups(&names, &mut |name, error| messages.error(name, error));
    let mut files = Files::of(found);
    if args.new
        && let Err(error) = files.leave_out_converted(&output.path, &tables)
    {
        return Ok(messages.fail(&error));
    }
    let Files { groups, mut foreign, mut copies, converted, mut fingerprints } = files;
    let host = args.host.host();
    let groups: Vec<FileGroup> = {
        let meter = &Arc::default();
        let job = Job { groups: &groups, assumptions: &assumptions, host: host.clone(), meter, jobs };
        let arrangement = arranged(&job);
        copies.extend(arrangement.copies);
        arrangement.groups.into_iter().map(|arranged| arranged.group).collect()
    };
    let files: Vec<InputName> = groups.iter().flat_map(|group| group.names.iter().cloned()).collect();
    let inputs = Inputs::new(files, &assumptions);
    let progress = Progress::of_file(&inputs, &output.path, messages.bar());
    let meter = &inputs.meter;
    let job = Job { groups: &groups, assumptions: &assumptions, host, meter, jobs };
    let work = Work { tables, summary: args.summary, output, job };
    let walked = match format {
        TableFormat::Parquet => work.parquet(&inputs.names, &mut fingerprints, &mut selection, &mut messages),
        TableFormat::Arrow => work.arrow(&mut selection, &mut messages),
    };
    drop(progress);
    messages.selected(selection.took_nothing());
    let written = walked.map(|found| foreign.extend(found));
    messages::left_out(&foreign, args.verbose);
    messages::left_out_copies(&copies, args.verbose);
    messages::left_out_converted(&converted, args.verbose);
    Ok(match written {
        Ok(()) => messages.end(Ok(())),
        Err(TablesError::Output(error)) => messages.end(Err(error)),
        Err(TablesError::UnknownEvent(name)) => {
            return Err(format!("--event: no event is called {name}").into());
        }
        Err(TablesError::Io { source, .. }) if source.kind() == std::io::ErrorKind::BrokenPipe => {
            messages.end(Ok(()))
        }
        Err(error) => messages.fail(&error),
    })
}

struct Work<'a> {
    tables: Vec<Table>,
    summary: bool,
    output: Destination,
    job: Job<'a>,
}

impl Work<'_> {
    fn parquet(
        &self,
        files: &[InputName],
        fingerprints: &mut Fingerprints,
        selection: &mut Selection,
        messages: &mut Messages,
    ) -> Result<Vec<InputName>, TablesError> {
        let Destination { path, overwrite, unfinished } = &self.output;
        if path.exists() && !path.is_dir() {
            return Err(OutputError::Exists { path: path.clone() }.into());
        }
        let Work { tables, summary, .. } = self;
        let (summary, overwrite, jobs) = (*summary, *overwrite, self.job.jobs);
        let options = RunOptions { root: path, tables, summary, overwrite, unfinished, jobs };
        let mut store = TableFolder::open(&options, files, fingerprints, &self.job.assumptions.catalog)?;
        let foreign = self.walk(selection, &mut store, messages)?;
        store.finish(&foreign)?;
        Ok(foreign)
    }

    fn arrow(
        &self,
        selection: &mut Selection,
        messages: &mut Messages,
    ) -> Result<Vec<InputName>, TablesError> {
        let output = Output::create(&self.output)?;
        let (name, catalog) = (self.output.path.clone(), &self.job.assumptions.catalog);
        // Tables holds one.
        let table = self.tables.first().cloned().unwrap_or(Table::Events);
        let mut stream = ArrowStream::new(output, name, &table, self.summary, catalog)?;
        let foreign = self.walk(selection, &mut stream, messages)?;
        stream.finish()?;
        Ok(foreign)
    }

    fn walk(
        &self,
        selection: &mut Selection,
        sink: &mut dyn Sink,
        messages: &mut Messages,
    ) -> Result<Vec<InputName>, TablesError> {
        walk(&self.job, selection, sink, &mut |name, error| messages.error(name, error))
    }
}
