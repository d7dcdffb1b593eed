// SPDX-License-Identifier: BSD-2-Clause
//! Events that the kernel dropped, by the counts of captures.
//!
//! A capture has one count, for the time from its first event to its last. Captures of one machine that overlap in
//! time, as bblogd's files of sessions do, count the same drops: their counts cannot be added. Times are those since
//! boot: elog(1) notes the time of day late.

use std::collections::HashMap;

use bblog_dissector::elog::{FILE_HEADER_LEN, FileHeader};
use bblog_pcapng::elog::dropped_events;

/// Captures that are known apart.
const MAX_CAPTURES: usize = 4096;

/// The counts of captures.
#[derive(Clone, Debug, Default)]
pub struct CaptureDrops {
    captures: Vec<Counted>,
    /// The place of the latest capture by its header.
    places: HashMap<[u8; FILE_HEADER_LEN], usize>,
    /// There were more captures than are known apart.
    is_cut: bool,
}

/// A capture.
#[derive(Clone, Debug)]
struct Counted {
    header: FileHeader,
    begin: u64,
    end: u64,
    /// `None` if the capture does not have a count.
    dropped: Option<u64>,
    /// Its count was met: another section with this header is another capture's.
    is_closed: bool,
}

/// How many events were dropped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Dropped {
    /// Events.
    pub events: u64,
    /// More may have been: captures overlap in time, and the count is that of those that do not.
    pub is_minimum: bool,
}

impl CaptureDrops {
    /// The count of the capture with this header whose events are from `begin` to `end`, microseconds since boot.
    pub fn of_capture(header: &FileHeader, begin: u64, end: u64) -> CaptureDrops {
        let mut drops = CaptureDrops::default();
        drops.extend(header, begin, end);
        drops
    }

    /// Takes note of events of a section: from `begin` to `end`. A section that was interrupted begins again with the
    /// same header.
    pub(super) fn extend(&mut self, header: &FileHeader, begin: u64, end: u64) {
        match self.latest(header) {
            Some(capture) => {
                (capture.begin, capture.end) = (capture.begin.min(begin), capture.end.max(end));
            }
            None => {
                let (header, dropped) = (*header, dropped_events(header));
                self.push(Counted { header, begin, end, dropped, is_closed: false });
            }
        }
    }

    /// Takes note of the count that stands at the end of the capture with this header.
    pub(super) fn close(&mut self, header: &FileHeader, dropped: Option<u64>) {
        if let Some(capture) = self.latest(header) {
            capture.dropped = capture.dropped.or(dropped);
            capture.is_closed = true;
        }
    }

    /// The capture with this header that goes on. Headers with counts are those of one capture only.
    fn latest(&mut self, header: &FileHeader) -> Option<&mut Counted> {
        let capture = self.captures.get_mut(*self.places.get(&header.to_bytes())?)?;
        (dropped_events(header).is_some() || !capture.is_closed).then_some(capture)
    }

    fn push(&mut self, capture: Counted) {
        if self.captures.len() >= MAX_CAPTURES {
            self.is_cut = true;
            return;
        }
        self.places.insert(capture.header.to_bytes(), self.captures.len());
        self.captures.push(capture);
    }

    /// Adds the captures of another input.
    pub fn add(&mut self, other: CaptureDrops) {
        for capture in other.captures {
            if dropped_events(&capture.header).is_none() || self.latest(&capture.header).is_none() {
                self.push(capture);
            }
        }
        self.is_cut |= other.is_cut;
    }

    /// How many events were dropped, by the captures that have a count; `None` if none does.
    pub fn total(&self) -> Option<Dropped> {
        let mut counted: Vec<(u64, u64, u64)> =
            self.captures.iter().filter_map(|c| Some((c.begin, c.end, c.dropped?))).collect();
        if counted.is_empty() {
            return None;
        }
        counted.retain(|capture| capture.2 > 0);
        counted.sort_unstable_by_key(|capture| capture.1);
        // The greatest sum over captures without overlap: `most[n]` of the first n.
        let mut most = vec![0u64];
        for &(begin, _, dropped) in &counted {
            let before = counted.partition_point(|earlier| earlier.1 < begin).min(most.len() - 1);
            let with = most[before].saturating_add(dropped);
            most.push(with.max(most[most.len() - 1]));
        }
        let events = most[most.len() - 1];
        let sum = counted.iter().fold(0u64, |sum, capture| sum.saturating_add(capture.2));
        Some(Dropped { events, is_minimum: self.is_cut || events != sum })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn header(start: u64, dropped: u64) -> FileHeader {
        FileHeader { capture_start: start, start_utc_us: 1, event_count: 9, dropped_events: dropped }
    }

    fn total(captures: &[(u64, u64, u64)]) -> Option<(u64, bool)> {
        let mut drops = CaptureDrops::default();
        for (number, &(begin, end, dropped)) in captures.iter().enumerate() {
            drops.add(CaptureDrops::of_capture(&header(number as u64, dropped), begin, end));
        }
        drops.total().map(|total| (total.events, total.is_minimum))
    }

    #[test]
    fn counts_of_captures_that_overlap_are_not_added() {
        assert_eq!(total(&[]), None);
        assert_eq!(total(&[(0, 9, 0)]), Some((0, false)));
        assert_eq!(total(&[(0, 9, 3), (10, 19, 4)]), Some((7, false)));
        assert_eq!(total(&[(10, 19, 4), (0, 9, 3), (5, 8, 0)]), Some((7, false)));
        assert_eq!(total(&[(0, 9, 3), (9, 19, 4)]), Some((4, true)));
        assert_eq!(total(&[(0, 100, 6), (0, 9, 3), (50, 60, 4), (55, 70, 2)]), Some((7, true)));
        // The same capture twice.
        let mut drops = CaptureDrops::of_capture(&header(5, 3), 0, 9);
        drops.add(CaptureDrops::of_capture(&header(5, 3), 0, 9));
        assert_eq!(drops.total(), Some(Dropped { events: 3, is_minimum: false }));
    }

    #[test]
    fn sections_that_go_on_are_one_capture_and_counts_end_one() {
        let open = FileHeader { event_count: 0, ..header(1, 0) };
        let mut drops = CaptureDrops::default();
        drops.extend(&open, 0, 5);
        assert_eq!(drops.total(), None, "no count yet");
        drops.extend(&open, 7, 9);
        drops.close(&open, Some(2));
        assert_eq!(drops.total(), Some(Dropped { events: 2, is_minimum: false }));
        drops.extend(&open, 20, 30);
        drops.close(&open, Some(5));
        assert_eq!(drops.total(), Some(Dropped { events: 7, is_minimum: false }));
        drops.extend(&open, 8, 21);
        drops.close(&open, Some(1));
        assert_eq!(drops.total(), Some(Dropped { events: 7, is_minimum: true }));
        for number in 0..2 * MAX_CAPTURES as u64 {
            let begin = 100 + number;
            drops.extend(&header(number, 1), begin, begin);
        }
        let total = drops.total().expect("counts");
        assert!(total.is_minimum && total.events == 7 + MAX_CAPTURES as u64 - 3, "{total:?}");
    }
}
