// SPDX-License-Identifier: BSD-2-Clause
//! A span of time of a log.

use bblog_analysis::Account;
use bblog_dissector::Micros;
use bblog_pcapng::utc::Utc;
use serde::Serialize;

/// A span of time.
#[derive(Clone, Copy, Debug, Serialize)]
pub struct TimeSpan {
    /// `utc`, or `uptime` if the file does not say when the machine booted.
    pub clock: &'static str,
    /// The earliest time, microseconds since 1970 or since boot.
    pub first_us: i64,
    /// The latest.
    pub last_us: i64,
}

/// The name of a clock: of records without the time of boot it is the machine's uptime.
pub(super) fn clock_name(is_uptime: bool) -> &'static str {
    if is_uptime { "uptime" } else { "utc" }
}

impl TimeSpan {
    /// From the first to the last item of a connection.
    pub(super) fn of(account: &Account, clock: &'static str) -> TimeSpan {
        let last_us = account.first.0.saturating_add_unsigned(account.duration_us);
        TimeSpan { clock, first_us: account.earliest.0, last_us }
    }

    /// Its length, microseconds.
    pub(super) fn us(&self) -> u64 {
        self.last_us.saturating_sub(self.first_us).max(0).unsigned_abs()
    }

    /// Widens `span` so that `time` lies in it.
    pub(super) fn widen(span: &mut Option<TimeSpan>, clock: &'static str, time: Micros) {
        let span = span.get_or_insert(TimeSpan { clock, first_us: time.0, last_us: time.0 });
        span.first_us = span.first_us.min(time.0);
        span.last_us = span.last_us.max(time.0);
    }

    /// `FIRST to LAST (SECONDS s)`.
    pub(super) fn text(&self) -> String {
        let length = self.last_us.saturating_sub(self.first_us);
        let length = format!("{}.{:06} s", length / 1_000_000, length % 1_000_000);
        let seconds = |us: i64| format!("{}.{:06}", us.div_euclid(1_000_000), us.rem_euclid(1_000_000));
        match self.clock {
            "utc" => {
                let (first, last) = (Utc(Micros(self.first_us)), Utc(Micros(self.last_us)));
                format!("{first} to {last} UTC ({length})")
            }
            _ => format!("uptime {} to {} ({length})", seconds(self.first_us), seconds(self.last_us)),
        }
    }
}
