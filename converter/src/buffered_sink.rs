// SPDX-License-Identifier: BSD-2-Clause
//! Buffers that are filled in place and handed to the writer.

use std::io;

/// A buffer that is emptied into something when it is full.
pub trait BufferedSink {
    /// The buffer to append to: whole blocks, whole lines.
    ///
    /// # Errors
    /// There is nothing to write to.
    fn buffer(&mut self) -> io::Result<&mut Vec<u8>>;

    /// To be called when something was appended.
    ///
    /// # Errors
    /// The buffer was full and could not be written.
    fn appended(&mut self) -> io::Result<()>;

    /// Writes all of `bytes` behind what was appended before, and empties them. A sink that can writes them from where they
    /// are, without another buffer or thread.
    ///
    /// # Errors
    /// As for [`BufferedSink::appended`].
    fn write_out(&mut self, bytes: &mut Vec<u8>) -> io::Result<()> {
        self.buffer()?.append(bytes);
        self.appended()
    }

    /// Passes on what is there to the reader.
    ///
    /// # Errors
    /// It could not be written.
    fn show(&mut self) -> io::Result<()> {
        Ok(())
    }
}

/// What gathers in memory stays there.
impl BufferedSink for Vec<u8> {
    #[inline]
    fn buffer(&mut self) -> io::Result<&mut Vec<u8>> {
        Ok(self)
    }

    #[inline]
    fn appended(&mut self) -> io::Result<()> {
        Ok(())
    }
}
