//! bblog: looks at what FreeBSD's TCP logged about itself.
#![forbid(unsafe_code)]

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use bblog_converter::convert::Conversion;
use bblog_converter::input::Name;
use bblog_converter::report::info;
use bblog_converter::stacks::StackNames;
use bblog_converter::tables::Tables;
use clap::{Args, Parser, Subcommand};

mod messages;

use messages::{Messages, Outcome};

fn main() -> ExitCode {
    match Cli::parse().command {
        Command::Convert(args) => convert(args),
        Command::Info(args) => show_info(args),
    }
    .into()
}

/// Looks at what FreeBSD's TCP logged about itself: BBLog (/dev/tcp_log) and eventlog(9).
///
/// Exit status: 0 if all went well, 1 if an input or the output had a problem (what could be read
/// was), 2 for wrong usage.
#[derive(Parser)]
#[command(name = "bblog", version, propagate_version = true)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    Convert(ConvertArgs),
    Info(InfoArgs),
}

/// Convert logs to pcapng, for Wireshark
///
/// Several inputs become one file in time order. What an input is, is found out by its content:
/// an ELOG capture, a BBLog device stream or core-dump file, or either in gzip.
#[derive(Args)]
struct ConvertArgs {
    /// Logs to convert; `-` is standard input
    #[arg(required = true, value_name = "IN")]
    inputs: Vec<PathBuf>,
    /// The pcapng file to write; `-` is standard output
    #[arg(short, long, value_name = "OUT")]
    output: PathBuf,
    /// Replace OUT if it exists
    #[arg(long)]
    overwrite: bool,
    /// Names of the TCP stacks that BBLog records know by number [default: the running kernel's]
    #[arg(long, value_name = "ID=NAME,...")]
    stack: Option<StackNames>,
}

fn convert(args: ConvertArgs) -> Outcome {
    let conversion = Conversion {
        inputs: args.inputs.into_iter().map(Name::new).collect(),
        output: args.output,
        overwrite: args.overwrite,
        tables: tables(args.stack),
    };
    let mut messages = Messages::new();
    let converted = conversion.run(&mut |name, fault| messages.fault(name, fault));
    messages.end(converted.map(|_| ()))
}

/// Tell what is in logs
#[derive(Args)]
struct InfoArgs {
    /// Logs to look at; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    inputs: Vec<PathBuf>,
    /// JSON instead of text: one object per FILE and line
    #[arg(long)]
    json: bool,
    /// Names of the TCP stacks that BBLog records know by number [default: the running kernel's]
    #[arg(long, value_name = "ID=NAME,...")]
    stack: Option<StackNames>,
}

fn show_info(args: InfoArgs) -> Outcome {
    let inputs: Vec<Name> = args.inputs.into_iter().map(Name::new).collect();
    let tables = tables(args.stack);
    let mut messages = Messages::new();
    let reports = info::of_inputs(&inputs, &tables, &mut |name, fault| messages.fault(name, fault));
    let written = if args.json { info::print_json(&reports) } else { info::print_text(&reports) };
    messages.end(written)
}

/// The tables to read with: stacks as the user says, or else those of this machine.
fn tables(stacks: Option<StackNames>) -> Arc<Tables> {
    Arc::new(Tables::new(stacks.unwrap_or_else(StackNames::of_this_machine)))
}
