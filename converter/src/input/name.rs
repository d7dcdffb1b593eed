// SPDX-License-Identifier: BSD-2-Clause
//! Names of inputs.

use std::ffi::{OsStr, OsString};
use std::fmt;
use std::path::Path;

use bblog_pcapng::escape::Escaped;

/// The name of an input as the user gave it; `-` is standard input.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InputName(OsString);

impl InputName {
    /// The name of the path `path`, or of standard input if it is `-`.
    pub fn new(path: impl Into<OsString>) -> InputName {
        InputName(path.into())
    }

    /// Whether this is standard input.
    pub fn is_stdin(&self) -> bool {
        self.0 == "-"
    }

    /// Whether the same bytes can be read again: those of a file, not of a pipe.
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

impl fmt::Display for InputName {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if self.is_stdin() {
            return f.write_str("standard input");
        }
        write!(f, "{}", Escaped(self.0.as_encoded_bytes()))
    }
}
