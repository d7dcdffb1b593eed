// SPDX-License-Identifier: BSD-2-Clause
//! The account of the time, after RFC 4898: each microsecond belongs to one state.
//!
//! A state lasts from the item that brought it to the item that ends it. A timer that fires says what the
//! time before it was: from the last segment sent or received on, that time is [attributed
//! again](Ledger::attribute_again). So spans stay open until the next segment, and no longer.

use bblog_dissector::Micros;

use crate::limits::limit::Evidence;

/// A stretch of time in one state. It begins at `start` and ends before `end`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Span<S> {
    /// When it begins, on the clock of the items' times.
    pub start: Micros,
    /// When it ends.
    pub end: Micros,
    /// The state.
    pub state: S,
    /// What decided on it.
    pub evidence: Evidence,
}

impl<S> Span<S> {
    /// Its length, microseconds.
    pub fn us(&self) -> u64 {
        (self.end - self.start).0.max(0) as u64
    }
}

/// The time spent in one state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub struct Total<S> {
    /// The state.
    pub state: S,
    /// What decided on most of the time.
    pub decided_by: Evidence,
    /// In how many spells.
    pub spells: u32,
    /// The whole time, microseconds.
    pub time_us: u64,
    /// The longest spell, microseconds.
    pub longest_us: u64,
}

/// A total that grows, and what decided on how much of it, microseconds.
#[derive(Clone, Copy, Debug)]
struct Sum<S> {
    total: Total<S>,
    decided: Decided,
}

/// Time by what decided, microseconds.
type Decided = [u64; Evidence::ALL.len()];

/// What decided on most of the time.
fn most(decided: &Decided) -> Option<Evidence> {
    let most = Evidence::ALL.iter().zip(decided).rev().max_by_key(|decided| decided.1);
    most.map(|decided| *decided.0)
}

/// Spans that wait for the next segment. More than these are changes of state without any segment in between;
/// the oldest are then counted as they are.
const MAX_OPEN: usize = 64;

/// Settled spans that are kept until they are taken; more are counted only.
const MAX_SETTLED: usize = 65_536;

/// Accumulates the time of each state.
#[derive(Clone, Debug)]
pub(crate) struct Ledger<S> {
    sums: Vec<Sum<S>>,
    /// The state now and when it began; `None` before the first item.
    current: Option<(S, Evidence, Micros)>,
    now: Micros,
    /// Spans since the last segment.
    open: Vec<Span<S>>,
    /// The last spell, which the next span may prolong.
    spell: Option<Span<S>>,
    /// Of the last spell: the time that each evidence decided.
    decided: Decided,
    /// Spans that are settled, if they are wanted.
    settled: Option<Vec<Span<S>>>,
    /// Settled spans there was no room for.
    dropped: u64,
}

impl<S: Copy + Eq> Ledger<S> {
    pub(crate) fn new(keep_spans: bool) -> Ledger<S> {
        Ledger {
            sums: Vec::new(),
            current: None,
            now: Micros(0),
            open: Vec::new(),
            spell: None,
            decided: [0; Evidence::ALL.len()],
            settled: keep_spans.then(Vec::new),
            dropped: 0,
        }
    }

    /// The state now.
    pub(crate) fn state(&self) -> Option<(S, Evidence)> {
        self.current.map(|(state, evidence, _)| (state, evidence))
    }

    /// Lets the time pass up to `now`, which belongs to the state as it was.
    #[inline]
    pub(crate) fn advance(&mut self, now: Micros) {
        self.now = now;
    }

    /// From now on this is the state.
    #[inline]
    pub(crate) fn set(&mut self, state: S, evidence: Evidence) {
        match self.current {
            Some((have, why, _)) if have == state && why == evidence => {}
            _ => {
                self.close();
                self.current = Some((state, evidence, self.now));
            }
        }
    }

    /// A segment was sent or received: what was before stays as it is.
    #[inline]
    pub(crate) fn settle(&mut self) {
        self.close();
        for at in 0..self.open.len() {
            self.count(self.open[at]);
        }
        self.open.clear();
    }

    /// The time since the last segment was in this state.
    pub(crate) fn attribute_again(&mut self, state: S, evidence: Evidence) {
        self.close();
        let Some(start) = self.open.first().map(|span| span.start) else { return };
        self.open.clear();
        self.open.push(Span { start, end: self.now, state, evidence });
    }

    /// How long ago the last segment was, microseconds.
    pub(crate) fn since_settled(&self) -> i64 {
        let open = self.open.first().map(|span| span.start);
        let since = open.or(self.current.map(|current| current.2)).unwrap_or(self.now);
        (self.now - since).0
    }

    /// The time up to `until` is in this state, whatever was since the last segment: no record says what
    /// happened.
    pub(crate) fn lose(&mut self, until: Micros, state: S) {
        self.advance(until);
        self.attribute_again(state, Evidence::Missing);
        self.settle();
    }

    /// The totals as of now, the largest first.
    pub(crate) fn totals(&self) -> Vec<Total<S>>
    where
        S: Ord,
    {
        let mut end = Ledger { settled: None, ..self.clone() };
        end.finish();
        let sums = end
            .sums
            .iter()
            .map(|sum| Total { decided_by: most(&sum.decided).unwrap_or(sum.total.decided_by), ..sum.total });
        let mut totals: Vec<Total<S>> = sums.collect();
        totals.sort_by_key(|total| (std::cmp::Reverse(total.time_us), total.state));
        totals
    }

    /// Spans that no later item can change, since the last call.
    pub(crate) fn take_settled(&mut self) -> Vec<Span<S>> {
        self.settled.as_mut().map(std::mem::take).unwrap_or_default()
    }

    /// As [`Ledger::take_settled`], one by one; the memory is kept for those to come.
    pub(crate) fn drain_settled(&mut self) -> impl Iterator<Item = Span<S>> {
        self.settled.iter_mut().flat_map(|settled| settled.drain(..))
    }

    /// Spans that a later item may still change or prolong, the oldest first. They end now.
    pub(crate) fn unsettled(&self) -> impl Iterator<Item = Span<S>> {
        let current = self.current.filter(|current| current.2 < self.now);
        let current = current.map(|(state, evidence, start)| Span { start, end: self.now, state, evidence });
        self.spell.iter().chain(&self.open).copied().chain(current)
    }

    /// Settled spans there was no room for.
    pub(crate) fn dropped(&self) -> u64 {
        self.dropped
    }

    /// No item follows: all spans are settled.
    pub(crate) fn finish(&mut self) {
        self.settle();
        if let Some(spell) = self.spell.take() {
            self.add(spell);
        }
    }

    /// Ends the span of the current state here; the state goes on.
    fn close(&mut self) {
        let now = self.now;
        let Some((state, evidence, since)) = &mut self.current else { return };
        if *since >= now {
            return;
        }
        let span = Span { start: *since, end: now, state: *state, evidence: *evidence };
        *since = now;
        match self.open.last_mut() {
            Some(last) if last.state == span.state && last.evidence == span.evidence => last.end = now,
            _ => {
                if self.open.len() >= MAX_OPEN {
                    let oldest = self.open.remove(0);
                    self.count(oldest);
                }
                self.open.push(span);
            }
        }
    }

    /// Counts a span: it prolongs the last spell, or begins another.
    fn count(&mut self, span: Span<S>) {
        match &mut self.spell {
            Some(spell) if spell.state == span.state => {
                spell.end = span.end;
            }
            spell => {
                if let Some(last) = spell.replace(span) {
                    self.add(last);
                }
            }
        }
        self.decided[span.evidence as usize] += span.us();
    }

    /// Adds a whole spell to its total. What decided on most of it is what decided on it.
    fn add(&mut self, mut spell: Span<S>) {
        let decided = std::mem::take(&mut self.decided);
        spell.evidence = most(&decided).unwrap_or(spell.evidence);
        if let Some(settled) = &mut self.settled {
            if settled.len() < MAX_SETTLED { settled.push(spell) } else { self.dropped += 1 }
        }
        let Span { state, evidence: decided_by, .. } = spell;
        let at = match self.sums.iter().position(|sum| sum.total.state == state) {
            Some(at) => at,
            None => {
                let total = Total { state, decided_by, spells: 0, time_us: 0, longest_us: 0 };
                self.sums.push(Sum { total, decided: Decided::default() });
                self.sums.len() - 1
            }
        };
        let Sum { total, decided: sums } = &mut self.sums[at];
        total.time_us += spell.us();
        total.spells = total.spells.saturating_add(1);
        total.longest_us = total.longest_us.max(spell.us());
        sums.iter_mut().zip(decided).for_each(|(sum, part)| *sum += part);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::limits::limit::Limit::{Application, CongestionWindow, Timeout, Unknown};

    /// A ledger of states and the times from which they hold.
    fn ledger(states: &[(i64, crate::limits::limit::Limit)]) -> Ledger<crate::limits::limit::Limit> {
        let mut ledger = Ledger::new(true);
        for &(time, state) in states {
            ledger.advance(Micros(time));
            ledger.set(state, Evidence::Arithmetic);
        }
        ledger
    }

    fn totals(
        ledger: &Ledger<crate::limits::limit::Limit>,
    ) -> Vec<(crate::limits::limit::Limit, u64, u32, u64)> {
        let totals = ledger.totals();
        totals.iter().map(|total| (total.state, total.time_us, total.spells, total.longest_us)).collect()
    }

    #[test]
    fn states_last_until_the_next() {
        let states = [(0, Application), (10, CongestionWindow), (10, Application), (30, CongestionWindow)];
        let mut ledger = ledger(&states);
        ledger.advance(Micros(100));
        // What lasted for no time did not interrupt.
        assert_eq!(totals(&ledger), [(CongestionWindow, 70, 1, 70), (Application, 30, 1, 30)]);
    }

    #[test]
    fn a_timer_takes_the_time_since_the_last_segment() {
        let mut ledger = ledger(&[(0, CongestionWindow), (10, CongestionWindow)]);
        ledger.settle();
        ledger.advance(Micros(40));
        ledger.set(Application, Evidence::Kernel);
        ledger.advance(Micros(100));
        ledger.attribute_again(Timeout, Evidence::Timer);
        assert_eq!(totals(&ledger), [(Timeout, 90, 1, 90), (CongestionWindow, 10, 1, 10)]);
        assert_eq!(
            ledger.unsettled().map(|span| (span.state, span.us())).collect::<Vec<_>>(),
            [(CongestionWindow, 10), (Timeout, 90)]
        );
        // The state goes on after it.
        ledger.advance(Micros(110));
        assert_eq!(totals(&ledger)[1..], [(Application, 10, 1, 10), (CongestionWindow, 10, 1, 10)]);
    }

    #[test]
    fn what_is_missing_is_unknown() {
        let mut ledger = ledger(&[(0, Application)]);
        ledger.advance(Micros(10));
        ledger.settle();
        ledger.advance(Micros(20));
        ledger.lose(Micros(50), Unknown);
        ledger.set(Application, Evidence::Arithmetic);
        ledger.advance(Micros(60));
        assert_eq!(totals(&ledger), [(Unknown, 40, 1, 40), (Application, 20, 2, 10)]);
    }

    /// However often states change between two segments, memory is bounded and the time adds up.
    #[test]
    fn many_changes_without_a_segment() {
        let states: Vec<_> = (0..10_000)
            .map(|at| (at * 3, if at % 2 == 0 { Application } else { CongestionWindow }))
            .collect();
        let ledger = ledger(&states);
        assert!(ledger.open.len() <= MAX_OPEN);
        assert_eq!(totals(&ledger).iter().map(|total| total.1).sum::<u64>(), 9_999 * 3);
    }
}
