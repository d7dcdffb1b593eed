// SPDX-License-Identifier: BSD-2-Clause
//! An error of an expression, with its place.

use std::fmt;

use bblog_dissector::printable::is_printable;

/// An expression that cannot be used.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FilterError {
    /// The expression.
    text: String,
    /// Where the wrong part begins, in bytes.
    at: usize,
    /// How long it is, in bytes.
    len: usize,
    /// The problem.
    what: String,
}

impl FilterError {
    /// `what` is wrong with the `len` bytes of `text` from `at` on.
    pub(super) fn new(text: &str, at: usize, len: usize, what: impl Into<String>) -> FilterError {
        FilterError { text: text.to_owned(), at, len, what: what.into() }
    }

    /// The column where it is wrong, in characters from 1.
    pub fn column(&self) -> usize {
        self.text.get(..self.at).map_or(0, |before| before.chars().count()) + 1
    }
}

impl std::error::Error for FilterError {}

/// Three lines: the column and the problem, the expression, and carets below the wrong part.
impl fmt::Display for FilterError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let shown = |c: char| if is_printable(c) { c } else { ' ' };
        let wrong = self.text.get(self.at..self.at.saturating_add(self.len)).unwrap_or_default();
        writeln!(f, "column {}: {}", self.column(), self.what.chars().map(shown).collect::<String>())?;
        writeln!(f, "    {}", self.text.chars().map(shown).collect::<String>())?;
        let carets = "^".repeat(wrong.chars().count().max(1));
        write!(f, "    {}{carets}", " ".repeat(self.column() - 1))
    }
}
