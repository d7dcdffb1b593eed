// SPDX-License-Identifier: BSD-2-Clause
//! Whether a record goes on with its entry: the one judgement that all readers of BBLog use.
//!
//! All records of an entry are of one connection. Their serial numbers count up, their initial send sequence number is
//! the same once there is one, and their times are near each other. Bytes that are missing or too many, and another
//! log that begins in the middle of an entry, break that.

use super::{EventFlags, HEADER_LEN, Header, RECORD_LEN, Record, TCPINFO_LEN, VERBOSE_LEN};
use crate::tables::{self, member};

/// Records that may be lost between two of an entry for the second to go on with the first without further proof.
const MOST_LOST: u32 = 1_000;
/// Seconds that may lie between two records of an entry, either way, for the same.
const NEAR: u64 = 86_400;

/// What a record has in common with the next one of its entry.
#[derive(Clone, Copy, Debug)]
pub struct Link {
    seconds: u64,
    micros: u64,
    ticks: u32,
    serial: u32,
    starttime: u32,
    iss: u32,
}

impl Link {
    /// Bytes of a record that have it.
    pub(super) const LEN: usize = member::TLB_ISS + 4;

    #[inline]
    fn of(front: &[u8; Link::LEN]) -> Link {
        Link {
            seconds: eight(front, member::TLB_TV_TV_SEC),
            micros: eight(front, member::TLB_TV_TV_USEC),
            ticks: four(front, member::TLB_TICKS),
            serial: four(front, member::TLB_SN),
            starttime: four(front, member::TLB_STARTTIME),
            iss: four(front, member::TLB_ISS),
        }
    }

    /// That of a record.
    #[inline]
    pub(super) fn of_record(record: &Record<'_>) -> Link {
        Link::of(record.tcpinfo().first_chunk().expect("a record is longer"))
    }

    /// That of the record that `front` begins with, if it is long enough and a record can begin so.
    #[inline]
    fn begin(front: &[u8]) -> Option<Link> {
        front.first_chunk().filter(|front| Record::is_plausible(&front[..])).map(Link::of)
    }

    /// Whether `next` is of the record that was logged after this one.
    fn is_before(self, next: Link) -> bool {
        next.serial == self.serial.wrapping_add(1) && next.iss == self.iss && self.is_near(next)
    }

    /// Whether `next` is of a record that was logged later, with few between that were lost.
    fn is_shortly_before(self, next: Link) -> bool {
        let ahead = next.serial.wrapping_sub(self.serial);
        let is_same = self.iss != 0 && self.iss == next.iss;
        (1..=MOST_LOST).contains(&ahead) && self.is_of_connection(next) && (is_same || self.is_near(next))
    }

    fn is_near(self, next: Link) -> bool {
        are_near(self.seconds, next.seconds)
    }

    /// Whether `next` was logged at the same time or later, as far as its ticks say. A second has 10 ticks or more.
    /// Times run back for moments, as an event is logged when it is over.
    fn is_no_later(self, next: Link) -> bool {
        const MOMENT: u64 = 20_000;
        const LONGEST_TICK: u64 = 100_000;
        let micros = |link: Link| link.seconds * 1_000_000 + link.micros;
        let ticks = next.ticks.wrapping_sub(self.ticks);
        let latest = micros(self) + (u64::from(ticks) + 2) * LONGEST_TICK;
        ticks < 1 << 31 && (micros(self)..=latest + MOMENT).contains(&(micros(next) + MOMENT))
    }

    /// Whether both can be of one connection. 0 is no number: the handshake has not begun, or a debugger's script left
    /// it out.
    fn is_of_connection(self, other: Link) -> bool {
        let agree = |a: u32, b: u32| a == 0 || b == 0 || a == b;
        match self.iss == 0 || other.iss == 0 {
            true => agree(self.starttime, other.starttime),
            false => self.iss == other.iss,
        }
    }
}

/// What is known of the records of an entry so far.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Chain {
    /// Local and foreign port, unless there is no header that has them.
    ports: Option<(u16, u16)>,
    /// The last record, unless there was none.
    pub last: Option<Link>,
}

/// Whether a record goes on with an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Judgement {
    /// It was logged next.
    Next,
    /// It is of the same connection.
    GoesOn,
    /// It is none, or of another connection.
    Breaks,
    /// So many bytes of it decide.
    Undecided(usize),
}

impl Chain {
    /// In front of the first record of the entry with this header.
    pub(super) fn of_entry(header: Header<'_>) -> Chain {
        Chain { ports: Some((header.lport(), header.fport())), last: None }
    }

    /// The same behind `record`.
    pub(super) fn behind(&self, record: &Record<'_>) -> Chain {
        Chain { last: Some(Link::of_record(record)), ..*self }
    }

    /// Whether the bytes `next`, with `left` bytes up to the end of the body, go on behind the record of `link`. Fewer
    /// than [`CERTAIN_LEN`] bytes and fewer than `left` are enough at the end of the stream alone.
    pub(super) fn judge(&self, link: Option<Link>, next: &[u8], left: u64, is_end: bool) -> Judgement {
        let (Some(link), is_short) = (link, next.len() < Link::LEN) else {
            return if Record::is_plausible(next) { Judgement::GoesOn } else { Judgement::Breaks };
        };
        if is_short && !is_end && left >= Link::LEN as u64 {
            return Judgement::Undecided(Link::LEN);
        }
        let Some(next_link) = Link::begin(next) else {
            // What is too short is cut off.
            let may_be = is_short && Record::is_plausible(next);
            return if may_be { Judgement::GoesOn } else { Judgement::Breaks };
        };
        if link.is_before(next_link) {
            return Judgement::Next;
        }
        if link.is_shortly_before(next_link) {
            return Judgement::GoesOn;
        }
        // Serial numbers that jump or begin anew want proof.
        let needed = usize::try_from(left).unwrap_or(usize::MAX).min(CERTAIN_LEN);
        if next.len() < needed && !is_end {
            return Judgement::Undecided(needed);
        }
        if self.begins_anew(next, left, link) { Judgement::GoesOn } else { Judgement::Breaks }
    }

    /// Whether a record of the entry begins here beyond doubt, `left` bytes before the end of the body: it agrees with
    /// the records before, and follows them, or is followed by another one or by the end of the body.
    pub(super) fn is_certain(&self, front: &[u8], left: u64) -> bool {
        let Some((record, link, rest)) = self.split(front, left) else { return false };
        let next = Link::begin(rest).filter(|next| link.is_shortly_before(*next));
        if next.is_some_and(|next| !link.is_no_later(next)) {
            return false;
        }
        let is_followed = next.is_some() || rest.is_empty() && front.len() as u64 >= left;
        // Records without a header can be those of several connections.
        let Some(last) = self.last.filter(|_| self.ports.is_some()) else { return is_followed };
        let is_same = last.iss == link.iss || last.iss == 0 || record.is_lldb_cut();
        is_same
            && last.is_of_connection(link)
            && last.is_near(link)
            && last.is_no_later(link)
            && link.serial.wrapping_sub(last.serial) < 1 << 31
            && (is_followed || last.iss != 0 && last.iss == link.iss && last.is_shortly_before(link))
    }

    /// Whether a record begins here, where one may, though its serial number does not follow: another one follows it.
    fn begins_anew(&self, front: &[u8], left: u64, last: Link) -> bool {
        let is_same = |link: Link| self.ports.is_none() || last.is_of_connection(link);
        self.split(front, left).is_some_and(|(_, link, rest)| {
            let is_last = rest.is_empty() && front.len() as u64 >= left;
            is_same(link) && (is_last || Link::begin(rest).is_some_and(|next| link.is_shortly_before(next)))
        })
    }

    /// Whether the first record of the entry begins here.
    pub(super) fn begins(&self, front: &[u8]) -> bool {
        self.split(front, u64::MAX).is_some() || Record::split(front).is_err() && Record::is_plausible(front)
    }

    /// Whether a record begins here beyond doubt, of whatever connection.
    pub(super) fn is_any(front: &[u8]) -> bool {
        let split = Chain::default().split(front, u64::MAX);
        split.is_some_and(|(_, link, rest)| Link::begin(rest).is_some_and(|next| link.is_before(next)))
    }

    /// The record that begins here, if it is sound, and what follows it in the body.
    fn split<'a>(&self, front: &'a [u8], left: u64) -> Option<(Record<'a>, Link, &'a [u8])> {
        let body = &front[..usize::try_from(left).unwrap_or(usize::MAX).min(front.len())];
        let link = Link::begin(body)?;
        let (record, rest) = Record::split(body).ok()?;
        let is_known = tables::event(record.event_id()).is_some();
        (is_known && self.is_sound(&record)).then_some((record, link, rest))
    }

    /// Whether the members of a record that do not depend on its event can be those that FreeBSD writes: a state of
    /// TCP, zeros where there is padding and no TCP header, the ports of the connection in a TCP header.
    pub(super) fn is_sound(&self, record: &Record<'_>) -> bool {
        const STATES: std::ops::RangeInclusive<i32> = 0..=10;
        const PADDING: std::ops::Range<usize> = member::TLB_SCALE + 1..super::STACKINFO_AT;
        let bytes = record.as_bytes();
        if !STATES.contains(&record.state()) || bytes[PADDING].iter().any(|&byte| byte != 0) {
            return false;
        }
        if !record.flags().has(EventFlags::HDR) {
            return bytes[TCPINFO_LEN..].iter().all(|&byte| byte == 0);
        }
        let Some(tcp) = record.tcp_header() else { return false };
        self.ports.is_none_or(|(local, foreign)| {
            let is_pair = |local_seen: u16, foreign_seen: u16| {
                local_seen == local && (foreign_seen == foreign || foreign == 0)
            };
            let (source, destination) = (tcp.source_port(), tcp.destination_port());
            is_pair(source, destination) || is_pair(destination, source)
        })
    }

    /// Whether nothing in `record` says that bytes are missing in it.
    pub(super) fn looks_whole(&self, record: &Record<'_>) -> bool {
        self.is_sound(record) && self.last.is_none_or(|last| last.is_of_connection(Link::of_record(record)))
    }

    /// Whether `record` is whole, although behind it are the bytes `between` that are no record, and then the bytes
    /// `next` that a record begins with.
    ///
    /// The other reading is that bytes are missing in `record`, and that its end belongs to a record that ends where
    /// `next` begins. Then bytes of that record stand where `record` has padding.
    pub(super) fn is_whole(&self, record: &Record<'_>, between: &[u8], next: &[u8]) -> bool {
        let (link, at) = (Link::of_record(record), next);
        if !self.looks_whole(record) {
            return false;
        }
        let Some(next) = Link::begin(at) else { return true };
        let (len, padding) = match record.verbose() {
            Some(_) => (RECORD_LEN + VERBOSE_LEN, RECORD_LEN + VERBOSE_LEN - 4),
            None => (RECORD_LEN, TCPINFO_LEN + record.tcp().map_or(0, <[u8]>::len)),
        };
        let bytes =
            record.as_bytes().iter().chain(record.verbose().into_iter().flat_map(|part| part.as_bytes()));
        if bytes.skip(padding).any(|&byte| byte != 0) {
            return false;
        }
        let is_multiple = |len: usize| between.len().is_multiple_of(len);
        if is_multiple(RECORD_LEN) || is_multiple(RECORD_LEN + VERBOSE_LEN) {
            // The records of another log can happen to lie where those of this one would.
            return self.ports.is_none() || link.is_of_connection(next);
        }
        // Members from the time to the windows, which are never all 0.
        const MEMBERS: usize = member::TLB_RCV_NXT;
        let moved = padding.saturating_sub(between.len())..len.saturating_sub(between.len()).min(MEMBERS);
        let would_show = at.get(moved).is_some_and(|bytes| bytes.iter().any(|&byte| byte != 0));
        let begins_in_time = between.first_chunk().is_some_and(|seconds| {
            (link.seconds..=next.seconds).contains(&u64::from_le_bytes(*seconds)) && seconds != &[0; 8]
        });
        padding <= between.len() || would_show || begins_in_time
    }

    /// The records in front of a body that have another one behind them.
    #[inline]
    pub(super) fn run<'a>(&self, body: &'a [u8]) -> RecordRun<'a> {
        let begins = match self.last {
            None => Record::is_plausible(body),
            Some(last) => {
                Link::begin(body).is_some_and(|link| last.is_before(link) || last.is_shortly_before(link))
            }
        };
        RecordRun { rest: if begins { body } else { &[] }, last: None }
    }
}

/// Bytes that [`Chain::is_certain`] looks at.
pub(super) const CERTAIN_LEN: usize = RECORD_LEN + VERBOSE_LEN + Link::LEN;

/// Iterator over the records in front of a body that have another one behind them, as nearly all have.
#[derive(Clone, Debug)]
pub struct RecordRun<'a> {
    /// Begins with a record, unless it is empty.
    rest: &'a [u8],
    /// The front of the last record.
    last: Option<&'a [u8; Link::LEN]>,
}

impl<'a> RecordRun<'a> {
    /// What follows the records: another one, which may have none behind it. Nothing if there was none.
    #[inline]
    pub fn rest(&self) -> &'a [u8] {
        self.rest
    }

    /// What the last record has in common with the next one; `None` before the first.
    #[inline]
    pub fn link(&self) -> Option<Link> {
        self.last.map(Link::of)
    }
}

impl<'a> Iterator for RecordRun<'a> {
    type Item = Record<'a>;

    #[inline]
    fn next(&mut self) -> Option<Record<'a>> {
        let (record, behind) = Record::split(self.rest).ok()?;
        let front: &[u8; Link::LEN] = self.rest.first_chunk()?;
        let next: &[u8; Link::LEN] = behind.first_chunk()?;
        if !Record::is_plausible(next) || !is_before(front, next) && !skips(&record, front, next) {
            return None;
        }
        (self.rest, self.last) = (behind, Some(front));
        Some(record)
    }
}

/// [`Link::is_before`] of the records that begin so. Written out: through [`Link`], whose other members [`skips`] needs,
/// `convert` takes 3 % more instructions.
#[inline]
fn is_before(front: &[u8; Link::LEN], next: &[u8; Link::LEN]) -> bool {
    let seconds = |front: &[u8; Link::LEN]| eight(front, member::TLB_TV_TV_SEC);
    four(next, member::TLB_SN) == four(front, member::TLB_SN).wrapping_add(1)
        && four(next, member::TLB_ISS) == four(front, member::TLB_ISS)
        && are_near(seconds(front), seconds(next))
}

/// Whether records were lost between `record`, which begins with `front`, and the next one, and `record` itself is whole.
#[cold]
fn skips(record: &Record<'_>, front: &[u8; Link::LEN], next: &[u8; Link::LEN]) -> bool {
    Link::of(front).is_shortly_before(Link::of(next)) && !holds_header(record.as_bytes(), RECORD_LEN)
}

#[inline]
fn are_near(seconds: u64, next: u64) -> bool {
    next.wrapping_sub(seconds).wrapping_add(NEAR) <= 2 * NEAR
}

#[inline]
fn four(front: &[u8; Link::LEN], at: usize) -> u32 {
    front[at..].first_chunk().map_or(0, |bytes| u32::from_le_bytes(*bytes))
}

#[inline]
fn eight(front: &[u8; Link::LEN], at: usize) -> u64 {
    front[at..].first_chunk().map_or(0, |bytes| u64::from_le_bytes(*bytes))
}

/// Where a header begins, beyond doubt, in the first `len` bytes.
pub(super) fn certain_header(front: &[u8], len: usize) -> Option<usize> {
    front.windows(HEADER_LEN).take(len).position(Header::is_certain)
}

/// The version and the type of a header.
pub(super) const HEADER_FRONT: [u8; 8] = [9, 0, 0, 0, 1, 0, 0, 0];

/// Whether a header may begin in a record, behind its first byte: its front is there, or the record ends with
/// the beginning of one.
pub(super) fn may_hold_header(record: &[u8]) -> bool {
    let ends_with_part = (1..HEADER_FRONT.len()).any(|len| record.ends_with(&HEADER_FRONT[..len]));
    ends_with_part || holds_header(record, record.len())
}

/// Whether a header's version and type begin in the record of `len` bytes in front, behind its first byte.
#[cold]
pub(super) fn holds_header(bytes: &[u8], len: usize) -> bool {
    let end = bytes.len().min(len + HEADER_FRONT.len() - 1);
    bytes
        .get(1..end)
        .is_some_and(|inside| inside.windows(HEADER_FRONT.len()).any(|bytes| bytes == HEADER_FRONT))
}
