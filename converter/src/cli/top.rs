// SPDX-License-Identifier: BSD-2-Clause
//! `bblog top`

use std::io::{self, IsTerminal};
use std::os::fd::AsFd;
use std::path::{Path, PathBuf};
use std::sync::Arc;
use std::time::{Duration, Instant};

use bblog_converter::WriteError;
use bblog_converter::command::top::column::TopColumn;
use bblog_converter::command::top::group::Grouping;
use bblog_converter::command::top::live::{self, Left};
use bblog_converter::command::top::model::Model;
use bblog_converter::command::top::reader::LiveReading;
use bblog_converter::command::top::status::Status;
use bblog_converter::command::top::table::{Arrangement, arrange};
use bblog_converter::command::top::ui::{self, Ui};
use bblog_converter::command::top::{once, schema_doc, screen, signals};
use bblog_converter::input::assumptions::Assumptions;
use bblog_converter::input::{InputName, Inputs};
use bblog_converter::output::Output;
use bblog_converter::select::filter::Filter;
use bblog_pcapng::error::Strerror;

use super::messages::{Messages, Outcome};
use super::reading;
use super::usage::UsageError;

/// Show what the connections of a machine do now, as top(1) shows processes
///
/// Reads a live stream, as from `bblogd -o -`, from /dev/tcp_log or from a FIFO, or replays a file. The
/// connection that lost most time comes first. `h` lists the keys and explains the columns. Times are
/// those of the log.
#[derive(clap::Args)]
pub struct Args {
    /// Log to read; `-` is standard input [default: -]
    #[arg(value_name = "FILE")]
    input: Option<PathBuf>,
    /// Time between two readings
    #[arg(long, value_name = "SECONDS", default_value = "1", value_parser = ui::interval)]
    interval: Duration,
    /// Replay a file at the speed at which it was logged, or SPEED times as fast
    #[arg(long, value_name = "SPEED", num_args = 0..=1)]
    replay: Option<Option<PathBuf>>,
    /// Print one reading after --interval, or at the end of the input, and exit. A file is read to its
    /// end. This is the default if standard output is not a terminal
    #[arg(long)]
    once: bool,
    /// Print one reading as a JSON object
    #[arg(long)]
    json: bool,
    /// Column to sort by
    #[arg(long, value_name = "COLUMN", default_value = "lost", value_parser = sort_names())]
    sort: String,
    /// Show groups of connections
    #[arg(long, value_name = "WHAT", default_value = "none", value_parser = grouping_names())]
    group: String,
    /// Show connections with an event in their last ten seconds that a display filter of Wireshark selects:
    /// 'bblog.timer_fired == RTO'. All events count, selected or not
    #[arg(short = 'Y', long, value_name = "EXPR")]
    filter: Option<String>,
    /// Connections that are followed at a time. The one without an event for longest is dropped
    #[arg(long, value_name = "COUNT", default_value = "10000",
          value_parser = clap::value_parser!(u32).range(1..=1_000_000))]
    max_connections: u32,
    /// Print a JSON Schema of what --json prints, and nothing else
    #[arg(long)]
    schema_doc: bool,
    #[command(flatten)]
    assumptions: reading::AssumptionArgs,
}

fn sort_names() -> clap::builder::PossibleValuesParser {
    TopColumn::ALL.map(TopColumn::name).into()
}

fn grouping_names() -> clap::builder::PossibleValuesParser {
    Grouping::ALL.map(Grouping::name).into()
}

/// Runs the subcommand.
///
/// # Errors
/// [`UsageError`] if the command line is wrong.
pub fn run(mut args: Args) -> Result<Outcome, UsageError> {
    if args.schema_doc {
        return Ok(Messages::new().end(print(|out| {
            serde_json::to_writer_pretty(&mut *out, &schema_doc())?;
            io::Write::write_all(out, b"\n")
        })));
    }
    let replay = replay(&mut args)?;
    let path = args.input.take().unwrap_or_else(|| PathBuf::from("-"));
    let input = InputName::new(path.clone());
    if input.is_stdin() && io::stdin().is_terminal() {
        return Err("top: standard input is a terminal, expected a log: bblogd -o - | bblog top".into());
    }
    let is_file = is_file(&input);
    if replay.is_some() && !is_file {
        return Err("top: --replay expects a file".into());
    }
    let assumptions = args.assumptions.assumptions(None)?;
    let filter = args.filter.as_deref().map(|text| Filter::new(text, &assumptions.catalog)).transpose();
    let filter = filter.map_err(|error| format!("--filter, {error}"))?;
    let mut messages = Messages::of(&assumptions);
    let inputs = Inputs::new(reading::names(vec![path], &mut messages), &assumptions);
    let mut model = Model::new(args.max_connections as usize);
    model.set_filter(filter);
    let reading = match LiveReading::begin(inputs, model, replay) {
        Ok(reading) => reading,
        Err(error) => return Ok(messages.fail(&Strerror(&error))),
    };
    let arrangement = Arrangement {
        sort: TopColumn::ALL.into_iter().find(|column| column.name() == args.sort).unwrap_or(TopColumn::Lost),
        grouping: Grouping::ALL.into_iter().find(|of| of.name() == args.group).unwrap_or_default(),
        ..Arrangement::default()
    };
    let run = Run { reading, messages, arrangement, input, interval: args.interval };
    if args.once || args.json || !screen::is_there() {
        let longest = (!is_file || replay.is_some()).then_some(args.interval);
        return Ok(run.once(longest, args.json));
    }
    Ok(run.live(args.filter.unwrap_or_default(), &assumptions))
}

/// The speed of a replay. A word behind --replay that is no number is a FILE.
fn replay(args: &mut Args) -> Result<Option<f64>, UsageError> {
    let Some(value) = args.replay.take() else { return Ok(None) };
    let Some(word) = value else { return Ok(Some(1.0)) };
    let speed = word.to_str().and_then(|word| word.parse::<f64>().ok());
    match speed {
        Some(speed) if speed.is_finite() && speed > 0.0 => Ok(Some(speed)),
        Some(_) => Err("--replay: expected a SPEED above 0".into()),
        None if args.input.is_none() => {
            args.input = Some(word);
            Ok(Some(1.0))
        }
        None => Err("--replay: expected a number, such as 0.5 or 10".into()),
    }
}

/// Whether the input has an end that is worth waiting for.
fn is_file(input: &InputName) -> bool {
    let metadata = match input.is_stdin() {
        true => io::stdin().as_fd().try_clone_to_owned().map(std::fs::File::from).and_then(|f| f.metadata()),
        false => std::fs::metadata(input.path()),
    };
    // The name of a series is none of a file.
    metadata.map_or(!input.is_stdin(), |metadata| metadata.is_file())
}

struct Run {
    reading: LiveReading,
    messages: Messages,
    arrangement: Arrangement,
    input: InputName,
    interval: Duration,
}

impl Run {
    /// One reading: after so long, or at the end of the input.
    fn once(mut self, longest: Option<Duration>, json: bool) -> Outcome {
        let due = longest.map(|longest| Instant::now() + longest);
        let has_ended = loop {
            let wait = due.map_or(Duration::MAX, |due| due.saturating_duration_since(Instant::now()));
            if self.reading.wait(wait) {
                break true;
            }
            if due.is_some_and(|due| Instant::now() >= due) {
                break false;
            }
        };
        let model = self.reading.model();
        let (lines, counts) = (model.lines(), model.counts());
        drop(model);
        let problems = self.reading.problems();
        let status =
            Status { input: self.input.to_string(), counts, connections: lines.len(), problems, has_ended };
        let entries = arrange(lines, &self.arrangement);
        self.say_problems();
        if self.reading.has_failed() {
            return self.messages.fail(&"the thread that reads is gone");
        }
        if status.problems.nothing_opened {
            return self.messages.end(Ok(()));
        }
        self.messages.end(print(|out| match json {
            true => once::print_json(&status, &entries, out),
            false => once::print_text(&status, &entries, out),
        }))
    }

    /// The full screen.
    fn live(mut self, filter: String, assumptions: &Arc<Assumptions>) -> Outcome {
        let mut ui = Ui::new(self.arrangement.clone(), self.interval, filter);
        let name = self.input.to_string();
        let input = (name.as_str(), self.input.is_stdin());
        let left = live::show(&mut self.reading, &mut ui, input, &assumptions.catalog);
        self.say_problems();
        match left {
            Err(error) => self.messages.fail(&Strerror(&error)),
            Ok(Left::Signal(signal)) => {
                signals::end_by(signal);
                self.messages.end(Ok(()))
            }
            Ok(Left::Quit | Left::NothingOpened) => self.messages.end(Ok(())),
        }
    }

    /// Prints what was wrong with the input.
    fn say_problems(&mut self) {
        let problems = self.reading.problems();
        let more = problems.count - problems.first.len() as u64;
        for problem in &problems.first {
            self.messages.problem(&problem.text, problem.is_notice);
        }
        if more > 0 {
            self.messages.problem(&format!("{}: {more} more problems", self.input), false);
        }
    }
}

fn print(write: impl FnOnce(&mut Output) -> io::Result<()>) -> Result<(), bblog_converter::OutputError> {
    let mut out = Output::text(false)?;
    write(&mut out).map_err(|error| Output::error(Path::new("-"), WriteError::Io(error)))?;
    out.commit()
}
