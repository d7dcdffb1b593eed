// SPDX-License-Identifier: BSD-2-Clause
//! The blocks of a pcapng file as frames, passed on unchanged, in sections of their own.
//!
//! Interface numbers count within a section. A section that another input interrupts begins again with
//! its header and all its interfaces, so that the interface numbers of its packets stay valid. Blocks of
//! other kinds, which have no time, follow the frame that they followed in the file.

use std::sync::Arc;

use bblog_dissector::Micros;
use bblog_pcapng::WriteError;
use bblog_pcapng::section::MoreFacts;

use super::owner::Owner;
use super::sink::{InputSection, PcapngSink};
use crate::buffered_sink::BufferedSink;
use crate::event::item::LogItem;
use crate::event::pcapng::PcapngEvents;
use crate::event::source::EventSource;
use crate::input::assumptions::Assumptions;
use crate::input::error::{InputError, InputErrorKind, Recovery};
use crate::input::window::Window;
use crate::source::pcapng::PcapngStep;

/// The blocks of a file, as frames.
pub struct PcapngStream {
    events: PcapngEvents,
    /// Blocks that were passed over and say how many records are missing before the next one, with the number
    /// of their section.
    missing: (u64, Vec<u8>),
    /// There was anything behind a section header.
    has_frames: bool,
}

impl PcapngStream {
    /// The stream of the file in `window`.
    pub fn new(window: Window, assumptions: &Arc<Assumptions>) -> PcapngStream {
        PcapngStream {
            events: PcapngEvents::new(window, assumptions),
            missing: (0, Vec::new()),
            has_frames: false,
        }
    }

    /// Steps to the next frame; `false` at the end.
    ///
    /// # Errors
    /// A [`InputError`]; call again for what follows.
    #[inline]
    pub fn advance(&mut self) -> Result<bool, InputError> {
        if !self.missing.1.is_empty() && self.events.reader().item() == Some(PcapngStep::Record) {
            self.missing.1.clear();
        }
        let step = self.events.step()?;
        if let Some(PcapngStep::Refused(kind)) = step {
            return Err(self.refuse(kind));
        }
        self.has_frames |= step.is_some();
        Ok(step.is_some())
    }

    /// The current block is left out: it would end the file for Wireshark.
    #[cold]
    fn refuse(&self, kind: u32) -> InputError {
        let reader = self.events.reader();
        let len = reader.block().map_or(0, |block| block.bytes.len() as u64);
        InputError::at(reader.offset(), InputErrorKind::NetflixBlock { kind })
            .recovered(Recovery::Skipped(len))
    }

    /// Notes that the current frame is not written: if it says that records are missing, it is
    /// when the record that follows them is.
    pub fn pass_over(&mut self) {
        let reader = self.events.reader();
        let (Some(PcapngStep::Missing(_)), Some(block)) = (reader.item(), reader.block()) else { return };
        let section = reader.section().number;
        if self.missing.0 != section {
            self.missing = (section, Vec::new());
        }
        self.missing.1.extend_from_slice(block.bytes);
    }

    /// Passes over the current frame if it says how many records are missing, and a record of the section follows.
    /// Returns whether that is so.
    pub fn keeps_marker(&mut self) -> bool {
        /// Other blocks seldom stand between the two.
        const AHEAD: usize = 64 * 1024;
        let is_kept = matches!(self.events.reader().item(), Some(PcapngStep::Missing(_)))
            && self.events.has_record_ahead(AHEAD);
        if is_kept {
            self.pass_over();
        }
        is_kept
    }

    /// Whether the next step has to wait for a live input.
    pub fn is_dry(&mut self) -> bool {
        self.events.is_dry()
    }

    /// Time of the current frame.
    pub fn time(&self) -> Micros {
        self.events.reader().time()
    }

    /// The current record or event; `None` if the frame is neither.
    #[inline]
    pub fn item(&self) -> Option<LogItem<'_>> {
        self.events.item()
    }

    /// The owner of the current frame: in a section of an entry, every block belongs to its connection.
    pub fn owner(&self) -> Owner<'_> {
        let reader = self.events.reader();
        if let Some(event) = reader.event() {
            let provider = reader.provider(event.provider_id());
            let provider = provider.map_or(&b""[..], |provider| &provider.name);
            return Owner::Session { event, provider, addresses: reader.addresses() };
        }
        let section = reader.section();
        match &section.bblog {
            Some(facts) => {
                let record = match self.item() {
                    Some(LogItem::Bblog(item)) => Some(item.record),
                    _ => None,
                };
                Owner::Entry { header: &facts.header, section: section.number, record }
            }
            None => Owner::NoConnection,
        }
    }

    /// Writes the current frame, the section header before it if its section is not the sink's,
    /// and interfaces that are new.
    ///
    /// # Errors
    /// [`WriteError`].
    #[inline]
    pub fn write<G: BufferedSink>(&self, input: usize, sink: &mut PcapngSink<G>) -> Result<(), WriteError> {
        let reader = self.events.reader();
        let Some(block) = reader.block() else { return Ok(()) };
        let section = reader.section();
        let key = InputSection { input, section: self.events.begun() };
        let header = |extent| section.header_to_write(&self.events.more_facts(), extent);
        sink.passed_section(key, header, |extent| section.interface_blocks(extent))?;
        if self.missing.0 == section.number && reader.item() == Some(PcapngStep::Record) {
            sink.passed_block(&self.missing.1)?;
        }
        sink.passed_block(block.bytes)
    }
}

impl PcapngStream {
    /// Writes the section header of a file that has nothing else.
    ///
    /// # Errors
    /// [`WriteError`].
    pub fn finish<G: BufferedSink>(&self, input: usize, sink: &mut PcapngSink<G>) -> Result<(), WriteError> {
        let section = self.events.reader().section();
        if self.has_frames || section.header.is_empty() {
            return Ok(());
        }
        let key = InputSection { input, section: self.events.begun() };
        let header = |extent| section.header_to_write(&MoreFacts::default(), extent);
        sink.passed_section(key, header, |extent| section.interface_blocks(extent))
    }
}
