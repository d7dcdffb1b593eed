// SPDX-License-Identifier: BSD-2-Clause
//! `bblog info`: the summary of an input, made in one pass.

mod builder;
mod census;
pub mod connection;
mod list;
pub mod report;
pub mod span;
mod text;

use std::io::{self, Write};
use std::path::Path;

use bblog_pcapng::WriteError;

use self::report::Report;
use crate::input::compression::Compression;
use crate::input::error::{InputError, OnError};
use crate::input::{Input, InputKind, InputName, Inputs};
use crate::output::Output;
use crate::output::error::OutputError;
use crate::select::walk::Picker;

/// Reports on what `picker` picks of each input; errors also go to `on_error`.
pub fn of_inputs(inputs: &Inputs, picker: &mut Picker, on_error: &mut OnError<'_>) -> Vec<Report> {
    let mut reports = Vec::new();
    for name in &inputs.names {
        let input = Input::open(name, 1, &inputs.meter);
        picker.begin_anew();
        reports.push(of_input(name, input, inputs, picker, &mut |error| on_error(name, error)));
    }
    reports
}

/// Reports on what `picker` picks of one of `inputs`.
fn of_input(
    name: &InputName,
    input: Result<Input, InputError>,
    inputs: &Inputs,
    picker: &mut Picker,
    on_error: &mut dyn FnMut(&InputError),
) -> Report {
    let mut report = Report { file: name.to_string(), ..Report::default() };
    let input = match input {
        Ok(input) => input,
        Err(error) => {
            on_error(&error);
            report.add_problem(&error);
            return report;
        }
    };
    report.compression = input.compression.map(Compression::name);
    report.kind = Some(match input.kind {
        InputKind::Bblog | InputKind::Records => "bblog",
        InputKind::Elog => "eventlog",
        InputKind::Pcapng => "pcapng",
        InputKind::Empty => {
            report.kind = Some("empty");
            report.sections = 1;
            return report;
        }
    });
    builder::read(&mut report, input, inputs, picker, on_error);
    report
}

/// Prints reports for people.
///
/// # Errors
/// [`OutputError`] of standard output.
pub fn print_text(reports: &[Report]) -> Result<(), OutputError> {
    print(|out| {
        for (number, report) in reports.iter().enumerate() {
            if number > 0 {
                writeln!(out)?;
            }
            write!(out, "{}", text::InfoText(report))?;
        }
        Ok(())
    })
}

/// Prints reports as JSON Lines: one object per input.
///
/// # Errors
/// [`OutputError`] of standard output.
pub fn print_json(reports: &[Report]) -> Result<(), OutputError> {
    print(|out| {
        for report in reports {
            serde_json::to_writer(&mut *out, report).map_err(io::Error::from)?;
            writeln!(out)?;
        }
        Ok(())
    })
}

fn print(write: impl FnOnce(&mut Output) -> io::Result<()>) -> Result<(), OutputError> {
    let mut out = Output::text(false)?;
    write(&mut out).map_err(|error| Output::error(Path::new("-"), WriteError::Io(error)))?;
    out.commit()
}
