// SPDX-License-Identifier: BSD-2-Clause
//! Compressed inputs, known by their first bytes.
//!
//! A decoder gives what it can decode before it reports an error, so a file cut short is used as
//! far as it goes. Several compressed files one after another are one input, as for the
//! compressors' own tools.

use std::io::{self, BufReader, Read};

use flate2::bufread::MultiGzDecoder;
use liblzma::bufread::XzDecoder;
use liblzma::stream::{CONCATENATED, Stream};

/// The most memory an xz file may ask for: what its highest preset needs (`-9`: 65 MiB), and room.
const XZ_MEMORY: u64 = 128 << 20;
/// Bytes read of the compressed file at once.
const CHUNK: usize = 64 * 1024;

/// How an input is compressed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Compression {
    /// gzip(1).
    Gzip,
    /// xz(1): what tcplog_dumper writes with `-J`.
    Xz,
    /// zstd(1).
    Zstd,
}

impl Compression {
    /// Every one that is read.
    const ALL: [Compression; 3] = [Compression::Gzip, Compression::Xz, Compression::Zstd];

    /// How the first `bytes` of an input say it is compressed.
    pub fn of(bytes: &[u8]) -> Option<Compression> {
        Compression::ALL.into_iter().find(|compression| bytes.starts_with(compression.magic()))
    }

    /// The compressor's name.
    pub fn name(self) -> &'static str {
        match self {
            Compression::Gzip => "gzip",
            Compression::Xz => "xz",
            Compression::Zstd => "zstd",
        }
    }

    fn magic(self) -> &'static [u8] {
        match self {
            Compression::Gzip => b"\x1f\x8b",
            Compression::Xz => b"\xfd7zXZ\0",
            Compression::Zstd => b"\x28\xb5\x2f\xfd",
        }
    }

    /// The bytes that `reader`'s bytes stand for.
    ///
    /// # Errors
    /// The decoder's, if it cannot be set up (no memory).
    pub fn decode(self, reader: impl Read + Send + 'static) -> io::Result<Box<dyn Read + Send>> {
        let reader = BufReader::with_capacity(CHUNK, reader);
        Ok(match self {
            Compression::Gzip => Box::new(MultiGzDecoder::new(reader)),
            Compression::Xz => {
                let stream = Stream::new_stream_decoder(XZ_MEMORY, CONCATENATED)?;
                Box::new(XzDecoder::new_stream(reader, stream))
            }
            Compression::Zstd => Box::new(zstd::stream::read::Decoder::with_buffer(reader)?),
        })
    }
}
