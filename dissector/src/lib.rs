// SPDX-License-Identifier: BSD-2-Clause
//! Decoding of FreeBSD's TCP flight recorders: bytes in, named values out.
//!
//! Two kinds of log are read. **BBLog** (`/dev/tcp_log`) is a stream of entries, each a
//! 208-byte header and 328-byte records ([`bblog`]). **eventlog(9)** (`/dev/eventlog`)
//! is a stream of small typed events, stored in ELOG files ([`elog`]). Both meet in one
//! model ([`event`]): an [`Event`] has a name and [`Field`]s, and each field points at the row of
//! the table ([`spec`]) that says what it is.
//!
//! ```text
//! bytes ─► bblog::Record ─┐                      ┌─► Field { spec, value, range } …
//!                         ├─► Event (+ a table) ─┤
//! bytes ─► elog::RawEvent ┘                      └─► summary, one line
//! ```
//!
//! [`BblogDecoder`] and [`ElogDecoder`] do that for a whole log in memory:
//!
//! ```
//! use bblog_dissector::{BblogDecoder, Stack};
//!
//! let stream = include_bytes!("../examples/tail-loss.tcplog");
//! for decoded in BblogDecoder::new(stream).stack(2, Stack::Rack) {
//!     let decoded = decoded?;
//!     println!("{} {}: {}", decoded.time().0, decoded.event.name(), decoded.event.summary());
//!     for field in decoded.event.fields() {
//!         println!("    {} = {field}", field.spec.filter);
//!     }
//! }
//! # Ok::<(), bblog_dissector::DecodeError>(())
//! ```
//!
//! The tables are data: BBLog's are the files in `tables/bblog/`, compiled at build time;
//! eventlog's are schemas ([`schema`]) in `tables/eventlog/`, or any other schema given at
//! run time. Code only interprets them. The library does no I/O and allocates nothing per event.
//! Every byte string decodes to values or to a [`DecodeError`]; none makes it panic.
//!
//! # What a log does not say
//!
//! A BBLog record holds the number of its TCP stack, not its name, and neither the kernel's release nor the
//! length of a tick. The meaning of many members depends on them: [`RecordContext`] says what is known, and
//! without a stack only the values that do not depend on it are named.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod cursor;
mod error;
mod tcp_header;
mod time;

pub mod bblog;
pub mod byte_order;
pub mod catalog;
pub mod counted;
pub mod decoder;
pub mod elog;
pub mod elog_text;
pub mod event;
pub mod language;
pub mod layout;
pub mod lookup;
pub mod printable;
pub mod schema;
pub mod spec;
pub mod summary;
pub mod tables;
pub mod tcp_provider;
pub mod text;
pub mod words;

pub use catalog::{Catalog, ProviderSpec};
pub use decoder::{BblogDecoder, DecodedEvent, DecodedRecord, ElogDecoder};
pub use error::DecodeError;
pub use event::{Event, Field, RecordContext, Value};
pub use lookup::Lookup;
pub use schema::{Schema, SchemaError};
pub use spec::{EventSpec, FieldSpec, Kernel, Stack, Unit};
pub use tcp_header::TcpHeader;
pub use time::Micros;

/// The examples of README.md, tested with the others.
#[cfg(doctest)]
#[doc = include_str!("../README.md")]
struct Readme;
