// SPDX-License-Identifier: BSD-2-Clause
//! What was looked at, and how it is.

/// How something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum State {
    /// As it should be.
    Ok,
    /// Logs come, but not for every connection or not for sure.
    Note,
    /// No logs come as long as it is like this.
    Missing,
}

/// One thing looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Item {
    /// Its name.
    pub what: &'static str,
    /// How it is.
    pub state: State,
    /// What was found.
    pub found: String,
    /// What to do.
    pub change: Option<Change>,
}

/// What to do about something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Change {
    /// A command for root's shell.
    Command(String),
    /// What no command does.
    Advice(String),
}

impl Change {
    /// Its text.
    pub fn text(&self) -> &str {
        match self {
            Change::Command(text) | Change::Advice(text) => text,
        }
    }
}

impl Item {
    /// As it should be.
    pub fn ok(what: &'static str, found: impl Into<String>) -> Item {
        Item { what, state: State::Ok, found: found.into(), change: None }
    }

    /// Not as it should be, but logs come.
    pub fn note(what: &'static str, found: impl Into<String>, change: Change) -> Item {
        Item { what, state: State::Note, found: found.into(), change: Some(change) }
    }

    /// No logs come.
    pub fn missing(what: &'static str, found: impl Into<String>, change: Change) -> Item {
        Item { what, state: State::Missing, found: found.into(), change: Some(change) }
    }
}

/// A command.
pub fn command(text: impl Into<String>) -> Change {
    Change::Command(text.into())
}

/// Advice.
pub fn advice(text: impl Into<String>) -> Change {
    Change::Advice(text.into())
}

/// Whether logs come.
pub fn is_usable(items: &[Item]) -> bool {
    items.iter().all(|item| item.state != State::Missing)
}
