// SPDX-License-Identifier: BSD-2-Clause
//! Times as text.

use std::fmt;

use bblog_dissector::Micros;

/// Shows a time since 1970 as `2026-11-21 20:48:01.000123`, UTC. All values are valid, which is not so
/// in calendar libraries.
#[derive(Clone, Copy)]
pub struct Utc(pub Micros);

impl fmt::Display for Utc {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{:06}", Second(self.0.seconds()), self.0.subsec_micros())
    }
}

/// Shows seconds since 1970 as `2026-11-21 20:48:01`, UTC.
#[derive(Clone, Copy)]
pub struct Second(pub i64);

impl fmt::Display for Second {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (year, month, day) = date(self.0.div_euclid(86_400));
        let second = self.0.rem_euclid(86_400);
        let (hour, minute, second) = (second / 3600, second / 60 % 60, second % 60);
        write!(f, "{year:04}-{month:02}-{day:02} {hour:02}:{minute:02}:{second:02}")
    }
}

/// Year, month and day of a count of days since 1970-01-01 (Gregorian calendar throughout).
fn date(days: i64) -> (i64, u32, u32) {
    /// Days in 400 years, after which the calendar repeats.
    const CYCLE: i64 = 146_097;
    // Counted from 2000-01-01, which begins a cycle.
    let days = days - 10_957;
    let mut year = 2000 + 400 * days.div_euclid(CYCLE);
    let mut day = days.rem_euclid(CYCLE);
    while day >= year_days(year) {
        day -= year_days(year);
        year += 1;
    }
    let february = year_days(year) - 337;
    let mut month = 1;
    for length in [31, february, 31, 30, 31, 30, 31, 31, 30, 31, 30, 31] {
        if day < length {
            break;
        }
        day -= length;
        month += 1;
    }
    (year, month, day as u32 + 1)
}

fn year_days(year: i64) -> i64 {
    let leap = year % 4 == 0 && (year % 100 != 0 || year % 400 == 0);
    365 + i64::from(leap)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates() {
        let shown = |micros| Utc(Micros(micros)).to_string();
        assert_eq!(shown(0), "1970-01-01 00:00:00.000000");
        assert_eq!(shown(-1), "1969-12-31 23:59:59.999999");
        assert_eq!(shown(951_782_400_000_000), "2000-02-29 00:00:00.000000");
        assert_eq!(shown(1_795_299_681_000_123), "2026-11-21 22:21:21.000123");
        let (_, _) = (shown(i64::MIN), shown(i64::MAX));
        let (_, _) = (Second(i64::MIN).to_string(), Second(i64::MAX).to_string());
    }
}
