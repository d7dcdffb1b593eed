// SPDX-License-Identifier: BSD-2-Clause
//! FreeBSD's TCP logs in pcapng: the encoding that bblogd and bblog write and read.
//!
//! ```text
//! writing   record, event ─► bblog_entry, eventlog_frame ─► netflix, elog ─► block ─► bytes
//! reading   bytes ─► read ─► section, netflix, elog ─► record, event
//! ```
//!
//! - [`block`] writes the blocks and options that occur by the million, [`section_head`] the beginning of
//!   a section.
//! - [`netflix`] has the options and blocks of BBLog, [`elog`] those of eventlog.
//! - [`bblog_entry`] turns BBLog records into blocks, [`eventlog_frame`] eventlog events; [`packet`],
//!   and [`sessions`] find the headers of their packets.
//! - [`read`] splits blocks and options, and [`section`] has the contents of a section's header.
//! - [`machine`] has facts about the machine that logged.
//! - [`name`] makes file names, [`escape`] and [`utc`] text, [`stacks`] the names of stacks,
//!   [`providers`] the providers of a capture.
//!
//! The crate `pcap-file` 3.0 is used, although a release candidate, because it has what 2.0 lacks:
//! custom options, and a writer that keeps the section it is in. SHB, IDB and ISB go through its
//! types. Packets and custom blocks do not: its types need a `Vec` of options and a time as
//! `Duration` for every packet, so they are laid out here, right in the buffer that is written
//! ([`EnhancedPacket`](block::EnhancedPacket), [`NetflixBlock`](netflix::NetflixBlock)).
//!
//! Output is little-endian on every machine: equal input gives equal output, and the records of the logs
//! are little-endian themselves. Input may have either byte order.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

pub mod bblog_entry;
pub mod block;
pub mod elog;
pub mod error;
pub mod escape;
pub mod eventlog_frame;
pub mod machine;
pub mod name;
pub mod netflix;
pub mod packet;
pub mod providers;
pub mod read;
pub mod section;
pub mod section_head;
pub mod sessions;
pub mod stacks;
pub mod utc;

pub use error::WriteError;
