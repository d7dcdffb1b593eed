// SPDX-License-Identifier: BSD-2-Clause
//! `bblog show`

use std::path::PathBuf;

use bblog_converter::event::merge::Events;
use bblog_converter::text::list;
use bblog_converter::text::show::{ElogOptions, ElogStyle, LineOptions, Lines, Palette, TimeForm};
use clap::ValueEnum;

use super::messages::Outcome;
use super::pager::{self, Listing};
use super::progress::Progress;
use super::reading::{AssumptionArgs, Reading};
use super::selecting::SelectionArgs;
use super::usage::UsageError;

/// Print events as text, one line each
///
/// On a terminal the lines have colours, unless NO_COLOR is set, and go through $PAGER.
#[derive(clap::Args)]
pub struct Args {
    /// Logs to read; `-` is standard input
    #[arg(required_unless_present = "time", value_name = "FILE")]
    inputs: Vec<PathBuf>,
    /// Form of the lines
    #[arg(long, value_enum, default_value_t)]
    style: ShowStyle,
    /// Form of times: absolute, relative to the first event, or delta to the event before; -t alone is
    /// relative [default: absolute]
    ///
    /// If the word after -t is not one of these, it is read as a FILE. Style elog has its own absolute times, and
    /// accepts -t and -t delta.
    #[arg(short, long, value_name = "FORM", num_args = 0..=1)]
    time: Option<Option<PathBuf>>,
    /// Print the number of each event
    #[arg(short, long)]
    number: bool,
    /// Print all values below each event, one per line, computed ones in brackets. With style elog:
    /// print the name of each event
    #[arg(short, long)]
    extended: bool,
    /// Print the members as logged, and the bytes
    #[arg(long)]
    raw: bool,
    /// Print dates (style elog)
    #[arg(short, long)]
    date: bool,
    /// Print the time since the event before; the same as -t delta
    #[arg(long)]
    delta_time: bool,
    /// Show titles in place of the events' names: `timer armed`, not TIMERSTAR
    #[arg(long)]
    titles: bool,
    /// Show sequence numbers as logged, not relative to the first of the connection
    #[arg(short = 'S', long)]
    absolute_numbers: bool,
    /// Do not cut lines to the width of the terminal, or to COLUMNS
    #[arg(long)]
    wide: bool,
    /// Show only what matters: losses, timers that fired, recovery, changes of state, errors, closed windows,
    /// stalls, and the beginning and end of connections
    #[arg(long)]
    notable: bool,
    /// Do not use a pager
    #[arg(long)]
    no_pager: bool,
    #[command(flatten)]
    selection: SelectionArgs,
    #[command(flatten)]
    assumptions: AssumptionArgs,
}

#[derive(Clone, Copy, Default, ValueEnum)]
enum ShowStyle {
    /// Columns: time, connection, stack or provider, event, summary
    #[default]
    Columns,
    /// The output of `elog -r`, byte for byte, with elog's options -d, -e, -n, -t and --delta-time
    Elog,
}

/// Runs the subcommand.
///
/// # Errors
/// [`UsageError`] if the command line is wrong.
pub fn run(mut args: Args) -> Result<Outcome, UsageError> {
    let form = match args.time.take() {
        None => None,
        Some(None) => Some(TimeForm::Relative),
        Some(Some(word)) => match word.to_str().and_then(time_form) {
            Some(form) => Some(form),
            // `-t FILE`: elog's -t has no value.
            None => {
                args.inputs.insert(0, word);
                Some(TimeForm::Relative)
            }
        },
    };
    if args.inputs.is_empty() {
        return Err("show: expected a FILE".into());
    }
    if matches!(args.style, ShowStyle::Elog) {
        args.assumptions.keep_order();
    }
    let Reading { inputs, mut selection, mut messages } =
        Reading::of(args.inputs, args.selection, args.assumptions)?;
    if args.notable {
        selection.only_notable();
    }
    let options = LineOptions {
        time: form.or(args.delta_time.then_some(TimeForm::Delta)).unwrap_or_default(),
        number: args.number,
        titles: args.titles,
        absolute: args.absolute_numbers,
        extended: args.extended,
        raw: args.raw,
        width: if args.wide { None } else { pager::width() },
    };
    // elog(1) has no colours: whatever sets some came with the log.
    let coloured = pager::colours() && matches!(args.style, ShowStyle::Columns);
    let palette = if coloured { Palette::coloured() } else { Palette::plain() };
    let mut lines = Lines::new(options, palette);
    let elog = ElogOptions {
        date: args.date,
        event_name: args.extended,
        number: args.number,
        relative: form == Some(TimeForm::Relative),
        delta: args.delta_time || form == Some(TimeForm::Delta),
    };
    let progress = Progress::of_listing(&inputs, messages.bar());
    let on_error = &mut |name: &_, error: &_| messages.error(name, error);
    let mut events = Events::open(&inputs, on_error);
    let written = Listing::open(!args.no_pager, coloured).and_then(|listing| {
        listing.fill(|out| match args.style {
            ShowStyle::Columns => list(&mut events, &mut selection, &mut lines, out, on_error),
            ShowStyle::Elog => {
                list(&mut events, &mut selection, &mut ElogStyle::new(elog, lines), out, on_error)
            }
        })
    });
    drop(progress);
    messages.selected(selection.took_nothing());
    Ok(messages.end(written))
}

fn time_form(word: &str) -> Option<TimeForm> {
    match word {
        "absolute" => Some(TimeForm::Absolute),
        "relative" => Some(TimeForm::Relative),
        "delta" => Some(TimeForm::Delta),
        _ => None,
    }
}
