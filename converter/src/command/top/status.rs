// SPDX-License-Identifier: BSD-2-Clause
//! What holds for the whole reading: the input, its clock, counts, problems.

use bblog_dissector::counted::Counted;
use bblog_pcapng::escape::OneLine;

use super::model::ModelCounts;
use super::reader::Problems;
use crate::event::item::Clock;
use crate::text::clock_text::ClockText;

/// The state of the reading.
#[derive(Clone, Default)]
pub struct Status {
    /// The input's name.
    pub input: String,
    /// What was counted.
    pub counts: ModelCounts,
    /// Connections that are followed and selected.
    pub connections: usize,
    /// What was wrong with the input.
    pub problems: Problems,
    /// Whether the input has ended.
    pub has_ended: bool,
}

impl Status {
    /// The first line: input, time of the last event, counts.
    pub fn line(&self) -> String {
        let mut text = format!("bblog top: {}", self.input);
        if let Some((clock, time)) = self.counts.now {
            text += ", ";
            text += &time_of_day(clock, time);
        }
        text += &format!(", {}", Counted(self.connections as u64, "connection"));
        text += &format!(", {}", Counted(self.counts.events, "event"));
        if self.counts.events == 0 && !self.has_ended {
            text += ", waiting for the first";
        }
        if self.has_ended {
            text += ", ended";
        }
        text
    }

    /// What is missing: `12 records lost, 1 connection forgotten (--max-connections)`; empty if nothing is.
    pub fn missing(&self) -> String {
        let ModelCounts { lost, forgotten, .. } = self.counts;
        let lost = (lost > 0).then(|| format!("{} lost", Counted(lost, "record")));
        let forgotten = (forgotten > 0)
            .then(|| format!("{} forgotten (--max-connections)", Counted(forgotten, "connection")));
        lost.into_iter().chain(forgotten).collect::<Vec<_>>().join(", ")
    }

    /// The last problem or notice of the input, and how many problems there were; empty without any.
    pub fn problem(&self) -> String {
        let Some(last) = &self.problems.last else { return String::new() };
        let last = OneLine(last);
        match self.problems.faults {
            0 => last.to_string(),
            faults => format!("{}, the last message: {last}", Counted(faults, "problem")),
        }
    }
}

/// `20:48:01.512 UTC`, or of a clock that counts from boot `up 1234.512 s`.
pub fn time_of_day(clock: Clock, time: bblog_dissector::Micros) -> String {
    let mut text = Vec::new();
    let (prefix, unit) = match clock {
        Clock::Utc => ("", " UTC"),
        Clock::Uptime => ("up ", ""),
    };
    ClockText::default().time_of_day(clock, false, time, &mut text);
    // Milliseconds are enough here.
    text.truncate(text.len().saturating_sub(3));
    format!("{prefix}{}{unit}", String::from_utf8_lossy(&text))
}
