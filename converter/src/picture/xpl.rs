// SPDX-License-Identifier: BSD-2-Clause
//! The time-sequence panel as a file for xplot, as tcptrace writes them: one plot for each connection.

use std::io::{self, Write};

use super::model::{Bars, ConnectionPicture, Panel, Series, SeriesStyle, one_line};

/// Colours of xplot for names of the palette; white for others.
const COLOURS: [(&str, &str); 9] = [
    ("acked", "green"),
    ("edge-window", "yellow"),
    ("fast", "orange"),
    ("again", "orange"),
    ("tlp", "magenta"),
    ("rto", "red"),
    ("lost", "red"),
    ("failed", "red"),
    ("sack", "purple"),
];

/// Writes the plot of one connection.
///
/// # Errors
/// What `out` gives.
pub fn write(connection: &ConnectionPicture, out: &mut dyn Write) -> io::Result<()> {
    let bars = connection.bars.iter().flat_map(|bars| &bars.ranges).map(|range| range.high as f64);
    let lines = || connection.lines.iter().filter(|line| line.panel == Panel::Sequence);
    let highest = lines().flat_map(|line| &line.points).map(|point| point.1).chain(bars).fold(0.0, f64::max);
    // xplot's unsigned numbers have 32 bits.
    let numbers = if highest <= f64::from(u32::MAX) { "unsigned" } else { "double" };
    writeln!(out, "timeval {numbers}\ntitle\n{}", one_line(&connection.title))?;
    writeln!(out, "xlabel\ntime\nylabel\nsequence number")?;
    for line in lines() {
        write_line(connection, line, out)?;
    }
    for bars in &connection.bars {
        write_bars(connection, bars, out)?;
    }
    writeln!(out, "go")
}

fn colour(id: &str) -> &'static str {
    COLOURS.iter().find(|(name, _)| *name == id).map_or("white", |(_, colour)| colour)
}

/// A time as seconds with six decimals.
struct XplTime(i64);

impl std::fmt::Display for XplTime {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        write!(f, "{}.{:06}", self.0.div_euclid(1_000_000), self.0.rem_euclid(1_000_000))
    }
}

fn write_line(connection: &ConnectionPicture, line: &Series, out: &mut dyn Write) -> io::Result<()> {
    let time = |offset: u64| XplTime(connection.origin_us.saturating_add_unsigned(offset));
    writeln!(out, "{}", colour(line.id))?;
    for (at, (start, value)) in line.points.iter().enumerate().filter(|(_, point)| !point.1.is_nan()) {
        let next = line.points.get(at + 1);
        let end = next.map_or(connection.duration_us, |next| next.0);
        match line.style {
            SeriesStyle::Step => writeln!(out, "line {} {value:.0} {} {value:.0}", time(*start), time(end))?,
            SeriesStyle::Dots => writeln!(out, "dot {} {value:.0}", time(*start))?,
        }
        if let (SeriesStyle::Step, Some((_, next))) = (line.style, next.filter(|next| !next.1.is_nan())) {
            writeln!(out, "line {} {value:.0} {} {next:.0}", time(end), time(end))?;
        }
    }
    Ok(())
}

fn write_bars(connection: &ConnectionPicture, bars: &Bars, out: &mut dyn Write) -> io::Result<()> {
    writeln!(out, "{}", colour(bars.kind))?;
    for range in &bars.ranges {
        let time = XplTime(connection.origin_us.saturating_add_unsigned(range.time));
        writeln!(out, "line {time} {} {time} {}", range.low, range.high)?;
        writeln!(out, "dtick {time} {}\nutick {time} {}", range.high, range.low)?;
    }
    Ok(())
}
