// SPDX-License-Identifier: BSD-2-Clause
//! What bblog says on standard error, and how it exits.

use std::process::ExitCode;

use bblog_converter::input::InputName;
use bblog_converter::{InputError, OutputError, WriteError};

use super::progress::Bar;

/// Errors of one input that are told; a damaged file can have millions.
const TOLD_PER_INPUT: u64 = 20;

/// How a subcommand ended.
pub enum Outcome {
    /// As it should.
    Done,
    /// With a problem in an input or the output, which was told.
    Problems,
    /// Not at all: the command line was wrong, which was told.
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

/// Tells errors, one line each.
pub struct Messages {
    problems: u64,
    input: Option<InputName>,
    told: u64,
    untold: u64,
    bar: Bar,
}

impl Messages {
    /// None told yet.
    pub fn new() -> Messages {
        Messages { problems: 0, input: None, told: 0, untold: 0, bar: Bar::default() }
    }

    /// The bar above which messages are printed while it is shown.
    pub fn bar(&self) -> &Bar {
        &self.bar
    }

    /// Tells an error of an input.
    pub fn error(&mut self, name: &InputName, error: &InputError) {
        self.problems += u64::from(!error.is_notice());
        if self.input.as_ref() != Some(name) {
            self.summarise();
            self.input = Some(name.clone());
            self.told = 0;
        }
        if self.told >= TOLD_PER_INPUT {
            self.untold += 1;
            return;
        }
        self.told += 1;
        tell(&format_args!("{name}: {error}"));
    }

    /// Tells how the output went, and makes the exit status.
    ///
    /// A reader that went away (`| head`) has had enough: that is no problem.
    pub fn end(mut self, output: Result<(), OutputError>) -> Outcome {
        self.summarise();
        match output {
            Err(OutputError::Write { source, .. }) if WriteError::is_broken_pipe(&source) => {}
            Err(error) => {
                self.bar.above(|| tell(&error));
                return Outcome::Problems;
            }
            Ok(()) => {}
        }
        if self.problems > 0 { Outcome::Problems } else { Outcome::Done }
    }

    fn summarise(&mut self) {
        let untold = std::mem::take(&mut self.untold);
        if untold > 0
            && let Some(name) = &self.input
        {
            self.bar.above(|| tell(&format_args!("{name}: {untold} more problems")));
        }
    }
}

/// One line on standard error. If that is gone there is nobody to tell.
pub fn tell(what: &dyn std::fmt::Display) {
    use std::io::Write;
    drop(writeln!(std::io::stderr(), "bblog: {what}"));
}
