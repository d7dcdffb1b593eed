// SPDX-License-Identifier: BSD-2-Clause
//! How the threads that read devices are stopped.

use std::sync::atomic::{AtomicU8, Ordering};

/// Tells the threads to stop.
#[derive(Default)]
pub struct Stop(AtomicU8);

impl Stop {
    /// Asks for an end after what is there has been read.
    pub fn drain(&self) {
        self.0.fetch_max(1, Ordering::SeqCst);
    }

    /// Asks for an end at once.
    pub fn abort(&self) {
        self.0.fetch_max(2, Ordering::SeqCst);
    }

    /// Whether an end was asked for.
    pub fn is_set(&self) -> bool {
        self.0.load(Ordering::SeqCst) > 0
    }

    /// Whether an end at once was asked for.
    pub fn is_abort(&self) -> bool {
        self.0.load(Ordering::SeqCst) > 1
    }
}
