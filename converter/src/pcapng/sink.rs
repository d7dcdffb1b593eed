//! Where frames go: a pcapng file being written.

use std::borrow::Cow;
use std::io::Write;

use pcap_file::pcapng::blocks::ENHANCED_PACKET_BLOCK;
use pcap_file::pcapng::blocks::interface_description::InterfaceDescriptionBlock;
use pcap_file::pcapng::blocks::interface_statistics::InterfaceStatisticsBlock;
use pcap_file::pcapng::blocks::section_header::SectionHeaderBlock;
use pcap_file::pcapng::{PcapNgWriter, RawBlock};

use super::EnhancedPacket;
use super::netflix::NetflixBlock;
use crate::error::WriteError;

/// Which section a frame belongs to: the number of its input, and of the section within it.
pub type SectionKey = (usize, u64);

/// How a section begins.
pub struct Section<'a> {
    /// The section header block (SHB).
    pub header: SectionHeaderBlock<'a>,
    /// Its interfaces (IDB), in order of their numbers.
    pub interfaces: Vec<InterfaceDescriptionBlock<'a>>,
}

/// A pcapng file being written to `W`, which should be buffered.
pub struct Sink<W: Write> {
    out: Out<W>,
    current: Option<SectionKey>,
    sections: u64,
    /// Reused for every block that is laid out here.
    body: Vec<u8>,
}

/// pcap-file's writer comes with a first section header, so before that there is none.
enum Out<W: Write> {
    Fresh(W),
    Open(PcapNgWriter<W>),
    /// A write of the first section header failed, and took the writer with it.
    Lost,
}

impl<W: Write> Sink<W> {
    /// A file without any block yet.
    pub fn new(out: W) -> Sink<W> {
        Sink { out: Out::Fresh(out), current: None, sections: 0, body: Vec::with_capacity(1024) }
    }

    /// How many section headers were written.
    pub fn sections(&self) -> u64 {
        self.sections
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
        if self.current == Some(key) { Ok(()) } else { self.begin(key, section()) }
    }

    #[cold]
    fn begin(&mut self, key: SectionKey, section: Section<'_>) -> Result<(), WriteError> {
        self.current = Some(key);
        self.sections += 1;
        match std::mem::replace(&mut self.out, Out::Lost) {
            Out::Fresh(out) => self.out = Out::Open(PcapNgWriter::with_section_header(out, section.header)?),
            Out::Open(mut writer) => {
                let written = writer.write_pcapng_block(section.header);
                self.out = Out::Open(writer);
                written?;
            }
            Out::Lost => {}
        }
        let writer = self.out.writer()?;
        for interface in section.interfaces {
            writer.write_pcapng_block(interface)?;
        }
        Ok(())
    }

    /// Writes a packet.
    ///
    /// # Errors
    /// [`WriteError`].
    pub fn packet(&mut self, packet: &EnhancedPacket<'_>) -> Result<(), WriteError> {
        self.body.clear();
        packet.encode(&mut self.body);
        let len = self.body.len() as u32 + 12;
        let block = RawBlock {
            type_: ENHANCED_PACKET_BLOCK,
            initial_len: len,
            body: Cow::Borrowed(&self.body),
            trailer_len: len,
        };
        self.out.writer()?.write_raw_block(&block)?;
        Ok(())
    }

    /// Writes a custom block of Netflix's.
    ///
    /// # Errors
    /// [`WriteError`].
    pub fn netflix(&mut self, block: &NetflixBlock<'_>) -> Result<(), WriteError> {
        self.body.clear();
        block.encode(&mut self.body);
        self.out.writer()?.write_pcapng_block(NetflixBlock::custom_block(&self.body))?;
        Ok(())
    }

    /// Writes the statistics of an interface of the current section.
    ///
    /// # Errors
    /// [`WriteError`].
    pub fn statistics(&mut self, block: InterfaceStatisticsBlock<'_>) -> Result<(), WriteError> {
        self.out.writer()?.write_pcapng_block(block)?;
        Ok(())
    }

    /// Flushes and gives the writer back.
    ///
    /// # Errors
    /// [`WriteError`] of the flush, or if the writer was lost to an error before.
    pub fn into_inner(self) -> Result<W, WriteError> {
        let mut out = match self.out {
            Out::Fresh(out) => out,
            Out::Open(writer) => writer.into_inner(),
            Out::Lost => return Err(no_section()),
        };
        out.flush()?;
        Ok(out)
    }
}

impl<W: Write> Out<W> {
    /// The open writer.
    #[inline]
    fn writer(&mut self) -> Result<&mut PcapNgWriter<W>, WriteError> {
        match self {
            Out::Open(writer) => Ok(writer),
            Out::Fresh(_) | Out::Lost => Err(no_section()),
        }
    }
}

/// Nothing can be written before the first section header or after it failed: a fault of the
/// caller, reported as an error all the same.
fn no_section() -> WriteError {
    WriteError::Io(std::io::Error::other("no section to write into"))
}
