// SPDX-License-Identifier: BSD-2-Clause
//! What was looked at, as text and as JSON.

use bblog_pcapng::escape::OneLine;
use serde_json::json;

use crate::process::check::item::{Change, Item, State, is_usable};

/// For people: each thing looked at, then the commands that change them, to be pasted.
pub fn text(common: &[Item], bblog: &[Item], eventlog: &[Item]) -> String {
    let mut text = String::new();
    for (title, items) in [("bblogd", common), ("BBLog", bblog), ("eventlog", eventlog)] {
        let verdict = match title {
            "bblogd" => "",
            _ => verdict(items),
        };
        text.push_str(&format!("{title}{verdict}\n"));
        for item in items {
            let mark = match item.state {
                State::Ok => "ok     ",
                State::Note => "note   ",
                State::Missing => "missing",
            };
            text.push_str(&format!("  {mark}  {}: {}\n", item.what, OneLine(&item.found)));
            if let Some(Change::Advice(advice)) = &item.change {
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
fn verdict(items: &[Item]) -> &'static str {
    let is_command =
        |item: &&Item| item.state == State::Note && matches!(item.change, Some(Change::Command(_)));
    match (is_usable(items), items.iter().find(is_command)) {
        (true, None) => ": every new connection logs",
        (true, Some(_)) => ": ready, but not every new connection logs",
        (false, _) => ": no logs on this system",
    }
}

fn commands(title: &str, items: &[Item]) -> String {
    // Without a device no setting helps.
    let is_hopeless =
        |item: &Item| item.state == State::Missing && matches!(item.change, Some(Change::Advice(_)));
    let commands: Vec<_> = items
        .iter()
        .filter_map(|item| match &item.change {
            Some(Change::Command(command)) => Some(format!("    {}\n", OneLine(command))),
            _ => None,
        })
        .collect();
    if commands.is_empty() || items.iter().any(is_hopeless) {
        return String::new();
    }
    format!("\n{title}:\n\n{}", commands.concat())
}

/// For programs: the same as one JSON object.
pub fn json_text(common: &[Item], bblog: &[Item], eventlog: &[Item]) -> String {
    let list = |items: &[Item]| -> Vec<serde_json::Value> {
        let state = |item: &Item| match item.state {
            State::Ok => "ok",
            State::Note => "note",
            State::Missing => "missing",
        };
        let one = |item: &Item| {
            let change = item.change.as_ref().map(Change::text);
            let is_command = matches!(item.change, Some(Change::Command(_)));
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
    format!("{all}\n")
}
