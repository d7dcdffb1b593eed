// SPDX-License-Identifier: BSD-2-Clause
//! Records and events of any inputs, one after the other in time order.
//!
//! An [`EventSource`](source::EventSource) is one input. It gives [`LogItem`](item::LogItem)s: the
//! bytes, and what is known about them besides. [`Events`](merge::Events) brings several sources into
//! one order, and [`ItemDecoder`](decode::ItemDecoder) decodes what comes.

pub mod backfill;
pub mod bblog;
pub mod connection;
pub mod decode;
pub mod eventlog;
pub mod follow;
pub mod item;
pub mod merge;
mod pcapng;
pub mod source;
