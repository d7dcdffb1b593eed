// SPDX-License-Identifier: BSD-2-Clause
//! Votes for kernels.

use bblog_dissector::spec::{Evidence, Kernel, KernelSet};

use super::{CLEARLY, Inferred};

/// Votes for sets of kernels, by set.
#[derive(Clone, Debug, Default)]
pub(super) struct KernelVotes([u32; 1 << Kernel::ALL.len()]);

impl KernelVotes {
    /// Counts a record that comes from one of `kernels` ([`Kernel::bit`]s).
    pub(super) fn count(&mut self, kernels: u8) {
        let votes = &mut self.0[usize::from(kernels) % (1 << Kernel::ALL.len())];
        *votes = votes.saturating_add(1);
    }

    /// Counts what the record behind the one that `evidence` is about says: it is of event `id`.
    pub(super) fn count_next(&mut self, evidence: &Evidence, id: u8) {
        match evidence.next == Some(id) {
            true => self.count(evidence.kernels),
            false => self.count(!evidence.kernels),
        }
    }

    /// Votes taken.
    pub(super) fn votes(&self) -> u32 {
        self.sum(|_| true)
    }

    /// The kernels against which no other kernel clearly has more evidence; `None` if that leaves all
    /// of them.
    pub(super) fn winner(&self) -> Option<Inferred<KernelSet>> {
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
        let chosen = (0_u8..).zip(self.0).filter(|(set, _)| is(*set));
        chosen.fold(0, |sum, (_, votes)| sum.saturating_add(votes))
    }
}
