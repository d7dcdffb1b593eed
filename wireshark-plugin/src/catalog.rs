// SPDX-License-Identifier: GPL-2.0-or-later
//! The dissector's tables, as the plugin asks for them.

use std::sync::LazyLock;

use bblog_dissector::catalog::Catalog;
use bblog_dissector::spec::FieldSpec;
use bblog_dissector::tables;

/// The tables of the process.
pub fn get() -> &'static Catalog {
    static CATALOG: LazyLock<Catalog> = LazyLock::new(Catalog::builtin);
    &CATALOG
}

/// Every row of every table, by id.
pub fn rows() -> &'static [&'static FieldSpec] {
    get().rows()
}

/// Whether a row is a member that every BBLog record has, which Wireshark's own dissector names too.
pub fn is_builtin(row: &FieldSpec) -> bool {
    tables::RECORD.iter().any(|record| record.id == row.id)
}
