// SPDX-License-Identifier: BSD-2-Clause
//! Facts that inputs do not say themselves: the names of stacks, the kernel, the layout of a provider, and
//! the tables of events.

use std::fmt;
use std::num::NonZeroU32;
use std::sync::LazyLock;
use std::sync::atomic::{AtomicU64, Ordering};

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
    /// Numbers of the stacks in the records that were read, if the user named any.
    pub met: StackNumbers,
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
            met: StackNumbers::default(),
            local_stacks,
            kernel: None,
            hz: None,
            ends: None,
            layout: None,
            sorts: true,
            catalog: lazy_catalog(Vec::new()),
        }
    }

    /// Takes note of the stack number of records that are read.
    pub fn meet(&self, id: u8) {
        if !self.stacks.is_none() {
            self.met.add(id);
        }
    }

    /// That none of the stack numbers that the user named is in the records that were read, if that is so.
    pub fn stacks_not_met(&self) -> Option<StacksNotMet> {
        let met = self.met.all();
        let is_met = met.iter().any(|id| self.stacks.find(*id).is_some());
        (!met.is_empty() && !is_met).then(|| StacksNotMet { named: self.stacks.ids().collect(), met })
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

/// A set of stack numbers, to which several threads add.
#[derive(Debug, Default)]
pub struct StackNumbers([AtomicU64; 4]);

impl StackNumbers {
    fn add(&self, id: u8) {
        self.0[usize::from(id / 64)].fetch_or(1 << (id % 64), Ordering::Relaxed);
    }

    fn all(&self) -> Vec<u8> {
        let has = |id: &u8| self.0[usize::from(id / 64)].load(Ordering::Relaxed) & 1 << (id % 64) != 0;
        (0..=u8::MAX).filter(has).collect()
    }
}

/// Stack numbers that the user named and that no record has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct StacksNotMet {
    named: Vec<u8>,
    met: Vec<u8>,
}

/// `--stack names 9, and the records read have stack number 2`
impl fmt::Display for StacksNotMet {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let list = |ids: &[u8]| ids.iter().map(u8::to_string).collect::<Vec<_>>().join(", ");
        let s = if self.met.len() == 1 { "" } else { "s" };
        write!(
            f,
            "--stack names {}, and the records read have stack number{s} {}",
            list(&self.named),
            list(&self.met)
        )
    }
}
