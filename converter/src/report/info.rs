// SPDX-License-Identifier: BSD-2-Clause
//! What is in an input, gathered in one pass.

use std::io::{self, Write};
use std::path::Path;
use std::sync::Arc;

use bblog_dissector::Micros;
use bblog_pcapng::utc::Utc;
use serde::Serialize;

use super::connection::Connection;
use super::{gather, info_text};
use crate::error::{Fault, OutputError, WriteError};
use crate::input::{Input, Kind, Name};
use crate::merge::OnFault;
use crate::output::Output;
use crate::select::Selection;
use crate::source::compression::Compression;
use crate::tables::Tables;

/// Connections listed per input; more are counted only.
pub(super) const MAX_CONNECTIONS: usize = 10_000;
/// Problems listed per input; more are counted only.
const MAX_PROBLEMS: usize = 100;

/// What is in one input. Serialised, it is a line of `bblog info --json`.
#[derive(Debug, Default, Serialize)]
pub struct Report {
    /// The input's name.
    pub file: String,
    /// `bblog`, `eventlog`, `pcapng`, `empty`, or null if it could not be opened.
    pub kind: Option<&'static str>,
    /// `gzip`, `xz`, `zstd`, or null.
    pub compression: Option<&'static str>,
    /// The format's version; null if nothing of a version that can be read was found.
    pub version: Option<u32>,
    /// Entries: dumps of one connection each (BBLog).
    pub entries: Option<u64>,
    /// Sections it has (pcapng), or `convert` makes of it.
    pub sections: u64,
    /// Packets that are neither records nor events (pcapng).
    pub foreign_packets: Option<u64>,
    /// Blocks that are neither, name resolution and statistics among them (pcapng).
    pub foreign_blocks: Option<u64>,
    /// Records or events: of a selection those that are selected, and all that is told of time, loss,
    /// stacks, providers' events, connections and kinds of events is of these.
    pub events: u64,
    /// Records or events read, if only some were selected.
    pub events_read: Option<u64>,
    /// When it begins and ends; null without events.
    pub time: Option<Span>,
    /// Records missing by their serial numbers (BBLog).
    pub lost_records: Option<u64>,
    /// Events that the kernel dropped; null if the capture was not closed (eventlog).
    pub dropped_events: Option<u64>,
    /// Whether there is a capture of eventlog(9) in it.
    #[serde(skip)]
    pub is_capture: bool,
    /// The layout of the tcp provider (eventlog).
    pub layout: Option<&'static str>,
    /// Stacks that logged (BBLog).
    pub stacks: Vec<Stack>,
    /// Providers subscribed to (eventlog).
    pub providers: Vec<Provider>,
    /// Connections, in order of appearance.
    pub connections: Vec<Connection>,
    /// Connections there is no room for.
    pub more_connections: u64,
    /// How often each event stands there.
    pub event_counts: Vec<EventCount>,
    /// Events of kinds there is no room for.
    pub other_events: u64,
    /// What is wrong or remarkable.
    pub problems: Vec<ProblemLine>,
    /// Problems there is no room for.
    pub more_problems: u64,
}

/// A span of time.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct Span {
    /// `utc`, or `uptime` if the file does not know when the machine booted.
    pub clock: &'static str,
    /// The earliest time, microseconds since 1970 or since boot.
    pub first_us: i64,
    /// The latest.
    pub last_us: i64,
}

/// A stack that logged.
#[derive(Debug, Serialize)]
pub struct Stack {
    /// Its number on that machine.
    pub id: u8,
    /// Its name, or `unknown`.
    pub name: String,
    /// Its records.
    pub records: u64,
}

/// A provider of a capture.
#[derive(Debug, Serialize)]
pub struct Provider {
    /// Its id.
    pub id: u16,
    /// Its name.
    pub name: String,
    /// Its events.
    pub events: u64,
}

/// How often an event stands there.
#[derive(Debug, Serialize)]
pub struct EventCount {
    /// The provider's name (eventlog).
    pub provider: Option<String>,
    /// The event's number.
    pub id: u32,
    /// Its name; null if no table knows it.
    pub name: Option<&'static str>,
    /// How often.
    pub count: u64,
}

/// Something wrong or remarkable.
#[derive(Debug, Serialize)]
pub struct ProblemLine {
    /// Where, in bytes.
    pub offset: Option<u64>,
    /// What, as on standard error.
    pub text: String,
    /// Whether it is only worth knowing.
    pub notice: bool,
}

/// Adds a name to a short list, once; a damaged file can have millions.
pub(super) fn add_name(names: &mut Vec<String>, name: String) {
    const MAX_NAMES: usize = 16;
    if names.len() < MAX_NAMES && !names.contains(&name) {
        names.push(name);
    }
}

impl Report {
    /// Adds a problem.
    pub(super) fn add_problem(&mut self, fault: &Fault) {
        if self.problems.len() >= MAX_PROBLEMS {
            self.more_problems += 1;
            return;
        }
        let (offset, text, notice) = (fault.offset, fault.to_string(), fault.is_notice());
        self.problems.push(ProblemLine { offset, text, notice });
    }
}

impl Span {
    /// Widens `span` so that `time` lies in it.
    pub(super) fn widen(span: &mut Option<Span>, clock: &'static str, time: Micros) {
        let span = span.get_or_insert(Span { clock, first_us: time.0, last_us: time.0 });
        span.first_us = span.first_us.min(time.0);
        span.last_us = span.last_us.max(time.0);
    }

    /// `FIRST to LAST (SECONDS s)`.
    pub(super) fn text(&self) -> String {
        let length = self.last_us.saturating_sub(self.first_us);
        let length = format!("{}.{:06} s", length / 1_000_000, length % 1_000_000);
        let seconds = |us: i64| format!("{}.{:06}", us.div_euclid(1_000_000), us.rem_euclid(1_000_000));
        match self.clock {
            "utc" => {
                let (first, last) = (Utc(Micros(self.first_us)), Utc(Micros(self.last_us)));
                format!("{first} to {last} UTC ({length})")
            }
            _ => format!("uptime {} to {} ({length})", seconds(self.first_us), seconds(self.last_us)),
        }
    }
}

/// Reports on what `selection` selects of each input; faults also go to `on_fault`.
pub fn of_inputs(
    inputs: &[Name],
    tables: &Arc<Tables>,
    selection: &mut Selection,
    on_fault: &mut OnFault<'_>,
) -> Vec<Report> {
    let mut reports = Vec::new();
    for name in inputs {
        let input = Input::open(name.clone());
        selection.begin_anew();
        reports.push(of_input(name, input, tables, selection, &mut |fault| on_fault(name, fault)));
    }
    reports
}

/// Reports on what `selection` selects of one input.
pub fn of_input(
    name: &Name,
    input: Result<Input, Fault>,
    tables: &Arc<Tables>,
    selection: &mut Selection,
    on_fault: &mut dyn FnMut(&Fault),
) -> Report {
    let mut report = Report { file: name.to_string(), ..Report::default() };
    let input = match input {
        Ok(input) => input,
        Err(fault) => {
            on_fault(&fault);
            report.add_problem(&fault);
            return report;
        }
    };
    report.compression = input.compression.map(Compression::name);
    report.kind = Some(match input.kind {
        Kind::Tcplog => "bblog",
        Kind::Elog => "eventlog",
        Kind::Pcapng => "pcapng",
        Kind::Empty => {
            report.kind = Some("empty");
            report.sections = 1;
            return report;
        }
    });
    gather::gather(&mut report, input, tables, selection, on_fault);
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
            write!(out, "{}", info_text::Text(report))?;
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
    let stdout = Path::new("-");
    let mut out = Output::create(stdout, false)?;
    write(&mut out).map_err(|error| Output::error(stdout, WriteError::Io(error)))?;
    out.commit()
}
