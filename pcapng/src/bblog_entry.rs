// SPDX-License-Identifier: BSD-2-Clause
//! One BBLog entry on its way to pcapng: what of its header every record needs, and how its records
//! become blocks.

use std::net::IpAddr;

use bblog_dissector::Micros;
use bblog_dissector::bblog::{HEADER_LEN, Header, Record};

use crate::block::{Direction, EnhancedPacket};
use crate::netflix::{self, EntryInfo, NetflixBlock};
use crate::packet::{self, Link};
use crate::section_head::SectionHead;

/// Event ids with a direction.
const TCP_LOG_IN: u8 = 1;
const TCP_LOG_OUT: u8 = 2;

/// Address family, ports, addresses and zone: which connection an entry is of.
pub type ConnectionKey = [u8; 41];

/// Which connection an entry with this header is of.
#[inline]
pub fn connection_key(header: &[u8; HEADER_LEN]) -> ConnectionKey {
    let mut key = [0; 41];
    key[..40].copy_from_slice(&header[16..56]);
    key[40] = header[200];
    key
}

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
        let mut entry = Entry {
            header: clean,
            dump_time,
            key: connection_key(header),
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

    /// The section for records of the stack `stack_id`, which is called `stack_name`.
    pub fn section(&self, stack_id: u8, stack_name: &[u8]) -> SectionHead<'static> {
        EntryInfo { dump_time: self.dump_time, header: &self.header, stack_id, stack_name }.section()
    }

    /// Appends `record` to `out`: as a packet if it has a TCP header, else as a custom block.
    #[inline]
    pub fn append(&self, out: &mut Vec<u8>, record: &Record<'_>) {
        let verbose = record.verbose();
        let verbose = verbose.as_ref().map(|verbose| verbose.as_bytes());
        let Some(tcp) = record.tcp() else {
            return NetflixBlock::Event { tcpinfo: record.tcpinfo(), verbose }.append(out);
        };
        let direction = self.direction(record, tcp);
        let ends = match direction {
            Direction::Inbound => (self.remote.0, self.local.0),
            Direction::Outbound => (self.local.0, self.remote.0),
        };
        let headers = |out: &mut Vec<u8>| {
            packet::append_segment(out, Link::Null, ends, tcp, record.len());
            record.len()
        };
        let packet = EnhancedPacket { interface: 0, time: record.time() + self.boot_time };
        packet.append(out, headers, |out| {
            netflix::record_option(record.tcpinfo()).append(out);
            if let Some(verbose) = verbose {
                netflix::verbose_option(verbose).append(out);
            }
            direction.append(out);
        });
    }

    /// IN and OUT say it themselves. Another event with a header is taken as sent unless its
    /// ports say otherwise.
    #[inline]
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

/// How many records are missing before the one with serial number `found`.
#[inline]
pub fn missing_before(expected: Option<u32>, found: u32) -> u32 {
    let ahead = found.wrapping_sub(expected.unwrap_or(found));
    // Serial numbers wrap. What would be a gap of more than half of them runs backwards: the
    // connection's log was begun anew.
    if ahead > i32::MAX as u32 { 0 } else { ahead }
}

#[cfg(test)]
mod tests {
    use super::missing_before;

    #[test]
    fn gaps() {
        assert_eq!(missing_before(None, 100), 0);
        assert_eq!(missing_before(Some(5), 5), 0);
        assert_eq!(missing_before(Some(5), 8), 3);
        assert_eq!(missing_before(Some(u32::MAX), 1), 2);
        assert_eq!(missing_before(Some(8), 0), 0);
    }
}
