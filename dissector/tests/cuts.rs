// SPDX-License-Identifier: BSD-2-Clause
//! Logs that lack bytes somewhere, or are joined with another one: every record that is given is one of theirs,
//! with the connection that it had, and every record that is whole in what is left is given.

use std::collections::HashMap;
use std::ops::Range;
use std::path::{Path, PathBuf};

use bblog_dissector::bblog::{self, Cut, EntryCutter, HEADER_LEN, Header, RECORD_LEN, VERBOSE_LEN};

/// A record of a log: where it is, and the connection.
struct Whole {
    bytes: Range<usize>,
    key: Vec<u8>,
}

/// A record with its connection, as the cutter gives it.
type Given = (Vec<u8>, Vec<u8>);

fn key(header: Header<'_>) -> Vec<u8> {
    header.connection_key().to_vec()
}

fn fixtures() -> Vec<PathBuf> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut logs: Vec<PathBuf> = Vec::new();
    for folder in ["../tests/fixtures", "../../shared/streams/bblog"] {
        let entries = root.join(folder).read_dir().into_iter().flatten().flatten().map(|entry| entry.path());
        logs.extend(entries.filter(|path| path.extension().is_some_and(|extension| extension == "tcplog")));
    }
    logs.retain(|path| !path.ends_with("each_event.tcplog"));
    logs.sort();
    logs
}

/// The records of an undamaged log.
fn whole(log: &[u8]) -> Vec<Whole> {
    let (mut entries, mut found) = (bblog::entries(log), Vec::new());
    loop {
        let start = entries.offset() + HEADER_LEN;
        let Some(entry) = entries.next() else { return found };
        let (header, body) = entry.unwrap();
        let mut at = start;
        for record in bblog::records(body) {
            let len = RECORD_LEN + record.unwrap().verbose().map_or(0, |_| VERBOSE_LEN);
            found.push(Whole { bytes: at..at + len, key: key(header) });
            at += len;
        }
    }
}

/// The records that the cutter gives.
fn given(stream: &[u8]) -> Vec<Given> {
    let (mut cutter, mut rest, mut entry, mut found) =
        (EntryCutter::new(u64::MAX), stream, Vec::new(), Vec::new());
    loop {
        let mut run = cutter.run(rest);
        let before = run.rest();
        for record in run.by_ref() {
            let len = RECORD_LEN + record.verbose().map_or(0, |_| VERBOSE_LEN);
            let at = record.as_bytes().as_ptr() as usize - stream.as_ptr() as usize;
            found.push((entry.clone(), announced(&stream[at..at + len])));
        }
        if let Some(link) = run.link() {
            let taken = before.len() - run.rest().len();
            cutter.pass(taken);
            cutter.passed(link);
            rest = &rest[taken..];
        }
        rest = match cutter.next(rest, true) {
            Cut::Entry(header) => {
                entry = key(header);
                &rest[HEADER_LEN..]
            }
            Cut::Record(_, len) => {
                found.push((entry.clone(), announced(&rest[..len])));
                &rest[len..]
            }
            Cut::Gap(len) => &rest[len..],
            Cut::LeftOut(left_out) => &rest[left_out.in_front..],
            Cut::BadEntry(_, Some(len)) => &rest[(len as usize).min(rest.len())..],
            Cut::BadEntry(why, None) => {
                cutter.seek(why);
                rest
            }
            Cut::More(_) => return found,
        };
    }
}

/// A record without the bytes that it does not announce.
fn announced(record: &[u8]) -> Vec<u8> {
    let mut bytes = record.to_vec();
    let has_header = bytes[26] & 4 != 0;
    let options = if has_header { 268 + usize::from(bytes[280] >> 4) * 4 } else { 268 };
    bytes[options.min(RECORD_LEN)..RECORD_LEN].fill(0);
    bytes
}

/// A part of a log, in a stream of such parts.
struct Part<'a> {
    log: &'a Log,
    range: Range<usize>,
    /// Whether the headers of its records are there.
    has_headers: bool,
}

/// What is wrong with the records of streams made of parts of logs.
#[derive(Default, Debug)]
struct Faults {
    streams: usize,
    records: usize,
    invented: usize,
    missing: usize,
    /// What is missing although it stands directly before bytes that are missing.
    before_a_cut: usize,
    shown: Vec<String>,
}

impl Faults {
    /// Checks a stream of these parts of logs.
    fn check(&mut self, what: &str, parts: &[Part<'_>]) {
        let stream: Vec<u8> =
            parts.iter().flat_map(|part| &part.log.bytes[part.range.clone()]).copied().collect();
        let mut known: HashMap<Given, isize> = HashMap::new();
        let found = given(&stream);
        self.streams += 1;
        self.records += found.len();
        for found in found {
            *known.entry(found).or_default() += 1;
        }
        for Part { log, range, has_headers } in parts {
            let mut cut = None;
            for record in &log.records {
                let wanted = (record.key.clone(), announced(&log.bytes[record.bytes.clone()]));
                let is_whole = range.contains(&record.bytes.start) && record.bytes.end <= range.end;
                if is_whole && *has_headers {
                    cut = Some(wanted.clone());
                    let count = known.entry(wanted).or_default();
                    *count -= 1;
                }
            }
            // The last whole record of a part.
            if let Some(cut) = cut
                && let Some(count) = known.get_mut(&cut).filter(|count| **count < 0)
            {
                self.before_a_cut += 1;
                *count += 1;
                self.shown.push(format!("before a cut: {what}"));
            }
        }
        for ((_, bytes), count) in known {
            if count > 0 {
                let is_known = parts.iter().any(|part| part.log.has(&bytes));
                if !is_known {
                    self.invented += 1;
                    self.shown.push(format!(
                        "invented: {what}: serial {:?} event {}",
                        &bytes[20..24],
                        bytes[25]
                    ));
                }
            } else if count < 0 {
                self.missing += 1;
                self.shown.push(format!("missing: {what}: serial {:?} event {}", &bytes[20..24], bytes[25]));
            }
        }
    }
}

/// A log and its records.
struct Log {
    name: String,
    bytes: Vec<u8>,
    records: Vec<Whole>,
}

impl Log {
    fn new(path: &Path) -> Log {
        let bytes = std::fs::read(path).unwrap();
        let mut records = whole(&bytes);
        records.retain(|record| record.bytes.end < 60_000);
        let bytes = bytes[..records.last().unwrap().bytes.end].to_vec();
        Log { name: path.file_name().unwrap().to_string_lossy().into_owned(), bytes, records }
    }

    /// Whether one of its records is that.
    fn has(&self, record: &[u8]) -> bool {
        self.records.iter().any(|known| announced(&self.bytes[known.bytes.clone()]) == record)
    }

    /// A part of it.
    fn part(&self, range: Range<usize>) -> Part<'_> {
        Part { log: self, range, has_headers: true }
    }
}

/// A generator of numbers (xorshift64), the same every time.
struct Random(u64);

impl Random {
    fn below(&mut self, bound: usize) -> usize {
        self.0 ^= self.0 << 13;
        self.0 ^= self.0 >> 7;
        self.0 ^= self.0 << 17;
        (self.0 % bound.max(1) as u64) as usize
    }
}

/// Streams of each log per kind of damage.
const STREAMS: usize = 40;

/// What is wrong with streams that `make` makes of each log, a position in it, a length and another log.
fn faults(make: impl for<'a> Fn(&'a Log, usize, usize, &'a Log) -> Vec<Part<'a>>) -> Faults {
    let logs: Vec<Log> = fixtures().iter().map(|path| Log::new(path)).collect();
    let (mut faults, mut random) = (Faults::default(), Random(0x2545_f491_4f6c_dd1d));
    for (number, log) in logs.iter().enumerate() {
        for _ in 0..STREAMS {
            let (at, len) = (random.below(log.bytes.len()), 1 + random.below(327));
            let other = &logs[(number + 1 + random.below(logs.len() - 1)) % logs.len()];
            let parts = make(log, at, len, other);
            if !parts.is_empty() {
                faults.check(&format!("{}: {len} bytes at {at}, with {}", log.name, other.name), &parts);
            }
        }
    }
    assert!(faults.streams > 100);
    faults
}

#[test]
fn a_torn_log_and_another_one() {
    let faults = faults(|log, at, _, other| vec![log.part(0..at), other.part(0..other.bytes.len())]);
    assert_eq!((faults.invented, faults.missing, faults.before_a_cut), (0, 0, 0), "{:#?}", faults.shown);
}

#[test]
fn a_torn_log_and_itself() {
    let faults = faults(|log, at, _, _| vec![log.part(0..at), log.part(0..log.bytes.len())]);
    assert_eq!((faults.invented, faults.missing, faults.before_a_cut), (0, 0, 0), "{:#?}", faults.shown);
}

/// Bytes that are missing in an entry's records, away from its ends, where a record on each side shows what is missing.
#[test]
fn bytes_are_missing() {
    let faults = faults(|log, at, len, _| {
        let behind = at + len;
        let touched = log.records.iter().position(|record| record.bytes.end > at).unwrap();
        let around = log.records.get(touched.saturating_sub(1)..touched + 4).unwrap_or_default();
        let is_one_entry = around.windows(2).all(|pair| pair[0].bytes.end == pair[1].bytes.start);
        if touched == 0 || around.is_empty() || !is_one_entry {
            return Vec::new();
        }
        vec![log.part(0..at), log.part(behind..log.bytes.len())]
    });
    // Of a record that lost the first bytes of its time, others may stand there that make sense, too.
    assert!(faults.invented.max(faults.missing) * 1000 <= faults.streams, "{faults:#?}");
    // A record directly before the cut is left out, too, if one whose end is missing could look the same.
    assert!(faults.before_a_cut * 50 <= faults.streams, "{faults:#?}");
}

/// Logs that go on in the middle of another one, whose records have no header.
#[test]
fn a_torn_log_and_a_part_of_another_one() {
    let faults = faults(|log, at, len, other| {
        let from = HEADER_LEN + at % RECORD_LEN + 7 * len;
        if from + 1000 > other.bytes.len() {
            return Vec::new();
        }
        vec![log.part(0..at), Part { has_headers: false, ..other.part(from..other.bytes.len()) }]
    });
    assert_eq!(faults.missing, 0, "{:#?}", faults.shown);
    assert!(
        faults.invented * 200 <= faults.streams && faults.before_a_cut * 50 <= faults.streams,
        "{faults:#?}"
    );
}
