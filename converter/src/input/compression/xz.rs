// SPDX-License-Identifier: BSD-2-Clause
//! The decoder of xz.

use std::io::{self, BufRead};

use liblzma::stream::{Action, CONCATENATED, Error, Status, Stream};

use super::Sips;
use super::memory::Lease;

/// The memory that a file may need at first: what `xz -6` needs (9 MiB), and room.
const FIRST_LIMIT: u64 = 16 << 20;
/// The most memory that a file may need: what the highest preset needs (`-9`: 65 MiB), and room.
pub(super) const LAST_LIMIT: u64 = 128 << 20;
/// What a decoder takes besides its dictionary.
const FIXED: u64 = 256 * 1024;

/// A decoder of a file of any number of streams.
pub(super) struct XzDecoder {
    stream: Stream,
    sips: Sips,
    limit: u64,
    lease: Lease,
}

impl XzDecoder {
    pub(super) fn new(sips: Sips) -> io::Result<XzDecoder> {
        let stream = Stream::new_stream_decoder(FIRST_LIMIT, CONCATENATED)?;
        Ok(XzDecoder { stream, sips, limit: FIRST_LIMIT, lease: Lease::default() })
    }

    pub(super) fn sips(&mut self) -> &mut Sips {
        &mut self.sips
    }

    /// Decodes into `out`; returns how many bytes were decoded before the error, if there is one.
    pub(super) fn read(&mut self, out: &mut [u8]) -> (usize, Option<io::Error>) {
        loop {
            let (read, is_end, status) = match self.step(out) {
                Ok(step) => step,
                Err(error) => return (0, Some(error)),
            };
            // Only what was written of the dictionary is in memory.
            let held = self.lease.hold(self.limit.min(self.stream.total_out() + FIXED));
            match status {
                _ if held.is_err() => return (read, held.err()),
                Err(Error::MemLimit) => {
                    if let Err(error) = self.raise_limit() {
                        return (read, Some(error));
                    }
                }
                Err(error) => return (read, Some(error.into())),
                Ok(Status::StreamEnd) => return (read, None),
                Ok(_) if is_end && read == 0 && !out.is_empty() => {
                    return (0, Some(io::Error::new(io::ErrorKind::UnexpectedEof, "premature eof")));
                }
                Ok(_) => {}
            }
            if read > 0 || out.is_empty() {
                return (read, None);
            }
        }
    }

    /// Allows the decoder as much memory as the file needs.
    fn raise_limit(&mut self) -> io::Result<()> {
        while self.limit < LAST_LIMIT {
            self.limit *= 2;
            match self.stream.set_memlimit(self.limit) {
                // It needs more than that.
                Err(Error::MemLimit) => {}
                raised => return Ok(raised?),
            }
        }
        let most = LAST_LIMIT >> 20;
        let why = format!("needs more than {most} MiB of memory to be decompressed: decompress it before");
        Err(io::Error::new(io::ErrorKind::OutOfMemory, why))
    }

    /// One call of the decoder: bytes decoded, whether the file has ended, and what the decoder says.
    fn step(&mut self, out: &mut [u8]) -> io::Result<(usize, bool, Result<Status, Error>)> {
        let input = self.sips.fill_buf()?;
        let is_end = input.is_empty();
        let before = (self.stream.total_in(), self.stream.total_out());
        let status = self.stream.process(input, out, if is_end { Action::Finish } else { Action::Run });
        self.sips.consume((self.stream.total_in() - before.0) as usize);
        Ok(((self.stream.total_out() - before.1) as usize, is_end, status))
    }
}

#[cfg(test)]
mod tests {
    use std::io::Read;

    use crate::input::compression::Compression;

    /// What `xz --check=none --lzma2=dict=SIZE` makes of the text "log".
    fn packed(size_and_check: [u8; 5]) -> Vec<u8> {
        let mut packed =
            b"\xfd7zXZ\0\0\0\xff\x12\xd9\x41\x02\0\x21\x01\x1a\0\0\0\xcc\x90\x33\xe9\x01\0\x02log\0\
            \0\0\x01\x13\x03\x03\xa5\x60\xd8\x06\x72\x9e\x7a\x01\0\0\0\0\0YZ"
                .to_vec();
        packed[16] = size_and_check[0];
        packed[20..24].copy_from_slice(&size_and_check[1..]);
        packed
    }

    #[test]
    fn presets_with_large_dictionaries() {
        let read = |packed: Vec<u8>| {
            let mut text = String::new();
            let decoder = Compression::Xz.decode(std::io::Cursor::new(packed));
            decoder.and_then(|mut decoder| decoder.read_to_string(&mut text)).map(|_| text)
        };
        // Of -8 and -9.
        assert_eq!(read(packed([0x1a, 0xcc, 0x90, 0x33, 0xe9])).unwrap(), "log");
        assert_eq!(read(packed([0x1c, 0x10, 0xcf, 0x58, 0xcc])).unwrap(), "log");
        // 256 MiB.
        let error = read(packed([0x20, 0x09, 0x88, 0xa5, 0x76])).unwrap_err();
        assert!(error.to_string().starts_with("needs more than 128 MiB of memory"), "{error}");
    }
}
