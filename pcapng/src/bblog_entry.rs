// SPDX-License-Identifier: BSD-2-Clause
//! One BBLog entry, and the blocks of its records.

use std::net::IpAddr;

use bblog_dissector::Micros;
use bblog_dissector::bblog::{HEADER_LEN, Header, Record, VERBOSE_LEN};

use crate::block::{Direction, EnhancedPacket};
use crate::elog::UpperPduTags;
use crate::machine::Machine;
use crate::netflix::{self, EntryInfo, NetflixBlock};
use crate::packet::{self, Link};
use crate::section_head::SectionHead;

/// The connection of an entry: address family, ports, addresses and zone.
pub type EntryKey = [u8; 41];

/// The connection of an entry with this header.
#[inline]
pub fn connection_key(header: &[u8; HEADER_LEN]) -> EntryKey {
    Header::from_bytes(header).connection_key()
}

/// How records without a TCP header are written.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
#[non_exhaustive]
pub enum EventForm {
    /// As custom blocks, which tcplog_dumper writes and read_bbrlog reads.
    #[default]
    Block,
    /// As packets of an interface of their own, which have the record as an option. A reader of a live stream
    /// that counts packets, as dumpcap does before 4.6, passes each of them on at once. Missing records have no
    /// block of their own then: serial numbers show them.
    Packet,
}

/// The interface of records without a TCP header, in [`EventForm::Packet`].
const LIVE_EVENTS: u32 = 1;

/// An entry.
pub struct EntryEncoder {
    /// The header. Its strings have only NULs after the first one.
    pub header: [u8; HEADER_LEN],
    /// When it was dumped, seconds since 1970.
    pub dump_time: i64,
    /// The connection.
    pub key: EntryKey,
    local: (IpAddr, u16),
    remote: (IpAddr, u16),
    boot_time: Micros,
    form: EventForm,
}

impl EntryEncoder {
    /// The entry with this header, dumped at `dump_time`.
    pub fn new(header: &[u8; HEADER_LEN], dump_time: i64) -> EntryEncoder {
        let header = Header::from_bytes(header);
        EntryEncoder {
            header: header.to_clean_bytes(),
            dump_time,
            key: header.connection_key(),
            local: (header.laddr(), header.lport()),
            remote: (header.faddr(), header.fport()),
            boot_time: header.boot_time(),
            form: EventForm::default(),
        }
    }

    /// The same, with records in this form.
    pub fn in_form(self, form: EventForm) -> EntryEncoder {
        EntryEncoder { form, ..self }
    }

    /// The form of records without a TCP header.
    pub fn form(&self) -> EventForm {
        self.form
    }

    /// The log id.
    pub fn id(&self) -> &[u8] {
        Header::from_bytes(&self.header).id()
    }

    /// The reason for the dump.
    pub fn reason(&self) -> &[u8] {
        Header::from_bytes(&self.header).reason()
    }

    /// The log's tag.
    pub fn tag(&self) -> &[u8] {
        Header::from_bytes(&self.header).tag()
    }

    /// Address and port on this machine.
    pub fn local(&self) -> (IpAddr, u16) {
        self.local
    }

    /// Address and port of the peer.
    pub fn remote(&self) -> (IpAddr, u16) {
        self.remote
    }

    /// The boot time of the machine, to be added to the times of records.
    pub fn boot_time(&self) -> Micros {
        self.boot_time
    }

    /// The section for records of the stack `stack_id`, which is called `stack_name`, of this machine.
    pub fn section(&self, stack_id: u8, stack_name: &[u8], machine: &Machine) -> SectionHead<'static> {
        self.section_in(self.form, stack_id, stack_name, machine)
    }

    /// The same for records in this form.
    pub fn section_in(
        &self,
        form: EventForm,
        stack_id: u8,
        stack_name: &[u8],
        machine: &Machine,
    ) -> SectionHead<'static> {
        let info =
            EntryInfo { dump_time: self.dump_time, header: &self.header, stack_id, stack_name, machine };
        let mut section = info.section();
        if form == EventForm::Packet {
            section.interfaces.push(netflix::live_interface());
        }
        section
    }

    /// Appends `record` to `out`: as a packet if it has a TCP header, else as a custom block.
    #[inline]
    pub fn append(&self, out: &mut Vec<u8>, record: &Record<'_>) {
        self.append_in(self.form, out, record);
    }

    /// The same in this form.
    #[inline]
    pub fn append_in(&self, form: EventForm, out: &mut Vec<u8>, record: &Record<'_>) {
        let verbose = record.verbose();
        let verbose = verbose.as_ref().map(|verbose| verbose.as_bytes());
        let Some(tcp) = record.tcp() else {
            return match form {
                EventForm::Block => NetflixBlock::Event { tcpinfo: record.tcpinfo(), verbose }.append(out),
                EventForm::Packet => self.append_event(out, record, verbose),
            };
        };
        let (direction, ends) = match record.is_received((self.remote.1, self.local.1)) {
            true => (Direction::Inbound, (self.remote.0, self.local.0)),
            false => (Direction::Outbound, (self.local.0, self.remote.0)),
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

    /// Appends a record without a TCP header as a packet: tags that name dissector and connection, and the
    /// record as an option.
    fn append_event(&self, out: &mut Vec<u8>, record: &Record<'_>, verbose: Option<&[u8; VERBOSE_LEN]>) {
        let packet = EnhancedPacket { interface: LIVE_EVENTS, time: record.time() + self.boot_time };
        let tags = |out: &mut Vec<u8>| {
            UpperPduTags::append_live(out, &self.local.into(), &self.remote.into());
            0
        };
        packet.append(out, tags, |out| {
            netflix::record_option(record.tcpinfo()).append(out);
            if let Some(verbose) = verbose {
                netflix::verbose_option(verbose).append(out);
            }
        });
    }
}
