// SPDX-License-Identifier: BSD-2-Clause
//! The values of BBLog events, each event's read in a way that is worked out once.
//!
//! Which rows of an event apply depends on its stack and kernel, and only for few rows on the record itself. Most values are
//! numbers at one place.

use std::collections::HashMap;

use bblog_dissector::event::Event;
use bblog_dissector::spec::{EventSpec, FieldSpec, Kernel, Stack};
use foldhash::fast::RandomState;

use super::fixed_member::{FixedMember, event_flags};

/// How the values of an event are read.
pub(super) struct OwnValues {
    /// In the order of the rows.
    pub(super) groups: Vec<OwnGroup>,
    /// Bytes of a record that the fixed members lie in.
    pub(super) len: usize,
}

/// Rows with the same condition.
pub(super) struct OwnGroup {
    /// A row with the condition; `None` if the stack and the kernel decide it, and the event flags that a member requires.
    pub(super) condition: Option<&'static FieldSpec>,
    pub(super) steps: Vec<OwnStep>,
}

/// How the value of a row is read.
pub(super) struct OwnStep {
    /// The row, by its index among those of the event.
    pub(super) row: usize,
    /// The row's name, by its number, and where its number stands; `None` if that takes a look at the row.
    pub(super) fixed: Option<(i32, FixedMember)>,
}

/// The ways that were worked out.
#[derive(Default)]
pub(super) struct OwnValuesOf {
    all: Vec<OwnValues>,
    places: HashMap<(*const EventSpec, Stack, Kernel), usize, RandomState>,
}

impl OwnValuesOf {
    /// That of an event; `name` gives the number of a row's name.
    pub(super) fn event(
        &mut self,
        event: &Event<'_>,
        name: impl Fn(&FieldSpec) -> Option<i32>,
    ) -> &OwnValues {
        let key = (std::ptr::from_ref(event.spec()), event.stack(), event.kernel());
        let all = &mut self.all;
        let place = *self.places.entry(key).or_insert_with(|| {
            all.push(OwnValues::new(event.spec(), event.stack(), event.kernel(), name));
            all.len() - 1
        });
        &self.all[place]
    }
}

impl OwnValues {
    fn new(
        spec: &'static EventSpec,
        stack: Stack,
        kernel: Kernel,
        name: impl Fn(&FieldSpec) -> Option<i32>,
    ) -> OwnValues {
        let may_apply =
            |row: &FieldSpec| row.when.stacks & stack.bit() != 0 && row.when.kernels & kernel.bit() != 0;
        let yields = |row: &FieldSpec| {
            row.yields_to.iter().any(|&other| spec.fields.get(usize::from(other)).is_some_and(may_apply))
        };
        let step = |&(index, row): &(usize, &'static FieldSpec)| {
            let flags = event_flags(row.when).unwrap_or(0);
            let fixed = FixedMember::of(row, flags).filter(|_| !yields(row));
            OwnStep { row: index, fixed: fixed.and_then(|member| Some((name(row)?, member))) }
        };
        let rows = spec.fields.iter().enumerate().filter(|(_, row)| may_apply(row));
        let rows: Vec<(usize, &'static FieldSpec)> = rows.collect();
        let groups: Vec<OwnGroup> = rows
            .chunk_by(|(_, a), (_, b)| std::ptr::eq(a.when, b.when))
            .map(|rows| OwnGroup {
                condition: rows.first().map(|(_, row)| *row).filter(|row| event_flags(row.when).is_none()),
                steps: rows.iter().map(step).collect(),
            })
            .collect();
        let steps = groups.iter().flat_map(|group| &group.steps);
        let ends = steps.filter_map(|step| Some(step.fixed.as_ref()?.1.end()));
        OwnValues { len: ends.max().unwrap_or_default(), groups }
    }
}
