// SPDX-License-Identifier: BSD-2-Clause
//! What was looked at, as text and as JSON.

use bblog_pcapng::escape::{OneLine, PrintableJson};
use serde_json::json;

use crate::process::check::item::{CheckState, CheckedItem, Remedy, is_usable};

/// For people: each thing looked at, then the commands that change them, to be pasted.
pub fn text(common: &[CheckedItem], bblog: &[CheckedItem], eventlog: &[CheckedItem]) -> String {
    let mut text = String::new();
    for (title, items) in [("bblogd", common), ("BBLog", bblog), ("eventlog", eventlog)] {
        let verdict = match title {
            "bblogd" => "",
            _ => verdict(items),
        };
        text.push_str(&format!("{title}{verdict}\n"));
        for item in items {
            let mark = match item.state {
                CheckState::Ok => "ok     ",
                CheckState::Note => "note   ",
                CheckState::Missing => "missing",
            };
            text.push_str(&format!("  {mark}  {}: {}\n", item.what, OneLine(&item.found)));
            if let Some(Remedy::Advice(advice)) = &item.change {
                text.push_str(&format!("           to change it: {}\n", OneLine(advice)));
            }
        }
    }
    text.push_str(&commands("To prepare the user and the folder", common));
    text.push_str(&commands("To log every new connection with BBLog", bblog));
    text.push_str(&commands("To log every new connection with eventlog", eventlog));
    text
}

/// Whether logs come, and without a program that requests them.
fn verdict(items: &[CheckedItem]) -> &'static str {
    let is_command = |item: &&CheckedItem| {
        item.state == CheckState::Note && matches!(item.change, Some(Remedy::Command(_)))
    };
    match (is_usable(items), items.iter().find(is_command)) {
        (true, None) => ": every new connection logs",
        (true, Some(_)) => ": ready, but not every new connection logs",
        (false, _) => ": no logs on this system",
    }
}

fn commands(title: &str, items: &[CheckedItem]) -> String {
    // Without a device no setting helps.
    let is_hopeless = |item: &CheckedItem| {
        item.state == CheckState::Missing && matches!(item.change, Some(Remedy::Advice(_)))
    };
    let commands: Vec<_> = items
        .iter()
        .filter_map(|item| match &item.change {
            Some(Remedy::Command(command)) => Some(format!("    {}\n", OneLine(command))),
            _ => None,
        })
        .collect();
    if commands.is_empty() || items.iter().any(is_hopeless) {
        return String::new();
    }
    format!("\n{title}:\n\n{}", commands.concat())
}

/// For programs: the same as one JSON object.
pub fn json_text(common: &[CheckedItem], bblog: &[CheckedItem], eventlog: &[CheckedItem]) -> String {
    let list = |items: &[CheckedItem]| -> Vec<serde_json::Value> {
        let state = |item: &CheckedItem| match item.state {
            CheckState::Ok => "ok",
            CheckState::Note => "note",
            CheckState::Missing => "missing",
        };
        let one = |item: &CheckedItem| {
            let change = item.change.as_ref().map(Remedy::text);
            let is_command = matches!(item.change, Some(Remedy::Command(_)));
            json!({
                "what": item.what,
                "state": state(item),
                "found": item.found,
                "change": change,
                "is_command": is_command,
            })
        };
        items.iter().map(one).collect()
    };
    let all = json!({
        "bblogd": list(common),
        "bblog": {"usable": is_usable(bblog), "items": list(bblog)},
        "eventlog": {"usable": is_usable(eventlog), "items": list(eventlog)},
    });
    format!("{}\n", PrintableJson(&all.to_string()))
}
