// SPDX-License-Identifier: BSD-2-Clause
//! An xz file of several blocks, as xz(1) makes with several threads: each block is decoded by a thread of its own.
//!
//! The index at the end of the file says where blocks begin (the .xz file format 1.2.1, sections 2 to 4). A block is given out
//! once all of it is decoded and its check is right. From one that is damaged on, a decoder of the whole file goes on, so that
//! what is read of a damaged file does not depend on the number of threads.

use std::collections::VecDeque;
use std::fs::File;
use std::io::{self, Read};
use std::os::unix::fs::FileExt;
use std::sync::Arc;
use std::thread::{self, JoinHandle};

use liblzma::stream::{Action, Stream};

use super::Compression;
use super::memory::Lease;
use super::xz::LAST_LIMIT;
use crate::input::meter::{Meter, Metered};
use crate::jobs::Jobs;

/// Bytes of a stream's header, and of its footer.
const HEAD: u64 = 12;
/// What a stream's footer ends with.
const FOOTER_MAGIC: [u8; 2] = *b"YZ";
/// Bytes of the largest index that is read.
const LARGEST_INDEX: u64 = 1 << 20;
/// Bytes of the largest block that is decoded as a whole: `xz -9 -T2` makes blocks of 192 MiB, `xz -6 -T2` of 24 MiB.
const LARGEST_BLOCK: u64 = 64 << 20;
/// Bytes that blocks have on average at least: a thread for less costs more than it saves.
const SMALLEST_BLOCK: u64 = 64 << 10;
/// The most blocks that are decoded at a time.
const MOST: usize = 4;

/// A reader of the decoded bytes.
pub(in crate::input) struct XzBlocks {
    file: Arc<File>,
    meter: Arc<Meter>,
    head: [u8; HEAD as usize],
    blocks: std::vec::IntoIter<Block>,
    /// Threads that decode the next blocks.
    under_way: VecDeque<JoinHandle<io::Result<DecodedBlock>>>,
    jobs: Jobs,
    current: DecodedBlock,
    /// Bytes of the current block that were given out.
    at: usize,
    /// Bytes of blocks before the current one, and of it.
    decoded: u64,
    /// What follows, if a block could not be decoded.
    rest: Option<Box<dyn Read + Send>>,
}

/// Where a block is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Block {
    offset: u64,
    /// Bytes in the file, without padding.
    packed: u64,
    /// Bytes that it stands for.
    size: u64,
}

/// The bytes of a block, and the memory that they take.
#[derive(Default)]
struct DecodedBlock {
    bytes: Vec<u8>,
    _lease: Lease,
}

impl XzBlocks {
    /// The blocks of `file`, to be decoded by as many threads as `jobs` says, but four at most; `None` if it is not one stream
    /// of several blocks, or they are too large or too small.
    pub(in crate::input) fn of(file: &File, jobs: Jobs, meter: &Arc<Meter>) -> Option<XzBlocks> {
        let file = Arc::new(file.try_clone().ok()?);
        let (head, blocks) = structure(&file)?;
        let is_small = |block: &Block| block.packed.max(block.size) <= LARGEST_BLOCK;
        let is_fit = blocks.len() > 1
            && blocks.iter().all(is_small)
            && blocks.iter().map(|block| block.size).sum::<u64>() / SMALLEST_BLOCK >= blocks.len() as u64;
        is_fit.then(|| XzBlocks {
            file,
            meter: Arc::clone(meter),
            head,
            blocks: blocks.into_iter(),
            under_way: VecDeque::new(),
            jobs: jobs.at_most(MOST),
            current: DecodedBlock::default(),
            at: 0,
            decoded: 0,
            rest: None,
        })
    }

    /// Steps to the next block, or to the rest if it cannot be decoded; `false` at the end.
    fn advance(&mut self) -> io::Result<bool> {
        (self.current, self.at) = (DecodedBlock::default(), 0);
        while self.under_way.len() < self.jobs.count()
            && let Some(block) = self.blocks.next()
        {
            let (file, meter, head) = (Arc::clone(&self.file), Arc::clone(&self.meter), self.head);
            let decode = move || decode(&file, meter, head, block);
            match thread::Builder::new().name("xz".into()).spawn(decode) {
                Ok(thread) => self.under_way.push_back(thread),
                Err(_) => return self.go_on(),
            }
        }
        let Some(next) = self.under_way.pop_front() else { return Ok(false) };
        let Ok(Ok(block)) = next.join() else { return self.go_on() };
        self.decoded += block.bytes.len() as u64;
        self.current = block;
        Ok(true)
    }

    /// Lets a decoder of the whole file go on.
    #[cold]
    fn go_on(&mut self) -> io::Result<bool> {
        self.under_way.clear();
        let mut rest = Compression::Xz.decode(FileFrom { file: Arc::clone(&self.file), at: 0 })?;
        io::copy(&mut rest.by_ref().take(self.decoded), &mut io::sink())?;
        self.rest = Some(rest);
        Ok(true)
    }
}

impl Read for XzBlocks {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        loop {
            if let Some(rest) = &mut self.rest {
                return rest.read(out);
            }
            let mut bytes = self.current.bytes.get(self.at..).unwrap_or_default();
            if !bytes.is_empty() || out.is_empty() {
                let count = bytes.read(out)?;
                self.at += count;
                return Ok(count);
            }
            if !self.advance()? {
                return Ok(0);
            }
        }
    }
}

/// Decodes a block. It is what follows the header of a stream.
fn decode(
    file: &Arc<File>,
    meter: Arc<Meter>,
    head: [u8; HEAD as usize],
    block: Block,
) -> io::Result<DecodedBlock> {
    let mut lease = Lease::default();
    lease.hold(block.size)?;
    let file = FileFrom { file: Arc::clone(file), at: block.offset };
    let mut reader = Metered(file.take(block.packed.next_multiple_of(4)), meter);
    let mut decoder = Stream::new_stream_decoder(LAST_LIMIT, 0)?;
    let size = usize::try_from(block.size).unwrap_or(usize::MAX);
    let mut bytes = Vec::with_capacity(size);
    decoder.process(&head, &mut [], Action::Run)?;
    let mut packed = vec![0; 64 * 1024];
    loop {
        let read = reader.read(&mut packed)?;
        let mut input = packed.get(..read).unwrap_or_default();
        if input.is_empty() {
            break;
        }
        while !input.is_empty() {
            let before = decoder.total_in();
            decoder.process_vec(input, &mut bytes, Action::Run)?;
            let taken = usize::try_from(decoder.total_in() - before).unwrap_or(usize::MAX);
            input = input.get(taken..).filter(|_| taken > 0).ok_or_else(damaged)?;
        }
    }
    let is_whole = bytes.len() == size && decoder.total_in() == HEAD + block.packed.next_multiple_of(4);
    if is_whole { Ok(DecodedBlock { bytes, _lease: lease }) } else { Err(damaged()) }
}

fn damaged() -> io::Error {
    io::Error::new(io::ErrorKind::InvalidData, "not the block that the index of the xz file describes")
}

/// The header of a file that is one stream, and its blocks; `None` if it is another file, or damaged.
fn structure(file: &Arc<File>) -> Option<([u8; HEAD as usize], Vec<Block>)> {
    let len = file.metadata().ok()?.len();
    let (mut head, mut footer) = ([0; HEAD as usize], [0; HEAD as usize]);
    file.read_exact_at(&mut head, 0).ok()?;
    file.read_exact_at(&mut footer, len.checked_sub(HEAD)?).ok()?;
    let index_len = (u64::from(u32::from_le_bytes(*footer[4..].first_chunk()?)) + 1) * 4;
    // Type of the check, in both.
    let is_stream = Compression::of(&head) == Some(Compression::Xz)
        && footer.ends_with(&FOOTER_MAGIC)
        && footer[8..10] == head[6..8]
        && crc(&footer[4..10]) == footer[..4];
    if !is_stream || index_len > LARGEST_INDEX {
        return None;
    }
    let mut index = vec![0; usize::try_from(index_len).ok()?];
    let index_at = len.checked_sub(HEAD + index_len)?;
    file.read_exact_at(&mut index, index_at).ok()?;
    let (index, check) = index.split_last_chunk::<4>()?;
    if crc(index) != *check {
        return None;
    }
    let blocks = records(index)?;
    let end = blocks.last().map(|last| last.offset.checked_add(last.packed.next_multiple_of(4)))??;
    (end == index_at).then_some((head, blocks))
}

fn crc(bytes: &[u8]) -> [u8; 4] {
    let mut crc = flate2::Crc::new();
    crc.update(bytes);
    crc.sum().to_le_bytes()
}

/// The blocks that an index describes, without its check.
fn records(index: &[u8]) -> Option<Vec<Block>> {
    let mut rest = index.strip_prefix(&[0])?;
    let count = number(&mut rest)?;
    let (mut blocks, mut offset) = (Vec::new(), HEAD);
    for _ in 0..count {
        // Each takes two bytes and more, so that a wrong number ends soon.
        let (packed, size) = (number(&mut rest)?, number(&mut rest)?);
        blocks.push(Block { offset, packed, size });
        offset = offset.checked_add(packed.checked_next_multiple_of(4)?)?;
    }
    Some(blocks)
}

/// A number of up to 63 bits: seven bits a byte, the lowest first.
fn number(bytes: &mut &[u8]) -> Option<u64> {
    let mut number = 0;
    for shift in (0..63).step_by(7) {
        let (&byte, rest) = bytes.split_first()?;
        *bytes = rest;
        number |= u64::from(byte & 0x7f) << shift;
        if byte & 0x80 == 0 {
            return Some(number);
        }
    }
    None
}

/// A file from a place on, whatever others read of it.
struct FileFrom {
    file: Arc<File>,
    at: u64,
}

impl Read for FileFrom {
    fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
        let count = self.file.read_at(out, self.at)?;
        self.at += count as u64;
        Ok(count)
    }
}

#[cfg(test)]
mod tests {
    use std::io::Write;

    use liblzma::stream::Check;
    use liblzma::write::XzEncoder;

    use super::*;

    fn packed(bytes: &[u8], block: usize) -> File {
        let encoder = Stream::new_easy_encoder(1, Check::Crc64).unwrap();
        let mut packed = XzEncoder::new_stream(tempfile::tempfile().unwrap(), encoder);
        for block in bytes.chunks(block) {
            packed.write_all(block).unwrap();
            // A block ends here.
            packed.flush().unwrap();
        }
        packed.finish().unwrap()
    }

    fn log() -> Vec<u8> {
        (0..1_000_000_u32).flat_map(|number| (number / 7).wrapping_mul(0x9e37_79b9).to_le_bytes()).collect()
    }

    fn read(mut reader: impl Read) -> (Vec<u8>, Option<String>) {
        let mut bytes = Vec::new();
        let error = reader.read_to_end(&mut bytes).err();
        (bytes, error.map(|error| error.to_string()))
    }

    fn of(file: &File) -> Option<XzBlocks> {
        XzBlocks::of(file, Jobs::new(3), &Arc::default())
    }

    #[test]
    fn all_blocks_in_order() {
        let log = log();
        let file = packed(&log, 300_000);
        let blocks = of(&file).unwrap();
        assert_eq!(blocks.blocks.len(), 14);
        assert_eq!(read(blocks), (log, None));
    }

    #[test]
    fn other_files_are_none_of_these() {
        assert!(of(&packed(&log(), 1 << 30)).is_none(), "one block");
        assert!(of(&packed(&log(), 30_000)).is_none(), "blocks that are too small");
        let two = packed(&log(), 300_000);
        let mut end = two.try_clone().unwrap();
        io::Seek::seek(&mut end, io::SeekFrom::End(0)).unwrap();
        end.write_all(&[0; 4]).unwrap();
        assert!(of(&two).is_none(), "padding behind the stream");
        let mut text = tempfile::tempfile().unwrap();
        text.write_all(b"\xfd7zXZ\0 and no more").unwrap();
        assert!(of(&text).is_none());
    }

    /// Wherever a byte is wrong: the bytes and the error are those of one decoder.
    #[test]
    fn damage_is_read_as_by_one_decoder() {
        let log = log();
        let file = packed(&log, 300_000);
        let len = file.metadata().unwrap().len();
        for at in (0..len).step_by(len as usize / 23).chain([7, 13, len - 40, len - 10, len - 1]) {
            let mut byte = [0];
            file.read_exact_at(&mut byte, at).unwrap();
            file.write_all_at(&[!byte[0]], at).unwrap();
            let whole = Arc::new(file.try_clone().unwrap());
            let alone = Compression::Xz.decode(FileFrom { file: whole, at: 0 }).unwrap();
            if let Some(blocks) = of(&file) {
                let (alone, together) = (read(alone), read(blocks));
                assert!(together.1.is_some(), "byte {at}");
                assert!(alone == together, "byte {at}: {} {:?}", together.0.len(), together.1);
            } else {
                assert!(read(alone).1.is_some(), "byte {at}");
            }
            file.write_all_at(&byte, at).unwrap();
        }
        assert_eq!(read(of(&file).unwrap()), (log, None));
    }
}
