// SPDX-License-Identifier: BSD-2-Clause
//! BBLog's tables, compiled from `tables/`, and the common members of both kinds of log.

use crate::spec::*;

include!(concat!(env!("OUT_DIR"), "/tables.rs"));

/// The event with number `id`; `None` for 0 and for numbers the tables do not have.
#[inline]
pub fn event(id: u8) -> Option<&'static EventSpec> {
    EVENTS.get(usize::from(id).checked_sub(1)?)
}

/// The alert called `name`.
pub fn alert(name: &str) -> Option<&'static AlertSpec> {
    ALERTS.iter().find(|alert| alert.name == name)
}

/// Every compiled row, by id.
pub fn rows() -> impl Iterator<Item = &'static FieldSpec> {
    let groups = [DERIVED, ELOG_HEADER, RAW, RECORD, TRACK, VERBOSE];
    let mut groups: Vec<&'static FieldSpec> = groups.into_iter().flatten().collect();
    groups.sort_by_key(|row| row.id);
    groups.into_iter().chain(EVENTS.iter().flat_map(|event| event.fields))
}
