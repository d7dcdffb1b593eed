// SPDX-License-Identifier: BSD-2-Clause
//! Names of values.

/// The names of a field's values.
#[derive(Clone, Copy, Debug)]
pub enum ValueNames {
    /// It is a plain number.
    None,
    /// One name for each value.
    Enum(&'static NameTable),
    /// One name for each bit or mask.
    Flags(&'static NameTable),
}

/// Names of values or of bits.
#[derive(Debug)]
pub struct NameTable {
    /// The table's own name.
    pub name: &'static str,
    /// Value or mask, and name, in the order they are shown.
    pub values: &'static [(i64, &'static str)],
    /// What sentences call some of them instead.
    pub words: &'static [(i64, &'static str)],
}

impl NameTable {
    /// The name of `value`.
    pub fn get(&self, value: i64) -> Option<&'static str> {
        self.values.iter().find(|entry| entry.0 == value).map(|entry| entry.1)
    }

    /// The value or mask called `name`.
    pub fn value(&self, name: &str) -> Option<i64> {
        self.values.iter().find(|entry| entry.1 == name).map(|entry| entry.0)
    }

    /// What sentences call `value`: its words, or else its name.
    pub fn in_words(&self, value: i64) -> Option<&'static str> {
        self.words.iter().find(|entry| entry.0 == value).map(|entry| entry.1).or_else(|| self.get(value))
    }
}
