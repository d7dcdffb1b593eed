// SPDX-License-Identifier: BSD-2-Clause
//! Writes in the background: full buffers go to a thread, which hands them to the system while the next one
//! is filled.
//!
//! Copying into the page cache takes about as long as converting, so this saves up to half of the wall
//! time. Short outputs need no thread.

use std::io::{self, Write};
use std::mem;
use std::sync::mpsc::{self, Receiver, SyncSender};
use std::thread::JoinHandle;

/// Bytes given to the system at once: whole pages; parts of pages cost a quarter more.
const CHUNK: usize = 256 * 1024;
/// Bytes that a buffer takes: what made it full goes beyond a chunk.
const CAPACITY: usize = CHUNK + 16 * 1024;
/// Full buffers that wait. Few, so that they are still in the processor's cache when they are written.
const WAITING: usize = 6;

/// A buffered writer to `W`.
pub(crate) struct WriteBehind<W: Write + Send + 'static> {
    buffer: Vec<u8>,
    state: State<W>,
}

enum State<W> {
    /// Nothing is being written; the writer is here.
    Idle(W),
    /// The thread has the writer.
    Writing(Thread<W>),
    /// The writer was given back.
    Gone,
}

struct Thread<W> {
    full: SyncSender<Vec<u8>>,
    empty: Receiver<Vec<u8>>,
    /// It ends with the first error, or when nothing more can come, and gives the writer back.
    handle: JoinHandle<(W, io::Result<()>)>,
}

impl<W: Write + Send + 'static> WriteBehind<W> {
    pub(crate) fn new(writer: W) -> WriteBehind<W> {
        WriteBehind { buffer: Vec::with_capacity(CAPACITY), state: State::Idle(writer) }
    }

    /// Writes all there is and gives the writer back.
    ///
    /// # Errors
    /// Those of the writer, which is dropped then.
    pub(crate) fn into_inner(mut self) -> io::Result<W> {
        self.flush()?;
        match mem::replace(&mut self.state, State::Gone) {
            State::Idle(writer) => Ok(writer),
            State::Writing(_) | State::Gone => Err(gone()),
        }
    }

    /// The bytes to be written next, to append to.
    #[inline]
    pub(crate) fn buffer(&mut self) -> &mut Vec<u8> {
        &mut self.buffer
    }

    /// To be called when something was appended to the buffer.
    ///
    /// # Errors
    /// Those of the writer.
    #[inline]
    pub(crate) fn appended(&mut self) -> io::Result<()> {
        if self.buffer.len() < CHUNK { Ok(()) } else { self.hand_over() }
    }

    /// Writes all of `bytes`, behind what was appended before, without the thread.
    ///
    /// # Errors
    /// Those of the writer.
    pub(crate) fn write_through(&mut self, bytes: &[u8]) -> io::Result<()> {
        self.write_buffer()?.write_all(bytes)
    }

    /// The thread, which is started if nothing is being written.
    fn thread(&mut self) -> io::Result<&mut Thread<W>> {
        self.state = match mem::replace(&mut self.state, State::Gone) {
            State::Idle(writer) => State::Writing(Thread::start(writer)?),
            state => state,
        };
        match &mut self.state {
            State::Writing(thread) => Ok(thread),
            State::Idle(_) | State::Gone => Err(gone()),
        }
    }

    /// Gives a buffer to the thread.
    fn send(&mut self, full: Vec<u8>) -> io::Result<()> {
        // The thread does not listen any more only after an error.
        if self.thread()?.full.send(full).is_err() { self.end() } else { Ok(()) }
    }

    /// Gives the full chunks to the thread and goes on with another buffer.
    #[cold]
    fn hand_over(&mut self) -> io::Result<()> {
        let whole = self.buffer.len() / CHUNK * CHUNK;
        let mut next = self.thread()?.spare();
        next.extend(self.buffer.drain(whole..));
        let full = mem::replace(&mut self.buffer, next);
        self.send(full)
    }

    /// Writes all that was appended, and gives the writer, which no thread has then.
    fn write_buffer(&mut self) -> io::Result<&mut W> {
        self.end()?;
        let State::Idle(writer) = &mut self.state else { return Err(gone()) };
        writer.write_all(&self.buffer)?;
        self.buffer.clear();
        Ok(writer)
    }

    /// Waits until all that was handed over is written.
    fn end(&mut self) -> io::Result<()> {
        match mem::replace(&mut self.state, State::Gone) {
            State::Writing(thread) => {
                let (writer, written) = thread.join()?;
                self.state = State::Idle(writer);
                written
            }
            idle => {
                self.state = idle;
                Ok(())
            }
        }
    }
}

impl<W: Write + Send + 'static> Thread<W> {
    fn start(mut writer: W) -> io::Result<Thread<W>> {
        let (full, next) = mpsc::sync_channel::<Vec<u8>>(WAITING);
        let (back, empty) = mpsc::channel();
        let write = move || {
            for mut buffer in next {
                if let Err(error) = writer.write_all(&buffer) {
                    return (writer, Err(error));
                }
                buffer.clear();
                // It is not needed after the end.
                let _ = back.send(buffer);
            }
            (writer, Ok(()))
        };
        let handle = std::thread::Builder::new().name("writer".into()).spawn(write)?;
        Ok(Thread { full, empty, handle })
    }

    /// A buffer that was written, or a new one.
    fn spare(&self) -> Vec<u8> {
        self.empty.try_recv().unwrap_or_else(|_| Vec::with_capacity(CAPACITY))
    }

    /// The writer, when all that was handed over is written or could not be.
    fn join(self) -> io::Result<(W, io::Result<()>)> {
        drop(self.full);
        self.handle.join().map_err(|_| gone())
    }
}

impl<W: Write + Send + 'static> Write for WriteBehind<W> {
    #[inline]
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        // So much that memory does not grow with it.
        let bytes = bytes.get(..CHUNK).unwrap_or(bytes);
        self.buffer.extend_from_slice(bytes);
        self.appended()?;
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        self.write_buffer()?.flush()
    }
}

impl<W: Write + Send + 'static> Drop for WriteBehind<W> {
    /// The writer goes before this does: a file that is not wanted is removed by then.
    fn drop(&mut self) {
        // A caller that needs errors has flushed.
        let _ = self.end();
    }
}

/// The thread panicked, or could not be started: an error that is reported as an error.
#[cold]
fn gone() -> io::Error {
    io::Error::other("the thread that writes is gone")
}

#[cfg(test)]
mod tests {
    use std::sync::{Arc, Mutex};

    use super::*;

    /// Writes at most 1000 bytes at a time, and fails after a number of bytes.
    struct Disk(Arc<Mutex<Vec<u8>>>, usize);

    impl Write for Disk {
        fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
            let mut there = self.0.lock().unwrap();
            if there.len() >= self.1 {
                return Err(io::ErrorKind::StorageFull.into());
            }
            let part = &bytes[..bytes.len().min(1000)];
            there.extend_from_slice(part);
            Ok(part.len())
        }

        fn flush(&mut self) -> io::Result<()> {
            Ok(())
        }
    }

    #[test]
    fn everything_is_written_in_order() {
        let there = Arc::default();
        let mut writer = WriteBehind::new(Disk(Arc::clone(&there), usize::MAX));
        let mut expected = Vec::new();
        for number in 0..400_000_u32 {
            let bytes = number.to_le_bytes();
            writer.write_all(&bytes).unwrap();
            expected.extend_from_slice(&bytes);
            if number == 200_000 {
                writer.flush().unwrap();
                assert!(*there.lock().unwrap() == expected);
            }
        }
        let large = vec![7; 3 * CHUNK + 5];
        writer.write_all(&large).unwrap();
        expected.extend_from_slice(&large);
        drop(writer.into_inner().unwrap());
        assert!(*there.lock().unwrap() == expected);
        assert_eq!(Arc::strong_count(&there), 1);
    }

    #[test]
    fn what_is_written_through_keeps_its_place() {
        let there = Arc::default();
        let mut writer = WriteBehind::new(Disk(Arc::clone(&there), usize::MAX));
        let mut expected = Vec::new();
        for number in 0..200_u32 {
            let bytes = vec![number as u8; 3000 * (number as usize % 7)];
            expected.extend_from_slice(&bytes);
            writer.write_through(&bytes).unwrap();
            writer.write_all(&number.to_le_bytes()).unwrap();
            expected.extend_from_slice(&number.to_le_bytes());
        }
        drop(writer.into_inner().unwrap());
        assert!(*there.lock().unwrap() == expected);
    }

    #[test]
    fn errors_come_back() {
        for room in [0, 1000, CHUNK, 5 * CHUNK] {
            let there = Arc::default();
            let mut writer = WriteBehind::new(Disk(Arc::clone(&there), room));
            let bytes = [1; 4096];
            let written = (0..10 * CHUNK / bytes.len()).try_for_each(|_| writer.write_all(&bytes));
            let failed = written.and_then(|()| writer.flush());
            assert_eq!(failed.unwrap_err().kind(), io::ErrorKind::StorageFull);
            drop(writer);
            assert_eq!(Arc::strong_count(&there), 1, "the disk is given up");
        }
    }
}
