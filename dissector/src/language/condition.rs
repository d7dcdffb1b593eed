// SPDX-License-Identifier: BSD-2-Clause
//! Conditions on a member of a record or a field of an event.
//!
//! | written | holds if the value is |
//! |---|---|
//! | `name=1\|2` | one of these |
//! | `name!=1\|2` | none of these |
//! | `name>3` | greater than this |
//! | `name&0x4` | a number with at least one of these bits |
//! | `name!&0x4` | a number with none of these bits |
//!
//! Numbers are decimal, or hexadecimal after `0x`.

use std::fmt;

/// What a value must be.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum ParsedTest {
    /// One of these.
    In(Vec<u64>),
    /// None of these.
    NotIn(Vec<u64>),
    /// Greater than this.
    Above(u64),
    /// At least one of these bits is set.
    AnySet(u64),
    /// None of these bits is set.
    NoneSet(u64),
}

/// What is wrong with a word that should be a condition.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ConditionError<'w> {
    /// It has no operator.
    NoOperator,
    /// This part of it is not a number.
    NotANumber(&'w str),
}

impl std::error::Error for ConditionError<'_> {}

impl fmt::Display for ConditionError<'_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            ConditionError::NoOperator => out.write_str("no condition, expected =, !=, >, & or !&"),
            ConditionError::NotANumber(text) => write!(out, "\"{text}\", expected a number"),
        }
    }
}

/// Splits a condition into the name and the test.
///
/// # Errors
/// A [`ConditionError`].
pub fn parse(word: &str) -> Result<(&str, ParsedTest), ConditionError<'_>> {
    let at = word.find(['=', '!', '>', '&']).ok_or(ConditionError::NoOperator)?;
    let (name, test) = word.split_at(at);
    let test = if let Some(values) = test.strip_prefix("!=") {
        ParsedTest::NotIn(all(values)?)
    } else if let Some(mask) = test.strip_prefix("!&") {
        ParsedTest::NoneSet(one(mask)?)
    } else if let Some(values) = test.strip_prefix('=') {
        ParsedTest::In(all(values)?)
    } else if let Some(floor) = test.strip_prefix('>') {
        ParsedTest::Above(one(floor)?)
    } else if let Some(mask) = test.strip_prefix('&') {
        ParsedTest::AnySet(one(mask)?)
    } else {
        return Err(ConditionError::NoOperator);
    };
    Ok((name, test))
}

fn one(text: &str) -> Result<u64, ConditionError<'_>> {
    number(text).ok_or(ConditionError::NotANumber(text))
}

fn all(text: &str) -> Result<Vec<u64>, ConditionError<'_>> {
    text.split('|').map(one).collect()
}

/// A number, decimal or hexadecimal after `0x`.
pub fn number(text: &str) -> Option<u64> {
    match text.strip_prefix("0x").or_else(|| text.strip_prefix("0X")) {
        Some(hex) => u64::from_str_radix(hex, 16).ok(),
        None => text.parse().ok(),
    }
}
