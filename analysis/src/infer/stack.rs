// SPDX-License-Identifier: BSD-2-Clause
//! Votes for TCP stacks, by stack number.

use bblog_dissector::spec::Stack;

use super::{CLEARLY, ENOUGH, Inferred};

/// The stacks that can win.
const STACKS: [Stack; 3] = [Stack::Freebsd, Stack::Rack, Stack::Bbr];

/// Votes for stacks; at most 256 numbers.
#[derive(Clone, Debug, Default)]
pub(super) struct StackVotes(Vec<OfNumber>);

/// What was found of one number.
#[derive(Clone, Debug)]
struct OfNumber {
    id: u8,
    votes: [u32; STACKS.len()],
    /// The stack that clearly has the most votes.
    winner: Option<Inferred<Stack>>,
    /// Records looked at.
    looks: u32,
}

impl OfNumber {
    fn sum(&self) -> u32 {
        self.votes.iter().fold(0, |sum, &votes| sum.saturating_add(votes))
    }

    fn choose(&mut self) {
        let most = STACKS.into_iter().zip(self.votes).max_by_key(|(_, votes)| *votes);
        self.winner = most.and_then(|(value, votes)| {
            let against = self.sum() - votes;
            (votes > against.saturating_mul(CLEARLY)).then_some(Inferred { value, votes, against })
        });
    }
}

impl StackVotes {
    /// Counts a record of stack number `id` that comes from one of `stacks` ([`Stack::bit`]s).
    ///
    /// While a stack takes a connection over, some records carry the number of the old one; the tables
    /// have no evidence for their events, and a few that are left are outvoted.
    pub(super) fn count(&mut self, id: u8, stacks: u8) {
        let known = self.of_mut(id);
        for (votes, stack) in known.votes.iter_mut().zip(STACKS) {
            *votes = votes.saturating_add(u32::from(stacks & stack.bit() != 0));
        }
        known.choose();
    }

    /// Counts a look at a record of stack number `id`.
    pub(super) fn look(&mut self, id: u8) {
        let looks = &mut self.of_mut(id).looks;
        *looks = looks.saturating_add(1);
    }

    /// Records of stack number `id` looked at.
    pub(super) fn looks(&self, id: u8) -> u32 {
        self.of(id).map_or(0, |known| known.looks)
    }

    /// Whether more votes for number `id` can still change much.
    #[inline]
    pub(super) fn is_open(&self, id: u8) -> bool {
        self.of(id).is_none_or(|known| known.winner.is_none() || known.sum() < ENOUGH)
    }

    /// The stack that clearly has the most votes.
    #[inline]
    pub(super) fn winner(&self, id: u8) -> Option<Inferred<Stack>> {
        self.of(id)?.winner
    }

    /// Whether a number is another stack's in `other`.
    pub(super) fn contradict(&self, other: &StackVotes) -> bool {
        self.0.iter().any(|known| {
            let two = known.winner.zip(other.winner(known.id));
            two.is_some_and(|(one, two)| one.value != two.value)
        })
    }

    /// Adds the votes of `other`.
    pub(super) fn absorb(&mut self, other: &StackVotes) {
        for more in &other.0 {
            let known = self.of_mut(more.id);
            for (votes, more) in known.votes.iter_mut().zip(more.votes) {
                *votes = votes.saturating_add(more);
            }
            known.looks = known.looks.saturating_add(more.looks);
            known.choose();
        }
    }

    #[inline]
    fn of(&self, id: u8) -> Option<&OfNumber> {
        self.0.iter().find(|known| known.id == id)
    }

    fn of_mut(&mut self, id: u8) -> &mut OfNumber {
        let at = self.0.iter().position(|known| known.id == id).unwrap_or_else(|| {
            self.0.push(OfNumber { id, votes: [0; STACKS.len()], winner: None, looks: 0 });
            self.0.len() - 1
        });
        &mut self.0[at]
    }
}
