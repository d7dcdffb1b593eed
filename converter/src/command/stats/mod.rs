// SPDX-License-Identifier: BSD-2-Clause
//! `bblog stats`: a row for each connection of many files, or of each group of connections.

mod collect;
mod compare;
mod group;
mod sketch;
mod table;

pub use self::collect::{FileProblem, FileReading, Found};
pub use self::compare::Comparison;
pub use self::group::{GroupKey, GroupKeys, Groups};
pub use self::table::{SortKey, print_csv, print_json, print_text, sort};
