// SPDX-License-Identifier: BSD-2-Clause
//! `bblog info`: the summary of an input, made in one pass.

mod builder;
mod census;
pub mod connection;
mod list;
pub mod report;
pub mod span;
mod text;

use std::collections::VecDeque;
use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;
use std::sync::mpsc::{self, SyncSender};
use std::thread;

use bblog_pcapng::WriteError;

use self::list::ListedConnections;
use self::report::Report;
use crate::event::parts::in_parts;
use crate::input::compression::Compression;
use crate::input::error::{InputError, OnError};
use crate::input::{Input, InputKind, InputName, Inputs};
use crate::jobs::{InOrder, Jobs};
use crate::output::Output;
use crate::output::error::OutputError;
use crate::select::walk::Picker;

/// Errors of an input that wait for those of the inputs before it.
const WAITING_ERRORS: usize = 64;

/// Reports on what `picker` picks of each input; errors also go to `on_error`. As many threads work as [`Inputs::jobs`]
/// says, each on an input, or several on an input if there are fewer.
pub fn of_inputs(inputs: &Inputs, picker: &mut Picker, on_error: &mut OnError<'_>) -> Vec<Report> {
    if inputs.jobs == Jobs::ONE || inputs.names.len() == 1 {
        return one_by_one(inputs, picker, on_error);
    }
    let blank = picker.another();
    let jobs = Jobs::new(inputs.jobs.count() / inputs.names.len());
    let worker = || {
        |(name, errors): (&InputName, SyncSender<InputError>)| {
            let mut picker = blank.another();
            // The other end is there until all errors were taken.
            let report = of_input(name, inputs, jobs, &mut picker, &mut |error| _ = errors.send(error));
            (report, picker.seen())
        }
    };
    let mut reports = Vec::new();
    thread::scope(|scope| {
        let Some(mut workers) = InOrder::start(scope, inputs.jobs, &worker) else {
            reports = one_by_one(inputs, picker, on_error);
            return;
        };
        let mut under_way = VecDeque::new();
        let mut names = inputs.names.iter();
        loop {
            while under_way.len() < 2 * inputs.jobs.count()
                && let Some(name) = names.next()
            {
                let (errors, found) = mpsc::sync_channel(WAITING_ERRORS);
                under_way.push_back((name, found));
                let _ = workers.push((name, errors));
            }
            let Some((name, found)) = under_way.pop_front() else { break };
            found.iter().for_each(|error| on_error(name, &error));
            if let Some((report, seen)) = workers.pop() {
                reports.push(report);
                picker.add_seen(seen);
            }
        }
    });
    reports
}

fn one_by_one(inputs: &Inputs, picker: &mut Picker, on_error: &mut OnError<'_>) -> Vec<Report> {
    let report = |name| {
        picker.begin_anew();
        let jobs = if inputs.names.len() == 1 { inputs.jobs } else { Jobs::ONE };
        of_input(name, inputs, jobs, picker, &mut |error| on_error(name, &error))
    };
    inputs.names.iter().map(report).collect()
}

/// Reports on what `picker` picks of one of `inputs`, in so many threads if it picks everything.
fn of_input(
    name: &InputName,
    inputs: &Inputs,
    jobs: Jobs,
    picker: &mut Picker,
    on_error: &mut dyn FnMut(InputError),
) -> Report {
    let mut report = Report { file: name.to_string(), ..Report::default() };
    let (assumptions, meter) = (Arc::clone(&inputs.assumptions), Arc::clone(&inputs.meter));
    let input = Inputs { names: vec![name.clone()], assumptions, meter, jobs };
    // Which events are selected may depend on all of those before.
    let jobs = if picker.is_everything() { jobs } else { Jobs::ONE };
    let own = |inputs: &Inputs, shards| match open(&mut report, inputs, on_error) {
        Some(input) => builder::read(&mut report, input, inputs, shards, picker, on_error),
        None => ListedConnections::default(),
    };
    let other = |inputs: &Inputs, shards| ListedConnections::of(inputs, shards).unwrap_or_default();
    let parts = in_parts(&input, jobs, own, other);
    if parts.iter().any(|part| part.items != parts[0].items) {
        let error = InputError::read_unequally();
        report.add_problem(&error);
        on_error(error);
    }
    ListedConnections::report(parts, &mut report);
    report
}

/// Opens the input, and reports what it is; `None` if nothing can be read of it.
fn open(report: &mut Report, inputs: &Inputs, on_error: &mut dyn FnMut(InputError)) -> Option<Input> {
    let input = match Input::open_with(inputs.names.first()?, 1, &inputs.meter, inputs.jobs) {
        Ok(input) => input,
        Err(error) => {
            report.add_problem(&error);
            on_error(error);
            return None;
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
            return None;
        }
    });
    Some(input)
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
