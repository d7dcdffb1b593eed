// SPDX-License-Identifier: BSD-2-Clause
//! BBLog in pcapng: Netflix's custom blocks and options, as tcplog_dumper writes them and
//! read_bbrlog and Wireshark read them.
//!
//! Both begin with the private enterprise number 10949, in the byte order of the section. What follows
//! is little-endian.

use bblog_dissector::bblog::{HEADER_LEN, TCPINFO_LEN, VERBOSE_LEN, VERSION};
use pcap_file::DataLink;
use pcap_file::pcapng::blocks::interface_description::{
    InterfaceDescriptionBlock, InterfaceDescriptionOption,
};
use pcap_file::pcapng::blocks::section_header::SectionHeaderOption;

use crate::block::{self, CUSTOM, END_OF_OPTIONS, OPT_CUSTOM, RawOption};
use crate::machine::Machine;
use crate::section_head::{SectionHead, custom_option, interface, section_header};

/// Netflix's private enterprise number.
pub const PEN: u32 = 10949;

/// The interface's snaplen: DLT_NULL's 4 bytes, and the longest IPv6 and TCP headers.
pub const SNAPLEN: u32 = 4 + 40 + 60;

/// Option type: `TCP_LOG_BUF_VER`, in the SHB.
pub const VERSION_OPTION: u32 = 1;
/// Option type: a record up to `tlb_th`.
pub const TCPINFO: u32 = 2;
/// Option type: a record's verbose part. Defined by tcplog_dumper, which never writes it.
pub const TCPVERBOSE: u32 = 3;
/// Option type: the entry's header, in the SHB.
pub const DUMPINFO: u32 = 4;
/// Option type: when the log was dumped, in the SHB.
pub const DUMPTIME: u32 = 5;
/// Option type: id and name of the stack, in the SHB.
pub const STACKNAME: u32 = 6;

/// Custom block: a record without TCP header.
pub const EVENT: u32 = 1;
/// Custom block: the number of records that are missing at this place.
pub const SKIPPED: u32 = 2;

/// The contents of an entry's section header.
pub struct EntryInfo<'a> {
    /// When the log was dumped, seconds since 1970.
    pub dump_time: i64,
    /// The entry's header.
    pub header: &'a [u8; HEADER_LEN],
    /// The stack's number on that machine.
    pub stack_id: u8,
    /// The stack's name.
    pub stack_name: &'a [u8],
    /// Facts about the machine.
    pub machine: &'a Machine,
}

impl EntryInfo<'_> {
    /// A section for this entry. Its options are in tcplog_dumper's order, then those of this project.
    pub fn section(&self) -> SectionHead<'static> {
        let mut options = vec![
            option(VERSION_OPTION, &[&VERSION.to_le_bytes()]),
            option(DUMPTIME, &[&self.dump_time.to_le_bytes()]),
            option(DUMPINFO, &[self.header]),
            option(STACKNAME, &[&[self.stack_id], self.stack_name]),
        ];
        options.extend(self.machine.options(self.stack_name));
        SectionHead {
            header: section_header(options),
            interfaces: vec![interface(DataLink::NULL, SNAPLEN, Vec::new())],
        }
    }
}

fn option(kind: u32, parts: &[&[u8]]) -> SectionHeaderOption<'static> {
    let len = size_of_val(&kind) + parts.iter().map(|part| part.len()).sum::<usize>();
    let mut value = Vec::with_capacity(len);
    value.extend_from_slice(&kind.to_le_bytes());
    parts.iter().for_each(|part| value.extend_from_slice(part));
    custom_option(PEN, value)
}

/// The interface of records that are written as packets: see [`EventForm`](crate::bblog_entry::EventForm).
pub(crate) fn live_interface() -> InterfaceDescriptionBlock<'static> {
    let name = InterfaceDescriptionOption::IfName("bblog".into());
    interface(DataLink::WIRESHARK_UPPER_PDU, 0x1000, vec![name])
}

/// A custom block to be written.
#[non_exhaustive]
pub enum NetflixBlock<'a> {
    /// EVENT: a record without TCP header.
    Event {
        /// The record up to `tlb_th`: 268 bytes.
        tcpinfo: &'a [u8],
        /// Its verbose part.
        verbose: Option<&'a [u8; VERBOSE_LEN]>,
    },
    /// SKIPPED: the number of records that are missing at this place.
    Skipped(u32),
}

impl NetflixBlock<'_> {
    /// Appends the block to `out`.
    #[inline]
    pub fn append(&self, out: &mut Vec<u8>) {
        match *self {
            NetflixBlock::Event { tcpinfo, verbose: None } if tcpinfo.len() == TCPINFO_LEN => {
                out.extend_from_slice(&EVENT_HEAD);
                out.extend_from_slice(tcpinfo);
                out.extend_from_slice(&EVENT_TAIL);
            }
            NetflixBlock::Event { tcpinfo, verbose } => block::append(out, CUSTOM, [PEN, EVENT], |out| {
                record_option(tcpinfo).append(out);
                if let Some(verbose) = verbose {
                    verbose_option(verbose).append(out);
                }
                out.extend_from_slice(&END_OF_OPTIONS);
            }),
            NetflixBlock::Skipped(records) => block::append(out, CUSTOM, [PEN, SKIPPED, records], |out| {
                out.extend_from_slice(&END_OF_OPTIONS);
            }),
        }
    }
}

/// The length of the block of a record that has neither a TCP header nor a verbose part.
const EVENT_LEN: u32 = (28 + TCPINFO_LEN + 8) as u32;

/// What such a block has before the record: type, length, enterprise number and type, and the beginning of the option.
const EVENT_HEAD: [u8; 28] = {
    let option = OPT_CUSTOM as u32 | (8 + TCPINFO_LEN as u32) << 16;
    let words = [CUSTOM, EVENT_LEN, PEN, EVENT, option, PEN, TCPINFO];
    let mut head = [0; 28];
    let mut at = 0;
    while at < head.len() {
        head[at] = words[at / 4].to_le_bytes()[at % 4];
        at += 1;
    }
    head
};
/// What follows the record: the end of the options, and the length.
const EVENT_TAIL: [u8; 8] = {
    let [l0, l1, l2, l3] = EVENT_LEN.to_le_bytes();
    [0, 0, 0, 0, l0, l1, l2, l3]
};
// The record needs no padding.
const _: () = assert!(TCPINFO_LEN.is_multiple_of(4));

/// The TCPINFO option of a record.
#[inline]
pub(crate) fn record_option(tcpinfo: &[u8]) -> RawOption<'_, 2> {
    const INTRO: [u8; 8] = intro(TCPINFO);
    RawOption { code: OPT_CUSTOM, parts: [&INTRO, &tcpinfo[..TCPINFO_LEN.min(tcpinfo.len())]] }
}

/// The TCPVERBOSE option of a record.
#[inline]
pub(crate) fn verbose_option(verbose: &[u8; VERBOSE_LEN]) -> RawOption<'_, 2> {
    const INTRO: [u8; 8] = intro(TCPVERBOSE);
    RawOption { code: OPT_CUSTOM, parts: [&INTRO, verbose] }
}

/// The first bytes of an option's value: the enterprise number and the type.
const fn intro(kind: u32) -> [u8; 8] {
    let ([p0, p1, p2, p3], [k0, k1, k2, k3]) = (PEN.to_le_bytes(), kind.to_le_bytes());
    [p0, p1, p2, p3, k0, k1, k2, k3]
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The prebuilt EVENT block equals one made by the general encoder.
    #[test]
    fn an_event_without_verbose_part() {
        let tcpinfo: [u8; TCPINFO_LEN] = std::array::from_fn(|at| at as u8);
        let (mut quick, mut of_parts) = (Vec::new(), Vec::new());
        NetflixBlock::Event { tcpinfo: &tcpinfo, verbose: None }.append(&mut quick);
        block::append(&mut of_parts, CUSTOM, [PEN, EVENT], |out| {
            record_option(&tcpinfo).append(out);
            out.extend_from_slice(&END_OF_OPTIONS);
        });
        assert_eq!(quick, of_parts);
    }
}
