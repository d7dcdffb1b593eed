// SPDX-License-Identifier: BSD-2-Clause
//! The stream of `/dev/tcp_log` as it comes: entries and records out of pieces of any size.
//!
//! An entry is never held as a whole: what arrives is passed on, and only a header or record that
//! is torn between two reads is kept until its rest is there.

use bblog_dissector::bblog::{Cut, EntryCutter, HEADER_LEN, RECORD_LEN, Record, SkippedBytes, VERBOSE_LEN};
use bblog_dissector::{DecodeError, bblog};

use crate::failure::Failure;

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

/// A stream being cut into entries.
pub struct EntryStream {
    cutter: EntryCutter,
    /// The part of a header or record that has arrived.
    carry: Vec<u8>,
    /// Bytes to skip.
    skip: u64,
    /// Where in the stream the next byte stands.
    offset: u64,
    entry: EntryState,
    /// Entries that are over.
    entries: u64,
}

/// How the current entry stands.
#[derive(Clone, Copy, PartialEq, Eq)]
enum EntryState {
    /// There is none.
    None,
    /// There is none, and the last one was damaged.
    Lost,
    /// All its bytes were records so far.
    Whole,
    /// Some of its bytes were left out.
    Damaged,
}

impl EntryState {
    fn is_begun(self) -> bool {
        matches!(self, EntryState::Whole | EntryState::Damaged)
    }
}

/// How far bytes were cut.
struct CutProgress {
    /// Bytes taken.
    used: usize,
    /// How many the rest must have before it can be cut; 0 if nothing more is to be cut at present.
    wanted: usize,
}

impl EntryStream {
    /// A stream at its beginning. Entries of more than `max_entry` bytes are skipped.
    pub fn new(max_entry: u64) -> EntryStream {
        EntryStream {
            cutter: EntryCutter::new(max_entry).at_once(),
            carry: Vec::with_capacity(RECORD_LEN + VERBOSE_LEN + HEADER_LEN),
            skip: 0,
            offset: 0,
            entry: EntryState::None,
            entries: 0,
        }
    }

    /// Entries that are over.
    pub fn entries(&self) -> u64 {
        self.entries
    }

    /// Takes the next bytes. Stops in front of entry number `limit`, counted from 0.
    ///
    /// # Errors
    /// A [`Failure`] if the stream cannot be followed any further.
    pub fn feed(&mut self, mut bytes: &[u8], limit: u64, sink: &mut impl EntrySink) -> Result<(), Failure> {
        while !bytes.is_empty() && (self.entry.is_begun() || self.entries < limit) {
            if self.skip > 0 {
                let step = usize::try_from(self.skip).unwrap_or(usize::MAX).min(bytes.len());
                self.skip -= step as u64;
                self.offset += step as u64;
                bytes = &bytes[step..];
            } else if self.carry.is_empty() {
                let CutProgress { used, wanted } = self.cut(bytes, false, limit, sink)?;
                bytes = &bytes[used..];
                if wanted > 0 {
                    self.carry.extend_from_slice(bytes);
                    return Ok(());
                }
            } else {
                bytes = self.feed_carry(bytes, limit, sink)?;
            }
        }
        Ok(())
    }

    /// Takes what was kept, with as many of the next bytes as it lacks; returns those that were not taken.
    fn feed_carry<'b>(
        &mut self,
        bytes: &'b [u8],
        limit: u64,
        sink: &mut impl EntrySink,
    ) -> Result<&'b [u8], Failure> {
        let mut carry = std::mem::take(&mut self.carry);
        let mut taken = 0;
        loop {
            let CutProgress { used, wanted } = self.cut(&carry, false, limit, sink)?;
            let more = wanted.saturating_sub(carry.len()).min(bytes.len() - taken);
            if used > 0 || more == 0 {
                carry.drain(..used);
                break;
            }
            carry.extend_from_slice(&bytes[taken..taken + more]);
            taken += more;
        }
        // What is left over is taken from where it lies, if it is all there.
        if carry.len() <= taken {
            taken -= carry.len();
            carry.clear();
        }
        self.carry = carry;
        Ok(&bytes[taken..])
    }

    /// Cuts as many of the bytes as can be; `is_end` if no more follow.
    fn cut(
        &mut self,
        bytes: &[u8],
        is_end: bool,
        limit: u64,
        sink: &mut impl EntrySink,
    ) -> Result<CutProgress, Failure> {
        let mut used = 0;
        loop {
            let taken = self.cutter.take_records(&bytes[used..], |record| sink.record(record));
            used += taken;
            self.offset += taken as u64;
            let front = &bytes[used..];
            let step = match self.cutter.next(front, is_end) {
                Cut::Record(record, len) => {
                    sink.record(&record);
                    len
                }
                Cut::More(wanted) => return Ok(CutProgress { used, wanted }),
                Cut::Entry(header) => {
                    let ahead = &front[HEADER_LEN..];
                    let body = usize::try_from(header.body_len()).unwrap_or(usize::MAX);
                    sink.begin(header.as_bytes(), &ahead[..ahead.len().min(body)]);
                    self.entry = EntryState::Whole;
                    HEADER_LEN
                }
                Cut::Gap(len) => {
                    self.damage();
                    len
                }
                Cut::LeftOut(SkippedBytes { in_front, bytes, why, .. }) => {
                    sink.skipped(why, bytes);
                    self.damage();
                    in_front
                }
                Cut::BadEntry(why, Some(length)) => {
                    sink.skipped(why, length);
                    self.skip = length - HEADER_LEN as u64;
                    self.offset += HEADER_LEN as u64;
                    return Ok(CutProgress { used: used + HEADER_LEN, wanted: 0 });
                }
                Cut::BadEntry(why, None) if self.entry == EntryState::Lost => {
                    self.cutter.seek(why);
                    0
                }
                Cut::BadEntry(why, None) => {
                    return Err(Failure::new(format_args!("offset {}", self.offset), why));
                }
            };
            used += step;
            self.offset += step as u64;
            if self.entry.is_begun() && !self.cutter.is_in_entry() {
                self.end(sink);
                if self.entries >= limit {
                    return Ok(CutProgress { used, wanted: 0 });
                }
            }
        }
    }

    /// Bytes of the current entry are left out, if there is one.
    fn damage(&mut self) {
        if self.entry == EntryState::Whole {
            self.entry = EntryState::Damaged;
        }
    }

    fn end(&mut self, sink: &mut impl EntrySink) {
        let whole = self.entry == EntryState::Whole;
        sink.end(whole);
        self.entry = if whole { EntryState::None } else { EntryState::Lost };
        self.entries += 1;
    }

    /// Ends the stream.
    ///
    /// # Errors
    /// A [`Failure`] if that is in the middle of an entry.
    pub fn finish(&mut self, sink: &mut impl EntrySink) -> Result<(), Failure> {
        let carry = std::mem::take(&mut self.carry);
        let CutProgress { used, .. } = self.cut(&carry, true, u64::MAX, sink)?;
        let torn = match (self.skip, self.entry.is_begun()) {
            (0, true) => self.cutter.left(),
            (0, false) => (carry.len() - used) as u64,
            (skip, _) => skip,
        };
        if self.entry.is_begun() {
            self.entry = EntryState::Damaged;
            self.end(sink);
        }
        self.cutter = EntryCutter::new(0);
        if torn == 0 {
            return Ok(());
        }
        let at = self.offset;
        Err(Failure::new(
            format_args!("offset {at}"),
            format_args!("the stream ends inside an entry ({torn} bytes), expected a whole one"),
        ))
    }
}

/// Uptime of the last record that `body` wholly shows.
pub fn last_time(body: &[u8]) -> Option<bblog_dissector::Micros> {
    bblog::records(body).map_while(Result::ok).last().map(|record| record.time())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[derive(Default, Debug, PartialEq, Eq)]
    struct Listener(Vec<String>);

    impl EntrySink for Listener {
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
            assert!(expected.0[1 + whole].starts_with("skipped "), "{expected:#?}");
            assert_eq!(expected.0[2 + whole], "end false");
            for step in [1, 27, 208, 328, 1000] {
                assert_eq!(fed(&stream, step).0, expected, "cut at {cut}, in steps of {step}");
            }
        }
    }

    fn fed(stream: &[u8], step: usize) -> (Listener, Result<(), Failure>) {
        let (mut entries, mut seen) = (EntryStream::new(1 << 20), Listener::default());
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

    /// Where a record should be and is not, the records after it are taken.
    #[test]
    fn records_behind_damage_are_taken() {
        let mut body: Vec<u8> = (0..6).flat_map(|serial| record(serial, false)).collect();
        body[2 * RECORD_LEN..4 * RECORD_LEN].fill(0);
        let stream = [certain(1, &body), certain(2, &record(0, false))].concat();
        let (whole, finished) = fed(&stream, stream.len());
        assert_eq!(finished, Ok(()));
        assert_eq!(whole.0[1..3], ["record 0 false", "record 1 false"]);
        assert!(whole.0[3].starts_with("skipped 656: no BBLog record"), "{whole:#?}");
        assert_eq!(whole.0[4..8], ["record 4 false", "record 5 false", "end false", "begin 2"]);
        for step in [1, 328, 1000] {
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
