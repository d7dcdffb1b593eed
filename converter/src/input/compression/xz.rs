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
                Err(Error::MemLimit) if self.limit < LAST_LIMIT => {
                    self.limit *= 2;
                    if let Err(error) = self.stream.set_memlimit(self.limit) {
                        return (read, Some(error.into()));
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
