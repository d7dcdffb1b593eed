// SPDX-License-Identifier: BSD-2-Clause
//! Reads BBLog entries: the stream of `/dev/tcp_log`, and files made from core dumps.

use bblog_dissector::DecodeError;
use bblog_dissector::bblog::{self, HEADER_LEN, Header, RECORD_LEN, Record, VERBOSE_LEN};

use crate::input::PLAUSIBLE_VERSION;
use crate::input::error::{InputError, InputErrorKind, Recovery};
use crate::input::window::Window;

/// What [`BblogReader::step`] stepped to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BblogStep {
    /// A new entry: see [`BblogReader::header`].
    Entry,
    /// A record of the current entry: see [`BblogReader::record`].
    Record,
}

/// A reader of entries and their records.
pub struct BblogReader {
    window: Window,
    header: [u8; HEADER_LEN],
    /// Where the current entry begins.
    entry_at: u64,
    /// Bytes of the current entry's body from the current record on.
    body_left: u64,
    /// Bytes of the current record, verbose part included; 0 if none.
    record_len: usize,
    ended: bool,
    /// There are no headers: all is one entry, which begins here.
    records: Bare,
}

/// Whether a reader is one of records alone.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Bare {
    No,
    /// In front of the entry that stands for all of them.
    Begin,
    Yes,
}

impl BblogReader {
    /// A reader in front of the first entry.
    pub fn new(window: Window) -> BblogReader {
        let header = [0; HEADER_LEN];
        BblogReader {
            window,
            header,
            entry_at: 0,
            body_left: 0,
            record_len: 0,
            ended: false,
            records: Bare::No,
        }
    }

    /// The same reader for records alone, as getsockopt(TCP_LOGBUF) gives them: one entry with a header of
    /// zeros.
    pub fn with_records_only(self) -> BblogReader {
        BblogReader { body_left: u64::MAX, records: Bare::Begin, ..self }
    }

    /// Steps to the next entry or record; `None` at the end.
    ///
    /// # Errors
    /// An [`InputError`]. Call again for what is readable after it.
    #[inline]
    pub fn step(&mut self) -> Result<Option<BblogStep>, InputError> {
        self.window.consume(self.record_len);
        self.body_left -= self.record_len as u64;
        self.record_len = 0;
        if self.ended {
            return Ok(None);
        }
        if self.records == Bare::Begin {
            self.records = Bare::Yes;
            return Ok(Some(BblogStep::Entry));
        }
        if self.body_left > 0 { self.next_record() } else { self.next_entry() }
    }

    /// Offset of the current record, or of what follows the current header.
    pub fn offset(&self) -> u64 {
        self.window.offset()
    }

    /// Offset of the current entry's header.
    pub fn entry_offset(&self) -> u64 {
        self.entry_at
    }

    /// The current entry's header (zeros before the first).
    pub fn header(&self) -> &[u8; HEADER_LEN] {
        &self.header
    }

    /// The current record; `None` unless [`BblogReader::step`] just stepped to one.
    #[inline]
    pub fn record(&self) -> Option<Record<'_>> {
        let bytes = self.window.bytes().get(..self.record_len)?;
        Record::split(bytes).ok().map(|(record, _)| record)
    }

    /// Whether the next step has to wait for a live input.
    pub fn is_dry(&mut self) -> bool {
        let next = match self.body_left - self.record_len as u64 {
            0 => HEADER_LEN,
            left => usize::try_from(left).unwrap_or(usize::MAX).min(RECORD_LEN + VERBOSE_LEN + Record::FRONT),
        };
        self.window.is_dry(self.record_len + next)
    }

    /// The records of the current entry, as far as `lookahead` bytes show them; to be asked before the
    /// entry's first record is read.
    pub fn records_ahead(&mut self, lookahead: usize) -> impl Iterator<Item = Record<'_>> {
        let want = usize::try_from(self.body_left).unwrap_or(usize::MAX).min(lookahead);
        let bytes = self.window.fill(want);
        let body = &bytes[..want.min(bytes.len())];
        bblog::records(body).map_while(Result::ok)
    }

    #[inline]
    fn next_record(&mut self) -> Result<Option<BblogStep>, InputError> {
        const LONGEST: usize = RECORD_LEN + VERBOSE_LEN;
        let left = usize::try_from(self.body_left).unwrap_or(usize::MAX);
        let bytes = self.window.fill(left.min(LONGEST + Record::FRONT));
        let bytes = &bytes[..bytes.len().min(left)];
        if !Record::is_plausible(bytes) {
            return Err(self.no_record());
        }
        let limit = left.min(LONGEST);
        let whole = &bytes[..limit.min(bytes.len())];
        match Record::split(whole) {
            Ok((_, rest)) => {
                let len = whole.len() - rest.len();
                if !Record::is_plausible(&bytes[len..])
                    && let Some(error) = self.torn_entry(len)
                {
                    return Err(error);
                }
                self.record_len = len;
                Ok(Some(BblogStep::Record))
            }
            Err(problem) => {
                let (whole_body, is_end) = (whole.len() == limit, whole.is_empty());
                if self.records == Bare::Yes && is_end && !self.window.has_error() {
                    self.ended = true;
                    return Ok(None);
                }
                Err(self.torn_record(problem, whole_body))
            }
        }
    }

    /// Where a record should begin there is none. Records are left out up to the next one that is there, or
    /// to the header of another entry, or to the end of this one.
    #[cold]
    fn no_record(&mut self) -> InputError {
        let at = self.window.offset();
        let error = InputError::at(at, InputErrorKind::NoRecord);
        let mut torn = None;
        while self.body_left > 0 {
            torn = self.torn_entry(RECORD_LEN);
            if torn.is_some() {
                break;
            }
            let skipped = self.window.skip(self.body_left.min(RECORD_LEN as u64));
            self.body_left -= skipped;
            let left = usize::try_from(self.body_left).unwrap_or(usize::MAX);
            let front = self.window.fill(left.min(Record::FRONT));
            if skipped == 0
                || front.len() >= Record::FRONT && left >= RECORD_LEN && Record::is_plausible(front)
            {
                break;
            }
        }
        match torn {
            // At once: the entry is torn, and no record is wrong.
            Some(torn) if torn.offset == Some(at) => torn,
            _ => error.recovered(Recovery::Skipped(self.window.offset() - at)),
        }
    }

    /// An entry that ends in the record of `len` bytes in front, because the header of another one
    /// begins in it; `None` if there is no header.
    #[cold]
    fn torn_entry(&mut self, len: usize) -> Option<InputError> {
        let at = self.window.offset();
        let len = len.min(usize::try_from(self.body_left).unwrap_or(usize::MAX));
        let bytes = self.window.fill(len + HEADER_LEN - 1);
        let header = bytes.windows(HEADER_LEN).take(len).position(Header::is_certain)?;
        let missing = std::mem::take(&mut self.body_left).saturating_sub(header as u64);
        self.window.consume(header);
        let error = InputError::at(at, InputErrorKind::EntryTorn { missing });
        Some(if header == 0 { error } else { error.recovered(Recovery::Skipped(header as u64)) })
    }

    /// A record that does not fit: because its entry's body ends in the middle of it (then the
    /// next entry follows), or because the input does.
    #[cold]
    fn torn_record(&mut self, problem: DecodeError, whole_body: bool) -> InputError {
        let offset = self.window.offset();
        let left = std::mem::take(&mut self.body_left);
        if whole_body {
            return InputError::at(offset, problem).recovered(Recovery::Skipped(self.window.skip(left)));
        }
        self.ended = true;
        if let Some(error) = self.window.take_error() {
            return InputError::at(offset, error);
        }
        if !self.window.bytes().is_empty() || self.records == Bare::Yes {
            return InputError::at(offset, problem);
        }
        let needed = Header::unchecked(&self.header).map_or(0, |header| header.entry_len());
        let found = offset - self.entry_at;
        InputError::at(self.entry_at, DecodeError::Truncated { what: "BBLog entry", needed, found })
    }

    fn next_entry(&mut self) -> Result<Option<BblogStep>, InputError> {
        let at = self.window.offset();
        let bytes = self.window.fill(HEADER_LEN);
        if bytes.is_empty() {
            self.ended = true;
            return match self.window.take_error() {
                Some(error) => Err(InputError::at(at, error)),
                None => Ok(None),
            };
        }
        match Header::parse(bytes) {
            Ok(header) => {
                self.header = *header.as_bytes();
                self.body_left = header.body_len();
                self.entry_at = at;
                self.window.consume(HEADER_LEN);
                Ok(Some(BblogStep::Entry))
            }
            Err(problem) => Err(self.bad_entry(at, problem)),
        }
    }

    /// An entry that is not ours to read is left out by its length, if that can be believed;
    /// otherwise up to the next bytes that look like an entry's header in every respect.
    #[cold]
    fn bad_entry(&mut self, at: u64, problem: DecodeError) -> InputError {
        let follow = match problem {
            DecodeError::EntryType { .. } => true,
            DecodeError::Version { found, .. } => found <= PLAUSIBLE_VERSION,
            _ => false,
        };
        let length = Header::unchecked(self.window.bytes()).map_or(0, |header| header.entry_len());
        if follow && length >= HEADER_LEN as u64 {
            return InputError::at(at, problem).recovered(Recovery::Skipped(self.window.skip(length)));
        }
        if self.window.bytes().len() >= HEADER_LEN && self.find_header() {
            return InputError::at(at, problem).recovered(Recovery::Skipped(self.window.offset() - at));
        }
        self.ended = true;
        match self.window.take_error() {
            Some(error) => InputError::at(at, error),
            None if matches!(problem, DecodeError::Truncated { .. }) => InputError::at(at, problem),
            None => InputError::at(at, problem).recovered(Recovery::RestSkipped),
        }
    }

    /// Takes bytes off the front, one at least, until a header is in front; `false` at the end.
    fn find_header(&mut self) -> bool {
        self.window.consume(1);
        loop {
            let bytes = self.window.fill(HEADER_LEN);
            if let Some(at) = bytes.windows(HEADER_LEN).position(Header::is_certain) {
                self.window.consume(at);
                return true;
            }
            match bytes.len().checked_sub(HEADER_LEN - 1) {
                None | Some(0) => return false,
                Some(searched) => self.window.consume(searched),
            }
        }
    }
}
