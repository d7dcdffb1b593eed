// SPDX-License-Identifier: BSD-2-Clause
//! Reads ELOG captures, the files of elog(1).

use bblog_dissector::DecodeError;
use bblog_dissector::elog::{EVENT_HEADER_LEN, FILE_HEADER_LEN, FileHeader, ProviderTable, RawEvent};

use crate::input::disorder::Disorder;
use crate::input::error::{InputError, InputErrorKind, Recovery};
use crate::input::window::Window;
use crate::source::order::{Ahead, TimeOrder};

/// A reader of the events of one capture.
pub struct ElogReader {
    window: Window,
    header: FileHeader,
    table: Vec<u8>,
    /// Bytes of the current event; 0 if none.
    event_len: usize,
    /// Timestamp of the last event.
    last: u64,
    events: u64,
    order: TimeOrder,
    /// Whether the order of times is restored.
    sorts: bool,
    /// Nothing had to be left out so far.
    is_whole: bool,
    ended: bool,
}

impl ElogReader {
    /// Reads the file header and the provider table. With `sorts`, events come in the order of their times.
    ///
    /// # Errors
    /// An error of either: then nothing of the input can be read.
    pub fn open(mut window: Window, sorts: bool) -> Result<ElogReader, InputError> {
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
        Ok(ElogReader {
            window,
            header,
            table,
            event_len: 0,
            last: header.capture_start,
            events: 0,
            order: TimeOrder::default(),
            sorts,
            is_whole: true,
            ended: false,
        })
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
    /// An [`InputError`]. Call again for what is readable after it.
    #[inline]
    pub fn step(&mut self) -> Result<Option<RawEvent<'_>>, InputError> {
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
            return match self.no_event() {
                Some(error) => Err(error),
                None => Ok(None),
            };
        }
        if self.sorts && !self.order.is_ready(self.window.offset()) {
            self.order.arrange(&mut self.window, ahead);
            self.event_len = whole_event(&self.window);
        }
        self.events += 1;
        let Self { window, event_len, last, order, .. } = self;
        let event = window.bytes().get(..*event_len).and_then(|bytes| RawEvent::whole(bytes).ok());
        if let Some(event) = event {
            *last = event.timestamp();
            order.taken(*last);
        }
        Ok(event)
    }

    /// What is wrong, if anything, where the bytes in front are not a whole event: a failed read,
    /// a wrong length, a torn event, or an end that the file header did not announce.
    #[cold]
    fn no_event(&mut self) -> Option<InputError> {
        let at = self.window.offset();
        if self.window.has_error() {
            self.ended = true;
            return self.window.take_error().map(|error| InputError::at(at, error));
        }
        let bytes = self.window.bytes();
        if bytes.is_empty() {
            self.ended = true;
            let (found, expected) = (self.events, self.header.event_count);
            let known = expected != 0 && self.is_whole;
            return (known && expected != found)
                .then(|| InputError::at(at, InputErrorKind::EventCount { found, expected }));
        }
        let (problem, length_is_wrong) = match RawEvent::split(bytes) {
            Err(problem) => (problem, true),
            Ok(_) => {
                let length = bytes.first_chunk().map_or(0, |&len| u64::from(u16::from_le_bytes(len)));
                let needed = length.max(EVENT_HEADER_LEN as u64);
                (DecodeError::Truncated { what: "ELOG event", needed, found: bytes.len() as u64 }, false)
            }
        };
        // The last event of a killed capture is torn, so one event inside it is not enough.
        if self.find_events(if length_is_wrong { 1 } else { 2 }) {
            return Some(InputError::at(at, problem).recovered(Recovery::Skipped(self.window.offset() - at)));
        }
        self.ended = true;
        let error = match self.window.take_error() {
            Some(error) => return Some(InputError::at(at, error)),
            None => InputError::at(at, problem),
        };
        Some(if length_is_wrong { error.recovered(Recovery::RestSkipped) } else { error })
    }

    /// Takes bytes off the front, one at least, until events are in front that go on for
    /// [`RUN`], or from `least` on up to the end; `false` at the end.
    fn find_events(&mut self, least: usize) -> bool {
        let (known, last) = (KnownIds::of(&self.table), self.last);
        const LONGEST_RUN: usize = RUN * u16::MAX as usize;
        self.is_whole = false;
        self.window.consume(1);
        loop {
            let bytes = self.window.fill(LONGEST_RUN);
            let is_end = bytes.len() < LONGEST_RUN;
            let searched = if is_end { bytes.len() } else { bytes.len() - LONGEST_RUN + 1 };
            let found = (0..searched).find(|&at| {
                let (run, at_end) = run_of_events(&bytes[at..], &known, last);
                run >= RUN || is_end && at_end && run >= least
            });
            self.window.consume(found.unwrap_or(searched));
            if found.is_some() || is_end {
                return found.is_some();
            }
        }
    }

    /// The current event; `None` unless [`ElogReader::step`] just stepped to one.
    #[inline]
    pub fn event(&self) -> Option<RawEvent<'_>> {
        RawEvent::whole(self.window.bytes().get(..self.event_len)?).ok()
    }

    /// The time of the newest event so far.
    pub fn newest(&self) -> u64 {
        self.order.newest_taken().max(self.header.capture_start)
    }

    /// How many events were out of order so far.
    pub fn disorder(&self) -> Disorder {
        self.order.disorder()
    }

    /// The current event and what follows it, as far as `bytes` show.
    pub fn lookahead(&mut self, bytes: usize) -> impl Iterator<Item = RawEvent<'_>> {
        let mut rest = self.window.fill_ready(bytes);
        std::iter::from_fn(move || {
            let (event, after) = RawEvent::split(rest).ok()??;
            rest = after;
            Some(event)
        })
    }

    /// Whether the next step has to wait for a live input.
    pub fn is_dry(&mut self) -> bool {
        self.window.is_dry(self.event_len + self.next_len())
    }

    /// Whether the next step has to wait for a live input longer than a moment.
    pub fn pauses(&mut self) -> bool {
        self.window.pauses(self.event_len + self.next_len())
    }

    /// Bytes that the event after the current one needs.
    fn next_len(&self) -> usize {
        RawEvent::needed(self.window.bytes().get(self.event_len..).unwrap_or_default())
    }

    /// Offset of the current event.
    pub fn offset(&self) -> u64 {
        self.window.offset()
    }
}

/// This number of valid events in a row is taken as proof of the position.
const RUN: usize = 3;
/// How far apart in time two events of a capture can be and still look related: a day.
const RELATED_US: u64 = 86_400_000_000;

/// The ids of a provider table.
struct KnownIds(Vec<u16>);

impl KnownIds {
    fn of(table: &[u8]) -> KnownIds {
        let table = ProviderTable::split(table);
        KnownIds(table.into_iter().flat_map(|(table, _)| table.iter().map(|entry| entry.0)).collect())
    }
}

/// How many events in a row `bytes` begin with, up to [`RUN`], and whether they are all there is.
/// They must be of known providers, near `last` in time, and have 0 where nothing is defined.
fn run_of_events(mut bytes: &[u8], known: &KnownIds, last: u64) -> (usize, bool) {
    for run in 0..RUN {
        match RawEvent::split(bytes) {
            Ok(Some((event, rest))) if is_likely(&event, known, last) => bytes = rest,
            _ => return (run, bytes.is_empty()),
        }
    }
    (RUN, bytes.is_empty())
}

fn is_likely(event: &RawEvent<'_>, known: &KnownIds, last: u64) -> bool {
    const RESERVED: std::ops::Range<usize> = 6..8;
    event.as_bytes().get(RESERVED) == Some(&[0, 0])
        && known.0.contains(&event.provider_id())
        && event.timestamp().abs_diff(last) < RELATED_US
}

/// Bytes of the event in front, 0 if it is not wholly there or no event.
#[inline]
fn whole_event(window: &Window) -> usize {
    match RawEvent::split(window.bytes()) {
        Ok(Some((event, _))) => event.as_bytes().len(),
        _ => 0,
    }
}

/// What stands in front of `bytes`.
#[inline]
fn ahead(bytes: &[u8]) -> Ahead {
    match RawEvent::split(bytes) {
        Ok(Some((event, _))) => Ahead::Item(event.as_bytes().len(), event.timestamp()),
        Ok(None) => Ahead::Part,
        Err(_) => Ahead::Other,
    }
}

/// An error that leaves nothing to read; a failed read comes before what it made of the bytes.
fn unreadable(window: &mut Window, problem: DecodeError) -> InputError {
    match window.take_error() {
        Some(error) => InputError::at(window.offset(), error),
        None => InputError::at(window.offset(), problem).recovered(Recovery::RestSkipped),
    }
}
