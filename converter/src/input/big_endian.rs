// SPDX-License-Identifier: BSD-2-Clause
//! Logs of big-endian machines, turned round while they are read: what comes out is as a little-endian machine would
//! have logged it.

use std::io::{self, Read};

use bblog_dissector::bblog::{HEADER_LEN, Header, RECORD_LEN, Record, VERBOSE_LEN};
use bblog_dissector::catalog::{Catalog, ProviderSpec};
use bblog_dissector::elog::{EVENT_HEADER_LEN, FILE_HEADER_LEN, PROVIDER_LEN, ProviderTable, RawEvent};
use bblog_dissector::layout::Votes;
use bblog_dissector::{byte_order, tcp_provider};

/// Bytes of events that are looked at to find out their layout.
const VOTE_BYTES: usize = 256 * 1024;

/// A log of a big-endian machine as one of a little-endian machine.
///
/// What is no whole header, record or event comes out as it went in: the reader behind this says what is wrong.
pub struct BigEndian<R> {
    inner: R,
    state: State,
    /// What was turned round, and how much of it was given.
    out: Vec<u8>,
    given: usize,
}

enum State {
    /// An entry's header follows.
    Header,
    /// This number of bytes of records follows.
    Body(u64),
    /// An ELOG file begins.
    File,
    /// Events follow, of these providers.
    Events(Vec<(u16, Option<&'static ProviderSpec>)>),
    /// What follows cannot be recognized.
    AsItIs,
}

impl<R: Read> BigEndian<R> {
    /// The log that `inner` reads, if its first bytes are those of a big-endian machine's.
    pub fn of(begin: &[u8], inner: R) -> Result<BigEndian<R>, R> {
        let state = if byte_order::is_big_endian_bblog(begin) {
            State::Header
        } else if byte_order::is_big_endian_elog(begin) {
            State::File
        } else {
            return Err(inner);
        };
        Ok(BigEndian { inner, state, out: Vec::new(), given: 0 })
    }

    /// Appends the next `len` bytes to what comes out; whether they are all there.
    fn take(&mut self, len: usize) -> io::Result<bool> {
        let taken = (&mut self.inner).take(len as u64).read_to_end(&mut self.out)?;
        Ok(taken == len)
    }

    /// Turns the next piece round.
    fn advance(&mut self) -> io::Result<()> {
        self.state = match std::mem::replace(&mut self.state, State::AsItIs) {
            State::Header => self.header()?,
            State::Body(left) => self.record(left)?,
            State::File => self.file()?,
            State::Events(providers) => {
                let whole = self.event(&providers)?;
                if whole { State::Events(providers) } else { State::AsItIs }
            }
            State::AsItIs => {
                self.take(RECORD_LEN)?;
                State::AsItIs
            }
        };
        Ok(())
    }

    fn header(&mut self) -> io::Result<State> {
        self.take(HEADER_LEN)?;
        let Some(header) = self.out.first_chunk_mut() else { return Ok(State::AsItIs) };
        if !byte_order::is_big_endian_bblog(header) {
            return Ok(State::AsItIs);
        }
        byte_order::swap_header(header);
        Ok(match Header::from_bytes(header).body_len() {
            0 => State::Header,
            left => State::Body(left),
        })
    }

    fn record(&mut self, left: u64) -> io::Result<State> {
        // A body that ends inside a record is followed by a header all the same.
        let len = left.min(RECORD_LEN as u64) as usize;
        self.take(len)?;
        let Some(record) = self.out.first_chunk_mut::<RECORD_LEN>() else {
            return Ok(if self.out.len() == len { State::Header } else { State::AsItIs });
        };
        byte_order::swap_record(record);
        let left = left - RECORD_LEN as u64;
        let has_verbose = Record::from_bytes(record).flags().has(bblog_dissector::bblog::EventFlags::VERBOSE);
        let verbose = if has_verbose { left.min(VERBOSE_LEN as u64) } else { 0 };
        self.take(verbose as usize)?;
        if let Some(verbose) = self.out[RECORD_LEN..].first_chunk_mut() {
            byte_order::swap_verbose(verbose);
        }
        Ok(match left - verbose {
            0 => State::Header,
            left => State::Body(left),
        })
    }

    /// The file header, the provider table, and the events from which the layout is detected.
    fn file(&mut self) -> io::Result<State> {
        self.take(FILE_HEADER_LEN + 4)?;
        let Some((header, count)) = self.out.split_first_chunk_mut() else { return Ok(State::AsItIs) };
        byte_order::swap_file_header(header);
        let Some(&count) = count.first_chunk() else { return Ok(State::AsItIs) };
        let table = (u32::from_be_bytes(count) as usize).saturating_mul(PROVIDER_LEN);
        if table > u16::MAX.into() {
            return Ok(State::AsItIs);
        }
        self.take(table)?;
        byte_order::swap_providers(&mut self.out[FILE_HEADER_LEN..]);
        let Ok((providers, _)) = ProviderTable::split(&self.out[FILE_HEADER_LEN..]) else {
            return Ok(State::AsItIs);
        };
        let names: Vec<(u16, Vec<u8>)> = providers.iter().map(|(id, name)| (id, name.to_vec())).collect();
        let first = self.out.len();
        // Their payloads are turned round when it is known what they are.
        let mut votes = Votes::default();
        while self.out.len() - first < VOTE_BYTES
            && let Some(at) = self.event_header()?
        {
            let Ok(event) = RawEvent::whole(&self.out[at..]) else { break };
            let is_tcp =
                names.iter().any(|(id, name)| *id == event.provider_id() && name == tcp_provider::NAME);
            if is_tcp {
                votes.count_big_endian(&event);
            }
        }
        let (catalog, layout) = (Catalog::builtin(), votes.winner());
        let specs: Vec<_> =
            names.into_iter().map(|(id, name)| (id, catalog.provider(&name, layout))).collect();
        let mut at = first;
        while let Ok(Some((event, _))) = RawEvent::split(&self.out[at..]) {
            let (end, spec) = (at + event.as_bytes().len(), spec(&specs, &event));
            byte_order::swap_payload(&mut self.out[at + EVENT_HEADER_LEN..end], spec);
            at = end;
        }
        Ok(if at == self.out.len() { State::Events(specs) } else { State::AsItIs })
    }

    /// Takes the next event and turns its header round; where it begins, if it is whole.
    fn event_header(&mut self) -> io::Result<Option<usize>> {
        let at = self.out.len();
        self.take(EVENT_HEADER_LEN)?;
        let Some(header) = self.out[at..].first_chunk_mut() else { return Ok(None) };
        byte_order::swap_event_header(header);
        let needed = RawEvent::needed(header);
        Ok(self.take(needed - EVENT_HEADER_LEN)?.then_some(at))
    }

    /// Turns the next event round; whether it is whole.
    fn event(&mut self, providers: &[(u16, Option<&'static ProviderSpec>)]) -> io::Result<bool> {
        let Some(at) = self.event_header()? else { return Ok(false) };
        let Ok(event) = RawEvent::whole(&self.out[at..]) else { return Ok(false) };
        let spec = spec(providers, &event);
        byte_order::swap_payload(&mut self.out[at + EVENT_HEADER_LEN..], spec);
        Ok(true)
    }
}

/// What describes an event whose header was turned round.
fn spec(
    providers: &[(u16, Option<&'static ProviderSpec>)],
    event: &RawEvent<'_>,
) -> &'static bblog_dissector::EventSpec {
    let known = providers.iter().find(|known| known.0 == event.provider_id());
    Catalog::event(known.and_then(|known| known.1), event.event_id())
}

impl<R: Read> Read for BigEndian<R> {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if self.given == self.out.len() {
            self.out.clear();
            self.given = 0;
            self.advance()?;
        }
        let ready = &self.out[self.given..];
        let count = ready.len().min(out.len());
        out[..count].copy_from_slice(&ready[..count]);
        self.given += count;
        Ok(count)
    }
}
