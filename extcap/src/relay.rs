// SPDX-License-Identifier: BSD-2-Clause
//! The bytes of a capture on their way from the command to Wireshark.
//!
//! A login shell on the server may print a greeting before it runs bblogd. Wireshark would refuse
//! a capture that begins with it, so everything before the first section header block of pcapng is
//! taken out and kept for the user.

use std::io::{self, ErrorKind, Read, Write};
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixStream;
use std::sync::{Arc, OnceLock};
use std::thread::{self, JoinHandle};

/// Block type, total length and byte-order magic of a section header block.
const SECTION_HEADER_LEN: usize = 12;
/// How far a section header block is searched for: after a greeting of 64 KiB.
const BEGINNING_LEN: usize = 64 * 1024 + SECTION_HEADER_LEN;

/// How the output of the command began.
#[derive(Debug, PartialEq, Eq)]
pub enum Beginning {
    /// With this text, mostly none, and then a section header block.
    Log(Vec<u8>),
    /// With this text, and no section header block after it.
    Text(Vec<u8>),
}

impl Beginning {
    /// Whether the output went on without a log for longer than a greeting may be.
    pub fn is_too_long(&self) -> bool {
        matches!(self, Beginning::Text(text) if text.len() >= BEGINNING_LEN)
    }
}

/// A thread that copies the output of the command.
pub struct Relay {
    beginning: Arc<OnceLock<Beginning>>,
    finished: UnixStream,
    thread: JoinHandle<io::Result<()>>,
}

impl Relay {
    /// Starts to copy `from` to `to`.
    ///
    /// # Errors
    /// The system's: no thread or no socket can be made.
    pub fn start(from: impl Read + Send + 'static, to: impl Write + Send + 'static) -> io::Result<Relay> {
        let (finished, end) = UnixStream::pair()?;
        let beginning = Arc::new(OnceLock::new());
        let found = Arc::clone(&beginning);
        let thread = thread::Builder::new().name("relay".into()).spawn(move || {
            let result = copy(from, to, &found);
            drop(end);
            result
        })?;
        Ok(Relay { beginning, finished, thread })
    }

    /// A descriptor that is readable when nothing more is copied.
    pub fn finished(&self) -> BorrowedFd<'_> {
        self.finished.as_fd()
    }

    /// How the output began, as far as that is known.
    pub fn beginning(&self) -> Option<&Beginning> {
        self.beginning.get()
    }

    /// Waits for the end of the copy.
    ///
    /// # Errors
    /// An error of the system, of reading or writing; a reader that went away is not one.
    pub fn join(self) -> io::Result<()> {
        match self.thread.join().unwrap_or_else(|_| Err(io::Error::other("the thread panicked"))) {
            Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
            result => result,
        }
    }
}

fn copy(mut from: impl Read, mut to: impl Write, beginning: &OnceLock<Beginning>) -> io::Result<()> {
    let mut bytes = Vec::new();
    let mut searched = 0;
    let log = loop {
        if let Some(at) = section_header(&bytes, searched) {
            break at;
        }
        searched = bytes.len().saturating_sub(SECTION_HEADER_LEN - 1);
        if bytes.len() >= BEGINNING_LEN || read_more(&mut from, &mut bytes)? == 0 {
            let _ = beginning.set(Beginning::Text(bytes));
            return Ok(());
        }
    };
    let _ = beginning.set(Beginning::Log(bytes[..log].to_vec()));
    to.write_all(&bytes[log..])?;
    io::copy(&mut from, &mut to).map(drop)
}

/// Appends what one read gives; 0 is the end.
fn read_more(from: &mut impl Read, bytes: &mut Vec<u8>) -> io::Result<usize> {
    let len = bytes.len();
    bytes.resize(len + 4096, 0);
    let read = loop {
        match from.read(&mut bytes[len..]) {
            Err(error) if error.kind() == ErrorKind::Interrupted => {}
            result => break result,
        }
    };
    bytes.truncate(len + *read.as_ref().unwrap_or(&0));
    read
}

/// The offset of the first section header block at `from` or after it, in either byte order.
fn section_header(bytes: &[u8], from: usize) -> Option<usize> {
    let is_header = |window: &[u8]| {
        window.starts_with(b"\n\r\r\n")
            && (window.ends_with(&[0x1A, 0x2B, 0x3C, 0x4D]) || window.ends_with(&[0x4D, 0x3C, 0x2B, 0x1A]))
    };
    let mut windows = bytes.get(from..)?.windows(SECTION_HEADER_LEN);
    windows.position(is_header).map(|at| from + at)
}

#[cfg(test)]
mod tests {
    use super::*;

    const LOG: &[u8] = b"\n\r\r\n\x1c\0\0\0\x4d\x3c\x2b\x1a\x01\0\0\0and more";

    /// Reads a few bytes at a time.
    struct Pieces<'a>(&'a [u8], usize);

    impl Read for Pieces<'_> {
        fn read(&mut self, buffer: &mut [u8]) -> io::Result<usize> {
            let len = self.1.min(buffer.len());
            self.0.take(len as u64).read(buffer).inspect(|&read| self.0 = &self.0[read..])
        }
    }

    fn relayed(input: &[u8], size: usize) -> (Beginning, Vec<u8>) {
        let (mut output, beginning) = (Vec::new(), OnceLock::new());
        copy(Pieces(input, size), &mut output, &beginning).unwrap();
        (beginning.into_inner().unwrap(), output)
    }

    #[test]
    fn text_before_the_log_is_taken_out() {
        for text in [&b""[..], b"Welcome\n", b"\n\r\r\nalmost a header\n\r", &[b'x'; 64 * 1024]] {
            for size in [1, 7, 100_000] {
                let (beginning, output) = relayed(&[text, LOG].concat(), size);
                assert!(beginning == Beginning::Log(text.to_vec()) && output == LOG, "{size}");
            }
        }
    }

    #[test]
    fn output_without_a_log_is_kept_back() {
        assert_eq!(relayed(b"No such account.\n", 3).0, Beginning::Text(b"No such account.\n".to_vec()));
        assert_eq!(relayed(b"", 3).0, Beginning::Text(vec![]));
        let (beginning, output) = relayed(&[&[b'x'; 2 * BEGINNING_LEN], LOG].concat(), 4096);
        assert!(beginning.is_too_long() && output.is_empty());
        assert!(!relayed(&[b'x'; 64 * 1024], 4096).0.is_too_long());
    }
}
