// SPDX-License-Identifier: BSD-2-Clause
//! Events that deserve notice: what Wireshark calls expert information.

use super::when::When;
use crate::language::category::Category;

/// Something that deserves notice: what Wireshark calls an expert information.
#[derive(Debug)]
#[non_exhaustive]
pub struct AlertSpec {
    /// Its name, in lower case.
    pub name: &'static str,
    /// How serious it is.
    pub severity: Severity,
    /// What it is about, as Wireshark groups it.
    pub group: AlertGroup,
    /// What it is about, as listings colour it: an event that is one has this category.
    pub category: Category,
    /// What it is, a few words.
    pub label: &'static str,
}

/// How serious something is, as Wireshark grades it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Severity {
    /// The usual course of things.
    Chat,
    /// Notable, but common.
    Note,
    /// Unusual.
    Warn,
    /// A fault.
    Error,
}

/// What something that deserves notice is about, as Wireshark groups it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AlertGroup {
    /// Loss and recovery.
    Sequence,
    /// An error that the system gave.
    Response,
    /// The course of the connection.
    Protocol,
    /// Not known to the tables.
    Undecoded,
    /// Bytes that are missing or wrong.
    Malformed,
}

/// When an event deserves notice.
#[derive(Clone, Copy, Debug)]
pub struct Alert {
    /// The conditions.
    pub when: When,
    /// Index into [`tables::ALERTS`](crate::tables::ALERTS).
    pub kind: u16,
}
