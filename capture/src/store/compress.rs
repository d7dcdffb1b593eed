// SPDX-License-Identifier: BSD-2-Clause
//! Compression of finished files.

use std::fs::File;
use std::io::{self, Write};

use liblzma::stream::{Check, Stream};
use liblzma::write::XzEncoder;

/// What finished files are compressed with.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Compressor {
    /// Nothing.
    #[default]
    None,
    /// xz, preset 0 with CRC64, as tcplog_dumper.
    Xz,
    /// zstd, level 3.
    Zstd,
}

impl Compressor {
    /// The suffix of file names.
    pub fn suffix(self) -> &'static str {
        match self {
            Compressor::None => "",
            Compressor::Xz => ".xz",
            Compressor::Zstd => ".zst",
        }
    }

    /// The compressor of a file with this name.
    pub fn of(name: &str) -> Compressor {
        let all = [Compressor::Xz, Compressor::Zstd];
        all.into_iter().find(|one| name.ends_with(one.suffix())).unwrap_or_default()
    }

    /// Its name in the index.
    pub fn name(self) -> &'static str {
        match self {
            Compressor::None => "",
            Compressor::Xz => "xz",
            Compressor::Zstd => "zstd",
        }
    }

    /// Compresses `from` to `to`.
    ///
    /// # Errors
    /// The system's.
    pub fn copy(self, from: &mut File, to: &mut File) -> io::Result<()> {
        match self {
            Compressor::None => io::copy(from, to).map(drop),
            Compressor::Xz => {
                let stream = Stream::new_easy_encoder(0, Check::Crc64).map_err(io::Error::from)?;
                let mut encoder = XzEncoder::new_stream(Chunks(to), stream);
                io::copy(from, &mut encoder)?;
                encoder.finish().map(drop)
            }
            Compressor::Zstd => {
                let mut encoder = zstd::Encoder::new(Chunks(to), 3)?;
                io::copy(from, &mut encoder)?;
                encoder.finish().map(drop)
            }
        }
    }
}

/// Passes on whole chunks: both encoders give out what is in their buffers, of 32 KiB and more.
struct Chunks<'a>(&'a mut File);

impl Write for Chunks<'_> {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.write(bytes)
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
