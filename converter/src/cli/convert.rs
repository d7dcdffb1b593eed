//! `bblog convert`

use std::path::PathBuf;

use bblog_converter::convert::Conversion;

use super::progress::Progress;
use super::{Wrong, reading};
use crate::messages::{Messages, Outcome};

/// Convert logs to pcapng, for Wireshark
///
/// Several inputs become one file in time order.
#[derive(clap::Args)]
pub struct Args {
    /// Logs to convert; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    inputs: Vec<PathBuf>,
    /// The pcapng file to write; `-` is standard output
    #[arg(short, long, value_name = "OUT")]
    output: PathBuf,
    /// Replace OUT if it exists
    #[arg(long)]
    overwrite: bool,
    #[command(flatten)]
    tables: reading::TablesArgs,
}

/// Does it.
///
/// # Errors
/// Wrong usage.
pub fn run(args: Args) -> Result<Outcome, Wrong> {
    let mut messages = Messages::new();
    let conversion = Conversion {
        inputs: reading::names(args.inputs, &mut messages),
        output: args.output,
        overwrite: args.overwrite,
        tables: args.tables.tables()?,
    };
    let progress = Progress::of_file(&conversion.inputs, &conversion.output);
    let converted = conversion.run(&mut |name, fault| messages.fault(name, fault));
    drop(progress);
    Ok(messages.end(converted.map(|_| ())))
}
