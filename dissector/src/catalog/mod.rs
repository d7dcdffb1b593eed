// SPDX-License-Identifier: BSD-2-Clause
//! All tables of a process: BBLog's, and the providers that schemas describe.
//!
//! A catalog is made from the built-in schemas and those that the user gave, usually when a program starts. Its
//! rows are `&'static`, so that decoding an event neither counts references nor allocates. Therefore a catalog lives
//! as long as the process. Equal schemas share one, so a process holds as many as it has had different schemas.

mod event_rows;
mod leak;
mod provider;
mod reserved;
mod row;
mod sentences;

use std::collections::HashMap;
use std::sync::{Arc, LazyLock, Mutex, OnceLock, PoisonError};

pub use self::provider::ProviderSpec;

use self::provider::LazyProvider;
use self::reserved::RESERVED;
use self::row::Kinds;
use crate::layout::Layout;
use crate::schema::{self, Schema};
use crate::spec::{EventSpec, FieldSpec, UNKNOWN};
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

/// All tables of a process.
#[derive(Clone, Debug, Default)]
pub struct Catalog(Arc<ProviderTables>);

#[derive(Debug, Default)]
struct ProviderTables {
    providers: Vec<LazyProvider>,
    /// What [`Catalog::providers`] and [`Catalog::rows`] return.
    all: OnceLock<(Vec<&'static ProviderSpec>, Vec<&'static FieldSpec>)>,
}

impl Catalog {
    /// The built-in tables. The schemas are read when this is first called, and a provider's tables are made when
    /// they are first requested; all calls share them.
    pub fn builtin() -> Catalog {
        Catalog::with_schemas(&[])
    }

    /// The built-in tables with a user's schemas, which replace every layout of the
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
        let kinds = Arc::new(Kinds::of(&schemas));
        let mut first_row = tables::rows().count();
        let provider = |schema: Schema| {
            let provider = LazyProvider::new(schema, &kinds, first_row);
            first_row += provider.rows();
            provider
        };
        let providers = schemas.into_iter().map(provider).collect();
        Catalog(Arc::new(ProviderTables { providers, all: OnceLock::new() }))
    }

    /// The provider called `name`. Of its layouts, the one given, or else D, or else the only
    /// one.
    pub fn provider(&self, name: &[u8], layout: Option<Layout>) -> Option<&'static ProviderSpec> {
        let all = || self.0.providers.iter().filter(|p| p.name().as_bytes() == name);
        all()
            .find(|p| p.layout().is_some() && p.layout() == layout)
            .or_else(|| all().find(|p| p.layout() == Some(Layout::D)))
            .or_else(|| all().next())
            .map(LazyProvider::spec)
    }

    fn all(&self) -> &(Vec<&'static ProviderSpec>, Vec<&'static FieldSpec>) {
        self.0.all.get_or_init(|| {
            let providers: Vec<_> = self.0.providers.iter().map(LazyProvider::spec).collect();
            let events = providers.iter().flat_map(|provider| provider.events);
            let rows = tables::rows().chain(events.flat_map(|event| event.fields)).collect();
            (providers, rows)
        })
    }

    /// All providers, every layout of them.
    pub fn providers(&self) -> &[&'static ProviderSpec] {
        &self.all().0
    }

    /// Every row there is, BBLog's and the providers'; a row's [`FieldSpec::id`] is its index.
    pub fn rows(&self) -> &[&'static FieldSpec] {
        &self.all().1
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
