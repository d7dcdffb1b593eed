// SPDX-License-Identifier: BSD-2-Clause
//! The terminal's modes: set at the start, and restored at the end, after an error and after a panic.

use std::fs::File;
use std::io::{self, BufWriter, IsTerminal, Stdout};
use std::os::fd::{AsFd, OwnedFd};
use std::sync::Once;
use std::sync::atomic::{AtomicBool, Ordering};

use crossterm::cursor::Show;
use crossterm::terminal::{EnterAlternateScreen, LeaveAlternateScreen, disable_raw_mode, enable_raw_mode};
use crossterm::{ExecutableCommand, QueueableCommand};
use nix::sys::termios::{LocalFlags, SetArg, tcgetattr, tcsetattr};
use ratatui::Terminal;
use ratatui::backend::CrosstermBackend;

/// Whether the terminal is taken.
static IS_TAKEN: AtomicBool = AtomicBool::new(false);

/// The terminal while it is taken. It is given back when this is dropped, and when a thread panics.
pub struct Screen {
    /// What is drawn on.
    pub terminal: Terminal<CrosstermBackend<BufWriter<Stdout>>>,
    /// The terminal that keys come from.
    keys: OwnedFd,
}

/// Whether there is a terminal to draw on and one to read keys from.
pub fn is_there() -> bool {
    io::stdout().is_terminal() && keys().is_ok()
}

/// The terminal that keys come from: standard input, or the controlling terminal if the log comes from there.
fn keys() -> io::Result<OwnedFd> {
    if io::stdin().is_terminal() {
        return io::stdin().as_fd().try_clone_to_owned();
    }
    File::open("/dev/tty").map(OwnedFd::from)
}

impl Screen {
    /// Takes the terminal.
    ///
    /// # Errors
    /// The system's, if it is none.
    pub fn open() -> io::Result<Screen> {
        static HOOK: Once = Once::new();
        HOOK.call_once(|| {
            let before = std::panic::take_hook();
            std::panic::set_hook(Box::new(move |panic| {
                give_back();
                before(panic);
            }));
        });
        let keys = keys()?;
        take(&keys)?;
        let terminal = Terminal::new(CrosstermBackend::new(BufWriter::new(io::stdout())));
        match terminal {
            Ok(terminal) => Ok(Screen { terminal, keys }),
            Err(error) => {
                give_back();
                Err(error)
            }
        }
    }

    /// Gives the terminal back for a time, runs `meanwhile`, and takes it again.
    ///
    /// # Errors
    /// The system's.
    pub fn leave(&mut self, meanwhile: impl FnOnce()) -> io::Result<()> {
        give_back();
        meanwhile();
        take(&self.keys)?;
        self.terminal.clear()
    }
}

impl Drop for Screen {
    fn drop(&mut self) {
        give_back();
    }
}

/// Takes the terminal: no echo, keys at once, a screen of its own. The keys ^C, ^Z and ^\ remain signals to all
/// programs of the pipeline.
fn take(keys: &OwnedFd) -> io::Result<()> {
    enable_raw_mode()?;
    IS_TAKEN.store(true, Ordering::SeqCst);
    let mut modes = tcgetattr(keys)?;
    modes.local_flags.insert(LocalFlags::ISIG);
    tcsetattr(keys, SetArg::TCSANOW, &modes)?;
    io::stdout().execute(EnterAlternateScreen)?;
    Ok(())
}

/// Gives the terminal back, if it is taken. A terminal that is gone needs nothing.
fn give_back() {
    if !IS_TAKEN.swap(false, Ordering::SeqCst) {
        return;
    }
    let mut out = io::stdout();
    let _ = out.queue(LeaveAlternateScreen).and_then(|out| out.execute(Show)).map(drop);
    let _ = disable_raw_mode();
}
