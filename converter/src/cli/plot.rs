// SPDX-License-Identifier: BSD-2-Clause
//! `bblog plot`

use std::path::PathBuf;

use bblog_converter::command::plot::{self, PictureForm, PlotError, form_of};
use bblog_converter::output::Destination;
use bblog_converter::output::unfinished::UnfinishedFiles;
use bblog_converter::picture::svg::StillSize;
use clap::ValueEnum;

use super::messages::{Messages, Outcome};
use super::progress::Progress;
use super::reading::{AssumptionArgs, Reading};
use super::selecting::SelectionArgs;
use super::usage::UsageError;

/// Draw connections: segments, windows, round-trip times, rates and states over time
///
/// The format follows the ending of OUT: .html is an interactive page for any browser, self-contained;
/// .svg and .png are stills; .xpl is for xplot. A page has up to 1000 connections, the
/// one that lost most time first; the other formats show one. For example:
/// bblog plot connection.pcapng -o connection.html
#[derive(clap::Args)]
pub struct Args {
    /// Logs to draw; `-` is standard input
    #[arg(required = true, value_name = "FILE")]
    inputs: Vec<PathBuf>,
    /// File to write; `-` is standard output
    #[arg(short, long, value_name = "OUT")]
    output: PathBuf,
    /// Replace a file that exists
    #[arg(long)]
    overwrite: bool,
    /// Format to write [default: by the ending of OUT, else html]
    #[arg(long, value_enum)]
    format: Option<PlotFormat>,
    /// Size of a still in pixels [default: 1400 wide; the height depends on the content]
    #[arg(long, value_name = "WIDTHxHEIGHT", value_parser = size)]
    size: Option<StillSize>,
    #[command(flatten)]
    selection: SelectionArgs,
    #[command(flatten)]
    assumptions: AssumptionArgs,
}

/// The format of a picture.
#[derive(Clone, Copy, PartialEq, Eq, ValueEnum)]
enum PlotFormat {
    /// A page for a browser
    Html,
    /// A still, as vectors
    Svg,
    /// A still, as pixels
    Png,
    /// A file for xplot
    Xpl,
}

fn size(text: &str) -> Result<StillSize, String> {
    let (width, height) = text.split_once(['x', 'X']).ok_or("expected WIDTHxHEIGHT, such as 1400x1200")?;
    let pixels = |text: &str| match text.parse() {
        Ok(pixels @ 1..=20_000) => Ok(pixels),
        _ => Err(format!("{text}: expected 1 to 20000 pixels")),
    };
    Ok(StillSize { width: pixels(width)?, height: pixels(height)? })
}

/// Runs the command.
///
/// # Errors
/// What is wrong with the options.
pub fn run(args: Args) -> Result<Outcome, UsageError> {
    let size = args.size;
    let form = match args.format {
        Some(PlotFormat::Html) => PictureForm::Html,
        Some(PlotFormat::Svg) => PictureForm::Svg(size),
        Some(PlotFormat::Png) => PictureForm::Png(size),
        Some(PlotFormat::Xpl) => PictureForm::Xpl,
        None => form_of(&args.output, size).unwrap_or(PictureForm::Html),
    };
    let Reading { inputs, mut selection, mut messages } =
        Reading::of(args.inputs, args.selection, args.assumptions)?;
    let output =
        Destination { path: args.output, overwrite: args.overwrite, unfinished: UnfinishedFiles::default() };
    output.unfinished.remove_on_signals()?;
    let progress = Progress::of_file(&inputs, &output.path, messages.bar());
    let on_error = &mut |name: &_, error: &_| messages.error(name, error);
    let plotted = plot::plot(&inputs, &mut selection, form, &output, on_error);
    drop(progress);
    Ok(end(messages, plotted))
}

/// Prints how the picture went, and makes the exit status.
pub(super) fn end(messages: Messages, plotted: Result<usize, PlotError>) -> Outcome {
    match plotted {
        Ok(0) => messages.end(Ok(())),
        Ok(left_out) => {
            messages.fail(&format_args!("{left_out} connections left out, expected at most 1000"))
        }
        Err(PlotError::Output(error)) => messages.end(Err(error)),
        Err(error) => messages.fail(&error),
    }
}
