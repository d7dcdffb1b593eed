// SPDX-License-Identifier: BSD-2-Clause
//! Pairs of events that belong together: a sent segment and the one that acknowledges it, a timer's start and
//! its end.
//!
//! [`OpenPairs`] follows one connection in the order of its events. It holds what still waits for its other half; the
//! number of waiting segments and of armed timers is bounded.
//!
//! ```
//! use bblog_analysis::links::{Act, LinkSegment, OpenPairs};
//!
//! let (mut open, mut pairs) = (OpenPairs::default(), Vec::new());
//! let sent = Act::Sent(LinkSegment { end: 1449, occupies: true, ack: Some(1) });
//! let received = Act::Received(LinkSegment { end: 1, occupies: false, ack: Some(1449) });
//! for (number, act) in [(7, sent), (9, received)] {
//!     open.act(number, &act, |earlier, later| pairs.push((earlier, later)));
//! }
//! assert_eq!(pairs, [(7, 9)]);
//! ```

use std::collections::{BTreeMap, BTreeSet};

use bblog_dissector::spec::{TimerStep, TimerVerb};

/// Segments that wait for their acknowledgement at most: if one direction was not captured, none comes.
const SEGMENTS_MAX: usize = 1 << 16;
/// Armed timers at most. The kernel has a handful; the numbers that distinguish them come from the log.
const TIMERS_MAX: usize = 1 << 12;

/// A TCP segment.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LinkSegment {
    /// The sequence number after its last byte; SYN and FIN count as one each.
    pub end: u32,
    /// Whether it takes sequence numbers at all.
    pub occupies: bool,
    /// Its acknowledgement number, if the ACK flag is set.
    pub ack: Option<u32>,
}

/// What an event of a connection does.
#[derive(Clone, Copy, Debug)]
pub enum Act {
    /// A segment was received.
    Received(LinkSegment),
    /// A segment was sent.
    Sent(LinkSegment),
    /// Something happened to a timer; the number distinguishes it from others of its chain.
    Timer(&'static TimerStep, i64),
}

/// What waits for its other half in one connection.
#[derive(Debug, Default)]
pub struct OpenPairs {
    segments: Segments,
    /// Armed timers: chain and number, and the event that armed them.
    timers: BTreeMap<(&'static str, i64), u32>,
}

impl OpenPairs {
    /// Takes in what the event `number` does, and calls `link` with each pair of events that belong together,
    /// the earlier one first. An event may end several pairs.
    pub fn act(&mut self, number: u32, act: &Act, mut link: impl FnMut(u32, u32)) {
        match *act {
            Act::Sent(segment) if segment.occupies => self.segments.send(number, segment.end),
            Act::Received(LinkSegment { ack: Some(ack), .. }) => {
                self.segments.acknowledge(ack, |earlier| link(earlier, number));
            }
            Act::Sent(_) | Act::Received(_) => {}
            Act::Timer(step, key) => self.timer(number, step, key, link),
        }
    }

    fn timer(&mut self, number: u32, step: &'static TimerStep, key: i64, mut link: impl FnMut(u32, u32)) {
        let timer = (step.chain, key);
        match step.does {
            TimerVerb::Starts => {
                if self.timers.len() < TIMERS_MAX || self.timers.contains_key(&timer) {
                    self.timers.insert(timer, number);
                }
            }
            TimerVerb::Stops | TimerVerb::Fires => {
                if let Some(armed) = self.timers.remove(&timer) {
                    link(armed, number);
                }
            }
            TimerVerb::Handles => {}
        }
    }
}

/// Sent segments that are not acknowledged, by where they end.
#[derive(Debug, Default)]
struct Segments {
    /// Where each ends, as [`Segments::unwrap`] gives it, and the event that sent it.
    waiting: BTreeSet<(u64, u32)>,
    /// The highest end so far, unwrapped.
    highest: u64,
}

/// Where the unwrapped numbers begin: as far from 0 as no sequence of 32-bit steps gets back.
const ORIGIN: u64 = 1 << 62;

impl Segments {
    fn send(&mut self, number: u32, end: u32) {
        if self.waiting.is_empty() {
            self.highest = ORIGIN | u64::from(end);
        }
        if self.waiting.len() == SEGMENTS_MAX {
            self.waiting.pop_first();
        }
        let end = self.unwrap(end);
        self.highest = self.highest.max(end);
        self.waiting.insert((end, number));
    }

    fn acknowledge(&mut self, ack: u32, mut link: impl FnMut(u32)) {
        let ack = self.unwrap(ack);
        while let Some(&(end, number)) = self.waiting.first()
            && end <= ack
        {
            self.waiting.pop_first();
            link(number);
        }
    }

    /// A sequence number as a 64-bit one that does not wrap: the nearest to the highest end.
    fn unwrap(&self, seq: u32) -> u64 {
        let ahead = seq.wrapping_sub(self.highest as u32) as i32;
        self.highest.wrapping_add_signed(ahead.into())
    }
}

#[cfg(test)]
mod tests {
    use bblog_dissector::spec::When;

    use super::*;

    fn links(acts: impl IntoIterator<Item = Act>) -> Vec<(u32, u32)> {
        let (mut open, mut links) = (OpenPairs::default(), Vec::new());
        for (at, act) in acts.into_iter().enumerate() {
            open.act(at as u32 + 1, &act, |from, to| links.push((from, to)));
        }
        links
    }

    fn sent(end: u32) -> Act {
        Act::Sent(LinkSegment { end, occupies: true, ack: None })
    }

    fn ack(ack: u32) -> Act {
        Act::Received(LinkSegment { end: 0, occupies: false, ack: Some(ack) })
    }

    fn step(does: TimerVerb) -> &'static TimerStep {
        Box::leak(Box::new(TimerStep { when: When::ALWAYS, does, chain: "t", keyed: true, rows: &[] }))
    }

    #[test]
    fn a_segment_belongs_to_the_first_that_acknowledges_all_of_it() {
        assert_eq!(links([sent(10), sent(20), ack(15), ack(19), ack(20), ack(20)]), [(1, 3), (2, 5)]);
        // Sent again, and across the end of the number space.
        let top = u32::MAX - 4;
        let acts = [sent(top), sent(5), sent(top), sent(9), ack(1), ack(9)];
        assert_eq!(links(acts), [(1, 5), (3, 5), (2, 6), (4, 6)]);
    }

    #[test]
    fn a_timer_belongs_to_its_next_end() {
        let (starts, stops, fires) =
            (step(TimerVerb::Starts), step(TimerVerb::Stops), step(TimerVerb::Fires));
        let acts = [
            Act::Timer(starts, 1),
            Act::Timer(starts, 2),
            Act::Timer(stops, 3),
            Act::Timer(fires, 2),
            Act::Timer(starts, 1),
            Act::Timer(step(TimerVerb::Handles), 1),
            Act::Timer(stops, 1),
        ];
        assert_eq!(links(acts), [(2, 4), (5, 7)]);
    }

    #[test]
    fn what_waits_is_bounded() {
        let mut open = OpenPairs::default();
        let starts = step(TimerVerb::Starts);
        for number in 0..200_000 {
            // Every other one is sent again, so that acknowledgements end none of them.
            open.act(number, &sent(number / 2 * 10 + 1_000_000), |_, _| panic!("nothing ends"));
            open.act(number, &ack(0), |_, _| panic!("nothing ends"));
            open.act(number, &Act::Timer(starts, number.into()), |_, _| panic!("nothing ends"));
        }
        assert_eq!((open.segments.waiting.len(), open.timers.len()), (SEGMENTS_MAX, TIMERS_MAX));
    }
}
