// SPDX-License-Identifier: BSD-2-Clause
//! What does not belong to one event: names of values, numbers, offsets, alerts.

use std::fmt::Write;

use super::rows::UNION;
use super::sentences::category;
use crate::model::{NameTable, TableError, Tables, Type};

pub fn name_table(out: &mut String, table: &NameTable) {
    let values: String = table.values.iter().map(|(v, n)| format!("({v}, {n:?}),")).collect();
    let _ = writeln!(
        out,
        "static NAMES_{}: NameTable = NameTable {{ name: {:?}, values: &[{values}], words: &[] }};",
        table.name.to_uppercase(),
        table.name,
    );
}

/// Offsets of the members, numbers of the events, and values of the name tables that code refers to.
pub fn constants(out: &mut String, tables: &Tables) {
    let _ = writeln!(out, "/// Offsets of the record's members.\npub(crate) mod member {{");
    for (name, member) in tables.members.iter().filter(|member| member.0.starts_with("tlb_")) {
        let constant = name.to_uppercase().replace('.', "_");
        let _ = writeln!(out, "#[allow(dead_code)]\npub const {constant}: usize = {};", member.offset);
    }
    let _ = writeln!(out, "}}\n/// Numbers of BBLog's events, `tlb_eventid`.\npub mod id {{");
    for event in &tables.events {
        let (name, id) = (&event.name, event.id);
        let _ = writeln!(out, "/// `{}`: {}.\npub const {name}: u8 = {id};", event.c_name, event.label);
    }
    out.push_str("}\n");
    for (table, prefix, ty, what) in CONSTANTS {
        let _ = writeln!(out, "/// {what}\npub mod {table} {{");
        let values = tables.names.iter().filter(|names| names.name == table).flat_map(|names| &names.values);
        for (value, name) in values {
            let _ = writeln!(out, "/// `{prefix}{name}`.\npub const {name}: {ty} = {value};");
        }
        out.push_str("}\n");
    }
}

/// Where integers in the machine's byte order lie, and their sizes: of every record, and of the union by event.
pub fn byte_order(out: &mut String, tables: &Tables) -> Result<(), TableError> {
    let places = |is_wanted: &dyn Fn(&str) -> bool| -> String {
        let members = tables.members.iter().filter(|member| is_wanted(member.0));
        let integers =
            members.filter(|member| matches!(member.1.ty, Type::Unsigned(2..) | Type::Signed(2..)));
        integers.map(|(_, member)| format!("({}, {}),", member.offset, member.ty.size())).collect()
    };
    let of_record = places(&|name| name.starts_with("tlb_"));
    let _ = writeln!(out, "pub(crate) static HOST_MEMBERS: &[(u16, u8)] = &[{of_record}];");
    let _ = writeln!(
        out,
        "pub(crate) fn union_members(event_id: u8) -> &'static [(u16, u8)] {{ match event_id {{"
    );
    for event in &tables.events {
        // The union has several structures; a member is called `STRUCTURE.MEMBER` but in the common one.
        let structure = |name: &str| name.split(['.', '[']).next().unwrap_or_default().to_owned();
        let own = event.rows.iter().map(|row| &row.member.name).filter(|name| name.starts_with('u'));
        let mut structures: Vec<String> =
            own.filter(|name| name.contains(['.', '['])).map(|name| structure(name)).collect();
        structures.dedup();
        match &structures[..] {
            [] => {}
            [one] => {
                let of_union = places(&|name| structure(name) == *one && name.contains(['.', '[']));
                let _ = writeln!(out, "{} => &[{of_union}],", event.id);
            }
            more => return Err(format!("{}: members of {more:?}", event.name)),
        }
    }
    let in_union = |name: &str| tables.members.get(name).is_some_and(|member| UNION.contains(&member.offset));
    let common = places(&|name| in_union(name) && !name.contains(['.', '[']));
    let _ = writeln!(out, "_ => &[{common}] }} }}");
    Ok(())
}

/// Name tables whose values code refers to: name, prefix in C, type, what they are.
const CONSTANTS: [(&str, &str, &str, &str); 2] = [
    ("t_flags", "TF_", "u32", "Bits of `tlb_flags`."),
    ("tcp_state", "TCPS_", "i32", "Values of `tlb_state`."),
];

pub fn alert_kinds(out: &mut String, tables: &Tables) -> Result<(), TableError> {
    let _ = writeln!(out, "/// What deserves notice.\npub static ALERTS: &[AlertSpec] = &[");
    for alert in &tables.alerts {
        let severity = match alert.severity.as_str() {
            "chat" => "Chat",
            "note" => "Note",
            "warn" => "Warn",
            "error" => "Error",
            other => return Err(format!("alert {}: unknown severity {other}", alert.name)),
        };
        let group = match alert.group.as_str() {
            "sequence" => "Sequence",
            "response" => "Response",
            "protocol" => "Protocol",
            "undecoded" => "Undecoded",
            "malformed" => "Malformed",
            other => return Err(format!("alert {}: unknown group {other}", alert.name)),
        };
        let (name, label, category) = (&alert.name, &alert.label, category(&alert.category)?);
        let _ = writeln!(
            out,
            "AlertSpec {{ name: {name:?}, severity: Severity::{severity}, group: AlertGroup::{group}, category: {category}, label: {label:?} }},"
        );
    }
    out.push_str("];\n");
    Ok(())
}
