// SPDX-License-Identifier: BSD-2-Clause
//! Cuts a stream of entries, wherever its bytes come from.

use super::{EventFlags, HEADER_LEN, Header, RECORD_LEN, Record, VERBOSE_LEN};
use crate::DecodeError;
use crate::cursor::Cursor;
use crate::tables::member;

/// The largest `tlch_version` that looks like a version at all, so that the entry's length is worth following.
pub const PLAUSIBLE_VERSION: u32 = 64;

/// Says what the bytes in front of a stream are: the header of an entry, a record, or neither.
///
/// It holds no bytes and reads none. The caller shows the bytes that it has, takes off those that the answer names, and
/// calls again. Damage ends nothing: an entry that is cut off ends where the next one begins, and where no record is,
/// the next one is looked for.
///
/// ```
/// use bblog_dissector::bblog::{Cut, EntryCutter, HEADER_LEN};
///
/// let stream = include_bytes!("../../examples/tail-loss.tcplog");
/// let (mut cutter, mut rest, mut records) = (EntryCutter::new(u64::MAX), &stream[..], 0);
/// loop {
///     rest = match cutter.next(rest, true) {
///         Cut::Entry(_) => &rest[HEADER_LEN..],
///         Cut::Record(_, len) => {
///             records += 1;
///             &rest[len..]
///         }
///         // All bytes are here, so there are no more.
///         Cut::More(_) => break,
///         _ => panic!("damaged"),
///     };
/// }
/// assert_eq!(records, 18);
/// ```
#[derive(Clone, Debug)]
pub struct EntryCutter {
    state: State,
    max_entry: u64,
}

#[derive(Clone, Copy, Debug)]
enum State {
    /// In front of a header.
    Header,
    /// Inside a body.
    Body {
        /// Bytes of the body that follow.
        left: u64,
        /// Bytes since the last record that are not a record.
        gap: u64,
    },
    /// In front of bytes that are not a header, after so many that were left out.
    Seek { left_out: u64, why: DecodeError },
}

/// What stands in front of a stream.
#[derive(Clone, Copy)]
pub enum Cut<'a> {
    /// More bytes decide it: so many in all. At the end of the stream: it ends here, or inside a header or a record.
    More(usize),
    /// A header, of [`HEADER_LEN`] bytes. Its records follow.
    Entry(Header<'a>),
    /// A record, and how many bytes it takes with its verbose part.
    Record(Record<'a>, usize),
    /// A number of bytes that are neither a record nor a header. [`Cut::LeftOut`] has their total when they end.
    Gap(usize),
    /// The end of bytes that were left out.
    LeftOut(SkippedBytes),
    /// A header of an entry that is not read. With a length the entry can be passed over. Without one
    /// [`EntryCutter::seek`] looks for the next entry.
    BadEntry(DecodeError, Option<u64>),
}

/// Bytes that were left out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SkippedBytes {
    /// How many of them are still in front.
    pub in_front: usize,
    /// How many there are in all.
    pub bytes: u64,
    /// What is wrong.
    pub why: DecodeError,
    /// Whether they are all up to the end of the stream, with no header among them.
    pub is_rest: bool,
}

impl EntryCutter {
    /// In front of the first header. Entries of more than `max_entry` bytes are not read.
    pub fn new(max_entry: u64) -> EntryCutter {
        EntryCutter { state: State::Header, max_entry }
    }

    /// In front of records without a header, as getsockopt(TCP_LOGBUF) gives them.
    pub fn of_records() -> EntryCutter {
        EntryCutter { state: State::Body { left: u64::MAX, gap: 0 }, max_entry: u64::MAX }
    }

    /// Bytes of the current entry that follow; 0 in front of a header.
    #[inline]
    pub fn left(&self) -> u64 {
        match self.state {
            State::Body { left, .. } => left,
            State::Header | State::Seek { .. } => 0,
        }
    }

    /// Whether the current entry is not over.
    #[inline]
    pub fn is_in_entry(&self) -> bool {
        matches!(self.state, State::Body { .. })
    }

    /// Takes off a record of `len` bytes that is known to stand in front, whole and followed by another or by the
    /// entry's end.
    #[inline]
    pub fn pass(&mut self, len: usize) {
        self.enter(self.left().saturating_sub(len as u64), 0);
    }

    /// Takes off the records in front that have another one behind them, as nearly all of a stream have, and hands each
    /// to `each`. Returns how many bytes they take; [`EntryCutter::next`] says what follows.
    ///
    /// This is one loop that looks at each record once, and says of them what [`EntryCutter::next`] does.
    #[inline]
    pub fn take_records<'a>(&mut self, front: &'a [u8], mut each: impl FnMut(&Record<'a>)) -> usize {
        let State::Body { left, gap: 0 } = self.state else { return 0 };
        let body = &front[..usize::try_from(left).unwrap_or(usize::MAX).min(front.len())];
        if !Record::is_plausible(body) {
            return 0;
        }
        let mut rest = body;
        while let Ok((record, behind)) = Record::split(rest)
            && behind.len() >= Record::FRONT
            && Record::is_plausible(behind)
        {
            each(&record);
            rest = behind;
        }
        let taken = body.len() - rest.len();
        self.enter(left - taken as u64, 0);
        taken
    }

    /// Looks for the next header, because of `why`.
    pub fn seek(&mut self, why: DecodeError) {
        self.state = State::Seek { left_out: 0, why };
    }

    /// What `front`, the bytes in front, begins with; `is_end` if the stream ends with them.
    #[inline]
    pub fn next<'a>(&mut self, front: &'a [u8], is_end: bool) -> Cut<'a> {
        match self.state {
            State::Body { left, gap: 0 } => self.record(front, is_end, left),
            State::Header => self.header(front),
            State::Body { left, gap } => self.after_gap(front, is_end, left, gap),
            State::Seek { left_out, why } => self.find_header(front, is_end, left_out, why),
        }
    }

    fn header<'a>(&mut self, front: &'a [u8]) -> Cut<'a> {
        let Ok(unchecked) = Header::unchecked(front) else { return Cut::More(HEADER_LEN) };
        let length = unchecked.entry_len();
        let can_follow = (HEADER_LEN as u64..=self.max_entry).contains(&length);
        match Header::parse(front) {
            Ok(header) if can_follow => {
                self.enter(header.body_len(), 0);
                Cut::Entry(header)
            }
            Ok(_) => {
                let (what, min, max) = ("entry length", HEADER_LEN as u64, self.max_entry);
                Cut::BadEntry(DecodeError::Length { what, found: length, min, max }, Some(length))
            }
            Err(problem) => {
                // Nothing but its length says where an entry ends, so that must be believable.
                let is_entry = match problem {
                    DecodeError::EntryType { .. } => true,
                    DecodeError::Version { found, .. } => found <= PLAUSIBLE_VERSION,
                    _ => false,
                };
                Cut::BadEntry(problem, Some(length).filter(|_| is_entry && can_follow))
            }
        }
    }

    /// In front of so many bytes of a body.
    #[inline]
    fn enter(&mut self, left: u64, gap: u64) {
        self.state = if left == 0 && gap == 0 { State::Header } else { State::Body { left, gap } };
    }

    #[inline]
    fn record<'a>(&mut self, front: &'a [u8], is_end: bool, left: u64) -> Cut<'a> {
        let body = &front[..usize::try_from(left).unwrap_or(usize::MAX).min(front.len())];
        let is_all = body.len() as u64 == left;
        if !Record::is_plausible(body) {
            return self.no_record(front, is_end, left, 0);
        }
        let (record, rest) = match Record::split(body) {
            Ok(split) => split,
            Err(why) if is_all => return self.cut_short(body.len(), why),
            Err(_) => return Cut::More(needed(body, left)),
        };
        let len = body.len() - rest.len();
        let behind = left - len as u64;
        // The front of the next record shows whether this one is whole.
        if behind >= Record::FRONT as u64
            && let Some(cut) = self.torn(front, rest, is_end, len, left)
        {
            return cut;
        }
        self.enter(behind, 0);
        Cut::Record(record, len)
    }

    /// Where the record of `len` bytes in front is not whole, because the header of another entry begins in it: that
    /// header. `rest` is what follows the record.
    #[inline]
    fn torn<'a>(
        &mut self,
        front: &[u8],
        rest: &[u8],
        is_end: bool,
        len: usize,
        left: u64,
    ) -> Option<Cut<'a>> {
        if rest.len() < Record::FRONT && !is_end {
            return may_hold_header(&front[..len]).then_some(Cut::More(len + Record::FRONT));
        }
        if Record::is_plausible(rest) { None } else { self.another_entry(front, is_end, len, left) }
    }

    #[cold]
    fn another_entry<'a>(&mut self, front: &[u8], is_end: bool, len: usize, left: u64) -> Option<Cut<'a>> {
        if !holds_header(front, len) {
            return None;
        }
        let end = len + HEADER_LEN - 1;
        if front.len() < end && !is_end {
            return Some(Cut::More(end));
        }
        let at = certain_header(front, len)?;
        self.state = State::Header;
        let why = DecodeError::EntryTorn { missing: left - at as u64 };
        Some(Cut::LeftOut(SkippedBytes { in_front: at, bytes: at as u64, why, is_rest: false }))
    }

    /// Where a record should begin there is none: up to a record's length is left out, or what stands before the next
    /// record or the header of another entry.
    #[cold]
    fn no_record<'a>(&mut self, front: &[u8], is_end: bool, left: u64, gap: u64) -> Cut<'a> {
        let body = usize::try_from(left).unwrap_or(usize::MAX);
        let len = body.min(RECORD_LEN);
        let end = (len + HEADER_LEN - 1).max(body.min(len + CERTAIN_LEN));
        if front.len() < end && !is_end {
            return Cut::More(end);
        }
        let header = certain_header(front, len);
        let before = header.unwrap_or(len).min(front.len());
        // Bytes that are missing, or too many, move what follows.
        if let Some(at) = (1..before).find(|&at| is_certain_record(&front[at..], left - at as u64)) {
            self.enter(left - at as u64, gap + at as u64);
            return Cut::Gap(at);
        }
        if let Some(at) = header {
            self.state = State::Header;
            let torn = DecodeError::EntryTorn { missing: left - at as u64 };
            let why = if gap == 0 { torn } else { DecodeError::NoRecord };
            return Cut::LeftOut(SkippedBytes { in_front: at, bytes: gap + at as u64, why, is_rest: false });
        }
        if gap == 0
            && len < RECORD_LEN
            && let Some(tail) = front.get(..len)
            && let (true, Err(why)) = (len as u64 == left, Record::split(tail))
        {
            return self.cut_short(len, why);
        }
        let len = len.min(front.len());
        self.enter(left - len as u64, gap + len as u64);
        Cut::Gap(len)
    }

    /// The body ends inside a record, after `len` bytes of it.
    #[cold]
    fn cut_short<'a>(&mut self, len: usize, why: DecodeError) -> Cut<'a> {
        self.state = State::Header;
        Cut::LeftOut(SkippedBytes { in_front: len, bytes: len as u64, why, is_rest: false })
    }

    #[cold]
    fn after_gap<'a>(&mut self, front: &'a [u8], is_end: bool, left: u64, gap: u64) -> Cut<'a> {
        let wanted = usize::try_from(left).unwrap_or(usize::MAX).min(CERTAIN_LEN);
        if left >= RECORD_LEN as u64 && front.len() < wanted && !is_end {
            return Cut::More(wanted);
        }
        if left == 0 || front.is_empty() && is_end || is_certain_record(front, left) {
            self.enter(left, 0);
            let why = DecodeError::NoRecord;
            return Cut::LeftOut(SkippedBytes { in_front: 0, bytes: gap, why, is_rest: false });
        }
        self.no_record(front, is_end, left, gap)
    }

    #[cold]
    fn find_header<'a>(&mut self, front: &[u8], is_end: bool, left_out: u64, why: DecodeError) -> Cut<'a> {
        if front.len() < HEADER_LEN && !is_end {
            return Cut::More(HEADER_LEN);
        }
        let found = certain_header(front, front.len());
        if found.is_some() || is_end {
            self.state = State::Header;
            let in_front = found.unwrap_or(front.len());
            let bytes = left_out + in_front as u64;
            return Cut::LeftOut(SkippedBytes { in_front, bytes, why, is_rest: found.is_none() });
        }
        let len = front.len() + 1 - HEADER_LEN;
        self.state = State::Seek { left_out: left_out + len as u64, why };
        Cut::Gap(len)
    }
}

/// Bytes that the record in front takes, as far as they show, in a body with so many bytes left.
fn needed(front: &[u8], left: u64) -> usize {
    let is_verbose = EventFlags::of_record(front).is_some_and(|flags| flags.has(EventFlags::VERBOSE));
    let len = if is_verbose { RECORD_LEN + VERBOSE_LEN } else { RECORD_LEN };
    len.min(usize::try_from(left).unwrap_or(usize::MAX))
}

/// Bytes that [`is_certain_record`] looks at.
const CERTAIN_LEN: usize = RECORD_LEN + VERBOSE_LEN + Record::FRONT;

/// Whether a record begins here beyond doubt, `left` bytes before the end of the body: the body ends behind it, or
/// another record follows that goes on with its serial numbers and times.
fn is_certain_record(front: &[u8], left: u64) -> bool {
    const MOST_MISSING: u32 = 1_000;
    const DAY: u64 = 86_400;
    let body = &front[..usize::try_from(left).unwrap_or(usize::MAX).min(front.len())];
    let Some((seconds, serial)) = time_and_serial(body) else { return false };
    let Ok((_, rest)) = Record::split(body) else { return false };
    if rest.is_empty() && (body.len() as u64) == left {
        return true;
    }
    time_and_serial(rest).is_some_and(|(next_seconds, next_serial)| {
        (1..=MOST_MISSING).contains(&next_serial.wrapping_sub(serial)) && next_seconds.abs_diff(seconds) < DAY
    })
}

/// The seconds of the uptime and the serial number of the record that begins here, if one may.
fn time_and_serial(front: &[u8]) -> Option<(u64, u32)> {
    let is_record = front.len() >= Record::FRONT && Record::is_plausible(front);
    let at = Cursor(front);
    is_record.then(|| Some((at.u64(member::TLB_TV_TV_SEC)?, at.u32(member::TLB_SN)?))).flatten()
}

/// Where a header begins, beyond doubt, in the first `len` bytes.
fn certain_header(front: &[u8], len: usize) -> Option<usize> {
    front.windows(HEADER_LEN).take(len).position(Header::is_certain)
}

/// The version and the type of a header.
const FRONT: [u8; 8] = [9, 0, 0, 0, 1, 0, 0, 0];

/// Whether a header may begin in a record, behind its first byte: its front is there, or the record ends with
/// the beginning of one.
fn may_hold_header(record: &[u8]) -> bool {
    let ends_with_part = (1..FRONT.len()).any(|len| record.ends_with(&FRONT[..len]));
    ends_with_part || holds_header(record, record.len())
}

/// Whether a header's version and type begin in the record of `len` bytes in front, behind its first byte.
#[cold]
fn holds_header(bytes: &[u8], len: usize) -> bool {
    let end = bytes.len().min(len + FRONT.len() - 1);
    bytes.get(1..end).is_some_and(|inside| inside.windows(FRONT.len()).any(|bytes| bytes == FRONT))
}
