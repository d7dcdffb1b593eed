// SPDX-License-Identifier: BSD-2-Clause
//! Titles, categories, sentences and alerts of an event.

use std::cmp::Reverse;
use std::fmt::Write;

use super::rows::{Emit, beats};
use crate::category::Category;
use crate::model::{Event, Row, TableError, When};
use crate::sentence::{self, SentencePiece};

/// The category that a table names.
pub fn category(word: &str) -> Result<String, TableError> {
    let category = Category::from_word(word).ok_or_else(|| format!("unknown category {word}"))?;
    Ok(format!("Category::{category:?}"))
}

/// What fits best stands first: what has the most conditions, and of equals the last.
fn best_first<T>(items: &[(When, T)]) -> Vec<&(When, T)> {
    let mut items: Vec<_> = items.iter().rev().collect();
    items.sort_by_key(|item| Reverse(item.0.weight()));
    items
}

impl Emit<'_> {
    pub fn titles(&self, event: &Event) -> Result<String, TableError> {
        let mut out = String::new();
        for (when, words) in best_first(&event.titles) {
            let _ = write!(out, "Title {{ when: {}, words: {words:?} }},", self.when(when, None)?);
        }
        Ok(out)
    }

    pub fn categories(&self, event: &Event) -> Result<String, TableError> {
        let mut out = String::new();
        for (when, word) in best_first(&event.categories) {
            let (when, category) = (self.when(when, None)?, category(word)?);
            let _ = write!(out, "EventCategory {{ when: {when}, category: {category} }},");
        }
        Ok(out)
    }

    pub fn sentences(&self, event: &Event, sentences: &[(When, String)]) -> Result<String, TableError> {
        let mut out = String::new();
        for (when, text) in best_first(sentences) {
            let pieces = sentence::parse(text).map_err(|fault| format!("{}: {fault}", event.name))?;
            let parts = self.parts(event, when, &pieces)?;
            let when = self.when(when, None)?;
            let _ = write!(out, "SummaryTemplate {{ when: {when}, parts: &[{parts}] }},");
        }
        Ok(out)
    }

    pub fn alerts(&self, event: &Event) -> Result<String, TableError> {
        let mut out = String::new();
        for (when, name) in &event.alerts {
            let kind = self.tables.alerts.iter().position(|alert| alert.name == *name);
            let kind = kind.ok_or_else(|| format!("{}: no alert {name}", event.name))?;
            let _ = write!(out, "Alert {{ when: {}, kind: {kind} }},", self.when(when, None)?);
        }
        Ok(out)
    }

    fn parts(&self, event: &Event, when: &When, pieces: &[SentencePiece]) -> Result<String, TableError> {
        let mut out = String::new();
        for piece in pieces {
            let value = |name: &String| self.operand(event, when, name);
            let part = match piece {
                SentencePiece::Text(text) => format!("Text({text:?})"),
                SentencePiece::Value(name) => format!("Value({})", value(name)?),
                SentencePiece::Number(name) => format!("Number({})", value(name)?),
                SentencePiece::Word(name, one, many) => format!("Word({}, {one:?}, {many:?})", value(name)?),
                SentencePiece::Flags(name, mask) => format!("Flags({}, {mask:#x})", value(name)?),
                SentencePiece::Difference(a, b) => format!("Difference({}, {})", value(a)?, value(b)?),
                SentencePiece::Test(name, mask) => format!("Test({}, {mask:#x})", value(name)?),
                SentencePiece::Either(texts) => {
                    let texts =
                        texts.iter().map(|text| Ok(format!("&[{}],", self.parts(event, when, text)?)));
                    format!("Either(&[{}])", texts.collect::<Result<String, TableError>>()?)
                }
            };
            let _ = write!(out, "TemplatePart::{part},");
        }
        Ok(out)
    }

    /// The rows of a name in a sentence that is used under `when`: the event's, the record's, and the computed ones.
    fn operand(&self, event: &Event, when: &When, name: &str) -> Result<String, TableError> {
        let of = |rows: &[Row]| -> Vec<usize> {
            (0..rows.len()).filter(|&at| rows[at].name == name && rows[at].when.may_hold_with(when)).collect()
        };
        let group = |group: &str| {
            let found = self.tables.groups.iter().find(|have| have.name == group);
            found.map(|found| &found.rows[..]).ok_or_else(|| format!("no group {group}"))
        };
        let groups = [&event.rows[..], group("record")?, group("derived")?];
        let [own, common, derived] = groups.map(of);
        let first = groups.iter().zip([&own, &common, &derived]).find(|(_, found)| !found.is_empty());
        let Some((rows, found)) = first else {
            return Err(format!(
                "{}: a sentence names {name}, which no row has where it is used",
                event.name
            ));
        };
        let is_certain = applies_under(rows, found[0], when);
        Ok(format!(
            "SentenceValue {{ own: &{own:?}, common: &{common:?}, derived: &{derived:?}, is_certain: {is_certain} }}"
        ))
    }
}

/// Whether the row at `at` applies wherever `when` holds, but for the event flags.
fn applies_under(rows: &[Row], at: usize, when: &When) -> bool {
    let row = &rows[at];
    let others = rows.iter().enumerate().filter(|(other, _)| *other != at);
    let mut beating = others.filter(|(_, other)| beats(other, row));
    row.when.follows_from(when) && beating.all(|(_, other)| !other.when.may_hold_with(when))
}
