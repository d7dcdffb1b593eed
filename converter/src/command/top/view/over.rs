// SPDX-License-Identifier: BSD-2-Clause
//! What lies over the page: the help, and the list of columns to sort by.

use ratatui::Frame;
use ratatui::layout::Rect;
use ratatui::text::{Line, Span};
use ratatui::widgets::{Clear, Paragraph};

use super::Glyphs;
use crate::command::top::column::TopColumn;
use crate::command::top::keys::HELP;
use crate::command::top::ui::{Over, Ui};

pub(super) fn draw(frame: &mut Frame<'_>, area: Rect, ui: &mut Ui, glyphs: Glyphs) {
    let (lines, at) = match &ui.over {
        Some(Over::Help(at)) => (help(glyphs), *at),
        Some(Over::Sort(at)) => {
            let height = usize::from(area.height.max(1));
            (columns(*at, glyphs), (at + 1).saturating_sub(height))
        }
        Some(Over::Prompt(_)) | None => return,
    };
    ui.height = usize::from(area.height.max(1));
    let last = lines.len().saturating_sub(ui.height);
    let at = at.min(last);
    if let Some(Over::Help(scrolled)) = &mut ui.over {
        *scrolled = at;
    }
    frame.render_widget(Clear, area);
    let scroll = (u16::try_from(at).unwrap_or(u16::MAX), 0);
    frame.render_widget(Paragraph::new(lines).scroll(scroll), area);
}

/// Keys, then columns.
fn help(glyphs: Glyphs) -> Vec<Line<'static>> {
    let row = |name: &str, about: &str| {
        Line::from(vec![Span::styled(format!("{name:<22} "), glyphs.bold()), Span::raw(about.to_owned())])
    };
    let keys = HELP.iter().map(|(keys, about)| row(keys, about));
    let columns = TopColumn::ALL.iter().map(|column| row(column.title(), column.about()));
    keys.chain([Line::raw("")]).chain(columns).collect()
}

/// The columns, one of them selected.
fn columns(selected: usize, glyphs: Glyphs) -> Vec<Line<'static>> {
    let row = |(at, column): (usize, &TopColumn)| {
        let text = format!("{:<12} {}", column.title(), column.about());
        if at == selected { Line::styled(text, glyphs.selected()) } else { Line::raw(text) }
    };
    TopColumn::ALL.iter().enumerate().map(row).collect()
}
