// SPDX-License-Identifier: BSD-2-Clause
//! Signals, as messages in the queue.

use std::sync::Arc;
use std::thread;

use signal_hook::consts::{SIGHUP, SIGINT, SIGPIPE, SIGTERM, SIGUSR1, SIGUSR2, SIGXFSZ};
use signal_hook::iterator::Signals;

use crate::device::message::{Message, Signal};
use crate::device::queue::Queue;
use crate::failure::Failure;

/// Begins to turn signals into messages. To be called before other threads are made.
///
/// # Errors
/// A [`Failure`] of the system.
pub fn watch(queue: &Arc<Queue>) -> Result<(), Failure> {
    let mut watched = vec![SIGTERM, SIGINT, SIGHUP, SIGUSR1];
    // tcplog_dumper's threads were woken by SIGUSR2; here it is taken and does nothing. SIGPIPE
    // and SIGXFSZ become an error of the write that caused them.
    watched.extend([SIGUSR2, SIGPIPE, SIGXFSZ]);
    #[cfg(any(target_os = "freebsd", target_os = "macos"))]
    watched.push(libc::SIGINFO);
    let mut signals = Signals::new(watched).map_err(|error| Failure::io("signals", error))?;
    let queue = Arc::clone(queue);
    let named = thread::Builder::new().name("signals".into());
    let thread = named.spawn(move || {
        let mut stopping = false;
        for signal in signals.forever() {
            let meaning = match signal {
                // The reader of the output may be stuck. Unfinished files are left to
                // the next start, as after a kill.
                SIGTERM | SIGINT if stopping => std::process::exit(1),
                SIGTERM | SIGINT => {
                    stopping = true;
                    Signal::Stop
                }
                SIGHUP => Signal::Reopen,
                SIGUSR2 | SIGPIPE | SIGXFSZ => continue,
                _ => Signal::Report,
            };
            queue.push(Message::Signal(meaning));
        }
    });
    thread.map(drop).map_err(|error| Failure::io("signals", error))
}
