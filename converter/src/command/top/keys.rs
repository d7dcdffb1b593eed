// SPDX-License-Identifier: BSD-2-Clause
//! Keys, as in top(1) and htop.

use crossterm::event::{KeyCode, KeyEvent, KeyEventKind, KeyModifiers};

/// What a key does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Action {
    /// Leave what is open, or the program.
    Quit,
    /// Leave the program.
    QuitAtOnce,
    /// Leave what is open.
    Back,
    /// Show the keys and columns.
    Help,
    /// Open what is selected.
    Open,
    /// Move up by so many lines, or down if negative.
    Up(i32),
    /// Move by a page, up or down.
    Page(Vertical),
    /// Move to the first or last line.
    Edge(Vertical),
    /// Choose what to sort by from a list.
    SortMenu,
    /// Sort by the column to the left or the right.
    SortBeside(Horizontal),
    /// Sort in the other order.
    Reverse,
    /// Type a filter.
    Filter,
    /// Group by the next thing.
    Group,
    /// Stop to show what is new, or go on.
    Pause,
    /// Leave out connections that ended, or not.
    HideEnded,
    /// Type the time between two readings.
    Interval,
    /// Read now.
    Refresh,
}

/// Up or down.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Vertical {
    /// Up.
    Up,
    /// Down.
    Down,
}

/// Left or right.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Horizontal {
    /// Left.
    Left,
    /// Right.
    Right,
}

/// The keys and what they do, for the help.
pub const HELP: &[(&str, &str)] = &[
    ("Up, Down, k, j", "select a connection"),
    ("PgUp, PgDn, Home, End", "by a page; to the first, to the last"),
    ("Enter", "open the connection, or the group"),
    ("Esc, Left, Backspace", "back"),
    ("o, F6", "choose what to sort by"),
    ("<, >", "sort by the column to the left, to the right"),
    ("R, I", "sort in the other order"),
    ("/, \\, F4", "filter: a display filter of Wireshark; empty: all"),
    ("g, F5", "group by stack, port, remote port, network"),
    ("p, Z", "pause, and go on; a replay waits"),
    ("e", "leave out connections that ended, or show them"),
    ("s", "set the seconds between two readings"),
    ("Space", "read now"),
    ("h, ?, F1", "help"),
    ("q, F10, ^C", "quit"),
];

/// What `key` does; `None` if it does nothing.
pub fn action(key: &KeyEvent) -> Option<Action> {
    if key.kind == KeyEventKind::Release {
        return None;
    }
    if key.modifiers.contains(KeyModifiers::CONTROL) {
        return match key.code {
            KeyCode::Char('c') => Some(Action::QuitAtOnce),
            KeyCode::Char('l') => Some(Action::Refresh),
            _ => None,
        };
    }
    Some(match key.code {
        KeyCode::Char('q') | KeyCode::F(10) => Action::Quit,
        KeyCode::Esc | KeyCode::Left | KeyCode::Backspace => Action::Back,
        KeyCode::Char('h' | '?') | KeyCode::F(1) => Action::Help,
        KeyCode::Enter | KeyCode::Right => Action::Open,
        KeyCode::Up | KeyCode::Char('k') => Action::Up(1),
        KeyCode::Down | KeyCode::Char('j') => Action::Up(-1),
        KeyCode::PageUp => Action::Page(Vertical::Up),
        KeyCode::PageDown => Action::Page(Vertical::Down),
        KeyCode::Home => Action::Edge(Vertical::Up),
        KeyCode::End => Action::Edge(Vertical::Down),
        KeyCode::Char('o') | KeyCode::F(6) => Action::SortMenu,
        KeyCode::Char('<') => Action::SortBeside(Horizontal::Left),
        KeyCode::Char('>') => Action::SortBeside(Horizontal::Right),
        KeyCode::Char('R' | 'I') => Action::Reverse,
        KeyCode::Char('/' | '\\') | KeyCode::F(4) => Action::Filter,
        KeyCode::Char('g') | KeyCode::F(5) => Action::Group,
        KeyCode::Char('p' | 'Z') => Action::Pause,
        KeyCode::Char('e') => Action::HideEnded,
        KeyCode::Char('s') => Action::Interval,
        KeyCode::Char(' ') => Action::Refresh,
        _ => return None,
    })
}

/// What a key does to a line that is typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Edit {
    /// Adds a character.
    Type(char),
    /// Takes the last character away.
    Rub,
    /// Takes the last word away.
    RubWord,
    /// Takes all away.
    Clear,
    /// Takes the line.
    Done,
    /// Leaves things as they were.
    Cancel,
}

/// What `key` does to a line that is typed; `None` if it does nothing.
pub fn edit(key: &KeyEvent) -> Option<Edit> {
    if key.kind == KeyEventKind::Release {
        return None;
    }
    if key.modifiers.contains(KeyModifiers::CONTROL) {
        return match key.code {
            KeyCode::Char('u') => Some(Edit::Clear),
            KeyCode::Char('w') => Some(Edit::RubWord),
            KeyCode::Char('h') => Some(Edit::Rub),
            KeyCode::Char('c' | 'g') => Some(Edit::Cancel),
            _ => None,
        };
    }
    match key.code {
        KeyCode::Char(c) if !c.is_control() => Some(Edit::Type(c)),
        KeyCode::Backspace => Some(Edit::Rub),
        KeyCode::Enter => Some(Edit::Done),
        KeyCode::Esc => Some(Edit::Cancel),
        _ => None,
    }
}
