// SPDX-License-Identifier: BSD-2-Clause
//! Output that could not be written.

use std::fmt;
use std::io;

use pcap_file::pcapng::PcapNgWriteError;

/// Output that could not be written: the sink failed, or a block could not be expressed.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum WriteError {
    /// The operating system refused.
    #[error("{}", Strerror(.0))]
    Io(#[from] io::Error),
    /// pcapng cannot express the request.
    #[error("{0}")]
    Pcapng(PcapNgWriteError),
}

impl From<PcapNgWriteError> for WriteError {
    fn from(error: PcapNgWriteError) -> WriteError {
        match error {
            PcapNgWriteError::Io(error) => WriteError::Io(error),
            other => WriteError::Pcapng(other),
        }
    }
}

impl WriteError {
    /// Whether the reader closed our output (`| head`), which is no error.
    pub fn is_broken_pipe(&self) -> bool {
        matches!(self, WriteError::Io(error) if error.kind() == io::ErrorKind::BrokenPipe)
    }
}

/// Shows an I/O error in the words of strerror(3), as FreeBSD's tools print it: without Rust's
/// `(os error N)`.
#[derive(Clone, Copy)]
pub struct Strerror<'a>(pub &'a io::Error);

impl fmt::Display for Strerror<'_> {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text = self.0.to_string();
        f.write_str(match text.rfind(" (os error ") {
            Some(at) if self.0.raw_os_error().is_some() => &text[..at],
            _ => &text,
        })
    }
}
