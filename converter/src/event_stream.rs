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

use crate::bblog_section::BblogStream;
use crate::error::{Cause, Fault};
use crate::eventlog_section::ElogStream;
use crate::input::{Input, Kind, Name};
use crate::merge::OnFault;
use crate::sessions::Addresses;
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
pub struct Events {
    sources: Vec<(Name, Box<dyn EventSource>)>,
    /// What the sources have in front, but for the current one.
    fronts: BinaryHeap<Reverse<(Micros, usize)>>,
    /// The source that the current event is of.
    current: Option<usize>,
    opened: bool,
}

impl Events {
    /// Opens inputs; those that cannot be read are told to `on_fault` and left out.
    pub fn open(inputs: &[Name], tables: &Arc<Tables>, on_fault: &mut OnFault<'_>) -> Events {
        let mut sources = Vec::new();
        for (number, name) in inputs.iter().enumerate() {
            let source = Input::open(name.clone())
                .and_then(|input| open_one(input, (number, inputs.len()), tables, on_fault));
            match source {
                Ok(source) => sources.push((name.clone(), source)),
                Err(fault) => on_fault(name, &fault),
            }
        }
        Events { sources, fronts: BinaryHeap::new(), current: None, opened: false }
    }

    /// Events of one source, without a file: for tests and other programs.
    pub fn of(name: Name, source: Box<dyn EventSource>) -> Events {
        Events { sources: vec![(name, source)], fronts: BinaryHeap::new(), current: None, opened: false }
    }

    /// Steps to the next event; `false` at the end. Faults go to `on_fault`.
    #[inline]
    pub fn advance(&mut self, on_fault: &mut OnFault<'_>) -> bool {
        if !self.opened {
            self.opened = true;
            for number in 0..self.sources.len() {
                self.step(number, on_fault);
            }
        } else if let Some(number) = self.current {
            // The source stays in front as long as no other has an earlier event.
            let Some(time) = self.next_of(number, on_fault) else {
                self.current = None;
                return self.take_front();
            };
            match self.fronts.peek() {
                Some(Reverse(next)) if *next < (time, number) => {
                    self.fronts.push(Reverse((time, number)));
                    return self.take_front();
                }
                _ => return true,
            }
        }
        self.take_front()
    }

    /// The current event and the number of its input.
    #[inline]
    pub fn seen(&self) -> Option<(usize, Seen<'_>)> {
        let number = self.current?;
        self.sources.get(number)?.1.seen().map(|seen| (number, seen))
    }

    fn take_front(&mut self) -> bool {
        self.current = self.fronts.pop().map(|Reverse((_, number))| number);
        self.current.is_some()
    }

    fn step(&mut self, number: usize, on_fault: &mut OnFault<'_>) {
        if let Some(time) = self.next_of(number, on_fault) {
            self.fronts.push(Reverse((time, number)));
        }
    }

    #[inline]
    fn next_of(&mut self, number: usize, on_fault: &mut OnFault<'_>) -> Option<Micros> {
        let (name, source) = self.sources.get_mut(number)?;
        loop {
            match source.advance() {
                Ok(true) => return Some(source.time()),
                Ok(false) => return None,
                Err(fault) => on_fault(name, &fault),
            }
        }
    }
}
