// SPDX-License-Identifier: BSD-2-Clause
//! Cuts a stream of entries, wherever its bytes come from.

use super::continuation::{
    CERTAIN_LEN, Chain, HEADER_FRONT, Judgement, Link, RecordRun, certain_header, holds_header,
    may_hold_header,
};
use super::{EventFlags, HEADER_LEN, Header, RECORD_LEN, Record, VERBOSE_LEN};
use crate::DecodeError;

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
    /// What the records of the current entry have in common.
    chain: Chain,
    /// Whether a sound record is given before the one behind it is here.
    at_once: bool,
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
        EntryCutter { state: State::Header, max_entry, chain: Chain::default(), at_once: false }
    }

    /// In front of records without a header, as getsockopt(TCP_LOGBUF) gives them.
    pub fn of_records() -> EntryCutter {
        EntryCutter { state: State::Body { left: u64::MAX, gap: 0 }, ..EntryCutter::new(u64::MAX) }
    }

    /// The same for a stream that may pause: a record in which nothing is wrong does not wait for the one behind it, which
    /// could show that bytes are missing in it.
    pub fn at_once(self) -> EntryCutter {
        EntryCutter { at_once: true, ..self }
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

    /// Takes off a record of `len` bytes, one of a [`EntryCutter::run`].
    #[inline]
    pub fn pass(&mut self, len: usize) {
        self.enter(self.left().saturating_sub(len as u64), 0);
    }

    /// Says that the last record of a [`EntryCutter::run`] was passed.
    #[inline]
    pub fn passed(&mut self, last: Link) {
        self.chain.last = Some(last);
    }

    /// The records in front that have another one behind them, as nearly all of a stream have.
    ///
    /// This is one loop that looks at each record once, and says of them what [`EntryCutter::next`] does.
    #[inline]
    pub fn run<'a>(&self, front: &'a [u8]) -> RecordRun<'a> {
        let body = match self.state {
            State::Body { left, gap: 0 } => {
                &front[..usize::try_from(left).unwrap_or(usize::MAX).min(front.len())]
            }
            _ => &[],
        };
        self.chain.run(body)
    }

    /// Takes off a [`EntryCutter::run`], and hands each of its records to `each`. Returns how many bytes they take.
    #[inline]
    pub fn take_records<'a>(&mut self, front: &'a [u8], mut each: impl FnMut(&Record<'a>)) -> usize {
        let mut run = self.run(front);
        let before = run.rest().len();
        for record in run.by_ref() {
            each(&record);
        }
        let taken = before - run.rest().len();
        if let Some(last) = run.link() {
            self.pass(taken);
            self.passed(last);
        }
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
            State::Header => self.header(front, is_end),
            State::Body { left, gap } => self.after_gap(front, is_end, left, gap),
            State::Seek { left_out, why } => self.find_header(front, is_end, left_out, why),
        }
    }

    fn header<'a>(&mut self, front: &'a [u8], is_end: bool) -> Cut<'a> {
        let Ok(unchecked) = Header::unchecked(front) else { return Cut::More(HEADER_LEN) };
        let length = unchecked.entry_len();
        let can_follow = (HEADER_LEN as u64..=self.max_entry).contains(&length);
        match Header::parse(front) {
            Ok(header) if can_follow => {
                if let Some(cut) = self.no_header(front, is_end) {
                    return cut;
                }
                self.chain = Chain::of_entry(header);
                self.enter(header.body_len(), 0);
                Cut::Entry(header)
            }
            Ok(_) => {
                let (what, min, max) = ("entry length", HEADER_LEN as u64, self.max_entry);
                Cut::BadEntry(DecodeError::Length { what, found: length, min, max }, Some(length))
            }
            Err(problem) if holds_header(front, HEADER_LEN) => self.torn_header(front, is_end, problem),
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

    /// What stands in front if it begins as a header and is none: it has no address family, and no record follows.
    #[inline]
    fn no_header<'a>(&mut self, front: &'a [u8], is_end: bool) -> Option<Cut<'a>> {
        if Header::is_certain(front) {
            return None;
        }
        let header = Header::unchecked(front).ok()?;
        let wanted = HEADER_LEN + RECORD_LEN;
        if header.body_len() < RECORD_LEN as u64 || front.len() < wanted && is_end {
            return None;
        }
        if front.len() < wanted {
            return Some(Cut::More(wanted));
        }
        if Chain::of_entry(header).begins(&front[HEADER_LEN..]) {
            return None;
        }
        Some(self.torn_header(front, is_end, DecodeError::NoRecord))
    }

    /// What is left of a header, up to another one that begins in it or further on.
    #[cold]
    fn torn_header<'a>(&mut self, front: &[u8], is_end: bool, why: DecodeError) -> Cut<'a> {
        let wanted = 2 * HEADER_LEN - 1;
        if front.len() < wanted && !is_end {
            return Cut::More(wanted);
        }
        self.find_header(&front[..wanted.min(front.len())], is_end && front.len() <= wanted, 0, why)
    }

    #[inline]
    fn record<'a>(&mut self, front: &'a [u8], is_end: bool, left: u64) -> Cut<'a> {
        let body = &front[..usize::try_from(left).unwrap_or(usize::MAX).min(front.len())];
        match self.chain.judge(self.chain.last, body, left, is_end) {
            Judgement::Next | Judgement::GoesOn => {}
            Judgement::Breaks => return self.no_record(front, is_end, left, 0),
            Judgement::Undecided(wanted) => return Cut::More(wanted),
        }
        let (record, rest) = match Record::split(body) {
            Ok(split) => split,
            Err(why) if body.len() as u64 == left => return self.short(front, is_end, body.len(), why),
            Err(_) => return Cut::More(needed(body, left)),
        };
        let len = body.len() - rest.len();
        let behind = left - len as u64;
        let link = Link::of_record(&record);
        // What follows shows whether this record is whole.
        let torn = match behind {
            0 => self.at_end(front, is_end, &record, len),
            _ => match self.chain.judge(Some(link), rest, behind, is_end) {
                Judgement::Next => None,
                Judgement::GoesOn
                    if !holds_header(front, len)
                        && (rest.len() >= Link::LEN || self.chain.looks_whole(&record)) =>
                {
                    None
                }
                Judgement::Undecided(_) if self.at_once && self.looks_whole(&record, &front[..len]) => None,
                Judgement::Undecided(wanted) => Some(Cut::More(len + wanted)),
                Judgement::GoesOn | Judgement::Breaks => self.torn(front, is_end, left, &record, len),
            },
        };
        if let Some(cut) = torn {
            return cut;
        }
        self.chain.last = Some(link);
        self.enter(behind, 0);
        Cut::Record(record, len)
    }

    /// Whether nothing in a record, the `bytes`, says that it is not whole.
    fn looks_whole(&self, record: &Record<'_>, bytes: &[u8]) -> bool {
        self.chain.looks_whole(record) && !may_hold_header(bytes)
    }

    /// Where the last record of an entry, of `len` bytes, is not whole: what stands in front. The header of another entry
    /// begins in it, or its end is one that lacks its front.
    fn at_end<'a>(
        &mut self,
        front: &'a [u8],
        is_end: bool,
        record: &Record<'_>,
        len: usize,
    ) -> Option<Cut<'a>> {
        let wanted = len + HEADER_FRONT.len();
        if self.at_once && !holds_header(front, len) {
            return None;
        }
        if front.len() < wanted && !is_end {
            return Some(Cut::More(wanted));
        }
        let is_followed = front[len..].starts_with(&HEADER_FRONT[..4]);
        if is_followed && !holds_header(front, len) { None } else { self.no_end(front, is_end, record, len) }
    }

    #[cold]
    fn no_end<'a>(
        &mut self,
        front: &'a [u8],
        is_end: bool,
        record: &Record<'_>,
        len: usize,
    ) -> Option<Cut<'a>> {
        let end = len + HEADER_LEN + CERTAIN_LEN;
        if front.len() < end && !is_end {
            return Some(Cut::More(end));
        }
        let front = &front[..end.min(front.len())];
        if let Some(at) = certain_header(front, len) {
            self.state = State::Header;
            let why = DecodeError::EntryTorn { missing: (len - at) as u64 };
            return Some(Cut::LeftOut(SkippedBytes { in_front: at, bytes: at as u64, why, is_rest: false }));
        }
        if front[len..].starts_with(&HEADER_FRONT[..4]) {
            return None;
        }
        // Records of the next entry, close behind, whose header is not all there.
        let has_records = (1..HEADER_LEN).any(|at| front.get(len + at..).is_some_and(Chain::is_any));
        if has_records || !self.looks_whole(record, &front[..len]) && front.len() > len {
            return Some(self.find_header(front, is_end && front.len() < end, 0, DecodeError::NoRecord));
        }
        None
    }

    /// What stands in front if the record of `len` bytes there is not whole: the next record or the header of another
    /// entry begins in it, or behind it after bytes that are missing in it. `None` if it is whole.
    #[cold]
    fn torn<'a>(
        &mut self,
        front: &'a [u8],
        is_end: bool,
        left: u64,
        record: &Record<'_>,
        len: usize,
    ) -> Option<Cut<'a>> {
        const FAR: usize = RECORD_LEN + VERBOSE_LEN;
        let end = len + FAR + CERTAIN_LEN;
        if front.len() < end && !is_end {
            return Some(Cut::More(end));
        }
        let front = &front[..end.min(front.len())];
        let header = certain_header(front, len + FAR);
        let before =
            header.unwrap_or(len + FAR).min(front.len()).min(usize::try_from(left).unwrap_or(usize::MAX));
        let known = self.chain.behind(record);
        let next = (1..before).find(|&at| known.is_certain(&front[at..], left - at as u64));
        if let Some(at) = next.filter(|&at| at < len) {
            self.enter(left - at as u64, at as u64);
            return Some(Cut::Gap(at));
        }
        if let Some(at) = header.filter(|&at| at < len) {
            self.state = State::Header;
            let why = DecodeError::EntryTorn { missing: left - at as u64 };
            return Some(Cut::LeftOut(SkippedBytes { in_front: at, bytes: at as u64, why, is_rest: false }));
        }
        // A record of another connection, and the end of the stream, show where the bytes in front come from, too.
        let next = next.or_else(|| (1..before).find(|&at| Chain::is_any(&front[at..])));
        let is_whole = match next.or(header) {
            Some(at) => at >= len && self.chain.is_whole(record, &front[len..at], &front[at..]),
            None if front.len() < end => self.chain.is_whole(record, &front[len..], front),
            None => self.chain.looks_whole(record),
        };
        if is_whole {
            return None;
        }
        let gap = next.map_or(len, |at| at.min(len));
        self.enter(left - gap as u64, gap as u64);
        Some(Cut::Gap(gap))
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
        if let Some(at) = (1..before).find(|&at| self.chain.is_certain(&front[at..], left - at as u64)) {
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
            return self.short(front, is_end, len, why);
        }
        let len = len.min(front.len());
        self.enter(left - len as u64, gap + len as u64);
        Cut::Gap(len)
    }

    /// The body ends inside a record, after `len` bytes of it, unless they are those of another entry's header.
    #[cold]
    fn short<'a>(&mut self, front: &[u8], is_end: bool, len: usize, why: DecodeError) -> Cut<'a> {
        let end = len + HEADER_LEN - 1;
        if front.len() < end && !is_end {
            return Cut::More(end);
        }
        let at = certain_header(&front[..end.min(front.len())], len);
        let why = at.map_or(why, |at| DecodeError::EntryTorn { missing: (len - at) as u64 });
        let in_front = at.unwrap_or(len);
        self.state = State::Header;
        Cut::LeftOut(SkippedBytes { in_front, bytes: in_front as u64, why, is_rest: false })
    }

    #[cold]
    fn after_gap<'a>(&mut self, front: &'a [u8], is_end: bool, left: u64, gap: u64) -> Cut<'a> {
        let wanted = usize::try_from(left).unwrap_or(usize::MAX).min(CERTAIN_LEN);
        if left >= RECORD_LEN as u64 && front.len() < wanted && !is_end {
            return Cut::More(wanted);
        }
        if left == 0 && front.len() < HEADER_FRONT.len() && !is_end {
            return Cut::More(HEADER_FRONT.len());
        }
        let why = DecodeError::NoRecord;
        if left == 0 && !front.is_empty() && !front.starts_with(&HEADER_FRONT[..4]) {
            // The entry's end is not where its header says, either.
            return self.find_header(front, is_end, gap, why);
        }
        if left == 0 || front.is_empty() && is_end || self.chain.is_certain(front, left) {
            self.enter(left, 0);
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
