// SPDX-License-Identifier: BSD-2-Clause
//! `bblog convert`

use std::path::{Path, PathBuf};

use bblog_converter::command::convert::Conversion;
use bblog_converter::command::elog_file::ElogFile;
use bblog_converter::command::pcap_file::PcapFile;
use bblog_converter::command::plot::{Form, plot};
use bblog_converter::command::split::Split;
use bblog_converter::input::Inputs;
use bblog_converter::output::Destination;
use bblog_converter::output::unfinished::UnfinishedFiles;
use bblog_converter::select::walk::Picker;
use clap::ValueEnum;

use super::messages::{Messages, Outcome};
use super::progress::Progress;
use super::usage::UsageError;
use super::{reading, selecting};

/// Convert logs to pcapng, for Wireshark
///
/// Several inputs are merged in time order. With a selection, only selected events are written, and
/// other packets of pcapng files are left out.
#[derive(clap::Args)]
pub struct Args {
    /// Logs to convert; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    inputs: Vec<PathBuf>,
    /// File to write; `-` is standard output. With --split: folder to write to
    #[arg(short, long, value_name = "OUT")]
    output: PathBuf,
    /// Replace files that exist
    #[arg(long)]
    overwrite: bool,
    /// Format to write
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    /// Write one pcapng file per connection, ID_LPORT_FADDR_FPORT.N.pcapng, where N is the first free
    /// number. Events of no connection go into other.N.pcapng
    #[arg(long)]
    split: bool,
    #[command(flatten)]
    selection: selecting::SelectionArgs,
    #[command(flatten)]
    assumptions: reading::AssumptionArgs,
}

/// A format to write.
#[derive(Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// pcapng, for Wireshark
    #[default]
    Pcapng,
    /// Packets alone as classic pcap (raw IP, microseconds), for tcpdump, tcptrace and other programs that use libpcap
    Pcap,
    /// ELOG, for elog(1), from ELOG captures and from pcapng that was made from them
    Elog,
    /// A trace for Perfetto: counters, states and retransmissions of each connection
    Perfetto,
}

/// Runs the subcommand.
///
/// # Errors
/// [`UsageError`] if the command line is wrong.
pub fn run(args: Args) -> Result<Outcome, UsageError> {
    if args.split && args.format != Format::Pcapng {
        return Err("convert: --split writes pcapng only".into());
    }
    if args.split && args.output == Path::new("-") {
        return Err("convert: --split needs a folder to write to".into());
    }
    let mut messages = Messages::new();
    let names = reading::names(args.inputs, &mut messages);
    let assumptions = args.assumptions.assumptions()?;
    let inputs = Inputs::new(names, &assumptions);
    let mut selection = args.selection.selection(&assumptions)?;
    let output =
        Destination { path: args.output, overwrite: args.overwrite, unfinished: UnfinishedFiles::default() };
    output.unfinished.remove_on_signals()?;
    let progress = Progress::of_file(&inputs, &output.path, messages.bar());
    let mut on_error = |name: &_, error: &_| messages.error(name, error);
    if args.format == Format::Perfetto {
        let written = plot(&inputs, &mut selection, Form::Perfetto, &output, &mut on_error);
        drop(progress);
        return Ok(super::plot::end(messages, written));
    }
    let mut picker = Some(Picker::new(selection)).filter(|picker| !picker.is_everything());
    let converted = if args.split {
        Split { inputs, folder: output }.run(picker.as_mut(), &mut on_error).map(|_| ())
    } else {
        match args.format {
            Format::Pcap => PcapFile { inputs, output }.run(picker.as_mut(), &mut on_error).map(|_| ()),
            Format::Elog => ElogFile { inputs, output }.run(picker.as_mut(), &mut on_error).map(|_| ()),
            // Perfetto's form is made above.
            Format::Pcapng | Format::Perfetto => {
                Conversion { inputs, output }.run(picker.as_mut(), &mut on_error).map(|_| ())
            }
        }
    };
    drop(progress);
    messages.selected(picker.as_ref().and_then(Picker::took_none_of));
    Ok(messages.end(converted))
}
