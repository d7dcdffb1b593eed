// SPDX-License-Identifier: BSD-2-Clause
//! How a connection's windows, round-trip time and rates went: what sparklines show.
//!
//! A connection begins with samples of one millisecond. When there are too many, two become one, until a
//! sample is half a second long; from then on the oldest go. So a short connection is seen whole, of a long one
//! the last minute.

use std::collections::VecDeque;

use bblog_dissector::Micros;

use super::recent::Bytes;

/// The most samples of a connection.
pub const SAMPLES: usize = 128;
/// The length of the shortest and of the longest samples, microseconds.
const SHORTEST_US: i64 = 1_000;
const LONGEST_US: i64 = SHORTEST_US << 9;

/// The samples of one connection; 48 bytes each.
#[derive(Default)]
pub struct History {
    samples: VecDeque<Sample>,
    /// The number of the first sample: its beginning after the connection's, in units of its length.
    start: i64,
    /// The length of a sample, microseconds; 0 before the first.
    width_us: i64,
}

/// Some time of a connection. What no record said is `None`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sample {
    /// The largest congestion window, bytes.
    pub cwnd: Option<u32>,
    /// The most in flight, bytes.
    pub flight: Option<u32>,
    /// The smoothed round-trip time at its end, microseconds.
    pub srtt_us: Option<u32>,
    /// Bytes of data.
    pub bytes: Bytes,
}

impl Sample {
    /// What is behind this: the values that last.
    fn lasting(self) -> Sample {
        Sample { bytes: Bytes::default(), ..self }
    }

    fn join(&mut self, later: Sample) {
        self.cwnd = self.cwnd.max(later.cwnd);
        self.flight = self.flight.max(later.flight);
        self.srtt_us = later.srtt_us.or(self.srtt_us);
        self.bytes = self.bytes.plus(later.bytes);
    }
}

impl History {
    /// Takes in what holds at `time` of a connection that began at `first`. Times do not run backwards.
    #[inline]
    pub fn add(&mut self, first: Micros, time: Micros, sample: Sample) {
        if self.width_us == 0 {
            self.width_us = SHORTEST_US;
        }
        let since = time.0.saturating_sub(first.0).max(0);
        let number = since / self.width_us;
        let len = self.samples.len() as i64;
        match self.samples.back_mut() {
            Some(last) if number < self.start + len => last.join(sample),
            _ => self.append(since, sample),
        }
    }

    fn append(&mut self, since: i64, sample: Sample) {
        while since / self.width_us - self.start >= SAMPLES as i64 && self.width_us < LONGEST_US {
            self.halve();
        }
        let number = since / self.width_us;
        let gone = (number - self.start - (SAMPLES as i64 - 1)).max(0);
        let lasting = self.samples.back().map(|last| last.lasting());
        self.samples.drain(..self.samples.len().min(gone as usize));
        self.start += gone;
        // Nothing changed between the last record and this one, as far as the log says.
        let between = (number - self.start) as usize;
        while self.samples.len() < between {
            self.samples.push_back(lasting.unwrap_or_default());
        }
        match self.samples.get_mut(between) {
            Some(last) => last.join(sample),
            None => self.samples.push_back(sample),
        }
    }

    /// Makes samples twice as long.
    fn halve(&mut self) {
        let len = self.samples.len().div_ceil(2);
        for at in 0..len {
            let mut joined = self.samples[2 * at];
            if let Some(&later) = self.samples.get(2 * at + 1) {
                joined.join(later);
            }
            self.samples[at] = joined;
        }
        self.samples.truncate(len);
        self.width_us *= 2;
    }

    /// The samples, the oldest first.
    pub fn samples(&self) -> impl ExactSizeIterator<Item = &Sample> {
        self.samples.iter()
    }

    /// The length of a sample, microseconds; 0 without any.
    pub fn width_us(&self) -> u64 {
        self.width_us.unsigned_abs()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn cwnds(history: &History) -> Vec<u32> {
        history.samples().map(|sample| sample.cwnd.unwrap_or(0)).collect()
    }

    fn sample(cwnd: u32) -> Sample {
        let bytes = Bytes { acked: 1, ..Bytes::default() };
        Sample { cwnd: Some(cwnd), bytes, ..Sample::default() }
    }

    #[test]
    fn short_ones_whole_long_ones_their_end() {
        let mut history = History::default();
        for (ms, cwnd) in [(0, 10), (0, 30), (3, 20), (127, 40)] {
            history.add(Micros(5), Micros(5 + ms * 1000), sample(cwnd));
        }
        assert_eq!((history.width_us(), history.samples().len()), (1000, 128));
        assert_eq!(cwnds(&history)[..5], [30, 30, 30, 20, 20]);
        history.add(Micros(5), Micros(5 + 128 * 1000), sample(50));
        assert_eq!((history.width_us(), history.samples().len()), (2000, 65));
        assert_eq!(history.samples().map(|sample| sample.bytes.acked).sum::<u64>(), 5);
        assert_eq!(cwnds(&history)[..3], [30, 30, 20]);
        assert_eq!(cwnds(&history)[63..], [40, 50]);
        // An hour later.
        history.add(Micros(5), Micros(3_600_000_000), sample(60));
        assert_eq!((history.width_us(), history.samples().len()), (512_000, 128));
        assert_eq!((cwnds(&history)[0], cwnds(&history)[127]), (50, 60));
    }

    #[test]
    fn far_times() {
        let mut history = History::default();
        history.add(Micros(i64::MIN), Micros(i64::MIN), sample(1));
        history.add(Micros(i64::MIN), Micros(i64::MAX), sample(2));
        assert_eq!(history.samples().len(), SAMPLES);
        history.add(Micros(0), Micros(i64::MIN), sample(3));
        assert_eq!(history.samples().len(), SAMPLES);
    }
}
