// SPDX-License-Identifier: BSD-2-Clause
//! The entries of a stream, and the records of an entry.

use super::{HEADER_LEN, Header, Record};
use crate::DecodeError;

/// The records of an entry's body.
pub fn records(body: &[u8]) -> Records<'_> {
    Records { rest: body, failed: false }
}

/// Iterator over an entry's records; ends after the first fault.
#[derive(Clone)]
pub struct Records<'a> {
    rest: &'a [u8],
    failed: bool,
}

impl<'a> Iterator for Records<'a> {
    type Item = Result<Record<'a>, DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        if self.failed || self.rest.is_empty() {
            return None;
        }
        match Record::split(self.rest) {
            Ok((record, rest)) => {
                self.rest = rest;
                Some(Ok(record))
            }
            Err(error) => {
                self.failed = true;
                Some(Err(error))
            }
        }
    }
}

/// The entries of a device stream, or of a core-dump file, held in memory.
///
/// Each is its header and its body; a body that the bytes end in is given as far as it goes,
/// followed by the fault. The position of the faulty entry is [`Entries::offset`].
pub fn entries(stream: &[u8]) -> Entries<'_> {
    Entries { stream, offset: 0, error: None }
}

/// Iterator over entries; ends after the first fault.
#[derive(Clone)]
pub struct Entries<'a> {
    stream: &'a [u8],
    offset: usize,
    error: Option<DecodeError>,
}

impl Entries<'_> {
    /// Bytes consumed so far: where the next entry begins.
    pub fn offset(&self) -> usize {
        self.offset
    }
}

impl<'a> Iterator for Entries<'a> {
    type Item = Result<(Header<'a>, &'a [u8]), DecodeError>;

    fn next(&mut self) -> Option<Self::Item> {
        if let Some(error) = self.error.take() {
            self.offset = self.stream.len();
            return Some(Err(error));
        }
        let bytes = &self.stream[self.offset..];
        if bytes.is_empty() {
            return None;
        }
        let header = match Header::parse(bytes) {
            Ok(header) => header,
            Err(error) => {
                self.offset = self.stream.len();
                return Some(Err(error));
            }
        };
        let body = &bytes[HEADER_LEN..];
        let wanted = header.body_len();
        if wanted <= body.len() as u64 {
            let body = &body[..wanted as usize];
            self.offset += HEADER_LEN + body.len();
            return Some(Ok((header, body)));
        }
        self.error = Some(DecodeError::Truncated {
            what: "BBLog entry",
            needed: header.entry_len(),
            found: bytes.len() as u64,
        });
        Some(Ok((header, body)))
    }
}
