// SPDX-License-Identifier: BSD-2-Clause
//! Where a stack says why its output stopped, arithmetic alone says the same.

mod logs;

use std::collections::BTreeMap;

use bblog_analysis::{Limit, StopReason, arithmetic};
use bblog_dissector::tables;

use crate::logs::{follow, load, name, streams};

/// The state that a stop is; `None` where the stack does not say why.
fn limit(stop: StopReason) -> Option<Limit> {
    match stop {
        StopReason::Cwnd => Some(Limit::CongestionWindow),
        StopReason::Rwnd | StopReason::Persist => Some(Limit::ReceiverWindow),
        StopReason::Application => Some(Limit::Application),
        StopReason::Prr => Some(Limit::Recovery),
        StopReason::DataSent | StopReason::Assessing => None,
    }
}

/// What the stack said and what arithmetic says, and how often, at each stop in ESTABLISHED.
type Cells = &'static [((Option<&'static str>, &'static str), u64)];

/// FreeBSD 13, 20 ms away. In the one disagreement both are right: the window has room for less than a segment.
const THIRTEEN: Cells = &[
    ((None, "application"), 12),
    ((None, "congestion_window"), 68),
    ((None, "receiver_window"), 3),
    ((Some("application"), "application"), 359),
    ((Some("congestion_window"), "congestion_window"), 159),
    ((Some("receiver_window"), "congestion_window"), 1),
    ((Some("receiver_window"), "receiver_window"), 75),
];

/// FreeBSD 15 on the loopback interface, where a segment is 16 kB: less than one is unsent, and less than one fits
/// into the window, so both are right. The stack asks for the window first.
const FIFTEEN: Cells = &[
    ((None, "application"), 37),
    ((None, "receiver_window"), 25),
    ((Some("application"), "application"), 158),
    ((Some("congestion_window"), "application"), 1),
    ((Some("congestion_window"), "congestion_window"), 2),
    ((Some("receiver_window"), "application"), 10),
    ((Some("receiver_window"), "receiver_window"), 54),
    ((Some("recovery"), "recovery"), 1),
];

#[test]
fn arithmetic_agrees_with_the_stacks() {
    let justret = (0..=u8::MAX).find(|&id| tables::event(id).is_some_and(|event| event.name == "JUSTRET"));
    let mut found = [BTreeMap::new(), BTreeMap::new()];
    let paths = streams("bblog", "tcplog");
    for path in &paths {
        let bytes = std::fs::read(path).unwrap();
        let matrix = &mut found[usize::from(name(path).starts_with("fbsd15"))];
        follow(&load(path, &bytes), |logged, _, connection| {
            let facts = connection.facts();
            if Some(logged.record.event_id()) != justret || facts.tcp_state != Some(4) {
                return;
            }
            let Some(stop) = facts.stop else { return };
            let cell = (limit(stop).map(Limit::name), arithmetic(facts).0.name());
            *matrix.entry(cell).or_insert(0_u64) += 1;
        });
    }
    for (kernel, matrix) in ["13", "15"].iter().zip(&found) {
        println!("FreeBSD {kernel}: the stack's word, arithmetic, how often");
        for ((word, arithmetic), count) in matrix {
            println!("  {:>18} {arithmetic:>18} {count:>6}", word.unwrap_or("(not said)"));
        }
    }
    if !paths.is_empty() {
        let [thirteen, fifteen] = found;
        assert_eq!(thirteen.into_iter().collect::<Vec<_>>(), THIRTEEN);
        assert_eq!(fifteen.into_iter().collect::<Vec<_>>(), FIFTEEN);
    }
}
