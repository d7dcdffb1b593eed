// SPDX-License-Identifier: BSD-2-Clause
//! The output of a listing: through a pager on a terminal, as in git.

use std::io::{self, IsTerminal};
use std::path::Path;
use std::process::{Child, ChildStdin, Command, Stdio};
use std::sync::Arc;
use std::sync::atomic::AtomicBool;

use bblog_converter::output::Output;
use bblog_converter::{OutputError, WriteError};

/// An open listing.
pub struct Listing {
    output: Output,
    /// The pager, if there is one.
    pager: Option<Child>,
}

impl Listing {
    /// Opens standard output; with `page` through a pager if it is a terminal. Lines may be `coloured`.
    ///
    /// # Errors
    /// [`OutputError`]
    pub fn open(page: bool, coloured: bool) -> Result<Listing, OutputError> {
        if page
            && io::stdout().is_terminal()
            && let Some((child, pipe)) = start()
        {
            // Ctrl-C is for the pager, which ends when the user says so; and when it ends, the
            // next write finds no reader.
            let _ =
                signal_hook::flag::register(signal_hook::consts::SIGINT, Arc::new(AtomicBool::new(false)));
            return Ok(Listing { output: Output::pager(pipe, coloured), pager: Some(child) });
        }
        Ok(Listing { output: Output::text(coloured)?, pager: None })
    }

    /// Writes with `write`, then completes the output and waits for the pager.
    ///
    /// # Errors
    /// [`OutputError`]
    pub fn fill<T>(mut self, write: impl FnOnce(&mut Output) -> io::Result<T>) -> Result<T, OutputError> {
        let done = match write(&mut self.output) {
            Ok(value) => self.output.commit().map(|()| value),
            Err(error) => {
                // The pager reads up to the end.
                drop(self.output);
                Err(Output::error(Path::new("-"), WriteError::Io(error)))
            }
        };
        if let Some(mut pager) = self.pager {
            // The exit status of the pager says nothing about the listing.
            let _ = pager.wait();
        }
        done
    }
}

/// Starts `$PAGER`, or less(1) if it is not set. `None` if no pager is wanted, or it cannot be started.
///
/// The shell starts it, since PAGER may hold arguments. What a shell cannot find leaves its input unread,
/// and cat(1) takes its place: the lines appear in any case. Ctrl-C is for the pager, not for its shell.
fn start() -> Option<(Child, ChildStdin)> {
    let script = match std::env::var("PAGER") {
        Err(_) => "command -v less >/dev/null && exec less; exec cat".to_owned(),
        Ok(pager) if pager.trim().is_empty() || pager.trim() == "cat" => return None,
        Ok(pager) => format!("trap : INT\n{pager}\nstatus=$?; [ $status -ne 127 ] || exec cat; exit $status"),
    };
    let mut command = Command::new("sh");
    command.arg("-c").arg(script).stdin(Stdio::piped());
    if std::env::var_os("LESS").is_none() {
        // Leave at once if all fits on the screen, let colours pass, cut long lines, do not clear the screen.
        command.env("LESS", "FRSX");
    }
    let mut child = command.spawn().ok()?;
    let pipe = child.stdin.take()?;
    Some((child, pipe))
}

/// Whether to write colours: on a terminal, unless NO_COLOR is set or the terminal is dumb.
pub fn colours() -> bool {
    anstream::AutoStream::choice(&io::stdout()) != anstream::ColorChoice::Never
}

/// Columns of the lines of a listing: those that COLUMNS says, or else the terminal's; `None` if it goes
/// elsewhere.
pub fn width() -> Option<usize> {
    let said = std::env::var("COLUMNS").ok().and_then(|columns| columns.parse().ok());
    said.or_else(|| {
        let stdout = io::stdout();
        let size = terminal_size::terminal_size_of(&stdout)?;
        stdout.is_terminal().then_some(usize::from(size.0.0))
    })
    .filter(|&columns| columns > 0)
}
