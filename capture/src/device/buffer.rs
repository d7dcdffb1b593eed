// SPDX-License-Identifier: BSD-2-Clause
//! Memory that devices are read into.
//!
//! It begins at a page. From a FIFO, whose bytes are in pages, the kernel copies three times as fast to the
//! beginning of a page as to the place that an allocator returns, 16 bytes into one.

use std::ops::{Deref, DerefMut};

const PAGE: usize = 4096;

/// Bytes from the beginning of a page on.
pub struct Buffer {
    memory: Vec<u8>,
    start: usize,
    len: usize,
}

impl Buffer {
    /// `len` bytes, all 0.
    pub fn new(len: usize) -> Buffer {
        let memory = vec![0; len + PAGE];
        // It may also be unknown: then it is somewhere else, and that is all.
        let start = memory.as_ptr().align_offset(PAGE);
        Buffer { memory, start: if start < PAGE { start } else { 0 }, len }
    }
}

impl Deref for Buffer {
    type Target = [u8];

    fn deref(&self) -> &[u8] {
        &self.memory[self.start..self.start + self.len]
    }
}

impl DerefMut for Buffer {
    fn deref_mut(&mut self) -> &mut [u8] {
        &mut self.memory[self.start..self.start + self.len]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_begins_at_a_page() {
        for len in [0, 1, 4095, 1 << 17] {
            let buffer = Buffer::new(len);
            assert_eq!((buffer.as_ptr() as usize % PAGE, buffer.len()), (0, len));
        }
    }
}
