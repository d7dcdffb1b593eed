// SPDX-License-Identifier: BSD-2-Clause
//! `convert --format elog`: the events of captures, or of pcapng that was made from them, as one
//! ELOG file.
//!
//! An ELOG file has one clock and one provider table, so what it can hold is one machine's events
//! between two boots: those of the first input's boot, in order of their timestamps. What the
//! file header tells is known at the end only, and sections of a pcapng file may bring providers,
//! so the events go to a nameless file first.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::fs::File;
use std::io::{self, BufWriter, Seek, Write};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use bblog_dissector::elog::{FileHeader, MAX_PROVIDERS, PROVIDER_LEN, ProviderTable, RawEvent};

use crate::error::{Cause, Fault, OutputError, Then, WriteError};
use crate::event_stream::{EventSource, Seen, SeenEvent, open_one};
use crate::input::{Input, Name};
use crate::listing::Picker;
use crate::merge::OnFault;
use crate::meter;
use crate::output::Output;
use crate::tables::Tables;

/// How far apart two captures of one boot may put its time, microseconds: elog(1) notes the time
/// of day when it comes to write the first event, which is up to some seconds late.
const SAME_BOOT_US: u64 = 60_000_000;
/// Captures that are known apart.
const COUNTED: usize = 4096;
/// Bytes given to the system at once.
const CHUNK: usize = 256 * 1024;

/// What to write as ELOG, and where to.
pub struct ElogFile {
    /// The inputs.
    pub inputs: Vec<Name>,
    /// The output; `-` is standard output.
    pub output: PathBuf,
    /// Whether a file of that name may be replaced.
    pub overwrite: bool,
    /// What the inputs do not say themselves.
    pub tables: Arc<Tables>,
}

impl ElogFile {
    /// Writes the file, and returns how many events it has. If no input holds a capture there is
    /// none. Faults of inputs, and what had to be left out of them, go to `on_fault`.
    ///
    /// # Errors
    /// [`OutputError`]; then there is no output.
    pub fn run(&self, picker: Option<&mut Picker>, on_fault: &mut OnFault<'_>) -> Result<u64, OutputError> {
        Output::check(&self.output, self.overwrite)?;
        let mut inputs = self.open(on_fault);
        if inputs.is_empty() {
            return Ok(0);
        }
        let failed = |error: io::Error| Output::error(&self.output, WriteError::Io(error));
        let folder = self.output.parent().filter(|folder| !folder.as_os_str().is_empty());
        let folder =
            if self.output == Path::new("-") { None } else { Some(folder.unwrap_or(Path::new("."))) };
        let spool = folder.map_or_else(tempfile::tempfile, tempfile::tempfile_in).map_err(failed)?;
        let mut spool = BufWriter::with_capacity(CHUNK, spool);
        let mut writing = Writing::default();
        writing.events(&mut inputs, picker, &mut spool, on_fault).map_err(failed)?;
        inputs.iter().for_each(|input| input.tell(on_fault));
        if !writing.is_capture() {
            return Ok(0);
        }
        let mut spool = spool.into_inner().map_err(|error| failed(error.into_error()))?;
        let mut output = Output::create(&self.output, self.overwrite)?;
        writing.file(&mut spool, &mut output).map_err(failed)?;
        output.commit().map(|()| writing.events)
    }

    fn open(&self, on_fault: &mut OnFault<'_>) -> Vec<Reading> {
        let mut inputs = Vec::new();
        for (number, name) in self.inputs.iter().enumerate() {
            let count = self.inputs.len();
            let source = Input::open_one_of(name.clone(), count)
                .and_then(|input| open_one(input, (number, count), &self.tables, on_fault));
            match source {
                Ok(source) => {
                    inputs.push(Reading { name: name.clone(), source, records: 0, others: 0, capture: None })
                }
                Err(fault) => on_fault(name, &fault),
            }
        }
        inputs
    }
}

/// An input.
struct Reading {
    name: Name,
    source: Box<dyn EventSource>,
    /// BBLog records in it.
    records: u64,
    /// Events of another capture.
    others: u64,
    /// The header of the capture that its last event was of, if that fits.
    capture: Option<FileHeader>,
}

impl Reading {
    /// Steps to the next event of eventlog(9) and returns its timestamp; `None` at the end.
    fn step(&mut self, on_fault: &mut OnFault<'_>) -> Option<u64> {
        loop {
            match self.source.advance() {
                Ok(true) => match self.source.seen() {
                    Some(Seen::Eventlog(seen)) => {
                        meter::count_event();
                        return Some(seen.event.timestamp());
                    }
                    _ => self.records += 1,
                },
                Ok(false) => return None,
                Err(fault) => on_fault(&self.name, &fault),
            }
        }
    }

    /// Tells what was left out.
    fn tell(&self, on_fault: &mut OnFault<'_>) {
        let mut tell = |cause| on_fault(&self.name, &Fault { offset: None, cause, then: Then::GoOn });
        let frames = self.records + self.source.counts().foreign_packets;
        if frames > 0 {
            tell(Cause::NotEventlog { frames });
        }
        if self.others > 0 {
            tell(Cause::OtherCapture { events: self.others });
        }
    }
}

/// The file being made.
#[derive(Default)]
struct Writing {
    /// The first capture's clocks.
    clocks: Option<FileHeader>,
    /// Entries of the provider table.
    providers: Vec<u8>,
    events: u64,
    dropped: u64,
    /// Captures whose drops are in `dropped`.
    counted: Vec<FileHeader>,
}

impl Writing {
    /// Whether there was any capture, be it without an event.
    fn is_capture(&self) -> bool {
        self.clocks.is_some()
    }

    /// Writes the events of all inputs by their timestamps; equal ones keep the order of the
    /// inputs, and an input that is not in order itself stays as it is.
    fn events(
        &mut self,
        inputs: &mut [Reading],
        mut picker: Option<&mut Picker>,
        out: &mut BufWriter<File>,
        on_fault: &mut OnFault<'_>,
    ) -> io::Result<()> {
        let mut fronts = BinaryHeap::new();
        for (number, input) in inputs.iter_mut().enumerate() {
            if let Some(time) = input.step(on_fault) {
                fronts.push(Reverse((time, number)));
            }
            // The clocks are those of the first input, not of the earliest event.
            self.take_capture(input);
        }
        while let Some(Reverse((_, number))) = fronts.pop() {
            let Some(input) = inputs.get_mut(number) else { continue };
            let next = fronts.peek().map(|Reverse(next)| *next);
            loop {
                let fits = self.take_capture(input);
                let mut is_picked = |seen| picker.as_mut().is_none_or(|picker| picker.picks(number, seen));
                match input.source.seen() {
                    Some(seen) if fits && !is_picked(seen) => {}
                    Some(Seen::Eventlog(seen)) if fits && self.takes(&seen) => {
                        out.write_all(seen.event.as_bytes())?;
                        self.events += 1;
                    }
                    _ => input.others += 1,
                }
                let Some(time) = input.step(on_fault) else { break };
                if next.is_some_and(|next| next < (time, number)) {
                    fronts.push(Reverse((time, number)));
                    break;
                }
            }
        }
        Ok(())
    }

    /// Whether an event can stand in the file: it must say itself how long it is.
    fn takes(&mut self, seen: &SeenEvent<'_>) -> bool {
        let event = &seen.event;
        if !matches!(RawEvent::split(event.as_bytes()), Ok(Some((_, [])))) {
            return false;
        }
        // Of a section whose header got lost on the way.
        self.clocks.get_or_insert_with(|| FileHeader {
            capture_start: event.timestamp(),
            start_utc_us: seen.time.0.max(0) as u64,
            event_count: 0,
            dropped_events: 0,
        });
        true
    }

    /// Takes what is known of the current capture of an input, once; `false` if it is another
    /// machine's, or of another boot.
    #[inline]
    fn take_capture(&mut self, input: &mut Reading) -> bool {
        match input.source.capture() {
            Some(capture) if input.capture != Some(*capture.header) => {
                let (header, fits) = (*capture.header, self.add_capture(capture.header, capture.table));
                if fits {
                    input.capture = Some(header);
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
        // A section that was interrupted begins again, and captures are cut into series.
        if !self.counted.contains(header) {
            self.dropped = self.dropped.saturating_add(header.dropped_events);
            if self.counted.len() < COUNTED {
                self.counted.push(*header);
            }
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
        let header = FileHeader { event_count: self.events, dropped_events: self.dropped, ..clocks };
        out.write_all(&header.to_bytes())?;
        out.write_all(&((self.providers.len() / PROVIDER_LEN) as u32).to_le_bytes())?;
        out.write_all(&self.providers)?;
        spool.rewind()?;
        io::copy(spool, out).map(|_| ())
    }
}
