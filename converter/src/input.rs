// SPDX-License-Identifier: BSD-2-Clause
//! Opens inputs and finds out by their content what they are; names prove nothing.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::fs::File;
use std::io::{self, Read};
use std::path::Path;

use bblog_dissector::bblog::VERSION;
use bblog_pcapng::escape::Escaped;

use crate::error::{Cause, Fault, Then};
use crate::meter::Metered;
use crate::source::Window;
use crate::source::compression::Compression;
use crate::source::tcplog::PLAUSIBLE_VERSION;

/// How many bytes tell the kind: a BBLog header's version and type.
const SNIFF: usize = 8;

/// What a pcapng file begins with: the type of its section header, equal in both byte orders.
const PCAPNG: [u8; 4] = *b"\x0a\x0d\x0d\x0a";
/// What pcap files begin with, by byte order and resolution of time.
const PCAP: [[u8; 4]; 4] =
    [*b"\xd4\xc3\xb2\xa1", *b"\xa1\xb2\xc3\xd4", *b"\x4d\x3c\xb2\xa1", *b"\xa1\xb2\x3c\x4d"];

/// The name of an input as the user gave it; `-` is standard input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Name(OsString);

impl Name {
    /// The name of the path `path`, or of standard input if it is `-`.
    pub fn new(path: impl Into<OsString>) -> Name {
        Name(path.into())
    }

    /// Whether this is standard input.
    pub fn is_stdin(&self) -> bool {
        self.0 == "-"
    }

    /// Whether the same bytes can be had again: those of a file, not of a pipe.
    pub fn can_be_opened_again(&self) -> bool {
        !self.is_stdin() && self.path().metadata().is_ok_and(|there| there.is_file())
    }

    /// The path; `-` for standard input.
    pub fn path(&self) -> &Path {
        Path::new(&self.0)
    }

    /// The last part of the path, for places where the folder does not matter.
    pub fn file_name(&self) -> String {
        let name = self.path().file_name().unwrap_or(OsStr::new("-"));
        if self.is_stdin() { self.to_string() } else { Escaped(name.as_encoded_bytes()).to_string() }
    }
}

impl fmt::Display for Name {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_stdin() {
            return f.write_str("standard input");
        }
        write!(f, "{}", Escaped(self.0.as_encoded_bytes()))
    }
}

/// What an input's content is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// An ELOG capture of eventlog(9).
    Elog,
    /// BBLog entries: a stream of /dev/tcp_log, or a core-dump file.
    Tcplog,
    /// pcapng: of tcplog_dumper, of this project, or saved by Wireshark.
    Pcapng,
    /// Nothing: what elog(1) leaves if it saw no event.
    Empty,
}

/// An input, opened and recognised, at its first byte.
pub struct Input {
    /// Its name.
    pub name: Name,
    /// What it holds.
    pub kind: Kind,
    /// How it is compressed; offsets are those of the uncompressed bytes.
    pub compression: Option<Compression>,
    /// Its (uncompressed) bytes.
    pub window: Window,
}

impl Input {
    /// Opens the path `name`, or standard input.
    ///
    /// # Errors
    /// A [`Fault`] if it cannot be opened or read, is a directory, or is of no known kind.
    pub fn open(name: Name) -> Result<Input, Fault> {
        Input::open_one_of(name, 1)
    }

    /// As [`Input::open`], for one of `inputs` that are read at a time and share the memory.
    ///
    /// # Errors
    /// As [`Input::open`].
    pub fn open_one_of(name: Name, inputs: usize) -> Result<Input, Fault> {
        let reader: Box<dyn Read + Send> = if name.is_stdin() {
            Box::new(Metered(io::stdin()))
        } else {
            Box::new(Metered(open_file(&name)?))
        };
        Input::of_window(name, Window::one_of(reader, inputs), inputs)
    }

    /// Takes bytes that are not in a file; `name` is for messages.
    ///
    /// # Errors
    /// As [`Input::open`].
    pub fn recognise(name: Name, reader: Box<dyn Read + Send>) -> Result<Input, Fault> {
        Input::of_window(name, Window::new(reader), 1)
    }

    fn of_window(name: Name, mut window: Window, inputs: usize) -> Result<Input, Fault> {
        let compression = Compression::of(window.fill(SNIFF));
        if let Some(compression) = compression {
            // The decoder is what is read ahead.
            window.read_behind();
            let reader = compression.decode(WindowReader(window));
            window = Window::one_of(reader.map_err(|error| Fault::at(0, error))?, inputs);
        }
        let kind = recognise(&mut window)?;
        if kind == Kind::Tcplog && compression.is_none() {
            // Whole entries are looked at, which would have to be put together of what was read ahead:
            // that takes as long as to read them.
            window.read_behind();
        }
        Ok(Input { name, kind, compression, window })
    }
}

fn open_file(name: &Name) -> Result<File, Fault> {
    let unopened = |cause| Fault { offset: None, cause, then: Then::GoOn };
    let file = File::open(&name.0).map_err(|error| unopened(Cause::Io(error)))?;
    let metadata = file.metadata().map_err(|error| unopened(Cause::Io(error)))?;
    if metadata.is_dir() { Err(unopened(Cause::Directory)) } else { Ok(file) }
}

/// The kind, by the first bytes. Input that ends inside what would identify it counts as that
/// kind: the reader then says how much is missing.
fn recognise(window: &mut Window) -> Result<Kind, Fault> {
    let begin = window.fill(SNIFF);
    let begin = &begin[..begin.len().min(SNIFF)];
    if begin.is_empty() {
        return match window.take_error() {
            Some(error) => Err(Fault::at(0, error)),
            None => Ok(Kind::Empty),
        };
    }
    if begin.starts_with(b"ELOG") || b"ELOG".starts_with(begin) {
        return Ok(Kind::Elog);
    }
    if is_tcplog(begin) {
        return Ok(Kind::Tcplog);
    }
    if begin.starts_with(&PCAPNG) || (begin.len() >= 2 && PCAPNG.starts_with(begin)) {
        return Ok(Kind::Pcapng);
    }
    let cause = if Compression::of(begin).is_some() {
        Cause::Unsupported { found: "compressed twice" }
    } else if begin.starts_with(b"BZh") {
        Cause::Unsupported { found: "compressed with bzip2" }
    } else if PCAP.iter().any(|magic| begin.starts_with(magic)) {
        Cause::Unsupported { found: "a pcap file, which cannot hold these logs" }
    } else {
        Cause::UnknownKind { found: begin.to_vec() }
    };
    Err(Fault::at(0, cause))
}

/// BBLog has no magic number: its header begins with a small version and a small type, in either
/// byte order (the wrong one, and another version, are refused with a better message than
/// "unknown").
fn is_tcplog(begin: &[u8]) -> bool {
    let small = |field: Option<&[u8]>| match field {
        Some(&[low, 0, 0, 0] | &[0, 0, 0, low]) => u32::from(low),
        _ => 0,
    };
    match (small(begin.get(..4)), small(begin.get(4..8))) {
        (VERSION, 1..) | (1..=PLAUSIBLE_VERSION, 1) => true,
        // Too short to tell more.
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

    fn kind(bytes: &[u8]) -> Result<Kind, String> {
        let input = Input::recognise(Name::new("x"), Box::new(io::Cursor::new(bytes.to_vec())));
        input.map(|input| input.kind).map_err(|fault| fault.to_string())
    }

    #[test]
    fn content_decides() {
        assert_eq!(kind(b""), Ok(Kind::Empty));
        assert_eq!(kind(b"ELOG\x01\0\0\0"), Ok(Kind::Elog));
        assert_eq!(kind(b"EL"), Ok(Kind::Elog));
        assert_eq!(kind(b"\x09\0\0\0\x01\0\0\0rest"), Ok(Kind::Tcplog));
        assert_eq!(kind(b"\0\0\0\x09\0\0\0\x01rest"), Ok(Kind::Tcplog));
        assert_eq!(kind(b"\x09\0"), Ok(Kind::Tcplog));
        let unknown = kind(b"#!/bin/sh\nexit").unwrap_err();
        assert_eq!(
            unknown,
            "offset 0: begins with \"#!/bin/s\", expected an ELOG file, a BBLog stream or pcapng"
        );
        assert_eq!(kind(b"\x0a\x0d\x0d\x0a\x1c\0\0\0"), Ok(Kind::Pcapng));
        assert!(kind(b"\xd4\xc3\xb2\xa1\x02\0\x04\0").unwrap_err().contains("a pcap file"));
    }
}
