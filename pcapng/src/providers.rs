// SPDX-License-Identifier: BSD-2-Clause
//! The providers of a capture of eventlog(9): their numbers in events, and the descriptions of their
//! events.

use bblog_dissector::catalog::{Catalog, ProviderSpec};
use bblog_dissector::elog::{ProviderTable, RawEvent};
use bblog_dissector::layout::{Layout, Votes};
use bblog_dissector::tcp_provider;

use crate::escape::Escaped;

/// The providers of a capture, in the order of its table.
#[derive(Clone, Debug, Default)]
pub struct Providers(Vec<CaptureProvider>);

/// A provider of a capture.
#[derive(Clone, Debug)]
pub struct CaptureProvider {
    /// Its number in events.
    pub id: u16,
    /// Equal for providers with the same name. Sessions are identified by it.
    pub name_number: u16,
    /// Whether it is one of the providers called `tcp`: each TCP stack has one.
    pub is_tcp: bool,
    /// Its name.
    pub name: Vec<u8>,
    /// The description of its events. `None` if no schema has it, and before [`Providers::describe`].
    pub spec: Option<&'static ProviderSpec>,
}

impl Providers {
    /// The providers of a table with its count. If an id occurs twice, the first entry is used.
    pub fn of_table(table: &[u8]) -> Providers {
        let table = ProviderTable::split(table);
        Providers::new(table.into_iter().flat_map(|(table, _)| table.iter()))
    }

    /// Providers by id and name. If an id occurs twice, the first is used.
    pub fn new<'a>(entries: impl Iterator<Item = (u16, &'a [u8])>) -> Providers {
        let mut providers: Vec<CaptureProvider> = Vec::new();
        for (id, name) in entries {
            if providers.iter().any(|known| known.id == id) {
                continue;
            }
            let same = providers.iter().find(|known| known.name == name);
            let name_number = same.map_or(providers.len() as u16, |known| known.name_number);
            let is_tcp = name == tcp_provider::NAME;
            providers.push(CaptureProvider { id, name_number, is_tcp, name: name.to_vec(), spec: None });
        }
        Providers(providers)
    }

    /// Looks up the description of each provider's events. Providers called `tcp` have `layout`, or the assumed one.
    pub fn describe(&mut self, catalog: &Catalog, layout: Option<Layout>) {
        for provider in &mut self.0 {
            provider.spec = catalog.provider(&provider.name, layout);
        }
    }

    /// The votes of `events` for the layout of the providers called `tcp`.
    pub fn votes<'a>(&self, events: impl Iterator<Item = RawEvent<'a>>) -> Votes {
        let mut votes = Votes::default();
        events.filter(|event| self.is_tcp(event.provider_id())).for_each(|event| votes.count(&event));
        votes
    }

    /// The provider with this number; `None` if the capture does not name it.
    #[inline]
    pub fn get(&self, id: u16) -> Option<&CaptureProvider> {
        self.0.iter().find(|provider| provider.id == id)
    }

    /// Whether this is the number of a provider called `tcp`.
    #[inline]
    pub fn is_tcp(&self, id: u16) -> bool {
        self.get(id).is_some_and(|provider| provider.is_tcp)
    }

    /// The description of the events of the providers called `tcp`. `None` if the capture has no such provider.
    pub fn tcp(&self) -> Option<&'static ProviderSpec> {
        self.0.iter().find(|provider| provider.is_tcp).and_then(|provider| provider.spec)
    }

    /// The providers, in the order of the table.
    pub fn iter(&self) -> impl Iterator<Item = &CaptureProvider> {
        self.0.iter()
    }

    /// Their names as text, each once: `tcp, hpts`, or `no provider`.
    pub fn names(&self) -> String {
        let first = |provider: &&CaptureProvider| {
            let same = self.0.iter().find(|other| other.name_number == provider.name_number);
            same.is_some_and(|first| first.id == provider.id)
        };
        let names: Vec<String> =
            self.iter().filter(first).map(|provider| Escaped(&provider.name).to_string()).collect();
        if names.is_empty() { "no provider".to_owned() } else { names.join(", ") }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn one_name_has_one_number_and_the_first_of_an_id_counts() {
        let entries: [(u16, &[u8]); 4] = [(1, b"tcp"), (2, b"hpts"), (3, b"tcp"), (2, b"other")];
        let mut providers = Providers::new(entries.into_iter());
        let numbers: Vec<u16> = providers.iter().map(|provider| provider.name_number).collect();
        assert_eq!(numbers, [0, 1, 0]);
        assert_eq!(providers.get(2).map(|provider| &provider.name[..]), Some(&b"hpts"[..]));
        assert!(providers.is_tcp(3) && !providers.is_tcp(2) && !providers.is_tcp(4));
        assert_eq!(providers.names(), "tcp, hpts");
        assert!(providers.tcp().is_none());
        providers.describe(&Catalog::builtin(), Some(Layout::E));
        assert_eq!(providers.tcp().and_then(|spec| spec.layout), Some(Layout::E));
        assert_eq!(Providers::new(std::iter::empty()).names(), "no provider");
    }
}
