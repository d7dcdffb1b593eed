// SPDX-License-Identifier: BSD-2-Clause
//! What BBLog and eventlog look like in pcapng, on top of the crate `pcap-file`.
//!
//! pcap-file 3.0 is used, although still a release candidate, because it has what 2.0 lacks:
//! custom options, and a writer that knows the section it is in. SHB, IDB and ISB go through its
//! types. Packets and custom blocks do not: its types want a `Vec` of options and a time as
//! `Duration` for every packet, so they are laid out here, right in the buffer that is written
//! ([`EnhancedPacket`], [`NetflixBlock`](netflix::NetflixBlock)).
//!
//! What is made here is little-endian, whatever the machine: equal input gives equal output, and
//! the logs' records are little-endian themselves. What comes from a pcapng file is passed on in
//! the order it has.

mod block;
pub mod elog;
pub mod netflix;
mod sink;

pub use block::{CUSTOM, ENHANCED_PACKET};
pub(crate) use block::{EnhancedPacket, RawOption};
pub use sink::{Place, Section, SectionKey, Sink};

use pcap_file::pcapng::blocks::custom::CustomBinaryOption;
use pcap_file::pcapng::blocks::interface_description::{
    InterfaceDescriptionBlock, InterfaceDescriptionOption, InterfaceTsResolution,
};
use pcap_file::pcapng::blocks::section_header::{SectionHeaderBlock, SectionHeaderOption};
use pcap_file::{DataLink, Endianness};

/// opt_custom with binary data that may be copied: the code tcplog_dumper uses.
pub const OPT_CUSTOM: u16 = 2989;
/// epb_flags.
pub(crate) const EPB_FLAGS: u16 = 2;

/// What goes into shb_userappl.
const APPLICATION: &str = concat!("bblog ", env!("CARGO_PKG_VERSION"));

/// Where a packet went, seen from the machine that logged it: the value of epb_flags.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Direction {
    /// Received.
    Inbound = 1,
    /// Sent.
    Outbound = 2,
}

impl Direction {
    /// Appends it as an epb_flags option.
    #[inline]
    pub(crate) fn append(self, out: &mut Vec<u8>) {
        RawOption { code: EPB_FLAGS, parts: [&(self as u32).to_le_bytes()] }.append(out);
    }
}

/// A section header with `options`, then shb_userappl.
fn section_header(mut options: Vec<SectionHeaderOption<'_>>) -> SectionHeaderBlock<'_> {
    options.push(SectionHeaderOption::UserApplication(APPLICATION.into()));
    SectionHeaderBlock {
        endianness: Endianness::Little,
        major_version: 1,
        minor_version: 0,
        section_length: -1,
        options,
    }
}

/// An interface whose times are in microseconds.
fn interface(
    linktype: DataLink,
    snaplen: u32,
    mut options: Vec<InterfaceDescriptionOption<'_>>,
) -> InterfaceDescriptionBlock<'_> {
    options.push(InterfaceDescriptionOption::IfTsResol(InterfaceTsResolution::MICRO));
    InterfaceDescriptionBlock { linktype, snaplen, options }
}

/// A custom option that may be copied.
fn custom_option(pen: u32, value: Vec<u8>) -> SectionHeaderOption<'static> {
    let option: CustomBinaryOption<'_, true> = CustomBinaryOption { pen, value: value.into() };
    SectionHeaderOption::Common(option.into_common_option())
}
