// SPDX-License-Identifier: BSD-2-Clause
//! The colours of a listing.

use anstyle::{AnsiColor, Style};

/// What stands before each part of a line, and after it; nothing without colours.
#[derive(Debug, Default)]
pub struct Palette {
    /// Before a time.
    pub(super) time: String,
    /// Before a connection.
    pub(super) connection: String,
    /// Before a stack's or provider's name.
    pub(super) origin: String,
    /// Before an event's name.
    pub(super) event: String,
    /// Before the name of a value.
    pub(super) name: String,
    /// Before what tells of something missing.
    pub(super) alarm: String,
    /// After any of them.
    pub(super) reset: &'static str,
}

impl Palette {
    /// Without colours.
    pub fn plain() -> Palette {
        Palette::default()
    }

    /// The sixteen colours every terminal has.
    pub fn coloured() -> Palette {
        let colour = |colour: AnsiColor| Style::new().fg_color(Some(colour.into())).render().to_string();
        Palette {
            time: Style::new().dimmed().render().to_string(),
            connection: colour(AnsiColor::Blue),
            origin: colour(AnsiColor::Cyan),
            event: Style::new().bold().render().to_string(),
            name: colour(AnsiColor::Cyan),
            alarm: colour(AnsiColor::Red),
            reset: "\x1b[0m",
        }
    }
}
