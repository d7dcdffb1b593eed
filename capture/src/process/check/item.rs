// SPDX-License-Identifier: BSD-2-Clause
//! What was looked at, and how it is.

/// How something is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CheckState {
    /// As it should be.
    Ok,
    /// Logs come, but not for every connection or not for sure.
    Note,
    /// No logs come as long as it is like this.
    Missing,
}

/// One thing looked at.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CheckedItem {
    /// Its name.
    pub what: &'static str,
    /// How it is.
    pub state: CheckState,
    /// What was found.
    pub found: String,
    /// What to do.
    pub change: Option<Remedy>,
}

/// What to do about something.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Remedy {
    /// A command for root's shell.
    Command(String),
    /// What no command does.
    Advice(String),
}

impl Remedy {
    /// Its text.
    pub fn text(&self) -> &str {
        match self {
            Remedy::Command(text) | Remedy::Advice(text) => text,
        }
    }
}

impl CheckedItem {
    /// As it should be.
    pub fn ok(what: &'static str, found: impl Into<String>) -> CheckedItem {
        CheckedItem { what, state: CheckState::Ok, found: found.into(), change: None }
    }

    /// Not as it should be, but logs come.
    pub fn note(what: &'static str, found: impl Into<String>, change: Remedy) -> CheckedItem {
        CheckedItem { what, state: CheckState::Note, found: found.into(), change: Some(change) }
    }

    /// No logs come.
    pub fn missing(what: &'static str, found: impl Into<String>, change: Remedy) -> CheckedItem {
        CheckedItem { what, state: CheckState::Missing, found: found.into(), change: Some(change) }
    }
}

/// A command.
pub fn command(text: impl Into<String>) -> Remedy {
    Remedy::Command(text.into())
}

/// Advice.
pub fn advice(text: impl Into<String>) -> Remedy {
    Remedy::Advice(text.into())
}

/// Whether logs come.
pub fn is_usable(items: &[CheckedItem]) -> bool {
    items.iter().all(|item| item.state != CheckState::Missing)
}
