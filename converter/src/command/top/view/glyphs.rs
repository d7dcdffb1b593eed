// SPDX-License-Identifier: BSD-2-Clause
//! What the terminal can show: characters and colours.

use ratatui::style::{Color, Modifier, Style};

/// The characters of sparklines, and whether there are colours.
#[derive(Clone, Copy, Debug)]
pub struct Glyphs {
    /// Eight heights, the lowest first.
    pub heights: [char; 8],
    has_colours: bool,
}

/// Blocks of an eighth to eight eighths.
const BLOCKS: [char; 8] = ['▁', '▂', '▃', '▄', '▅', '▆', '▇', '█'];
/// The same for terminals without Unicode.
const ASCII: [char; 8] = ['_', '.', ',', '-', '=', '+', '*', '#'];

impl Glyphs {
    /// As the environment says: UTF-8 in LC_ALL, LC_CTYPE or LANG, and NO_COLOR.
    pub fn of_locale() -> Glyphs {
        let set = |name: &&str| std::env::var(name).is_ok_and(|value| !value.is_empty());
        let locale = ["LC_ALL", "LC_CTYPE", "LANG"].iter().find(|name| set(name));
        let locale = locale.and_then(|name| std::env::var(name).ok()).unwrap_or_default().to_lowercase();
        let is_unicode = locale.contains("utf-8") || locale.contains("utf8");
        let has_colours = std::env::var_os("NO_COLOR").is_none_or(|value| value.is_empty());
        Glyphs { heights: if is_unicode { BLOCKS } else { ASCII }, has_colours }
    }

    /// Plain ones, for tests.
    pub fn plain() -> Glyphs {
        Glyphs { heights: ASCII, has_colours: false }
    }

    pub(super) fn colour(self, colour: Color) -> Style {
        if self.has_colours { Style::new().fg(colour) } else { Style::new() }
    }

    pub(super) fn bold(self) -> Style {
        Style::new().add_modifier(Modifier::BOLD)
    }

    /// Of something lost or wrong.
    pub(super) fn alarm(self) -> Style {
        if self.has_colours { Style::new().fg(Color::Red) } else { self.bold() }
    }

    /// Of what is selected, and of headings.
    pub(super) fn selected(self) -> Style {
        Style::new().add_modifier(Modifier::REVERSED)
    }
}
