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
//! use bblog_analysis::{BblogItem, Connection, Item, Limit, Plans};
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
//!         let item = Item::Bblog(BblogItem { record, time: record.time(), context });
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
pub mod links;
pub mod track;

mod account;
mod before;
mod cached_rtt;
mod connection;
mod connections;
mod evidence;
mod handshake;
mod item;
mod ledger;
mod limit;
mod note;
mod numbers;
mod order;
mod quantity;
mod resent;
mod rtt;
mod segment_size;
mod send_buffer;
mod sentence;
mod seq;
mod slow_start;
mod stall;
mod step;
mod tally;
mod tcp_state;
mod timer;
mod transmit;

pub use account::{Account, Side};
pub use connection::{Connection, Wanted};
pub use connections::{Connections, Fed, Key, Number};
pub use evidence::{Facts, Plans, RttKind, Stop, micros, srtt_us};
pub use handshake::{Handshake, Offer};
pub use item::{BblogItem, EventlogItem, Item};
pub use ledger::{Span, Total};
pub use limit::{Evidence, Limit, Reception, arithmetic, receiving, sending};
pub use note::{Note, NoteValue};
pub use numbers::Numbers;
pub use resent::Resent;
pub use rtt::Rtts;
pub use sentence::{errno_name, state_name};
pub use slow_start::SlowStartEnd;
pub use stall::{Stall, StallCause, StallEnd};
pub use step::{SackBlock, SegmentRange, Step};
pub use tally::{EndSegment, EndSegments};
pub use timer::{Running, Timer};
pub use transmit::{Arrival, Cause, Counts, Retransmission};
