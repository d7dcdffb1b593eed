// SPDX-License-Identifier: BSD-2-Clause
//! Cuts the byte stream of `/dev/tcp_log` into entries and records, as it comes.
//!
//! An entry is never held as a whole: what arrives is passed on, and only a header or record that
//! is torn between two reads is kept until its rest is there. A record that may hold a header waits for the front
//! of the next one, too: where a record should be and is not, the entry is torn, and the next header is looked for.

use bblog_dissector::bblog::{EventFlags, HEADER_LEN, Header, RECORD_LEN, Record, VERBOSE_LEN};
use bblog_dissector::{DecodeError, bblog};

use crate::failure::Failure;

/// The largest `tlch_version` that looks like a version at all, so that the entry's length is
/// worth following.
const PLAUSIBLE_VERSION: u32 = 64;

/// Receives the contents of the stream, in order.
pub trait EntrySink {
    /// An entry begins; `ahead` is as much of its body as is here.
    fn begin(&mut self, header: &[u8; HEADER_LEN], ahead: &[u8]);
    /// A record of the entry.
    fn record(&mut self, record: &Record<'_>);
    /// The entry ends; without all its records if not `whole`.
    fn end(&mut self, whole: bool);
    /// An entry, or so many bytes of one, is left out.
    fn skipped(&mut self, why: DecodeError, bytes: u64);
}

/// A stream being cut.
pub struct EntryCutter {
    state: State,
    /// The part of a header or record that has arrived.
    carry: Vec<u8>,
    /// The largest `tlch_length` that is believed.
    max_entry: u64,
    /// Where in the stream the next byte stands.
    offset: u64,
    /// Entries begun.
    entries: u64,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    /// In front of a header.
    Header,
    /// Inside a body of which so many bytes are left.
    Body(u64),
    /// Inside bytes that are skipped.
    Skip(u64),
    /// Behind the end of a torn entry, in front of the next header.
    Seek {
        /// Bytes of the entry that are missing, by the length in its header.
        missing: u64,
        /// Bytes left out so far.
        left_out: u64,
    },
}

impl EntryCutter {
    /// A stream at its beginning.
    pub fn new(max_entry: u64) -> EntryCutter {
        EntryCutter {
            state: State::Header,
            carry: Vec::with_capacity(RECORD_LEN + VERBOSE_LEN),
            max_entry,
            offset: 0,
            entries: 0,
        }
    }

    /// Whole entries so far.
    pub fn entries(&self) -> u64 {
        self.entries
    }

    /// Takes the next bytes. Stops in front of entry number `limit`, counted from 0.
    ///
    /// # Errors
    /// A [`Failure`] if the stream cannot be followed any further.
    pub fn feed(&mut self, mut bytes: &[u8], limit: u64, sink: &mut impl EntrySink) -> Result<(), Failure> {
        loop {
            if self.state == State::Body(0) {
                sink.end(true);
                self.entries += 1;
                self.state = State::Header;
            }
            if self.state == State::Header && self.entries >= limit {
                return Ok(());
            }
            if bytes.is_empty() {
                return Ok(());
            }
            if let State::Skip(left) = self.state {
                let step = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
                bytes = &bytes[step..];
                self.offset += step as u64;
                let left = left - step as u64;
                self.state = if left == 0 { State::Header } else { State::Skip(left) };
                continue;
            }
            if self.carry.is_empty() && self.whole(bytes) {
                let used = self.take_whole(bytes, sink)?;
                bytes = &bytes[used..];
                continue;
            }
            let want = self.want(&self.carry);
            let step = match self.state {
                State::Seek { .. } => bytes.len(),
                _ => want.saturating_sub(self.carry.len()).min(bytes.len()),
            };
            self.carry.extend_from_slice(&bytes[..step]);
            let here = bytes;
            bytes = &bytes[step..];
            if self.carry.len() >= self.want(&self.carry) {
                let carry = std::mem::take(&mut self.carry);
                let used = self.take_whole(&carry, sink);
                self.carry = carry;
                self.carry.drain(..*used.as_ref().unwrap_or(&self.carry.len()));
                used?;
                // What is left over is taken from where it lies, if it is all there.
                if self.carry.len() <= step {
                    bytes = &here[step - self.carry.len()..];
                    self.carry.clear();
                }
            }
        }
    }

    /// Ends the stream.
    ///
    /// # Errors
    /// A [`Failure`] if that is in the middle of an entry.
    pub fn finish(&mut self, sink: &mut impl EntrySink) -> Result<(), Failure> {
        let torn = match self.state {
            State::Header => self.carry.len() as u64,
            State::Body(left) => {
                sink.end(false);
                left
            }
            State::Skip(left) => left,
            State::Seek { left_out, .. } => left_out + self.carry.len() as u64,
        };
        let in_entry = self.state != State::Header || !self.carry.is_empty();
        self.state = State::Header;
        self.carry.clear();
        if !in_entry {
            return Ok(());
        }
        let at = self.offset;
        Err(Failure::new(
            format_args!("offset {at}"),
            format_args!("the stream ends inside an entry ({torn} bytes), expected a whole one"),
        ))
    }

    /// Bytes that `front` needs to be a whole header or record.
    fn want(&self, front: &[u8]) -> usize {
        let State::Body(left) = self.state else { return HEADER_LEN };
        let is_verbose = EventFlags::of_record(front).is_some_and(|flags| flags.has(EventFlags::VERBOSE));
        let mut len = if is_verbose { RECORD_LEN + VERBOSE_LEN } else { RECORD_LEN };
        // Only a record that may be torn waits for the front of the next one.
        if front.len() >= len && may_hold_header(&front[..len]) {
            len += Record::FRONT;
        }
        // The end of a body that is too short is passed on, to be rejected.
        len.min(usize::try_from(left).unwrap_or(usize::MAX))
    }

    #[inline]
    fn whole(&self, front: &[u8]) -> bool {
        front.len() >= self.want(front)
    }

    /// Takes a whole header or as many whole records as there are; returns the bytes used.
    fn take_whole(&mut self, bytes: &[u8], sink: &mut impl EntrySink) -> Result<usize, Failure> {
        match self.state {
            State::Body(left) => Ok(self.take_records(bytes, left, sink)),
            State::Seek { missing, left_out } => Ok(self.seek(bytes, missing, left_out, sink)),
            State::Header | State::Skip(_) => self.take_header(bytes, sink),
        }
    }

    fn take_header(&mut self, bytes: &[u8], sink: &mut impl EntrySink) -> Result<usize, Failure> {
        let length = Header::unchecked(bytes).map_or(0, |header| header.entry_len());
        match Header::parse(bytes) {
            Ok(header) if length <= self.max_entry => {
                let ahead = &bytes[HEADER_LEN..];
                let body = usize::try_from(header.body_len()).unwrap_or(usize::MAX);
                sink.begin(header.as_bytes(), &ahead[..ahead.len().min(body)]);
                self.state = State::Body(header.body_len());
                self.offset += HEADER_LEN as u64;
                Ok(HEADER_LEN)
            }
            Ok(_) => {
                let (what, min, max) = ("entry length", HEADER_LEN as u64, self.max_entry);
                self.skip(DecodeError::Length { what, found: length, min, max }, length, sink)
            }
            Err(problem) => {
                // Nothing but its length says where an entry ends, so that must be believable.
                let follow = match problem {
                    DecodeError::EntryType { .. } => true,
                    DecodeError::Version { found, .. } => found <= PLAUSIBLE_VERSION,
                    _ => false,
                };
                if follow && (HEADER_LEN as u64..=self.max_entry).contains(&length) {
                    return self.skip(problem, length, sink);
                }
                Err(Failure::new(format_args!("offset {}", self.offset), problem))
            }
        }
    }

    /// Leaves an entry out by its length.
    fn skip(&mut self, why: DecodeError, length: u64, sink: &mut impl EntrySink) -> Result<usize, Failure> {
        sink.skipped(why, length);
        let left = length.saturating_sub(HEADER_LEN as u64);
        self.state = if left == 0 { State::Header } else { State::Skip(left) };
        self.offset += HEADER_LEN as u64;
        Ok(HEADER_LEN)
    }

    fn take_records(&mut self, bytes: &[u8], left: u64, sink: &mut impl EntrySink) -> usize {
        let here = usize::try_from(left).unwrap_or(usize::MAX).min(bytes.len());
        let is_all = here as u64 == left;
        let mut rest = &bytes[..here];
        while !rest.is_empty() {
            match Record::split(rest) {
                // The front of the next one shows whether it is whole.
                Ok((_, after))
                    if !is_all
                        && after.len() < Record::FRONT
                        && may_hold_header(&rest[..rest.len() - after.len()]) =>
                {
                    break;
                }
                Ok((record, after)) => {
                    let len = rest.len() - after.len();
                    let left_behind = left - (here - after.len()) as u64;
                    let is_last = left_behind < RECORD_LEN as u64;
                    let is_followed = is_last || Record::is_plausible(after);
                    let is_record = Record::is_plausible(rest) && (is_followed || !holds_header(rest, len));
                    if is_record {
                        sink.record(&record);
                        rest = after;
                    }
                    if is_record && is_followed {
                        continue;
                    }
                    sink.end(false);
                    self.entries += 1;
                    let missing = left - (here - rest.len()) as u64;
                    self.state = State::Seek { missing, left_out: 0 };
                    break;
                }
                Err(problem) if is_all => {
                    sink.skipped(problem, rest.len() as u64);
                    sink.end(false);
                    self.entries += 1;
                    self.state = State::Header;
                    rest = &[];
                    break;
                }
                Err(_) => break,
            }
        }
        let used = here - rest.len();
        if let State::Body(_) = self.state {
            self.state = State::Body(left - used as u64);
        }
        self.offset += used as u64;
        used
    }

    /// Leaves out what is in front of a header that is certain; returns the bytes used. The
    /// torn entry misses `missing` bytes, of which `left_out` were left out before.
    #[cold]
    fn seek(&mut self, bytes: &[u8], missing: u64, left_out: u64, sink: &mut impl EntrySink) -> usize {
        let found = bytes.windows(HEADER_LEN).position(Header::is_certain);
        let used = found.unwrap_or((bytes.len() + 1).saturating_sub(HEADER_LEN));
        self.offset += used as u64;
        let left_out = left_out + used as u64;
        self.state = State::Seek { missing, left_out };
        if found.is_some() {
            let problem =
                DecodeError::Truncated { what: "rest of a BBLog entry", needed: missing, found: left_out };
            sink.skipped(problem, left_out);
            self.state = State::Header;
        }
        used
    }
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

/// Uptime of the last record that `body` wholly shows.
pub fn last_time(body: &[u8]) -> Option<bblog_dissector::Micros> {
    bblog::records(body).map_while(Result::ok).last().map(|record| record.time())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default, Debug, PartialEq, Eq)]
    struct Seen(Vec<String>);

    impl EntrySink for Seen {
        fn begin(&mut self, header: &[u8; HEADER_LEN], _: &[u8]) {
            self.0.push(format!("begin {}", header[16]));
        }
        fn record(&mut self, record: &Record<'_>) {
            self.0.push(format!("record {} {}", record.serial(), record.verbose().is_some()));
        }
        fn end(&mut self, whole: bool) {
            self.0.push(format!("end {whole}"));
        }
        fn skipped(&mut self, why: DecodeError, bytes: u64) {
            self.0.push(format!("skipped {bytes}: {why}"));
        }
    }

    fn entry(mark: u8, kind: u32, body: &[u8]) -> Vec<u8> {
        let mut bytes = vec![0; HEADER_LEN];
        bytes[0] = 9;
        bytes[4..8].copy_from_slice(&kind.to_le_bytes());
        bytes[8..16].copy_from_slice(&((HEADER_LEN + body.len()) as u64).to_le_bytes());
        bytes[16] = mark;
        bytes.extend_from_slice(body);
        bytes
    }

    fn record(serial: u32, verbose: bool) -> Vec<u8> {
        let mut bytes = vec![0; if verbose { RECORD_LEN + VERBOSE_LEN } else { RECORD_LEN }];
        bytes[20..24].copy_from_slice(&serial.to_le_bytes());
        bytes[25] = 1;
        bytes[26] = if verbose { 8 } else { 0 };
        bytes
    }

    /// An entry whose header is certain.
    fn certain(mark: u8, body: &[u8]) -> Vec<u8> {
        let mut bytes = entry(mark, 1, body);
        bytes[200] = 2;
        bytes
    }

    /// An entry that is cut off, and another one behind it: its whole records are taken, and the other one.
    #[test]
    fn a_torn_entry_ends_where_the_next_one_begins() {
        let records: Vec<u8> = (0..8).flat_map(|serial| record(serial, serial == 2)).collect();
        for cut in [0, 1, 200, 325, 328, 329, 656, 700, 1050, 1056, 1057, 1500, 2367] {
            let torn = &certain(1, &records)[..HEADER_LEN + cut];
            let stream = [torn, &certain(2, &records)].concat();
            let ends = [328, 656, 1056, 1384, 1712, 2040, 2368];
            let whole = ends.iter().filter(|&&end| end <= cut).count();
            let (expected, finished) = fed(&stream, stream.len());
            assert_eq!(finished, Ok(()), "cut at {cut}");
            assert_eq!(expected.0.len(), 1 + whole + 2 + 1 + 8 + 1, "cut at {cut}: {expected:#?}");
            assert_eq!(expected.0[1 + whole], "end false");
            for step in [1, 27, 208, 328, 1000] {
                assert_eq!(fed(&stream, step).0, expected, "cut at {cut}, in steps of {step}");
            }
        }
    }

    fn fed(stream: &[u8], step: usize) -> (Seen, Result<(), Failure>) {
        let (mut entries, mut seen) = (EntryCutter::new(1 << 20), Seen::default());
        for bytes in stream.chunks(step) {
            if let Err(failure) = entries.feed(bytes, u64::MAX, &mut seen) {
                return (seen, Err(failure));
            }
        }
        let finished = entries.finish(&mut seen);
        (seen, finished)
    }

    #[test]
    fn however_it_is_cut() {
        let mut stream = entry(1, 1, &[record(0, false), record(1, true), record(2, false)].concat());
        stream.extend(entry(2, 7, &[0; 1000]));
        stream.extend(entry(3, 1, &[]));
        stream.extend(entry(4, 1, &[record(0, false), vec![0; 100]].concat()));
        stream.extend(entry(5, 1, &record(9, true)[..350]));
        stream.extend(entry(6, 1, &record(1, false)));
        let (whole, finished) = fed(&stream, stream.len());
        assert_eq!(finished, Ok(()));
        assert_eq!(whole.0.len(), 18, "{whole:#?}");
        assert_eq!(whole.0[5], "skipped 1208: entry type 7, expected 1 (BBLog)");
        assert_eq!(
            whole.0[10..12],
            ["skipped 100: BBLog record cut short: 100 bytes, expected 328", "end false"]
        );
        for step in [1, 7, 207, 208, 209, 328, 400, 1000] {
            assert_eq!(fed(&stream, step).0, whole, "in steps of {step}");
        }
    }

    #[test]
    fn what_cannot_be_followed_ends_it() {
        let mut stream = entry(1, 1, &record(0, false));
        stream.extend(b"not a header".repeat(40));
        let (seen, failed) = fed(&stream, 100);
        assert_eq!(seen.0, ["begin 1", "record 0 false", "end true"]);
        assert!(failed.unwrap_err().to_string().starts_with("offset 536: BBLog version"));
    }

    #[test]
    fn an_entry_too_long_is_left_out() {
        let mut stream = entry(1, 1, &vec![0; (1 << 20) + 8]);
        stream.extend(entry(2, 1, &[]));
        let (seen, finished) = fed(&stream, 4096);
        assert_eq!(finished, Ok(()));
        assert_eq!(seen.0[0], "skipped 1048792: entry length 1048792, expected 208 to 1048576");
        assert_eq!(seen.0[1..], ["begin 2", "end true"]);
    }

    #[test]
    fn an_end_inside_an_entry() {
        let stream = entry(1, 1, &record(0, false));
        let (seen, finished) = fed(&stream[..stream.len() - 1], 64);
        assert_eq!(seen.0, ["begin 1", "end false"]);
        assert!(finished.unwrap_err().to_string().contains("ends inside an entry"));
    }
}
