// SPDX-License-Identifier: BSD-2-Clause
//! Alerts that the table of an event does not have: they follow from the events before it, or from what no table describes.

use bblog_dissector::event::Event;
use bblog_dissector::spec::{AlertSpec, Stack};
use bblog_dissector::tables;

use super::track::Tracked;

/// Why an event deserves notice beside the alerts of its table ([`Event::alerts`]) and the end of a stall
/// ([`Step::stall_ended`](crate::Step)). `has_tables` is whether its provider is described; that of a BBLog record is.
pub fn notices(
    event: &Event<'_>,
    tracked: &Tracked,
    has_tables: bool,
) -> impl Iterator<Item = &'static AlertSpec> + use<> {
    let is_unknown = event.spec().is_unknown();
    let is_truncated = event.is_truncated();
    let recovery = match tracked.recovery {
        // It logs it as events.
        _ if event.stack() == Stack::Bbr => None,
        Some(true) => Some("enter_recovery"),
        Some(false) => Some("exit_recovery"),
        None => None,
    };
    let names = [
        tracked.gap.map(|_| "gap"),
        recovery,
        (!has_tables).then_some("unknown_provider"),
        (has_tables && is_unknown).then_some("unknown_event"),
        is_truncated.then_some("malformed"),
        (!is_truncated && !is_unknown && !event.trailing().is_empty()).then_some("unknown_layout"),
    ];
    names.into_iter().flatten().filter_map(tables::alert)
}
