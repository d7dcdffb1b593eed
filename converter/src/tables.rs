//! What inputs do not say themselves: the names of stacks, and the tables of events.

use bblog_dissector::catalog::Catalog;

use crate::stacks::StackNames;

/// Made once, when a program starts: the catalog lives as long as the process.
#[derive(Debug)]
pub struct Tables {
    /// Names of the stacks that BBLog records know by number.
    pub stacks: StackNames,
    /// The tables of events.
    pub catalog: Catalog,
}

impl Tables {
    /// The built-in tables, with the stacks of the machine that logged.
    pub fn new(stacks: StackNames) -> Tables {
        Tables { stacks, catalog: Catalog::builtin() }
    }
}

impl Default for Tables {
    /// The built-in tables; no stack has a name.
    fn default() -> Tables {
        Tables::new(StackNames::none())
    }
}
