// SPDX-License-Identifier: BSD-2-Clause
//! Files of FreeBSD's TCP flight recorders: reads them, and writes pcapng for Wireshark.
//!
//! Data flows one way, and a file of one folder names only folders that stand before it:
//!
//! ```text
//! input ─► source ─► event ─► select ─► frame, text ─► output
//! what     records,  one      which     blocks, lines  a file that appears
//! is it?   events    order    of them                  when it is complete
//! ```
//!
//! - [`input`] opens a path or standard input and finds out by its content what it is.
//! - [`source`] reads records and events one at a time, in bounded memory.
//! - [`event`] adds what is known about them besides, brings several inputs into one order, and decodes.
//! - [`select`] picks events by connection, time and filter.
//! - [`frame`] makes packets and blocks of them, [`text`] lines.
//! - [`output`] is the file that appears when it is complete.
//! - [`command`] is what a user asks for: convert, split, info.
//!
//! Whatever is wrong with an input is an [`InputError`]: it is handed to the caller with its offset,
//! and reading goes on. Every byte string converts to something.
//!
//! ```
//! use bblog_converter::frame::stream::Frames;
//! use bblog_converter::input::{Input, InputKind, InputName, Inputs};
//!
//! let input = Input::recognise(InputName::new("x"), Box::new(&b"ELOG"[..])).unwrap();
//! assert_eq!(input.kind, InputKind::Elog);
//!
//! let mut errors = Vec::new();
//! let inputs = Inputs::new(vec![InputName::new("/does/not/exist")], &Default::default());
//! let frames = Frames::open(&inputs, &mut |name, error| errors.push(format!("{name}: {error}")));
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
pub mod lru_map;
pub mod output;
pub mod select;
pub mod source;
pub mod text;

pub use bblog_pcapng::WriteError;
pub use input::error::InputError;
pub use output::error::OutputError;
