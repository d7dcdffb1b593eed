// SPDX-License-Identifier: BSD-2-Clause
//! Errors of the command line.

use std::fmt;

/// An error of the command line that clap does not find.
#[derive(Debug)]
pub struct UsageError(String);

impl fmt::Display for UsageError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl std::error::Error for UsageError {}

impl From<String> for UsageError {
    fn from(text: String) -> UsageError {
        UsageError(text)
    }
}

impl From<&str> for UsageError {
    fn from(text: &str) -> UsageError {
        UsageError(text.to_owned())
    }
}

impl From<std::io::Error> for UsageError {
    fn from(error: std::io::Error) -> UsageError {
        UsageError(error.to_string())
    }
}
