// SPDX-License-Identifier: BSD-2-Clause
//! Records and events as their source gives them: the bytes, and facts that the bytes do not hold.

use std::num::NonZeroU32;

use bblog_dissector::Micros;
use bblog_dissector::bblog::{HEADER_LEN, Record};
use bblog_dissector::catalog::ProviderSpec;
use bblog_dissector::elog::RawEvent;
use bblog_dissector::tcp_provider::Addresses;
use bblog_pcapng::machine::Fact;

use super::origin::Origin;

/// Which clock a time is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    /// Since 1970-01-01 UTC.
    Utc,
    /// Since the boot of the machine, whose time the input does not have.
    Uptime,
}

/// One record or event with the facts of its source.
#[derive(Clone, Copy)]
pub enum LogItem<'a> {
    /// A BBLog record.
    Bblog(BblogItem<'a>),
    /// An event of eventlog(9).
    Eventlog(EventlogItem<'a>),
}

impl LogItem<'_> {
    /// When it happened.
    pub fn time(&self) -> Micros {
        match self {
            LogItem::Bblog(item) => item.time,
            LogItem::Eventlog(item) => item.time,
        }
    }

    /// Whether its block in the input is damaged.
    #[inline]
    pub fn is_damaged(&self) -> bool {
        match self {
            LogItem::Bblog(item) => item.is_damaged,
            LogItem::Eventlog(item) => item.is_damaged,
        }
    }

    /// Which clock its time is of.
    pub fn clock(&self) -> Clock {
        match self {
            LogItem::Bblog(item) => item.clock,
            LogItem::Eventlog(item) => item.clock,
        }
    }
}

/// A BBLog record.
#[derive(Clone, Copy)]
pub struct BblogItem<'a> {
    /// Its bytes.
    pub record: Record<'a>,
    /// When it was made.
    pub time: Micros,
    /// Which clock that is of.
    pub clock: Clock,
    /// The header of its entry: addresses, log id, reason and tag.
    pub header: &'a [u8; HEADER_LEN],
    /// The stack and the machine that wrote it.
    pub origin: &'a Origin,
    /// Records missing before it.
    pub missing: u32,
    /// Whether its block in the input is damaged: its values may be wrong, and nothing is concluded from them.
    pub is_damaged: bool,
    /// A number that changes whenever header or origin change: what was computed from them can be
    /// kept until then.
    pub section: u64,
    /// The number of its entry in the input, or of its section in a pcapng file. Where headers name no connection, records
    /// of two of them may be of two.
    pub entry: u64,
}

/// An event of eventlog(9).
#[derive(Clone, Copy)]
pub struct EventlogItem<'a> {
    /// Its bytes.
    pub event: RawEvent<'a>,
    /// When it happened.
    pub time: Micros,
    /// Which clock that is of.
    pub clock: Clock,
    /// Its provider's name. `None` if the capture does not have it.
    pub provider: Option<&'a [u8]>,
    /// What describes the provider's events; `None` if no schema does.
    pub tables: Option<&'static ProviderSpec>,
    /// Local and remote address of its connection, if events had them.
    pub addresses: Option<Addresses>,
    /// Ticks per second of the machine that wrote it; `None` if they are not known.
    pub hz: Option<Fact<NonZeroU32>>,
    /// A number that differs for each section of the input: provider numbers are unique within a section only.
    pub section: u64,
    /// Whether its block in the input is damaged: its values may be wrong, and nothing is concluded from them.
    pub is_damaged: bool,
    /// The index of the first input of the series that its input is of: sessions go on from one to the next.
    pub series: usize,
}

impl EventlogItem<'_> {
    /// Ticks per second, stated or inferred.
    #[inline]
    pub fn ticks_per_second(&self) -> Option<NonZeroU32> {
        self.hz.map(|hz| hz.value)
    }
}
