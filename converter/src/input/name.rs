// SPDX-License-Identifier: BSD-2-Clause
//! Names of inputs.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::Path;

use bblog_pcapng::escape::Escaped;

/// The name of an input as the user gave it; `-` is standard input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputName {
    path: OsString,
    /// How many of its bytes are read; `None` is all.
    len: Option<u64>,
}

impl InputName {
    /// The name of the path `path`, or of standard input if it is `-`.
    pub fn new(path: impl Into<OsString>) -> InputName {
        InputName { path: path.into(), len: None }
    }

    /// Whether this is standard input.
    pub fn is_stdin(&self) -> bool {
        self.path == "-"
    }

    /// Whether the same bytes can be read again: those of a file, not of a pipe.
    pub fn can_be_opened_again(&self) -> bool {
        !self.is_stdin() && self.path().metadata().is_ok_and(|there| there.is_file())
    }

    /// The same file, of which only what it holds now is read: then each thread that opens it reads the same, even if it
    /// grows. `None` unless it can be opened again.
    pub fn as_it_is(&self) -> Option<InputName> {
        let there = self.path().metadata().ok().filter(|there| there.is_file() && !self.is_stdin())?;
        Some(InputName { path: self.path.clone(), len: Some(there.len()) })
    }

    /// How many bytes of it are read at most.
    pub(super) fn max_len(&self) -> u64 {
        self.len.unwrap_or(u64::MAX)
    }

    /// The path; `-` for standard input.
    pub fn path(&self) -> &Path {
        Path::new(&self.path)
    }

    /// The last part of the path, for places where the folder does not matter.
    pub fn file_name(&self) -> String {
        let name = self.path().file_name().unwrap_or(OsStr::new("-"));
        if self.is_stdin() { self.to_string() } else { Escaped(name.as_encoded_bytes()).to_string() }
    }
}

impl fmt::Display for InputName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_stdin() {
            return f.write_str("standard input");
        }
        write!(f, "{}", Escaped(self.path.as_encoded_bytes()))
    }
}
