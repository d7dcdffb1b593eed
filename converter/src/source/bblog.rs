// SPDX-License-Identifier: BSD-2-Clause
//! Reads BBLog entries: the stream of `/dev/tcp_log`, and files made from core dumps.

use bblog_dissector::DecodeError;
use bblog_dissector::bblog::{
    Cut, EntryCutter, HEADER_LEN, Header, Link, RECORD_LEN, Record, RecordRun, SkippedBytes, VERBOSE_LEN,
};

use crate::input::error::{InputError, Recovery};
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
    cutter: EntryCutter,
    header: [u8; HEADER_LEN],
    /// Where the current entry begins.
    entry_at: u64,
    /// Bytes of the current record, verbose part included; 0 if none.
    record_len: usize,
    /// The window shows all bytes that are left.
    is_end: bool,
    ended: bool,
    /// There are no headers: all is one entry, which begins here.
    records: Bare,
    looked: Looked,
}

/// How far [`BblogReader::records_ahead`] found records, with nothing between them.
#[derive(Default)]
struct Looked {
    /// The offset behind the last of them.
    to: u64,
    /// What the last of them has in common with the next record.
    last: Option<Link>,
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
        let cutter = EntryCutter::new(u64::MAX);
        BblogReader {
            cutter: if window.is_live() { cutter.at_once() } else { cutter },
            window,
            header: [0; HEADER_LEN],
            entry_at: 0,
            record_len: 0,
            is_end: false,
            ended: false,
            records: Bare::No,
            looked: Looked::default(),
        }
    }

    /// The same reader for records alone, as getsockopt(TCP_LOGBUF) gives them: one entry with this header.
    pub fn with_records_only(self, header: [u8; HEADER_LEN]) -> BblogReader {
        let cutter = EntryCutter::of_records();
        let cutter = if self.window.is_live() { cutter.at_once() } else { cutter };
        BblogReader { cutter, records: Bare::Begin, header, ..self }
    }

    /// Steps to the next entry or record; `None` at the end.
    ///
    /// # Errors
    /// An [`InputError`]. Call again for what is readable after it.
    #[inline]
    pub fn step(&mut self) -> Result<Option<BblogStep>, InputError> {
        self.window.consume(std::mem::take(&mut self.record_len));
        if self.ended {
            return Ok(None);
        }
        if self.records == Bare::Begin {
            self.records = Bare::Yes;
            return Ok(Some(BblogStep::Entry));
        }
        if self.window.offset() < self.looked.to
            && let bytes = self.window.bytes()
            && let Ok((_, rest)) = Record::split(bytes)
        {
            self.record_len = bytes.len() - rest.len();
            self.cutter.pass(self.record_len);
            return Ok(Some(BblogStep::Record));
        }
        if let Some(last) = self.looked.last.take() {
            self.cutter.passed(last);
        }
        self.next()
    }

    /// Steps to what was not looked at ahead.
    fn next(&mut self) -> Result<Option<BblogStep>, InputError> {
        loop {
            match self.cutter.next(self.window.bytes(), self.is_end) {
                Cut::Record(_, len) => {
                    self.record_len = len;
                    return Ok(Some(BblogStep::Record));
                }
                Cut::Entry(header) => {
                    self.header = *header.as_bytes();
                    self.entry_at = self.window.offset();
                    self.window.consume(HEADER_LEN);
                    return Ok(Some(BblogStep::Entry));
                }
                Cut::More(_) if self.is_end => return self.end(),
                Cut::More(want) => self.is_end = self.window.fill(want).len() < want,
                Cut::Gap(len) => self.window.consume(len),
                Cut::LeftOut(left_out) => return Err(self.left_out(left_out)),
                Cut::BadEntry(problem, Some(length)) => {
                    let error = InputError::at(self.window.offset(), problem);
                    return Err(error.recovered(Recovery::Skipped(self.window.skip(length))));
                }
                Cut::BadEntry(problem, None) => self.cutter.seek(problem),
            }
        }
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
        let next = match self.cutter.left() {
            0 => HEADER_LEN,
            left => usize::try_from(left).unwrap_or(usize::MAX).min(RECORD_LEN + VERBOSE_LEN + Record::FRONT),
        };
        self.window.is_dry(self.record_len + next)
    }

    /// The records of the current entry, as far as `lookahead` bytes show them; to be called before the
    /// entry's first record is read. They end where something else stands.
    pub fn records_ahead(&mut self, lookahead: usize) -> RecordsAhead<'_> {
        let left = usize::try_from(self.cutter.left()).unwrap_or(usize::MAX);
        let want = left.min(lookahead);
        self.looked = Looked { to: self.window.offset(), last: None };
        // Records without a header go on up to the end of the input, which may pause.
        let bytes = match self.records {
            Bare::No => self.window.fill(want),
            Bare::Begin | Bare::Yes => self.window.fill_ready(want),
        };
        let run = self.cutter.run(&bytes[..want.min(bytes.len())]);
        RecordsAhead { before: run.rest().len(), run, is_over: false, looked: &mut self.looked }
    }

    /// Bytes that were left out.
    #[cold]
    fn left_out(&mut self, left_out: SkippedBytes) -> InputError {
        let SkippedBytes { in_front, bytes, why, is_rest } = left_out;
        self.window.consume(in_front);
        let at = self.window.offset() - bytes;
        self.ended = is_rest;
        if is_rest {
            return match self.window.take_error() {
                Some(error) => InputError::at(at, error),
                None => InputError::at(at, why).recovered(Recovery::RestSkipped),
            };
        }
        let recovery = if bytes == 0 { Recovery::Nothing } else { Recovery::Skipped(bytes) };
        InputError::at(at, why).recovered(recovery)
    }

    /// The input ends here: between entries, or else inside a header or a record.
    #[cold]
    fn end(&mut self) -> Result<Option<BblogStep>, InputError> {
        self.ended = true;
        let at = self.window.offset();
        if let Some(error) = self.window.take_error() {
            return Err(InputError::at(at, error));
        }
        let bytes = self.window.bytes();
        let cut_short = match self.cutter.is_in_entry() {
            true => Record::split(bytes).err(),
            false => Header::parse(bytes).err(),
        };
        match (cut_short, bytes.is_empty()) {
            (None, _) => Ok(None),
            (Some(problem), false) => Err(InputError::at(at, problem)),
            (Some(_), true) if self.records == Bare::Yes || !self.cutter.is_in_entry() => Ok(None),
            (Some(_), true) => {
                let needed = Header::unchecked(&self.header).map_or(0, |header| header.entry_len());
                let found = at - self.entry_at;
                let problem = DecodeError::Truncated { what: "BBLog entry", needed, found };
                Err(InputError::at(self.entry_at, problem))
            }
        }
    }
}

/// Records of an entry that are here already.
pub struct RecordsAhead<'a> {
    run: RecordRun<'a>,
    /// Bytes in front of the run.
    before: usize,
    is_over: bool,
    looked: &'a mut Looked,
}

impl<'a> Iterator for RecordsAhead<'a> {
    type Item = Record<'a>;

    #[inline]
    fn next(&mut self) -> Option<Record<'a>> {
        if let Some(record) = self.run.next() {
            return Some(record);
        }
        if std::mem::replace(&mut self.is_over, true) {
            return None;
        }
        self.looked.to += (self.before - self.run.rest().len()) as u64;
        self.looked.last = self.run.link();
        // The last one shows the time, though not whether it is whole.
        Record::split(self.run.rest()).ok().map(|(record, _)| record)
    }
}
