// SPDX-License-Identifier: BSD-2-Clause
//! Two sets of connections side by side.

use std::io::{self, Write};

use serde::Serialize;

use super::group::{GroupTotals, Groups, SHOWN};
use super::sketch::Spread;
use super::table::Amount;
use crate::table::column::ConnectionColumn;

/// Two sets of connections, in the same groups.
pub struct Comparison {
    pairs: Vec<(String, GroupTotals, GroupTotals)>,
    names: [String; 2],
}

/// A line of `--compare --json`.
#[derive(Serialize)]
struct CompareLine<'a> {
    group: &'a str,
    column: &'a str,
    a: Spread,
    b: Spread,
    difference: Difference,
}

/// b - a.
#[derive(Serialize)]
struct Difference {
    known: i64,
    p50: Option<i64>,
    p95: Option<i64>,
    p99: Option<i64>,
}

impl Difference {
    fn of(a: Spread, b: Spread) -> Difference {
        let minus = |a: Option<i64>, b: Option<i64>| b?.checked_sub(a?);
        Difference {
            known: b.known as i64 - a.known as i64,
            p50: minus(a.p50, b.p50),
            p95: minus(a.p95, b.p95),
            p99: minus(a.p99, b.p99),
        }
    }
}

impl Comparison {
    /// Compares the set `a` with the set `b`; both have the same keys.
    pub fn new(names: [String; 2], a: &Groups, b: &Groups) -> Comparison {
        Comparison { pairs: a.pairs(b), names }
    }

    /// Prints it for people: percentiles of both and the difference, b - a.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn print_text(&self, out: &mut impl Write) -> io::Result<()> {
        writeln!(out, "a: {}", self.names[0])?;
        writeln!(out, "b: {}", self.names[1])?;
        for (title, a, b) in &self.pairs {
            writeln!(out)?;
            let colon = if title.is_empty() { "" } else { ": " };
            writeln!(out, "{title}{colon}{} and {} connections", a.connections, b.connections)?;
            writeln!(out, "  {:18} {:4} {:>14} {:>14} {:>14}", "", "", "a", "b", "b - a")?;
            for (column, a, b) in columns(a, b).filter(|(column, ..)| SHOWN.contains(&column.name)) {
                let difference = Difference::of(a, b);
                for (percent, a, b, minus) in [
                    ("p50", a.p50, b.p50, difference.p50),
                    ("p95", a.p95, b.p95, difference.p95),
                    ("p99", a.p99, b.p99, difference.p99),
                ] {
                    let name = if percent == "p50" { column.name } else { "" };
                    let [a, b, minus] = [a, b, minus].map(|value| Amount(column, value).to_string());
                    writeln!(out, "  {name:18} {percent:4} {a:>14} {b:>14} {minus:>14}")?;
                }
            }
        }
        Ok(())
    }

    /// Prints it as JSON Lines, an object for each group and column.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn print_json(&self, out: &mut impl Write) -> io::Result<()> {
        for (group, a, b) in &self.pairs {
            for (column, a, b) in columns(a, b) {
                let difference = Difference::of(a, b);
                let line = CompareLine { group, column: column.name, a, b, difference };
                serde_json::to_writer(&mut *out, &line)?;
                writeln!(out)?;
            }
        }
        Ok(())
    }

    /// Prints it as comma-separated values, a line for each group and column.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn print_csv(&self, out: &mut impl Write) -> io::Result<()> {
        let mut csv = csv::Writer::from_writer(out);
        let figures = ["known", "p50", "p95", "p99"];
        let names = ["a", "b", "difference"].iter().flat_map(|set| figures.map(|of| format!("{set}_{of}")));
        csv.write_record(["group".to_owned(), "column".to_owned()].into_iter().chain(names))?;
        for (group, a, b) in &self.pairs {
            for (column, a, b) in columns(a, b) {
                let number = |number: Option<i64>| number.map_or(String::new(), |number| number.to_string());
                let spread =
                    |of: Spread| [of.known.to_string(), number(of.p50), number(of.p95), number(of.p99)];
                let Difference { known, p50, p95, p99 } = Difference::of(a, b);
                let difference = [known.to_string(), number(p50), number(p95), number(p99)];
                let head = [group.clone(), column.name.to_owned()];
                csv.write_record(head.into_iter().chain(spread(a)).chain(spread(b)).chain(difference))?;
            }
        }
        csv.flush()
    }
}

/// The columns with the spreads of both sets.
fn columns(
    a: &GroupTotals,
    b: &GroupTotals,
) -> impl Iterator<Item = (&'static ConnectionColumn, Spread, Spread)> {
    a.spreads().zip(b.spreads()).map(|((column, a), (_, b))| (column, a, b))
}
