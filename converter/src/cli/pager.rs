// SPDX-License-Identifier: BSD-2-Clause
//! Where a listing goes: on a terminal through a pager, as git does it.

use std::io::{self, IsTerminal, Write};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use bblog_converter::output::Output;
use bblog_converter::{OutputError, WriteError};

/// An open listing.
pub enum Listing {
    /// To standard output.
    Direct(Output),
    /// To a pager.
    Paged {
        /// The pager.
        child: Child,
        /// What it reads.
        pipe: ChildStdin,
    },
}

impl Listing {
    /// Opens standard output; with `page` through a pager if it is a terminal.
    ///
    /// # Errors
    /// [`OutputError`]
    pub fn open(page: bool) -> Result<Listing, OutputError> {
        if page
            && io::stdout().is_terminal()
            && let Some((child, pipe)) = start()
        {
            // Ctrl-C is for the pager, which ends when the user says so; and when it ends, the
            // next write finds nobody there.
            let _ =
                signal_hook::flag::register(signal_hook::consts::SIGINT, Arc::new(AtomicBool::new(false)));
            return Ok(Listing::Paged { child, pipe });
        }
        Output::create(Path::new("-"), false).map(Listing::Direct)
    }

    /// Writes with `write`, then completes the output and waits for the pager.
    ///
    /// # Errors
    /// [`OutputError`]
    pub fn fill<T>(mut self, write: impl FnOnce(&mut Listing) -> io::Result<T>) -> Result<T, OutputError> {
        let written = write(&mut self);
        let ended = match self {
            Listing::Direct(output) => match written {
                Ok(_) => output.commit(),
                Err(_) => Ok(()),
            },
            Listing::Paged { mut child, pipe } => {
                drop(pipe);
                // How the pager ended says nothing about the listing.
                let _ = child.wait();
                Ok(())
            }
        };
        let written = written.map_err(|error| Output::error(Path::new("-"), WriteError::Io(error)))?;
        ended.map(|()| written)
    }
}

impl Write for Listing {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        match self {
            Listing::Direct(output) => output.write(bytes),
            Listing::Paged { pipe, .. } => pipe.write(bytes),
        }
    }

    fn flush(&mut self) -> io::Result<()> {
        match self {
            Listing::Direct(output) => output.flush(),
            Listing::Paged { pipe, .. } => pipe.flush(),
        }
    }
}

/// Starts `$PAGER`, or else less(1); `None` if there is to be none, or it cannot be started.
fn start() -> Option<(Child, ChildStdin)> {
    let pager = std::env::var("PAGER").unwrap_or_else(|_| "less".to_owned());
    if pager.trim().is_empty() || pager.trim() == "cat" {
        return None;
    }
    // By way of the shell, since PAGER may hold arguments.
    let mut command = Command::new("sh");
    command.arg("-c").arg(&pager).stdin(Stdio::piped());
    if std::env::var_os("LESS").is_none() {
        // Leave at once if all fits on the screen, let colours pass, do not clear the screen.
        command.env("LESS", "FRX");
    }
    let mut child = command.spawn().ok()?;
    let pipe = child.stdin.take()?;
    Some((child, pipe))
}

/// Whether to write colours: on a terminal, unless NO_COLOR or the terminal's type speak against.
pub fn colours() -> bool {
    anstream::AutoStream::choice(&io::stdout()) != anstream::ColorChoice::Never
}
