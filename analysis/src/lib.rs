// SPDX-License-Identifier: BSD-2-Clause
//! Conclusions from FreeBSD's TCP flight recorders: decoded items in, facts about connections out.
//!
//! An [`Item`] is a BBLog record or an event of eventlog's tcp provider, borrowed. A [`Connection`] takes its items
//! one by one; each [`Connection::feed`] returns a [`Step`]: what limits the connection now, and what the item says
//! (a timer fired, a segment was sent again and why, a send failed, recovery began). When the items are over,
//! [`Connection::finish`] gives the [`Account`]: the time in each [`Limit`], the [`Stall`]s, counts, round-trip times;
//! [`Account::verdict`] and [`Account::notes`] say it in words. [`Connections`] does so for any number of connections,
//! and detects when one ends and another begins under the same addresses.
//!
//! ```text
//! Item ─► evidence: rules of names, resolved once ─► Facts ─► limit: one function ─► ledger: spans, totals
//!                                                 └► transmit, stall, rtt, handshake ─► Account ─► verdict, notes
//! ```
//!
//! The time is accounted for as RFC 4898 does it. From one item to the next it belongs to the state that the first
//! one left; what a timer that fires says of the time before it is attributed backwards, so spans are final when the
//! next segment is sent or received. What decided on a span is its [`Evidence`]. Nothing is guessed: where records
//! or members are missing the state is [`Limit::Unknown`].
//!
//! This crate does no I/O, compares no names while it reads, and allocates for a connection, not for an item. Memory
//! is bounded: see [`Connection`] and [`Connections`].
//!
//! ```
//! use bblog_analysis::{RecordItem, Connection, Item, Limit, Plans};
//! use bblog_dissector::bblog::{entries, records};
//! use bblog_dissector::event::RecordContext;
//! use bblog_dissector::spec::{Kernel, Stack};
//! use std::num::NonZeroU32;
//!
//! # fn main() -> Result<(), Box<dyn std::error::Error>> {
//! let log = std::fs::read("../tests/fixtures/rack_tailloss_rto.tcplog")?;
//! let context = RecordContext { hz: NonZeroU32::new(1000), ..RecordContext::new(Stack::Rack, Kernel::Freebsd13) };
//! let (mut plans, mut connection) = (Plans::new(), Connection::default());
//! for entry in entries(&log) {
//!     for (number, record) in records(entry?.1).enumerate() {
//!         let record = record?;
//!         let item = Item::Bblog(RecordItem { record, time: record.time(), context });
//!         connection.feed(&mut plans, number as u64 + 1, &item);
//!     }
//! }
//! let account = connection.account();
//! assert_eq!(account.sending.main(), Some(Limit::Timeout));
//! assert!(account.verdict().starts_with("Loss limits it: for 262 ms of 462 ms (57 %)"));
//! # Ok(())
//! # }
//! ```
#![forbid(unsafe_code)]
#![deny(missing_docs)]

pub mod infer;

mod evidence;
mod follow;
mod item;
mod limits;
mod measure;
mod neighbour;
mod tcp;
mod words;

pub use evidence::{Facts, Plans, RttKind, StopReason, micros, srtt_us};
pub use follow::account::{Account, TimeByState};
pub use follow::connection::{Connection, Wanted};
pub use follow::connections::{Connections, Fed, Number};
pub use follow::key::ConnectionKey;
pub use follow::shard::{Shard, Shards};
pub use follow::step::{SackBlock, SegmentRange, Step};
pub use item::{EventItem, Item, RecordItem};
pub use limits::ledger::{Span, Total};
pub use limits::limit::{Evidence, Limit, Reception, arithmetic, receiving, sending};
pub use limits::stall::{Stall, StallCause, StallEnd};
pub use measure::handshake::{Handshake, Offer};
pub use measure::resent::Resent;
pub use measure::rtt::Rtts;
pub use measure::slow_start::SlowStartEnd;
pub use measure::tally::{EndSegment, EndSegments};
pub use measure::transmit::{Arrival, Cause, Retransmission, SegmentCounts};
pub use neighbour::notices::notices;
pub use neighbour::numbers::Numbers;
pub use neighbour::{links, track};
pub use tcp::timer::{RunningTimers, Timer};
pub use words::note::{Note, NoteValue};
pub use words::sentence::{errno_name, state_name};
