// SPDX-License-Identifier: BSD-2-Clause
//! A program that is interrupted leaves no half-written file.
//!
//! [`UnfinishedFiles`] has the names of files being written. A thread waits for SIGINT, SIGTERM and SIGHUP,
//! removes them, and lets the signal end the program as usual. A flag that the work checks would not be
//! enough: a read from a terminal or a pipe may never return.
//!
//! A signal that is ignored when the program starts (nohup(1), the `&` of a script) stays so.

use std::collections::BTreeSet;
use std::io;
use std::path::{Path, PathBuf};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use signal_hook::iterator::Signals;
use signal_hook::low_level::emulate_default_handler;

/// The files that are being written; they are removed if the program is interrupted.
#[derive(Clone, Debug, Default)]
pub struct UnfinishedFiles(Arc<Mutex<BTreeSet<PathBuf>>>);

impl UnfinishedFiles {
    /// Begins to wait for signals; to be called once, by the program.
    ///
    /// # Errors
    /// The system's, if there cannot be a handler or a thread.
    pub fn remove_on_signals(&self) -> io::Result<()> {
        let status = std::fs::read_to_string("/proc/self/status").ok();
        let mut signals = Signals::new(caught(status.as_deref()))?;
        let files = self.clone();
        std::thread::Builder::new().name("signals".into()).spawn(move || {
            for signal in signals.forever() {
                // Held to the end: no file is made or finished any more.
                let unfinished = files.lock();
                for path in unfinished.iter() {
                    // It may not exist any more. Other errors cannot be reported here.
                    let _ = std::fs::remove_file(path);
                }
                let _ = emulate_default_handler(signal);
            }
        })?;
        Ok(())
    }

    /// Makes a file and takes note of it in one step: no signal comes between.
    ///
    /// # Errors
    /// Those of `make`.
    pub(crate) fn make<T>(
        &self,
        make: impl FnOnce() -> io::Result<T>,
        path: impl FnOnce(&T) -> &Path,
    ) -> io::Result<(T, UnfinishedGuard)> {
        let mut unfinished = self.lock();
        let made = make()?;
        let path = path(&made).to_owned();
        unfinished.insert(path.clone());
        drop(unfinished);
        Ok((made, UnfinishedGuard { path, files: self.clone() }))
    }

    /// Does what must not be interrupted. Nothing of it may make or finish one of these files.
    #[cfg(feature = "parquet")]
    pub(crate) fn undisturbed<T>(&self, work: impl FnOnce() -> T) -> T {
        let _held = self.lock();
        work()
    }

    /// What happens under the lock cannot leave the set half-changed.
    fn lock(&self) -> MutexGuard<'_, BTreeSet<PathBuf>> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A file that is removed if the program is interrupted, until this is dropped.
pub(crate) struct UnfinishedGuard {
    path: PathBuf,
    files: UnfinishedFiles,
}

impl UnfinishedGuard {
    /// Finishes the file with `finish`, which gives it its name.
    pub(crate) fn finish<T>(&self, finish: impl FnOnce() -> T) -> T {
        let _held = self.files.lock();
        finish()
    }
}

impl Drop for UnfinishedGuard {
    fn drop(&mut self) {
        self.files.lock().remove(&self.path);
    }
}

/// The signals to wait for. `status` is what Linux says of the process; where nothing says which
/// signals are ignored, SIGHUP is left alone: nohup(1) is used more often than terminals go away.
fn caught(status: Option<&str>) -> Vec<i32> {
    let ignored = status
        .and_then(|status| status.lines().find_map(|line| line.strip_prefix("SigIgn:")))
        .and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok());
    let ignored = ignored.unwrap_or(1 << (SIGHUP - 1));
    [SIGHUP, SIGINT, SIGTERM].into_iter().filter(|signal| ignored & 1 << (signal - 1) == 0).collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ignored_signals_stay_ignored() {
        let status = |mask: &str| format!("Name:\tbblog\nSigBlk:\t0000000000000000\nSigIgn:\t{mask}\n");
        assert_eq!(caught(Some(&status("0000000000001000"))), [SIGHUP, SIGINT, SIGTERM]);
        assert_eq!(caught(Some(&status("0000000000001003"))), [SIGTERM]);
        assert_eq!(caught(None), [SIGINT, SIGTERM]);
    }
}
