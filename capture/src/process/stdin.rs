// SPDX-License-Identifier: BSD-2-Clause
//! The end of standard input as a request to stop (`--exit-on-eof`).
//!
//! A program that starts bblogd, here or over ssh, holds the other end of standard input. However
//! it ends, the system closes that end. Without this bblogd would notice a reader that is gone only
//! at its next write, which may be never.

use std::io::{self, Read};
use std::sync::Arc;
use std::thread;

use crate::device::message::{Message, Signal};
use crate::device::queue::Queue;
use crate::failure::Failure;

/// Starts a thread that stops the capture when standard input ends or fails. What is read is
/// discarded.
///
/// # Errors
/// A [`Failure`] of the system: no thread can be made.
pub fn watch(queue: &Arc<Queue>) -> Result<(), Failure> {
    let queue = Arc::clone(queue);
    let named = thread::Builder::new().name("stdin".into());
    let thread = named.spawn(move || {
        let mut bytes = [0; 512];
        let mut stdin = io::stdin().lock();
        loop {
            match stdin.read(&mut bytes) {
                Ok(1..) => {}
                Err(error) if error.kind() == io::ErrorKind::Interrupted => {}
                Ok(0) | Err(_) => break,
            }
        }
        queue.push(Message::Signal(Signal::Stop));
    });
    thread.map(drop).map_err(|error| Failure::io("standard input", error))
}
