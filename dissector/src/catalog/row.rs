// SPDX-License-Identifier: BSD-2-Clause
//! A schema's fields as rows.

use std::collections::{BTreeMap, HashMap, HashSet};

use super::event_rows::EventRows;
use super::leak::leak;
use super::sentences::unit_when;
use crate::schema::{Annotation, CType, EventDef, Schema, StructField};
use crate::spec::{
    ByteOrder, FieldSpec, NameTable, Place, ReadMethod, Repeat, Unit, ValueKind, ValueNames, When,
};

/// The type of each filter name: the widest among all layouts and events.
pub(super) struct Kinds(HashMap<String, ValueKind>);

impl Kinds {
    /// Those of the fields of these schemas.
    pub(super) fn of(schemas: &[Schema]) -> Kinds {
        let mut kinds: HashMap<String, ValueKind> = HashMap::new();
        // Most fields are the same in all layouts.
        let mut seen = HashSet::new();
        for schema in schemas {
            for def in &schema.events {
                let body = def.payload.as_ref().and_then(|name| schema.structs.get(name));
                for field in body.iter().flat_map(|body| &body.fields) {
                    let kind = kind(schema, def, field);
                    if seen.insert((&*schema.provider, &*def.name, &*field.name, kind)) {
                        let widest = kinds.entry(filter(schema, def, field)).or_insert(kind);
                        *widest = wider(*widest, kind);
                    }
                }
            }
        }
        Kinds(kinds)
    }
}

/// Of two types of one name the wider one; the first, if they are of different kinds.
fn wider(a: ValueKind, b: ValueKind) -> ValueKind {
    match (a, b) {
        (ValueKind::Unsigned(a), ValueKind::Unsigned(b)) => ValueKind::Unsigned(a.max(b)),
        (ValueKind::Signed(a), ValueKind::Signed(b)) => ValueKind::Signed(a.max(b)),
        (a, _) => a,
    }
}

fn filter(schema: &Schema, def: &EventDef, field: &StructField) -> String {
    let name = ["eventlog", &schema.provider, &def.name, &field.name].join(".");
    let valid = |c: char| c.is_ascii_alphanumeric() || c == '.' || c == '_';
    name.chars().map(|c| if valid(c) { c.to_ascii_lowercase() } else { '_' }).collect()
}

fn kind(schema: &Schema, def: &EventDef, field: &StructField) -> ValueKind {
    match field.ctype {
        _ if doc(schema, def, field).0 == Unit::Bool => ValueKind::Bool,
        CType::Unsigned(1) if field.tail.is_some() => ValueKind::Bytes,
        CType::Unsigned(bytes) => ValueKind::Unsigned(bytes * 8),
        CType::Signed(bytes) => ValueKind::Signed(bytes * 8),
        CType::Pointer => ValueKind::Unsigned(64),
        CType::Ipv4 => ValueKind::Ipv4,
        CType::Ipv6 => ValueKind::Ipv6,
        CType::Text(_) => ValueKind::Text,
    }
}

/// What a schema says of a field of this structure, or else of all fields of this name.
fn of_field<'s, T>(all: &'s BTreeMap<String, T>, def: &EventDef, field: &StructField) -> Option<&'s T> {
    let structure = def.payload.as_deref().unwrap_or_default();
    all.get(&[structure, &field.name].join(".")).or_else(|| all.get(&field.name))
}

/// A field's unit and meaning.
fn doc<'s>(schema: &'s Schema, def: &EventDef, field: &'s StructField) -> (Unit, &'s str) {
    let doc = of_field(&schema.docs, def, field);
    match (doc, &field.shown, field.ctype) {
        (Some((unit, label)), _, _) => (Unit::from_word(unit).unwrap_or_default(), label),
        (None, Annotation::Hex, _) => (Unit::Hex, &field.name),
        (None, _, CType::Pointer) => (Unit::Pointer, &field.name),
        (None, _, _) => (Unit::None, &field.name),
    }
}

/// Row number `at` of an event.
pub(super) fn row(
    schema: &Schema,
    def: &EventDef,
    rows: &EventRows<'_>,
    at: usize,
    kinds: &Kinds,
    names: &mut NameTables,
    id: u32,
) -> FieldSpec {
    let (fields, row) = (rows.fields, rows.row(at));
    let field = &fields[row.field];
    let filter = filter(schema, def, field);
    let (unit, label) = doc(schema, def, field);
    let label = row.unit.map_or(label, |other| if other.words.is_empty() { label } else { &other.words });
    let unit = row.unit.map_or(unit, |other| other.unit);
    let order = if field.shown == Annotation::Ntohs { ByteOrder::Network } else { ByteOrder::Host };
    let repeat = match field.tail {
        Some((counter, max)) => Repeat::Tail {
            count_at: fields[counter].offset,
            count_size: fields[counter].ctype.size() as u8,
            max,
        },
        None => Repeat::Once,
    };
    let (offset, size) = (field.offset, field.ctype.size());
    let place = Place { offset, size, bits: None, low: None, minus: None, order, repeat };
    let kind = kinds.0.get(&filter).copied().unwrap_or(ValueKind::Bytes);
    FieldSpec {
        id,
        name: leak(&field.name),
        kind,
        filter: leak(&filter),
        label: leak(label),
        unit,
        names: match &field.shown {
            Annotation::Enum(name) => ValueNames::Enum(names.get(schema, "enum", name)),
            Annotation::Flag(name) => ValueNames::Flags(names.get(schema, "flag", name)),
            Annotation::Plain | Annotation::Hex | Annotation::Ntohs => ValueNames::None,
        },
        read: ReadMethod::of(kind, &place),
        place,
        when: row.unit.map_or(&When::ALWAYS, |unit| unit_when(unit, rows)),
        span: rows.span(at),
        yields_to: rows.after(at).leak(),
        common: false,
        unset: of_field(&schema.unset, def, field).map_or(&[], |values| values.clone().leak()),
        implausible: &[],
        at_least: of_field(&schema.at_least, def, field).copied(),
        source: leak(&format!(
            "schema of {}, STRUCT {}",
            schema.provider,
            def.payload.as_deref().unwrap_or_default()
        )),
    }
}

/// The name tables of one schema, made once each.
#[derive(Default)]
pub(super) struct NameTables(BTreeMap<(&'static str, String), &'static NameTable>);

impl NameTables {
    fn get(&mut self, schema: &Schema, kind: &'static str, name: &str) -> &'static NameTable {
        self.0.entry((kind, name.to_owned())).or_insert_with(|| {
            let tables = if kind == "enum" { &schema.enums } else { &schema.flags };
            let values = tables.get(name).into_iter().flatten();
            let values: Vec<(i64, &'static str)> = values.map(|(value, name)| (*value, leak(name))).collect();
            let words = schema.words.get(name).into_iter().flatten();
            let words: Vec<(i64, &'static str)> = words.map(|(value, words)| (*value, leak(words))).collect();
            Box::leak(Box::new(NameTable { name: leak(name), values: values.leak(), words: words.leak() }))
        })
    }
}
