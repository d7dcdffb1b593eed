// SPDX-License-Identifier: BSD-2-Clause
//! The command line: one module and one function per subcommand.

use clap::{Parser, Subcommand};

use self::messages::{Outcome, exit_with, print};

mod completions;
mod convert;
mod csv;
mod fields;
mod info;
mod jobs;
mod json;
mod messages;
mod pager;
mod plot;
mod progress;
mod reading;
mod selecting;
mod show;
mod stats;
#[cfg(feature = "parquet")]
mod tables;
mod top;
mod usage;
mod why;

/// Read and convert the logs of FreeBSD's TCP: BBLog (/dev/tcp_log) and eventlog(9).
///
/// The format of an input is detected from its content. Several inputs are merged in time order. A
/// series NAME.0.pcapng, NAME.1.pcapng and so on, compressed or not, can be given as NAME.
///
/// Exit status: 0 on success; 1 if an input or the output had a problem (everything readable was
/// used); 2 for wrong usage.
#[derive(Parser)]
#[command(name = "bblog", version = bblog_version::VERSION, propagate_version = true)]
pub struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Convert(convert::Args),
    Show(show::Args),
    Json(json::Args),
    Csv(csv::Args),
    Info(info::Args),
    Why(why::Args),
    Stats(stats::Args),
    Plot(plot::Args),
    Top(top::Args),
    Fields(fields::Args),
    Completions(completions::Args),
}

/// Runs the subcommand.
pub fn run() -> Outcome {
    let cli = Cli::try_parse().unwrap_or_else(|error| exit_with(&error));
    let done = match cli.command {
        Command::Convert(args) => convert::run(args),
        Command::Show(args) => show::run(args),
        Command::Json(args) => json::run(args),
        Command::Csv(args) => csv::run(args),
        Command::Info(args) => info::run(args),
        Command::Why(args) => why::run(args),
        Command::Stats(args) => stats::run(args),
        Command::Plot(args) => plot::run(args),
        Command::Top(args) => top::run(args),
        Command::Fields(args) => fields::run(args),
        Command::Completions(args) => completions::run(args),
    };
    done.unwrap_or_else(|wrong| {
        print(&wrong);
        Outcome::Usage
    })
}
