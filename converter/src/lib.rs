// SPDX-License-Identifier: BSD-2-Clause
//! Reads files of FreeBSD's TCP logs, and writes pcapng for Wireshark, text, JSON and CSV.
//!
//! Data flows one way. A module of one folder uses only folders before it:
//!
//! ```text
//! input ─► source ─► event ─► select ─► frame, text ─► output
//! what     records,  one      which     blocks, lines  a file that appears
//! is it?   events    order    of them                  when it is complete
//! ```
//!
//! - [`input`] opens a path or standard input and detects the format from the content.
//! - [`source`] reads records and events one at a time, in bounded memory.
//! - [`event`] adds facts that the bytes do not hold, merges several inputs in time order, and decodes.
//! - [`select`] picks events by connection, time and filter.
//! - [`frame`] turns them into packets and blocks, [`text`] into lines.
//! - [`table`] makes a row of each connection.
//! - [`picture`] is a connection as a page, a still or a trace.
//! - [`output`] is the file that appears when it is complete.
//! - [`command`] has the subcommands that do more than print: convert, split, info, why, plot, top.
//!
//! A problem of an input is an [`InputError`] with its offset. The caller gets it, and reading continues.
//! Every byte string converts to something.
//!
//! ```
//! use bblog_converter::frame::stream::MergedFrames;
//! use bblog_converter::input::{Input, InputKind, InputName, Inputs};
//!
//! let input = Input::recognise(InputName::new("x"), Box::new(&b"ELOG"[..])).unwrap();
//! assert_eq!(input.kind, InputKind::Elog);
//!
//! let mut errors = Vec::new();
//! let inputs = Inputs::new(vec![InputName::new("/does/not/exist")], &Default::default());
//! let frames = MergedFrames::open(&inputs, &mut |name, error| errors.push(format!("{name}: {error}")));
//! assert!(frames.is_empty());
//! assert_eq!(errors, ["/does/not/exist: No such file or directory"]);
//! ```
#![forbid(unsafe_code)]
#![deny(missing_docs)]

pub mod buffered_sink;
pub mod command;
pub mod event;
pub mod frame;
pub mod input;
pub mod jobs;
pub mod lru_map;
pub mod output;
pub mod picture;
pub mod select;
pub mod source;
pub mod table;
pub mod text;

pub use bblog_pcapng::WriteError;
pub use input::error::InputError;
pub use output::error::OutputError;
