// SPDX-License-Identifier: BSD-2-Clause
//! The screen of `bblog top` without a terminal: what is drawn, in any size, and what keys do.

use std::path::Path;
use std::time::Duration;

use bblog_converter::command::top::model::Model;
use bblog_converter::command::top::status::Status;
use bblog_converter::command::top::table::Arrangement;
use bblog_converter::command::top::ui::{Effect, Ui};
use bblog_converter::command::top::view::{self, Glyphs};
use bblog_converter::event::merge::{Events, MergeInput};
use bblog_converter::event::source::EventSource;
use bblog_converter::input::{Input, InputName, InputPosition};
use bblog_converter::select::filter::Filter;
use crossterm::event::{KeyCode, KeyEvent, KeyModifiers};
use proptest::prelude::*;
use ratatui::Terminal;
use ratatui::backend::TestBackend;

/// A log of the end-to-end tests.
fn bytes(name: &str) -> Vec<u8> {
    std::fs::read(Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures").join(name)).unwrap()
}

/// A model that has read these bytes.
fn model(bytes: Vec<u8>) -> Model {
    let name = InputName::new("log");
    let mut on_error = |_: &InputName, _: &bblog_converter::InputError| {};
    let input = Input::recognise(name.clone(), Box::new(std::io::Cursor::new(bytes)));
    let source = input.and_then(|input| {
        <Box<dyn EventSource> as MergeInput>::open(
            input,
            InputPosition::ONLY,
            &Default::default(),
            &mut on_error,
        )
    });
    let mut events = Events::of(source.ok().map(|source| (name, source)), &mut on_error);
    let mut model = Model::new(10_000);
    while events.advance(&mut on_error) {
        if let Some((input, item)) = events.item() {
            model.feed(input, item);
        }
    }
    model
}

fn several() -> Vec<u8> {
    ["rack_tailloss_rto.tcplog", "default_v4mapped.tcplog", "bbr_120.tcplog"].map(bytes).concat()
}

/// A screen of a model, as the program has it, without threads.
struct Screen {
    model: Model,
    ui: Ui,
}

impl Screen {
    fn of(bytes: Vec<u8>) -> Screen {
        let ui = Ui::new(Arrangement::default(), Duration::from_secs(1), String::new());
        let mut screen = Screen { model: model(bytes), ui };
        screen.read();
        screen
    }

    fn read(&mut self) {
        let lines = self.model.lines();
        let (counts, connections) = (self.model.counts(), lines.len());
        let detail = self.ui.open().and_then(|number| self.model.detail(number));
        let input = "log".to_owned();
        let status = Status { input, counts, connections, has_ended: true, ..Status::default() };
        self.ui.read(lines, detail, status);
    }

    fn key(&mut self, code: KeyCode) -> Effect {
        let effect = self.ui.key(&KeyEvent::new(code, KeyModifiers::NONE));
        if let Effect::Filter(text) = &effect {
            let filter = Filter::new(text, &bblog_dissector::catalog::Catalog::builtin());
            match filter {
                Ok(filter) => {
                    self.model.set_filter((!text.is_empty()).then_some(filter));
                    self.ui.filter_set(Ok(text.clone()));
                }
                Err(error) => self.ui.filter_set(Err(error.to_string())),
            }
        }
        self.read();
        effect
    }

    fn keys(&mut self, keys: &str) {
        keys.chars().for_each(|key| {
            self.key(match key {
                '\n' => KeyCode::Enter,
                '\u{1b}' => KeyCode::Esc,
                key => KeyCode::Char(key),
            });
        });
    }

    fn draw(&mut self, width: u16, height: u16) -> String {
        let mut terminal = Terminal::new(TestBackend::new(width, height)).unwrap();
        terminal.draw(|frame| view::draw(frame, &mut self.ui, Glyphs::plain())).unwrap();
        let buffer = terminal.backend().buffer();
        let line = |y: u16| (0..width).map(|x| buffer[(x, y)].symbol()).collect::<String>();
        (0..height).map(|y| line(y).trim_end().to_owned() + "\n").collect()
    }
}

#[test]
fn the_table_and_a_connection() {
    let mut screen = Screen::of(several());
    insta::assert_snapshot!("table", screen.draw(160, 8));
    screen.keys("\n");
    insta::assert_snapshot!("connection", screen.draw(100, 40));
    screen.keys("\u{1b}g\n");
    let inside = screen.draw(80, 10);
    assert!(inside.contains("by lost, stack rack*") && inside.contains("10.99.0.2:12270"), "{inside}");
}

#[test]
fn a_filter_that_is_set_later_finds_what_was() {
    let mut screen = Screen::of(several());
    screen.keys("/tcp.port == 12270\n");
    let shown = screen.draw(120, 10);
    assert!(shown.contains("filter: tcp.port == 12270") && shown.contains("1 connection,"), "{shown}");
    // Only the last event of each is there to be found.
    screen.keys("/");
    screen.ui.key(&KeyEvent::new(KeyCode::Char('u'), KeyModifiers::CONTROL));
    screen.keys("tcp.port == 1\n");
    let shown = screen.draw(120, 10);
    assert!(shown.contains("No connection has an event that the filter selects"), "{shown}");
    screen.keys("/");
    screen.ui.key(&KeyEvent::new(KeyCode::Char('u'), KeyModifiers::CONTROL));
    screen.keys("tcp.prt\n");
    let shown = screen.draw(120, 10);
    assert!(shown.contains("Filter: tcp.prt") && shown.contains("column 1"), "{shown}");
    screen.keys("\u{1b}/");
    screen.ui.key(&KeyEvent::new(KeyCode::Char('u'), KeyModifiers::CONTROL));
    screen.keys("\n");
    assert!(screen.draw(120, 10).contains("3 connections,"));
}

#[test]
fn what_is_selected_stays_selected() {
    let mut screen = Screen::of(several());
    screen.key(KeyCode::Down);
    let selected = |screen: &Screen| screen.ui.entries[screen.ui.selected].name.clone();
    let before = selected(&screen);
    screen.keys("R");
    assert_eq!(selected(&screen), before);
    screen.keys("o\u{1b}>");
    assert_eq!(selected(&screen), before);
    screen.key(KeyCode::End);
    screen.key(KeyCode::PageUp);
    screen.key(KeyCode::Home);
    assert_eq!(screen.ui.selected, 0);
}

/// Every key that the screen has, and some that it has not.
fn keys() -> impl Strategy<Value = Vec<KeyCode>> {
    let key = prop_oneof![
        prop::char::range(' ', '~').prop_map(KeyCode::Char),
        prop::sample::select(vec![
            KeyCode::Enter,
            KeyCode::Esc,
            KeyCode::Up,
            KeyCode::Down,
            KeyCode::PageDown,
            KeyCode::End,
            KeyCode::Backspace,
            KeyCode::Char('g'),
            KeyCode::Char('?'),
        ]),
    ];
    prop::collection::vec(key, 0..30)
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 60, ..ProptestConfig::default() })]

    /// Whatever is typed, in a terminal of whatever size, it is drawn.
    #[test]
    fn any_keys_and_any_size(keys in keys(), width in 1_u16..200, height in 1_u16..60) {
        thread_local! {
            static LOG: Vec<u8> = several();
        }
        let mut screen = Screen::of(LOG.with(Clone::clone));
        screen.draw(width, height);
        for key in keys {
            screen.key(key);
            screen.draw(width, height);
        }
    }

    /// Damaged logs are shown as far as they can be read.
    #[test]
    fn damaged_logs(at in 208_usize..20_000, bytes in prop::collection::vec(any::<u8>(), 1..400)) {
        let mut log = self::bytes("rack_tailloss_rto.tcplog");
        let end = (at + bytes.len()).min(log.len());
        log[at..end].copy_from_slice(&bytes[..end - at]);
        let mut screen = Screen::of(log);
        screen.draw(120, 20);
        screen.keys("\n");
        screen.draw(120, 20);
    }
}
