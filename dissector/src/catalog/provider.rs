// SPDX-License-Identifier: BSD-2-Clause
//! A provider's tables, made from its schema on first use.

use std::collections::HashMap;
use std::fmt;
use std::sync::{Arc, LazyLock};

use super::event_rows::EventRows;
use super::leak::leak;
use super::row::{Kinds, NameTables, row};
use super::sentences::{
    format_parts, own_alerts, own_categories, own_says, own_sentences, own_timers, titles,
};
use crate::layout::Layout;
use crate::schema::{EventDef, Schema};
use crate::spec::{ALL, EventSpec, FieldSpec};

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

/// A provider in one layout. A capture has one or two, of many that there are.
pub(super) struct LazyProvider {
    name: &'static str,
    layout: Option<Layout>,
    rows: usize,
    spec: LazyLock<&'static ProviderSpec, Box<dyn FnOnce() -> &'static ProviderSpec + Send>>,
}

impl LazyProvider {
    /// The provider that `schema`, a complete one, describes. Its rows are numbered from `first_row` on.
    pub(super) fn new(schema: Schema, kinds: &Arc<Kinds>, first_row: usize) -> LazyProvider {
        let (name, layout) = (leak(&schema.provider), Layout::from_name(&schema.layout));
        let rows = schema.events.iter().map(|def| EventRows::of(&schema, def).len()).sum();
        let kinds = Arc::clone(kinds);
        let make = move || -> &'static ProviderSpec {
            let events = events(&schema, &kinds, first_row).leak();
            Box::leak(Box::new(ProviderSpec { name, layout, events }))
        };
        LazyProvider { name, layout, rows, spec: LazyLock::new(Box::new(make)) }
    }

    pub(super) fn name(&self) -> &'static str {
        self.name
    }

    pub(super) fn layout(&self) -> Option<Layout> {
        self.layout
    }

    /// How many rows it has.
    pub(super) fn rows(&self) -> usize {
        self.rows
    }

    /// Its tables.
    pub(super) fn spec(&self) -> &'static ProviderSpec {
        *self.spec
    }
}

impl fmt::Debug for LazyProvider {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        out.debug_struct("LazyProvider").field("name", &self.name).field("layout", &self.layout).finish()
    }
}

/// The events of a schema, by id; their rows are numbered from `next_row` on.
fn events(schema: &Schema, kinds: &Kinds, mut next_row: usize) -> Vec<EventSpec> {
    let mut names = NameTables::default();
    let alerts = by_event(&schema.alerts, |alert| &alert.event);
    let timers = by_event(&schema.timers, |timer| &timer.event);
    let categories = by_event(&schema.categories, |category| &category.event);
    let (says, beside) = (by_event(&schema.says, |say| &say.event), by_event(&schema.beside, |it| &it.event));
    let mut defs: Vec<&EventDef> = schema.events.iter().collect();
    defs.sort_by_key(|def| def.id);
    let mut events = Vec::with_capacity(defs.len());
    for def in defs {
        let structure = def.payload.as_deref().unwrap_or_default();
        let body = schema.structs.get(structure);
        let rows = EventRows::of(schema, def);
        let fields: Vec<FieldSpec> = (0..rows.len())
            .map(|at| {
                let id = (next_row + at) as u32;
                row(schema, def, &rows, at, kinds, &mut names, id)
            })
            .collect();
        let fields: &'static [FieldSpec] = fields.leak();
        next_row += fields.len();
        events.push(EventSpec {
            id: def.id,
            name: leak(&def.name),
            c_name: leak(&def.name),
            former_names: &[],
            label: "",
            notes: &[],
            logged_by: &[],
            fields,
            titles: titles(schema, def).leak(),
            categories: own_categories(of_event(&categories, def), &rows).leak(),
            says: own_says(of_event(&says, def), def, &rows).leak(),
            beside: own_sentences(of_event(&beside, def), &rows).leak(),
            format: format_parts(&def.format, &rows).leak(),
            alerts: own_alerts(of_event(&alerts, def), &rows).leak(),
            timers: own_timers(schema, of_event(&timers, def), &rows).leak(),
            proofs: &[],
            writers: ALL,
            takeovers: &[],
            size: body.map_or(0, |body| body.size),
        });
    }
    events
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
