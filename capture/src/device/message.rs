// SPDX-License-Identifier: BSD-2-Clause
//! The messages in the queue to the thread that writes.

use crate::device::buffer::Buffer;
use crate::failure::Failure;

/// Bytes of one buffer. Large enough for the largest event, small enough for the cache.
pub const CHUNK: usize = 128 * 1024;
/// Bytes of the buffer that the writer reads into itself: half of a processor's second cache.
pub const TURN: usize = 512 * 1024;
/// Bytes of the largest event, rounded up.
const MAX_EVENT: usize = 64 * 1024;

/// Where bytes come from.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Device {
    /// BBLog: `/dev/tcp_log`, or what takes its place.
    TcpLog,
    /// `/dev/eventlog`.
    Eventlog,
}

/// A message to the writer.
pub enum Message {
    /// Bytes of a device, in order.
    Data(DeviceChunk),
    /// The device of events had no more after a read that filled its buffer.
    Drained,
    /// How many events the kernel has dropped so far.
    KernelDrops(u64),
    /// A device has ended; the error, if it was not expected to end.
    Ended(Device, Result<(), Failure>),
    /// The process got a signal.
    Signal(Signal),
}

/// The request of a signal.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Signal {
    /// SIGTERM, SIGINT: drain, finish files, end. A second one does not wait for that.
    Stop,
    /// SIGHUP: open the index again.
    Reopen,
    /// SIGUSR1, SIGINFO: report the counters.
    Report,
}

/// Bytes as they were read.
pub struct DeviceChunk {
    /// Where from.
    pub device: Device,
    buffer: Buffer,
    len: usize,
}

impl DeviceChunk {
    /// The first `len` bytes of `buffer`.
    pub fn new(device: Device, buffer: Buffer, len: usize) -> DeviceChunk {
        let len = len.min(buffer.len());
        DeviceChunk { device, buffer, len }
    }

    /// The bytes.
    pub fn bytes(&self) -> &[u8] {
        &self.buffer[..self.len]
    }

    /// Whether an event more might not have fitted: the kernel gives whole ones only.
    pub fn is_full(&self) -> bool {
        self.len > self.buffer.len().saturating_sub(MAX_EVENT)
    }

    /// The buffer, to be filled again.
    pub fn into_buffer(self) -> Buffer {
        self.buffer
    }
}
