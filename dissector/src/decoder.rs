// SPDX-License-Identifier: BSD-2-Clause
//! Whole logs held in memory, decoded in one loop: the front of this library.
//!
//! A program that reads a log piece by piece, or needs its headers, uses [`bblog`](crate::bblog) and
//! [`elog`](crate::elog) themselves.

use std::num::NonZeroU32;

use crate::bblog::{Cut, EntryCutter, HEADER_LEN, Header, Record};
use crate::catalog::{Catalog, ProviderSpec};
use crate::elog::{FILE_HEADER_LEN, FileHeader, ProviderTable, RawEvent};
use crate::event::{Event, RecordContext};
use crate::layout::{Layout, Votes};
use crate::spec::{Kernel, Stack};
use crate::{DecodeError, Micros, tcp_provider};

/// Decodes the records of a device stream or core-dump file, in the order of the file.
///
/// A record holds its TCP stack as a number, which means something on the machine that logged only:
/// [`BblogDecoder::stack`] names it. Values of a stack that is not known are not named.
///
/// Damage is given as an error, and decoding goes on with the next record or entry that is there.
///
/// ```
/// use bblog_dissector::{BblogDecoder, Kernel, Stack};
///
/// let stream = include_bytes!("../examples/tail-loss.tcplog");
/// let decoder = BblogDecoder::new(stream).stack(2, Stack::Rack).kernel(Kernel::Freebsd13);
/// let mut probes = 0;
/// for decoded in decoder {
///     let decoded = decoded?;
///     let timer = decoded.event.get("timer").and_then(|field| field.value_name());
///     probes += u32::from(decoded.event.name() == "BBR_LOG_RTO" && timer == Some("TLP"));
/// }
/// assert_eq!(probes, 2);
/// # Ok::<(), bblog_dissector::DecodeError>(())
/// ```
#[derive(Clone)]
pub struct BblogDecoder<'a> {
    /// The stream from the next item on.
    rest: &'a [u8],
    offset: usize,
    cutter: EntryCutter,
    /// Of the current entry.
    header: Option<Header<'a>>,
    /// Few, so a list.
    stacks: Vec<(u8, Stack)>,
    kernel: Kernel,
    hz: Option<NonZeroU32>,
}

impl<'a> BblogDecoder<'a> {
    /// A decoder of `stream`, which begins with an entry's header.
    pub fn new(stream: &'a [u8]) -> BblogDecoder<'a> {
        BblogDecoder {
            rest: stream,
            offset: 0,
            cutter: EntryCutter::new(u64::MAX),
            header: None,
            stacks: Vec::new(),
            kernel: Kernel::default(),
            hz: None,
        }
    }

    /// The same decoder, for a machine on which `stack` had the number `id`
    /// (`sysctl net.inet.tcp.function_info` lists them).
    pub fn stack(mut self, id: u8, stack: Stack) -> BblogDecoder<'a> {
        self.stacks.retain(|known| known.0 != id);
        self.stacks.push((id, stack));
        self
    }

    /// The same decoder, for a machine that ran `kernel`; without it the newest is assumed.
    pub fn kernel(self, kernel: Kernel) -> BblogDecoder<'a> {
        BblogDecoder { kernel, ..self }
    }

    /// The same decoder, for a machine with `hz` ticks a second (`kern.hz`); without it ticks are shown as such.
    pub fn hz(self, hz: NonZeroU32) -> BblogDecoder<'a> {
        BblogDecoder { hz: Some(hz), ..self }
    }

    /// Bytes of the stream up to the end of the last item: after an error, where decoding goes on.
    pub fn offset(&self) -> usize {
        self.offset
    }

    /// Takes so many bytes off the front, at most those that are there.
    fn take(&mut self, len: usize) {
        let len = len.min(self.rest.len());
        self.rest = &self.rest[len..];
        self.offset += len;
    }

    /// The error if the stream ends inside a header or an entry; `None` if it ends between entries.
    fn end(&mut self) -> Option<DecodeError> {
        let rest = std::mem::take(&mut self.rest);
        let left = std::mem::replace(&mut self.cutter, EntryCutter::new(u64::MAX)).left();
        self.offset += rest.len();
        match self.header.filter(|_| left > 0) {
            Some(header) => {
                let (needed, missing) = (header.entry_len(), left - rest.len() as u64);
                let found = needed - missing;
                Some(DecodeError::Truncated { what: "BBLog entry", needed, found })
            }
            None if rest.is_empty() => None,
            None => Header::parse(rest).err(),
        }
    }

    fn context(&self, record: &Record<'_>) -> RecordContext {
        let known = self.stacks.iter().find(|known| known.0 == record.stack_id());
        let stack = known.map_or(Stack::Unknown, |known| known.1);
        RecordContext { stack, kernel: self.kernel, hz: self.hz }
    }
}

/// A record of a stream.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct DecodedRecord<'a> {
    /// The header of its entry: the connection, and why it was dumped.
    pub header: Header<'a>,
    /// The record's bytes, and the members that all records have.
    pub record: Record<'a>,
    /// What happened.
    pub event: Event<'a>,
}

impl DecodedRecord<'_> {
    /// When it was logged, since 1970; since the machine was booted in a core-dump file, which does not say when
    /// that was.
    pub fn time(&self) -> Micros {
        self.record.time() + self.header.boot_time()
    }
}

impl<'a> Iterator for BblogDecoder<'a> {
    type Item = Result<DecodedRecord<'a>, DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        loop {
            match self.cutter.next(self.rest, true) {
                Cut::Record(record, len) => {
                    self.take(len);
                    // The first record stands behind a header.
                    let header = self.header?;
                    let event = Event::of_record(&record, self.context(&record));
                    return Some(Ok(DecodedRecord { header, record, event }));
                }
                Cut::Entry(header) => {
                    self.take(HEADER_LEN);
                    self.header = Some(header);
                }
                Cut::Gap(len) => self.take(len),
                Cut::LeftOut(left_out) => {
                    self.take(left_out.in_front);
                    return Some(Err(left_out.why));
                }
                Cut::BadEntry(why, Some(length)) => {
                    self.take(usize::try_from(length).unwrap_or(usize::MAX));
                    return Some(Err(why));
                }
                Cut::BadEntry(why, None) => self.cutter.seek(why),
                Cut::More(_) => return self.end().map(Err),
            }
        }
    }
}

/// Decodes the events of an ELOG file, in the order of the file.
///
/// The layout of the `tcp` provider is detected from the events; see
/// [`layout`](crate::layout). A torn last event, as a capture that was killed leaves, is given as an error.
///
/// ```
/// use bblog_dissector::{Catalog, ElogDecoder};
///
/// let (file, catalog) = (include_bytes!("../examples/short.elog"), Catalog::builtin());
/// let mut segments = 0;
/// for decoded in ElogDecoder::new(file, &catalog)? {
///     segments += u32::from(matches!(decoded?.event.name(), "IN" | "OUT"));
/// }
/// assert_eq!(segments, 6);
/// # Ok::<(), bblog_dissector::DecodeError>(())
/// ```
#[derive(Clone)]
pub struct ElogDecoder<'a> {
    header: FileHeader,
    providers: Vec<KnownProvider<'a>>,
    layout: Option<Layout>,
    rest: &'a [u8],
}

#[derive(Clone, Copy)]
struct KnownProvider<'a> {
    id: u16,
    name: &'a [u8],
    spec: Option<&'static ProviderSpec>,
}

/// Bytes of events that are looked at to find out their layout.
const VOTE_BYTES: usize = 256 * 1024;

impl<'a> ElogDecoder<'a> {
    /// A decoder of `file`, whose events `catalog` describes.
    ///
    /// # Errors
    /// Those of [`FileHeader::parse`] and [`ProviderTable::split`].
    pub fn new(file: &'a [u8], catalog: &Catalog) -> Result<ElogDecoder<'a>, DecodeError> {
        let header = FileHeader::parse(file)?;
        let (table, events) = ProviderTable::split(&file[FILE_HEADER_LEN..])?;
        let mut votes = Votes::default();
        let ahead = &events[..events.len().min(VOTE_BYTES)];
        let is_tcp = |event: &RawEvent<'_>| table.name(event.provider_id()) == Some(tcp_provider::NAME);
        raw_events(ahead).filter(is_tcp).for_each(|event| votes.count(&event));
        let layout = votes.winner();
        let known = |(id, name)| KnownProvider { id, name, spec: catalog.provider(name, layout) };
        Ok(ElogDecoder { header, providers: table.iter().map(known).collect(), layout, rest: events })
    }

    /// The file's header.
    pub fn header(&self) -> &FileHeader {
        &self.header
    }

    /// The layout of the `tcp` provider; `None` if no event shows it.
    pub fn layout(&self) -> Option<Layout> {
        self.layout
    }
}

/// The whole events that `bytes` begin with.
fn raw_events(bytes: &[u8]) -> impl Iterator<Item = RawEvent<'_>> {
    let mut rest = bytes;
    std::iter::from_fn(move || {
        let (event, after) = RawEvent::split(rest).ok()??;
        rest = after;
        Some(event)
    })
}

/// An event of a file.
#[derive(Clone, Copy)]
#[non_exhaustive]
pub struct DecodedEvent<'a> {
    /// When it was logged, since 1970; since the machine was booted if the file's header does not say when that
    /// was.
    pub time: Micros,
    /// The provider's name (at most 32 bytes, any bytes); `None` if the file's table does not have it.
    pub provider: Option<&'a [u8]>,
    /// The event's bytes, and what all events have.
    pub raw: RawEvent<'a>,
    /// What happened.
    pub event: Event<'a>,
}

impl<'a> Iterator for ElogDecoder<'a> {
    type Item = Result<DecodedEvent<'a>, DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.rest.is_empty() {
            return None;
        }
        let raw = match RawEvent::split(self.rest) {
            Ok(Some((raw, rest))) => {
                self.rest = rest;
                raw
            }
            Ok(None) => {
                let torn = std::mem::take(&mut self.rest);
                let (needed, found) = (RawEvent::needed(torn) as u64, torn.len() as u64);
                return Some(Err(DecodeError::Truncated { what: "ELOG event", needed, found }));
            }
            Err(error) => {
                self.rest = &[];
                return Some(Err(error));
            }
        };
        let known = self.providers.iter().find(|known| known.id == raw.provider_id());
        let spec = Catalog::event(known.and_then(|known| known.spec), raw.event_id());
        Some(Ok(DecodedEvent {
            time: self.header.utc(raw.timestamp()),
            provider: known.map(|known| known.name),
            raw,
            event: Event::of_elog(&raw, spec),
        }))
    }
}
