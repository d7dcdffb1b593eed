// SPDX-License-Identifier: BSD-2-Clause
//! Votes for TCP stacks, by stack number.

use bblog_dissector::spec::Stack;

use super::{CLEARLY, Inferred};

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
    /// Records looked at.
    looks: u32,
}

impl StackVotes {
    /// Counts a record of stack number `id` that comes from one of `stacks` ([`Stack::bit`]s).
    ///
    /// While a stack takes a connection over, some records carry the number of the old one; the tables
    /// have no evidence for their events, and a few that are left are outvoted.
    pub(super) fn count(&mut self, id: u8, stacks: u8) {
        for (votes, stack) in self.of_mut(id).votes.iter_mut().zip(STACKS) {
            *votes = votes.saturating_add(u32::from(stacks & stack.bit() != 0));
        }
    }

    /// Counts a look at a record of stack number `id`.
    pub(super) fn look(&mut self, id: u8) {
        let looks = &mut self.of_mut(id).looks;
        *looks = looks.saturating_add(1);
    }

    /// Records of stack number `id` looked at.
    pub(super) fn looks(&self, id: u8) -> u32 {
        self.0.iter().find(|known| known.id == id).map_or(0, |known| known.looks)
    }

    /// Votes taken for number `id`.
    pub(super) fn votes(&self, id: u8) -> u32 {
        self.of(id).iter().fold(0, |sum, &votes| sum.saturating_add(votes))
    }

    /// The stack that clearly has the most votes.
    pub(super) fn winner(&self, id: u8) -> Option<Inferred<Stack>> {
        let votes = self.of(id);
        let (value, votes) = STACKS.into_iter().zip(votes).max_by_key(|(_, votes)| *votes)?;
        let against = self.votes(id) - votes;
        (votes > against.saturating_mul(CLEARLY)).then_some(Inferred { value, votes, against })
    }

    fn of(&self, id: u8) -> [u32; STACKS.len()] {
        self.0.iter().find(|known| known.id == id).map_or([0; STACKS.len()], |known| known.votes)
    }

    fn of_mut(&mut self, id: u8) -> &mut OfNumber {
        let at = self.0.iter().position(|known| known.id == id).unwrap_or_else(|| {
            self.0.push(OfNumber { id, votes: [0; STACKS.len()], looks: 0 });
            self.0.len() - 1
        });
        &mut self.0[at]
    }
}
