// SPDX-License-Identifier: BSD-2-Clause
//! The threads that read devices, and how they are stopped.

use std::os::fd::OwnedFd;
use std::sync::Arc;
use std::sync::atomic::{AtomicU8, Ordering};

/// A request to a thread that reads a device.
#[derive(Default)]
pub struct StopRequest(AtomicU8);

impl StopRequest {
    /// Requests an end after pending data has been read.
    pub fn drain(&self) {
        self.0.fetch_max(1, Ordering::SeqCst);
    }

    /// Requests an end at once.
    pub fn abort(&self) {
        self.0.fetch_max(2, Ordering::SeqCst);
    }

    /// Whether an end was requested.
    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::SeqCst) > 0
    }

    /// Whether an end at once was requested.
    pub fn is_abort(&self) -> bool {
        self.0.load(Ordering::SeqCst) > 1
    }
}

/// The threads that read devices.
pub struct DeviceThreads {
    /// Stops the thread that reads BBLog.
    pub tcp_log: Arc<StopRequest>,
    /// Stops the thread that reads events.
    pub eventlog: Arc<StopRequest>,
    /// The write end of a pipe; closing it wakes the thread that reads BBLog.
    pub wake: Option<OwnedFd>,
    /// Threads that have not ended.
    pub running: usize,
}

impl DeviceThreads {
    /// No thread yet; closing `wake` is going to wake the one that reads BBLog.
    pub fn new(wake: OwnedFd) -> DeviceThreads {
        DeviceThreads { tcp_log: Arc::default(), eventlog: Arc::default(), wake: Some(wake), running: 0 }
    }

    /// Ends all threads after pending data has been read.
    pub fn drain(&mut self) {
        self.tcp_log.drain();
        self.eventlog.drain();
        self.wake = None;
    }

    /// Ends all threads at once.
    pub fn abort(&mut self) {
        self.eventlog.abort();
        self.abort_tcp_log();
    }

    /// Ends the thread that reads BBLog at once.
    pub fn abort_tcp_log(&mut self) {
        self.tcp_log.abort();
        self.wake = None;
    }
}
