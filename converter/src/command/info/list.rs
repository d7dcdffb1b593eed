// SPDX-License-Identifier: BSD-2-Clause
//! The connections of an input, in order of appearance.

use bblog_analysis::{Account, Number, Shards};
use bblog_dissector::bblog::Header;
use bblog_dissector::event::Event;
use bblog_pcapng::escape::Escaped;

use super::connection::{ConnectionReport, EntrySummary};
use super::report::{MAX_CONNECTIONS, Report};
use crate::event::follow::Follower;
use crate::event::item::{BblogItem, LogItem};
use crate::event::open;
use crate::event::source::EventSource;
use crate::event::subject::{Subjects, set};
use crate::input::{Input, InputPosition, Inputs};

/// Reasons listed for a connection; a damaged file can have millions.
const MAX_REASONS: usize = 16;

/// Connections of an input that are over.
#[derive(Default)]
pub(super) struct ListedConnections {
    /// The first ones in order of appearance, each with the number of its first item.
    reports: Vec<(u64, ConnectionReport)>,
    /// How many there are.
    count: usize,
    /// Events of the input, those of other connections included.
    pub(super) items: u64,
}

/// Follows connections of an input.
pub(super) struct ConnectionList {
    follower: Follower,
    subjects: Subjects,
    /// By number.
    entries: Vec<EntrySummary>,
    /// By number, each with that of its first item; `None` for those that are followed.
    reports: Vec<Option<(u64, ConnectionReport)>>,
    /// Section and connection of the last BBLog record.
    section: Option<(u64, Number)>,
    /// The number of the last entry.
    entry: Option<u64>,
}

impl ConnectionList {
    /// None yet of the connections of `shards`.
    pub(super) fn new(shards: Shards) -> ConnectionList {
        ConnectionList {
            follower: Follower::of_shards(bblog_analysis::Wanted::default(), shards),
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
            self.subjects.note((self.follower.shard(), number), 0, item);
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

    /// The connections, now that no item follows the one with the number `items`.
    pub(super) fn finish(mut self, items: u64) -> ListedConnections {
        let mut count = 0;
        for (number, account) in self.follower.finish() {
            count = count.max(number + 1);
            close(&mut self.reports, &mut self.entries, &mut self.subjects, (number, &account));
        }
        ListedConnections { reports: self.reports.into_iter().flatten().collect(), count, items }
    }
}

impl ListedConnections {
    /// The connections of `shards` of the input. What is wrong with it is not reported.
    pub(super) fn of(inputs: &Inputs, shards: Shards) -> Option<ListedConnections> {
        let input = Input::open(inputs.names.first()?, 1, &inputs.meter).ok()?;
        let mut source =
            open::source(input, InputPosition::ONLY, &inputs.assumptions, &mut |_, _| {}).ok()?;
        let (mut connections, mut number) = (ConnectionList::new(shards), 0);
        loop {
            match source.advance() {
                Ok(true) => {}
                Ok(false) => break,
                Err(_) => continue,
            }
            if let Some(item) = source.item() {
                number += 1;
                connections.feed(number, &item, source.as_ref());
            }
        }
        Some(connections.finish(number))
    }

    /// Writes the connections of all shards into the report.
    pub(super) fn report(parts: Vec<ListedConnections>, report: &mut Report) {
        let count: usize = parts.iter().map(|part| part.count).sum();
        let mut listed: Vec<_> = parts.into_iter().flat_map(|part| part.reports).collect();
        listed.sort_by_key(|connection| connection.0);
        listed.truncate(MAX_CONNECTIONS);
        report.more_connections = (count - listed.len()) as u64;
        report.connections = listed.into_iter().map(|connection| connection.1).collect();
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
    reports: &mut Vec<Option<(u64, ConnectionReport)>>,
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
    let report = ConnectionReport::of(&subject, entries, account, subjects.names());
    reports[number] = Some((account.first_number, report));
}

/// Adds a text to a short list, once.
fn add(texts: &mut Vec<String>, text: String) {
    if texts.len() < MAX_REASONS && !texts.contains(&text) {
        texts.push(text);
    }
}
