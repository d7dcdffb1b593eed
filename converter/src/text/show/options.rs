// SPDX-License-Identifier: BSD-2-Clause
//! What lines show.

/// How times are shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum TimeForm {
    /// Time of day, UTC; a line says the date when it changes.
    #[default]
    Absolute,
    /// Seconds since the first event of the inputs, selected or not.
    Relative,
    /// Seconds since the event shown before.
    Delta,
}

/// What lines show.
#[derive(Clone, Copy, Debug, Default)]
pub struct LineOptions {
    /// How times are shown.
    pub time: TimeForm,
    /// Whether lines begin with the event's number.
    pub number: bool,
    /// Whether plain titles stand in place of the events' names.
    pub titles: bool,
    /// Whether sequence numbers are as logged, not relative to the initial ones.
    pub absolute: bool,
    /// Whether all values follow, one a line.
    pub extended: bool,
    /// Whether the members as logged follow too.
    pub raw: bool,
    /// Columns that a line may take: then it is cut, and connections and dates stand on lines of their own.
    pub width: Option<usize>,
}
