// SPDX-License-Identifier: BSD-2-Clause
//! Events that every provider has.

use crate::elog;
use crate::spec::EventSpec;

/// The events whose ids are reserved for every provider, where its schema does not define them.
pub(super) static RESERVED: [EventSpec; 3] = [
    reserved(elog::DUMP_COMPLETE, "DUMP_COMPLETE", "all sessions dumped"),
    reserved(elog::SESSION_CREATE, "SESSION_CREATE", "session opened"),
    reserved(elog::SESSION_END, "SESSION_END", "session closed"),
];

const fn reserved(id: u32, name: &'static str, label: &'static str) -> EventSpec {
    EventSpec::without_rows(id, name, name, label)
}
