// SPDX-License-Identifier: BSD-2-Clause
//! `convert --format elog`: the events of captures, or of pcapng that was made from them, as one
//! ELOG file.
//!
//! An ELOG file has one clock and one provider table. It can hold the events of one machine between two
//! boots: those of the first input's boot, in order of their timestamps. The contents of the file header
//! are known only at the end, and sections of a pcapng file may add providers, so the events go to a
//! nameless file first.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{self, BufWriter, Seek, Write};
use std::path::Path;
use std::sync::Arc;

use bblog_dissector::elog::{FileHeader, MAX_PROVIDERS, PROVIDER_LEN, ProviderTable, RawEvent};

use bblog_pcapng::WriteError;

use crate::event::item::{EventlogItem, LogItem};
use crate::event::merge::{Merge, MergeInput, Turn};
use crate::event::open;
use crate::event::source::EventSource;
use crate::input::assumptions::Assumptions;
use crate::input::error::{InputError, InputErrorKind, OnError, Recovery};
use crate::input::{Input, InputPosition, Inputs};
use crate::output::error::OutputError;
use crate::output::{Destination, Output};
use crate::select::walk::Picker;
use crate::source::CaptureDrops;

/// How far apart two captures of one boot may put its time, microseconds: elog(1) notes the time
/// of day when it comes to write the first event, which is up to some seconds late.
const SAME_BOOT_US: u64 = 60_000_000;
/// Bytes given to the system at once.
const CHUNK: usize = 256 * 1024;

/// What to write as ELOG, and where to.
pub struct ElogFile {
    /// What is read.
    pub inputs: Inputs,
    /// Where the file goes.
    pub output: Destination,
}

impl ElogFile {
    /// Writes the file, and returns how many events it has. If no input holds a capture there is
    /// none. Errors of inputs, and what had to be left out of them, go to `on_error`.
    ///
    /// # Errors
    /// [`OutputError`]; then there is no output.
    pub fn run(&self, picker: Option<&mut Picker>, on_error: &mut OnError<'_>) -> Result<u64, OutputError> {
        Output::check(&self.output)?;
        let mut inputs = Merge::open(&self.inputs, on_error);
        if inputs.is_empty() {
            return Ok(0);
        }
        let path = self.output.path.as_path();
        let failed = |error: io::Error| Output::error(path, WriteError::Io(error));
        let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder = if path == Path::new("-") { None } else { Some(folder.unwrap_or(Path::new("."))) };
        let spool = folder.map_or_else(tempfile::tempfile, tempfile::tempfile_in).map_err(failed)?;
        let mut spool = BufWriter::with_capacity(CHUNK, spool);
        let mut writing = ElogOutput::default();
        let left_out = writing.events(&mut inputs, picker, &mut spool, on_error).map_err(failed)?;
        if let Some(dropped) = writing.drops.total().filter(|dropped| dropped.is_minimum)
            && let Some(name) = self.inputs.names.first()
        {
            let kind = InputErrorKind::DropsOverlap { events: dropped.events };
            on_error(name, &InputError { offset: None, kind, recovery: Recovery::Nothing });
        }
        for (index, kinds) in left_out {
            let Some(name) = self.inputs.names.get(index) else { continue };
            for kind in kinds {
                on_error(name, &InputError { offset: None, kind, recovery: Recovery::Nothing });
            }
        }
        if !writing.is_capture() {
            return Ok(0);
        }
        let mut spool = spool.into_inner().map_err(|error| failed(error.into_error()))?;
        let mut output = Output::create(&self.output)?;
        writing.file(&mut spool, &mut output).map_err(failed)?;
        output.commit().map(|()| writing.events)
    }
}

/// The events of eventlog(9) in an input.
struct ElogInput {
    source: Box<dyn EventSource>,
    /// BBLog records in it.
    records: u64,
    /// Events of another capture.
    others: u64,
    /// The header of the capture that its last event was of, if that fits.
    header: Option<FileHeader>,
}

impl MergeInput for ElogInput {
    type Key = u64;
    // The clocks are those of the first input, not of the earliest event: all are looked at.
    const SLEEPS: bool = false;

    fn open(
        input: Input,
        position: InputPosition,
        assumptions: &Arc<Assumptions>,
        on_error: &mut OnError<'_>,
    ) -> Result<ElogInput, InputError> {
        let source = open::source(input, position, assumptions, on_error)?;
        Ok(ElogInput { source, records: 0, others: 0, header: None })
    }

    fn step(&mut self) -> Result<Option<u64>, InputError> {
        while self.source.advance()? {
            if let Some(LogItem::Eventlog(item)) = self.source.item() {
                return Ok(Some(item.event.timestamp()));
            }
            self.records += 1;
        }
        Ok(None)
    }
}

impl ElogInput {
    /// What was left out of the input.
    fn left_out(&self) -> Vec<InputErrorKind> {
        let frames = self.records + self.source.counts().foreign_packets;
        let records = (frames > 0).then_some(InputErrorKind::NotEventlog { frames });
        let others = (self.others > 0).then_some(InputErrorKind::OtherCapture { events: self.others });
        records.into_iter().chain(others).collect()
    }
}

/// The file being made.
#[derive(Default)]
struct ElogOutput {
    /// The first capture's clocks.
    clocks: Option<FileHeader>,
    /// Entries of the provider table.
    providers: Vec<u8>,
    events: u64,
    drops: CaptureDrops,
}

impl ElogOutput {
    /// Whether there was any capture, be it without an event.
    fn is_capture(&self) -> bool {
        self.clocks.is_some()
    }

    /// Writes the events of all inputs by their timestamps; equal ones keep the order of the
    /// inputs, and an input that is not in order itself stays as it is. Returns what was left out, by
    /// the index of the input.
    fn events(
        &mut self,
        inputs: &mut Merge<ElogInput>,
        mut picker: Option<&mut Picker>,
        out: &mut BufWriter<File>,
        on_error: &mut OnError<'_>,
    ) -> io::Result<BTreeMap<usize, Vec<InputErrorKind>>> {
        for (_, input) in inputs.open_streams() {
            self.take_capture(input);
        }
        let mut left_out = BTreeMap::new();
        while let Some(turn) = inputs.step(on_error) {
            let (Turn::Item(at) | Turn::End(at)) = turn;
            let index = inputs.stream(at).map_or(at, |(position, _)| position.index);
            let Some(input) = inputs.stream_mut(at) else { continue };
            if turn == Turn::End(at) {
                left_out.insert(index, input.left_out());
                if input.header.is_some() {
                    self.drops.add(input.source.drops());
                }
                continue;
            }
            let fits = self.take_capture(input);
            let mut is_picked = |item| picker.as_mut().is_none_or(|picker| picker.picks(index, item));
            match input.source.item() {
                Some(item) if fits && !is_picked(item) => {}
                Some(LogItem::Eventlog(item)) if fits && self.takes(&item) => {
                    out.write_all(item.event.as_bytes())?;
                    self.events += 1;
                }
                _ => input.others += 1,
            }
            inputs.meter().count_event();
        }
        Ok(left_out)
    }

    /// Whether an event can stand in the file: it must say itself how long it is.
    fn takes(&mut self, item: &EventlogItem<'_>) -> bool {
        let event = &item.event;
        if !matches!(RawEvent::split(event.as_bytes()), Ok(Some((_, [])))) {
            return false;
        }
        // Of a section whose header got lost on the way.
        self.clocks.get_or_insert_with(|| FileHeader {
            capture_start: event.timestamp(),
            start_utc_us: item.time.0.max(0) as u64,
            event_count: 0,
            dropped_events: 0,
        });
        true
    }

    /// Takes what is known of the current capture of an input, once; `false` if it is another
    /// machine's, or of another boot.
    #[inline]
    fn take_capture(&mut self, input: &mut ElogInput) -> bool {
        match input.source.capture() {
            Some(capture) if input.header != Some(*capture.header) => {
                let (header, fits) = (*capture.header, self.add_capture(capture.header, capture.table));
                if fits {
                    input.header = Some(header);
                }
                fits
            }
            _ => true,
        }
    }

    #[cold]
    fn add_capture(&mut self, header: &FileHeader, table: &[u8]) -> bool {
        let boot = |header: &FileHeader| header.start_utc_us.wrapping_sub(header.capture_start);
        let clocks = *self.clocks.get_or_insert(*header);
        let both_know = clocks.start_utc_us != 0 && header.start_utc_us != 0;
        if both_know && (boot(&clocks).wrapping_sub(boot(header)) as i64).unsigned_abs() > SAME_BOOT_US {
            return false;
        }
        let Ok((found, _)) = ProviderTable::split(table) else { return true };
        let same = |a: &[u8], b: &[u8]| a.split(|&b| b == 0).next() == b.split(|&b| b == 0).next();
        for (id, name) in found.iter() {
            if self.known(id).is_some_and(|known| !same(known, name)) {
                return false;
            }
        }
        for entry in table[4..].chunks_exact(PROVIDER_LEN).take(found.iter().count()) {
            let id = u16::from_le_bytes([entry[0], entry[1]]);
            let room = self.providers.len() < MAX_PROVIDERS as usize * PROVIDER_LEN;
            if self.known(id).is_none() && room {
                self.providers.extend_from_slice(entry);
            }
        }
        if clocks.start_utc_us == 0 && header.start_utc_us != 0 {
            self.clocks = Some(*header);
        }
        true
    }

    /// The name field of a provider in the table.
    fn known(&self, id: u16) -> Option<&[u8]> {
        let mut entries = self.providers.chunks_exact(PROVIDER_LEN);
        entries.find(|entry| entry[..2] == id.to_le_bytes()).map(|entry| &entry[2..])
    }

    /// Writes the whole file: header, provider table, and the events of `spool`.
    fn file(&self, spool: &mut File, out: &mut Output) -> io::Result<()> {
        let clocks = self.clocks.unwrap_or(FileHeader {
            capture_start: 0,
            start_utc_us: 0,
            event_count: 0,
            dropped_events: 0,
        });
        let dropped_events = self.drops.total().map_or(0, |dropped| dropped.events);
        let header = FileHeader { event_count: self.events, dropped_events, ..clocks };
        out.write_all(&header.to_bytes())?;
        out.write_all(&((self.providers.len() / PROVIDER_LEN) as u32).to_le_bytes())?;
        out.write_all(&self.providers)?;
        spool.rewind()?;
        io::copy(spool, out).map(|_| ())
    }
}
