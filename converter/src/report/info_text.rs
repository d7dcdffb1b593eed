//! A report for people.

use std::fmt;

use super::info::{Connection, Report};

/// Shows a report in lines.
pub(super) struct Text<'a>(pub(super) &'a Report);

impl fmt::Display for Text<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let report = self.0;
        let what = match report.kind {
            Some("bblog") => "BBLog entries",
            Some("eventlog") => "eventlog capture (ELOG)",
            Some(_) => "empty: a capture that saw no event",
            None => "not readable",
        };
        write!(f, "{}: {what}", report.file)?;
        if let Some(version) = report.version {
            write!(f, ", version {version}")?;
        }
        writeln!(f, "{}", if report.compression.is_some() { ", gzip" } else { "" })?;
        if report.version.is_some() {
            content(report, f)?;
        }
        if !report.problems.is_empty() {
            writeln!(f, "  problems")?;
        }
        for problem in &report.problems {
            writeln!(f, "    {}", problem.text)?;
        }
        more(f, report.more_problems)
    }
}

fn content(report: &Report, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    match report.entries {
        Some(entries) => {
            line(f, "records", format_args!("{} in {}", report.events, Count(entries, "entry", "entries")))?
        }
        None => line(f, "events", report.events)?,
    }
    line(f, "sections", report.sections)?;
    if let Some(time) = report.time {
        line(f, "time", time.text())?;
    }
    if let Some(lost) = report.lost_records {
        line(f, "lost", format_args!("{lost} records"))?;
    } else if let Some(dropped) = report.dropped_events {
        line(f, "dropped", format_args!("{dropped} events"))?;
    } else {
        line(f, "dropped", "not known: the capture was not closed")?;
    }
    if let Some(layout) = report.layout {
        line(f, "layout", format_args!("{layout} (provider tcp)"))?;
    }
    for stack in &report.stacks {
        line(f, "stack", format_args!("{} {}: {} records", stack.id, stack.name, stack.records))?;
    }
    for provider in &report.providers {
        line(f, "provider", format_args!("{} {}: {} events", provider.id, provider.name, provider.events))?;
    }
    if !report.connections.is_empty() {
        writeln!(f, "  connections")?;
    }
    for connection in &report.connections {
        writeln!(f, "    {}", ConnectionText(connection))?;
    }
    more(f, report.more_connections)?;
    if !report.event_counts.is_empty() {
        writeln!(f, "  events by name")?;
    }
    for event in &report.event_counts {
        let provider = event.provider.as_deref().map_or(String::new(), |provider| format!("{provider} "));
        let name = event.name.map_or(format!("?{}", event.id), str::to_owned);
        writeln!(f, "    {:>10} {provider}{name}", event.count)?;
    }
    more(f, report.other_events)
}

fn line(f: &mut fmt::Formatter<'_>, key: &str, value: impl fmt::Display) -> fmt::Result {
    writeln!(f, "  {key:<9} {value}")
}

fn more(f: &mut fmt::Formatter<'_>, count: u64) -> fmt::Result {
    if count > 0 { writeln!(f, "    and {count} more") } else { Ok(()) }
}

struct ConnectionText<'a>(&'a Connection);

impl fmt::Display for ConnectionText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let connection = self.0;
        let unknown = "?".to_owned();
        let local = connection.local.as_ref().unwrap_or(&unknown);
        let remote = connection.remote.as_ref().unwrap_or(&unknown);
        write!(f, "{local} - {remote}: {}", connection.events)?;
        match (connection.entries, connection.session) {
            (Some(entries), _) => write!(f, " records in {}", Count(entries, "entry", "entries"))?,
            (None, Some(session)) => write!(f, " events, session {session}")?,
            (None, None) => f.write_str(" events")?,
        }
        if let Some(lost) = connection.lost_records.filter(|&lost| lost > 0) {
            write!(f, ", {lost} lost")?;
        }
        for stack in connection.stacks.iter().filter(|&stack| stack != "unknown") {
            write!(f, ", {stack}")?;
        }
        if let Some(id) = &connection.log_id {
            write!(f, ", id \"{id}\"")?;
        }
        if let Some(tag) = connection.tag.as_ref().filter(|tag| !tag.is_empty()) {
            write!(f, ", tag \"{tag}\"")?;
        }
        for reason in &connection.reasons {
            write!(f, ", \"{reason}\"")?;
        }
        Ok(())
    }
}

/// A number and what it counts, in singular and plural.
struct Count(u64, &'static str, &'static str);

impl fmt::Display for Count {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {}", self.0, if self.0 == 1 { self.1 } else { self.2 })
    }
}
