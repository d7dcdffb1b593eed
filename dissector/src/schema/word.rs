// SPDX-License-Identifier: BSD-2-Clause
//! The words of a schema.

use super::SchemaError;
use crate::language::condition;
use crate::printable::is_printable;

/// A word and where it stands.
#[derive(Clone, Copy)]
pub(super) struct Word<'a> {
    pub(super) text: &'a str,
    pub(super) line: usize,
    pub(super) column: usize,
}

impl Word<'_> {
    /// An error at this word.
    pub(super) fn fault<T>(&self, what: impl Into<String>) -> Result<T, SchemaError> {
        Err(SchemaError { line: self.line, column: self.column, what: what.into() })
    }

    /// An error if it has a character that is not printable: what is defined here is shown as it stands.
    pub(super) fn check_printable(&self) -> Result<(), SchemaError> {
        match self.text.char_indices().find(|(_, c)| !is_printable(*c)) {
            Some((at, c)) => {
                let what = format!("character {}, expected printable text", c.escape_unicode());
                self.part(&self.text[at..]).fault(what)
            }
            None => Ok(()),
        }
    }

    /// The word as a number, which is `what`.
    pub(super) fn int(&self, what: &str) -> Result<u64, SchemaError> {
        condition::number(self.text)
            .map_or_else(|| self.fault(format!("{what} \"{}\", expected a number", self.text)), Ok)
    }

    /// The part of this word that is `text`.
    pub(super) fn part<'b>(&self, text: &'b str) -> Word<'b> {
        let within = (text.as_ptr() as usize).wrapping_sub(self.text.as_ptr() as usize);
        let column = if within <= self.text.len() { self.column + within } else { self.column };
        Word { text, line: self.line, column }
    }
}

/// The words of a line.
pub(super) fn words(line: usize, text: &str) -> Vec<Word<'_>> {
    let start = text.as_ptr() as usize;
    text.split([' ', '\t', '\r'])
        .filter(|word| !word.is_empty())
        .map(|word| Word { text: word, line, column: word.as_ptr() as usize - start + 1 })
        .collect()
}
