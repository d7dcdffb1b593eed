// SPDX-License-Identifier: BSD-2-Clause
//! What items of one connection have in common.

use bblog_dissector::bblog::Header;

/// Which connection an item is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub enum ConnectionKey {
    /// BBLog: ports, addresses and zone as they stand in an entry's header, and its address family.
    Endpoints([u8; 40], u8),
    /// eventlog: a number that the caller gives the capture and the provider's name, and the session's id.
    Session(u32, u64),
}

impl ConnectionKey {
    /// The key of an entry's connection. All files of one connection have the same key; the log id is not part of it.
    pub fn of_entry(header: &Header<'_>) -> ConnectionKey {
        let [endpoints @ .., family] = header.connection_key();
        ConnectionKey::Endpoints(endpoints, family)
    }
}
