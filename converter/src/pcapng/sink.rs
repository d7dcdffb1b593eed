// SPDX-License-Identifier: BSD-2-Clause
//! Where frames go: a pcapng file being written.

use std::io::Write;

use pcap_file::pcapng::PcapNgWriter;
use pcap_file::pcapng::blocks::ENHANCED_PACKET_BLOCK;
use pcap_file::pcapng::blocks::interface_description::InterfaceDescriptionBlock;
use pcap_file::pcapng::blocks::interface_statistics::InterfaceStatisticsBlock;
use pcap_file::pcapng::blocks::section_header::SectionHeaderBlock;

use super::EnhancedPacket;
use super::netflix::{self, NetflixBlock};
use crate::error::WriteError;

/// Which section a frame belongs to: the number of its input, and of the section within it.
pub type SectionKey = (usize, u64);

/// Type of a custom block that may be copied.
const CUSTOM_BLOCK: u32 = 0x0000_0bad;

/// How a section begins.
pub struct Section<'a> {
    /// The section header block (SHB).
    pub header: SectionHeaderBlock<'a>,
    /// Its interfaces (IDB), in order of their numbers.
    pub interfaces: Vec<InterfaceDescriptionBlock<'a>>,
}

/// Where the writing of a file stands: at its beginning, or in a section.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    section: Option<SectionKey>,
    /// Bytes of the section's interfaces that were passed on.
    passed_interfaces: usize,
}

/// A pcapng file being written to `W`, which should be buffered.
pub struct Sink<W: Write> {
    out: W,
    /// Lays out the blocks of the current section that pcap-file has types for; `None` before
    /// the first section, and in one that is passed on as it is.
    encoder: Option<PcapNgWriter<Vec<u8>>>,
    place: Place,
    sections: u64,
    /// Reused for every block that is laid out here.
    body: Vec<u8>,
}

impl<W: Write> Sink<W> {
    /// A file without any block yet.
    pub fn new(out: W) -> Sink<W> {
        let body = Vec::with_capacity(1024);
        Sink { out, encoder: None, place: Place::default(), sections: 0, body }
    }

    /// How many section headers were written.
    pub fn sections(&self) -> u64 {
        self.sections
    }

    /// What is written to.
    pub fn get_mut(&mut self) -> &mut W {
        &mut self.out
    }

    /// Goes on at `place` of another file, to which `W` has to write from now on. Returns the
    /// place left, to come back to.
    pub fn exchange(&mut self, place: Place) -> Place {
        self.encoder = None;
        std::mem::replace(&mut self.place, place)
    }

    /// Makes `key` the current section; if it is not, writes what `section` gives.
    ///
    /// # Errors
    /// As every method here: [`WriteError`]; the file is broken then.
    #[inline]
    pub fn section<'a>(
        &mut self,
        key: SectionKey,
        section: impl FnOnce() -> Section<'a>,
    ) -> Result<(), WriteError> {
        if self.place.section == Some(key) { Ok(()) } else { self.begin(key, section()) }
    }

    #[cold]
    fn begin(&mut self, key: SectionKey, section: Section<'_>) -> Result<(), WriteError> {
        self.place = Place { section: Some(key), passed_interfaces: 0 };
        self.sections += 1;
        let mut encoder = PcapNgWriter::with_section_header(Vec::new(), section.header)?;
        for interface in section.interfaces {
            encoder.write_pcapng_block(interface)?;
        }
        self.out.write_all(encoder.get_ref())?;
        encoder.get_mut().clear();
        self.encoder = Some(encoder);
        Ok(())
    }

    /// Makes `key` the current section, of which the blocks are passed on as they are: `header`
    /// gives its section header block, `interfaces` are its interface description blocks so far.
    /// What was not written of them yet is written.
    ///
    /// # Errors
    /// [`WriteError`].
    #[inline]
    pub fn passed_section(
        &mut self,
        key: SectionKey,
        header: impl FnOnce() -> Vec<u8>,
        interfaces: &[u8],
    ) -> Result<(), WriteError> {
        if self.place.section != Some(key) {
            self.place = Place { section: Some(key), passed_interfaces: 0 };
            self.sections += 1;
            self.encoder = None;
            self.out.write_all(&header())?;
        }
        if let Some(more @ [_, ..]) = interfaces.get(self.place.passed_interfaces..) {
            self.out.write_all(more)?;
            self.place.passed_interfaces = interfaces.len();
        }
        Ok(())
    }

    /// Writes a whole block of the current section, in its byte order.
    ///
    /// # Errors
    /// [`WriteError`].
    #[inline]
    pub fn passed_block(&mut self, block: &[u8]) -> Result<(), WriteError> {
        Ok(self.out.write_all(block)?)
    }

    /// Writes a packet.
    ///
    /// # Errors
    /// [`WriteError`].
    #[inline]
    pub fn packet(&mut self, packet: &EnhancedPacket<'_>) -> Result<(), WriteError> {
        self.begin_block(ENHANCED_PACKET_BLOCK);
        packet.encode(&mut self.body);
        self.end_block()
    }

    /// Writes a custom block of Netflix's.
    ///
    /// # Errors
    /// [`WriteError`].
    #[inline]
    pub fn netflix(&mut self, block: &NetflixBlock<'_>) -> Result<(), WriteError> {
        self.begin_block(CUSTOM_BLOCK);
        self.body.extend_from_slice(&netflix::PEN.to_le_bytes());
        block.encode(&mut self.body);
        self.end_block()
    }

    /// Writes the statistics of an interface of the current section, which must have been begun
    /// since the last [`Sink::exchange`].
    ///
    /// # Errors
    /// [`WriteError`].
    pub fn statistics(&mut self, block: InterfaceStatisticsBlock<'_>) -> Result<(), WriteError> {
        let encoder = self.encoder.as_mut().ok_or_else(no_section)?;
        encoder.write_pcapng_block(block)?;
        self.out.write_all(encoder.get_ref())?;
        encoder.get_mut().clear();
        Ok(())
    }

    /// Flushes and gives the writer back.
    ///
    /// # Errors
    /// [`WriteError`] of the flush.
    pub fn into_inner(self) -> Result<W, WriteError> {
        let mut out = self.out;
        out.flush()?;
        Ok(out)
    }

    /// Begins a block: its type, and room for its length.
    #[inline]
    fn begin_block(&mut self, kind: u32) {
        let [k0, k1, k2, k3] = kind.to_le_bytes();
        self.body.clear();
        self.body.extend_from_slice(&[k0, k1, k2, k3, 0, 0, 0, 0]);
    }

    /// Ends the block with its length, and writes it in one piece.
    #[inline]
    fn end_block(&mut self) -> Result<(), WriteError> {
        if self.place.section.is_none() {
            return Err(no_section());
        }
        let length = (self.body.len() as u32 + 4).to_le_bytes();
        self.body.extend_from_slice(&length);
        self.body[4..8].copy_from_slice(&length);
        Ok(self.out.write_all(&self.body)?)
    }
}

/// Nothing can be written before the first section header: a fault of the caller, reported as an
/// error all the same.
#[cold]
fn no_section() -> WriteError {
    WriteError::Io(std::io::Error::other("no section to write into"))
}
