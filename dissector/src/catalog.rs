// SPDX-License-Identifier: BSD-2-Clause
//! All tables of a process: BBLog's, and the providers that schemas describe.
//!
//! A catalog is made once, when a program starts, from the built-in schemas and those that the user gave. It
//! lives as long as the process: its rows are `&'static`, so that decoding an event neither counts references
//! nor allocates.

use std::collections::{BTreeMap, HashMap};
use std::sync::LazyLock;

use crate::layout::Layout;
use crate::schema::{
    self, AlertDef, Annotation, CType, CategoryDef, EventDef, Piece, Schema, SentenceDef, StructField,
    TimerDef,
};
use crate::spec::{
    ALL, Alert, Cond, EventCategory, EventSpec, FieldSpec, Kind, NameTable, Operand, Order, Place, Read,
    Repeat, SummaryTemplate, TemplatePart, Test, TimerStep, Title, UNKNOWN, Unit, ValueNames, When,
};
use crate::{elog, sentence, tables};

/// The built-in schemas; the tcp provider's layouts are told as differences.
const BUILTIN: [&str; 8] = [
    include_str!("../tables/eventlog/tcp.schema"),
    include_str!("../tables/eventlog/tcp_d2.schema"),
    include_str!("../tables/eventlog/tcp_e.schema"),
    include_str!("../tables/eventlog/tcp_c.schema"),
    include_str!("../tables/eventlog/tcp_b.schema"),
    include_str!("../tables/eventlog/tcp_a.schema"),
    include_str!("../tables/eventlog/hpts.schema"),
    include_str!("../tables/eventlog/test.schema"),
];

/// One provider in one layout.
#[derive(Debug)]
pub struct ProviderSpec {
    /// Its name: `tcp`, `hpts`.
    pub name: &'static str,
    /// Its layout; `None` for a provider that has one only.
    pub layout: Option<Layout>,
    /// Its events, by id.
    pub events: &'static [EventSpec],
}

impl ProviderSpec {
    /// The event with number `id`.
    #[inline]
    pub fn event(&self, id: u32) -> Option<&'static EventSpec> {
        self.events.binary_search_by_key(&id, |event| event.id).ok().map(|at| &self.events[at])
    }
}

/// All tables of a process.
#[derive(Clone, Debug, Default)]
pub struct Catalog {
    providers: Vec<&'static ProviderSpec>,
    rows: Vec<&'static FieldSpec>,
}

impl Catalog {
    /// The built-in tables. They are made when this is first called; all calls share them.
    pub fn builtin() -> Catalog {
        static BUILTIN: LazyLock<Catalog> = LazyLock::new(|| Catalog::with_schemas(&[]));
        BUILTIN.clone()
    }

    /// The built-in tables with a user's schemas, each of which replaces every layout of the
    /// built-in provider of its name; of two user's schemas for one provider the later one
    /// wins. A user's schema must be complete: its BASE is not looked for.
    ///
    /// Each call makes tables of its own, which are never freed; see the module's documentation.
    pub fn with_schemas(user: &[Schema]) -> Catalog {
        let mut schemas = builtin();
        for schema in user {
            schemas.retain(|have| !have.provider.eq_ignore_ascii_case(&schema.provider));
            schemas.push(schema.clone());
        }
        let kinds = kinds(&schemas);
        let mut catalog = Catalog { providers: Vec::new(), rows: tables::rows().collect() };
        for schema in &schemas {
            catalog.add(schema, &kinds);
        }
        catalog
    }

    /// The provider called `name`. Of its layouts the one asked for, or else D, or else the only
    /// one.
    pub fn provider(&self, name: &[u8], layout: Option<Layout>) -> Option<&'static ProviderSpec> {
        let all = || self.providers.iter().copied().filter(|p| p.name.as_bytes() == name);
        all()
            .find(|p| p.layout.is_some() && p.layout == layout)
            .or_else(|| all().find(|p| p.layout == Some(Layout::D)))
            .or_else(|| all().next())
    }

    /// All providers, every layout of them.
    pub fn providers(&self) -> &[&'static ProviderSpec] {
        &self.providers
    }

    /// Every row there is, BBLog's and the providers'; a row's [`FieldSpec::id`] is its index.
    pub fn rows(&self) -> &[&'static FieldSpec] {
        &self.rows
    }

    /// What describes event `id` of `provider`: its own entry, or that of a reserved id, or the one
    /// for unknown events.
    #[inline]
    pub fn event(provider: Option<&'static ProviderSpec>, id: u32) -> &'static EventSpec {
        provider
            .and_then(|p| p.event(id))
            .or_else(|| RESERVED.iter().find(|event| event.id == id))
            .unwrap_or(&UNKNOWN)
    }

    fn add(&mut self, schema: &Schema, kinds: &BTreeMap<String, Kind>) {
        let mut names = NameTables::default();
        let alerts = by_event(&schema.alerts, |alert| &alert.event);
        let timers = by_event(&schema.timers, |timer| &timer.event);
        let categories = by_event(&schema.categories, |category| &category.event);
        let (says, beside) =
            (by_event(&schema.says, |say| &say.event), by_event(&schema.beside, |it| &it.event));
        let mut defs: Vec<&EventDef> = schema.events.iter().collect();
        defs.sort_by_key(|def| def.id);
        let mut events = Vec::with_capacity(defs.len());
        for def in defs {
            let structure = def.payload.as_deref().unwrap_or_default();
            let body = schema.structs.get(structure);
            let fields = body.map_or(&[][..], |body| &body.fields);
            let rows: Vec<FieldSpec> = (0..fields.len())
                .map(|at| {
                    let id = (self.rows.len() + at) as u32;
                    row(schema, def, fields, at, kinds, &mut names, id)
                })
                .collect();
            let rows: &'static [FieldSpec] = rows.leak();
            self.rows.extend(rows);
            events.push(EventSpec {
                id: def.id,
                name: leak(&def.name),
                c_name: leak(&def.name),
                former_names: &[],
                label: "",
                notes: &[],
                logged_by: &[],
                fields: rows,
                titles: titles(schema, def).leak(),
                categories: own_categories(of_event(&categories, def), fields).leak(),
                says: own_says(of_event(&says, def), def, fields).leak(),
                beside: own_sentences(of_event(&beside, def), fields).leak(),
                format: format_parts(&def.format).leak(),
                alerts: own_alerts(of_event(&alerts, def), fields).leak(),
                timers: own_timers(schema, of_event(&timers, def), fields).leak(),
                evidence: &[],
                writers: ALL,
                takeovers: &[],
                size: body.map_or(0, |body| body.size),
            });
        }
        self.providers.push(Box::leak(Box::new(ProviderSpec {
            name: leak(&schema.provider),
            layout: Layout::from_name(&schema.layout),
            events: events.leak(),
        })));
    }
}

/// The events whose ids are reserved for every provider, where its schema does not define them.
static RESERVED: [EventSpec; 3] = [
    reserved(elog::DUMP_COMPLETE, "DUMP_COMPLETE", "all sessions dumped"),
    reserved(elog::SESSION_CREATE, "SESSION_CREATE", "session opened"),
    reserved(elog::SESSION_END, "SESSION_END", "session closed"),
];

const fn reserved(id: u32, name: &'static str, label: &'static str) -> EventSpec {
    EventSpec {
        id,
        name,
        c_name: name,
        former_names: &[],
        label,
        notes: &[],
        logged_by: &[],
        fields: &[],
        titles: &[],
        categories: &[],
        says: &[],
        beside: &[],
        format: &[],
        alerts: &[],
        timers: &[],
        evidence: &[],
        writers: ALL,
        takeovers: &[],
        size: 0,
    }
}

/// The built-in schemas in full.
fn builtin() -> Vec<Schema> {
    let mut all: Vec<Schema> = Vec::new();
    for text in BUILTIN {
        // Unreachable: the texts are part of the program, and a test parses them.
        let Ok(schema) = schema::parse(text) else { continue };
        let full = match schema.base.as_ref().and_then(|base| all.iter().find(|have| have.layout == *base)) {
            Some(base) => schema.over(base),
            None => Ok(schema),
        };
        all.extend(full);
    }
    all
}

/// The type of each filter name: the widest among all layouts and events.
fn kinds(schemas: &[Schema]) -> BTreeMap<String, Kind> {
    let mut kinds: BTreeMap<String, Kind> = BTreeMap::new();
    for schema in schemas {
        for def in &schema.events {
            let body = def.payload.as_ref().and_then(|name| schema.structs.get(name));
            for field in body.iter().flat_map(|body| &body.fields) {
                let kind = kind(schema, def, field);
                kinds
                    .entry(filter(schema, def, field))
                    .and_modify(|have| {
                        *have = match (*have, kind) {
                            (Kind::Unsigned(a), Kind::Unsigned(b)) => Kind::Unsigned(a.max(b)),
                            (Kind::Signed(a), Kind::Signed(b)) => Kind::Signed(a.max(b)),
                            (have, _) => have,
                        }
                    })
                    .or_insert(kind);
            }
        }
    }
    kinds
}

fn filter(schema: &Schema, def: &EventDef, field: &StructField) -> String {
    let name = ["eventlog", &schema.provider, &def.name, &field.name].join(".");
    let valid = |c: char| c.is_ascii_alphanumeric() || c == '.' || c == '_';
    name.chars().map(|c| if valid(c) { c.to_ascii_lowercase() } else { '_' }).collect()
}

fn kind(schema: &Schema, def: &EventDef, field: &StructField) -> Kind {
    match field.ctype {
        _ if doc(schema, def, field).0 == Unit::Bool => Kind::Bool,
        CType::Unsigned(1) if field.tail.is_some() => Kind::Bytes,
        CType::Unsigned(bytes) => Kind::Unsigned(bytes * 8),
        CType::Signed(bytes) => Kind::Signed(bytes * 8),
        CType::Pointer => Kind::Unsigned(64),
        CType::Ipv4 => Kind::Ipv4,
        CType::Ipv6 => Kind::Ipv6,
        CType::Text(_) => Kind::Text,
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

fn row(
    schema: &Schema,
    def: &EventDef,
    fields: &[StructField],
    at: usize,
    kinds: &BTreeMap<String, Kind>,
    names: &mut NameTables,
    id: u32,
) -> FieldSpec {
    let field = &fields[at];
    let filter = filter(schema, def, field);
    let (unit, label) = doc(schema, def, field);
    let order = if field.shown == Annotation::Ntohs { Order::Network } else { Order::Host };
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
    let kind = kinds.get(&filter).copied().unwrap_or(Kind::Bytes);
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
        read: Read::of(kind, &place),
        place,
        when: &When::ALWAYS,
        span: (fields.len() - at) as u16,
        yields_to: &[],
        common: false,
        unset: of_field(&schema.unset, def, field).map_or(&[], |values| values.clone().leak()),
        at_least: of_field(&schema.at_least, def, field).copied(),
        source: leak(&format!(
            "schema of {}, STRUCT {}",
            schema.provider,
            def.payload.as_deref().unwrap_or_default()
        )),
    }
}

/// The parts of a schema's format.
fn format_parts(format: &str) -> Vec<TemplatePart> {
    let mut next = 0_u16;
    schema::pieces(format)
        .into_iter()
        .map(|piece| match piece {
            Piece::Text(text) => TemplatePart::Text(leak(text)),
            Piece::Field(number) => TemplatePart::Value(operand(number.saturating_sub(1))),
            Piece::Printf(conversion) => {
                next += 1;
                TemplatePart::Printf(leak(conversion), next - 1)
            }
        })
        .collect()
}

/// The value of a field of the event's structure.
fn operand(at: usize) -> Operand {
    Operand { own: vec![at as u16].leak(), common: &[], derived: &[] }
}

fn titles(schema: &Schema, def: &EventDef) -> Vec<Title> {
    let words = schema.titles.get(&def.name);
    words.map(|words| Title { when: When::ALWAYS, words: leak(words) }).into_iter().collect()
}

fn own_categories(own: &[&CategoryDef], fields: &[StructField]) -> Vec<EventCategory> {
    let index = FieldIndex::of(own.len(), fields);
    let categories = own.iter().filter_map(|own| {
        Some(EventCategory { when: when(&own.conditions, &index)?, category: own.category })
    });
    categories.collect()
}

/// The schema's sentences about an event; where it has none that always fits, its format too.
fn own_says(own: &[&SentenceDef], def: &EventDef, fields: &[StructField]) -> Vec<SummaryTemplate> {
    let mut says = own_sentences(own, fields);
    if !says.iter().any(|say| say.when.conds.is_empty()) {
        says.insert(0, SummaryTemplate { when: When::ALWAYS, parts: format_parts(&def.format).leak() });
    }
    says
}

/// The sentences of an event but those that name a field which this layout's event does not have.
fn own_sentences(own: &[&SentenceDef], fields: &[StructField]) -> Vec<SummaryTemplate> {
    let index = FieldIndex::of(own.len(), fields);
    let sentences = own.iter().filter_map(|own| {
        let (when, parts) = (when(&own.conditions, &index)?, sentence_parts(&own.pieces, &index)?);
        Some(SummaryTemplate { when, parts: parts.leak() })
    });
    sentences.collect()
}

/// The parts of a sentence; `None` if it names a field that the event does not have.
fn sentence_parts(pieces: &[sentence::Piece], fields: &FieldIndex<'_>) -> Option<Vec<TemplatePart>> {
    let value = |name: &String| fields.get(name).map(|(at, _)| operand(at));
    let part = |piece: &sentence::Piece| {
        Some(match piece {
            sentence::Piece::Text(text) => TemplatePart::Text(leak(text)),
            sentence::Piece::Value(name) => TemplatePart::Value(value(name)?),
            sentence::Piece::Number(name) => TemplatePart::Number(value(name)?),
            sentence::Piece::Flags(name, mask) => TemplatePart::Flags(value(name)?, *mask),
            sentence::Piece::Difference(a, b) => TemplatePart::Difference(value(a)?, value(b)?),
            sentence::Piece::Test(name, mask) => TemplatePart::Test(value(name)?, *mask),
            sentence::Piece::Either(texts) => {
                let texts = texts.iter().map(|text| Some(&*sentence_parts(text, fields)?.leak()));
                TemplatePart::Either(texts.collect::<Option<Vec<_>>>()?.leak())
            }
        })
    };
    pieces.iter().map(part).collect()
}

/// All conditions; `None` if one asks for a field that the event does not have.
fn when(conditions: &[schema::Condition], fields: &FieldIndex<'_>) -> Option<When> {
    let conds: Option<Vec<Cond>> = conditions.iter().map(|cond| condition(cond, fields)).collect();
    Some(When { conds: conds?.leak(), ..When::ALWAYS })
}

/// Definitions by the event that they name, so that none is looked for among all of them.
fn by_event<T>(defs: &[T], event: impl Fn(&T) -> &str) -> HashMap<&str, Vec<&T>> {
    let mut by_event: HashMap<&str, Vec<&T>> = HashMap::new();
    for def in defs {
        by_event.entry(event(def)).or_default().push(def);
    }
    by_event
}

fn of_event<'m, 's, T>(all: &'m HashMap<&'s str, Vec<&'s T>>, def: &EventDef) -> &'m [&'s T] {
    all.get(&*def.name).map_or(&[], Vec::as_slice)
}

/// When an event deserves notice. An alert that asks for a field that this layout's event does not have is
/// left out.
fn own_alerts(own: &[&AlertDef], fields: &[StructField]) -> Vec<Alert> {
    let index = FieldIndex::of(own.len(), fields);
    let alerts = own.iter().filter_map(|alert| {
        let kind = tables::ALERTS.iter().position(|kind| kind.name == alert.kind)?;
        Some(Alert { when: when(&alert.conditions, &index)?, kind: kind as u16 })
    });
    alerts.collect()
}

/// Fields by their names; empty where no definition asks for one.
struct FieldIndex<'s>(HashMap<&'s str, (usize, &'s StructField)>);

impl<'s> FieldIndex<'s> {
    fn of(definitions: usize, fields: &'s [StructField]) -> FieldIndex<'s> {
        let asked = fields.iter().enumerate().filter(|_| definitions > 0);
        FieldIndex(asked.map(|(at, field)| (&*field.name, (at, field))).collect())
    }

    /// The index of a field in its structure, and the field.
    fn get(&self, name: &str) -> Option<(usize, &'s StructField)> {
        self.0.get(name).copied()
    }
}

/// A condition of a schema on a field, which is looked for behind the event's header.
fn condition(cond: &schema::Condition, fields: &FieldIndex<'_>) -> Option<Cond> {
    let (_, field) = fields.get(&cond.field)?;
    let offset = field.offset + elog::EVENT_HEADER_LEN as u16;
    let (size, order, repeat) = (field.ctype.size(), Order::Host, Repeat::Once);
    let place = Place { offset, size, bits: None, low: None, minus: None, order, repeat };
    Some(Cond { member: leak(&cond.field), place, test: test(&cond.test) })
}

fn test(test: &schema::Test) -> Test {
    match test {
        schema::Test::In(values) => Test::In(values.clone().leak()),
        schema::Test::NotIn(values) => Test::NotIn(values.clone().leak()),
        schema::Test::Above(floor) => Test::Above(*floor),
        schema::Test::AnySet(mask) => Test::AnySet(*mask),
        schema::Test::NoneSet(mask) => Test::NoneSet(*mask),
    }
}

/// What an event does to a timer.
fn own_timers(schema: &Schema, own: &[&TimerDef], fields: &[StructField]) -> Vec<TimerStep> {
    let index = FieldIndex::of(own.len(), fields);
    let timers = own.iter().filter_map(|timer| {
        let (row, _) = index.get(&timer.field)?;
        Some(TimerStep {
            when: When::ALWAYS,
            does: timer.does,
            chain: leak(&schema.provider),
            keyed: true,
            rows: vec![row as u16].leak(),
        })
    });
    timers.collect()
}

/// The name tables of one schema, made once each.
#[derive(Default)]
struct NameTables(BTreeMap<(&'static str, String), &'static NameTable>);

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

/// See the module's documentation: a catalog lives as long as the process.
fn leak(text: &str) -> &'static str {
    Box::leak(Box::from(text))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn built_in_schemas_parse() {
        for text in BUILTIN {
            schema::parse(text).unwrap();
        }
        assert_eq!(builtin().len(), BUILTIN.len());
    }
}
