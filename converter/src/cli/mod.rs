// SPDX-License-Identifier: BSD-2-Clause
//! The command line: one module and one function per subcommand.

use clap::{Parser, Subcommand};

use self::messages::{Outcome, tell};

mod completions;
mod convert;
mod csv;
mod fields;
mod info;
mod json;
mod messages;
mod pager;
mod progress;
mod reading;
mod selecting;
mod show;
mod usage;

/// Looks at what FreeBSD's TCP logged about itself: BBLog (/dev/tcp_log) and eventlog(9).
///
/// What an input is, is found out by its content, whatever its name. Several inputs are taken
/// together in time order. The name that the files of a series begin with, NAME for NAME.0.pcapng,
/// NAME.1.pcapng and so on (each perhaps compressed), stands for all of them.
///
/// Exit status: 0 if all went well, 1 if an input or the output had a problem (what could be read
/// was), 2 for wrong usage.
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
    Fields(fields::Args),
    Completions(completions::Args),
}

/// Does what the command line asks for.
pub fn run() -> Outcome {
    let done = match Cli::parse().command {
        Command::Convert(args) => convert::run(args),
        Command::Show(args) => show::run(args),
        Command::Json(args) => json::run(args),
        Command::Csv(args) => csv::run(args),
        Command::Info(args) => info::run(args),
        Command::Fields(args) => fields::run(args),
        Command::Completions(args) => completions::run(args),
    };
    done.unwrap_or_else(|wrong| {
        tell(&wrong);
        Outcome::Usage
    })
}
