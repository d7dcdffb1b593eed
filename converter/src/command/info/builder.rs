// SPDX-License-Identifier: BSD-2-Clause
//! Reads a whole input and builds its report.

use bblog_analysis::Shards;
use bblog_dissector::{bblog, elog};

use super::census::Census;
use super::list::{ConnectionList, ListedConnections};
use super::report::Report;
use super::span::{TimeSpan, clock_name};
use crate::event::item::{Clock, LogItem};
use crate::event::open;
use crate::event::source::EventSource;
use crate::input::error::InputError;
use crate::input::{Input, InputKind, InputPosition, Inputs};
use crate::select::walk::Picker;

/// Events between two counts for the progress bar.
const TURN: u64 = 4096;

/// Reads `input` into `report`: all of it, or until `picker` is full. Returns its connections, those of `shards`.
pub(super) fn read(
    report: &mut Report,
    mut input: Input,
    inputs: &Inputs,
    shards: Shards,
    picker: &mut Picker,
    on_error: &mut dyn FnMut(InputError),
) -> ListedConnections {
    let kind = input.kind;
    let mut report_error = |report: &mut Report, error: InputError| {
        report.add_problem(&error);
        on_error(error);
    };
    if let Some(notice) = input.notice.take() {
        report_error(report, notice);
    }
    // Nothing else is reported: that an input is empty is its kind.
    let source = open::source(input, InputPosition::ONLY, &inputs.assumptions, &mut |_, _| {});
    let mut source = match source {
        Ok(source) => source,
        Err(error) => {
            report_error(report, error);
            return ListedConnections::default();
        }
    };
    if kind == InputKind::Elog {
        report.version = Some(elog::VERSION);
    }
    let mut builder = ReportBuilder { census: Census::default(), connections: ConnectionList::new(shards) };
    builder.census.capture(source.as_ref());
    while !picker.is_full() {
        match source.advance() {
            Ok(true) => {}
            Ok(false) => break,
            Err(error) => {
                report_error(report, error);
                continue;
            }
        }
        builder.census.capture(source.as_ref());
        let Some(item) = source.item() else { continue };
        if picker.number().is_multiple_of(TURN) {
            inputs.meter.add_events(TURN);
        }
        builder.item(report, &item, picker, source.as_ref());
    }
    // A capture without an event has a section all the same.
    builder.census.capture(source.as_ref());
    let counts = source.counts();
    report.entries = counts.entries;
    report.sections = counts.sections;
    if let Some(dropped) = source.drops().total() {
        (report.dropped_events, report.more_dropped) = (Some(dropped.events), dropped.is_minimum);
    }
    report.events_read = (!picker.is_everything()).then_some(picker.number());
    if kind == InputKind::Bblog && counts.entries.is_some_and(|entries| entries > 0) {
        report.version = Some(bblog::VERSION);
    }
    if kind == InputKind::Pcapng {
        report.foreign_packets = Some(counts.foreign_packets);
        report.foreign_blocks = Some(counts.foreign_blocks);
    }
    builder.census.finish(report, kind);
    builder.connections.finish(picker.number())
}

struct ReportBuilder {
    census: Census,
    connections: ConnectionList,
}

impl ReportBuilder {
    #[inline]
    fn item(
        &mut self,
        report: &mut Report,
        item: &LogItem<'_>,
        picker: &mut Picker,
        source: &dyn EventSource,
    ) {
        self.census.layout(item);
        if !picker.picks(0, *item) {
            self.connections.pass_over(item);
            return;
        }
        report.events += 1;
        TimeSpan::widen(&mut report.time, clock_name(item.clock() == Clock::Uptime), item.time());
        self.census.item(report, item);
        self.connections.feed(picker.number(), item, source);
    }
}
