// SPDX-License-Identifier: BSD-2-Clause
//! Tables as Rust source: statics of the types in `src/spec/`.

mod constants;
mod kinds;
mod proofs;
mod rows;
mod sentences;

use std::fmt::Write;

use crate::model::{Event, SharedRows, TableError, Tables};
use kinds::prefix;
use proofs::writers;
use rows::Emit;

/// The whole generated file.
pub fn emit(tables: &Tables) -> Result<String, TableError> {
    let mut out = String::from("// Generated from tables/ by build/main.rs.\n");
    for table in &tables.names {
        constants::name_table(&mut out, table);
    }
    constants::constants(&mut out, tables);
    constants::byte_order(&mut out, tables)?;
    constants::alert_kinds(&mut out, tables)?;
    let mut cx = Emit { tables, kinds: kinds::kinds(tables)?, next_id: 0 };
    for group in &tables.groups {
        out.push_str(&rows_of(&mut cx, group)?);
    }
    let mut events = String::new();
    for (at, event) in tables.events.iter().enumerate() {
        if event.id as usize != at + 1 {
            return Err(format!("event {} {}: ids must run from 1 without a gap", event.id, event.name));
        }
        events.push_str(&event_spec(&mut cx, event)?);
    }
    let _ =
        writeln!(out, "/// BBLog's events, by id from 1.\npub static EVENTS: &[EventSpec] = &[{events}];");
    let _ = writeln!(
        out,
        "/// How many rows there are: ids run from 0 to this, exclusive.\npub const ROWS: u32 = {};",
        cx.next_id
    );
    Ok(out)
}

/// The rows of a group, and what they prove.
fn rows_of(cx: &mut Emit<'_>, group: &SharedRows) -> Result<String, TableError> {
    let rows = cx.rows(&group.rows, &group.prefix)?;
    let name = group.name.to_uppercase();
    let mut out =
        format!("/// The rows of group `{}`.\npub static {name}: &[FieldSpec] = &[{rows}];\n", group.name);
    if group.name == "record" {
        let proofs = cx.proofs(&group.name, &group.proofs)?;
        let _ = writeln!(
            out,
            "/// What any record proves about the stack or the kernel that wrote it.\n\
             pub static RECORD_PROOFS: &[Proof] = &[{proofs}];"
        );
    } else if !group.proofs.is_empty() {
        return Err(format!("group {}: only records prove anything", group.name));
    }
    Ok(out)
}

fn event_spec(cx: &mut Emit<'_>, event: &Event) -> Result<String, TableError> {
    let rows = cx.rows(&event.rows, &prefix(event))?;
    let titles = cx.titles(event)?;
    let categories = cx.categories(event)?;
    let says = cx.sentences(event, &event.says)?;
    let beside = cx.sentences(event, &event.beside)?;
    let alerts = cx.alerts(event)?;
    let timers = cx.timers(event)?;
    let proofs = cx.proofs(&event.name, &event.proofs)?;
    let (writers, takeovers) = (writers(event), cx.takeovers(event)?);
    let former: String = event
        .former_names
        .iter()
        .map(|n| format!("FormerName {{ kernels: {}, name: {:?}, c_name: {:?} }},", n.0, n.1, n.2))
        .collect();
    Ok(format!(
        "EventSpec {{ id: {}, name: {:?}, c_name: {:?}, former_names: &[{former}], label: {:?}, notes: &{:?}, logged_by: &{:?}, \
         fields: &[{rows}], titles: &[{titles}], categories: &[{categories}], says: &[{says}], \
         beside: &[{beside}], format: &[], alerts: &[{alerts}], timers: &[{timers}], \
         proofs: &[{proofs}], writers: {writers}, takeovers: &[{takeovers}], size: 0 }},\n",
        event.id, event.name, event.c_name, event.label, event.notes, event.logged_by,
    ))
}
