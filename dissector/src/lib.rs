// SPDX-License-Identifier: BSD-2-Clause
//! Decoding of FreeBSD's TCP flight recorders: bytes in, named values out.
//!
//! Two kinds of log are read. **BBLog** (`/dev/tcp_log`) is a stream of entries, each a
//! 208-byte header and 328-byte records ([`bblog`]). **eventlog(9)** (`/dev/eventlog`)
//! is a stream of small typed events, stored in ELOG files ([`elog`]). Both meet in one
//! model ([`event`]): an [`Event`](event::Event) has a name and
//! [`Field`](event::Field)s, and each field points at the row of the table
//! ([`spec`]) that says what it is.
//!
//! ```text
//! bytes ─► bblog::Record ─┐                      ┌─► Field { spec, value, range } …
//!                         ├─► Event (+ a table) ─┤
//! bytes ─► elog::RawEvent ┘                      └─► summary, one line
//! ```
//!
//! The tables are data: BBLog's are the files in `tables/bblog/`, compiled at build time;
//! eventlog's are schemas ([`schema`]) in `tables/eventlog/`, or any other schema given at
//! run time. Code here only interprets them. Nothing does I/O, nothing allocates per
//! event, and every byte string decodes to something: never a panic.
//!
//! ```
//! use bblog_dissector::{bblog::Header, DecodeError};
//!
//! let torn = [9u8, 0, 0, 0];
//! assert!(matches!(Header::parse(&torn), Err(DecodeError::Truncated { needed: 208, found: 4, .. })));
//! ```
#![forbid(unsafe_code)]
#![deny(missing_docs)]

mod cursor;
mod error;
mod tcp_header;
mod time;
mod unit;

pub mod bblog;
pub mod catalog;
pub mod elog;
pub mod elog_text;
pub mod event;
pub mod layout;
pub mod lookup;
pub mod schema;
pub mod spec;
pub mod tables;
pub mod tcp_provider;
mod text;

pub use error::DecodeError;
/// The earlier name of [`DecodeError`], until all callers have changed.
#[doc(hidden)]
pub use error::DecodeError as Problem;
pub use tcp_header::TcpHeader;
pub use time::Micros;
