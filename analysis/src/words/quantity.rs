// SPDX-License-Identifier: BSD-2-Clause
//! Numbers in sentences.

use std::fmt;

use bblog_dissector::counted::Counted;

/// A span of time, microseconds: `1.30 s`, `259 ms`, `85 us`.
#[derive(Clone, Copy)]
pub(crate) struct TimeText(pub(crate) u64);

impl fmt::Display for TimeText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let us = self.0;
        match us {
            0..1_000 => write!(f, "{us} us"),
            1_000..100_000 => write!(f, "{}.{} ms", us / 1000, us % 1000 / 100),
            100_000..1_000_000 => write!(f, "{} ms", us / 1000),
            1_000_000..100_000_000 => write!(f, "{}.{:02} s", us / 1_000_000, us % 1_000_000 / 10_000),
            _ => write!(f, "{} s", us / 1_000_000),
        }
    }
}

/// A rate, bits per second: `4.4 Mbit/s`.
#[derive(Clone, Copy)]
pub(crate) struct RateText(pub(crate) u64);

impl fmt::Display for RateText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (unit, size) = match self.0 {
            0..1_000 => return write!(f, "{} bit/s", self.0),
            1_000..1_000_000 => ("kbit/s", 1_000),
            1_000_000..1_000_000_000 => ("Mbit/s", 1_000_000),
            _ => ("Gbit/s", 1_000_000_000),
        };
        write!(f, "{}.{} {unit}", self.0 / size, self.0 % size * 10 / size)
    }
}

/// A share of a whole, percent: `98 %`.
#[derive(Clone, Copy)]
pub(crate) struct Percent(pub(crate) f64);

impl fmt::Display for Percent {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:.0} %", self.0 * 100.0)
    }
}

/// `1 SYN was`, `3 SYNs were`.
pub(crate) fn were(count: u64, what: &'static str) -> String {
    format!("{} {}", Counted(count, what), if count == 1 { "was" } else { "were" })
}

/// A stretch of time since the beginning, microseconds: `0.107-0.366 s`.
#[derive(Clone, Copy)]
pub(crate) struct Between(pub(crate) i64, pub(crate) i64);

impl fmt::Display for Between {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let ms = |us: i64| (us / 1_000_000, us % 1_000_000 / 1000);
        let ((a, b), (c, d)) = (ms(self.0.max(0)), ms(self.1.max(0)));
        write!(f, "{a}.{b:03}-{c}.{d:03} s")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn sizes() {
        let times = [0, 999, 20_900, 259_001, 1_300_000, 7_200_000_000].map(|us| TimeText(us).to_string());
        assert_eq!(times, ["0 us", "999 us", "20.9 ms", "259 ms", "1.30 s", "7200 s"]);
        let rates = [10, 651_600, 4_400_000, 12_000_000_000].map(|rate| RateText(rate).to_string());
        assert_eq!(rates, ["10 bit/s", "651.6 kbit/s", "4.4 Mbit/s", "12.0 Gbit/s"]);
        assert_eq!(Between(107_114, 366_115).to_string(), "0.107-0.366 s");
    }
}
