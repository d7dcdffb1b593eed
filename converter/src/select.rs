//! Which events of the inputs a user asks for.

use bblog_dissector::Micros;

use crate::listing::Shown;

/// What an event must be to be selected; by default every one is.
#[derive(Debug, Default)]
pub struct Criteria {
    /// Not earlier than this.
    pub from: Option<Micros>,
    /// Earlier than this.
    pub to: Option<Micros>,
    /// No more than this many.
    pub limit: Option<u64>,
}

/// Selects events, one after the other.
#[derive(Debug, Default)]
pub struct Selection {
    criteria: Criteria,
    taken: u64,
}

impl Selection {
    /// Selects what meets all of `criteria`.
    pub fn new(criteria: Criteria) -> Selection {
        Selection { criteria, taken: 0 }
    }

    /// Whether no further event can be selected.
    #[inline]
    pub fn is_full(&self) -> bool {
        self.criteria.limit.is_some_and(|limit| self.taken >= limit)
    }

    /// Whether the event is selected, which counts against the limit.
    #[inline]
    pub fn admits(&mut self, shown: &Shown<'_>) -> bool {
        let time = shown.seen.time();
        if self.criteria.from.is_some_and(|from| time < from) || self.criteria.to.is_some_and(|to| time >= to)
        {
            return false;
        }
        self.taken += 1;
        true
    }
}
