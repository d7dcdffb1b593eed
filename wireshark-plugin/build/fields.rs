// SPDX-License-Identifier: GPL-2.0-or-later
//! The built-in rows and alerts as static data, so that Wireshark starts fast.

#[allow(dead_code)]
#[path = "../src/registry/describe.rs"]
mod describe;

use std::collections::BTreeMap;
use std::fmt::Write;

use bblog_dissector::catalog::Catalog;
use bblog_dissector::tables;

use describe::Description;

/// Rust: `ROWS`, `ALERTS`, and the names of values that rows refer to.
pub fn generated() -> String {
    let rows: Vec<Description> = Catalog::builtin().rows().iter().map(|row| Description::of(row)).collect();
    // Many rows have the same names.
    let mut tables_of_names = BTreeMap::new();
    let mut out = String::new();
    for row in rows.iter().filter(|row| !row.names.is_empty()) {
        let next = tables_of_names.len();
        tables_of_names.entry(row.names).or_insert(next);
    }
    for (names, number) in &tables_of_names {
        let len = names.len();
        let _ = writeln!(out, "static NAMES_{number}: Leaked<[ffi::bblog_name; {len}]> = Leaked([");
        for (value, name) in *names {
            let _ = writeln!(
                out,
                "    ffi::bblog_name {{ value: {}, text: c{name:?}.as_ptr() }},",
                *value as u64
            );
        }
        out.push_str("]);\n");
    }
    let _ = writeln!(
        out,
        "/// The built-in rows, by id.\nstatic ROWS: Leaked<[ffi::bblog_field; {}]> = Leaked([",
        rows.len()
    );
    for row in &rows {
        let names = match tables_of_names.get(row.names) {
            Some(number) => format!("&NAMES_{number}.0"),
            None => "&[]".to_owned(),
        };
        let _ = writeln!(
            out,
            "    row((c{:?}, c{:?}, c{:?}), {names}, (FieldType::{:?}, Base::{:?}), {}, {}),",
            row.name, row.filter, row.label, row.kind, row.base, row.is_shared, row.is_flags,
        );
    }
    let alerts = tables::ALERTS;
    let _ = writeln!(
        out,
        "]);\n/// The alerts, in the tables' order.\nstatic ALERTS: Leaked<[ffi::bblog_alert_kind; {}]> = Leaked([",
        alerts.len()
    );
    for alert in alerts {
        let _ = writeln!(
            out,
            "    alert(c{:?}, c{:?}, Severity::{:?}, AlertGroup::{:?}),",
            format!("bblog.expert.{}", alert.name),
            alert.label,
            alert.severity,
            alert.group,
        );
    }
    out.push_str("]);\n");
    out
}
