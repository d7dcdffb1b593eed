// SPDX-License-Identifier: BSD-2-Clause
//! All tables of a process: BBLog's, and the providers that schemas describe.
//!
//! A catalog is made from the built-in schemas and those that the user gave, usually when a program starts. Its
//! rows are `&'static`, so that decoding an event neither counts references nor allocates. Therefore a catalog lives
//! as long as the process. Equal schemas share one, so a process holds as many as it has had different schemas.

mod leak;
mod reserved;
mod row;
mod sentences;

use std::collections::{BTreeMap, HashMap};
use std::sync::{LazyLock, Mutex, PoisonError};

use self::leak::leak;
use self::reserved::RESERVED;
use self::row::{NameTables, kinds, row};
use self::sentences::{
    format_parts, own_alerts, own_categories, own_says, own_sentences, own_timers, titles,
};
use crate::layout::Layout;
use crate::schema::{self, EventDef, Schema};
use crate::spec::{ALL, EventSpec, FieldSpec, Kind, UNKNOWN};
use crate::tables;

/// The built-in schemas; the tcp provider's layouts are written as differences.
const BUILTIN: [&str; 8] = [
    include_str!("../../tables/eventlog/tcp.schema"),
    include_str!("../../tables/eventlog/tcp_d2.schema"),
    include_str!("../../tables/eventlog/tcp_e.schema"),
    include_str!("../../tables/eventlog/tcp_c.schema"),
    include_str!("../../tables/eventlog/tcp_b.schema"),
    include_str!("../../tables/eventlog/tcp_a.schema"),
    include_str!("../../tables/eventlog/hpts.schema"),
    include_str!("../../tables/eventlog/test.schema"),
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
        Catalog::with_schemas(&[])
    }

    /// The built-in tables with a user's schemas, each of which replaces every layout of the
    /// built-in provider of its name; of two user's schemas for one provider the later one
    /// wins. A user's schema must be complete: its BASE is not looked for.
    ///
    /// Tables are made once for each list of schemas, and never freed; further calls with equal schemas share them.
    pub fn with_schemas(user: &[Schema]) -> Catalog {
        static MADE: LazyLock<Mutex<HashMap<Vec<Schema>, Catalog>>> = LazyLock::new(Mutex::default);
        let mut made = MADE.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(catalog) = made.get(user) {
            return catalog.clone();
        }
        let catalog = Catalog::of(user);
        made.insert(user.to_vec(), catalog.clone());
        catalog
    }

    /// Makes the tables of [`Catalog::with_schemas`].
    fn of(user: &[Schema]) -> Catalog {
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
