// SPDX-License-Identifier: BSD-2-Clause
//! A point in time that the user gave.

use std::str::FromStr;

use bblog_dissector::Micros;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};

/// Where a span of time begins or ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Bound {
    /// Since 1970, or since boot for logs without the boot time.
    At(Micros),
    /// After the first event of the inputs.
    After(Micros),
    /// A time of day, UTC, in microseconds since midnight, as lines of a listing begin with it. It is of the
    /// first event's day, or of the day after if that lies more than half a day back.
    TimeOfDay(i64),
}

/// Microseconds of a day.
const DAY: i64 = 86_400_000_000;

impl Bound {
    /// The time, if the first event is at `first`.
    #[inline]
    pub fn from_first(self, first: Micros) -> Micros {
        match self {
            Bound::At(time) => time,
            Bound::After(span) => Micros(first.0.saturating_add(span.0)),
            Bound::TimeOfDay(time) => {
                let since = time - first.0.rem_euclid(DAY);
                let since = if since < -DAY / 2 { since + DAY } else { since };
                Micros(first.0.saturating_add(since))
            }
        }
    }
}

/// `2026-11-21T20:48:01.5Z` or with another offset; without one it is UTC, and time or seconds may
/// be left out. A time of day, UTC: `20:48:01.5`. Seconds since 1970: `1795299681.5`. After the first event: `+1.5`, `+90s`,
/// `+1m 30s`, `+250ms`.
impl FromStr for Bound {
    type Err = &'static str;

    fn from_str(text: &str) -> Result<Bound, &'static str> {
        const EXPECTED: &str = "expected a date and time, a time of day, seconds since 1970, or + and a span \
                                of time (2026-11-21T20:48:01Z, 20:48:01, 1795299681.5, +1.5s)";
        let text = text.trim();
        let is_seconds = |text: &str| {
            text.starts_with(|c: char| c.is_ascii_digit())
                && text.bytes().all(|b| b.is_ascii_digit() || b == b'.')
        };
        let span = |text: &str| {
            let span = if is_seconds(text) { format!("{text}s").parse() } else { text.parse() };
            span.ok().filter(|span: &SignedDuration| !span.is_negative()).and_then(micros)
        };
        let bound = match text.strip_prefix('+') {
            Some(after) => span(after).map(Bound::After),
            None if is_seconds(text) => span(text).map(Bound::At),
            None => time(text).map(Bound::At).or_else(|| time_of_day(text).map(Bound::TimeOfDay)),
        };
        bound.ok_or(EXPECTED)
    }
}

fn micros(span: SignedDuration) -> Option<Micros> {
    i64::try_from(span.as_micros()).ok().map(Micros)
}

/// Microseconds since midnight.
fn time_of_day(text: &str) -> Option<i64> {
    let time: jiff::civil::Time = text.parse().ok().filter(|_| text.contains(':'))?;
    i64::try_from(time.duration_since(jiff::civil::Time::midnight()).as_micros()).ok()
}

fn time(text: &str) -> Option<Micros> {
    let time: Timestamp = text.parse().ok().or_else(|| {
        let without_offset: DateTime = text.parse().ok()?;
        without_offset.to_zoned(TimeZone::UTC).ok().map(|zoned| zoned.timestamp())
    })?;
    Some(Micros(time.as_microsecond()))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn times_of_day() {
        let first = Micros(DAY + 1_000_000);
        let of = |text: &str| text.parse::<Bound>().unwrap().from_first(first).0;
        assert_eq!(of("00:00:01"), DAY + 1_000_000);
        assert_eq!(of("00:00:00.5"), DAY + 500_000);
        assert_eq!(of("11:00"), DAY + 39_600_000_000);
        // The first event may be one of the evening.
        let first = Micros(2 * DAY - 1);
        let of = |text: &str| text.parse::<Bound>().unwrap().from_first(first).0;
        assert_eq!(of("23:00:00"), 2 * DAY - 3_600_000_000);
        assert_eq!(of("00:00:01"), 2 * DAY + 1_000_000);
    }

    #[test]
    fn forms() {
        let at = |micros| Ok(Bound::At(Micros(micros)));
        let after = |micros| Ok(Bound::After(Micros(micros)));
        let cases = [
            ("2026-11-21T22:21:21.000123Z", at(1_795_299_681_000_123)),
            ("2026-11-21 22:21:21.000123", at(1_795_299_681_000_123)),
            ("2026-11-21T23:21:21.000123+01:00", at(1_795_299_681_000_123)),
            ("2026-11-21T22:21", at(1_795_299_660_000_000)),
            ("2026-11-21", at(1_795_219_200_000_000)),
            ("1795299681.000123", at(1_795_299_681_000_123)),
            ("0", at(0)),
            ("+1.5", after(1_500_000)),
            ("+1.5s", after(1_500_000)),
            ("+250ms", after(250_000)),
            ("+1m 30s", after(90_000_000)),
            ("+2h", after(7_200_000_000)),
            ("+10us", after(10)),
        ];
        for (text, bound) in cases {
            assert_eq!(text.parse::<Bound>(), bound, "{text}");
        }
        for wrong in ["", "+", "yesterday", "+-5s", "-5", "+1.5x", "2026-13-01", "1.2.3", "9999999999999999"]
        {
            assert!(wrong.parse::<Bound>().is_err(), "{wrong}");
        }
    }
}
