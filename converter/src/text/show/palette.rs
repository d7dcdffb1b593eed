// SPDX-License-Identifier: BSD-2-Clause
//! The colours of a listing.

use anstyle::{AnsiColor, Style};
use bblog_dissector::spec::Category;

/// What stands before each part of a line, and after it; nothing without colours.
#[derive(Debug, Default)]
pub struct Palette {
    /// Before a time.
    pub(super) time: String,
    /// Before the line that names a connection.
    pub(super) connection: String,
    /// Before an event of each category, in the order of [`Category::ALL`].
    categories: Vec<String>,
    /// Before the name of a value.
    pub(super) name: String,
    /// Before a note about missing records.
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
        let colour = |colour: AnsiColor| Style::new().fg_color(Some(colour.into()));
        let of = |category: &Category| match category {
            Category::Loss => colour(AnsiColor::Red),
            Category::Failure => colour(AnsiColor::Red).bold(),
            Category::Recovery => colour(AnsiColor::Yellow),
            Category::Window => colour(AnsiColor::Magenta).bold(),
            Category::Application => colour(AnsiColor::Green),
            Category::Pacing => colour(AnsiColor::Blue),
            Category::Rtt => colour(AnsiColor::Magenta),
            Category::Congestion => colour(AnsiColor::Cyan),
            Category::Connection => Style::new().bold(),
            Category::Packet => Style::new(),
            Category::Timer | Category::Detail => Style::new().dimmed(),
        };
        Palette {
            time: Style::new().dimmed().render().to_string(),
            connection: Style::new().bold().render().to_string(),
            categories: Category::ALL.iter().map(|category| of(category).render().to_string()).collect(),
            name: colour(AnsiColor::Cyan).render().to_string(),
            alarm: colour(AnsiColor::Red).render().to_string(),
            reset: "\x1b[0m",
        }
    }

    /// Before an event of this category.
    pub(super) fn event(&self, category: Category) -> &str {
        self.categories.get(category as usize).map_or("", String::as_str)
    }
}
