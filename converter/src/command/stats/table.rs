// SPDX-License-Identifier: BSD-2-Clause
//! Rows of connections, sorted, as text, JSON Lines and CSV.

use std::cmp::{Ordering, Reverse};
use std::fmt;
use std::io::{self, Write};
use std::str::FromStr;

use crate::table::column::{COLUMNS, Cell, ConnectionColumn};
use crate::table::row::ConnectionRow;
use crate::text::clock_text::ClockText;
use crate::text::json::value;

/// What rows are sorted by.
#[derive(Clone, Copy)]
pub struct SortKey(&'static ConnectionColumn);

impl FromStr for SortKey {
    type Err = String;

    fn from_str(text: &str) -> Result<SortKey, String> {
        let unknown = || format!("{text}: no column is called so{}", ConnectionColumn::suggestion(text));
        ConnectionColumn::find(text).map(SortKey).ok_or_else(unknown)
    }
}

/// Sorts rows by `key`: numbers and times from the greatest to the least, text in its order, what is not known last.
/// Rows that are equal in it follow by the time lost, the duration and the id.
pub fn sort(rows: &mut [ConnectionRow], key: SortKey) {
    rows.sort_by(|a, b| {
        let rank = |row: &ConnectionRow| (Reverse((row.figures.lost_us, row.duration_us())), row.party.id);
        compare(&key.0.get(a), &key.0.get(b)).then_with(|| rank(a).cmp(&rank(b)))
    });
}

fn compare(a: &Cell<'_>, b: &Cell<'_>) -> Ordering {
    match (a, b) {
        (Cell::Text(a), Cell::Text(b)) => a.cmp(b),
        (Cell::Null, Cell::Null) => Ordering::Equal,
        (Cell::Null, _) => Ordering::Greater,
        (_, Cell::Null) => Ordering::Less,
        (a, b) => b.integer().cmp(&a.integer()),
    }
}

/// An amount of a column for people: microseconds as seconds, bits per second as Mbit/s.
pub(super) struct Amount<'a>(pub(super) &'a ConnectionColumn, pub(super) Option<i64>);

impl fmt::Display for Amount<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(amount) = self.1 else { return f.pad("-") };
        let name = self.0.name;
        if name.starts_with("rtt_") {
            f.pad(&format!("{:.3} ms", amount as f64 / 1e3))
        } else if name.ends_with("_us") {
            f.pad(&format!("{:.3} s", amount as f64 / 1e6))
        } else if name.ends_with("_bps") {
            f.pad(&format!("{:.3} Mb/s", amount as f64 / 1e6))
        } else {
            f.pad(&amount.to_string())
        }
    }
}

/// Prints rows for people, a line each, with the columns that matter most.
///
/// # Errors
/// Those of `out`.
pub fn print_text(rows: &[ConnectionRow], out: &mut impl Write) -> io::Result<()> {
    writeln!(
        out,
        "{:>10} {:>4} {:>12} {:>7} {:>5} {:>10} {:>10} {:>12} {:17} {:8} connection",
        "lost", "", "duration", "retrans", "rtos", "rtt p50", "rtt p99", "goodput", "main limit", "stack"
    )?;
    for row in rows {
        let share = row.figures.lost_share(row.duration_us());
        let share = share.map_or_else(|| "-".to_owned(), |share| format!("{:.0}%", share * 100.0));
        let [lost, duration, retransmits, rtos, rtt_p50, rtt_p99, goodput] = TEXT.map(|name| {
            ConnectionColumn::find(name)
                .map_or_else(String::new, |column| Amount(column, column.get(row).integer()).to_string())
        });
        let main = row.main_limit.map_or("-", |limit| limit.name());
        let stack = row.party.stack.as_deref().unwrap_or("?");
        write!(
            out,
            "{lost:>10} {share:>4} {duration:>12} {retransmits:>7} {rtos:>5} {rtt_p50:>10} {rtt_p99:>10} \
             {goodput:>12} {main:17} {stack:8} "
        )?;
        match row.party.addresses {
            Some((local, remote)) => write!(out, "{local} - {remote}")?,
            None => write!(out, "? - ?")?,
        }
        row.party.host.iter().try_for_each(|host| write!(out, " on {host}"))?;
        writeln!(out)?;
    }
    Ok(())
}

/// The amounts that the text shows.
const TEXT: [&str; 7] =
    ["lost_us", "duration_us", "retransmits", "rtos", "rtt_p50_us", "rtt_p99_us", "goodput_bps"];

/// Prints rows as JSON Lines, an object for each with all columns.
///
/// # Errors
/// Those of `out`.
pub fn print_json(rows: &[ConnectionRow], out: &mut impl Write) -> io::Result<()> {
    let (mut line, mut clock) = (Vec::new(), ClockText::default());
    for row in rows {
        line.clear();
        for (at, column) in COLUMNS.iter().enumerate() {
            line.push(if at == 0 { b'{' } else { b',' });
            value::string(column.name, &mut line);
            line.push(b':');
            json_cell(&column.get(row), &mut clock, &mut line);
        }
        line.extend_from_slice(b"}\n");
        out.write_all(&line)?;
    }
    Ok(())
}

/// Prints rows as comma-separated values, with a line of names first.
///
/// # Errors
/// Those of `out`.
pub fn print_csv(rows: &[ConnectionRow], out: &mut impl Write) -> io::Result<()> {
    let mut csv = csv::Writer::from_writer(out);
    csv.write_record(COLUMNS.iter().map(|column| column.name))?;
    for row in rows {
        csv.write_record(COLUMNS.iter().map(|column| text_cell(&column.get(row))))?;
    }
    csv.flush()
}

/// A value as JSON.
pub(super) fn json_cell(cell: &Cell<'_>, clock: &mut ClockText, out: &mut Vec<u8>) {
    match cell {
        Cell::Null => out.extend_from_slice(b"null"),
        Cell::Text(text) => value::string(text, out),
        Cell::Integer(number) => value::signed(*number, out),
        Cell::Bool(truth) => out.extend_from_slice(if *truth { b"true" } else { b"false" }),
        Cell::Time(time) => {
            out.push(b'"');
            clock.rfc3339(*time, out);
            out.push(b'"');
        }
    }
}

/// A value as CSV: nothing if it is not known.
pub(super) fn text_cell(cell: &Cell<'_>) -> String {
    match cell {
        Cell::Null => String::new(),
        Cell::Text(text) => text.to_string(),
        Cell::Integer(number) => number.to_string(),
        Cell::Bool(truth) => truth.to_string(),
        Cell::Time(time) => {
            let mut out = Vec::new();
            ClockText::default().rfc3339(*time, &mut out);
            String::from_utf8_lossy(&out).into_owned()
        }
    }
}
