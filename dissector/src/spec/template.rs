// SPDX-License-Identifier: BSD-2-Clause
//! Sentences, plain names and categories of events.

use super::when::When;
use crate::language::category::Category;

/// A sentence with values in it.
#[derive(Clone, Copy, Debug)]
pub struct SummaryTemplate {
    /// When it is right.
    pub when: When,
    /// Its parts, in order.
    pub parts: &'static [TemplatePart],
}

/// A part of a sentence. The language that sentences are written in is described in `tables/README.md`.
#[derive(Clone, Copy, Debug)]
pub enum TemplatePart {
    /// Words.
    Text(&'static str),
    /// A value with its unit.
    Value(SentenceValue),
    /// A value without its unit.
    Number(SentenceValue),
    /// The first word if a value is 1, else the second.
    Word(SentenceValue, &'static str, &'static str),
    /// The names of those flags of a value that the mask has.
    Flags(SentenceValue, u64),
    /// The difference of two values: bytes between sequence numbers, else in the unit of the first.
    Difference(SentenceValue, SentenceValue),
    /// Nothing, but a condition on the text around it: the masked value is not zero.
    Test(SentenceValue, u64),
    /// The first of these texts whose values are all present and not zero.
    Either(&'static [&'static [TemplatePart]]),
    /// A value of the event's row with this index, for which the schema has a conversion of
    /// printf(3).
    Printf(&'static str, u16),
}

/// A value that a sentence names: of the rows with these indexes the first that applies, the
/// event's own before those that every record or event has, and computed ones last.
#[derive(Clone, Copy, Debug)]
pub struct SentenceValue {
    /// Rows of the event.
    pub own: &'static [u16],
    /// Rows that every record or event has.
    pub common: &'static [u16],
    /// Rows that are computed from a BBLog record.
    pub derived: &'static [u16],
    /// Whether the first of all these rows applies wherever the sentence is used, if the event flags say that its
    /// member is valid.
    pub is_certain: bool,
}

/// A plain name of an event.
#[derive(Clone, Copy, Debug)]
pub struct Title {
    /// When it is right.
    pub when: When,
    /// The name, a few words in lower case.
    pub words: &'static str,
}

/// What an event is about, where a condition holds.
#[derive(Clone, Copy, Debug)]
pub struct EventCategory {
    /// When it is right.
    pub when: When,
    /// The category.
    pub category: Category,
}
