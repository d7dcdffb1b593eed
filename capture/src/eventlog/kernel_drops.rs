// SPDX-License-Identifier: BSD-2-Clause
//! The events that the kernel dropped, and when: its count is of the whole subscription, and a file holds those
//! that were dropped while its session logged.

use std::collections::VecDeque;

/// Steps that are kept. There is at most one each second.
const MAX_STEPS: usize = 1024;

/// The kernel's count, as it grew.
#[derive(Default)]
pub struct KernelDrops {
    /// The time since boot in microseconds at which the count was known to be this.
    steps: VecDeque<(u64, u64)>,
    /// The count before the first step.
    before: u64,
}

impl KernelDrops {
    /// All that were dropped.
    pub fn total(&self) -> u64 {
        self.steps.back().map_or(self.before, |(_, count)| *count)
    }

    /// Takes the kernel's count at the time `uptime`; returns by how much it grew.
    pub fn update(&mut self, count: u64, uptime: u64) -> u64 {
        let new = count.saturating_sub(self.total());
        if new > 0 {
            self.steps.push_back((uptime, count));
            if self.steps.len() > MAX_STEPS
                && let Some((_, count)) = self.steps.pop_front()
            {
                self.before = count;
            }
        }
        new
    }

    /// Those that were certainly dropped before the time `uptime`. Events come later than the count: they
    /// wait in the kernel's buffers, and for their order.
    pub fn before(&self, uptime: u64) -> u64 {
        let known = self.steps.iter().take_while(|(time, _)| *time <= uptime);
        known.last().map_or(self.before, |(_, count)| *count)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn those_of_a_time() {
        let mut drops = KernelDrops::default();
        assert_eq!((drops.total(), drops.before(5)), (0, 0));
        assert_eq!((drops.update(10, 100), drops.update(10, 200), drops.update(25, 300)), (10, 0, 15));
        assert_eq!(drops.total(), 25);
        assert_eq!([99, 100, 299, 300, 900].map(|time| drops.before(time)), [0, 10, 10, 25, 25]);
        for step in 1..=2_000 {
            drops.update(25 + step, 300 + step);
        }
        assert_eq!((drops.total(), drops.steps.len()), (2_025, MAX_STEPS));
        assert_eq!((drops.before(2_000), drops.before(0)), (1_725, 2_025 - MAX_STEPS as u64));
    }
}
