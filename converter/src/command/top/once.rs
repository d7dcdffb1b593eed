// SPDX-License-Identifier: BSD-2-Clause
//! One reading, as text or JSON.

use std::io::{self, Write};

use bblog_analysis::Limit;
use bblog_dissector::Micros;
use serde::Serialize;

use super::column::TopColumn;
use super::model::ConnectionLine;
use super::status::Status;
use super::table::Entry;
use crate::command::ends::JsonEnds;
use crate::event::item::Clock;

/// Prints the table, all columns as wide as they have to be.
///
/// # Errors
/// Those of `out`.
pub fn print_text(status: &Status, entries: &[Entry], out: &mut impl Write) -> io::Result<()> {
    writeln!(out, "{}", status.line())?;
    let missing = status.missing();
    if !missing.is_empty() {
        writeln!(out, "{missing}")?;
    }
    let cells: Vec<[String; TopColumn::ALL.len()]> = entries
        .iter()
        .map(|entry| TopColumn::ALL.map(|column| column.cell(&entry.name, &entry.line)))
        .collect();
    let titles = TopColumn::ALL.map(|column| column.title().to_owned());
    let rows = || std::iter::once(&titles).chain(&cells);
    let widths: Vec<usize> = (0..TopColumn::ALL.len())
        .map(|at| rows().map(|row| row[at].chars().count()).max().unwrap_or(0))
        .collect();
    for row in rows() {
        let mut text = String::new();
        for ((cell, &width), column) in row.iter().zip(&widths).zip(TopColumn::ALL) {
            let blanks = " ".repeat(width - cell.chars().count().min(width));
            match column.is_number() {
                true => text += &format!("{blanks}{cell}  "),
                false => text += &format!("{cell}{blanks}  "),
            }
        }
        writeln!(out, "{}", text.trim_end())?;
    }
    Ok(())
}

/// Prints a JSON object on one line.
///
/// # Errors
/// Those of `out`.
pub fn print_json(status: &Status, entries: &[Entry], out: &mut impl Write) -> io::Result<()> {
    serde_json::to_writer(&mut *out, &ReadingJson::of(status, entries))?;
    writeln!(out)
}

#[derive(Serialize)]
struct ReadingJson<'a> {
    input: &'a str,
    clock: Option<&'static str>,
    time_us: Option<i64>,
    ended: bool,
    events: u64,
    lost_records: u64,
    forgotten_connections: u64,
    problems: u64,
    connections: Vec<ConnectionJson<'a>>,
}

#[derive(Serialize)]
struct ConnectionJson<'a> {
    #[serde(skip_serializing_if = "Option::is_none")]
    group: Option<String>,
    members: usize,
    #[serde(flatten)]
    ends: JsonEnds<'a>,
    stack: Option<&'a str>,
    stack_inferred: bool,
    cc: Option<&'a str>,
    state: Option<&'static str>,
    ended: bool,
    last_us: i64,
    age_us: u64,
    recent: RecentJson,
    srtt_us: Option<u32>,
    min_rtt_us: Option<u32>,
    cwnd: Option<u32>,
    flight: Option<u32>,
    limit: Option<&'static str>,
    lost_us: u64,
    last_event: Option<EventJson>,
}

/// The last ten seconds.
#[derive(Serialize)]
struct RecentJson {
    duration_us: u64,
    goodput_bps: Option<u64>,
    sent_bytes: u64,
    retransmitted_bytes: u64,
    limits: Vec<StateJson>,
}

#[derive(Serialize)]
struct StateJson {
    state: &'static str,
    time_us: u64,
}

#[derive(Serialize)]
struct EventJson {
    time_us: i64,
    text: String,
}

impl<'a> ReadingJson<'a> {
    fn of(status: &'a Status, entries: &'a [Entry]) -> ReadingJson<'a> {
        let counts = status.counts;
        ReadingJson {
            input: &status.input,
            clock: counts.now.map(|(clock, _)| match clock {
                Clock::Utc => "utc",
                Clock::Uptime => "uptime",
            }),
            time_us: counts.now.map(|(_, Micros(time))| time),
            ended: status.has_ended,
            events: counts.events,
            lost_records: counts.lost,
            forgotten_connections: counts.forgotten,
            problems: status.problems.faults,
            connections: entries.iter().map(ConnectionJson::of).collect(),
        }
    }
}

impl<'a> ConnectionJson<'a> {
    fn of(entry: &'a Entry) -> ConnectionJson<'a> {
        let line = &entry.line;
        let identity = &line.identity;
        // The ends of a group are those of one of its connections.
        let ends = identity.addresses.filter(|_| entry.group.is_none());
        ConnectionJson {
            group: entry.group.as_ref().map(ToString::to_string),
            members: line.members,
            ends: JsonEnds::new(ends, identity.session, identity.log_id.as_deref()),
            stack: identity.stack.as_deref(),
            stack_inferred: identity.is_stack_inferred,
            cc: identity.cc.as_deref(),
            state: line.state,
            ended: line.is_ended,
            last_us: line.last.0,
            age_us: line.age_us,
            recent: RecentJson::of(line),
            srtt_us: line.srtt_us,
            min_rtt_us: line.min_rtt_us,
            cwnd: line.cwnd,
            flight: line.flight,
            limit: line.limit.map(Limit::name),
            lost_us: line.lost_us,
            last_event: line
                .notable
                .map(|notable| EventJson { time_us: notable.time.0, text: notable.what.to_string() }),
        }
    }
}

impl RecentJson {
    fn of(line: &ConnectionLine) -> RecentJson {
        let state = |limit: Limit| StateJson { state: limit.name(), time_us: line.recent[limit as usize] };
        let mut limits: Vec<StateJson> =
            Limit::ALL.map(state).into_iter().filter(|state| state.time_us > 0).collect();
        limits.sort_by_key(|state| std::cmp::Reverse(state.time_us));
        RecentJson {
            duration_us: line.recent_us,
            goodput_bps: line.goodput_bps,
            sent_bytes: line.bytes.sent,
            retransmitted_bytes: line.bytes.again,
            limits,
        }
    }
}
