// SPDX-License-Identifier: BSD-2-Clause
//! The summary of an input.

use bblog_pcapng::machine;
use serde::Serialize;

use super::connection::ConnectionReport;
use super::span::TimeSpan;
use crate::input::error::InputError;

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
    /// Records or events: of a selection those that are selected, and all that is reported of time, loss,
    /// stacks, providers' events, connections and kinds of events is of these.
    pub events: u64,
    /// Records or events read, if only some were selected.
    pub events_read: Option<u64>,
    /// When it begins and ends; null without events.
    pub time: Option<TimeSpan>,
    /// Records missing by their serial numbers (BBLog).
    pub lost_records: Option<u64>,
    /// Events that the kernel dropped; null if the capture was not closed (eventlog).
    pub dropped_events: Option<u64>,
    /// Whether more may have been dropped: captures overlap in time, so their counts cannot be added (eventlog).
    pub more_dropped: bool,
    /// Whether there is a capture of eventlog(9) in it.
    #[serde(skip)]
    pub is_capture: bool,
    /// The layout of the tcp provider (eventlog).
    pub layout: Option<&'static str>,
    /// Stacks that logged (BBLog).
    pub stacks: Vec<StackReport>,
    /// Machines that logged, as far as they differ in what is known of them (BBLog).
    pub machines: Vec<MachineReport>,
    /// Ticks per second of the machines whose default stack logged RTTs in ticks (eventlog).
    pub tick_rates: Vec<TickRateReport>,
    /// Providers subscribed to (eventlog).
    pub providers: Vec<ProviderReport>,
    /// Connections, in order of appearance.
    pub connections: Vec<ConnectionReport>,
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

/// A stack that logged.
#[derive(Debug, Serialize)]
pub struct StackReport {
    /// Its number on that machine.
    pub id: u8,
    /// Its name, or `unknown`.
    pub name: String,
    /// Whether the name was inferred from its records.
    pub inferred: bool,
    /// Its records.
    pub records: u64,
}

/// What is known of a machine that logged.
#[derive(Debug, Serialize)]
pub struct MachineReport {
    /// Its kernel: a release if the kernel stated it, or else `13`, `14`, `main`, `14 or newer`; null
    /// if nothing shows it, and then its records are read as those of main.
    pub kernel: Option<String>,
    /// Whether the kernel was inferred from its records.
    pub kernel_inferred: bool,
    /// Ticks per second; null if nothing shows them.
    pub hz: Option<u32>,
    /// Whether that was inferred from its records.
    pub hz_inferred: bool,
    /// Its records.
    pub records: u64,
}

/// Ticks per second of a machine.
#[derive(Debug, Serialize)]
pub struct TickRateReport {
    /// Ticks per second; null if nothing shows them, and then the RTTs are counted nowhere.
    pub hz: Option<u32>,
    /// Whether that was inferred from its events.
    pub hz_inferred: bool,
    /// RTTs in ticks.
    pub rtts: u64,
}

/// A provider of a capture.
#[derive(Debug, Serialize)]
pub struct ProviderReport {
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
    /// Its name; null if no table has it.
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

impl MachineReport {
    /// What is known of `machine`, which made so many records.
    pub(super) fn new(machine: &machine::Machine, records: u64) -> MachineReport {
        MachineReport {
            kernel: machine.kernel_name().map(str::to_owned),
            kernel_inferred: machine.kernel.is_some_and(|kernel| kernel.is_inferred),
            hz: machine.hz.map(|hz| hz.value.get()),
            hz_inferred: machine.hz.is_some_and(|hz| hz.is_inferred),
            records,
        }
    }
}

impl Report {
    /// Adds a problem.
    pub(super) fn add_problem(&mut self, error: &InputError) {
        if self.problems.len() >= MAX_PROBLEMS {
            self.more_problems += 1;
            return;
        }
        let (offset, text, notice) = (error.offset, error.to_string(), error.is_notice());
        self.problems.push(ProblemLine { offset, text, notice });
    }
}
