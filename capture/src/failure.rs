// SPDX-License-Identifier: BSD-2-Clause
//! The errors that end a run or prevent it, each one line.

use std::fmt;
use std::io;

use nix::errno::Errno;

/// Something that could not be done: `what: why`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Failure {
    what: String,
    why: String,
}

impl Failure {
    /// About `what`, with what was found and what was expected.
    pub fn new(what: impl fmt::Display, why: impl fmt::Display) -> Failure {
        Failure { what: what.to_string(), why: why.to_string() }
    }

    /// Of `what`, with the system's reason.
    pub fn io(what: impl fmt::Display, error: impl Into<io::Error>) -> Failure {
        Failure::new(what, io_text(&error.into()))
    }
}

impl std::error::Error for Failure {}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: {}", self.what, self.why)
    }
}

/// An error of the system in the words of strerror(3), without Rust's `(os error N)`.
pub fn io_text(error: &io::Error) -> String {
    let text = error.to_string();
    match text.rfind(" (os error ") {
        Some(at) if error.raw_os_error().is_some() => text[..at].to_owned(),
        _ => text,
    }
}

/// An error of open(2) with `O_NOFOLLOW` and `O_NONBLOCK`, in plain words where it says that something else
/// stands in a file's place.
pub fn of_open(error: impl Into<io::Error>) -> io::Error {
    let error = error.into();
    match error.raw_os_error().map(Errno::from_raw) {
        // O_NOFOLLOW: Linux and POSIX say ELOOP, FreeBSD says EMLINK.
        Some(Errno::ELOOP | Errno::EMLINK) => {
            io::Error::new(io::ErrorKind::InvalidInput, "is a symbolic link, expected a regular file")
        }
        // A FIFO that no process reads, a socket, a device without a driver.
        Some(Errno::ENXIO | Errno::EOPNOTSUPP) => not_regular(),
        _ => error,
    }
}

/// Something else stands in a file's place.
pub fn not_regular() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidInput, "is no regular file")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_systems_have_a_word_for_a_link() {
        for error in [Errno::ELOOP, Errno::EMLINK] {
            assert_eq!(of_open(error).to_string(), "is a symbolic link, expected a regular file");
        }
        assert_eq!(of_open(Errno::EACCES).raw_os_error(), Some(Errno::EACCES as i32));
    }
}
