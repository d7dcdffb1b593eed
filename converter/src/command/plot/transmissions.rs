// SPDX-License-Identifier: BSD-2-Clause
//! The latest transmission of each sequence number that is not acknowledged yet.

use std::collections::BTreeMap;

use crate::picture::model::Range;

/// When, and by which event, each range was last sent. Ranges do not overlap.
#[derive(Clone, Debug, Default)]
pub(super) struct Transmissions(BTreeMap<u64, Range>);

impl Transmissions {
    /// Takes in a transmission.
    pub(super) fn sent(&mut self, range: Range) {
        self.take(range.low, range.high);
        self.0.insert(range.low, range);
    }

    /// Removes the range from `low` to `high`, and returns the transmissions of its parts.
    pub(super) fn take(&mut self, low: u64, high: u64) -> Vec<Range> {
        let before = self.0.range(..low).next_back().map(|(start, range)| (*start, *range));
        if let Some((start, range)) = before.filter(|(_, range)| range.high > low) {
            self.0.insert(start, Range { high: low, ..range });
            self.0.insert(low, Range { low, ..range });
        }
        let starts: Vec<u64> = self.0.range(low..high.max(low)).map(|(start, _)| *start).collect();
        let mut taken = Vec::with_capacity(starts.len());
        for start in starts {
            let Some(mut range) = self.0.remove(&start) else { continue };
            if range.high > high {
                self.0.insert(high, Range { low: high, ..range });
                range.high = high;
            }
            taken.push(range);
        }
        taken
    }

    /// Everything below `una` is acknowledged.
    pub(super) fn acknowledged(&mut self, una: u64) {
        while let Some(first) = self.0.first_entry()
            && first.get().high <= una
        {
            first.remove();
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_part_of_a_burst_is_taken_out() {
        let range = |number, low, high| Range { time: number * 10, low, high, number };
        let mut sent = Transmissions::default();
        sent.sent(range(1, 0, 1000));
        sent.sent(range(2, 1000, 2000));
        assert_eq!(sent.take(500, 1500), [range(1, 500, 1000), range(2, 1000, 1500)]);
        assert_eq!(sent.take(500, 1500), []);
        sent.sent(range(3, 500, 700));
        assert_eq!(sent.take(0, 3000), [range(1, 0, 500), range(3, 500, 700), range(2, 1500, 2000)]);
        sent.sent(range(4, 0, 10));
        sent.acknowledged(10);
        assert_eq!(sent.take(0, 3000), []);
    }
}
