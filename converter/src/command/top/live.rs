// SPDX-License-Identifier: BSD-2-Clause
//! The full screen: reads keys, takes readings, draws.

use std::io;
use std::time::{Duration, Instant};

use bblog_dissector::catalog::Catalog;
use crossterm::event::{self, Event};

use super::reader::LiveReading;
use super::screen::Screen;
use super::signals::{self, Signals};
use super::status::Status;
use super::ui::{Effect, Ui};
use super::view::{self, Glyphs};
use crate::select::filter::Filter;

/// The least time between two drawings, and the longest before signals are looked at.
const TICK: Duration = Duration::from_millis(100);

/// How the screen was left.
pub enum Left {
    /// By a key.
    Quit,
    /// By this signal, which is still to do what it does.
    Signal(i32),
    /// Nothing could be opened.
    NothingOpened,
}

/// Shows what `reading` reads until a key or a signal ends it. `input` is its name. Of a `pipe` it waits for the first
/// byte before it takes the terminal: ssh(1) may ask for a password there.
///
/// # Errors
/// Those of the terminal, and a thread that failed.
pub fn show(
    reading: &mut LiveReading,
    ui: &mut Ui,
    (input, is_pipe): (&str, bool),
    catalog: &Catalog,
) -> io::Result<Left> {
    while is_pipe && !reading.has_begun() && !reading.wait(TICK) {}
    // An input that cannot be opened says so at once: no screen for that.
    if reading.wait(TICK) && reading.problems().nothing_opened {
        return Ok(Left::NothingOpened);
    }
    let signals = Signals::new()?;
    let mut screen = Screen::open()?;
    let mut live =
        Live { reading, ui, input, glyphs: Glyphs::of_locale(), drawn: None, next: Instant::now() };
    let left = live.run(&mut screen, &signals, catalog);
    drop(screen);
    left
}

struct Live<'a> {
    reading: &'a mut LiveReading,
    ui: &'a mut Ui,
    input: &'a str,
    glyphs: Glyphs,
    /// When it was drawn last.
    drawn: Option<Instant>,
    /// When the next reading is due.
    next: Instant,
}

impl Live<'_> {
    fn run(&mut self, screen: &mut Screen, signals: &Signals, catalog: &Catalog) -> io::Result<Left> {
        let mut is_stale = true;
        loop {
            if let Some(signal) = signals.end() {
                return Ok(Left::Signal(signal));
            }
            if signals.take_stop() {
                screen.leave(signals::stop)?;
                is_stale = true;
            }
            if signals.take_go_on() {
                // The shell has had the terminal meanwhile.
                screen.leave(|| {})?;
                is_stale = true;
            }
            is_stale |= self.read_if_due();
            if self.reading.has_failed() {
                return Err(io::Error::other("the thread that reads is gone"));
            }
            if self.ui.status.problems.nothing_opened && self.ui.status.has_ended {
                return Ok(Left::NothingOpened);
            }
            let since = self.drawn.map_or(TICK, |drawn| drawn.elapsed());
            if is_stale && since >= TICK {
                screen.terminal.draw(|frame| view::draw(frame, self.ui, self.glyphs))?;
                (self.drawn, is_stale) = (Some(Instant::now()), false);
            }
            // A pause has no next reading.
            if self.ui.is_paused {
                self.next = Instant::now() + TICK;
            }
            let patience = if is_stale { TICK.saturating_sub(since) } else { TICK };
            let until_next = self.next.saturating_duration_since(Instant::now());
            let mut waiting = patience.min(until_next.max(Duration::from_millis(1)));
            // All keys that are there, and then one drawing.
            while event::poll(waiting)? {
                is_stale = true;
                waiting = Duration::ZERO;
                if let Event::Key(key) = event::read()?
                    && self.key(&key, catalog)
                {
                    return Ok(Left::Quit);
                }
            }
        }
    }

    /// Takes a key; `true` if it ends the program.
    fn key(&mut self, key: &event::KeyEvent, catalog: &Catalog) -> bool {
        match self.ui.key(key) {
            Effect::Quit => return true,
            Effect::Read => self.read(!self.ui.is_paused),
            Effect::Pause(is_paused) => {
                self.reading.pause(is_paused);
                self.read(true);
            }
            Effect::Filter(text) => {
                let filter = match text.trim() {
                    "" => Ok(None),
                    text => Filter::new(text, catalog).map(Some),
                };
                match filter {
                    Ok(filter) => {
                        self.reading.model().set_filter(filter);
                        self.ui.filter_set(Ok(text.trim().to_owned()));
                        self.read(true);
                    }
                    Err(error) => self.ui.filter_set(Err(error.to_string())),
                }
            }
            Effect::Draw | Effect::Nothing => {}
        }
        false
    }

    /// Takes a reading if one is due, or if the input has ended since the last; none in a pause.
    fn read_if_due(&mut self) -> bool {
        let ends = self.reading.wait(Duration::ZERO) && !self.ui.status.has_ended;
        let is_due = !self.ui.is_paused && (ends || Instant::now() >= self.next);
        if is_due {
            self.read(true);
        }
        is_due
    }

    /// Takes a reading: of `all`, or only of the connection that is open.
    fn read(&mut self, all: bool) {
        let has_ended = self.reading.wait(Duration::ZERO);
        let problems = self.reading.problems();
        let model = self.reading.model();
        let detail = self.ui.open().and_then(|number| model.detail(number));
        if !all {
            drop(model);
            return self.ui.read_detail(detail);
        }
        let (lines, counts) = (model.lines(), model.counts());
        drop(model);
        let connections = lines.len();
        let input = self.input.to_owned();
        self.ui.read(lines, detail, Status { input, counts, connections, problems, has_ended });
        // The first readings follow each other soon: there is little to see yet.
        let is_first = self.drawn.is_none() || counts.events == 0;
        self.next = Instant::now() + if is_first { TICK } else { self.ui.interval };
    }
}
