// SPDX-License-Identifier: BSD-2-Clause
//! Votes for kernels.

use bblog_dissector::spec::{Kernel, KernelSet, Proof};

use super::{CLEARLY, ENOUGH, Inferred};

/// Votes for sets of kernels.
#[derive(Clone, Debug, Default)]
pub(super) struct KernelVotes {
    /// By set.
    votes: [u32; 1 << Kernel::ALL.len()],
    /// All of them.
    total: u32,
    winner: Option<Inferred<KernelSet>>,
}

impl KernelVotes {
    /// Counts a record that comes from one of `kernels` ([`Kernel::bit`]s).
    pub(super) fn count(&mut self, kernels: u8) {
        let votes = &mut self.votes[usize::from(kernels) % (1 << Kernel::ALL.len())];
        *votes = votes.saturating_add(1);
        self.total = self.total.saturating_add(1);
        self.winner = self.choose();
    }

    /// Whether one more vote for `kernels` can still change much.
    #[inline]
    pub(super) fn wants(&self, kernels: u8) -> bool {
        let chosen = self.winner.filter(|_| self.total >= ENOUGH);
        chosen.is_none_or(|winner| winner.value.bits() & !kernels != 0)
    }

    /// Counts what the record behind the one that `proof` is about says: it is of event `id`.
    pub(super) fn count_next(&mut self, proof: &Proof, id: u8) {
        match proof.next == Some(id) {
            true => self.count(proof.kernels),
            false => self.count(!proof.kernels),
        }
    }

    /// Adds the votes of `other`.
    pub(super) fn absorb(&mut self, other: &KernelVotes) {
        for (votes, more) in self.votes.iter_mut().zip(other.votes) {
            *votes = votes.saturating_add(more);
        }
        self.total = self.total.saturating_add(other.total);
        if other.total > 0 {
            self.winner = self.choose();
        }
    }

    /// Votes taken.
    pub(super) fn votes(&self) -> u32 {
        self.total
    }

    /// The kernels against which no other kernel clearly has more evidence; `None` if that leaves all
    /// of them.
    #[inline]
    pub(super) fn winner(&self) -> Option<Inferred<KernelSet>> {
        self.winner
    }

    fn choose(&self) -> Option<Inferred<KernelSet>> {
        let apart = |a: Kernel, b: Kernel| self.sum(|set| set & a.bit() != 0 && set & b.bit() == 0);
        let beaten = |kernel| {
            Kernel::ALL
                .into_iter()
                .any(|other| apart(other, kernel) > apart(kernel, other).saturating_mul(CLEARLY))
        };
        let left = Kernel::ALL.into_iter().filter(|&kernel| !beaten(kernel));
        let value = KernelSet::from_bits(left.fold(0, |set, kernel| set | kernel.bit()))?;
        let against = self.sum(|set| set & value.bits() == 0);
        Some(Inferred { value, votes: self.votes() - against, against })
    }

    /// Votes of the sets that `is` holds for.
    fn sum(&self, is: impl Fn(u8) -> bool) -> u32 {
        let chosen = (0_u8..).zip(self.votes).filter(|(set, _)| is(*set));
        chosen.fold(0, |sum, (_, votes)| sum.saturating_add(votes))
    }
}
