// SPDX-License-Identifier: BSD-2-Clause
//! Facts that inputs do not say themselves: the names of stacks, the kernel, the layout of a provider, and
//! the tables of events.

use std::num::NonZeroU32;
use std::sync::LazyLock;

use bblog_dissector::catalog::Catalog;
use bblog_dissector::layout::Layout;
use bblog_dissector::schema::Schema;
use bblog_dissector::spec::Kernel;
use bblog_dissector::tcp_provider::Addresses;
use bblog_pcapng::stacks::StackNames;

/// Made once, when a program starts: the catalog lives as long as the process.
#[derive(Debug)]
pub struct Assumptions {
    /// Names of the stacks by their numbers in BBLog records, as the user gave them.
    pub stacks: StackNames,
    /// The names of this machine's stacks, for inputs that do not name theirs.
    pub local_stacks: StackNames,
    /// The kernel that wrote the BBLog records; `None` to use the input's, or else to infer it.
    pub kernel: Option<Kernel>,
    /// Ticks per second (kern.hz) of the machine that logged; `None` to use the input's, or
    /// else to infer it.
    pub hz: Option<NonZeroU32>,
    /// Local and remote end of the connection of BBLog records without an entry's header.
    pub ends: Option<Addresses>,
    /// The layout of the `tcp` provider; `None` to find it out.
    pub layout: Option<Layout>,
    /// Whether events of eventlog(9) are put in the order of their times.
    pub sorts: bool,
    /// The tables of events, made on first use.
    pub catalog: LazyCatalog,
}

/// A catalog that is made on first use. Commands that pass BBLog on never use it.
pub type LazyCatalog = LazyLock<Catalog, Box<dyn FnOnce() -> Catalog + Send>>;

/// The catalog of the built-in schemas with a user's.
pub fn lazy_catalog(schemas: Vec<Schema>) -> LazyCatalog {
    LazyLock::new(Box::new(move || Catalog::with_schemas(&schemas)))
}

impl Assumptions {
    /// The built-in tables, with the stacks of the machine that logged.
    pub fn new(stacks: StackNames) -> Assumptions {
        let local_stacks = StackNames::none();
        Assumptions {
            stacks,
            local_stacks,
            kernel: None,
            hz: None,
            ends: None,
            layout: None,
            sorts: true,
            catalog: lazy_catalog(Vec::new()),
        }
    }

    /// The layout to read the `tcp` provider with, if the capture's events speak for `voted`.
    pub fn layout(&self, voted: Option<Layout>) -> Option<Layout> {
        self.layout.or(voted)
    }
}

impl Default for Assumptions {
    /// The built-in tables; no stack has a name.
    fn default() -> Assumptions {
        Assumptions::new(StackNames::none())
    }
}
