// SPDX-License-Identifier: BSD-2-Clause
//! A window on a byte stream: what is in front can be looked at, and grows when asked.

use std::io::{self, Read};

/// Bytes asked of the system at once, and the window's usual size.
const CHUNK: usize = 256 * 1024;

/// What the windows of many inputs together begin with.
const ALL_CHUNKS: usize = 16 << 20;
/// The least bytes asked of the system at once.
const MIN_CHUNK: usize = 16 * 1024;

/// A buffered reader that can show any bounded number of bytes ahead without taking them.
///
/// Memory is what the largest [`Window::fill`] asked for, usually 256 KiB, whatever the size of
/// the input. The end of the input and a failed read look alike; [`Window::take_error`] tells
/// them apart.
pub struct Window {
    reader: Box<dyn Read + Send>,
    buffer: Vec<u8>,
    start: usize,
    end: usize,
    offset: u64,
    ended: bool,
    error: Option<io::Error>,
}

impl Window {
    /// A window on `reader`, at offset 0.
    pub fn new(reader: Box<dyn Read + Send>) -> Window {
        Window::one_of(reader, 1)
    }

    /// A window on `reader`, one of `inputs` that are read at a time and share the memory.
    pub fn one_of(reader: Box<dyn Read + Send>, inputs: usize) -> Window {
        let buffer = vec![0; (ALL_CHUNKS / inputs.max(1)).clamp(MIN_CHUNK, CHUNK)];
        Window { reader, buffer, start: 0, end: 0, offset: 0, ended: false, error: None }
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

    /// Shows at least `want` bytes, or all there are if the stream ends before.
    #[inline]
    pub fn fill(&mut self, want: usize) -> &[u8] {
        if self.end - self.start < want && !self.ended {
            self.read(want);
        }
        self.bytes()
    }

    #[cold]
    fn read(&mut self, want: usize) {
        self.buffer.copy_within(self.start..self.end, 0);
        self.end -= self.start;
        self.start = 0;
        if self.buffer.len() < want {
            self.buffer.resize(want, 0);
        }
        while self.end < want {
            match self.reader.read(&mut self.buffer[self.end..]) {
                Ok(0) => self.ended = true,
                Ok(read) => self.end += read,
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Err(error) => {
                    self.ended = true;
                    self.error = Some(error);
                }
            }
            if self.ended {
                return;
            }
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
