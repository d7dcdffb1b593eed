// SPDX-License-Identifier: BSD-2-Clause
//! Reads ahead: a thread reads and decompresses the next bytes while the last ones are processed.

use std::io::{self, Read};
use std::mem;
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::thread::JoinHandle;
use std::time::Duration;

/// Free bytes in front of a chunk: what is left of the last one goes there, so that the two need not
/// be copied together. The longest event of eventlog fits.
pub(super) const HEADROOM: usize = 64 * 1024;
/// The most bytes of a chunk.
const CHUNK: usize = 256 * 1024;
/// Buffers there are. Few, so that chunks are still in the processor's cache when they are looked at.
const BUFFERS: usize = 8;
/// Buffers that are returned at once: waking the reading thread for each would take longer than reading.
const AT_ONCE: usize = 4;

/// A reader in a thread of its own, which ends when this is dropped, or soon after.
pub(super) struct ReadAhead {
    chunks: Receiver<io::Result<ReadChunk>>,
    /// What was received to find out whether there is anything.
    received: Option<io::Result<ReadChunk>>,
    /// Buffers to be given back.
    empty: Vec<Vec<u8>>,
    spare: Sender<Vec<Vec<u8>>>,
    /// `None` once it was seen to end.
    thread: Option<JoinHandle<()>>,
}

/// The bytes of one read.
pub(super) struct ReadChunk {
    /// The buffer.
    pub(super) buffer: Vec<u8>,
    /// Where in it the bytes end that were read; they begin at [`HEADROOM`].
    pub(super) end: usize,
}

impl ReadAhead {
    /// Begins to read.
    ///
    /// # Errors
    /// The system's, if there cannot be a thread.
    pub(super) fn new(mut reader: Box<dyn Read + Send>) -> io::Result<ReadAhead> {
        let (full, chunks) = mpsc::channel();
        let (spare, given) = mpsc::channel::<Vec<Vec<u8>>>();
        let read = move || {
            let mut empty = vec![Vec::new(); BUFFERS];
            loop {
                let Some(mut buffer) = empty.pop() else {
                    match given.recv() {
                        Ok(more) => empty = more,
                        Err(_) => return,
                    }
                    continue;
                };
                buffer.resize(HEADROOM + CHUNK, 0);
                let chunk = match reader.read(&mut buffer[HEADROOM..]) {
                    Ok(0) => return,
                    Ok(read) => Ok(ReadChunk { buffer, end: HEADROOM + read }),
                    Err(error) if error.kind() == io::ErrorKind::Interrupted => {
                        empty.push(buffer);
                        continue;
                    }
                    Err(error) => Err(error),
                };
                let is_last = chunk.is_err();
                if full.send(chunk).is_err() || is_last {
                    return;
                }
            }
        };
        let thread = std::thread::Builder::new().name("reader".into()).spawn(read)?;
        Ok(ReadAhead { chunks, received: None, empty: Vec::new(), spare, thread: Some(thread) })
    }

    /// The next chunk, or `None` at the end.
    ///
    /// # Errors
    /// The reader's, after which there is nothing more.
    pub(super) fn next(&mut self) -> io::Result<Option<ReadChunk>> {
        if let Some(chunk) = self.received.take().or_else(|| self.chunks.recv().ok()) {
            return chunk.map(Some);
        }
        match self.thread.take().map(JoinHandle::join) {
            Some(Err(_)) => Err(io::Error::other("the thread that reads is gone")),
            Some(Ok(())) | None => Ok(None),
        }
    }

    /// Whether something comes next without waiting longer than this, the end included.
    pub(super) fn is_ready(&mut self, wait_ms: u16) -> bool {
        if self.received.is_none() {
            match self.chunks.recv_timeout(Duration::from_millis(wait_ms.into())) {
                Ok(chunk) => self.received = Some(chunk),
                Err(RecvTimeoutError::Timeout) => return false,
                Err(RecvTimeoutError::Disconnected) => {}
            }
        }
        true
    }

    /// Gives a buffer back, to be read into again.
    pub(super) fn give_back(&mut self, buffer: Vec<u8>) {
        self.empty.push(buffer);
        if self.empty.len() >= AT_ONCE {
            // They are not needed after the end.
            let _ = self.spare.send(mem::take(&mut self.empty));
        }
    }
}
