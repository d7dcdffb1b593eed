// SPDX-License-Identifier: BSD-2-Clause
//! Votes for kernels.

use std::fmt;

use bblog_dissector::spec::{Evidence, Kernel};

use super::{CLEARLY, Inferred};

/// All kernels, the oldest first.
const KERNELS: [Kernel; 3] = [Kernel::Freebsd13, Kernel::Freebsd14, Kernel::Main];
/// All kernels, as [`Kernel::bit`]s.
const EVERY: u8 = (1 << KERNELS.len()) - 1;

/// Kernels that records can come from: one or more, not all.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct KernelSet(u8);

impl KernelSet {
    /// The newest of them: what to decode with.
    pub fn newest(self) -> Kernel {
        KERNELS.into_iter().rev().find(|&kernel| self.contains(kernel)).unwrap_or_default()
    }

    /// The oldest of them.
    pub fn oldest(self) -> Kernel {
        KERNELS.into_iter().find(|&kernel| self.contains(kernel)).unwrap_or_default()
    }

    /// Whether `kernel` is one of them.
    pub fn contains(self, kernel: Kernel) -> bool {
        self.0 & kernel.bit() != 0
    }
}

/// `13`, `14`, `main`, `13 or 14`, `14 or newer`.
impl fmt::Display for KernelSet {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.oldest(), self.newest()) {
            (oldest, newest) if oldest == newest => out.write_str(newest.name()),
            (oldest, Kernel::Main) => write!(out, "{} or newer", oldest.name()),
            (oldest, newest) => write!(out, "{} or {}", oldest.name(), newest.name()),
        }
    }
}

/// Votes for sets of kernels, by set.
#[derive(Clone, Debug, Default)]
pub(super) struct KernelVotes([u32; 1 << KERNELS.len()]);

impl KernelVotes {
    /// Counts a record that comes from one of `kernels` ([`Kernel::bit`]s).
    pub(super) fn count(&mut self, kernels: u8) {
        let votes = &mut self.0[usize::from(kernels & EVERY)];
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
            KERNELS
                .into_iter()
                .any(|other| apart(other, kernel) > apart(kernel, other).saturating_mul(CLEARLY))
        };
        let left =
            KERNELS.into_iter().filter(|&kernel| !beaten(kernel)).fold(0, |set, kernel| set | kernel.bit());
        if left == 0 || left == EVERY {
            return None;
        }
        let against = self.sum(|set| set & left == 0);
        Some(Inferred { value: KernelSet(left), votes: self.votes() - against, against })
    }

    /// Votes of the sets that `is` holds for.
    fn sum(&self, is: impl Fn(u8) -> bool) -> u32 {
        let chosen = (0..=EVERY).zip(self.0).filter(|(set, _)| is(*set));
        chosen.fold(0, |sum, (_, votes)| sum.saturating_add(votes))
    }
}
