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
    /// By the address of the event's row.
    places: HashMap<(usize, Stack, Kernel), usize, RandomState>,
}

impl OwnValuesOf {
    /// That of an event; `name` gives the number of a row's name.
    pub(super) fn event(
        &mut self,
        event: &Event<'_>,
        name: impl Fn(&FieldSpec) -> Option<i32>,
    ) -> &OwnValues {
        let key = (std::ptr::from_ref(event.spec()).addr(), event.stack(), event.kernel());
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

#[cfg(test)]
mod tests {
    use bblog_dissector::bblog::{RECORD_LEN, Record};
    use bblog_dissector::event::{RecordContext, RowGroup, Value};
    use bblog_dissector::tables;
    use proptest::prelude::*;

    use super::*;

    /// The numbers of an event by its plan, and whether a row has to be looked at for the rest.
    fn by_plan(event: &Event<'_>, flags: u16) -> Vec<(u32, i64)> {
        let mut plans = OwnValuesOf::default();
        let plan = plans.event(event, |row| Some(row.id as i32));
        let mut found = Vec::new();
        for group in plan.groups.iter().filter(|group| group.condition.is_none_or(|row| event.may_apply(row)))
        {
            for step in &group.steps {
                match &step.fixed {
                    Some((id, member)) => {
                        let value = member.read(event.as_bytes());
                        if member.is_set(flags, value) {
                            found.push((*id as u32, value));
                        }
                    }
                    None => {
                        found.extend(event.one(RowGroup::Own, step.row).filter_map(|field| number(&field)))
                    }
                }
            }
        }
        found
    }

    fn number(field: &bblog_dissector::event::Field<'_>) -> Option<(u32, i64)> {
        match field.value {
            Value::Unsigned(value) | Value::Bool(value) => Some((field.spec.id, value as i64)),
            Value::Signed(value) => Some((field.spec.id, value)),
            _ => None,
        }
        .filter(|_| !field.is_unset())
    }

    proptest! {
        /// A plan gives the numbers that the rows give, in their order, of any record of every event.
        #[test]
        fn plans_are_the_rows(
            mut bytes in prop::collection::vec(prop_oneof![Just(0_u8), Just(1), Just(0xff), any::<u8>()], RECORD_LEN),
            flags in any::<u8>(),
        ) {
            for stack in Stack::ALL {
                for kernel in Kernel::ALL {
                    for spec in tables::EVENTS {
                        bytes[25] = spec.id as u8;
                        // Without a verbose part, which would follow.
                        bytes[26] = flags & !0x08;
                        let (record, _) = Record::split(&bytes).unwrap();
                        let event = Event::of_record(&record, RecordContext::new(stack, kernel));
                        let expected: Vec<_> = event.fields().filter_map(|field| number(&field)).collect();
                        prop_assert_eq!(by_plan(&event, record.flags().0), expected, "{}", spec.name);
                    }
                }
            }
        }
    }
}
