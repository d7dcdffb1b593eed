// SPDX-License-Identifier: BSD-2-Clause
//! Records and events of any inputs, one after the other in time order.
//!
//! An [`EventSource`](source::EventSource) is one input, opened by [`open`]. It gives [`LogItem`](item::LogItem)s: the
//! bytes, and facts that the bytes do not hold. [`Events`](merge::Events) merges several sources in time
//! order, and [`ItemDecoder`](decode::ItemDecoder) decodes items.

pub mod backfill;
pub mod batch;
pub mod bblog;
pub mod connection;
pub mod decode;
pub mod eventlog;
pub mod follow;
pub mod item;
pub mod merge;
pub mod open;
pub mod origin;
pub mod parts;
pub mod pcapng;
mod prefetch;
pub mod source;
pub mod subject;
mod tick_rate;
pub mod words;
