// SPDX-License-Identifier: BSD-2-Clause
//! The table of connections.

use ratatui::Frame;
use ratatui::layout::{Constraint, Rect};
use ratatui::style::{Modifier, Style};
use ratatui::text::{Line, Span, Text};
use ratatui::widgets::{Cell, Row, Table};

use super::{Glyphs, limit_style, line};
use crate::command::top::column::{TopColumn, fit};
use crate::command::top::table::Entry;
use crate::command::top::ui::Ui;

pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, ui: &mut Ui, glyphs: Glyphs) {
    let height = usize::from(area.height.saturating_sub(1));
    ui.scroll(height);
    let columns = fit(area.width, |column| wanted(column, &ui.entries));
    let heading = columns.iter().map(|&(column, width)| {
        // The column that lines are sorted by stands out.
        let style = if column == ui.arrangement.sort { glyphs.bold() } else { Style::new() };
        cell(column, width, Span::styled(column.title(), style))
    });
    let shown = ui.entries.iter().enumerate().skip(ui.top).take(height);
    let lines = shown.map(|(at, entry)| {
        let style = match () {
            () if at == ui.selected => glyphs.selected(),
            () if entry.line.is_ended => Style::new().add_modifier(Modifier::DIM),
            () => Style::new(),
        };
        let cells = columns.iter().map(|&(column, width)| {
            let style = styled(column, entry, glyphs);
            cell(column, width, Span::styled(column.drawn(&entry.name, &entry.line), style))
        });
        Row::new(cells).style(style)
    });
    let widths = columns.iter().map(|&(_, width)| Constraint::Length(width));
    let table =
        Table::new(lines, widths).column_spacing(1).header(Row::new(heading).style(glyphs.selected()));
    frame.render_widget(table, area);
    if ui.entries.is_empty() {
        let why = match () {
            () if ui.status.counts.events == 0 => "",
            () if !ui.filter.is_empty() => {
                "No connection has an event that the filter selects in its last 10 s."
            }
            () => "No connection in these events.",
        };
        line(frame, area, 1, Line::raw(why));
    }
}

/// How wide a column's widest value is; of those without a bound on it only.
fn wanted(column: TopColumn, entries: &[Entry]) -> u16 {
    let longest = |len: &dyn Fn(&Entry) -> usize| {
        entries.iter().map(len).max().and_then(|len| u16::try_from(len).ok()).unwrap_or(0)
    };
    match column {
        // A group has its number of connections behind it.
        TopColumn::Connection => longest(&|entry| match entry.line.members {
            1 => entry.name.len(),
            members => entry.name.len() + 4 + members.ilog10() as usize,
        }),
        TopColumn::Id => {
            longest(&|entry| entry.line.identity.log_id.as_ref().map_or(1, |id| id.chars().count()))
        }
        TopColumn::Cc => longest(&|entry| entry.line.identity.cc.as_ref().map_or(1, |cc| cc.chars().count())),
        TopColumn::Event => TopColumn::Event.most(),
        other => other.width(),
    }
}

/// A cell. Numbers stand at its right, if they fit.
fn cell(column: TopColumn, width: u16, span: Span<'static>) -> Cell<'static> {
    let fits = span.width() <= usize::from(width);
    let text = Text::from(span);
    Cell::from(if column.is_number() && fits { text.right_aligned() } else { text })
}

fn styled(column: TopColumn, entry: &Entry, glyphs: Glyphs) -> Style {
    match column {
        TopColumn::Limit => entry.line.limit.map_or(Style::new(), |limit| limit_style(limit, glyphs)),
        TopColumn::Recent => {
            entry.line.recent_main().map_or(Style::new(), |(limit, _)| limit_style(limit, glyphs))
        }
        TopColumn::Lost if entry.line.lost_us > 0 => glyphs.alarm(),
        TopColumn::Retransmit if entry.line.bytes.again > 0 => glyphs.alarm(),
        _ => Style::new(),
    }
}
