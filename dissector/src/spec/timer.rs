// SPDX-License-Identifier: BSD-2-Clause
//! What an event does to a timer.

use super::when::When;

/// What an event does to a timer.
#[derive(Clone, Copy, Debug)]
pub struct TimerStep {
    /// When it does.
    pub when: When,
    /// What.
    pub does: TimerVerb,
    /// The timer, or the set of timers: a start belongs to the next stop or expiry of the same.
    pub chain: &'static str,
    /// The value of the row below distinguishes several timers of the set.
    pub keyed: bool,
    /// The row that names the timer: of these indexes the first that applies.
    pub rows: &'static [u16],
}

/// What can happen to a timer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TimerVerb {
    /// It is armed.
    Starts,
    /// It is disarmed.
    Stops,
    /// It expires.
    Fires,
    /// Its expiry has been dealt with.
    Handles,
}

impl TimerVerb {
    /// From the word that tables and schemas use.
    pub fn from_word(word: &str) -> Option<TimerVerb> {
        Some(match word {
            "starts" => TimerVerb::Starts,
            "stops" => TimerVerb::Stops,
            "fires" => TimerVerb::Fires,
            "handles" => TimerVerb::Handles,
            _ => return None,
        })
    }

    /// What has happened, in a word.
    pub fn word(self) -> &'static str {
        match self {
            TimerVerb::Starts => "armed",
            TimerVerb::Stops => "stopped",
            TimerVerb::Fires => "fired",
            TimerVerb::Handles => "handled",
        }
    }
}
