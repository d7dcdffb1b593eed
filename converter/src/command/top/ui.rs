// SPDX-License-Identifier: BSD-2-Clause
//! What the screen is at: what is selected, open, typed; and what keys do to it. No terminal.

use std::time::Duration;

use bblog_analysis::Number;
use crossterm::event::KeyEvent;

use super::column::TopColumn;
use super::group::{ConnectionGroup, Grouping};
use super::keys::{self, Action, Edit, Horizontal, Vertical};
use super::model::{ConnectionLine, Detail};
use super::status::Status;
use super::table::{Arrangement, Entry, arrange};

/// The least time between two readings.
pub const LEAST_INTERVAL: Duration = Duration::from_millis(100);
/// The longest line that can be typed, characters.
const MOST_TYPED: usize = 1024;

/// The screen's state.
pub struct Ui {
    /// How the table is arranged.
    pub arrangement: Arrangement,
    /// What is on the screen.
    pub page: Page,
    /// What lies over it.
    pub over: Option<Over>,
    /// Whether what is shown stays as it is.
    pub is_paused: bool,
    /// The time between two readings.
    pub interval: Duration,
    /// The filter that is set; empty for none.
    pub filter: String,
    /// The lines of the table, as arranged.
    pub entries: Vec<Entry>,
    /// The selected line of the table.
    pub selected: usize,
    /// Whether the selected line is followed wherever it goes; else what is selected is the place.
    is_following: bool,
    /// The first line of the table that is on the screen.
    pub top: usize,
    /// What holds for the whole reading.
    pub status: Status,
    lines: Vec<ConnectionLine>,
    /// Lines of a list that fit on the screen, as it was drawn last.
    pub height: usize,
}

/// What is on the screen.
pub enum Page {
    /// The table.
    Table,
    /// One connection, and how far its lists are scrolled; `None` until it is read.
    Connection(Number, Option<Box<Detail>>, usize),
}

/// What lies over the page.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Over {
    /// Keys and columns, scrolled by so many lines.
    Help(usize),
    /// The list of columns to sort by, and the one that is selected.
    Sort(usize),
    /// A line that is typed.
    Prompt(Prompt),
}

/// A line that is typed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prompt {
    /// What for.
    pub what: Asked,
    /// What is typed so far.
    pub text: String,
    /// What was wrong with it.
    pub wrong: Option<String>,
}

/// What is typed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// A filter.
    Filter,
    /// Seconds between two readings.
    Interval,
}

/// What the caller has to do after a key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Effect {
    /// Draw anew.
    Draw,
    /// Nothing.
    Nothing,
    /// Read anew, and draw.
    Read,
    /// Set this filter; empty for none. [`Ui::filter_set`] takes what came of it.
    Filter(String),
    /// Pause or go on.
    Pause(bool),
    /// Leave the program.
    Quit,
}

impl Ui {
    /// One in front of the first reading.
    pub fn new(arrangement: Arrangement, interval: Duration, filter: String) -> Ui {
        Ui {
            arrangement,
            page: Page::Table,
            over: None,
            is_paused: false,
            interval,
            filter,
            entries: Vec::new(),
            selected: 0,
            is_following: false,
            top: 0,
            status: Status::default(),
            lines: Vec::new(),
            height: 1,
        }
    }

    /// The connection that is open.
    pub fn open(&self) -> Option<Number> {
        match self.page {
            Page::Connection(number, ..) => Some(number),
            Page::Table => None,
        }
    }

    /// Takes a reading: all lines, and the connection that is open if it is still followed.
    pub fn read(&mut self, lines: Vec<ConnectionLine>, detail: Option<Detail>, status: Status) {
        (self.lines, self.status) = (lines, status);
        self.read_detail(detail);
        self.arrange();
    }

    /// Takes a reading of the connection that is open. One that is not followed any more stays as it was.
    pub fn read_detail(&mut self, detail: Option<Detail>) {
        if let (Page::Connection(of, shown, _), Some(detail)) = (&mut self.page, detail)
            && *of == detail.line.number
        {
            *shown = Some(Box::new(detail));
        }
    }

    /// Arranges the lines anew; what is selected stays so.
    fn arrange(&mut self) {
        let id = |entry: &Entry| (entry.group.clone(), entry.line.number);
        let selected = self.entries.get(self.selected).map(id);
        self.entries = arrange(self.lines.clone(), &self.arrangement);
        let same = |entry: &Entry| match &selected {
            Some((Some(group), _)) => entry.group.as_ref() == Some(group),
            Some((None, number)) => entry.group.is_none() && entry.line.number == *number,
            None => false,
        };
        if self.is_following {
            self.selected = self.entries.iter().position(same).unwrap_or(self.selected);
        }
        self.selected = self.selected.min(self.entries.len().saturating_sub(1));
    }

    /// Moves the table so that the selected line is on a screen of `height` lines.
    pub fn scroll(&mut self, height: usize) {
        self.height = height.max(1);
        let last = self.entries.len().saturating_sub(self.height);
        self.top = self.top.min(last).min(self.selected);
        if self.selected >= self.top + self.height {
            self.top = self.selected + 1 - self.height;
        }
    }

    /// Takes a key.
    pub fn key(&mut self, key: &KeyEvent) -> Effect {
        if let Some(Over::Prompt(prompt)) = &mut self.over {
            let Some(edit) = keys::edit(key) else { return Effect::Nothing };
            let Some(done) = prompt.edit(edit) else { return Effect::Draw };
            return self.prompted(done);
        }
        let Some(action) = keys::action(key) else { return Effect::Nothing };
        match (&mut self.over, action) {
            (_, Action::QuitAtOnce) => Effect::Quit,
            (Some(_), Action::Quit | Action::Back) => {
                self.over = None;
                Effect::Draw
            }
            (Some(Over::Help(_)), Action::Help) => {
                self.over = None;
                Effect::Draw
            }
            (Some(Over::Sort(at)), Action::Open) => {
                self.arrangement.sort = TopColumn::ALL[(*at).min(TopColumn::ALL.len() - 1)];
                self.arrangement.is_reversed = false;
                self.over = None;
                self.arrange();
                Effect::Draw
            }
            (Some(Over::Sort(at)), _) => {
                *at = moved(*at, action, TopColumn::ALL.len(), self.height);
                Effect::Draw
            }
            (Some(Over::Help(at)), _) => {
                *at = moved(*at, action, keys::HELP.len() + TopColumn::ALL.len() + 2, self.height);
                Effect::Draw
            }
            (Some(Over::Prompt(_)) | None, _) => self.act(action),
        }
    }

    fn act(&mut self, action: Action) -> Effect {
        match (&mut self.page, action) {
            (Page::Connection(..), Action::Quit | Action::Back) => {
                self.page = Page::Table;
                return Effect::Read;
            }
            (Page::Connection(_, _, at), Action::Up(_) | Action::Page(_) | Action::Edge(_)) => {
                *at = moved(*at, action, usize::MAX, self.height);
                return Effect::Draw;
            }
            (Page::Table, Action::Up(_) | Action::Page(_) | Action::Edge(_)) => {
                self.selected = moved(self.selected, action, self.entries.len(), self.height);
                // The first line is where one looks: what comes up there is seen.
                self.is_following = self.selected > 0;
                return Effect::Draw;
            }
            (Page::Table, Action::Open) => return self.open_selected(),
            (Page::Table, Action::Quit) => return Effect::Quit,
            (Page::Table, Action::Back) => return self.back(),
            _ => {}
        }
        self.change(action)
    }

    /// What keys change on every page.
    fn change(&mut self, action: Action) -> Effect {
        let sort = &mut self.arrangement.sort;
        match action {
            Action::Help => self.over = Some(Over::Help(0)),
            Action::SortMenu => self.over = Some(Over::Sort(*sort as usize)),
            Action::SortBeside(side) => {
                let at = *sort as usize;
                let at = if side == Horizontal::Left { at.saturating_sub(1) } else { at + 1 };
                *sort = TopColumn::ALL[at.min(TopColumn::ALL.len() - 1)];
                self.arrangement.is_reversed = false;
                self.arrange();
            }
            Action::Reverse => {
                self.arrangement.is_reversed = !self.arrangement.is_reversed;
                self.arrange();
            }
            Action::Filter => self.prompt(Asked::Filter, self.filter.clone()),
            Action::Interval => self.prompt(Asked::Interval, self.interval.as_secs_f64().to_string()),
            Action::Group => {
                self.arrangement.grouping = self.arrangement.grouping.next();
                self.arrangement.inside = None;
                self.arrange();
            }
            Action::HideEnded => {
                self.arrangement.hides_ended = !self.arrangement.hides_ended;
                self.arrange();
            }
            Action::Pause => {
                self.is_paused = !self.is_paused;
                return Effect::Pause(self.is_paused);
            }
            Action::Refresh => return Effect::Read,
            _ => return Effect::Nothing,
        }
        Effect::Draw
    }

    fn prompt(&mut self, what: Asked, text: String) {
        self.over = Some(Over::Prompt(Prompt { what, text, wrong: None }));
    }

    fn open_selected(&mut self) -> Effect {
        let Some(entry) = self.entries.get(self.selected) else { return Effect::Nothing };
        match entry.group.clone() {
            Some(group) => self.enter(group),
            None => {
                self.page = Page::Connection(entry.line.number, None, 0);
                Effect::Read
            }
        }
    }

    fn enter(&mut self, group: ConnectionGroup) -> Effect {
        self.arrangement.inside = Some((self.arrangement.grouping, group));
        (self.selected, self.top, self.is_following) = (0, 0, false);
        self.arrange();
        Effect::Draw
    }

    /// Out of a group, then out of groups.
    fn back(&mut self) -> Effect {
        let arrangement = &mut self.arrangement;
        if arrangement.inside.take().is_none() {
            if arrangement.grouping == Grouping::None {
                return Effect::Nothing;
            }
            arrangement.grouping = Grouping::None;
        }
        (self.selected, self.top, self.is_following) = (0, 0, false);
        self.arrange();
        Effect::Draw
    }

    /// Takes a line that was typed, or that it was given up.
    fn prompted(&mut self, line: Option<String>) -> Effect {
        let Some(Over::Prompt(prompt)) = &mut self.over else { return Effect::Nothing };
        let Some(line) = line else {
            self.over = None;
            return Effect::Draw;
        };
        match prompt.what {
            Asked::Filter => Effect::Filter(line),
            Asked::Interval => {
                match interval(&line) {
                    Ok(interval) => {
                        self.interval = interval;
                        self.over = None;
                    }
                    Err(wrong) => prompt.wrong = Some(wrong),
                }
                Effect::Draw
            }
        }
    }

    /// The filter that was typed is set, or is wrong.
    pub fn filter_set(&mut self, set: Result<String, String>) {
        match set {
            Ok(filter) => (self.filter, self.over) = (filter, None),
            Err(wrong) => {
                if let Some(Over::Prompt(prompt)) = &mut self.over {
                    // What follows shows the place, in lines of their own.
                    prompt.wrong = wrong.lines().next().map(str::to_owned);
                }
            }
        }
    }
}

impl Prompt {
    /// Takes a key. Returns the line when it is done, `None` inside if it is given up.
    fn edit(&mut self, edit: Edit) -> Option<Option<String>> {
        self.wrong = None;
        match edit {
            Edit::Type(c) => {
                if self.text.len() < MOST_TYPED {
                    self.text.push(c);
                }
            }
            Edit::Rub => drop(self.text.pop()),
            Edit::RubWord => {
                let kept = self.text.trim_end().rfind(' ').map_or(0, |blank| blank + 1);
                self.text.truncate(kept);
            }
            Edit::Clear => self.text.clear(),
            Edit::Done => return Some(Some(self.text.clone())),
            Edit::Cancel => return Some(None),
        }
        None
    }
}

/// Where a list of `len` lines is after a key that moves in it.
fn moved(at: usize, action: Action, len: usize, page: usize) -> usize {
    let to = match action {
        Action::Up(lines) => at.saturating_add_signed(-lines as isize),
        Action::Page(Vertical::Up) => at.saturating_sub(page),
        Action::Page(Vertical::Down) => at.saturating_add(page),
        Action::Edge(Vertical::Up) => 0,
        Action::Edge(Vertical::Down) => usize::MAX,
        _ => at,
    };
    to.min(len.saturating_sub(1))
}

/// A time between two readings as it is typed: seconds.
///
/// # Errors
/// What is expected.
pub fn interval(text: &str) -> Result<Duration, String> {
    const EXPECTED: &str = "expected seconds, at least 0.1 and at most 86400";
    let seconds: f64 = text.trim().parse().map_err(|_| EXPECTED)?;
    let interval = Duration::try_from_secs_f64(seconds).map_err(|_| EXPECTED)?;
    let allowed = LEAST_INTERVAL..=Duration::from_secs(86_400);
    if allowed.contains(&interval) { Ok(interval) } else { Err(EXPECTED.to_owned()) }
}

#[cfg(test)]
mod tests {
    use crossterm::event::{KeyCode, KeyModifiers};

    use super::*;

    fn press(ui: &mut Ui, keys: &str) -> Effect {
        let mut last = Effect::Nothing;
        for c in keys.chars() {
            let code = match c {
                '\n' => KeyCode::Enter,
                '\u{1b}' => KeyCode::Esc,
                c => KeyCode::Char(c),
            };
            last = ui.key(&KeyEvent::new(code, KeyModifiers::NONE));
        }
        last
    }

    #[test]
    fn prompts() {
        let mut ui = Ui::new(Arrangement::default(), Duration::from_secs(1), String::new());
        assert_eq!(press(&mut ui, "/tcp q\n"), Effect::Filter("tcp q".into()));
        ui.filter_set(Err("column 5".into()));
        assert!(matches!(&ui.over, Some(Over::Prompt(prompt)) if prompt.wrong.is_some()));
        assert_eq!(press(&mut ui, "\u{1b}"), Effect::Draw);
        press(&mut ui, "s0.05");
        ui.key(&KeyEvent::new(KeyCode::Char('w'), KeyModifiers::CONTROL));
        press(&mut ui, "0.5\n");
        assert_eq!((ui.interval, ui.over.is_none()), (Duration::from_millis(500), true));
        press(&mut ui, "s\u{1b}s9\n");
        assert_eq!(press(&mut ui, "\u{1b}q"), Effect::Quit);
    }

    #[test]
    fn intervals() {
        assert_eq!(interval(" 0.1 "), Ok(LEAST_INTERVAL));
        for wrong in ["", "x", "0", "-1", "0.05", "NaN", "inf", "1e30", "90000"] {
            assert!(interval(wrong).is_err(), "{wrong}");
        }
    }

    #[test]
    fn leaving() {
        let mut ui = Ui::new(Arrangement::default(), Duration::from_secs(1), String::new());
        press(&mut ui, "g?");
        assert_eq!((ui.arrangement.grouping, ui.over.clone()), (Grouping::Stack, Some(Over::Help(0))));
        assert_eq!(press(&mut ui, "q"), Effect::Draw);
        assert_eq!(press(&mut ui, "\u{1b}"), Effect::Draw);
        assert_eq!(ui.arrangement.grouping, Grouping::None);
        press(&mut ui, "oj\n");
        assert_eq!(ui.arrangement.sort, TopColumn::Event);
        press(&mut ui, "<<<R");
        assert_eq!((ui.arrangement.sort, ui.arrangement.is_reversed), (TopColumn::Limit, true));
        let control_c = KeyEvent::new(KeyCode::Char('c'), KeyModifiers::CONTROL);
        press(&mut ui, "?");
        assert_eq!(ui.key(&control_c), Effect::Quit);
    }
}
