// SPDX-License-Identifier: BSD-2-Clause
//! The output of frames: a pcapng file being written.

use std::io;

use bblog_pcapng::WriteError;
use bblog_pcapng::section_head::SectionHead;
use pcap_file::pcapng::blocks::interface_statistics::InterfaceStatisticsBlock;

use crate::buffered_sink::BufferedSink;
use crate::lru_map::LruMap;

/// Which section a frame belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct SectionKey {
    /// The index of its input.
    pub input: usize,
    /// The number of the section within it.
    pub section: u64,
}

/// Where the writing of a file stands: at its beginning, or in a section.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Place {
    section: Option<SectionKey>,
    /// Bytes of the section's interfaces that were passed on.
    passed_interfaces: usize,
}

/// A pcapng file being written to `G`.
pub struct PcapngSink<G: BufferedSink> {
    out: G,
    place: Place,
    sections: u64,
    /// How the sections begin that were begun last: inputs may take turns at every frame.
    beginnings: LruMap<SectionKey, Vec<u8>>,
}

/// How many sections' beginnings are remembered.
const BEGINNINGS: usize = 128;

impl<G: BufferedSink> PcapngSink<G> {
    /// A file without any block yet.
    pub fn new(out: G) -> PcapngSink<G> {
        PcapngSink { out, place: Place::default(), sections: 0, beginnings: LruMap::new(BEGINNINGS) }
    }

    /// How many section headers were written.
    pub fn sections(&self) -> u64 {
        self.sections
    }

    /// The output.
    pub fn get_mut(&mut self) -> &mut G {
        &mut self.out
    }

    /// Returns the output.
    pub fn into_inner(self) -> G {
        self.out
    }

    /// Goes on at `place` of another file, to which `G` has to write from now on. Returns the
    /// place left, to come back to.
    pub fn exchange(&mut self, place: Place) -> Place {
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
        section: impl FnOnce() -> SectionHead<'a>,
    ) -> Result<(), WriteError> {
        if self.place.section == Some(key) { Ok(()) } else { self.begin(key, section) }
    }

    #[cold]
    fn begin<'a>(
        &mut self,
        key: SectionKey,
        section: impl FnOnce() -> SectionHead<'a>,
    ) -> Result<(), WriteError> {
        self.place = Place { section: Some(key), passed_interfaces: 0 };
        self.sections += 1;
        if self.beginnings.get_mut(&key).is_none() {
            let mut beginning = Vec::new();
            section().append(&mut beginning)?;
            self.beginnings.insert(key, beginning);
        }
        if let Some(beginning) = self.beginnings.latest() {
            self.out.buffer()?.extend_from_slice(beginning);
        }
        Ok(self.out.appended()?)
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
            self.passed_block(&header())?;
        }
        if let Some(more @ [_, ..]) = interfaces.get(self.place.passed_interfaces..) {
            self.passed_block(more)?;
            self.place.passed_interfaces = interfaces.len();
        }
        Ok(())
    }

    /// Writes whole blocks of the current section, in its byte order.
    ///
    /// # Errors
    /// [`WriteError`].
    #[inline]
    pub fn passed_block(&mut self, block: &[u8]) -> Result<(), WriteError> {
        self.append(|out| out.extend_from_slice(block))
    }

    /// Writes the whole blocks of the current section that `append` appends.
    ///
    /// # Errors
    /// [`WriteError`].
    #[inline]
    pub fn append(&mut self, append: impl FnOnce(&mut Vec<u8>)) -> Result<(), WriteError> {
        if self.place.section.is_none() {
            return Err(no_section());
        }
        append(self.out.buffer()?);
        Ok(self.out.appended()?)
    }

    /// Writes the statistics of an interface of the current section, which is `section`.
    ///
    /// # Errors
    /// [`WriteError`].
    pub fn statistics(
        &mut self,
        section: SectionHead<'_>,
        block: InterfaceStatisticsBlock<'_>,
    ) -> Result<(), WriteError> {
        section.append_statistics(self.out.buffer()?, block)?;
        Ok(self.out.appended()?)
    }
}

/// Nothing can be written before the first section header: an error of the caller, reported as an
/// error all the same.
#[cold]
fn no_section() -> WriteError {
    WriteError::Io(io::Error::other("no section to write into"))
}
