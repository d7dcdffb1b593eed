// SPDX-License-Identifier: BSD-2-Clause
//! The selection of events.

mod bound;
mod ends;
pub mod filter;
pub mod named;
mod nothing;
pub mod walk;

use bblog_dissector::Micros;
#[cfg(doc)]
use bblog_dissector::spec::Stack;

pub use bound::Bound;
pub use ends::Ends;
pub use nothing::{NothingSelected, Wanted};

use self::filter::Filter;
use crate::event::connection::ConnectionRef;
use crate::event::decode::DecodedItem;
use crate::event::item::LogItem;

/// The conditions of a selection. By default every event is selected.
#[derive(Clone, Debug, Default)]
pub struct Criteria {
    /// Not earlier than this.
    pub from: Option<Bound>,
    /// Earlier than this.
    pub to: Option<Bound>,
    /// Of this connection.
    pub connection: Option<Ends>,
    /// The filter.
    pub filter: Option<Filter>,
    /// No more than this many.
    pub limit: Option<u64>,
}

/// Selects events, one after the other.
#[derive(Debug, Default)]
pub struct Selection {
    criteria: Criteria,
    /// Time of the first event.
    first: Option<Micros>,
    /// Input and section of the last BBLog record, and whether they are of the connection.
    section: Option<(usize, u64, bool)>,
    taken: u64,
    /// Over all restarts of the selection.
    seen: Seen,
    /// Whether connections are followed even if the selection does not need it.
    follows: bool,
    /// Whether only what matters is selected.
    notable: bool,
}

/// What a selection has seen.
#[derive(Clone, Copy, Debug, Default)]
pub struct Seen {
    /// Events seen, and those of them that were taken.
    events: u64,
    taken: u64,
    /// The stacks of the BBLog events seen ([`Stack::bit`]s).
    stacks: u8,
}

impl Selection {
    /// Selects what meets all of `criteria`.
    pub fn new(criteria: Criteria) -> Selection {
        Selection { criteria, ..Selection::default() }
    }

    /// Whether every event is selected.
    pub fn is_everything(&self) -> bool {
        let Criteria { from, to, connection, filter, limit } = &self.criteria;
        !self.notable
            && from.is_none()
            && to.is_none()
            && connection.is_none()
            && filter.is_none()
            && limit.is_none()
    }

    /// Selects only what matters: losses, timers that fired, recovery, changes of state, errors, closed windows,
    /// stalls, and the beginning and end of connections.
    pub fn only_notable(&mut self) {
        self.notable = true;
    }

    /// Follows connections even if the selection does not need it: for output that shows what the analysis says of them.
    pub fn follow(&mut self) {
        self.follows = true;
    }

    /// Whether connections are to be followed, all of their events, before any is selected.
    pub fn follows(&self) -> bool {
        self.follows || self.notable || self.criteria.filter.as_ref().is_some_and(Filter::follows)
    }

    /// Selects as if no event had been seen yet: for inputs that are looked at one by one.
    pub fn begin_anew(&mut self) {
        (self.first, self.section, self.taken) = (None, None, 0);
    }

    /// The same selection, which has seen nothing: for another thread.
    pub fn another(&self) -> Selection {
        let Selection { follows, notable, .. } = *self;
        Selection { criteria: self.criteria.clone(), follows, notable, ..Selection::default() }
    }

    /// What it has seen.
    pub fn seen(&self) -> Seen {
        self.seen
    }

    /// Takes note of what [another](Selection::another) has seen.
    pub fn add_seen(&mut self, other: Seen) {
        let Seen { events, taken, stacks } = &mut self.seen;
        *events += other.events;
        *taken += other.taken;
        *stacks |= other.stacks;
    }

    /// That there were events and none of them was selected.
    pub fn took_nothing(&self) -> Option<NothingSelected> {
        let Seen { events, taken, stacks } = self.seen;
        (events > 0 && taken == 0).then(|| {
            let wanted = self.criteria.filter.as_ref().map(Filter::wanted).unwrap_or_default();
            NothingSelected::new(events, stacks, &wanted)
        })
    }

    /// Whether no further event can be selected.
    #[inline]
    pub fn is_full(&self) -> bool {
        self.criteria.limit.is_some_and(|limit| self.taken >= limit)
    }

    /// Whether the event is selected, which counts against the limit.
    #[inline]
    pub fn admits(&mut self, decoded: &DecodedItem<'_>) -> bool {
        self.seen.events += 1;
        if matches!(decoded.item, LogItem::Bblog(_)) {
            self.seen.stacks |= decoded.event.stack().bit();
        }
        let time = decoded.item.time();
        let first = *self.first.get_or_insert(time);
        let is_before = |bound: &Bound| time < bound.from_first(first);
        if self.criteria.from.as_ref().is_some_and(is_before)
            || self.criteria.to.as_ref().is_some_and(|to| !is_before(to))
            || !self.is_of_connection(decoded)
            || (self.notable && !decoded.is_notable())
            || !self.criteria.filter.as_mut().is_none_or(|filter| filter.selects(decoded))
        {
            return false;
        }
        self.taken += 1;
        self.seen.taken += 1;
        true
    }

    #[inline]
    fn is_of_connection(&mut self, decoded: &DecodedItem<'_>) -> bool {
        let Some(ends) = &self.criteria.connection else { return true };
        let is = || ConnectionRef::of(&decoded.item).addresses.is_some_and(|addresses| ends.are(&addresses));
        match &decoded.item {
            LogItem::Eventlog(_) => is(),
            // All records of a section are of one connection.
            LogItem::Bblog(item) => match self.section {
                Some((input, section, is)) if (input, section) == (decoded.input, item.section) => is,
                _ => self.section.insert((decoded.input, item.section, is())).2,
            },
        }
    }
}
