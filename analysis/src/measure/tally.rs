// SPDX-License-Identifier: BSD-2-Clause
//! What is counted while a connection is followed, for its account and its notes.

use bblog_dissector::Micros;
use bblog_dissector::spec::Stack;

use crate::evidence::{Facts, Observed, Segment, flag};
use crate::measure::facts_before::FactsBefore;
use crate::measure::slow_start::SlowStart;
use crate::tcp::seq::{before as precedes, distance};
use crate::tcp::state;
use crate::tcp::timer::Timer;

/// What is counted for the notes.
#[derive(Clone, Debug, Default)]
pub(crate) struct Tally {
    pub(crate) fired: [u32; Timer::ALL.len()],
    /// More may have fired.
    pub(crate) timer_cut: bool,
    pub(crate) acked_bytes: u64,
    pub(crate) missing: u64,
    pub(crate) gaps: u32,
    pub(crate) recoveries: u32,
    pub(crate) spurious: u32,
    pub(crate) zero_windows: u32,
    pub(crate) cwnd: Option<(u32, u32)>,
    pub(crate) largest_window: u32,
    pub(crate) stack_changes: u32,
    pub(crate) cc_changes: u32,
    stack: Option<StackOf>,
    pub(crate) goodput: Option<u64>,
    pub(crate) slow_start: SlowStart,
    pub(crate) ends: EndSegments,
}

impl Tally {
    /// Counts what an item changed.
    pub(crate) fn count(
        &mut self,
        before: &FactsBefore,
        facts: &Facts,
        seen: &Observed<'_>,
        (stack, now): (Option<StackOf>, Micros),
    ) {
        if let (Some(old), Some(una)) = (before.snd_una, facts.snd_una)
            && before.established
        {
            // A FIN is no data.
            let end = before.snd_end.filter(|&end| precedes(end, una)).unwrap_or(una);
            self.acked_bytes += u64::from(distance(old, end));
        }
        if facts.established {
            // A record of the segment that established it has the window from before.
            if let Some(cwnd) = facts.cwnd.filter(|_| before.established && is_open(facts)) {
                let (min, max) = self.cwnd.get_or_insert((cwnd, cwnd));
                (*min, *max) = ((*min).min(cwnd), (*max).max(cwnd));
            }
            self.largest_window = self.largest_window.max(facts.snd_wnd.unwrap_or(0));
        }
        if let Some(stack) = stack.filter(|&stack| Some(stack) != self.stack) {
            self.stack_changes += u32::from(self.stack.is_some_and(|was| was.is_other(stack)));
            self.stack = Some(stack);
        }
        self.stack_changes += u32::from(seen.stack_changed);
        self.cc_changes += u32::from(seen.cc_changed);
        self.goodput = seen.goodput.or(self.goodput);
        self.slow_start.follow(before, facts, seen, now);
    }
}

/// Whether a connection that was established has not ended.
fn is_open(facts: &Facts) -> bool {
    facts.tcp_state.is_some_and(|state| state >= state::ESTABLISHED)
}

/// The stack of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct StackOf {
    pub(crate) stack: Stack,
    /// Its number.
    pub(crate) id: u8,
}

impl StackOf {
    /// Whether that is another stack: one has another name, or of those without a table, another number. A record
    /// may still have the number of the stack that was before.
    fn is_other(self, other: StackOf) -> bool {
        match (self.stack, other.stack) {
            (Stack::Unknown, _) | (_, Stack::Unknown) => self.id != other.id,
            (ours, theirs) => ours != theirs,
        }
    }
}

/// A segment that ends one direction, or both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum EndSegment {
    /// Our FIN.
    FinSent,
    /// The peer's FIN.
    FinReceived,
    /// Our RST.
    RstSent,
    /// The peer's RST.
    RstReceived,
}

impl EndSegment {
    /// All of them.
    pub const ALL: [EndSegment; 4] =
        [EndSegment::FinSent, EndSegment::FinReceived, EndSegment::RstSent, EndSegment::RstReceived];

    /// What it is, in two words: `FIN sent`.
    pub fn name(self) -> &'static str {
        match self {
            EndSegment::FinSent => "FIN sent",
            EndSegment::FinReceived => "FIN received",
            EndSegment::RstSent => "RST sent",
            EndSegment::RstReceived => "RST received",
        }
    }
}

/// Segments that end a connection, in the order in which they were first seen.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EndSegments([Option<EndSegment>; EndSegment::ALL.len()]);

impl EndSegments {
    /// The segments seen.
    pub fn iter(&self) -> impl Iterator<Item = EndSegment> {
        self.0.into_iter().flatten()
    }

    /// Takes in a segment.
    pub(crate) fn see(&mut self, segment: &Segment<'_>, is_ours: bool) {
        let [fin, rst] = match is_ours {
            true => [EndSegment::FinSent, EndSegment::RstSent],
            false => [EndSegment::FinReceived, EndSegment::RstReceived],
        };
        for (flag, end) in [(flag::FIN, fin), (flag::RST, rst)] {
            if segment.has(flag)
                && !self.0.contains(&Some(end))
                && let Some(free) = self.0.iter_mut().find(|place| place.is_none())
            {
                *free = Some(end);
            }
        }
    }
}
