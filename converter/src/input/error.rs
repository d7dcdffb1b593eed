// SPDX-License-Identifier: BSD-2-Clause
//! Errors of inputs, as data. Reading continues after an error if it can.

use std::fmt;
use std::io;

use bblog_dissector::DecodeError;
use bblog_dissector::counted::Counted;
use bblog_dissector::spec::Stack;
use bblog_pcapng::error::Strerror;
use bblog_pcapng::escape::Escaped;

use super::disorder::Disorder;
use super::name::InputName;

/// Takes the errors as they are found, with the name of their input.
pub type OnError<'a> = dyn FnMut(&InputName, &InputError) + Send + 'a;

/// Something wrong, or worth a line, in one input.
#[derive(Debug)]
pub struct InputError {
    /// Where, in bytes from the beginning of the (uncompressed) input; `None` if the input could
    /// not be opened.
    pub offset: Option<u64>,
    /// What was found and what was expected.
    pub kind: InputErrorKind,
    /// What reading did about it.
    pub recovery: Recovery,
}

impl InputError {
    /// An error at `offset` after which nothing had to be left out.
    pub fn at(offset: u64, kind: impl Into<InputErrorKind>) -> InputError {
        InputError { offset: Some(offset), kind: kind.into(), recovery: Recovery::Nothing }
    }

    /// The line about the order of an input's events; `None` if none was late.
    pub fn out_of_order(disorder: Disorder) -> Option<InputError> {
        let kind = InputErrorKind::OutOfOrder(disorder);
        (disorder.late > 0).then_some(InputError { offset: None, kind, recovery: Recovery::Nothing })
    }

    /// The same error, with the bytes that were skipped because of it.
    pub fn recovered(self, recovery: Recovery) -> InputError {
        InputError { recovery, ..self }
    }

    /// Whether the input is no log at all.
    pub fn is_foreign(&self) -> bool {
        let is_other =
            matches!(self.kind, InputErrorKind::UnknownKind { .. } | InputErrorKind::Unsupported { .. });
        is_other || matches!(self.kind, InputErrorKind::NoEvents { .. })
    }

    /// Whether this is a notice: the input is valid and all of it was read.
    pub fn is_notice(&self) -> bool {
        matches!(
            self.kind,
            InputErrorKind::Empty
                | InputErrorKind::TextBefore { .. }
                | InputErrorKind::NoEvents { .. }
                | InputErrorKind::NotSent { .. }
                | InputErrorKind::Restarted { .. }
                | InputErrorKind::LldbCut { .. }
                | InputErrorKind::UnknownStack(_)
                | InputErrorKind::UnknownTicks { .. }
                | InputErrorKind::SeriesGap { .. }
                | InputErrorKind::OutOfOrder(_)
                | InputErrorKind::WrongFamily { .. }
                | InputErrorKind::SessionTwice { .. }
                | InputErrorKind::DropsOverlap { .. }
        )
    }
}

impl InputError {
    /// That not every thread that read the input could read the same of it.
    pub fn read_unequally() -> InputError {
        InputError { offset: None, kind: InputErrorKind::ReadUnequally, recovery: Recovery::Nothing }
    }
}

impl std::error::Error for InputError {}

impl fmt::Display for InputError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if let Some(offset) = self.offset {
            write!(f, "offset {offset}: ")?;
        }
        write!(f, "{}", self.kind)?;
        match self.recovery {
            Recovery::Nothing => Ok(()),
            Recovery::Skipped(bytes) => write!(f, "; {} skipped", Counted(bytes, "byte")),
            Recovery::RestSkipped => write!(f, "; the rest is skipped"),
        }
    }
}

/// What reading did after an error.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Recovery {
    /// Nothing was left out, or the input ends here anyway.
    Nothing,
    /// This number of bytes was left out.
    Skipped(u64),
    /// Everything from the error to the end was left out: there is nothing to find the next
    /// record by.
    RestSkipped,
}

/// What was found and what was expected.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum InputErrorKind {
    /// The bytes are not what the format says.
    #[error(transparent)]
    Format(#[from] DecodeError),
    /// The operating system, or the decompressor, could not give the bytes.
    #[error("{}", Strerror(.0))]
    Io(#[from] io::Error),
    /// The input is a directory.
    #[error("is a directory, expected a file")]
    Directory,
    /// A folder inside more folders than are searched.
    #[error("a folder inside {max} others of the search: not searched")]
    FolderDepth {
        /// The depth that is searched.
        max: usize,
    },
    /// The content is of no kind that is read here.
    #[error("begins with \"{}\", expected an ELOG file, a BBLog stream or pcapng", Escaped(.found))]
    UnknownKind {
        /// The first bytes, at most 8.
        found: Vec<u8>,
    },
    /// The format is known, but cannot be read.
    #[error("{found}, expected an ELOG file, a BBLog stream or pcapng")]
    Unsupported {
        /// The kind.
        found: &'static str,
    },
    /// No bytes at all, which is what elog(1) leaves if it saw no event.
    #[error("empty: a capture that saw no event")]
    Empty,
    /// A custom block of Netflix's that Wireshark takes for damage.
    #[error("Netflix block of type {kind} left out: Wireshark reads types 1 and 2")]
    NetflixBlock {
        /// Its type.
        kind: u32,
    },
    /// A pcapng file without records and events of these logs.
    #[error(
        "no BBLog record and no eventlog event in {} and {}",
        Counted(*packets, "packet"), Counted(*blocks, "other block")
    )]
    NoEvents {
        /// Packets.
        packets: u64,
        /// Other blocks.
        blocks: u64,
    },
    /// Packets that the output's format has no place for.
    #[error("{} left out: pcap is written for IP packets only", Counted(*packets, "packet"))]
    NotIp {
        /// How many.
        packets: u64,
    },
    /// Packets that did not leave the machine.
    #[error("{} left out: not sent", Counted(*packets, "packet"))]
    NotSent {
        /// How many.
        packets: u64,
    },
    /// Text in front of a log.
    #[error("text before the log: \"{}\"", Escaped(.text))]
    TextBefore {
        /// Its beginning.
        text: Vec<u8>,
    },
    /// Not every thread that read the input could read the same of it: it was replaced, or could not be opened once more.
    #[error(
        "not all threads could read the same of it: what is said of its connections may be incomplete; -j 1 reads it once"
    )]
    ReadUnequally,
    /// Serial numbers run backwards between two entries of a connection: its log was begun anew.
    #[error("serial number {found}, expected {expected}: the connection's log began anew")]
    Restarted {
        /// tlb_sn of the record.
        found: u32,
        /// The number after the record before.
        expected: u32,
    },
    /// Serial numbers run backwards inside an entry.
    #[error("serial number {found}, expected {expected}: records out of order")]
    SerialBackwards {
        /// tlb_sn of the record.
        found: u32,
        /// The number after the record before.
        expected: u32,
    },
    /// Records that FreeBSD's lldb script cut.
    #[error("of {} only the first 60 bytes are there (written by FreeBSD's lldb script)", Counted(*records, "record"))]
    LldbCut {
        /// How many in this entry.
        records: u64,
    },
    /// A stack that no table has, so that its records could not be decoded.
    #[error("{0}")]
    UnknownStack(UnknownStack),
    /// Round-trip times of the default stack in ticks, of an unknown number per second (eventlog).
    #[error(
        "{} of the default stack not used: in ticks of unknown length (give kern.hz with --hz)", Counted(*rtts, "RTT")
    )]
    UnknownTicks {
        /// How many.
        rtts: u64,
    },
    /// Files of a series that are not there.
    #[error("missing from the series: {numbers}")]
    SeriesGap {
        /// Their numbers, as `1, 3-5`.
        numbers: String,
    },
    /// A session's id begins anew with another tcpcb before the session ended.
    #[error(
        "session {session} begins again with another tcpcb and without an end, as in two VNET jails: events from \
         here on may be of either connection"
    )]
    SessionTwice {
        /// The id.
        session: u64,
    },
    /// Captures that overlap in time have counts of dropped events.
    #[error(
        "at least {} dropped: captures overlap in time, so their counts cannot be added", Counted(*events, "event")
    )]
    DropsOverlap {
        /// The most of captures that do not overlap.
        events: u64,
    },
    /// Entries of IPv6 sockets whose header says AF_INET.
    #[error(
        "IPv6 sockets with AF_INET: {}, {inferred} of them inferred from 0.0.0.1; shown as IPv6",
        Counted(*entries, "entry")
    )]
    WrongFamily {
        /// How many.
        entries: u64,
        /// The entries among them for which that is inferred; for the others it is certain.
        inferred: u64,
    },
    /// Events that came after newer ones.
    #[error("{0}")]
    OutOfOrder(Disorder),
    /// Records that the output's format has no place for.
    #[error(
        "{} left out: ELOG holds events of eventlog(9) only, no BBLog records and no packets",
        Counted(*frames, "frame")
    )]
    NotEventlog {
        /// How many.
        frames: u64,
    },
    /// Events of another capture than the first.
    #[error(
        "{} left out: of another capture than the first, and an ELOG file holds one", Counted(*events, "event")
    )]
    OtherCapture {
        /// How many.
        events: u64,
    },
    /// A pcapng section header without a valid byte-order magic.
    #[error("pcapng byte-order magic {found:#010x}, expected 0x1a2b3c4d or 0x4d3c2b1a")]
    ByteOrderMagic {
        /// The bytes there, read as big-endian.
        found: u32,
    },
    /// A pcapng block whose two lengths differ; the first is used.
    #[error("pcapng block ends with length {found}, expected {expected} as it begins with")]
    BlockTrailer {
        /// The second length.
        found: u32,
        /// The first.
        expected: u32,
    },
    /// A pcapng section with more interfaces than are kept.
    #[error("more than {max} interfaces in a pcapng section")]
    Interfaces {
        /// The most that are kept.
        max: usize,
    },
    /// The header's count of events differs from the contents of the file.
    #[error("{}, expected {expected} as the file header says", Counted(*found, "event"))]
    EventCount {
        /// Events read.
        found: u64,
        /// The header's event_count.
        expected: u64,
    },
}

/// Records whose stack no table has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnknownStack {
    /// The stack's number.
    pub id: u8,
    /// Its name, if it has one.
    pub name: Option<Vec<u8>>,
    /// What its records prove it to be.
    pub looks_like: Option<Stack>,
    /// How many of its records have values that only the stack's table describes.
    pub records: u64,
}

/// How many records were not decoded, why, and what to type.
impl fmt::Display for UnknownStack {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let UnknownStack { id, name, looks_like, records } = self;
        match name {
            Some(name) => write!(f, "stack {id} is \"{}\", which no table has", Escaped(name))?,
            None => write!(f, "stack {id} has no name, and its records do not show which stack it is")?,
        }
        write!(f, ": {} not decoded; ", Counted(*records, "event"))?;
        match looks_like {
            Some(stack) => write!(f, "its records look like {0}: try --stack {id}={0}", stack.name()),
            None => write!(f, "name it with --stack {id}=freebsd, --stack {id}=rack or --stack {id}=bbr"),
        }
    }
}
