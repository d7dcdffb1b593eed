// SPDX-License-Identifier: BSD-2-Clause
//! Messages on standard error, and the exit status.

use std::io::Write;
use std::process::ExitCode;
use std::sync::Arc;

use bblog_converter::input::InputName;
use bblog_converter::input::assumptions::Assumptions;
use bblog_converter::select::NothingSelected;
use bblog_converter::{InputError, OutputError, WriteError};
use bblog_dissector::counted::Counted;
use bblog_pcapng::escape::Lines;

use super::progress::Bar;

/// How many errors of one input are printed. A damaged file can have millions.
const PRINTED_PER_INPUT: u64 = 20;

/// How a subcommand ended.
pub enum Outcome {
    /// Without a problem.
    Done,
    /// With a problem in an input or the output, which was printed.
    Problems,
    /// Not run: the command line was wrong, which was printed.
    Usage,
}

impl From<Outcome> for ExitCode {
    fn from(outcome: Outcome) -> ExitCode {
        match outcome {
            Outcome::Done => ExitCode::SUCCESS,
            Outcome::Problems => ExitCode::from(1),
            Outcome::Usage => ExitCode::from(2),
        }
    }
}

/// Prints errors, one line each, and counts them.
pub struct Messages {
    problems: u64,
    input: Option<InputName>,
    printed: u64,
    suppressed: u64,
    bar: Bar,
    /// Those of the inputs.
    assumptions: Option<Arc<Assumptions>>,
}

impl Messages {
    /// No errors yet.
    pub fn new() -> Messages {
        Messages {
            problems: 0,
            input: None,
            printed: 0,
            suppressed: 0,
            bar: Bar::default(),
            assumptions: None,
        }
    }

    /// No errors yet of inputs that are read with these assumptions.
    pub fn of(assumptions: &Arc<Assumptions>) -> Messages {
        Messages { assumptions: Some(Arc::clone(assumptions)), ..Messages::new() }
    }

    /// The bar above which messages are printed while it is shown.
    pub fn bar(&self) -> &Bar {
        &self.bar
    }

    /// Prints an error of an input.
    pub fn error(&mut self, name: &InputName, error: &InputError) {
        self.of_input(name, error, error.is_notice());
    }

    /// Prints what was wrong with an input.
    pub fn of_input(&mut self, name: &InputName, what: &dyn std::fmt::Display, is_notice: bool) {
        self.problems += u64::from(!is_notice);
        if self.input.as_ref() != Some(name) {
            self.summarise();
            self.input = Some(name.clone());
            self.printed = 0;
        }
        if self.printed >= PRINTED_PER_INPUT {
            self.suppressed += 1;
            return;
        }
        self.printed += 1;
        print(&format_args!("{name}: {what}"));
    }

    /// Prints a problem of an input that is text already, with the input's name.
    pub fn problem(&mut self, text: &str, is_notice: bool) {
        self.problems += u64::from(!is_notice);
        self.bar.above(|| print(&text));
    }

    /// Prints that a selection took nothing, if it did.
    pub fn selected(&mut self, nothing: Option<NothingSelected>) {
        if let Some(nothing) = nothing {
            self.bar.above(|| print(&nothing));
        }
    }

    /// Prints the error of the output, if there is one, and returns the outcome.
    ///
    /// A reader that closed the output (`| head`) is no error.
    pub fn end(mut self, output: Result<(), OutputError>) -> Outcome {
        self.summarise();
        if let Some(not_met) = self.assumptions.as_ref().and_then(|assumptions| assumptions.stacks_not_met())
        {
            self.bar.above(|| print(&not_met));
        }
        match output {
            Err(OutputError::Write { source, .. }) if WriteError::is_broken_pipe(&source) => {}
            Err(error) => {
                self.bar.above(|| print(&error));
                return Outcome::Problems;
            }
            Ok(()) => {}
        }
        if self.problems > 0 { Outcome::Problems } else { Outcome::Done }
    }

    /// Prints what the run could not do, and makes the exit status.
    pub fn fail(mut self, what: &dyn std::fmt::Display) -> Outcome {
        self.summarise();
        self.bar.above(|| print(what));
        Outcome::Problems
    }

    fn summarise(&mut self) {
        let suppressed = std::mem::take(&mut self.suppressed);
        if suppressed > 0
            && let Some(name) = &self.input
        {
            self.bar.above(|| print(&format_args!("{name}: {suppressed} more problems")));
        }
    }
}

/// Prints which files of folders are no logs.
pub fn left_out(foreign: &[InputName], verbose: bool) {
    let why = if foreign.len() == 1 { "no log" } else { "no logs" };
    files_left_out(foreign, verbose, why, |name| print(&format_args!("{name}: no log, left out")));
}

/// Prints which files were left out because they are the same as others.
pub fn left_out_copies(copies: &[(InputName, InputName)], verbose: bool) {
    files_left_out(copies, verbose, "the same as others", |(name, other)| {
        print(&format_args!("{name}: the same as {other}, left out"));
    });
}

/// Prints which files were left out because they were converted before.
#[cfg(feature = "parquet")]
pub fn left_out_converted(files: &[InputName], verbose: bool) {
    files_left_out(files, verbose, "converted before", |name| {
        print(&format_args!("{name}: converted before, left out"));
    });
}

/// Prints a line for each of the files that were left out, or how many they are and why.
fn files_left_out<T>(files: &[T], verbose: bool, why: &str, line: impl Fn(&T)) {
    if verbose {
        files.iter().for_each(line);
    } else if !files.is_empty() {
        let count = Counted(files.len() as u64, "file");
        print(&format_args!("{count} left out, {why}; -v names them"));
    }
}

/// Prints a message on standard error, without control characters: it may repeat arguments, and names of files. A
/// standard error that is closed is ignored.
pub fn print(what: &dyn std::fmt::Display) {
    drop(writeln!(std::io::stderr(), "bblog: {}", Lines(&what.to_string())));
}

/// Prints an error of the command line, or the help, and ends the process.
pub fn exit_with(error: &clap::Error) -> ! {
    let text = error.to_string();
    let shown = Lines(&text).to_string();
    if !error.use_stderr() || shown == text {
        // With colours, where they are wanted.
        error.exit();
    }
    drop(write!(std::io::stderr(), "{shown}"));
    std::process::exit(error.exit_code());
}
