//! Options about which events are taken.

use bblog_converter::select::{Criteria, Selection};

use super::Wrong;

/// Options that select events.
#[derive(clap::Args)]
#[command(next_help_heading = "Selection")]
pub struct SelectionArgs {
    /// No more than COUNT events
    #[arg(long, value_name = "COUNT")]
    limit: Option<u64>,
}

impl SelectionArgs {
    /// What the options select.
    ///
    /// # Errors
    /// What is wrong with one of them.
    pub fn selection(self) -> Result<Selection, Wrong> {
        Ok(Selection::new(Criteria { limit: self.limit, ..Criteria::default() }))
    }
}
