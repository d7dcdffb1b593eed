// SPDX-License-Identifier: BSD-2-Clause
//! Events in the order of their times.
//!
//! With four or more CPUs the kernel merges the events of its CPUs in the wrong order: some are up to half a
//! second late, even within a session. To restore the order, all reads up to the first one that did not fill
//! its buffer are sorted together: at that moment the kernel had no more events.

use bblog_dissector::elog::RawEvent;

/// Bytes that are held back at most.
const MAX_HELD: usize = 8 << 20;
/// How much older than the newest event one must be to be given out when too much is held back:
/// twice the largest delay that was seen, in microseconds.
const LATE: u64 = 1_000_000;

/// Reads that are held back.
#[derive(Default)]
pub struct ReorderBuffer {
    held: Vec<u8>,
    sorted: Vec<u8>,
    /// Events that came after a newer one.
    late: u64,
}

impl ReorderBuffer {
    /// Takes what was read, and returns what is to be written now, in order. `is_full` says that the
    /// read filled its buffer: more of the same time may follow.
    pub fn take<'a>(&'a mut self, bytes: &'a [u8], is_full: bool) -> &'a [u8] {
        if self.held.is_empty() && !is_full && is_ordered(bytes) {
            return bytes;
        }
        self.held.extend_from_slice(bytes);
        if !is_full {
            return self.flush();
        }
        if self.held.len() < MAX_HELD {
            return &[];
        }
        let rest = self.sort();
        // Half of it, if all is of one moment.
        let newest = last_time(&self.sorted).unwrap_or_default();
        let end = end_of_older(&self.sorted, newest.saturating_sub(LATE));
        let end = if end > 0 { end } else { end_at(&self.sorted, self.sorted.len() / 2) };
        self.held.clear();
        self.held.extend_from_slice(&self.sorted[end..]);
        self.held.extend_from_slice(&rest);
        &self.sorted[..end]
    }

    /// What is held back, in order: the kernel has no more.
    pub fn flush(&mut self) -> &[u8] {
        let rest = self.sort();
        self.held.clear();
        self.sorted.extend_from_slice(&rest);
        &self.sorted
    }

    /// Events that came after a newer one, so far.
    pub fn late(&self) -> u64 {
        self.late
    }

    /// Sorts what is held into `sorted`; what is no event, and all behind it, comes back.
    fn sort(&mut self) -> Vec<u8> {
        self.sorted.clear();
        let mut events = Vec::new();
        let mut rest = self.held.as_slice();
        let mut newest = 0;
        while let Ok(Some((event, after))) = RawEvent::split(rest) {
            let time = event.timestamp();
            self.late += u64::from(time < newest);
            newest = newest.max(time);
            events.push((time, event.as_bytes()));
            rest = after;
        }
        // Events of one time keep the order they came in.
        events.sort_by_key(|(time, _)| *time);
        self.sorted.reserve(self.held.len());
        events.iter().for_each(|(_, bytes)| self.sorted.extend_from_slice(bytes));
        rest.to_vec()
    }
}

fn events(bytes: &[u8]) -> impl Iterator<Item = RawEvent<'_>> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let (event, after) = RawEvent::split(rest).ok()??;
        rest = after;
        Some(event)
    })
}

fn is_ordered(bytes: &[u8]) -> bool {
    events(bytes).map(|event| event.timestamp()).is_sorted()
}

fn last_time(bytes: &[u8]) -> Option<u64> {
    events(bytes).last().map(|event| event.timestamp())
}

/// Where the events of up to `time` end.
fn end_of_older(bytes: &[u8], time: u64) -> usize {
    events(bytes).take_while(|event| event.timestamp() <= time).map(|event| event.as_bytes().len()).sum()
}

/// Where the event ends that the byte `at` is of.
fn end_at(bytes: &[u8], at: usize) -> usize {
    let mut end = 0;
    for event in events(bytes) {
        end += event.as_bytes().len();
        if end > at {
            break;
        }
    }
    end
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Events of one session, numbered, at these times.
    fn made(times: &[u64]) -> Vec<u8> {
        let event = |(number, time): (usize, &u64)| {
            let mut event = vec![0; 36];
            event[0] = 36;
            event[8..16].copy_from_slice(&time.to_le_bytes());
            event[32..36].copy_from_slice(&(number as u32).to_le_bytes());
            event
        };
        times.iter().enumerate().flat_map(event).collect()
    }

    fn times(bytes: &[u8]) -> Vec<u64> {
        events(bytes).map(|event| event.timestamp()).collect()
    }

    #[test]
    fn reads_are_sorted_up_to_one_that_did_not_fill_its_buffer() {
        let mut order = ReorderBuffer::default();
        let first = made(&[1, 2, 2, 3]);
        assert_eq!(order.take(&first, false), first, "nothing to do");
        assert_eq!(order.take(&made(&[4, 9, 7]), true), [0; 0]);
        assert_eq!(order.take(&made(&[5, 8]), true), [0; 0]);
        assert_eq!(times(order.take(&made(&[6, 10]), false)), [4, 5, 6, 7, 8, 9, 10]);
        assert_eq!(order.late(), 4);
        assert_eq!(times(order.take(&made(&[12, 11]), true)), [0; 0]);
        assert_eq!(times(order.flush()), [11, 12]);
        assert_eq!(order.flush(), [0; 0]);
        // Of one time: as they came.
        let last = made(&[20, 19, 20, 20]);
        let same = order.take(&last, false);
        assert_eq!(same.chunks(36).map(|event| event[32]).collect::<Vec<_>>(), [1, 0, 2, 3]);
    }

    #[test]
    fn no_byte_is_lost_or_held_for_ever() {
        let mut order = ReorderBuffer::default();
        // A torn event stays where it is: behind the others.
        let mut torn = made(&[2, 1]);
        torn.extend_from_slice(&[40, 0, 1]);
        let given = order.take(&torn, false);
        assert_eq!((times(given), given.len()), (vec![1, 2], torn.len()));
        for step in [0, 1, 100] {
            let (mut order, mut given, mut time, mut most) = (ReorderBuffer::default(), Vec::new(), 0, 0);
            let mut fed = 0;
            while fed < 3 * MAX_HELD {
                let read: Vec<u64> = (0..3000)
                    .map(|_| {
                        time += step;
                        time
                    })
                    .collect();
                let read = made(&read);
                fed += read.len();
                given.extend(times(order.take(&read, true)));
                most = most.max(order.held.len());
            }
            given.extend(times(order.flush()));
            assert!(given.is_sorted() && given.len() * 36 == fed, "{step}");
            assert!(most <= MAX_HELD, "{most}");
        }
    }
}
