// SPDX-License-Identifier: BSD-2-Clause
//! One event, or a few, as a page for people: what it is, what logs it and when, its values.

use std::fmt::Write;

use bblog_dissector::catalog::Catalog;
use bblog_dissector::layout::Layout;
use bblog_dissector::spec::{EventSpec, FieldSpec, NameTable, ValueNames};
use bblog_dissector::tables;

use super::row::{ReferenceRow, when};

/// Columns of a field's name.
const NAME: usize = 34;
/// Columns of a unit.
const UNIT: usize = 8;
/// Values of an enumeration that are shown with a field.
const VALUES: usize = 12;

/// Whether the event called `name` is meant: a name in either case, `*` for any letters.
pub fn matches(pattern: &str, name: &str) -> bool {
    fn rest(pattern: &[u8], name: &[u8]) -> bool {
        match pattern.split_first() {
            None => name.is_empty(),
            Some((b'*', after)) => (0..=name.len()).any(|at| rest(after, &name[at..])),
            Some((letter, after)) => name
                .split_first()
                .is_some_and(|(have, name)| have.eq_ignore_ascii_case(letter) && rest(after, name)),
        }
    }
    // Each star is worth as much as several.
    let mut short = pattern.to_owned();
    while short.contains("**") {
        short = short.replace("**", "*");
    }
    rest(short.as_bytes(), name.as_bytes())
}

/// The rows of the events and fields that `pattern` means.
pub fn only(rows: Vec<ReferenceRow>, pattern: &str) -> Vec<ReferenceRow> {
    let meant = |row: &ReferenceRow| {
        row.event.is_some_and(|event| matches(pattern, event)) || matches(pattern, row.filter)
    };
    rows.into_iter().filter(meant).collect()
}

/// The events that `pattern` means, each as a page; empty if there is none.
pub fn events(catalog: &Catalog, pattern: &str) -> String {
    let mut pages: Vec<(Vec<String>, String)> = Vec::new();
    for event in tables::EVENTS {
        let former = event.former_names.iter().any(|former| matches(pattern, former.name));
        if former || matches(pattern, event.name) {
            pages.push((vec![format!("{} (BBLog, number {})", event.name, event.id)], page(event)));
        }
    }
    for provider in catalog.providers() {
        for event in provider.events.iter().filter(|event| matches(pattern, event.name)) {
            let head = format!("{} (eventlog, provider {}, number {})", event.name, provider.name, event.id);
            let layout = provider.layout.map(|layout| format!("layout {}", Layout::name(layout)));
            let page = page(event);
            match pages.iter_mut().find(|have| have.0[0] == head && have.1 == page) {
                // Several layouts have it alike.
                Some(have) => have.0.extend(layout),
                None => pages.push(([head].into_iter().chain(layout).collect(), page)),
            }
        }
    }
    let pages: Vec<String> =
        pages.into_iter().map(|(heads, page)| format!("{}\n{page}", heads.join(", "))).collect();
    pages.join("\n")
}

fn page(event: &EventSpec) -> String {
    let mut page = String::new();
    let out = &mut page;
    let titles: Vec<&str> = event.titles.iter().rev().map(|title| title.words).collect();
    if !titles.is_empty() {
        let _ = writeln!(out, "    title: {}", titles.join(", "));
    }
    let mut categories: Vec<&str> = event.categories.iter().rev().map(|own| own.category.word()).collect();
    categories.dedup();
    if !categories.is_empty() {
        let _ = writeln!(out, "    category: {}", categories.join(", "));
    }
    if !event.label.is_empty() {
        let _ = writeln!(out, "    {}", event.label);
    }
    if event.c_name != event.name {
        let _ = writeln!(out, "    {} in FreeBSD's sources", event.c_name);
    }
    for former in event.former_names {
        let _ = writeln!(out, "    {} ({}) in older kernels", former.name, former.c_name);
    }
    if !event.logged_by.is_empty() {
        let _ = writeln!(out, "    logged by: {}", event.logged_by.join(", "));
    }
    for note in event.notes {
        let _ = writeln!(out, "    note: {note}");
    }
    values(event, out);
    page
}

/// The event's values, those of one condition under it.
fn values(event: &EventSpec, out: &mut String) {
    let mut last = None;
    for spec in event.fields.iter().filter(|spec| !spec.common) {
        let when = when(spec);
        if last.as_ref() != Some(&when) {
            let _ = writeln!(
                out,
                "  values{}:",
                if when.is_empty() { String::new() } else { format!(", {when}") }
            );
            last = Some(when);
        }
        value(spec, out);
    }
    let mut common: Vec<&str> =
        event.fields.iter().filter(|spec| spec.common).map(|spec| spec.filter).collect();
    common.sort_unstable();
    common.dedup();
    if !common.is_empty() {
        let _ = writeln!(out, "  values that other events have too:");
        for name in common {
            let _ = writeln!(out, "    {name}");
        }
    }
}

fn value(spec: &FieldSpec, out: &mut String) {
    let unit = match spec.unit.word() {
        "-" => "",
        word => word,
    };
    let _ = writeln!(out, "    {:NAME$} {unit:UNIT$} {}", spec.filter, spec.label);
    let (ValueNames::Enum(table) | ValueNames::Flags(table)) = spec.names else { return };
    names(table, out);
}

fn names(table: &NameTable, out: &mut String) {
    for (value, name) in table.values.iter().take(VALUES) {
        let _ = writeln!(out, "    {:NAME$} {:UNIT$}   {value} {name}", "", "");
    }
    if table.values.len() > VALUES {
        let more = table.values.len() - VALUES;
        let _ = writeln!(out, "    {:NAME$} {:UNIT$}   and {more} more: {}", "", "", table.name);
    }
}

#[cfg(test)]
mod tests {
    use super::matches;

    #[test]
    fn patterns() {
        for (pattern, name, is) in [
            ("timerstar", "TIMERSTAR", true),
            ("TIMER", "TIMERSTAR", false),
            ("timer*", "TIMERSTAR", true),
            ("*star", "TIMERSTAR", true),
            ("t*s*r", "TIMERSTAR", true),
            ("t*x*r", "TIMERSTAR", false),
            ("*", "", true),
            ("", "", true),
            ("", "A", false),
            ("***************a", "bbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbbb", false),
        ] {
            assert_eq!(matches(pattern, name), is, "{pattern} {name}");
        }
    }
}
