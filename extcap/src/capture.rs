// SPDX-License-Identifier: BSD-2-Clause
//! A capture: the command writes into Wireshark's FIFO itself, and this program waits for what
//! comes first: the command's end, a signal, or a reader that is gone.
//!
//! The command's stderr is kept back until it has failed. Wireshark takes every word on an extcap
//! program's stderr for an error, and bblogd also says there what went well.

use std::fs::{File, OpenOptions};
use std::io::{ErrorKind, Read};
use std::os::fd::AsFd;
use std::os::unix::net::UnixStream;
use std::os::unix::process::ExitStatusExt;
use std::process::{Child, ChildStderr, Command, ExitStatus, Stdio};
use std::thread::sleep;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use signal_hook::consts::{SIGCHLD, SIGHUP, SIGINT, SIGTERM};
use signal_hook::low_level::pipe;

use crate::cli::CaptureArgs;
use crate::command;

/// How long a command may take to end after SIGTERM.
const PATIENCE: Duration = Duration::from_secs(3);
/// How much of the command's last words is kept.
const LAST_WORDS: usize = 2048;

/// Captures until the command ends or nobody reads any more.
///
/// # Errors
/// If the command cannot be run, or fails by itself: one line, with its last words.
pub fn run(args: &CaptureArgs) -> Result<(), String> {
    let words = command::words(args)?;
    // Waits for the reader, if it is a FIFO.
    let fifo = OpenOptions::new()
        .write(true)
        .create(true)
        .truncate(true)
        .open(&args.fifo)
        .map_err(|error| format!("{}: {error}", args.fifo.display()))?;
    let ended = signal_pipe(&[SIGCHLD])?;
    let told = signal_pipe(&[SIGTERM, SIGINT, SIGHUP])?;

    let (program, arguments) = words.split_first().ok_or("no command")?;
    let stdout = fifo.try_clone().map_err(|error| format!("{}: {error}", args.fifo.display()))?;
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(stdout)
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("{program}: {error}"))?;
    let stderr = child.stderr.take();
    let mut said = LastWords { pipe: stderr, text: Vec::new() };

    let outcome = wait(&mut child, &fifo, &ended, &told, &mut said)?;
    said.drain();
    match outcome {
        Outcome::Stopped => stop(&mut child),
        Outcome::Ended(status) if status.success() => Ok(()),
        // The reader went away, and the command met that first.
        Outcome::Ended(status) if status.signal() == Some(Signal::SIGPIPE as i32) => Ok(()),
        Outcome::Ended(status) => Err(format!("{}: {}{status}", place(args, program), said.line())),
    }
}

/// Who failed: the server, or the program that was run here.
fn place(args: &CaptureArgs, program: &str) -> String {
    match (&args.server.remote_host, program) {
        (Some(host), "ssh") => format!("ssh to {host}"),
        _ => program.to_owned(),
    }
}

/// Why waiting ended.
enum Outcome {
    /// The command ended by itself.
    Ended(ExitStatus),
    /// Wireshark wants no more.
    Stopped,
}

/// A socket that becomes readable when one of the signals arrives.
fn signal_pipe(signals: &[i32]) -> Result<UnixStream, String> {
    let open = || -> std::io::Result<UnixStream> {
        let (read, write) = UnixStream::pair()?;
        for &signal in signals {
            pipe::register(signal, write.try_clone()?)?;
        }
        Ok(read)
    };
    open().map_err(|error| format!("signals: {error}"))
}

fn wait(
    child: &mut Child,
    fifo: &File,
    ended: &UnixStream,
    told: &UnixStream,
    said: &mut LastWords,
) -> Result<Outcome, String> {
    let gone = PollFlags::POLLERR | PollFlags::POLLHUP | PollFlags::POLLNVAL;
    loop {
        if let Some(status) = child.try_wait().map_err(|error| error.to_string())? {
            return Ok(Outcome::Ended(status));
        }
        let mut fds = vec![
            PollFd::new(ended.as_fd(), PollFlags::POLLIN),
            PollFd::new(told.as_fd(), PollFlags::POLLIN),
            PollFd::new(fifo.as_fd(), PollFlags::empty()),
        ];
        if let Some(pipe) = &said.pipe {
            fds.push(PollFd::new(pipe.as_fd(), PollFlags::POLLIN));
        }
        match poll(&mut fds, PollTimeout::NONE) {
            Ok(_) | Err(Errno::EINTR) => {}
            Err(error) => return Err(format!("poll: {error}")),
        }
        let events: Vec<PollFlags> =
            fds.iter().map(|fd| fd.revents().unwrap_or(PollFlags::empty())).collect();
        if !events[1].is_empty() || events[2].intersects(gone) {
            return Ok(Outcome::Stopped);
        }
        if events.get(3).is_some_and(|event| !event.is_empty()) {
            said.read();
        }
        if !events[0].is_empty() {
            // One byte for each signal; what the signal means is asked of the child.
            let _ = (&mut &*ended).read(&mut [0; 64]);
        }
    }
}

/// Ends the command: bblogd writes what it has, and ssh closes the connection.
fn stop(child: &mut Child) -> Result<(), String> {
    let pid = Pid::from_raw(i32::try_from(child.id()).map_err(|error| error.to_string())?);
    // It may have ended meanwhile.
    let _ = kill(pid, Signal::SIGTERM);
    let end = Instant::now() + PATIENCE;
    while child.try_wait().map_err(|error| error.to_string())?.is_none() {
        if Instant::now() >= end {
            child.kill().and_then(|()| child.wait()).map_err(|error| error.to_string())?;
            break;
        }
        sleep(Duration::from_millis(20));
    }
    Ok(())
}

/// The end of what the command said on stderr.
struct LastWords {
    pipe: Option<ChildStderr>,
    text: Vec<u8>,
}

impl LastWords {
    /// Reads what is there.
    fn read(&mut self) {
        let mut bytes = [0; 4096];
        match self.pipe.as_mut().map(|pipe| pipe.read(&mut bytes)) {
            Some(Ok(0)) => self.pipe = None,
            Some(Ok(len)) => {
                self.text.extend_from_slice(&bytes[..len]);
                self.text.drain(..self.text.len().saturating_sub(LAST_WORDS));
            }
            Some(Err(error)) if error.kind() == ErrorKind::Interrupted => {}
            Some(Err(_)) | None => self.pipe = None,
        }
    }

    /// Reads what the command left behind. A process of its own may hold the pipe open (ssh's
    /// ControlPersist does): what is not there now is not waited for.
    fn drain(&mut self) {
        loop {
            let Some(pipe) = &self.pipe else { return };
            let mut fds = [PollFd::new(pipe.as_fd(), PollFlags::POLLIN)];
            if !matches!(poll(&mut fds, PollTimeout::ZERO), Ok(1..)) {
                return;
            }
            self.read();
        }
    }

    /// All in one line, without control characters: it comes from another machine.
    fn line(&self) -> String {
        let text = String::from_utf8_lossy(&self.text);
        let lines = text.lines().map(|line| line.replace(char::is_control, " "));
        let lines: Vec<String> =
            lines.map(|line| line.trim().to_owned()).filter(|line| !line.is_empty()).collect();
        if lines.is_empty() { String::new() } else { lines.join("; ") + "; " }
    }
}
