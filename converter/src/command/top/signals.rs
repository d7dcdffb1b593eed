// SPDX-License-Identifier: BSD-2-Clause
//! Signals while the terminal is taken.

use std::io;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};

use signal_hook::SigId;
use signal_hook::consts::{SIGCONT, SIGHUP, SIGINT, SIGQUIT, SIGTERM, SIGTSTP};
use signal_hook::low_level;

/// What ends the program.
const ENDS: [i32; 4] = [SIGHUP, SIGINT, SIGQUIT, SIGTERM];

/// The signals that wait to be acted on.
pub struct Signals {
    end: Arc<AtomicUsize>,
    stop: Arc<AtomicUsize>,
    go_on: Arc<AtomicUsize>,
    handlers: Vec<SigId>,
}

impl Signals {
    /// From now on signals wait.
    ///
    /// # Errors
    /// The system's.
    pub fn new() -> io::Result<Signals> {
        let mut signals = Signals {
            end: Arc::default(),
            stop: Arc::default(),
            go_on: Arc::default(),
            handlers: Vec::new(),
        };
        for signal in ENDS {
            signals.catch(signal, Arc::clone(&signals.end))?;
        }
        signals.catch(SIGTSTP, Arc::clone(&signals.stop))?;
        signals.catch(SIGCONT, Arc::clone(&signals.go_on))?;
        Ok(signals)
    }

    fn catch(&mut self, signal: i32, flag: Arc<AtomicUsize>) -> io::Result<()> {
        self.handlers.push(signal_hook::flag::register_usize(signal, flag, signal as usize)?);
        Ok(())
    }

    /// The signal that ends the program, if there was one.
    pub fn end(&self) -> Option<i32> {
        i32::try_from(self.end.load(Ordering::SeqCst)).ok().filter(|&signal| signal != 0)
    }

    /// Whether ^Z was typed since the last call.
    pub fn take_stop(&self) -> bool {
        self.stop.swap(0, Ordering::SeqCst) != 0
    }

    /// Whether the program was continued since the last call.
    pub fn take_go_on(&self) -> bool {
        self.go_on.swap(0, Ordering::SeqCst) != 0
    }
}

impl Drop for Signals {
    fn drop(&mut self) {
        for id in self.handlers.drain(..) {
            low_level::unregister(id);
        }
    }
}

/// Stops the program, until it is continued.
pub fn stop() {
    // What cannot be stopped goes on.
    let _ = low_level::emulate_default_handler(SIGTSTP);
}

/// Does what `signal` does to a program that does not catch it.
pub fn end_by(signal: i32) {
    let _ = low_level::emulate_default_handler(signal);
}
