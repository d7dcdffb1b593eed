// SPDX-License-Identifier: BSD-2-Clause
//! What items say: facts, read by tables of rules.
//!
//! [`rules`] says which event and which value says what. [`plan`] resolves those names once for each event of
//! a stack and a kernel, so that no name is compared while items are read. [`bblog`] and [`eventlog`] read an
//! item into the connection's [`Facts`] and say what happened.

mod bblog;
mod eventlog;
mod facts;
mod plan;
mod rules;
mod segment;

pub use bblog::{micros, srtt_us};
pub use facts::{Facts, StopReason};
pub use plan::Plans;
pub(crate) use segment::{Segment, SegmentOptions, flag};

use crate::item::Item;
use crate::tcp::timer::Timer;

/// What an item says has happened, besides the facts that it changed.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Observed<'a> {
    /// What kind of thing it is.
    pub(crate) kind: ItemKind<'a>,
    /// The timer that fired.
    pub(crate) timer: Option<Timer>,
    /// A record whose end is missing may have said that a timer fired, and which.
    pub(crate) timer_cut: bool,
    /// The sequence number after the highest that was sent before the item, as far as the log says.
    pub(crate) sent_before: Option<u32>,
    /// A round-trip time, microseconds.
    pub(crate) rtt: Option<(RttKind, u32)>,
    /// The default stack's smoothed RTT beside another one, microseconds.
    pub(crate) default_srtt: Option<u32>,
    /// The newest SACK block received, where the log has it apart from the segment.
    pub(crate) sack: Option<LoggedSackBlock>,
    /// Our initial sequence number, where the item says it.
    pub(crate) iss: Option<u32>,
    /// Fast recovery begins, by the log's own word.
    pub(crate) recovery_begins: bool,
    /// The stack changed to another.
    pub(crate) stack_changed: bool,
    /// The congestion control changed to another.
    pub(crate) cc_changed: bool,
    /// The stack's own estimate of the goodput, bytes per second.
    pub(crate) goodput: Option<u64>,
    /// HyStart++ ends slow start.
    pub(crate) hystart: bool,
}

/// A SACK block as an event has it.
#[derive(Clone, Copy, Debug)]
pub(crate) struct LoggedSackBlock {
    /// Its first sequence number.
    pub(crate) start: u32,
    /// The sequence number after it.
    pub(crate) end: u32,
    /// Whether it says that the range arrived twice.
    pub(crate) is_duplicate: bool,
}

/// The kind of an item.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) enum ItemKind<'a> {
    /// Neither of these.
    #[default]
    Other,
    /// A segment was received.
    In(Segment<'a>),
    /// A segment was handed to IP; what became of it, if that is known.
    Out(Segment<'a>, Option<i32>),
    /// The segment before this one was not sent: an error number.
    NotSent(i32),
    /// An ACK was processed; the segment is not in the log.
    Acked,
    /// The application wrote to the socket.
    UserWrite,
    /// The connection, or its log, ends.
    End,
}

/// How a round-trip time came about; of several kinds a connection's first one here counts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[non_exhaustive]
pub enum RttKind {
    /// One sample.
    Sample,
    /// The value that the stack uses after one or more samples.
    Used,
    /// The smoothed RTT, where it changed.
    Smoothed,
}

impl RttKind {
    /// Its name in JSON: `sample`, `used`, `smoothed`.
    pub fn name(self) -> &'static str {
        match self {
            RttKind::Sample => "sample",
            RttKind::Used => "used",
            RttKind::Smoothed => "smoothed",
        }
    }
}

/// Takes what `item` says into `facts`.
#[inline]
pub(crate) fn read<'a>(plans: &mut Plans, facts: &mut Facts, item: &Item<'a>) -> Observed<'a> {
    match item {
        Item::Bblog(item) => bblog::read(plans, facts, item),
        Item::Eventlog(item) => eventlog::read(plans, facts, item),
    }
}
