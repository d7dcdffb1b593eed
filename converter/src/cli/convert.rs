// SPDX-License-Identifier: BSD-2-Clause
//! `bblog convert`

use std::path::{Path, PathBuf};

use bblog_converter::command::convert::Conversion;
use bblog_converter::command::elog_file::ElogFile;
use bblog_converter::command::pcap_file::PcapFile;
use bblog_converter::command::plot::{PictureForm, plot};
use bblog_converter::command::split::Split;
use bblog_converter::output::Destination;
use bblog_converter::output::unfinished::UnfinishedFiles;
use bblog_converter::select::walk::Picker;
use bblog_pcapng::bblog_entry::EventForm;
use clap::ValueEnum;

use super::jobs::JobsArgs;
use super::messages::Outcome;
use super::progress::Progress;
use super::reading::{AssumptionArgs, Reading};
use super::selecting::SelectionArgs;
use super::usage::UsageError;

/// Convert logs to pcapng, for Wireshark, and to tables
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
    format: ConvertFormat,
    /// Write one pcapng file per connection, ID_LPORT_FADDR_FPORT.N.pcapng, where N is the first free
    /// number. Events of no connection go into other.N.pcapng
    #[arg(long)]
    split: bool,
    /// Write the events of BBLog streams as packets, so that Wireshark before 4.6 shows them live; it needs the plugin to
    /// read them
    #[arg(long, conflicts_with = "split")]
    live: bool,
    #[command(flatten)]
    jobs: JobsArgs,
    #[cfg(feature = "parquet")]
    #[command(flatten)]
    tables: super::tables::TableArgs,
    #[command(flatten)]
    selection: SelectionArgs,
    #[command(flatten)]
    assumptions: AssumptionArgs,
}

/// A format to write.
#[derive(Clone, Copy, Default, PartialEq, Eq, ValueEnum)]
enum ConvertFormat {
    /// pcapng, for Wireshark
    #[default]
    Pcapng,
    /// Packets alone as classic pcap (raw IP, microseconds), for tcpdump, tcptrace and other programs that use libpcap
    Pcap,
    /// ELOG, for elog(1), from ELOG captures and from pcapng that was made from them
    Elog,
    /// A trace for Perfetto: counters, states and retransmissions of each connection
    Perfetto,
    /// Tables of connections and events, for SQL: a folder of Parquet files, to which runs append. Folders among the
    /// inputs are searched
    #[cfg(feature = "parquet")]
    Parquet,
    /// One such table as an Arrow IPC stream, for pipes
    #[cfg(feature = "parquet")]
    Arrow,
}

impl ConvertFormat {
    #[cfg(feature = "parquet")]
    fn of_tables(self) -> Option<super::tables::TableFormat> {
        match self {
            ConvertFormat::Parquet => Some(super::tables::TableFormat::Parquet),
            ConvertFormat::Arrow => Some(super::tables::TableFormat::Arrow),
            _ => None,
        }
    }
}

/// A format of files that hold the items themselves.
enum FileFormat {
    Pcapng,
    Pcap,
    Elog,
}

impl ConvertFormat {
    /// The format of the file; `None` for a trace, which is drawn, and for tables.
    fn file(self) -> Option<FileFormat> {
        match self {
            ConvertFormat::Pcapng => Some(FileFormat::Pcapng),
            ConvertFormat::Pcap => Some(FileFormat::Pcap),
            ConvertFormat::Elog => Some(FileFormat::Elog),
            ConvertFormat::Perfetto => None,
            #[cfg(feature = "parquet")]
            ConvertFormat::Parquet | ConvertFormat::Arrow => None,
        }
    }
}

/// Runs the subcommand.
///
/// # Errors
/// [`UsageError`] if the command line is wrong.
pub fn run(mut args: Args) -> Result<Outcome, UsageError> {
    if args.split && args.format != ConvertFormat::Pcapng {
        return Err("convert: --split writes pcapng only".into());
    }
    if args.live && args.format != ConvertFormat::Pcapng {
        return Err("convert: --live writes pcapng only".into());
    }
    if args.split && args.output == Path::new("-") {
        return Err("convert: --split needs a folder to write to".into());
    }
    #[cfg(feature = "parquet")]
    if let Some(format) = args.format.of_tables() {
        return to_tables(args, format);
    }
    #[cfg(feature = "parquet")]
    if args.tables.is_given() {
        return Err(
            "convert: --table, --event, --summary, --verbose and --host are for --format parquet and arrow"
                .into(),
        );
    }
    if args.format == ConvertFormat::Elog {
        args.assumptions.keep_order();
    }
    let Reading { mut inputs, mut selection, mut messages } =
        Reading::of(args.inputs, args.selection, args.assumptions)?;
    inputs.jobs = args.jobs.jobs();
    let output =
        Destination { path: args.output, overwrite: args.overwrite, unfinished: UnfinishedFiles::default() };
    output.unfinished.remove_on_signals()?;
    let progress = Progress::of_file(&inputs, &output.path, messages.bar());
    let mut on_error = |name: &_, error: &_| messages.error(name, error);
    let Some(format) = args.format.file() else {
        let written = plot(&inputs, &mut selection, PictureForm::Perfetto, &output, &mut on_error);
        drop(progress);
        return Ok(super::plot::end(messages, written));
    };
    let mut picker = Some(Picker::new(selection)).filter(|picker| !picker.is_everything());
    let picked = picker.as_mut();
    let form = if args.live { EventForm::Packet } else { EventForm::Block };
    let converted = match format {
        FileFormat::Pcapng if args.split => {
            Split { inputs, folder: output }.run(picked, &mut on_error).map(|_| ())
        }
        FileFormat::Pcapng => Conversion { inputs, output, form }.run(picked, &mut on_error).map(|_| ()),
        FileFormat::Pcap => PcapFile { inputs, output }.run(picked, &mut on_error).map(|_| ()),
        FileFormat::Elog => ElogFile { inputs, output }.run(picked, &mut on_error).map(|_| ()),
    };
    drop(progress);
    messages.selected(picker.as_ref().and_then(Picker::took_nothing));
    Ok(messages.end(converted))
}

#[cfg(feature = "parquet")]
fn to_tables(args: Args, format: super::tables::TableFormat) -> Result<Outcome, UsageError> {
    // Folders among the inputs are searched, so the names are taken as they are.
    let Reading { inputs, selection, messages } = Reading::of(Vec::new(), args.selection, args.assumptions)?;
    let output =
        Destination { path: args.output, overwrite: args.overwrite, unfinished: UnfinishedFiles::default() };
    output.unfinished.remove_on_signals()?;
    let names = args.inputs.into_iter().map(bblog_converter::input::InputName::new).collect();
    let (assumptions, jobs) = (inputs.assumptions, args.jobs.jobs());
    let conversion = super::tables::TableConversion { names, assumptions, selection, output, jobs };
    super::tables::run(args.tables, format, conversion, messages)
}
