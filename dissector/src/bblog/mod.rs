// SPDX-License-Identifier: BSD-2-Clause
//! BBLog's bytes as borrowed views: the entry header, records and verbose parts.
//!
//! Layouts: `struct tcp_log_header`, `struct tcp_log_buffer` and `struct tcp_log_verbose`
//! of tcp_log_buf.h, `TCP_LOG_BUF_VER` 9 (FreeBSD 13 to main). Integers are little-endian
//! unless a method says otherwise.

mod continuation;
mod cutter;
mod entries;
mod event_flags;
mod header;
mod record;
mod serial;
mod verbose;

pub use continuation::{Link, RecordRun};
pub use cutter::{Cut, EntryCutter, PLAUSIBLE_VERSION, SkippedBytes};
pub use entries::{Entries, Records, entries, records};
pub use event_flags::EventFlags;
pub use header::{Header, WrongFamily};
pub use record::Record;
pub use serial::Serial;
pub use verbose::Verbose;

/// Numbers of events, `tlb_eventid`: constants by the events' names, made from `tables/bblog/events`.
pub use crate::tables::id;
/// Bits of [`Record::t_flags`], by their names without `TF_`.
pub use crate::tables::t_flags;
/// Values of [`Record::state`], by their names without `TCPS_`.
pub use crate::tables::tcp_state;

/// `TCP_LOG_BUF_VER`: the one version read here.
pub const VERSION: u32 = 9;
/// `sizeof(struct tcp_log_header)`.
pub const HEADER_LEN: usize = 208;
/// `sizeof(struct tcp_log_buffer)`.
pub const RECORD_LEN: usize = 328;
/// `sizeof(struct tcp_log_verbose)`, which follows a record that has [`EventFlags::VERBOSE`].
pub const VERBOSE_LEN: usize = 72;
/// The part of a record before `tlb_th`, which is what pcapng files hold ("TCPINFO").
pub const TCPINFO_LEN: usize = 268;
/// Where `tlb_stackinfo`, the union whose meaning depends on event and stack, begins.
pub const STACKINFO_AT: usize = 160;
