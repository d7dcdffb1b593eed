// SPDX-License-Identifier: BSD-2-Clause
//! The reference as a Markdown page: `docs/fields.md`.

use std::collections::BTreeMap;
use std::fmt::Write;

use bblog_dissector::catalog::Catalog;
use bblog_dissector::spec::{EventSpec, FormerName, NameTable, ValueNames};
use bblog_dissector::tables;

use super::ReferenceRow;

const INTRODUCTION: &str = "# Events and fields

<!-- Generated: bblog fields --markdown > docs/fields.md -->

Everything that `bblog` and the Wireshark plugin can name. A field's filter name works in Wireshark's
display filters and in those of `bblog show --filter`; its last part is its key in `bblog json`. Units are those of
the value as logged: `us` microseconds, `seq` a sequence number, `1/256` a fixed-point number with
256 for 1.0, `ticks/32` kernel ticks scaled by 32. A condition names members of the record.

";

/// The page.
pub fn markdown(catalog: &Catalog, rows: &[ReferenceRow]) -> String {
    let mut out = INTRODUCTION.to_owned();
    out.push_str("## BBLog\n\n");
    for (group, title) in [
        ("record", "Every record"),
        ("derived", "Computed from a record"),
        ("track", "Computed from a record and the one before it"),
        ("verbose", "Verbose records"),
        ("raw", "Members as logged"),
    ] {
        let _ = writeln!(out, "### {title}\n");
        bblog_table(rows.iter().filter(|row| row.log == "bblog" && row.group == group), &mut out);
    }
    for event in tables::EVENTS {
        head(event, &mut out);
        let own = |row: &&ReferenceRow| {
            row.log == "bblog" && row.group == "event" && row.event_id == Some(event.id)
        };
        bblog_table(rows.iter().filter(own), &mut out);
    }
    out.push_str("## eventlog\n\n### Every event\n\n");
    eventlog_table(rows.iter().filter(|row| row.group == "header"), &mut out);
    let mut providers: Vec<&str> = rows.iter().filter_map(|row| row.provider).collect();
    providers.dedup();
    for provider in providers {
        let _ = writeln!(out, "## eventlog: provider {provider}\n");
        let mut events: BTreeMap<(u32, &str), Vec<&ReferenceRow>> = BTreeMap::new();
        for tables in catalog.providers().iter().filter(|tables| tables.name == provider) {
            events.extend(tables.events.iter().map(|event| ((event.id, event.name), Vec::new())));
        }
        for row in rows.iter().filter(|row| row.provider == Some(provider)) {
            if let (Some(id), Some(name)) = (row.event_id, row.event) {
                events.entry((id, name)).or_default().push(row);
            }
        }
        for ((id, name), rows) in events {
            let _ = writeln!(out, "### {name} ({id})\n");
            eventlog_table(rows.into_iter(), &mut out);
        }
    }
    names(catalog, &mut out);
    out
}

fn head(event: &EventSpec, out: &mut String) {
    let _ = writeln!(out, "### {} ({})\n", event.name, event.id);
    let _ = writeln!(out, "{}. `{}`", escape(event.label), event.c_name);
    let titles: Vec<&str> = event.titles.iter().rev().map(|title| title.words).collect();
    let _ = writeln!(out, "Title: {}.", escape(&titles.join(", ")));
    if !event.logged_by.is_empty() {
        let _ = writeln!(out, "Written by: {}.", escape(&event.logged_by.join(", ")));
    }
    for FormerName { name, c_name, .. } in event.former_names {
        let _ = writeln!(out, "On older kernels: {name} (`{c_name}`).");
    }
    for note in event.notes {
        let _ = writeln!(out, "\n{}", escape(note));
    }
    out.push('\n');
}

fn bblog_table<'r>(rows: impl Iterator<Item = &'r ReferenceRow>, out: &mut String) {
    let mut first = true;
    for row in rows {
        if std::mem::take(&mut first) {
            out.push_str("| filter | type | unit, names | stack | kernel | condition | meaning | source |\n");
            out.push_str("|---|---|---|---|---|---|---|---|\n");
        }
        let condition = if row.condition.is_empty() { String::new() } else { format!("`{}`", row.condition) };
        let cells = [row.stack.as_str(), &row.kernel, &condition, row.about, row.source].map(escape);
        let _ = writeln!(out, "| `{}` | {} | {} | {} |", row.filter, row.kind, unit(row), cells.join(" | "));
    }
    out.push_str(if first { "No values of its own.\n\n" } else { "\n" });
}

fn eventlog_table<'r>(rows: impl Iterator<Item = &'r ReferenceRow>, out: &mut String) {
    let mut first = true;
    for row in rows {
        if std::mem::take(&mut first) {
            out.push_str(
                "| filter | type | unit, names | layouts | offset | meaning |\n|---|---|---|---|---|---|\n",
            );
        }
        let cells = [&row.layouts.join(" "), row.place.as_str(), row.about].map(escape);
        let _ = writeln!(out, "| `{}` | {} | {} | {} |", row.filter, row.kind, unit(row), cells.join(" | "));
    }
    out.push_str(if first { "No values.\n\n" } else { "\n" });
}

/// The unit, or a link to the names of the values.
fn unit(row: &ReferenceRow) -> String {
    match row.names.split_once(':') {
        Some((_, name)) => format!("[{}](#names-{})", row.names, anchor(name)),
        None => row.unit.to_owned(),
    }
}

/// Every table of names that a row uses, once.
fn names(catalog: &Catalog, out: &mut String) {
    let mut all: BTreeMap<&str, Vec<&'static NameTable>> = BTreeMap::new();
    for row in catalog.rows() {
        if let ValueNames::Enum(table) | ValueNames::Flags(table) = row.names {
            let same = all.entry(table.name).or_default();
            if same.iter().all(|have| have.values != table.values) {
                same.push(table);
            }
        }
    }
    out.push_str("## Names of values\n\n");
    for (name, tables) in all {
        for table in tables {
            let _ = writeln!(out, "### Names: {name}\n\n| value | name |\n|---|---|");
            for (value, name) in table.values {
                let _ = writeln!(out, "| {value} | {} |", escape(name));
            }
            out.push('\n');
        }
    }
}

fn anchor(name: &str) -> String {
    name.to_lowercase()
}

/// Text in a cell.
fn escape(text: &str) -> String {
    text.replace('\\', "\\\\").replace('|', "\\|").replace('<', "&lt;").replace('\n', " ")
}
