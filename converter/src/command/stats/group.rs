// SPDX-License-Identifier: BSD-2-Clause
//! Connections in groups, with counts and percentiles of each.

use std::collections::BTreeMap;
use std::fmt;
use std::io::{self, Write};
use std::net::IpAddr;
use std::str::FromStr;

use bblog_dissector::counted::Counted;

use super::sketch::{Sketch, Spread};
use super::table::{Amount, json_cell, text_cell};
use crate::table::column::{COLUMNS, Cell, ConnectionColumn};
use crate::table::row::ConnectionRow;
use crate::text::clock_text::ClockText;
use crate::text::json::value;

/// What connections are grouped by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct GroupKey {
    what: GroupBy,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum GroupBy {
    /// The value of the column with this number.
    Column(usize),
    /// The network of an address: its column, and the bits of an IPv4 one. Of IPv6 it is twice as many.
    Network(usize, u8),
    /// The day on which it began, UTC.
    Date,
}

/// Keys, as `--group-by` has them: `stack,remote/24`.
#[derive(Clone, Debug, Default)]
pub struct GroupKeys(Vec<GroupKey>);

impl FromStr for GroupKeys {
    type Err = String;

    fn from_str(text: &str) -> Result<GroupKeys, String> {
        text.split(',').map(str::trim).map(GroupKey::from_str).collect::<Result<_, _>>().map(GroupKeys)
    }
}

impl FromStr for GroupKey {
    type Err = String;

    fn from_str(text: &str) -> Result<GroupKey, String> {
        if text == "date" {
            return Ok(GroupKey { what: GroupBy::Date });
        }
        let (name, bits) = match text.split_once('/') {
            Some((name, bits)) => (name, Some(bits)),
            None => (text, None),
        };
        let at = COLUMNS.iter().position(|column| column.name == name);
        let at = at.ok_or_else(|| {
            let suggestion = ConnectionColumn::suggestion(name);
            format!("{name}: expected date, remote/24 or a column, such as stack{suggestion}")
        })?;
        let what = match bits {
            None => GroupBy::Column(at),
            Some(_) if !matches!(name, "local" | "remote") => {
                return Err(format!("{text}: expected local or remote before /"));
            }
            Some(bits) => match bits.parse() {
                Ok(bits @ 0..=32) => GroupBy::Network(at, bits),
                _ => return Err(format!("{text}: expected 0 to 32 bits after /")),
            },
        };
        Ok(GroupKey { what })
    }
}

impl fmt::Display for GroupKey {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.what {
            GroupBy::Column(at) => f.write_str(COLUMNS[at].name),
            GroupBy::Network(at, bits) => write!(f, "{}/{bits}", COLUMNS[at].name),
            GroupBy::Date => f.write_str("date"),
        }
    }
}

/// The value of a key, in the order that groups are shown in: numbers by size, what is not known last.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum KeyValue {
    Number(i64),
    Text(String),
    Unknown,
}

impl GroupKey {
    fn of(self, row: &ConnectionRow) -> KeyValue {
        let text = |text: Option<String>| text.map_or(KeyValue::Unknown, KeyValue::Text);
        match self.what {
            GroupBy::Column(at) => match (COLUMNS[at].get(row), COLUMNS[at].kind) {
                (Cell::Null, _) => KeyValue::Unknown,
                (Cell::Integer(number), _) => KeyValue::Number(number),
                (cell, _) => KeyValue::Text(text_cell(&cell)),
            },
            GroupBy::Network(at, bits) => {
                let ends = row.party.addresses;
                let end = ends.map(|ends| if COLUMNS[at].name == "local" { ends.0 } else { ends.1 });
                text(end.map(|end| network(end.ip(), bits)))
            }
            GroupBy::Date => text(date(row)),
        }
    }
}

/// The day on which a connection began, UTC; `None` if its log does not have the time of day.
pub fn date(row: &ConnectionRow) -> Option<String> {
    if row.party.is_uptime {
        return None;
    }
    let mut out = Vec::new();
    ClockText::default().rfc3339(row.first, &mut out);
    let text = String::from_utf8(out).ok()?;
    text.split_once('T').map(|(date, _)| date.to_owned())
}

/// The network of an address: `192.0.2.0/24`, and of IPv6 twice as many bits: `2001:db8::/48`.
fn network(address: IpAddr, bits: u8) -> String {
    match address.to_canonical() {
        IpAddr::V4(v4) => {
            let mask = u32::MAX.checked_shl(32 - u32::from(bits)).unwrap_or(0);
            format!("{}/{bits}", std::net::Ipv4Addr::from(u32::from(v4) & mask))
        }
        IpAddr::V6(v6) => {
            let bits = 2 * u32::from(bits);
            let mask = u128::MAX.checked_shl(128 - bits).unwrap_or(0);
            format!("{}/{bits}", std::net::Ipv6Addr::from(u128::from(v6) & mask))
        }
    }
}

/// Connections in groups.
#[derive(Default)]
pub struct Groups {
    keys: GroupKeys,
    groups: BTreeMap<Vec<KeyValue>, GroupTotals>,
}

/// The connections of a group.
#[derive(Clone, Default)]
pub(super) struct GroupTotals {
    pub(super) connections: u64,
    /// By the number of the column; none for columns without amounts.
    sketches: Vec<Sketch>,
}

impl GroupTotals {
    fn add(&mut self, row: &ConnectionRow) {
        self.connections += 1;
        if self.sketches.is_empty() {
            self.sketches = amounts().map(|_| Sketch::default()).collect();
        }
        for (column, sketch) in amounts().zip(&mut self.sketches) {
            if let Cell::Integer(amount) = column.get(row) {
                sketch.add(amount);
            }
        }
    }

    /// The spread of each column with amounts.
    pub(super) fn spreads(&self) -> impl Iterator<Item = (&'static ConnectionColumn, Spread)> {
        let empty = self.sketches.is_empty().then(Sketch::default);
        let sketches: Vec<Spread> = match empty {
            Some(empty) => amounts().map(|_| empty.spread()).collect(),
            None => self.sketches.iter().map(Sketch::spread).collect(),
        };
        amounts().zip(sketches)
    }
}

/// The columns with amounts.
pub(super) fn amounts() -> impl Iterator<Item = &'static ConnectionColumn> {
    COLUMNS.iter().filter(|column| column.is_amount())
}

/// Columns that the text shows.
pub(super) const SHOWN: [&str; 9] = [
    "duration_us",
    "lost_us",
    "longest_stall_us",
    "retransmits",
    "rtos",
    "rtt_min_us",
    "rtt_p50_us",
    "rtt_p99_us",
    "goodput_bps",
];

impl Groups {
    /// The groups of connections by `keys`.
    pub fn of<'a>(keys: GroupKeys, rows: impl IntoIterator<Item = &'a ConnectionRow>) -> Groups {
        let mut groups = Groups { keys, groups: BTreeMap::new() };
        for row in rows {
            let of = groups.keys.0.iter().map(|key| key.of(row)).collect();
            groups.groups.entry(of).or_default().add(row);
        }
        groups
    }

    /// The groups of two sets side by side; a group that one set does not have is empty there.
    pub(super) fn pairs(&self, other: &Groups) -> Vec<(String, GroupTotals, GroupTotals)> {
        let mut all: Vec<&Vec<KeyValue>> = self.groups.keys().chain(other.groups.keys()).collect();
        all.sort();
        all.dedup();
        let get = |groups: &Groups, of: &Vec<KeyValue>| groups.groups.get(of).cloned().unwrap_or_default();
        all.into_iter().map(|of| (self.title(of), get(self, of), get(other, of))).collect()
    }

    /// `stack=rack date=2026-11-29`
    fn title(&self, of: &[KeyValue]) -> String {
        let title = |(key, value): (&GroupKey, &KeyValue)| format!("{key}={}", value.text());
        self.keys.0.iter().zip(of).map(title).collect::<Vec<_>>().join(" ")
    }

    /// Prints them for people.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn print_text(&self, out: &mut impl Write) -> io::Result<()> {
        for (at, (of, group)) in self.groups.iter().enumerate() {
            if at > 0 {
                writeln!(out)?;
            }
            writeln!(out, "{}: {}", self.title(of), Counted(group.connections, "connection"))?;
            writeln!(out, "  {:18} {:>8} {:>12} {:>12} {:>12}", "", "known", "p50", "p95", "p99")?;
            for (column, spread) in group.spreads().filter(|(column, _)| SHOWN.contains(&column.name)) {
                let [p50, p95, p99] =
                    [spread.p50, spread.p95, spread.p99].map(|value| Amount(column, value).to_string());
                let name = column.name;
                writeln!(out, "  {name:18} {:>8} {p50:>12} {p95:>12} {p99:>12}", spread.known)?;
            }
        }
        Ok(())
    }

    /// Prints them as JSON Lines, an object for each group.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn print_json(&self, out: &mut impl Write) -> io::Result<()> {
        let mut line = Vec::new();
        for (of, group) in &self.groups {
            line.clear();
            line.push(b'{');
            for (key, of) in self.keys.0.iter().zip(of) {
                value::string(&key.to_string(), &mut line);
                line.push(b':');
                of.json(&mut line);
                line.push(b',');
            }
            line.extend_from_slice(b"\"connections\":");
            value::unsigned(group.connections, &mut line);
            for (column, spread) in group.spreads() {
                line.push(b',');
                value::string(column.name, &mut line);
                line.push(b':');
                serde_json::to_writer(&mut line, &spread)?;
            }
            line.extend_from_slice(b"}\n");
            out.write_all(&line)?;
        }
        Ok(())
    }

    /// Prints them as comma-separated values, a line for each group.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn print_csv(&self, out: &mut impl Write) -> io::Result<()> {
        let mut csv = csv::Writer::from_writer(out);
        let names = self.keys.0.iter().map(GroupKey::to_string).chain(["connections".to_owned()]);
        let figures = amounts().flat_map(|column| {
            ["known", "sum", "p50", "p95", "p99"].map(|figure| format!("{}_{figure}", column.name))
        });
        csv.write_record(names.chain(figures))?;
        for (of, group) in &self.groups {
            let values = of.iter().map(KeyValue::cell).chain([group.connections.to_string()]);
            let spreads = group.spreads().flat_map(|(_, spread)| {
                let number = |number: Option<i64>| number.map_or(String::new(), |number| number.to_string());
                let Spread { known, sum, p50, p95, p99 } = spread;
                [known.to_string(), number(sum), number(p50), number(p95), number(p99)]
            });
            csv.write_record(values.chain(spreads))?;
        }
        csv.flush()
    }
}

impl KeyValue {
    fn text(&self) -> String {
        match self {
            KeyValue::Unknown => "?".to_owned(),
            known => known.cell(),
        }
    }

    /// As CSV has it.
    fn cell(&self) -> String {
        match self {
            KeyValue::Number(number) => number.to_string(),
            KeyValue::Text(text) => text.clone(),
            KeyValue::Unknown => String::new(),
        }
    }

    fn json(&self, out: &mut Vec<u8>) {
        let cell = match self {
            KeyValue::Number(number) => Cell::Integer(*number),
            KeyValue::Text(text) => Cell::Text(text.into()),
            KeyValue::Unknown => Cell::Null,
        };
        json_cell(&cell, &mut ClockText::default(), out);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn keys() {
        let keys: GroupKeys = "stack,cc,local_port,remote/24,host,date,main_limit".parse().unwrap();
        let names: Vec<String> = keys.0.iter().map(GroupKey::to_string).collect();
        assert_eq!(names.join(","), "stack,cc,local_port,remote/24,host,date,main_limit");
        for wrong in ["", "stacks", "remote/33", "remote/x", "stack/24", "date/2"] {
            assert!(wrong.parse::<GroupKeys>().is_err(), "{wrong}");
        }
    }

    #[test]
    fn networks() {
        assert_eq!(network("192.0.2.7".parse().unwrap(), 24), "192.0.2.0/24");
        assert_eq!(network("::ffff:192.0.2.7".parse().unwrap(), 24), "192.0.2.0/24");
        assert_eq!(network("192.0.2.7".parse().unwrap(), 0), "0.0.0.0/0");
        assert_eq!(network("192.0.2.7".parse().unwrap(), 32), "192.0.2.7/32");
        assert_eq!(network("2001:db8:1:2::3".parse().unwrap(), 24), "2001:db8:1::/48");
        assert_eq!(network("2001:db8:1:2::3".parse().unwrap(), 0), "::/0");
    }
}
