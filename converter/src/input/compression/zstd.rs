// SPDX-License-Identifier: BSD-2-Clause
//! The decoder of zstd.

use std::io::{self, BufRead};

use zstd::zstd_safe::{DCtx, InBuffer, OutBuffer, get_error_name};

use super::Sips;
use super::memory::Lease;

/// What a decoder takes besides the window.
const FIXED: u64 = 512 * 1024;

/// A decoder of a file of any number of frames, whose windows may have up to 128 MiB, as for zstd(1).
pub(super) struct ZstdDecoder {
    context: DCtx<'static>,
    sips: Sips,
    decoded: u64,
    is_in_frame: bool,
    lease: Lease,
}

impl ZstdDecoder {
    pub(super) fn new(sips: Sips) -> ZstdDecoder {
        ZstdDecoder { context: DCtx::create(), sips, decoded: 0, is_in_frame: false, lease: Lease::default() }
    }

    pub(super) fn sips(&mut self) -> &mut Sips {
        &mut self.sips
    }

    /// Decodes into `out`; returns how many bytes were decoded before the error, if there is one.
    pub(super) fn read(&mut self, out: &mut [u8]) -> (usize, Option<io::Error>) {
        match self.decode(out) {
            // Only what was written of the window is in memory.
            Ok(read) => {
                let taken = (self.context.sizeof() as u64).min(self.decoded + FIXED);
                (read, self.lease.hold(taken).err())
            }
            Err(error) => (0, Some(error)),
        }
    }

    fn decode(&mut self, out: &mut [u8]) -> io::Result<usize> {
        loop {
            let bytes = self.sips.fill_buf()?;
            let is_end = bytes.is_empty();
            if is_end && !self.is_in_frame {
                return Ok(0);
            }
            let (mut input, mut output) = (InBuffer::around(bytes), OutBuffer::around(&mut *out));
            let hint = self.context.decompress_stream(&mut output, &mut input);
            let (consumed, read) = (input.pos(), output.pos());
            self.sips.consume(consumed);
            self.is_in_frame = hint.map_err(|code| io::Error::other(get_error_name(code)))? != 0;
            self.decoded += read as u64;
            if read > 0 || out.is_empty() {
                return Ok(read);
            }
            if is_end && self.is_in_frame {
                return Err(io::Error::new(io::ErrorKind::UnexpectedEof, "incomplete frame"));
            }
        }
    }
}
