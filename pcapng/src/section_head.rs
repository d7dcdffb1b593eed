// SPDX-License-Identifier: BSD-2-Clause
//! The beginning of a section, for writing: its header (SHB) and its interfaces (IDB).

use pcap_file::pcapng::PcapNgWriter;
use pcap_file::pcapng::blocks::custom::CustomBinaryOption;
use pcap_file::pcapng::blocks::interface_description::{
    InterfaceDescriptionBlock, InterfaceDescriptionOption, InterfaceTsResolution,
};
use pcap_file::pcapng::blocks::interface_statistics::InterfaceStatisticsBlock;
use pcap_file::pcapng::blocks::section_header::{SectionHeaderBlock, SectionHeaderOption};
use pcap_file::{DataLink, Endianness};

use crate::error::WriteError;

/// The text of shb_userappl.
const APPLICATION: &str = concat!("bblog ", env!("CARGO_PKG_VERSION"));

/// Bytes that are enough for the beginning of most sections.
const USUAL_LEN: usize = 640;

/// The beginning of a section.
pub struct SectionHead<'a> {
    /// The section header block (SHB).
    pub header: SectionHeaderBlock<'a>,
    /// Its interfaces (IDB), in order of their numbers.
    pub interfaces: Vec<InterfaceDescriptionBlock<'a>>,
}

impl SectionHead<'_> {
    /// Appends the section header and its interfaces to `out`.
    ///
    /// # Errors
    /// [`WriteError`] if pcapng cannot express them.
    pub fn append(self, out: &mut Vec<u8>) -> Result<(), WriteError> {
        let encoder = self.encoder()?;
        if out.is_empty() {
            *out = encoder.into_inner();
        } else {
            out.extend_from_slice(encoder.get_ref());
        }
        Ok(())
    }

    /// Appends statistics of an interface of this section, which was begun before.
    ///
    /// # Errors
    /// [`WriteError`] if pcapng cannot express them.
    pub fn append_statistics(
        self,
        out: &mut Vec<u8>,
        block: InterfaceStatisticsBlock<'_>,
    ) -> Result<(), WriteError> {
        let mut encoder = self.encoder()?;
        encoder.get_mut().clear();
        encoder.write_pcapng_block(block)?;
        out.extend_from_slice(encoder.get_ref());
        Ok(())
    }

    /// The writer of the section, after it wrote its beginning.
    fn encoder(self) -> Result<PcapNgWriter<Vec<u8>>, WriteError> {
        let out = Vec::with_capacity(USUAL_LEN);
        let mut encoder = PcapNgWriter::with_section_header(out, self.header)?;
        for interface in self.interfaces {
            encoder.write_pcapng_block(interface)?;
        }
        Ok(encoder)
    }
}

/// A section header with `options`, then shb_userappl.
pub(crate) fn section_header(mut options: Vec<SectionHeaderOption<'_>>) -> SectionHeaderBlock<'_> {
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
pub(crate) fn interface(
    linktype: DataLink,
    snaplen: u32,
    mut options: Vec<InterfaceDescriptionOption<'_>>,
) -> InterfaceDescriptionBlock<'_> {
    options.push(InterfaceDescriptionOption::IfTsResol(InterfaceTsResolution::MICRO));
    InterfaceDescriptionBlock { linktype, snaplen, options }
}

/// A custom option that may be copied.
pub(crate) fn custom_option(pen: u32, value: Vec<u8>) -> SectionHeaderOption<'static> {
    let option: CustomBinaryOption<'_, true> = CustomBinaryOption { pen, value: value.into() };
    SectionHeaderOption::Common(option.into_common_option())
}
