// SPDX-License-Identifier: BSD-2-Clause
//! The owner of a frame: the connection of an input that it belongs to.

use bblog_dissector::bblog::{HEADER_LEN, Record};
use bblog_dissector::elog::RawEvent;
use bblog_dissector::tcp_provider::Addresses;

/// The owner of a frame.
#[derive(Clone, Copy)]
pub enum Owner<'a> {
    /// A connection's, by an entry's header.
    Entry {
        /// The header.
        header: &'a [u8; HEADER_LEN],
        /// A number that differs for each header of an input.
        section: u64,
        /// The record, if the frame is one.
        record: Option<Record<'a>>,
    },
    /// A session's.
    Session {
        /// The event.
        event: RawEvent<'a>,
        /// Its provider's name, empty if that is not known.
        provider: &'a [u8],
        /// Local and remote address of the session's connection.
        addresses: Option<Addresses>,
    },
    /// No connection, or not known.
    NoConnection,
}
