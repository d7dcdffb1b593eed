// SPDX-License-Identifier: BSD-2-Clause
//! The screen as drawn: the table or a connection, with what lies over it.

mod connection;
mod glyphs;
mod over;
mod table;

use bblog_analysis::Limit;
use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::style::{Color, Modifier, Style};
use ratatui::text::{Line, Span};

pub use glyphs::Glyphs;

use super::group::Grouping;
use super::ui::{Over, Page, Ui};

/// Draws the whole screen.
pub fn draw(frame: &mut Frame<'_>, ui: &mut Ui, glyphs: Glyphs) {
    let area = frame.area();
    let [head, body, foot] = rows(area);
    line(frame, head, 0, Line::styled(ui.status.line(), glyphs.bold()));
    line(frame, head, 1, second_line(ui, glyphs));
    match &ui.page {
        Page::Table => table::draw(frame, body, ui, glyphs),
        Page::Connection(..) => connection::draw(frame, body, ui, glyphs),
    }
    match &ui.over {
        Some(Over::Help(_) | Over::Sort(_)) => over::draw(frame, body, ui, glyphs),
        Some(Over::Prompt(_)) | None => {}
    }
    line(frame, foot, 0, keys(ui, glyphs));
}

/// Two lines above, one below if there is room for it.
fn rows(area: Rect) -> [Rect; 3] {
    let head = area.height.min(2);
    let foot = u16::from(area.height >= 8);
    let body = area.height - head - foot;
    [
        Rect { height: head, ..area },
        Rect { y: area.y + head, height: body, ..area },
        Rect { y: area.y + head + body, height: foot, ..area },
    ]
}

/// Writes line number `at` of `area`, if that has one.
fn line(frame: &mut Frame<'_>, area: Rect, at: u16, line: Line<'_>) {
    if at < area.height {
        frame.render_widget(line, Rect { y: area.y + at, height: 1, ..area });
    }
}

/// What is typed, or else how the table is arranged and what is missing.
fn second_line(ui: &Ui, glyphs: Glyphs) -> Line<'static> {
    if let Some(Over::Prompt(prompt)) = &ui.over {
        let what = match prompt.what {
            super::ui::Asked::Filter => "Filter: ",
            super::ui::Asked::Interval => "Seconds between two readings: ",
        };
        let mut spans = vec![
            Span::styled(what, glyphs.bold()),
            Span::raw(shown(&prompt.text)),
            Span::styled(" ", glyphs.selected()),
        ];
        if let Some(wrong) = &prompt.wrong {
            spans.push(Span::styled(format!("  {wrong}"), glyphs.alarm()));
        }
        return Line::from(spans);
    }
    let mut spans = Vec::new();
    if ui.is_paused {
        spans.push(Span::styled("PAUSED", glyphs.selected()));
        spans.push(Span::raw(" "));
    }
    let missing = ui.status.missing();
    if !missing.is_empty() {
        spans.push(Span::styled(missing, glyphs.alarm()));
        spans.push(Span::raw(", "));
    }
    spans.push(Span::raw(arranged(ui)));
    let problem = ui.status.problem();
    if !problem.is_empty() {
        let is_fault = ui.status.problems.faults > 0;
        let style = if is_fault { glyphs.alarm() } else { Style::new() };
        spans.push(Span::styled(format!("  {problem}"), style));
    }
    Line::from(spans)
}

/// How the table is arranged.
fn arranged(ui: &Ui) -> String {
    let arrangement = &ui.arrangement;
    let order = if arrangement.is_reversed { ", reversed" } else { "" };
    let mut text = format!("by {}{order}", arrangement.sort.name());
    match &arrangement.inside {
        Some((grouping, group)) => text += &format!(", {} {group}", grouping.name()),
        None if arrangement.grouping != Grouping::None => {
            text += &format!(", grouped by {}", arrangement.grouping.name());
        }
        None => {}
    }
    if arrangement.hides_ended {
        text += ", without ended ones";
    }
    if !ui.filter.is_empty() {
        text += &format!(", filter: {}", shown(&ui.filter));
    }
    text
}

/// What the user typed; what a paste may have brought is escaped.
fn shown(text: &str) -> String {
    bblog_pcapng::escape::OneLine(text).to_string()
}

fn keys(ui: &Ui, glyphs: Glyphs) -> Line<'static> {
    let keys: &[(&str, &str)] = match (&ui.over, &ui.page) {
        (Some(Over::Prompt(_)), _) => &[("Enter", "set"), ("Esc", "leave as it was"), ("^U", "clear")],
        (Some(Over::Sort(_)), _) => &[("Enter", "sort"), ("Esc", "leave as it was")],
        (Some(Over::Help(_)), _) => &[("Up, Down", "scroll"), ("Esc", "back")],
        (None, Page::Connection(..)) => {
            &[("Esc", "back"), ("Up, Down", "scroll"), ("p", "pause"), ("h", "help"), ("q", "back")]
        }
        (None, Page::Table) => &[
            ("Enter", "open"),
            ("/", "filter"),
            ("o", "sort"),
            ("g", "group"),
            ("p", "pause"),
            ("h", "help"),
            ("q", "quit"),
        ],
    };
    let spans = keys.iter().flat_map(|(key, what)| {
        [Span::styled((*key).to_owned(), glyphs.bold()), Span::raw(format!(" {what}   "))]
    });
    Line::from_iter(spans)
}

/// The style of a state: loss is red, what the peer or the application holds back is not.
fn limit_style(limit: Limit, glyphs: Glyphs) -> Style {
    match limit {
        Limit::Recovery | Limit::Timeout | Limit::SendError => glyphs.alarm(),
        Limit::ReceiverWindow | Limit::SendBuffer => glyphs.colour(Color::Yellow),
        Limit::CongestionWindow | Limit::Pacing => glyphs.colour(Color::Cyan),
        Limit::Unknown => Style::new().add_modifier(Modifier::DIM),
        Limit::Handshake | Limit::Application | Limit::Sending | Limit::Closing => Style::new(),
    }
}
