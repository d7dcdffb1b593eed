// SPDX-License-Identifier: BSD-2-Clause
//! What the analysis takes: records and events, borrowed from wherever they were read.

use std::num::NonZeroU32;

use bblog_dissector::Micros;
use bblog_dissector::bblog::Record;
use bblog_dissector::elog::RawEvent;
use bblog_dissector::event::RecordContext;
use bblog_dissector::spec::EventSpec;

/// One record or event of a connection.
#[derive(Clone, Copy)]
pub enum Item<'a> {
    /// A BBLog record.
    Bblog(RecordItem<'a>),
    /// An event of eventlog's tcp provider.
    Eventlog(EventItem<'a>),
}

/// A BBLog record and what is known of it besides.
#[derive(Clone, Copy)]
pub struct RecordItem<'a> {
    /// The record.
    pub record: Record<'a>,
    /// When it was made; any clock that all items of a connection share.
    pub time: Micros,
    /// Stack, kernel and hz, which decide what its members mean. Without hz, times in ticks are missing.
    pub context: RecordContext,
}

/// An event of eventlog's tcp provider and what is known of it besides.
#[derive(Clone, Copy)]
pub struct EventItem<'a> {
    /// The event.
    pub event: RawEvent<'a>,
    /// What describes it.
    pub spec: &'static EventSpec,
    /// When it was made; any clock that all items of a connection share.
    pub time: Micros,
    /// Ticks per second of the machine that wrote it. Without them times in ticks are missing.
    pub hz: Option<NonZeroU32>,
}

impl Item<'_> {
    /// When it was made.
    pub fn time(&self) -> Micros {
        match self {
            Item::Bblog(item) => item.time,
            Item::Eventlog(item) => item.time,
        }
    }
}
