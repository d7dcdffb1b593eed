// SPDX-License-Identifier: GPL-2.0-or-later
//! The description of a row of the dissector's tables for Wireshark.
//!
//! The build script describes the built-in rows, so that they are registered from static data; the plugin
//! itself describes those of a user's schemas.

use bblog_dissector::spec::{FieldSpec, Unit, ValueKind, ValueNames};
use bblog_dissector::tables;

/// A name in the tree is at most this long; a row's label may be a sentence.
const NAME_MAX: usize = 48;

/// The type that epan gives a field's values; its names are those of epan's `FT_*`.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub enum FieldType {
    Uint8,
    Uint16,
    Uint32,
    Uint64,
    Int8,
    Int16,
    Int32,
    Int64,
    Boolean,
    String,
    Bytes,
    Ipv4,
    Ipv6,
}

impl FieldType {
    /// The type for values of a kind.
    fn of(kind: ValueKind) -> FieldType {
        match kind {
            ValueKind::Unsigned(..=8) => FieldType::Uint8,
            ValueKind::Unsigned(..=16) => FieldType::Uint16,
            ValueKind::Unsigned(..=32) => FieldType::Uint32,
            ValueKind::Unsigned(_) => FieldType::Uint64,
            ValueKind::Signed(..=8) => FieldType::Int8,
            ValueKind::Signed(..=16) => FieldType::Int16,
            ValueKind::Signed(..=32) => FieldType::Int32,
            ValueKind::Signed(_) => FieldType::Int64,
            ValueKind::Bool => FieldType::Boolean,
            ValueKind::Text => FieldType::String,
            ValueKind::Bytes => FieldType::Bytes,
            ValueKind::Ipv4 => FieldType::Ipv4,
            ValueKind::Ipv6 => FieldType::Ipv6,
        }
    }
}

/// How epan shows a number: its names are those of epan's `BASE_*`.
#[derive(Clone, Copy, Debug)]
#[allow(missing_docs)]
pub enum Base {
    None,
    Dec,
    Hex,
}

/// A row as Wireshark registers it.
pub struct Description {
    /// As the tree shows it.
    pub name: String,
    /// As filters use it.
    pub filter: String,
    /// One sentence.
    pub label: &'static str,
    /// Names of its values; the first is that of the table.
    pub names: &'static [(i64, &'static str)],
    /// The type of its values.
    pub kind: FieldType,
    /// How they are shown.
    pub base: Base,
    /// Whether Wireshark's own field of this name is used where there is one.
    pub is_shared: bool,
    /// Whether its bits mean something each.
    pub is_flags: bool,
}

impl Description {
    /// Describes a row.
    pub fn of(row: &'static FieldSpec) -> Description {
        let names = match row.names {
            ValueNames::Enum(table) if matches!(row.kind, ValueKind::Unsigned(_) | ValueKind::Signed(_)) => {
                table.values
            }
            _ => &[],
        };
        Description {
            name: name(row),
            filter: legal(row.filter),
            label: row.label,
            names,
            kind: FieldType::of(row.kind),
            base: base(row),
            is_shared: is_builtin(row),
            is_flags: matches!(row.names, ValueNames::Flags(_)),
        }
    }
}

/// Whether a row is a member that every BBLog record has, which Wireshark's own dissector names too.
pub fn is_builtin(row: &FieldSpec) -> bool {
    tables::RECORD.iter().any(|record| record.id == row.id)
}

/// A filter name without the empty parts that epan does not take. The names of a user's schema may be
/// anything; all others are as they should be.
fn legal(filter: &str) -> String {
    filter.split('.').filter(|part| !part.is_empty()).collect::<Vec<_>>().join(".")
}

fn base(row: &FieldSpec) -> Base {
    let is_hexadecimal =
        matches!(row.unit, Unit::Hex | Unit::Pointer) || matches!(row.names, ValueNames::Flags(_));
    match row.kind {
        ValueKind::Unsigned(_) if is_hexadecimal => Base::Hex,
        ValueKind::Unsigned(_) | ValueKind::Signed(_) => Base::Dec,
        _ => Base::None,
    }
}

/// The row's label up to the first remark, if it is short words; else the row's name.
fn name(row: &FieldSpec) -> String {
    let until = |end: &[char]| row.label.split(end).next().unwrap_or_default().trim();
    let label = match until(&[';', ':', '(']) {
        long if long.len() > NAME_MAX => until(&[';', ':', '(', ',']),
        short => short,
    };
    let first_word = label.split(' ').next().unwrap_or_default();
    match label.chars().next() {
        Some(first) if first.is_alphabetic() && label.len() <= NAME_MAX => {
            // Identifiers stay as they are.
            let plain = first_word.chars().all(|c| c.is_lowercase() || "-',".contains(c));
            let capital = if plain { first.to_uppercase().to_string() } else { first.to_string() };
            capital + &label[first.len_utf8()..]
        }
        _ => row.name.to_owned(),
    }
}
