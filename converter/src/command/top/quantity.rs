// SPDX-License-Identifier: BSD-2-Clause
//! Numbers in narrow columns.

use std::fmt;

/// A span of time, microseconds: `85 us`, `12.3 ms`, `259 ms`, `1.30 s`, `2:05`, `1:02:03`, `7d16h`.
#[derive(Clone, Copy)]
pub struct SpanText(pub u64);

impl fmt::Display for SpanText {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let us = self.0;
        let seconds = us / 1_000_000;
        match us {
            0 => f.pad("0"),
            1..1_000 => f.pad(&format!("{us} us")),
            1_000..100_000 => f.pad(&format!("{}.{} ms", us / 1_000, us % 1_000 / 100)),
            100_000..1_000_000 => f.pad(&format!("{} ms", us / 1_000)),
            1_000_000..100_000_000 => f.pad(&format!("{seconds}.{:02} s", us % 1_000_000 / 10_000)),
            100_000_000..3_600_000_000 => f.pad(&format!("{}:{:02}", seconds / 60, seconds % 60)),
            3_600_000_000..360_000_000_000 => {
                f.pad(&format!("{}:{:02}:{:02}", seconds / 3600, seconds / 60 % 60, seconds % 60))
            }
            360_000_000_000.. => f.pad(&format!("{}d{}h", seconds / 86_400, seconds / 3600 % 24)),
        }
    }
}

/// A number with its power of 1000, in at most four digits: `999`, `14.5k`, `1.71M`. Cut, not rounded.
#[derive(Clone, Copy)]
pub struct Si(pub u64);

impl fmt::Display for Si {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        const UNITS: [&str; 7] = ["", "k", "M", "G", "T", "P", "E"];
        let (mut whole, mut rest, mut unit) = (self.0, 0, 0);
        while whole >= 1000 {
            (whole, rest, unit) = (whole / 1000, whole % 1000, unit + 1);
        }
        match (unit, whole) {
            (0, _) => f.pad(&whole.to_string()),
            (_, ..10) => f.pad(&format!("{whole}.{:02}{}", rest / 10, UNITS[unit])),
            (_, 10..100) => f.pad(&format!("{whole}.{}{}", rest / 100, UNITS[unit])),
            (..) => f.pad(&format!("{whole}{}", UNITS[unit])),
        }
    }
}

/// A share of a whole, 0 to 1: `57%`, `0.4%`. What is not 0 does not look like it.
#[derive(Clone, Copy)]
pub struct Share(pub f64);

impl fmt::Display for Share {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let percent = self.0 * 100.0;
        match percent {
            0.0 => f.pad("0%"),
            ..0.1 => f.pad("<0.1%"),
            ..10.0 => f.pad(&format!("{percent:.1}%")),
            _ => f.pad(&format!("{percent:.0}%")),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms() {
        let times = [0, 999, 20_900, 259_001, 1_300_000, 125_000_000, 3_723_000_000, 662_400_000_000];
        assert_eq!(
            times.map(|us| SpanText(us).to_string()),
            ["0", "999 us", "20.9 ms", "259 ms", "1.30 s", "2:05", "1:02:03", "7d16h"]
        );
        let numbers = [0, 999, 1_000, 14_480, 999_999, 1_708_000, u64::MAX];
        assert_eq!(
            numbers.map(|number| Si(number).to_string()),
            ["0", "999", "1.00k", "14.4k", "999k", "1.70M", "18.4E"]
        );
        let shares = [0.0, 0.0001, 0.004, 0.123, 1.0];
        assert_eq!(shares.map(|share| Share(share).to_string()), ["0%", "<0.1%", "0.4%", "12%", "100%"]);
        assert_eq!(format!("{:>6}|{:<5}|{:>5}", Si(1), SpanText(0), Share(0.5)), "     1|0    |  50%");
    }
}
