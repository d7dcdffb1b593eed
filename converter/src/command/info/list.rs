// SPDX-License-Identifier: BSD-2-Clause
//! The connections of an input, in order of appearance.

use bblog_analysis::{Account, Number};
use bblog_dissector::bblog::Header;
use bblog_dissector::event::Event;
use bblog_pcapng::escape::Escaped;

use super::connection::{ConnectionReport, EntrySummary};
use super::report::{MAX_CONNECTIONS, Report};
use crate::event::follow::Follower;
use crate::event::item::{BblogItem, LogItem};
use crate::event::source::EventSource;
use crate::event::subject::{Subjects, set};

/// Reasons listed for a connection; a damaged file can have millions.
const MAX_REASONS: usize = 16;

/// Follows the connections of an input.
pub(super) struct ConnectionList {
    follower: Follower,
    subjects: Subjects,
    /// By number.
    entries: Vec<EntrySummary>,
    /// By number; `None` for those that are followed.
    reports: Vec<Option<ConnectionReport>>,
    /// Section and connection of the last BBLog record.
    section: Option<(u64, Number)>,
    /// The number of the last entry.
    entry: Option<u64>,
}

impl ConnectionList {
    /// None yet.
    pub(super) fn new() -> ConnectionList {
        ConnectionList {
            follower: Follower::new(bblog_analysis::Wanted::default()),
            subjects: Subjects::default(),
            entries: Vec::new(),
            reports: Vec::new(),
            section: None,
            entry: None,
        }
    }

    /// Takes in the item with the number `at`, which `source` is at.
    #[inline]
    pub(super) fn feed(&mut self, at: u64, item: &LogItem<'_>, source: &dyn EventSource) {
        let Some((number, step)) = self.follower.feed(0, at, item) else { return };
        if number < MAX_CONNECTIONS {
            self.subjects.note(number, 0, item);
            if let LogItem::Bblog(record) = item {
                if self.section != Some((record.section, number)) {
                    self.section(number, record, source.counts().entries);
                }
                if step.is_end {
                    self.end(number, record);
                }
            }
        }
        self.take_closed();
    }

    /// Passes over an item that is not selected.
    pub(super) fn pass_over(&mut self, item: &LogItem<'_>) {
        self.follower.pass_over(0, item);
        self.take_closed();
    }

    #[inline]
    fn take_closed(&mut self) {
        for (number, account) in self.follower.take_closed() {
            close(&mut self.reports, &mut self.entries, &mut self.subjects, (number, &account));
        }
    }

    /// Takes note of what the header of an entry says, and of its number, if the input has entries.
    #[cold]
    fn section(&mut self, number: Number, item: &BblogItem<'_>, entry: Option<u64>) {
        let is_same_entry = self.section.is_some_and(|section| section.1 == number) && self.entry == entry;
        (self.section, self.entry) = (Some((item.section, number)), entry);
        let of = entries(&mut self.entries, number);
        of.is_undecoded |= !item.origin.is_decoded();
        // A change of stack makes a section of its own, but no entry.
        if entry.is_some() && !is_same_entry {
            *of.count.get_or_insert(0) += 1;
        }
        let Ok(header) = Header::unchecked(item.header) else { return };
        of.tag = set(header.tag()).map(|tag| Escaped(tag).to_string()).or(of.tag.take());
        add(&mut of.reasons, Escaped(header.reason()).to_string());
    }

    /// Takes note of why a connection ended.
    #[cold]
    fn end(&mut self, number: Number, item: &BblogItem<'_>) {
        let event = Event::of_record(&item.record, item.origin.context());
        let reasons = event.fields().filter(|field| field.spec.name.starts_with("end_reason"));
        let reasons = reasons.filter(|field| !field.value.is_zero());
        let of = entries(&mut self.entries, number);
        reasons.for_each(|field| add(&mut of.end_reasons, format!("{field:#}")));
    }

    /// Writes the connections into the report: no item follows.
    pub(super) fn finish(mut self, report: &mut Report) {
        let mut count = 0;
        for (number, account) in self.follower.finish() {
            count = count.max(number + 1);
            close(&mut self.reports, &mut self.entries, &mut self.subjects, (number, &account));
        }
        let listed = self.reports.len();
        report.more_connections = count.saturating_sub(listed) as u64;
        report.connections = self.reports.into_iter().flatten().collect();
    }
}

/// What is known of the entries of a connection.
fn entries(entries: &mut Vec<EntrySummary>, number: Number) -> &mut EntrySummary {
    if number >= entries.len() {
        entries.resize_with(number + 1, EntrySummary::default);
    }
    &mut entries[number]
}

/// Makes the report on a connection that is over, if there is room for it.
#[cold]
fn close(
    reports: &mut Vec<Option<ConnectionReport>>,
    all: &mut Vec<EntrySummary>,
    subjects: &mut Subjects,
    (number, account): (Number, &Account),
) {
    if number >= MAX_CONNECTIONS {
        return;
    }
    if number >= reports.len() {
        reports.resize_with(number + 1, || None);
    }
    let (subject, entries) = (subjects.take(number), std::mem::take(entries(all, number)));
    reports[number] = Some(ConnectionReport::of(&subject, entries, account, subjects.names()));
}

/// Adds a text to a short list, once.
fn add(texts: &mut Vec<String>, text: String) {
    if texts.len() < MAX_REASONS && !texts.contains(&text) {
        texts.push(text);
    }
}
