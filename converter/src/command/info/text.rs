// SPDX-License-Identifier: BSD-2-Clause
//! A report as text.

use std::fmt;

use super::connection::{ConnectionReport, DirectionReport, LimitShare, Rtt};
use super::report::Report;
use bblog_dissector::counted::Counted;

/// Shows a report in lines.
pub(super) struct InfoText<'a>(pub(super) &'a Report);

impl fmt::Display for InfoText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let report = self.0;
        let what = match report.kind {
            Some("bblog") => "BBLog entries",
            Some("eventlog") => "eventlog capture (ELOG)",
            Some("pcapng") => "pcapng",
            Some(_) => "empty: a capture that saw no event",
            None => "not readable",
        };
        write!(f, "{}: {what}", report.file)?;
        if let Some(version) = report.version {
            write!(f, ", version {version}")?;
        }
        match report.compression {
            Some(compression) => writeln!(f, ", {compression}")?,
            None => writeln!(f)?,
        }
        if matches!(report.kind, Some("bblog" | "eventlog" | "pcapng")) {
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
    totals(report, f)?;
    origins(report, f)?;
    if !report.connections.is_empty() {
        writeln!(f, "  connections")?;
    }
    for connection in &report.connections {
        writeln!(f, "    {}", ConnectionText(connection))?;
        summary(connection, f)?;
    }
    more(f, report.more_connections)?;
    event_counts(report, f)
}

/// How much was read, selected, lost and dropped.
fn totals(report: &Report, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let read = report.events_read.unwrap_or(report.events);
    match report.entries {
        Some(entries) => line(f, "records", format_args!("{read} in {}", Counted(entries, "entry")))?,
        None => line(f, "events", read)?,
    }
    if let Some(read) = report.events_read {
        const OF_THESE: &str = "times, lost records, connections and counts are of these";
        line(f, "selected", format_args!("{} of {read} read; {OF_THESE}", report.events))?;
    }
    if let (Some(packets), Some(blocks)) = (report.foreign_packets, report.foreign_blocks) {
        let packets = Counted(packets, "packet");
        line(f, "others", format_args!("{packets}, {}", Counted(blocks, "block")))?;
    }
    line(f, "sections", report.sections)?;
    if let Some(time) = report.time {
        line(f, "time", time.text())?;
    }
    if let Some(lost) = report.lost_records {
        line(f, "lost", Counted(lost, "record"))?;
    }
    match report.dropped_events {
        Some(dropped) if report.more_dropped => {
            line(f, "dropped", format_args!("{} or more", Counted(dropped, "event")))?
        }
        Some(dropped) => line(f, "dropped", Counted(dropped, "event"))?,
        None if report.is_capture => line(f, "dropped", "not known: the capture was not closed")?,
        None => {}
    }
    Ok(())
}

/// What wrote the events: layout, stacks, kernels, providers.
fn origins(report: &Report, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    if let Some(layout) = report.layout {
        line(f, "layout", format_args!("{layout} (provider tcp)"))?;
    }
    for stack in &report.stacks {
        let mark = inferred(stack.inferred);
        line(
            f,
            "stack",
            format_args!("{} {}{mark}: {}", stack.id, stack.name, Counted(stack.records, "record")),
        )?;
    }
    for machine in &report.machines {
        let kernel = machine.kernel.as_deref().unwrap_or("not known, read as main");
        let mark = inferred(machine.kernel_inferred);
        line(f, "kernel", format_args!("{kernel}{mark}"))?;
        match machine.hz {
            Some(hz) => line(f, "hz", format_args!("{hz}{}", inferred(machine.hz_inferred)))?,
            None => line(f, "hz", "not known: ticks are not shown as time")?,
        }
    }
    for rate in &report.tick_rates {
        match rate.hz {
            Some(hz) => line(f, "hz", format_args!("{hz}{}", inferred(rate.hz_inferred)))?,
            None => {
                let rtts = Counted(rate.rtts, "RTT");
                line(f, "hz", format_args!("not known: {rtts} in ticks left out (--hz)"))?;
            }
        }
    }
    for provider in &report.providers {
        line(
            f,
            "provider",
            format_args!("{} {}: {}", provider.id, provider.name, Counted(provider.events, "event")),
        )?;
    }
    Ok(())
}

fn event_counts(report: &Report, f: &mut fmt::Formatter<'_>) -> fmt::Result {
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

/// What happened on a connection; what did not is left out.
fn summary(connection: &ConnectionReport, f: &mut fmt::Formatter<'_>) -> fmt::Result {
    let line = |f: &mut fmt::Formatter<'_>, key: &str, value: &dyn fmt::Display| {
        writeln!(f, "      {key:<9} {value}")
    };
    if let Some(verdict) = &connection.verdict {
        line(f, "verdict", verdict)?;
        line(f, "limits", &Shares(&connection.limits))?;
    }
    if let Some(us) = connection.duration_us {
        line(f, "duration", &format_args!("{}.{:06} s", us / 1_000_000, us % 1_000_000))?;
    }
    for (key, direction) in [("sent", &connection.sent), ("received", &connection.received)] {
        if direction.packets > 0 {
            line(f, key, &DirectionText(direction))?;
        }
    }
    for failed in &connection.failed_sends {
        line(f, "failed", &format_args!("{}: {}", Counted(failed.sends.into(), "send"), failed.error))?;
    }
    let (rtos, tlps, recoveries) = (connection.rtos, connection.tlps, connection.recoveries);
    if rtos != Some(0) || tlps != Some(0) || recoveries > 0 {
        let rtos = KnownCount(rtos.map(Into::into), "RTO", "RTOs");
        let tlps = KnownCount(tlps.map(Into::into), "TLP", "TLPs");
        let recoveries = Counted(recoveries.into(), "recovery episode");
        line(f, "loss", &format_args!("{rtos}, {tlps}, {recoveries}"))?;
    }
    if let Some(rtt) = &connection.rtt {
        line(f, "RTT", &RttText(rtt))?;
    }
    if let Some(cwnd) = connection.cwnd {
        line(f, "cwnd", &format_args!("{} to {} bytes", cwnd.min, cwnd.max))?;
    }
    let stacks = connection.stacks.iter().filter(|&stack| stack != "unknown");
    changes(f, "stack", connection.stack_changes, stacks)?;
    changes(f, "CC", connection.cc_changes, connection.cc.iter())?;
    if let Some(gaps) = connection.gaps.filter(|&gaps| gaps > 0) {
        let lost = Counted(connection.lost_records.unwrap_or_default(), "record");
        line(f, "missing", &format_args!("{lost} in {}", Counted(gaps.into(), "gap")))?;
    }
    let end = &connection.end;
    let mut parts: Vec<&str> = end.reasons.iter().map(String::as_str).collect();
    parts.extend(&end.segments);
    let state = end.state.as_ref().map(|state| format!("state {state}"));
    parts.extend(state.as_deref());
    parts.push(if end.seen { "complete" } else { "the log ends before the connection" });
    line(f, "end", &parts.join(", "))
}

/// Names in order of appearance, and how often there was a change.
fn changes<'a>(
    f: &mut fmt::Formatter<'_>,
    key: &str,
    changes: u32,
    names: impl Iterator<Item = &'a String>,
) -> fmt::Result {
    let names: Vec<&str> = names.map(String::as_str).collect();
    if names.is_empty() {
        return Ok(());
    }
    let names = names.join(", ");
    match changes {
        0 => writeln!(f, "      {key:<9} {names}"),
        _ => writeln!(f, "      {key:<9} {names} ({})", Counted(changes.into(), "change")),
    }
}

/// What follows a fact that was concluded from records.
fn inferred(is: bool) -> &'static str {
    if is { " (inferred)" } else { "" }
}

struct DirectionText<'a>(&'a DirectionReport);

impl fmt::Display for DirectionText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let DirectionReport { packets, bytes, retransmits } = *self.0;
        write!(f, "{}, {}", Counted(packets, "packet"), Counted(bytes, "byte"))?;
        if retransmits > 0 {
            write!(f, ", {}", Counted(retransmits, "retransmit"))?;
        }
        Ok(())
    }
}

/// States and their shares in the time.
struct Shares<'a>(&'a [LimitShare]);

impl fmt::Display for Shares<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.0.is_empty() {
            return f.write_str("no time");
        }
        for (at, limit) in self.0.iter().enumerate() {
            let comma = if at == 0 { "" } else { ", " };
            write!(f, "{comma}{} {:.1} %", limit.state, limit.share * 100.0)?;
        }
        Ok(())
    }
}

struct RttText<'a>(&'a Rtt);

impl fmt::Display for RttText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Rtt { min_us, avg_us, max_us, samples, kind } = *self.0;
        let ms = |us: u32| format!("{}.{:03}", us / 1000, us % 1000);
        let samples = match kind {
            "smoothed" => Counted(samples, "smoothed value"),
            _ => Counted(samples, "sample"),
        };
        write!(f, "{} / {} / {} ms (min/avg/max of {samples})", ms(min_us), ms(avg_us), ms(max_us))
    }
}

fn line(f: &mut fmt::Formatter<'_>, key: &str, value: impl fmt::Display) -> fmt::Result {
    writeln!(f, "  {key:<9} {value}")
}

fn more(f: &mut fmt::Formatter<'_>, count: u64) -> fmt::Result {
    if count > 0 { writeln!(f, "    and {count} more") } else { Ok(()) }
}

struct ConnectionText<'a>(&'a ConnectionReport);

impl fmt::Display for ConnectionText<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let connection = self.0;
        let unknown = "?".to_owned();
        let local = connection.local.as_ref().unwrap_or(&unknown);
        let remote = connection.remote.as_ref().unwrap_or(&unknown);
        let noun = if connection.session.is_some() { "event" } else { "record" };
        write!(f, "{local} - {remote}: {}", Counted(connection.events, noun))?;
        match (connection.entries, connection.session) {
            (Some(entries), _) => write!(f, " in {}", Counted(entries, "entry"))?,
            (None, Some(session)) => write!(f, ", session {session}")?,
            (None, None) => {}
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

/// A number that may not be known, and what it counts.
struct KnownCount(Option<u64>, &'static str, &'static str);

impl fmt::Display for KnownCount {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.0 {
            Some(number) => write!(f, "{}", Counted(number, self.1)),
            None => write!(f, "{} not known", self.2),
        }
    }
}
