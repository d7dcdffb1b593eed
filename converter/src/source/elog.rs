//! Reads ELOG captures: what elog(1) writes.

use bblog_dissector::Problem;
use bblog_dissector::elog::{EVENT_HEADER_LEN, FILE_HEADER_LEN, FileHeader, ProviderTable, RawEvent};

use super::Window;
use crate::error::{Cause, Fault, Then};

/// A reader of the events of one capture.
pub struct ElogReader {
    window: Window,
    header: FileHeader,
    table: Vec<u8>,
    /// Bytes of the current event; 0 if none.
    event_len: usize,
    events: u64,
    ended: bool,
}

impl ElogReader {
    /// Reads the file header and the provider table.
    ///
    /// # Errors
    /// A fault of either: then nothing of the input can be read.
    pub fn open(mut window: Window) -> Result<ElogReader, Fault> {
        let header = FileHeader::parse(window.fill(FILE_HEADER_LEN));
        let header = header.map_err(|problem| unreadable(&mut window, problem))?;
        window.consume(FILE_HEADER_LEN);
        let len = ProviderTable::len_of(window.fill(4));
        let len = len.map_err(|problem| unreadable(&mut window, problem))?;
        let table = match ProviderTable::split(window.fill(len)) {
            Ok(_) => window.bytes()[..len].to_vec(),
            Err(problem) => return Err(unreadable(&mut window, problem)),
        };
        window.consume(len);
        Ok(ElogReader { window, header, table, event_len: 0, events: 0, ended: false })
    }

    /// The file header.
    pub fn header(&self) -> &FileHeader {
        &self.header
    }

    /// The provider table's bytes, its count included.
    pub fn table_bytes(&self) -> &[u8] {
        &self.table
    }

    /// Ids and names of the providers, in the file's order.
    pub fn providers(&self) -> impl Iterator<Item = (u16, &[u8])> {
        ProviderTable::split(&self.table).into_iter().flat_map(|(table, _)| table.iter())
    }

    /// Steps to the next event; `None` at the end.
    ///
    /// # Errors
    /// A [`Fault`]; nothing but `None` follows, since events are found by length only.
    #[inline]
    pub fn step(&mut self) -> Result<Option<RawEvent<'_>>, Fault> {
        self.window.consume(self.event_len);
        self.event_len = 0;
        if self.ended {
            return Ok(None);
        }
        if whole_event(&self.window) == 0 {
            let header = self.window.fill(EVENT_HEADER_LEN);
            let len = header.first_chunk().map_or(0, |&len| u16::from_le_bytes(len));
            self.window.fill(usize::from(len));
        }
        self.event_len = whole_event(&self.window);
        if self.event_len == 0 {
            self.ended = true;
            return match end_fault(&mut self.window, &self.header, self.events) {
                Some(fault) => Err(fault),
                None => Ok(None),
            };
        }
        self.events += 1;
        Ok(self.event())
    }

    /// The current event; `None` unless [`ElogReader::step`] just stepped to one.
    #[inline]
    pub fn event(&self) -> Option<RawEvent<'_>> {
        RawEvent::whole(self.window.bytes().get(..self.event_len)?).ok()
    }

    /// The current event and what follows it, as far as `bytes` show.
    pub fn lookahead(&mut self, bytes: usize) -> impl Iterator<Item = RawEvent<'_>> {
        let mut rest = self.window.fill(bytes);
        std::iter::from_fn(move || {
            let (event, after) = RawEvent::split(rest).ok()??;
            rest = after;
            Some(event)
        })
    }

    /// Offset of the current event.
    pub fn offset(&self) -> u64 {
        self.window.offset()
    }
}

/// Events the kernel dropped; `None` if the header's counters were never filled in, because the
/// capture is still running or was killed. Zero then means unknown.
pub fn dropped_events(header: &FileHeader) -> Option<u64> {
    let known = header.event_count != 0 || header.dropped_events != 0;
    known.then_some(header.dropped_events)
}

/// Bytes of the event in front, 0 if it is not wholly there or no event.
#[inline]
fn whole_event(window: &Window) -> usize {
    match RawEvent::split(window.bytes()) {
        Ok(Some((event, _))) => event.as_bytes().len(),
        _ => 0,
    }
}

/// What is wrong, if anything, where the bytes in front are not a whole event: a failed read, a
/// wrong length, a torn event, or an end that the file header did not announce.
#[cold]
fn end_fault(window: &mut Window, header: &FileHeader, events: u64) -> Option<Fault> {
    let at = window.offset();
    if let Some(error) = window.take_error() {
        return Some(Fault::at(at, error));
    }
    let bytes = window.bytes();
    if let Err(problem) = RawEvent::split(bytes) {
        return Some(Fault::at(at, problem).then(Then::RestSkipped));
    }
    if !bytes.is_empty() {
        let length = bytes.first_chunk().map_or(0, |&len| u64::from(u16::from_le_bytes(len)));
        let needed = length.max(EVENT_HEADER_LEN as u64);
        let found = bytes.len() as u64;
        return Some(Fault::at(at, Problem::Truncated { what: "ELOG event", needed, found }));
    }
    let expected = header.event_count;
    let known = expected != 0;
    (known && expected != events).then(|| Fault::at(at, Cause::EventCount { found: events, expected }))
}

/// A fault that leaves nothing to read; a failed read comes before what it made of the bytes.
fn unreadable(window: &mut Window, problem: Problem) -> Fault {
    match window.take_error() {
        Some(error) => Fault::at(window.offset(), error),
        None => Fault::at(window.offset(), problem).then(Then::RestSkipped),
    }
}
