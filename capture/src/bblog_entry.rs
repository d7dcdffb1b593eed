// SPDX-License-Identifier: BSD-2-Clause
//! One BBLog entry on its way to pcapng: what of its header every record needs.

use std::collections::HashMap;
use std::net::IpAddr;

use bblog_converter::packet::{Headers, Link};
use bblog_converter::pcapng::Direction;
use bblog_converter::pcapng::netflix::EntryInfo;
use bblog_converter::stacks::StackNames;
use bblog_dissector::Micros;
use bblog_dissector::bblog::{HEADER_LEN, Header, Record};

use crate::encode;

/// Event ids with a direction, and the one that says that the connection ended.
const TCP_LOG_IN: u8 = 1;
const TCP_LOG_OUT: u8 = 2;
const TCP_LOG_CONNEND: u8 = 54;

/// Connections whose serial numbers are remembered between their entries.
const CONNECTIONS: usize = 65_536;

/// Address family, ports, addresses and zone: which connection an entry is of.
pub type ConnectionKey = [u8; 41];

/// An entry.
pub struct Entry {
    /// The header; its strings hold nothing after their NUL.
    pub header: [u8; HEADER_LEN],
    /// When it was dumped, seconds since 1970.
    pub dump_time: i64,
    /// Whose it is.
    pub key: ConnectionKey,
    local: (IpAddr, u16),
    remote: (IpAddr, u16),
    boot_time: Micros,
}

impl Entry {
    /// What `header` says, dumped at `dump_time`.
    pub fn new(header: &[u8; HEADER_LEN], dump_time: i64) -> Entry {
        let mut clean = *header;
        for (at, len) in [(72, 64), (136, 32), (168, 32)] {
            let text = &mut clean[at..at + len];
            let end = text.iter().position(|&b| b == 0).unwrap_or(len);
            text[end..].fill(0);
        }
        let mut key = [0; 41];
        key[..40].copy_from_slice(&header[16..56]);
        key[40] = header[200];
        let mut entry = Entry {
            header: clean,
            dump_time,
            key,
            local: (IpAddr::from([0; 4]), 0),
            remote: (IpAddr::from([0; 4]), 0),
            boot_time: Micros(0),
        };
        if let Ok(header) = Header::unchecked(header) {
            entry.local = (header.laddr(), header.lport());
            entry.remote = (header.faddr(), header.fport());
            entry.boot_time = header.boot_time();
        }
        entry
    }

    /// The log id.
    pub fn id(&self) -> &[u8] {
        Header::unchecked(&self.header).map_or(&[], |header| header.id())
    }

    /// Why it was dumped.
    pub fn reason(&self) -> &[u8] {
        Header::unchecked(&self.header).map_or(&[], |header| header.reason())
    }

    /// The log's tag.
    pub fn tag(&self) -> &[u8] {
        Header::unchecked(&self.header).map_or(&[], |header| header.tag())
    }

    /// Address and port on this machine.
    pub fn local(&self) -> (IpAddr, u16) {
        self.local
    }

    /// Address and port of the peer.
    pub fn remote(&self) -> (IpAddr, u16) {
        self.remote
    }

    /// When the machine was booted: to be added to its records' times.
    pub fn boot_time(&self) -> Micros {
        self.boot_time
    }

    /// Appends the section header for records of stack `stack_id`.
    pub fn section(&self, out: &mut Vec<u8>, stack_id: u8, stacks: &StackNames) {
        let info = EntryInfo {
            dump_time: self.dump_time,
            header: &self.header,
            stack_id,
            stack_name: stacks.get(stack_id),
        };
        // Nothing in it can be longer than pcapng's options may be, and a buffer takes everything.
        let _ = encode::section(out, info.section());
    }

    /// Appends `record`.
    #[inline]
    pub fn record(&self, out: &mut Vec<u8>, record: &Record<'_>) {
        let verbose = record.verbose();
        let verbose = verbose.as_ref().map(|verbose| verbose.as_bytes());
        let Some(tcp) = record.tcp() else {
            return encode::event(out, record.tcpinfo(), verbose);
        };
        let direction = self.direction(record, tcp);
        let (from, to) = match direction {
            Direction::Inbound => (self.remote.0, self.local.0),
            Direction::Outbound => (self.local.0, self.remote.0),
        };
        let headers = Headers::new(Link::Null, from, to, tcp, record.len(), true);
        let time = record.time() + self.boot_time;
        encode::segment(out, time, &headers, direction, record.tcpinfo(), verbose);
    }

    /// IN and OUT say it themselves. Another event with a header is taken as sent unless its
    /// ports say otherwise.
    fn direction(&self, record: &Record<'_>, tcp: &[u8]) -> Direction {
        match record.event_id() {
            TCP_LOG_IN => Direction::Inbound,
            TCP_LOG_OUT => Direction::Outbound,
            _ => {
                let [a, b] = self.remote.1.to_be_bytes();
                let [c, d] = self.local.1.to_be_bytes();
                if tcp.starts_with(&[a, b, c, d]) { Direction::Inbound } else { Direction::Outbound }
            }
        }
    }
}

/// Whether a record says that the connection ended.
#[inline]
pub fn is_connection_end(record: &Record<'_>) -> bool {
    record.event_id() == TCP_LOG_CONNEND
}

/// Per connection the serial number to be expected next: what was not written is missing.
#[derive(Default)]
pub struct Serials {
    next: HashMap<ConnectionKey, u32>,
    /// Those used before `next` was last begun anew.
    older: HashMap<ConnectionKey, u32>,
}

impl Serials {
    /// The serial number to be expected next of a connection, if any record of it was written.
    pub fn expected(&self, key: &ConnectionKey) -> Option<u32> {
        self.next.get(key).or_else(|| self.older.get(key)).copied()
    }

    /// Goes back to what was expected at some time before.
    pub fn set(&mut self, key: ConnectionKey, expected: Option<u32>) {
        match expected {
            Some(next) => self.written(key, next.wrapping_sub(1)),
            None => {
                self.next.remove(&key);
                self.older.remove(&key);
            }
        }
    }

    /// Remembers that `serial` was written.
    pub fn written(&mut self, key: ConnectionKey, serial: u32) {
        if self.next.len() >= CONNECTIONS {
            self.older = std::mem::take(&mut self.next);
        }
        self.next.insert(key, serial.wrapping_add(1));
    }
}

/// How many records are missing before the one with serial number `found`.
#[inline]
pub fn missing(expected: Option<u32>, found: u32) -> u32 {
    let ahead = found.wrapping_sub(expected.unwrap_or(found));
    // Serial numbers wrap. What would be a gap of more than half of them runs backwards: the
    // connection's log was begun anew.
    if ahead > i32::MAX as u32 { 0 } else { ahead }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn gaps() {
        assert_eq!(missing(None, 100), 0);
        assert_eq!(missing(Some(5), 5), 0);
        assert_eq!(missing(Some(5), 8), 3);
        assert_eq!(missing(Some(u32::MAX), 1), 2);
        assert_eq!(missing(Some(8), 0), 0);
    }

    #[test]
    fn serials_are_remembered_within_bounds() {
        let mut serials = Serials::default();
        for number in 0..3 * CONNECTIONS as u32 {
            let mut key = [0; 41];
            key[..4].copy_from_slice(&number.to_le_bytes());
            serials.written(key, number);
        }
        assert!(serials.next.len() + serials.older.len() <= 2 * CONNECTIONS);
        let mut key = [0; 41];
        key[..4].copy_from_slice(&(3 * CONNECTIONS as u32 - 1).to_le_bytes());
        assert_eq!(serials.expected(&key), Some(3 * CONNECTIONS as u32));
    }
}
