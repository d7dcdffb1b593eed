// SPDX-License-Identifier: BSD-2-Clause
//! Times as text. For speed, the date is formatted once per second of the log.

use std::io::Write;

use bblog_dissector::Micros;
use bblog_pcapng::utc::Utc;

use crate::event::item::Clock;

/// Writes times.
#[derive(Default)]
pub struct ClockText {
    /// The second that was formatted last.
    second: Option<i64>,
    /// `2026-11-21 20:48:01`
    text: String,
}

impl ClockText {
    /// `2026-11-21 20:48:01.000123`, or of an uptime clock `up 1234.000123`.
    #[inline]
    pub fn absolute(&mut self, clock: Clock, time: Micros, out: &mut Vec<u8>) {
        match clock {
            Clock::Utc => {
                out.extend_from_slice(self.second(time).as_bytes());
            }
            Clock::Uptime => {
                let _ = write!(out, "up {}", time.seconds());
            }
        }
        out.push(b'.');
        micros(time.subsec_micros(), out);
    }

    /// `2026-11-21T20:48:01.000123Z`, as RFC 3339 writes it.
    #[inline]
    pub fn rfc3339(&mut self, time: Micros, out: &mut Vec<u8>) {
        out.extend_from_slice(self.second(time).as_bytes());
        let blank = out.len() - " 20:48:01".len();
        out[blank] = b'T';
        out.push(b'.');
        micros(time.subsec_micros(), out);
        out.push(b'Z');
    }

    /// `20:48:01.000123` of the time of day, or of hours without bound since boot: as elog(1).
    #[inline]
    pub fn time_of_day(&mut self, clock: Clock, date: bool, time: Micros, out: &mut Vec<u8>) {
        match clock {
            Clock::Utc => {
                let text = self.second(time);
                let skip = if date { 0 } else { text.find(' ').map_or(0, |blank| blank + 1) };
                out.extend_from_slice(&text.as_bytes()[skip..]);
            }
            Clock::Uptime => {
                let seconds = time.0 as u64 / 1_000_000;
                let (hours, minutes, seconds) = (seconds / 3600, seconds / 60 % 60, seconds % 60);
                let _ = write!(out, "{hours:02}:{minutes:02}:{seconds:02}");
                out.push(b'.');
                return micros((time.0 as u64 % 1_000_000) as u32, out);
            }
        }
        out.push(b'.');
        micros(time.subsec_micros(), out);
    }

    /// `2026-11-21`, UTC.
    pub fn date(&mut self, time: Micros, out: &mut Vec<u8>) {
        let text = self.second(time);
        let date = text.split(' ').next().unwrap_or_default();
        out.extend_from_slice(date.as_bytes());
    }

    #[inline]
    fn second(&mut self, time: Micros) -> &str {
        let second = time.seconds();
        if self.second != Some(second) {
            self.second = Some(second);
            self.text = Utc(Micros(second.saturating_mul(1_000_000))).to_string();
            self.text.truncate(self.text.len().saturating_sub(".000000".len()));
        }
        &self.text
    }
}

/// Six digits.
#[inline]
pub fn micros(micros: u32, out: &mut Vec<u8>) {
    let mut digits = [b'0'; 6];
    let mut left = micros;
    for digit in digits.iter_mut().rev() {
        *digit = b'0' + (left % 10) as u8;
        left /= 10;
    }
    out.extend_from_slice(&digits);
}

/// `12.000123`, with a sign if it is negative.
#[inline]
pub fn seconds(span: Micros, out: &mut Vec<u8>) {
    if span.0 < 0 {
        out.push(b'-');
    }
    let span = span.0.unsigned_abs();
    out.extend_from_slice(itoa::Buffer::new().format(span / 1_000_000).as_bytes());
    out.push(b'.');
    micros((span % 1_000_000) as u32, out);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn forms() {
        let time = Micros(1_795_299_681_000_123);
        let shown = |write: &dyn Fn(&mut ClockText, &mut Vec<u8>)| {
            let mut out = Vec::new();
            write(&mut ClockText::default(), &mut out);
            String::from_utf8(out).unwrap()
        };
        assert_eq!(shown(&|c, o| c.absolute(Clock::Utc, time, o)), "2026-11-21 22:21:21.000123");
        assert_eq!(shown(&|c, o| c.absolute(Clock::Uptime, Micros(1_500_000), o)), "up 1.500000");
        assert_eq!(shown(&|c, o| c.rfc3339(time, o)), "2026-11-21T22:21:21.000123Z");
        assert_eq!(shown(&|c, o| c.time_of_day(Clock::Utc, false, time, o)), "22:21:21.000123");
        let uptime = Micros(100 * 3_600_000_000 + 61_000_001);
        assert_eq!(shown(&|c, o| c.time_of_day(Clock::Uptime, true, uptime, o)), "100:01:01.000001");
        assert_eq!(shown(&|_, o| seconds(Micros(-1_000_001), o)), "-1.000001");
        shown(&|c, o| c.absolute(Clock::Utc, Micros(i64::MIN), o));
        shown(&|c, o| c.absolute(Clock::Utc, Micros(i64::MAX), o));
    }
}
