// SPDX-License-Identifier: BSD-2-Clause
//! Files of FreeBSD's TCP flight recorders: reads them, and writes pcapng for Wireshark.
//!
//! Data flows one way:
//!
//! ```text
//! input ─► source ─► section ─► merge ─► sink ─► output
//! what     records,  frames of  one      blocks  a file that appears
//! is it?   events    pcapng     order            when it is complete
//! ```
//!
//! - [`input`] opens a path or standard input and finds out by its content what it is.
//! - [`source`] reads records and events one at a time, in bounded memory.
//! - [`bblog_section`], [`eventlog_section`] and [`pcapng_section`] make frames of them, with the encodings of the crate
//!   [`bblog_pcapng`]; [`backfill`] finds the addresses of eventlog's segments.
//! - [`merge`] brings several inputs into one order.
//! - [`sink`] writes sections and blocks, [`output`] the file.
//! - [`convert`], [`split`], [`elog_file`] and [`report`] are what a user asks for.
//!
//! Whatever is wrong with an input is a [`Fault`]: it is handed to the caller with its offset,
//! and reading goes on. Every byte string converts to something.
//!
//! ```
//! use bblog_converter::convert;
//! use bblog_converter::input::{Input, Kind, Name};
//!
//! let input = Input::recognise(Name::new("x"), Box::new(&b"ELOG"[..])).unwrap();
//! assert_eq!(input.kind, Kind::Elog);
//!
//! let mut faults = Vec::new();
//! let inputs = [Name::new("/does/not/exist")];
//! let streams = convert::open(&inputs, &Default::default(), &mut |name, fault| {
//!     faults.push(format!("{name}: {fault}"));
//! });
//! assert!(streams.is_empty());
//! assert_eq!(faults, ["/does/not/exist: No such file or directory"]);
//! ```
#![forbid(unsafe_code)]
#![deny(missing_docs)]

pub mod backfill;
pub mod bblog_section;
pub mod clock_text;
pub mod connection;
pub mod convert;
pub mod csv;
pub mod elog_file;
pub mod error;
pub mod event_stream;
pub mod eventlog_section;
pub mod fields;
pub mod filter;
pub mod gather;
pub mod input;
pub mod interrupt;
pub mod json;
pub mod listing;
pub mod merge;
pub mod meter;
pub mod named;
pub mod output;
pub mod owner;
pub mod pcapng_section;
pub mod recent;
pub mod report;
mod reserve;
pub mod select;
pub mod series;
pub mod show;
pub mod sink;
pub mod source;
pub mod split;
pub mod tables;
pub mod tcp_header;
mod write_behind;

pub use error::{Fault, OutputError, WriteError};
