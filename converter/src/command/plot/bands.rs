// SPDX-License-Identifier: BSD-2-Clause
//! States over time, while events are read.

use bblog_analysis::Timer;

use crate::picture::model::BandRow;

/// A row of states: its name in the page, and beside the row.
pub(super) type Name = (&'static str, &'static str);

pub(super) const PHASE: Name = ("phase", "congestion control");
pub(super) const BBR: Name = ("bbr", "BBR");
pub(super) const STEP: Name = ("step", "PROBE_BW");
pub(super) const RECOVERY: Name = ("recovery", "loss recovery");
pub(super) const MISSING: Name = ("missing", "records");

/// The rows of timers, in the order of [`Timer::ALL`].
const TIMERS: [Name; Timer::ALL.len()] = [
    ("timer", "RTO timer"),
    ("timer", "TLP timer"),
    ("timer", "RACK timer"),
    ("timer", "persist timer"),
    ("timer", "keepalive timer"),
    ("timer", "delayed ACK timer"),
    ("timer", "pacer"),
    ("timer", "2MSL timer"),
];

/// The row of a timer.
pub(super) fn timer(timer: Timer) -> Name {
    TIMERS[timer as usize]
}

/// The rows, each with the state that goes on.
#[derive(Debug, Default)]
pub(super) struct Bands(Vec<(BandRow, Option<(u64, &'static str)>)>);

impl Bands {
    /// From `time` on the state of a row is `state`; `None` if there is none, or it is not known.
    pub(super) fn set(&mut self, name: Name, time: u64, state: Option<&'static str>) {
        let at = self.0.iter().position(|(row, _)| (row.row, row.label) == name);
        let (row, now) = match at {
            Some(at) => &mut self.0[at],
            None if state.is_none() => return,
            None => {
                self.0.push((BandRow { row: name.0, label: name.1, spans: Vec::new() }, None));
                self.0.last_mut().expect("it was just pushed")
            }
        };
        if now.map(|now| now.1) == state {
            return;
        }
        if let Some((start, name)) = std::mem::replace(now, state.map(|state| (time, state)))
            && start < time
        {
            row.spans.push((start, time, name));
        }
    }

    /// Records between two times are missing: what goes on is not known.
    pub(super) fn gap(&mut self, from: u64, to: u64) {
        let names: Vec<Name> = self.0.iter().map(|(row, _)| (row.row, row.label)).collect();
        names.into_iter().for_each(|name| self.set(name, from, None));
        self.set(MISSING, from, Some("missing"));
        self.set(MISSING, to, None);
    }

    /// The rows at the end, in the order of the page.
    pub(super) fn finish(mut self, end: u64) -> Vec<BandRow> {
        let names: Vec<Name> = self.0.iter().map(|(row, _)| (row.row, row.label)).collect();
        names.into_iter().for_each(|name| self.set(name, end, None));
        let mut rows: Vec<BandRow> = self.0.into_iter().map(|(row, _)| row).collect();
        let order = [PHASE, BBR, STEP, RECOVERY].into_iter().chain(TIMERS).chain([MISSING]);
        let order: Vec<Name> = order.collect();
        rows.sort_by_key(|row| order.iter().position(|name| *name == (row.row, row.label)));
        rows.retain(|row| !row.spans.is_empty());
        rows
    }
}
