// SPDX-License-Identifier: BSD-2-Clause
//! Opens inputs and detects their format from the content, not from the name.

pub mod assumptions;
mod big_endian;
pub mod compression;
pub mod disorder;
pub mod error;
pub mod folder;
pub mod host;
pub mod meter;
mod name;
mod read_ahead;
pub mod series;
pub mod window;

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::AsFd;
use std::sync::Arc;

use bblog_dissector::bblog::{
    HEADER_LEN, Header, PLAUSIBLE_VERSION, RECORD_LEN, Record, VERBOSE_LEN, VERSION,
};
use bblog_dissector::elog::FileHeader;
use bblog_pcapng::read::Endianness;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

pub use self::name::InputName;

use self::assumptions::Assumptions;
use self::big_endian::BigEndian;
use self::compression::{Compression, XzBlocks};
use self::error::{InputError, InputErrorKind, Recovery};
use self::meter::{Meter, Metered};
use self::window::{Ready, Window};
use crate::jobs::Jobs;

/// How many bytes identify the kind: a BBLog header's version and type.
const SNIFF: usize = 8;

/// The first bytes of a pcapng file: the type of its section header, equal in both byte orders.
const PCAPNG: [u8; 4] = *b"\x0a\x0d\x0d\x0a";
/// What pcap files begin with, by byte order and resolution of time.
const PCAP: [[u8; 4]; 4] =
    [*b"\xd4\xc3\xb2\xa1", *b"\xa1\xb2\xc3\xd4", *b"\x4d\x3c\xb2\xa1", *b"\xa1\xb2\x3c\x4d"];

/// The inputs of a command.
pub struct Inputs {
    /// The inputs, in the order the user gave them.
    pub names: Vec<InputName>,
    /// Facts that they do not have themselves.
    pub assumptions: Arc<Assumptions>,
    /// How far reading them has come.
    pub meter: Arc<Meter>,
    /// How many threads work at a time: so many compressed inputs are decompressed ahead.
    pub jobs: Jobs,
}

impl Inputs {
    /// Inputs before their first read; one thread works.
    pub fn new(names: Vec<InputName>, assumptions: &Arc<Assumptions>) -> Inputs {
        Inputs { names, assumptions: Arc::clone(assumptions), meter: Arc::default(), jobs: Jobs::ONE }
    }

    /// The same inputs, for each of several threads that read all of them. `None` if they cannot be opened again, or are
    /// compressed: to decompress them takes longer than most of what is done with them.
    pub fn of_each_thread(&self) -> Option<Inputs> {
        let names = self.names.iter().map(|name| name.as_it_is().filter(is_plain));
        let (assumptions, meter) = (Arc::clone(&self.assumptions), Arc::clone(&self.meter));
        Some(Inputs { names: names.collect::<Option<_>>()?, assumptions, meter, jobs: Jobs::ONE })
    }

    /// The same inputs; what is read of them is not counted.
    pub fn uncounted(&self) -> Inputs {
        let (names, assumptions) = (self.names.clone(), Arc::clone(&self.assumptions));
        Inputs { names, assumptions, meter: Arc::default(), jobs: self.jobs }
    }
}

/// Which of the inputs of a command an input is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InputPosition {
    /// Its index, from 0.
    pub index: usize,
    /// How many inputs there are: they share the memory.
    pub count: usize,
    /// The index of the first input of its series: sessions go on from one to the next.
    pub series: usize,
}

impl InputPosition {
    /// That of an input that is the only one.
    pub const ONLY: InputPosition = InputPosition { index: 0, count: 1, series: 0 };
}

/// The format of an input.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum InputKind {
    /// An ELOG capture of eventlog(9).
    Elog,
    /// BBLog entries: a stream of /dev/tcp_log, or a core-dump file.
    Bblog,
    /// BBLog records without an entry's header: what getsockopt(TCP_LOGBUF) gives.
    Records,
    /// pcapng: of tcplog_dumper, of this project, or saved by Wireshark.
    Pcapng,
    /// Nothing: what elog(1) leaves if it saw no event.
    Empty,
}

/// An input, opened and recognised, at its first byte.
pub struct Input {
    /// Its name.
    pub name: InputName,
    /// What it holds.
    pub kind: InputKind,
    /// How it is compressed; offsets are those of the uncompressed bytes.
    pub compression: Option<Compression>,
    /// Its (uncompressed) bytes.
    pub window: Window,
    /// What stood in front of the log and was left out.
    pub notice: Option<InputError>,
}

impl Input {
    /// Opens the path `name`, or standard input: one of `count` inputs that are read at a time and
    /// share the memory. What is read is counted in `meter`.
    ///
    /// # Errors
    /// An [`InputError`] if it cannot be opened or read, is a directory, or is of no known kind.
    pub fn open(name: &InputName, count: usize, meter: &Arc<Meter>) -> Result<Input, InputError> {
        Input::open_with(name, count, meter, Jobs::ONE)
    }

    /// As [`Input::open`]. If it is the only input, as many threads as `jobs` says decode its blocks, if it has several.
    ///
    /// # Errors
    /// As [`Input::open`].
    pub fn open_with(
        name: &InputName,
        count: usize,
        meter: &Arc<Meter>,
        jobs: Jobs,
    ) -> Result<Input, InputError> {
        let file = open_file(name)?;
        let has_threads = jobs != Jobs::ONE && count == 1 && name.can_be_opened_again();
        if has_threads && let Some(blocks) = XzBlocks::of(&file, jobs, meter) {
            let window = Window::one_of(Box::new(blocks), count);
            return Input::of_plain(name.clone(), Some(Compression::Xz), window, None, count);
        }
        let ready = if name.can_be_opened_again() { None } else { ready(&file) };
        let reader = Metered(file.take(name.max_len()), Arc::clone(meter));
        let mut window = Window::one_of(Box::new(reader), count);
        window.set_live(ready);
        Input::of_window(name.clone(), window, count)
    }

    /// Takes bytes that are not in a file; `name` is for messages.
    ///
    /// # Errors
    /// As [`Input::open`].
    pub fn recognise(name: InputName, reader: Box<dyn Read + Send>) -> Result<Input, InputError> {
        Input::of_window(name, Window::new(reader), 1)
    }

    fn of_window(name: InputName, mut window: Window, count: usize) -> Result<Input, InputError> {
        // A decoder hands out what it has before it waits, so what is decoded pauses when the input does.
        let ready = window.ready();
        let compression = Compression::of(window.fill(SNIFF));
        if let Some(compression) = compression {
            // The decoder is what is read ahead.
            window.read_behind();
            let reader = compression.decode(WindowReader(window));
            let reader = reader.map_err(|error| InputError::at(0, error))?;
            window = Window::one_of(reader, count);
            window.set_live(ready.clone());
        }
        Input::of_plain(name, compression, window, ready, count)
    }

    /// The same of bytes that are not compressed any more.
    fn of_plain(
        name: InputName,
        compression: Option<Compression>,
        mut window: Window,
        ready: Option<Ready>,
        count: usize,
    ) -> Result<Input, InputError> {
        let begin = window.fill(SNIFF).to_vec();
        window = match BigEndian::of(&begin, WindowReader(window)) {
            Ok(reader) => {
                let mut window = Window::one_of(Box::new(reader), count);
                window.set_live(ready);
                window
            }
            Err(WindowReader(window)) => window,
        };
        let (kind, notice) = recognise(&mut window)?;
        if kind == InputKind::Bblog && compression.is_none() {
            // Whole entries are looked at, which would have to be put together of what was read ahead:
            // that takes as long as to read them.
            window.read_behind();
        }
        Ok(Input { name, kind, compression, window, notice })
    }
}

/// Whether a file can be read and is not compressed.
fn is_plain(name: &InputName) -> bool {
    let mut begin = Vec::with_capacity(SNIFF);
    let read = open_file(name).map(|file| file.take(SNIFF as u64).read_to_end(&mut begin));
    matches!(read, Ok(Ok(_))) && Compression::of(&begin).is_none()
}

fn open_file(name: &InputName) -> Result<File, InputError> {
    let unopened = |kind| InputError { offset: None, kind, recovery: Recovery::Nothing };
    let file = if name.is_stdin() {
        // Not io::stdin(), which has a buffer of its own.
        io::stdin().as_fd().try_clone_to_owned().map(File::from)
    } else {
        File::open(name.path())
    };
    let file = file.map_err(|error| unopened(InputErrorKind::Io(error)))?;
    let metadata = file.metadata().map_err(|error| unopened(InputErrorKind::Io(error)))?;
    if metadata.is_dir() { Err(unopened(InputErrorKind::Directory)) } else { Ok(file) }
}

/// How to find out whether bytes of `file` can be read without waiting, if that is a question: not of a file
/// on a disk.
fn ready(file: &File) -> Option<Ready> {
    let descriptor =
        file.try_clone().ok().filter(|file| file.metadata().is_ok_and(|there| !there.is_file()))?;
    Some(Arc::new(move |wait_ms| {
        let mut polled = [PollFd::new(descriptor.as_fd(), PollFlags::POLLIN)];
        // If that cannot be determined, reading waits.
        !matches!(poll(&mut polled, PollTimeout::from(wait_ms)), Ok(0))
    }))
}

/// The kind, by the first bytes. Input that ends inside what would identify it counts as that
/// kind: the reader then says how much is missing.
fn recognise(window: &mut Window) -> Result<(InputKind, Option<InputError>), InputError> {
    let begin = window.fill(SNIFF);
    let begin = &begin[..begin.len().min(SNIFF)];
    if begin.is_empty() {
        return match window.take_error() {
            Some(error) => Err(InputError::at(0, error)),
            None => Ok((InputKind::Empty, None)),
        };
    }
    let kind = if begin.starts_with(b"ELOG") || b"ELOG".starts_with(begin) {
        Some(InputKind::Elog)
    } else if is_bblog(begin) {
        Some(InputKind::Bblog)
    } else if begin.starts_with(&PCAPNG) || (begin.len() >= 2 && PCAPNG.starts_with(begin)) {
        Some(InputKind::Pcapng)
    } else {
        None
    };
    if let Some(kind) = kind {
        return Ok((kind, None));
    }
    if begins_with_records(window) {
        return Ok((InputKind::Records, None));
    }
    let begin = window.fill(SNIFF);
    let begin = &begin[..begin.len().min(SNIFF)];
    let begin: [u8; SNIFF] = std::array::from_fn(|at| begin.get(at).copied().unwrap_or_default());
    let len = window.bytes().len().min(SNIFF);
    if let Some((kind, notice)) = behind_text(window) {
        return Ok((kind, Some(notice)));
    }
    let begin = &begin[..len];
    let kind = if Compression::of(begin).is_some() {
        InputErrorKind::Unsupported { found: "compressed twice" }
    } else if begin.starts_with(b"BZh") {
        InputErrorKind::Unsupported { found: "compressed with bzip2" }
    } else if PCAP.iter().any(|magic| begin.starts_with(magic)) {
        InputErrorKind::Unsupported { found: "a pcap file, which cannot hold these logs" }
    } else if begin.starts_with(b"minidump") {
        InputErrorKind::Unsupported { found: "a kernel's minidump (tcplog-dump extracts its logs)" }
    } else if begin.starts_with(b"\x7fELF") {
        InputErrorKind::Unsupported {
            found: "an ELF file (tcplog-dump extracts the logs of a kernel's core)",
        }
    } else {
        InputErrorKind::UnknownKind { found: begin.to_vec() }
    };
    Err(InputError::at(0, kind))
}

/// A log behind text, as a login shell prints it: the kind, and what was left out. Of text there is no NUL,
/// and at most 64 KiB.
fn behind_text(window: &mut Window) -> Option<(InputKind, InputError)> {
    const MOST: usize = 64 * 1024;
    let mut searched = 0;
    loop {
        let bytes = window.bytes();
        let end = bytes.len().min(MOST);
        let found = (searched..end).find_map(|at| Some((at, begins(&bytes[at..])?)));
        if let Some((at, kind)) = found {
            let text = bytes.iter().take(at.min(60)).copied().collect();
            let error = InputError::at(0, InputErrorKind::TextBefore { text });
            window.consume(at);
            return Some((kind, error.recovered(Recovery::Skipped(at as u64))));
        }
        // A NUL may be the log's, whose header is not all here yet.
        searched = end.saturating_sub(HEADER_LEN);
        let is_text = !bytes[..searched].contains(&0);
        let len = bytes.len();
        if !is_text || len >= MOST + HEADER_LEN || window.fill(len + 1).len() == len {
            return None;
        }
    }
}

/// Whether BBLog records stand in front, without a header: two of them whose serial numbers follow each
/// other, or one that is all there is.
fn begins_with_records(window: &mut Window) -> bool {
    const LONGEST: usize = RECORD_LEN + VERBOSE_LEN;
    let bytes = window.fill(2 * LONGEST);
    let is_record = |bytes: &[u8]| bytes.len() >= RECORD_LEN && Record::is_plausible(bytes);
    let Some((first, rest)) =
        Some(bytes).filter(|bytes| is_record(bytes)).and_then(|bytes| Record::split(bytes).ok())
    else {
        return false;
    };
    match Record::split(rest) {
        Ok((second, _)) => is_record(rest) && second.serial().wrapping_sub(first.serial()) < 1 << 16,
        Err(_) => rest.is_empty(),
    }
}

/// The kind of the log that `bytes` begin with, if that is certain.
fn begins(bytes: &[u8]) -> Option<InputKind> {
    if bytes.starts_with(b"ELOG") && FileHeader::parse(bytes).is_ok() {
        return Some(InputKind::Elog);
    }
    if bytes.starts_with(&PCAPNG) && Endianness::of_section(bytes).is_some() {
        return Some(InputKind::Pcapng);
    }
    Header::is_certain(bytes).then_some(InputKind::Bblog)
}

/// BBLog has no magic number: its header begins with a small version and a small type, in either
/// byte order (the wrong one, and another version, are refused with a better message than
/// "unknown").
fn is_bblog(begin: &[u8]) -> bool {
    let small = |field: Option<&[u8]>| match field {
        Some(&[low, 0, 0, 0] | &[0, 0, 0, low]) => u32::from(low),
        _ => 0,
    };
    match (small(begin.get(..4)), small(begin.get(4..8))) {
        (VERSION, 1..) | (1..=PLAUSIBLE_VERSION, 1) => true,
        // Too short to identify.
        (VERSION, 0) => begin.len() < SNIFF,
        _ => begin.len() < 4 && VERSION.to_le_bytes().starts_with(begin),
    }
}

/// The bytes of a window as a reader: for the decompressor behind it.
struct WindowReader(Window);

impl Read for WindowReader {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let bytes = self.0.fill(1);
        let count = bytes.len().min(out.len());
        out[..count].copy_from_slice(&bytes[..count]);
        self.0.consume(count);
        match self.0.take_error() {
            Some(error) if count == 0 => Err(error),
            _ => Ok(count),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn kind(bytes: &[u8]) -> Result<InputKind, String> {
        let input = Input::recognise(InputName::new("x"), Box::new(io::Cursor::new(bytes.to_vec())));
        input.map(|input| input.kind).map_err(|error| error.to_string())
    }

    /// What a file gets after the threads were given it is read by none of them.
    #[test]
    fn a_file_that_grows() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("log");
        std::fs::write(&path, b"ELOG\x01\0\0\0").unwrap();
        let inputs = Inputs::new(vec![InputName::new(&path)], &Arc::default());
        let of_thread = inputs.of_each_thread().unwrap();
        std::fs::write(&path, b"ELOG\x01\0\0\0and more").unwrap();
        let read = |inputs: &Inputs| {
            let mut input = Input::open(&inputs.names[0], 1, &inputs.meter).unwrap();
            input.window.fill(100).to_vec()
        };
        assert_eq!((read(&of_thread).len(), read(&inputs).len()), (8, 16));
        assert_eq!(inputs.meter.bytes(), 24);
        assert_eq!(read(&of_thread.uncounted()).len(), 8);
        assert_eq!(inputs.meter.bytes(), 24);
    }

    /// Compressed files, pipes and what is not there are for one thread.
    #[test]
    fn what_each_thread_can_read() {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, bytes: &[u8]| {
            std::fs::write(folder.path().join(name), bytes).unwrap();
            InputName::new(folder.path().join(name))
        };
        let (plain, packed) = (write("plain", b"ELOG"), write("packed", b"\x1f\x8b\x08 and so on"));
        let can = |names: &[&InputName]| {
            let names = names.iter().map(|&name| name.clone()).collect();
            Inputs::new(names, &Arc::default()).of_each_thread().is_some()
        };
        assert!(can(&[&plain, &write("empty", b"")]));
        for other in [packed, InputName::new("-"), InputName::new("/dev/null"), InputName::new("/absent")] {
            assert!(!can(&[&plain, &other]), "{other}");
        }
    }

    #[test]
    fn content_decides() {
        assert_eq!(kind(b""), Ok(InputKind::Empty));
        assert_eq!(kind(b"ELOG\x01\0\0\0"), Ok(InputKind::Elog));
        assert_eq!(kind(b"EL"), Ok(InputKind::Elog));
        assert_eq!(kind(b"\x09\0\0\0\x01\0\0\0rest"), Ok(InputKind::Bblog));
        assert_eq!(kind(b"\0\0\0\x09\0\0\0\x01rest"), Ok(InputKind::Bblog));
        assert_eq!(kind(b"\x09\0"), Ok(InputKind::Bblog));
        let unknown = kind(b"#!/bin/sh\nexit").unwrap_err();
        assert_eq!(
            unknown,
            "offset 0: begins with \"#!/bin/s\", expected an ELOG file, a BBLog stream or pcapng"
        );
        assert_eq!(kind(b"\x0a\x0d\x0d\x0a\x1c\0\0\0"), Ok(InputKind::Pcapng));
        let unsupported: [(&[u8], &str); 3] = [
            (b"\xd4\xc3\xb2\xa1\x02\0\x04\0", "a pcap file"),
            (b"minidump FreeBSD/amd64\0\0\x03", "a kernel's minidump (tcplog-dump"),
            (b"\x7fELF\x02\x01\x01\0", "an ELF file (tcplog-dump"),
        ];
        for (begin, what) in unsupported {
            assert!(kind(begin).unwrap_err().starts_with(&format!("offset 0: {what}")));
        }
    }
}
