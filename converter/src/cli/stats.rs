// SPDX-License-Identifier: BSD-2-Clause
//! `bblog stats`

use std::path::{Path, PathBuf};
use std::sync::Arc;

use bblog_converter::WriteError;
use bblog_converter::command::stats::{
    Comparison, FileReading, Found, GroupKeys, Groups, SortKey, print_csv, print_json, print_text, sort,
};
use bblog_converter::input::assumptions::Assumptions;
use bblog_converter::input::folder::{self, FileGroup};
use bblog_converter::input::{InputName, Inputs};
use bblog_converter::jobs::Jobs;
use bblog_converter::output::Output;

use super::jobs::JobsArgs;
use super::messages::{self, Messages, Outcome};
use super::progress::Progress;
use super::reading;
use super::usage::UsageError;

/// Print a row for each connection of many files, the one that lost most time first
///
/// Folders are searched for logs by content, not by name; other files are left out and counted, and copies of a capture of
/// eventlog, too. Files of one series, and BBLog files of one connection, are taken together.
/// --group-by prints a block for each group instead, with counts and percentiles. Percentiles over connections are right
/// to 1 %. For example:
/// bblog stats --group-by stack,remote/24 /captures
#[derive(clap::Args)]
pub struct Args {
    /// Logs and folders to search; `-` is standard input
    #[arg(required = true, value_name = "FILE|DIR")]
    inputs: Vec<PathBuf>,
    /// Sort by this column: numbers from the greatest to the least, text in its order
    #[arg(long, value_name = "COLUMN", default_value = "lost_us")]
    sort: SortKey,
    /// Print the first COUNT rows only
    #[arg(long, value_name = "COUNT", conflicts_with_all = ["group_by", "compare"])]
    top: Option<usize>,
    /// Print groups of connections instead of rows: columns, date (UTC), and networks such as remote/24 (twice as many
    /// bits for IPv6)
    #[arg(long, value_name = "KEY,...")]
    group_by: Option<GroupKeys>,
    /// Compare two sets of connections: percentiles, counts and the difference. Takes two inputs
    #[arg(long)]
    compare: bool,
    /// Print JSON Lines
    #[arg(long, conflicts_with = "csv")]
    json: bool,
    /// Print comma-separated values
    #[arg(long)]
    csv: bool,
    /// Name the files that are left out: those that are no logs, and copies
    #[arg(short, long)]
    verbose: bool,
    #[command(flatten)]
    jobs: JobsArgs,
    #[command(flatten)]
    host: reading::HostArgs,
    #[command(flatten)]
    assumptions: reading::AssumptionArgs,
}

/// Runs the subcommand.
///
/// # Errors
/// [`UsageError`] if the command line is wrong.
pub fn run(args: Args) -> Result<Outcome, UsageError> {
    if args.compare && args.inputs.len() != 2 {
        return Err("stats: --compare takes two inputs".into());
    }
    let assumptions = args.assumptions.assumptions(None)?;
    let host = args.host.host();
    let mut messages = Messages::of(&assumptions);
    let names: Vec<InputName> = args.inputs.iter().cloned().map(InputName::new).collect();
    let sets: Vec<&[InputName]> = if args.compare { names.chunks(1).collect() } else { vec![&names] };
    let on_error = &mut |name: &_, error: &_| messages.error(name, error);
    let groups: Vec<Vec<FileGroup>> = sets.iter().map(|set| folder::groups(set, on_error)).collect();
    let found = read(&groups, &assumptions, host, args.jobs.jobs(), &messages);
    for found in &found {
        print_problems(found, args.verbose, &mut messages);
    }
    let form = if args.json {
        StatsForm::Json
    } else if args.csv {
        StatsForm::Csv
    } else {
        StatsForm::Text
    };
    let keys = args.group_by;
    let printed = match <[Found; 2]>::try_from(found) {
        Ok(pair) => {
            let sets = pair.map(|found| Groups::of(keys.clone().unwrap_or_default(), &found.rows));
            let names = [names[0].to_string(), names[1].to_string()];
            let comparison = Comparison::new(names, &sets[0], &sets[1]);
            print(|out| {
                form.print(
                    out,
                    &comparison,
                    Comparison::print_text,
                    Comparison::print_json,
                    Comparison::print_csv,
                )
            })
        }
        Err(sets) => {
            let mut rows: Vec<_> = sets.into_iter().flat_map(|found| found.rows).collect();
            match keys {
                Some(keys) => {
                    let groups = Groups::of(keys, &rows);
                    print(|out| {
                        form.print(out, &groups, Groups::print_text, Groups::print_json, Groups::print_csv)
                    })
                }
                None => {
                    sort(&mut rows, args.sort);
                    rows.truncate(args.top.unwrap_or(usize::MAX));
                    print(|out| form.print(out, &rows[..], print_text, print_json, print_csv))
                }
            }
        }
    };
    Ok(messages.end(printed))
}

/// Reads each set of files.
fn read(
    sets: &[Vec<FileGroup>],
    assumptions: &Arc<Assumptions>,
    host: Option<Arc<str>>,
    jobs: Jobs,
    messages: &Messages,
) -> Vec<Found> {
    let all = sets.iter().flatten().flat_map(|group| group.names.iter().cloned()).collect();
    let inputs = Inputs::new(all, assumptions);
    let progress = Progress::of_report(&inputs, messages.bar());
    let (assumptions, meter) = (Arc::clone(assumptions), Arc::clone(&inputs.meter));
    let reading = FileReading { assumptions, host, meter, jobs };
    let found = sets.iter().map(|groups| reading.read(groups)).collect();
    drop(progress);
    found
}

/// Prints what was wrong, and what was left out.
fn print_problems(found: &Found, verbose: bool, messages: &mut Messages) {
    for problem in &found.problems {
        messages.of_input(&problem.name, &problem.text, problem.is_notice);
    }
    messages::left_out(&found.foreign, verbose);
    messages::left_out_copies(&found.copies, verbose);
}

/// How results are printed.
#[derive(Clone, Copy)]
enum StatsForm {
    Text,
    Json,
    Csv,
}

type Print<T> = fn(&T, &mut Output) -> std::io::Result<()>;

impl StatsForm {
    fn print<T: ?Sized>(
        self,
        out: &mut Output,
        what: &T,
        text: Print<T>,
        json: Print<T>,
        csv: Print<T>,
    ) -> std::io::Result<()> {
        match self {
            StatsForm::Text => text(what, out),
            StatsForm::Json => json(what, out),
            StatsForm::Csv => csv(what, out),
        }
    }
}

fn print(write: impl FnOnce(&mut Output) -> std::io::Result<()>) -> Result<(), bblog_converter::OutputError> {
    let mut out = Output::text(false)?;
    write(&mut out).map_err(|error| Output::error(Path::new("-"), WriteError::Io(error)))?;
    out.commit()
}
