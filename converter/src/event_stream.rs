// SPDX-License-Identifier: BSD-2-Clause
//! Records and events of any inputs, one after the other in time order: what the listings
//! ([`show`](crate::show), [`json`](crate::json), [`csv`](crate::csv)) are made of.
//!
//! An [`EventSource`] is one input. It gives what it sees as [`Seen`]: the bytes, and what is
//! known about them besides. [`Events`] brings several sources into one order, as
//! [`merge`](crate::merge) does for frames.

use std::cmp::Reverse;
use std::collections::BinaryHeap;
use std::sync::Arc;

use bblog_dissector::Micros;
use bblog_dissector::bblog::{HEADER_LEN, Header, Record};
use bblog_dissector::catalog::Provider;
use bblog_dissector::elog::{FileHeader, RawEvent};
use bblog_dissector::spec::Kernel;
use bblog_dissector::tcp_provider::Addresses;

use crate::bblog_section::BblogStream;
use crate::error::{Cause, Fault};
use crate::eventlog_section::ElogStream;
use crate::input::{Input, Kind, Name};
use crate::merge::{AWAKE, OnFault};
use crate::meter;
use crate::source::pcapng::PcapngReader;
use crate::tables::Tables;

/// Which clock a time is of.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Clock {
    /// Since 1970-01-01 UTC.
    Utc,
    /// Since the machine booted, which the input does not know when it was.
    Uptime,
}

/// One record or event with what its source knows of it.
#[derive(Clone, Copy)]
pub enum Seen<'a> {
    /// A BBLog record.
    Bblog(SeenRecord<'a>),
    /// An event of eventlog(9).
    Eventlog(SeenEvent<'a>),
}

impl Seen<'_> {
    /// When it happened.
    pub fn time(&self) -> Micros {
        match self {
            Seen::Bblog(seen) => seen.time,
            Seen::Eventlog(seen) => seen.time,
        }
    }

    /// Which clock its time is of.
    pub fn clock(&self) -> Clock {
        match self {
            Seen::Bblog(seen) => seen.clock,
            Seen::Eventlog(seen) => seen.clock,
        }
    }
}

/// A BBLog record.
#[derive(Clone, Copy)]
pub struct SeenRecord<'a> {
    /// Its bytes.
    pub record: Record<'a>,
    /// When it was made.
    pub time: Micros,
    /// Which clock that is of.
    pub clock: Clock,
    /// The header of its entry: addresses, log id, reason and tag.
    pub header: &'a [u8; HEADER_LEN],
    /// The name of its stack, `unknown` if it has none.
    pub stack: &'a [u8],
    /// The kernel that wrote it.
    pub kernel: Kernel,
    /// Records missing before it.
    pub missing: u32,
    /// Another number whenever header, stack or kernel change, so that what was made of them can
    /// be kept.
    pub section: u64,
}

/// An event of eventlog(9).
#[derive(Clone, Copy)]
pub struct SeenEvent<'a> {
    /// Its bytes.
    pub event: RawEvent<'a>,
    /// When it happened.
    pub time: Micros,
    /// Which clock that is of.
    pub clock: Clock,
    /// Its provider's name; `None` if the capture does not tell.
    pub provider: Option<&'a [u8]>,
    /// What describes the provider's events; `None` if no schema does.
    pub tables: Option<&'static Provider>,
    /// Local and remote address of its connection, as far as the events tell.
    pub addresses: Option<Addresses>,
    /// Another number for each section of the input: sessions are its own.
    pub section: u64,
}

/// An input as records and events.
pub trait EventSource {
    /// Steps to the next record or event; `false` at the end.
    ///
    /// # Errors
    /// A [`Fault`]; call again for what follows.
    fn advance(&mut self) -> Result<bool, Fault>;

    /// Time of the current one.
    fn time(&self) -> Micros;

    /// The current one; `None` unless [`EventSource::advance`] just stepped to one.
    fn seen(&self) -> Option<Seen<'_>>;

    /// The capture of the current event, or of those to come; `None` if the input does not tell.
    fn capture(&self) -> Option<Capture<'_>> {
        None
    }

    /// What was met so far besides records and events.
    fn counts(&self) -> Counts {
        Counts::default()
    }
}

/// What is known of the capture that an event of eventlog(9) is of.
#[derive(Clone, Copy)]
pub struct Capture<'a> {
    /// The ELOG file header.
    pub header: &'a FileHeader,
    /// The provider table with its count.
    pub table: &'a [u8],
}

/// What an input has besides records and events.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Counts {
    /// Entries begun; `None` where there are none, or they cannot be told apart.
    pub entries: Option<u64>,
    /// Sections begun: of the input, or those that `convert` makes of it.
    pub sections: u64,
    /// Packets that are neither a record nor an event.
    pub foreign_packets: u64,
    /// Blocks that are neither, and tell nothing that is used here.
    pub foreign_blocks: u64,
}

/// An input that holds nothing.
struct Nothing;

impl EventSource for Nothing {
    fn advance(&mut self) -> Result<bool, Fault> {
        Ok(false)
    }

    fn time(&self) -> Micros {
        Micros(0)
    }

    fn seen(&self) -> Option<Seen<'_>> {
        None
    }
}

/// BBLog entries, with the names of stacks.
struct BblogEvents {
    stream: BblogStream,
    tables: Arc<Tables>,
}

impl EventSource for BblogEvents {
    #[inline]
    fn advance(&mut self) -> Result<bool, Fault> {
        self.stream.advance()
    }

    fn time(&self) -> Micros {
        self.stream.time()
    }

    #[inline]
    fn seen(&self) -> Option<Seen<'_>> {
        seen_record(&self.stream, &self.tables)
    }

    fn counts(&self) -> Counts {
        let (entries, sections) = (Some(self.stream.entries()), self.stream.sections());
        Counts { entries, sections, ..Counts::default() }
    }
}

/// The current record of a stream of entries.
#[inline]
pub(crate) fn seen_record<'a>(stream: &'a BblogStream, tables: &'a Tables) -> Option<Seen<'a>> {
    let record = stream.record()?;
    let header = stream.header();
    // Files made from core dumps do not know when the machine booted.
    let booted = Header::unchecked(header).is_ok_and(|header| header.boot_time() != Micros(0));
    Some(Seen::Bblog(SeenRecord {
        record,
        time: stream.time(),
        clock: if booted { Clock::Utc } else { Clock::Uptime },
        header,
        stack: tables.stacks.get(record.stack_id()),
        kernel: tables.kernel.unwrap_or_default(),
        missing: stream.missing(),
        section: stream.sections(),
    }))
}

impl EventSource for ElogStream {
    #[inline]
    fn advance(&mut self) -> Result<bool, Fault> {
        ElogStream::advance(self)
    }

    fn time(&self) -> Micros {
        ElogStream::time(self)
    }

    #[inline]
    fn seen(&self) -> Option<Seen<'_>> {
        let event = self.event()?;
        let provider = self.provider(event.provider_id());
        Some(Seen::Eventlog(SeenEvent {
            event,
            time: ElogStream::time(self),
            clock: if self.header().start_utc_us == 0 { Clock::Uptime } else { Clock::Utc },
            provider: provider.map(|provider| provider.0),
            tables: provider.and_then(|provider| provider.1),
            addresses: self.addresses(),
            section: 0,
        }))
    }

    fn capture(&self) -> Option<Capture<'_>> {
        Some(Capture { header: self.header(), table: self.table_bytes() })
    }

    fn counts(&self) -> Counts {
        Counts { sections: 1, ..Counts::default() }
    }
}

/// Takes `input`, number `number` of `inputs`, as records and events.
///
/// # Errors
/// A [`Fault`] that leaves nothing of the input to read.
pub fn open_one(
    input: Input,
    (number, inputs): (usize, usize),
    tables: &Arc<Tables>,
    on_fault: &mut OnFault<'_>,
) -> Result<Box<dyn EventSource>, Fault> {
    let Input { name, kind, window, .. } = input;
    Ok(match kind {
        Kind::Elog => Box::new(ElogStream::open(window, number, &name, tables)?),
        Kind::Tcplog => Box::new(BblogEvents {
            stream: BblogStream::new(window, number, inputs, tables),
            tables: Arc::clone(tables),
        }),
        Kind::Pcapng => Box::new(PcapngReader::new(window, tables)),
        Kind::Empty => {
            on_fault(&name, &Fault::at(0, Cause::Empty));
            Box::new(Nothing)
        }
    })
}

/// The records and events of several inputs in time order. Equal times keep the order of the
/// inputs, and an input that is not in time order itself stays as it is.
///
/// Of more than a few inputs each is opened to find out its first time, closed, and opened again
/// when that has come: a long series has few files open at a time.
pub struct Events {
    sources: Vec<Source>,
    /// What the sources have in front, but for the current one.
    fronts: BinaryHeap<Reverse<(Micros, usize)>>,
    /// The source that the current event is of.
    current: Option<usize>,
    opened: bool,
}

/// An input.
struct Source {
    name: Name,
    /// The number of this input, and of how many.
    number: (usize, usize),
    state: State,
}

enum State {
    /// Closed; its first event is at this time. To be opened again with these tables.
    Asleep(Micros, Arc<Tables>),
    Open(Box<dyn EventSource>),
    /// Closed for good.
    Ended,
}

impl Source {
    fn open(
        name: &Name,
        number: (usize, usize),
        tables: &Arc<Tables>,
        on_fault: &mut OnFault<'_>,
    ) -> Result<Source, Fault> {
        let mut source = Source { name: name.clone(), number, state: State::Ended };
        if number.1 > AWAKE && name.can_be_opened_again() {
            // What is wrong up to the first event is told when that is reached.
            let look = || {
                let mut opened = source.open_again(tables, &mut |_, _| {})?;
                loop {
                    match opened.advance() {
                        Ok(true) => return Ok(Some(opened.time())),
                        Ok(false) => return Ok(None),
                        Err(_) => {}
                    }
                }
            };
            let first = meter::uncounted(look)?;
            if let Some(first) = first {
                source.state = State::Asleep(first, Arc::clone(tables));
                return Ok(source);
            }
        }
        source.state = State::Open(source.open_again(tables, on_fault)?);
        Ok(source)
    }

    fn open_again(
        &self,
        tables: &Arc<Tables>,
        on_fault: &mut OnFault<'_>,
    ) -> Result<Box<dyn EventSource>, Fault> {
        let input = Input::open_one_of(self.name.clone(), self.number.1)?;
        open_one(input, self.number, tables, on_fault)
    }

    /// Steps to the next event and gives its time; `None` at the end.
    #[inline]
    fn step(&mut self, on_fault: &mut OnFault<'_>) -> Option<Micros> {
        let State::Open(source) = &mut self.state else { return None };
        loop {
            match source.advance() {
                Ok(true) => return Some(source.time()),
                Ok(false) => break,
                Err(fault) => on_fault(&self.name, &fault),
            }
        }
        self.state = State::Ended;
        None
    }

    /// Opens the input if it is asleep; `false` if there is no event in front then.
    #[inline]
    fn wake(&mut self, on_fault: &mut OnFault<'_>) -> bool {
        let State::Asleep(_, tables) = &self.state else { return true };
        match self.open_again(tables, on_fault) {
            Ok(source) => self.state = State::Open(source),
            Err(fault) => on_fault(&self.name, &fault),
        }
        self.step(on_fault).is_some()
    }
}

impl Events {
    /// Opens inputs; those that cannot be read are told to `on_fault` and left out.
    pub fn open(inputs: &[Name], tables: &Arc<Tables>, on_fault: &mut OnFault<'_>) -> Events {
        let mut sources = Vec::new();
        for (number, name) in inputs.iter().enumerate() {
            match Source::open(name, (number, inputs.len()), tables, on_fault) {
                Ok(source) => sources.push(source),
                Err(fault) => on_fault(name, &fault),
            }
        }
        Events { sources, fronts: BinaryHeap::new(), current: None, opened: false }
    }

    /// Events of one source, without a file: for tests and other programs.
    pub fn of(name: Name, source: Box<dyn EventSource>) -> Events {
        let source = Source { name, number: (0, 1), state: State::Open(source) };
        Events { sources: vec![source], fronts: BinaryHeap::new(), current: None, opened: false }
    }

    /// Steps to the next event; `false` at the end. Faults go to `on_fault`.
    #[inline]
    pub fn advance(&mut self, on_fault: &mut OnFault<'_>) -> bool {
        if !self.opened {
            self.opened = true;
            for (number, source) in self.sources.iter_mut().enumerate() {
                let front = match source.state {
                    State::Asleep(first, _) => Some(first),
                    State::Open(_) | State::Ended => source.step(on_fault),
                };
                self.fronts.extend(front.map(|time| Reverse((time, number))));
            }
        } else if let Some(number) = self.current {
            // The source stays in front as long as no other has an earlier event.
            let source = self.sources.get_mut(number);
            if let Some(time) = source.and_then(|source| source.step(on_fault)) {
                match self.fronts.peek() {
                    Some(Reverse(next)) if *next < (time, number) => {
                        self.fronts.push(Reverse((time, number)));
                    }
                    _ => return true,
                }
            }
        }
        self.take_front(on_fault)
    }

    /// The current event and the number of its input.
    #[inline]
    pub fn seen(&self) -> Option<(usize, Seen<'_>)> {
        let number = self.current?;
        match &self.sources.get(number)?.state {
            State::Open(source) => source.seen().map(|seen| (number, seen)),
            State::Asleep(..) | State::Ended => None,
        }
    }

    fn take_front(&mut self, on_fault: &mut OnFault<'_>) -> bool {
        self.current = None;
        while let Some(Reverse((_, number))) = self.fronts.pop() {
            let source = self.sources.get_mut(number);
            if source.is_some_and(|source| source.wake(on_fault)) {
                self.current = Some(number);
                return true;
            }
        }
        false
    }
}
