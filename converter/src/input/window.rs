// SPDX-License-Identifier: BSD-2-Clause
//! A window on a byte stream. It shows the next bytes, and grows on request.

use std::io::{self, Read};
use std::mem;
use std::sync::Arc;
use std::time::{Duration, Instant};

use super::read_ahead::{HEADROOM, ReadAhead, ReadChunk};

/// Bytes of one read, and the window's usual size.
const CHUNK: usize = 256 * 1024;

/// The memory that the windows of many inputs share at first.
const ALL_CHUNKS: usize = 16 << 20;
/// The smallest size of one read.
const MIN_CHUNK: usize = 16 * 1024;
/// Inputs from which on none is read ahead.
const MANY: usize = 5;
/// Bytes after which an input is long enough to be read ahead.
const LONG: u64 = 1 << 20;

/// Whether bytes of a live input can be read, after waiting for them at most so many milliseconds.
pub type Ready = Arc<dyn Fn(u16) -> bool + Send + Sync>;

/// How long a live input may pause before what looks ahead takes what there is, milliseconds.
const PAUSE_MS: u16 = 100;

/// A buffered reader that can show any bounded number of bytes ahead without taking them. A long
/// input is read by a thread of its own, unless it is one of many.
///
/// Memory is what the largest [`Window::fill`] requested and 512 KiB, usually 256 to 512 KiB, and 2.5 MiB for a thread,
/// for an input of any size. The end of the input and a failed read look alike;
/// [`Window::take_error`] distinguishes them.
pub struct Window {
    reader: Reader,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    /// Bytes of one read.
    chunk: usize,
    offset: u64,
    error: Option<io::Error>,
    /// Of an input that may pause: a pipe, a device, a terminal.
    ready: Option<Ready>,
}

enum Reader {
    /// Is read when there is need; whether ahead later on.
    Here(Box<dyn Read + Send>, bool),
    Ahead(ReadAhead),
    Ended,
}

impl Window {
    /// A window on `reader`, at offset 0.
    pub fn new(reader: Box<dyn Read + Send>) -> Window {
        Window::one_of(reader, 1)
    }

    /// A window on `reader`, one of `inputs` that are read at a time and share the memory.
    pub fn one_of(reader: Box<dyn Read + Send>, inputs: usize) -> Window {
        let chunk = (ALL_CHUNKS / inputs.max(1)).clamp(MIN_CHUNK, CHUNK);
        let reader = Reader::Here(reader, inputs < MANY);
        Window {
            reader,
            buffer: vec![0; chunk],
            start: 0,
            end: 0,
            chunk,
            offset: 0,
            error: None,
            ready: None,
        }
    }

    /// Never reads ahead. The window has room for two reads, so that what is left of one need not be moved before the next.
    pub(crate) fn read_behind(&mut self) {
        if let Reader::Here(_, ahead) = &mut self.reader {
            *ahead = false;
        }
        self.buffer.resize(self.buffer.len().max(2 * self.chunk), 0);
    }

    /// Takes the input as one that may pause, if there is a `ready`, which finds out whether it does.
    pub(super) fn set_live(&mut self, ready: Option<Ready>) {
        self.ready = ready;
    }

    /// What finds out whether the input pauses, if it may: for a window on what is made of its bytes.
    pub(super) fn ready(&self) -> Option<Ready> {
        self.ready.clone()
    }

    /// Whether the input is one that may pause.
    pub fn is_live(&self) -> bool {
        self.ready.is_some()
    }

    /// Whether there are fewer than `least` bytes here, and the input, a live one, has no more now.
    pub fn is_dry(&mut self, least: usize) -> bool {
        self.ready.is_some() && self.end - self.start < least && !self.is_ready(0)
    }

    /// Whether there are fewer than `least` bytes here, and the input, a live one, has no more within a moment.
    pub fn pauses(&mut self, least: usize) -> bool {
        self.is_dry(least) && !self.is_ready(PAUSE_MS)
    }

    fn is_ready(&mut self, wait_ms: u16) -> bool {
        match (&mut self.reader, &self.ready) {
            (Reader::Ahead(ahead), _) => ahead.is_ready(wait_ms),
            (Reader::Here(..), Some(ready)) => ready(wait_ms),
            (Reader::Here(..), None) | (Reader::Ended, _) => true,
        }
    }

    /// Shows `want` bytes, or fewer if the stream ends before, or is a live one that pauses.
    pub fn fill_ready(&mut self, want: usize) -> &[u8] {
        if self.ready.is_none() {
            return self.fill(want);
        }
        loop {
            let here = self.end - self.start;
            if here >= want || !self.is_ready(PAUSE_MS) || self.fill(here + 1).len() == here {
                return self.bytes();
            }
        }
    }

    /// Shows `want` bytes, or fewer if the stream ends before; of a live one those that come within a moment.
    pub fn fill_soon(&mut self, want: usize) -> &[u8] {
        if self.ready.is_none() {
            return self.fill(want);
        }
        let until = Instant::now() + Duration::from_millis(PAUSE_MS.into());
        loop {
            let here = self.end - self.start;
            let left = until.saturating_duration_since(Instant::now()).as_millis() as u16;
            if here >= want || left == 0 || !self.is_ready(left) || self.fill(here + 1).len() == here {
                return self.bytes();
            }
        }
    }

    /// The bytes that are here, to be put in another order.
    pub(crate) fn bytes_mut(&mut self) -> &mut [u8] {
        &mut self.buffer[self.start..self.end]
    }

    /// Bytes of one read.
    pub(crate) fn chunk(&self) -> usize {
        self.chunk
    }

    /// Offset of the first byte shown, from the beginning of the stream.
    pub fn offset(&self) -> u64 {
        self.offset
    }

    /// The bytes that are here already.
    #[inline]
    pub fn bytes(&self) -> &[u8] {
        &self.buffer[self.start..self.end]
    }

    /// Returns at least `want` bytes, or all that remain if the stream ends before.
    #[inline]
    pub fn fill(&mut self, want: usize) -> &[u8] {
        if self.end - self.start < want {
            self.read(want);
        }
        self.bytes()
    }

    /// Shows `want` bytes or fewer: those that are here if a read could have to wait.
    pub fn ahead(&mut self, want: usize) -> &[u8] {
        let bytes = if self.ready.is_some() { self.bytes() } else { self.fill(want) };
        &bytes[..want.min(bytes.len())]
    }

    /// Begins to read ahead, however short and one of how many the input is.
    pub(crate) fn read_ahead(&mut self) {
        self.begin_reading_ahead();
    }

    #[cold]
    fn read(&mut self, want: usize) {
        let is_long = self.offset + (self.end - self.start) as u64 >= LONG;
        if is_long && matches!(self.reader, Reader::Here(_, true)) {
            self.begin_reading_ahead();
        }
        while self.end - self.start < want {
            let read = match &mut self.reader {
                Reader::Ahead(ahead) => match ahead.next() {
                    Ok(Some(chunk)) => {
                        self.take(chunk, want);
                        continue;
                    }
                    Ok(None) => Ok(0),
                    Err(error) => Err(error),
                },
                Reader::Here(..) => self.read_here(want),
                Reader::Ended => return,
            };
            match read {
                Ok(0) => self.reader = Reader::Ended,
                Ok(read) => self.end += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.reader = Reader::Ended;
                    self.error = Some(error);
                }
            }
        }
    }

    fn begin_reading_ahead(&mut self) {
        if let Reader::Here(reader, _) = mem::replace(&mut self.reader, Reader::Ended) {
            match ReadAhead::new(reader) {
                Ok(ahead) => self.reader = Reader::Ahead(ahead),
                Err(error) => self.error = Some(error),
            }
        }
    }

    /// Reads behind what is there: what is missing and no more if that is much, because what follows it would have to be
    /// moved when as much is wanted again.
    fn read_here(&mut self, want: usize) -> io::Result<usize> {
        let missing = want - (self.end - self.start);
        let count = if missing < self.chunk / 16 { self.chunk } else { missing };
        self.make_room(want, count);
        let Reader::Here(reader, _) = &mut self.reader else { return Ok(0) };
        reader.read(&mut self.buffer[self.end..self.end + count])
    }

    /// Takes a chunk that was read ahead.
    fn take(&mut self, chunk: ReadChunk, want: usize) {
        let ReadChunk { mut buffer, end } = chunk;
        let left = self.end - self.start;
        if left <= HEADROOM && self.buffer.len() <= buffer.len() {
            let begin = HEADROOM - left;
            buffer[begin..HEADROOM].copy_from_slice(&self.buffer[self.start..self.end]);
            mem::swap(&mut self.buffer, &mut buffer);
            (self.start, self.end) = (begin, end);
        } else {
            let bytes = &buffer[HEADROOM..end];
            self.make_room(want, bytes.len());
            self.buffer[self.end..self.end + bytes.len()].copy_from_slice(bytes);
            self.end += bytes.len();
        }
        if let Reader::Ahead(ahead) = &mut self.reader {
            ahead.give_back(buffer);
        }
    }

    /// Makes room for `want` bytes in all, and for `more` behind those that are there.
    fn make_room(&mut self, want: usize, more: usize) {
        let left = self.end - self.start;
        if left > 0 && self.start + want <= self.buffer.len() && self.end + more <= self.buffer.len() {
            return;
        }
        self.buffer.copy_within(self.start..self.end, 0);
        (self.start, self.end) = (0, left);
        let needed = want.max(left + more);
        if self.buffer.len() < needed {
            // With room for what comes before the next `want` bytes, so that these need not be moved.
            self.buffer.resize(needed + self.chunk, 0);
        }
    }

    /// Takes `count` bytes off the front; at most those that are here.
    #[inline]
    pub fn consume(&mut self, count: usize) {
        let count = count.min(self.end - self.start);
        self.start += count;
        self.offset += count as u64;
    }

    /// Takes `count` bytes off the front, reading as far as needed; returns how many there were.
    pub fn skip(&mut self, count: u64) -> u64 {
        let mut left = count;
        while left > 0 {
            let here = self.fill(1).len();
            if here == 0 {
                break;
            }
            let step = left.min(here as u64);
            self.consume(step as usize);
            left -= step;
        }
        count - left
    }

    /// Whether an error ended the stream that was not taken yet.
    pub fn has_error(&self) -> bool {
        self.error.is_some()
    }

    /// The error that ended the stream, once; `None` if it ended by itself or has not ended.
    pub fn take_error(&mut self) -> Option<io::Error> {
        self.error.take()
    }
}

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    /// Bytes that depend on where they stand, in reads of up to so many at a time; then an error, or the end.
    struct TestSource {
        at: usize,
        len: usize,
        most: usize,
        fails: bool,
    }

    fn byte(at: usize) -> u8 {
        (at.wrapping_mul(0x9e37_79b9) >> 13) as u8
    }

    impl Read for TestSource {
        fn read(&mut self, out: &mut [u8]) -> io::Result<usize> {
            let count = out.len().min(self.most).min(self.len - self.at);
            for (place, at) in out.iter_mut().zip(self.at..self.at + count) {
                *place = byte(at);
            }
            self.at += count;
            if count == 0 && mem::take(&mut self.fails) {
                Err(io::ErrorKind::BrokenPipe.into())
            } else {
                Ok(count)
            }
        }
    }

    proptest! {
        #![proptest_config(ProptestConfig { cases: 40, ..ProptestConfig::default() })]

        /// For all requests and both readers: the same bytes, once, in order.
        #[test]
        fn shows_every_byte_once(
            len in 0_usize..6 << 20,
            most in prop_oneof![1_000_usize..9_000, 200_000_usize..2 << 20],
            fails: bool,
            inputs in prop_oneof![Just(1), Just(MANY)],
            most_wanted in prop_oneof![Just(400_usize), Just(HEADROOM), Just(3 << 20)],
            steps in proptest::collection::vec((0.0..1.0, 1_usize..=100), 1..40),
        ) {
            let mut window = Window::one_of(Box::new(TestSource { at: 0, len, most, fails }), inputs);
            let mut steps = steps.into_iter().cycle();
            let mut at = 0;
            while at < len {
                let (part, percent) = steps.next().unwrap();
                let want = 1 + (part * most_wanted as f64) as usize;
                let shown = window.fill(want);
                prop_assert!(shown.len() >= want.min(len - at));
                prop_assert!(shown.iter().zip(at..).all(|(&found, at)| found == byte(at)));
                let taken = (shown.len() * percent).div_ceil(100);
                window.consume(taken);
                at += taken;
                prop_assert_eq!(window.offset(), at as u64);
            }
            prop_assert_eq!(at, len);
            prop_assert!(window.fill(1).is_empty());
            prop_assert_eq!(window.take_error().is_some(), fails);
            prop_assert!(window.fill(1).is_empty() && window.take_error().is_none());
        }
    }
}
