// SPDX-License-Identifier: BSD-2-Clause
//! Compressed inputs, detected from their first bytes.
//!
//! What a decoder can decode is used before its error is reported, so a file that is cut short or
//! damaged is read as far as its decoder's own tool reads it. Several compressed files one after
//! another are one input, as for the compressors' own tools.

mod blocks;
mod memory;
mod xz;
mod zstd;

use std::io::{self, BufRead, BufReader, Read};

use flate2::bufread::MultiGzDecoder;
use lz4_flex::frame::FrameDecoder;

pub(super) use self::blocks::XzBlocks;
use self::memory::Lease;
use self::xz::XzDecoder;
use self::zstd::ZstdDecoder;

/// The most memory that lz4 takes: two blocks of the largest size.
const LZ4_MEMORY: u64 = 17 << 20;
/// What it takes in any case.
const LZ4_FIXED: u64 = 256 * 1024;
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
    /// lz4(1): what Wireshark can write.
    Lz4,
}

impl Compression {
    /// Every one that is read.
    const ALL: [Compression; 4] = [Compression::Gzip, Compression::Xz, Compression::Zstd, Compression::Lz4];

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
            Compression::Lz4 => "lz4",
        }
    }

    fn magic(self) -> &'static [u8] {
        match self {
            Compression::Gzip => b"\x1f\x8b",
            Compression::Xz => b"\xfd7zXZ\0",
            Compression::Zstd => b"\x28\xb5\x2f\xfd",
            Compression::Lz4 => b"\x04\x22\x4d\x18",
        }
    }

    /// The bytes that `reader`'s bytes stand for.
    ///
    /// # Errors
    /// The decoder's, if it cannot be set up (no memory).
    pub fn decode(self, reader: impl Read + Send + 'static) -> io::Result<Box<dyn Read + Send>> {
        let sips = Sips::new(Box::new(reader));
        let decoder = match self {
            Compression::Gzip => Decoder::Gzip(MultiGzDecoder::new(sips)),
            Compression::Xz => Decoder::Xz(XzDecoder::new(sips)?),
            Compression::Zstd => Decoder::Zstd(ZstdDecoder::new(sips)),
            Compression::Lz4 => {
                let (decoder, lease) = (FrameDecoder::new(sips), Lease::default());
                Decoder::Lz4(Box::new(Lz4Decoder { decoder, decoded: 0, lease }))
            }
        };
        Ok(Box::new(DecoderOutput { decoder, error: None }))
    }
}

/// Compressed bytes, a few at a time. A decoder that meets an error forgets what it decoded of the
/// bytes it was given with it, so that is little: nothing of a short file, and of a long one what a
/// few hundred bytes stand for.
struct Sips {
    reader: BufReader<Box<dyn Read + Send>>,
    /// Bytes given out so far.
    given: u64,
    /// Whether more may be read, which can have to wait, when there is nothing here.
    may_wait: bool,
}

impl Sips {
    /// Bytes of a file that are given out one by one.
    const SINGLE: u64 = 64 * 1024;
    /// Bytes given out at once after that.
    const SIP: usize = 256;

    fn new(reader: Box<dyn Read + Send>) -> Sips {
        Sips { reader: BufReader::with_capacity(CHUNK, reader), given: 0, may_wait: true }
    }

    /// Whether bytes are here that do not have to be read first.
    fn is_filled(&self) -> bool {
        !self.reader.buffer().is_empty()
    }
}

impl Read for Sips {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let sip = self.fill_buf()?;
        let count = sip.len().min(out.len());
        out[..count].copy_from_slice(&sip[..count]);
        self.consume(count);
        Ok(count)
    }
}

impl BufRead for Sips {
    #[inline]
    fn fill_buf(&mut self) -> io::Result<&[u8]> {
        let sip = if self.given < Sips::SINGLE { 1 } else { Sips::SIP };
        if !self.may_wait && !self.is_filled() {
            return Err(io::ErrorKind::WouldBlock.into());
        }
        let bytes = self.reader.fill_buf()?;
        Ok(&bytes[..bytes.len().min(sip)])
    }

    #[inline]
    fn consume(&mut self, count: usize) {
        self.given += count as u64;
        self.reader.consume(count);
    }
}

enum Decoder {
    Gzip(MultiGzDecoder<Sips>),
    Xz(XzDecoder),
    Zstd(ZstdDecoder),
    Lz4(Box<Lz4Decoder>),
}

struct Lz4Decoder {
    decoder: FrameDecoder<Sips>,
    decoded: u64,
    lease: Lease,
}

impl Lz4Decoder {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let read = match self.decoder.read(out) {
            // A frame ended; perhaps another follows.
            Ok(0) if !out.is_empty() => self.decoder.read(out),
            read => read,
        }?;
        self.decoded += read as u64;
        self.lease.hold(LZ4_MEMORY.min(self.decoded + LZ4_FIXED))?;
        Ok(read)
    }
}

impl Decoder {
    /// Decodes into `out`; returns how many bytes were decoded before the error, if there is one.
    fn read(&mut self, out: &mut [u8]) -> (usize, Option<io::Error>) {
        let read = match self {
            Decoder::Gzip(decoder) => decoder.read(out),
            Decoder::Xz(decoder) => return decoder.read(out),
            Decoder::Zstd(decoder) => return decoder.read(out),
            Decoder::Lz4(decoder) => decoder.read(out),
        };
        read.map_or_else(|error| (0, Some(error)), |read| (read, None))
    }

    fn sips(&mut self) -> &mut Sips {
        match self {
            Decoder::Gzip(decoder) => decoder.get_mut(),
            Decoder::Xz(decoder) => decoder.sips(),
            Decoder::Zstd(decoder) => decoder.sips(),
            Decoder::Lz4(decoder) => decoder.decoder.get_mut(),
        }
    }

    /// Whether the decoder goes on where it was after it met the end of what is here. That of lz4 does not, and reads
    /// whole blocks, behind which nothing is left that stands for no bytes.
    fn can_stop(&self) -> bool {
        !matches!(self, Decoder::Lz4(_))
    }
}

/// What a decoder gives, in as large pieces as there are without waiting for more to decode.
struct DecoderOutput {
    decoder: Decoder,
    /// The decoder's error, while what came before it is given out.
    error: Option<io::Error>,
}

impl Read for DecoderOutput {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        if let Some(error) = self.error.take() {
            return Err(error);
        }
        let mut filled = 0;
        while filled < out.len() {
            // What is left may stand for no bytes, such as the mark of a flush: then what there is goes first.
            self.decoder.sips().may_wait = filled == 0 || !self.decoder.can_stop();
            let (read, error) = self.decoder.read(&mut out[filled..]);
            filled += read;
            match error {
                Some(error) if filled == 0 => return Err(error),
                Some(error) if error.kind() == io::ErrorKind::WouldBlock => break,
                Some(_) => {
                    self.error = error;
                    break;
                }
                None if read == 0 => break,
                None => {}
            }
            if !self.decoder.sips().is_filled() {
                break;
            }
        }
        Ok(filled)
    }
}
