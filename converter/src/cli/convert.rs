// SPDX-License-Identifier: BSD-2-Clause
//! `bblog convert`

use std::path::{Path, PathBuf};

use bblog_converter::convert::Conversion;
use bblog_converter::elog_file::ElogFile;
use bblog_converter::listing::Picker;
use bblog_converter::split::Split;
use clap::ValueEnum;

use super::progress::Progress;
use super::{Wrong, reading, selecting};
use crate::messages::{Messages, Outcome};

/// Convert logs to pcapng, for Wireshark
///
/// Several inputs become one file in time order. Of selected events only those are written; foreign
/// packets of a pcapng file are none.
#[derive(clap::Args)]
pub struct Args {
    /// Logs to convert; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    inputs: Vec<PathBuf>,
    /// The file to write, `-` is standard output; with --split the folder of the files
    #[arg(short, long, value_name = "OUT")]
    output: PathBuf,
    /// Replace files that exist
    #[arg(long)]
    overwrite: bool,
    /// The format to write
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Write one pcapng file per connection, ID_LPORT_FADDR_FPORT.N.pcapng, where N is the first
    /// number that is free; what is of no connection goes into other.N.pcapng
    #[arg(long)]
    split: bool,
    #[command(flatten)]
    selection: selecting::SelectionArgs,
    #[command(flatten)]
    tables: reading::TablesArgs,
}

/// What is written.
#[derive(Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// pcapng, for Wireshark
    #[default]
    Pcapng,
    /// ELOG, for elog(1): of ELOG captures, and of pcapng that was made from them
    Elog,
}

/// Does it.
///
/// # Errors
/// Wrong usage.
pub fn run(args: Args) -> Result<Outcome, Wrong> {
    if args.split && args.format == Format::Elog {
        return Err("convert: --split writes pcapng, not ELOG".into());
    }
    if args.split && args.output == Path::new("-") {
        return Err("convert: --split needs a folder to write to".into());
    }
    let mut messages = Messages::new();
    let inputs = reading::names(args.inputs, &mut messages);
    let tables = args.tables.tables()?;
    let mut picker = Picker::new(args.selection.selection(&tables)?);
    let picker = picker.as_mut();
    let (output, overwrite) = (args.output, args.overwrite);
    let progress = Progress::of_file(&inputs, &output);
    let mut on_fault = |name: &_, fault: &_| messages.fault(name, fault);
    let converted = if args.split {
        Split { inputs, folder: output, overwrite, tables }.run(picker, &mut on_fault).map(|_| ())
    } else if args.format == Format::Elog {
        ElogFile { inputs, output, overwrite, tables }.run(picker, &mut on_fault).map(|_| ())
    } else {
        Conversion { inputs, output, overwrite, tables }.run(picker, &mut on_fault).map(|_| ())
    };
    drop(progress);
    Ok(messages.end(converted))
}
