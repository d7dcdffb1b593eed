// SPDX-License-Identifier: BSD-2-Clause
//! The output of frames: a pcapng file being written.

use std::io;

use bblog_pcapng::WriteError;
use bblog_pcapng::bblog_entry::EventForm;
use bblog_pcapng::section::Extent;
use bblog_pcapng::section_head::SectionHead;
use pcap_file::pcapng::blocks::interface_statistics::InterfaceStatisticsBlock;

use crate::buffered_sink::BufferedSink;
use crate::lru_map::LruMap;

/// Which section a frame belongs to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub struct InputSection {
    /// The index of its input.
    pub input: usize,
    /// The number of the section within it.
    pub section: u64,
}

/// Where the writing of a file stands: at its beginning, or in a section.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct WritePosition {
    section: Option<InputSection>,
    /// Bytes of the section's interfaces that were passed on.
    passed_interfaces: usize,
    /// The section was begun before, here or in another file.
    is_repeated: bool,
}

impl WritePosition {
    fn extent(&self) -> Extent {
        if self.is_repeated { Extent::Repeated } else { Extent::Whole }
    }
}

/// A pcapng file being written to `G`.
pub struct PcapngSink<G: BufferedSink> {
    out: G,
    /// The form of BBLog records without a TCP header.
    form: EventForm,
    place: WritePosition,
    sections: u64,
    /// The last section of each input that was begun, by the index of the input.
    begun: Vec<Option<u64>>,
    /// Bytes of section headers that were written before, and of everything else.
    repeated: u64,
    written: u64,
    /// How the sections begin that were begun last: inputs may take turns at every frame.
    beginnings: LruMap<InputSection, Vec<u8>>,
}

/// Bytes of repeated headers that are always written.
const MAX_REPEATED: u64 = 64 << 20;
/// Bytes of repeated headers for each byte of everything else.
const MAX_SHARE: u64 = 16;
/// How many sections' beginnings are remembered.
const BEGINNINGS: usize = 128;

impl<G: BufferedSink> PcapngSink<G> {
    /// A file without any block yet.
    pub fn new(out: G) -> PcapngSink<G> {
        PcapngSink {
            out,
            form: EventForm::default(),
            place: WritePosition::default(),
            sections: 0,
            begun: Vec::new(),
            repeated: 0,
            written: 0,
            beginnings: LruMap::new(BEGINNINGS),
        }
    }

    /// The same, with records of BBLog streams in this form.
    pub fn in_form(self, form: EventForm) -> PcapngSink<G> {
        PcapngSink { form, ..self }
    }

    /// The form of records of BBLog streams.
    #[inline]
    pub fn form(&self) -> EventForm {
        self.form
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
    pub fn exchange(&mut self, place: WritePosition) -> WritePosition {
        std::mem::replace(&mut self.place, place)
    }

    /// Makes `key` the current section; if it is not, writes what `section` gives.
    ///
    /// # Errors
    /// As every method here: [`WriteError`]; the file is broken then.
    #[inline]
    pub fn section<'a>(
        &mut self,
        key: InputSection,
        section: impl FnOnce() -> SectionHead<'a>,
    ) -> Result<(), WriteError> {
        if self.place.section == Some(key) { Ok(()) } else { self.begin(key, section) }
    }

    #[cold]
    fn begin<'a>(
        &mut self,
        key: InputSection,
        section: impl FnOnce() -> SectionHead<'a>,
    ) -> Result<(), WriteError> {
        self.begin_at(key);
        if self.beginnings.get_mut(&key).is_none() {
            let mut beginning = Vec::new();
            section().append(&mut beginning)?;
            self.beginnings.insert(key, beginning);
        }
        let len = self.beginnings.latest().map_or(0, Vec::len);
        self.count(len)?;
        if let Some(beginning) = self.beginnings.latest() {
            self.out.buffer()?.extend_from_slice(beginning);
        }
        Ok(self.out.appended()?)
    }

    /// Makes a section the current one before anything of it is written.
    fn begin_at(&mut self, key: InputSection) {
        if self.begun.len() <= key.input {
            self.begun.resize(key.input + 1, None);
        }
        let begun = self.begun.get_mut(key.input);
        let is_repeated = begun.is_some_and(|begun| begun.replace(key.section) >= Some(key.section));
        self.place = WritePosition { section: Some(key), passed_interfaces: 0, is_repeated };
        self.sections += 1;
    }

    /// Counts bytes of the current section's header.
    ///
    /// # Errors
    /// Sections take turns so often that the file would be little else than their headers: no log is like that.
    fn count(&mut self, bytes: usize) -> Result<(), WriteError> {
        if !self.place.is_repeated {
            self.written += bytes as u64;
            return Ok(());
        }
        self.repeated += bytes as u64;
        if self.repeated > MAX_REPEATED + MAX_SHARE * self.written { Err(too_many_headers()) } else { Ok(()) }
    }

    /// Makes `key` the current section, whose blocks are passed on as they are: `header` gives its section
    /// header block, and what of it is repeated if the section was begun before; `interfaces` are its interface
    /// description blocks so far, and what of them is repeated. What was not written of them yet is written.
    ///
    /// # Errors
    /// [`WriteError`].
    #[inline]
    pub fn passed_section<'a>(
        &mut self,
        key: InputSection,
        header: impl FnOnce(Extent) -> Vec<u8>,
        interfaces: impl Fn(Extent) -> &'a [u8],
    ) -> Result<(), WriteError> {
        if self.place.section != Some(key) {
            self.begin_at(key);
            let header = header(self.place.extent());
            self.count(header.len())?;
            self.put(&header)?;
        }
        let interfaces = interfaces(self.place.extent());
        if let Some(more @ [_, ..]) = interfaces.get(self.place.passed_interfaces..) {
            self.count(more.len())?;
            self.put(more)?;
            self.place.passed_interfaces = interfaces.len();
        }
        Ok(())
    }

    fn put(&mut self, blocks: &[u8]) -> Result<(), WriteError> {
        self.out.buffer()?.extend_from_slice(blocks);
        Ok(self.out.appended()?)
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
        let buffer = self.out.buffer()?;
        let before = buffer.len();
        append(buffer);
        self.written += (buffer.len() - before) as u64;
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

#[cold]
fn too_many_headers() -> WriteError {
    const WHY: &str =
        "sections of the inputs take turns so often that the file would be little else than their headers";
    WriteError::Io(io::Error::other(WHY))
}

/// Nothing can be written before the first section header: an error of the caller, reported as an
/// error all the same.
#[cold]
fn no_section() -> WriteError {
    WriteError::Io(io::Error::other("no section to write into"))
}
