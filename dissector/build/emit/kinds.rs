// SPDX-License-Identifier: BSD-2-Clause
//! The types of filter names.

use std::collections::BTreeMap;

use crate::model::{Event, MemberRef, Row, TableError, Tables, Type};

/// What the filter names of an event begin with.
pub fn prefix(event: &Event) -> String {
    format!("bblog.{}", event.name.to_lowercase())
}

/// The type of each filter name: the widest among its rows.
pub fn kinds(tables: &Tables) -> Result<BTreeMap<String, ValueKind>, TableError> {
    let mut kinds: BTreeMap<String, ValueKind> = BTreeMap::new();
    let groups = tables.groups.iter().map(|g| (g.prefix.clone(), &g.rows));
    for (prefix, rows) in groups.chain(tables.events.iter().map(|e| (prefix(e), &e.rows))) {
        for row in rows {
            let filter = format!("{prefix}.{}", row.name);
            let kind = kind(tables, row)?;
            let both = match kinds.get(&filter) {
                None => kind,
                Some(have) => have.widest(kind).ok_or_else(|| format!("{filter}: {have:?} and {kind:?}"))?,
            };
            kinds.insert(filter, both);
        }
    }
    Ok(kinds)
}

#[derive(Clone, Copy, Debug, PartialEq)]
pub enum ValueKind {
    Unsigned(u16),
    Signed(u16),
    Bool,
    Text,
}

impl ValueKind {
    pub fn widest(self, other: ValueKind) -> Option<ValueKind> {
        match (self, other) {
            (ValueKind::Unsigned(a), ValueKind::Unsigned(b)) => Some(ValueKind::Unsigned(a.max(b))),
            (ValueKind::Signed(a), ValueKind::Signed(b)) => Some(ValueKind::Signed(a.max(b))),
            (a, b) => (a == b).then_some(a),
        }
    }
}

pub fn kind(tables: &Tables, row: &Row) -> Result<ValueKind, TableError> {
    let member = member(tables, &row.member)?;
    let bits = match (row.member.bits, &row.member.low) {
        (Some((low, high)), _) => u16::from(high - low + 1).next_power_of_two().max(8),
        (None, Some(_)) => 64,
        (None, None) => member.size() * 8,
    };
    Ok(match member {
        Type::Text(_) => ValueKind::Text,
        _ if row.unit == "bool" => ValueKind::Bool,
        Type::Signed(_) => ValueKind::Signed(bits),
        _ if row.signed => ValueKind::Signed(bits),
        _ => ValueKind::Unsigned(bits),
    })
}

pub fn member(tables: &Tables, member: &MemberRef) -> Result<Type, TableError> {
    Ok(tables.members.get(&member.name).ok_or_else(|| format!("no member {}", member.name))?.ty)
}
