// SPDX-License-Identifier: BSD-2-Clause
//! A capture: starts the command, passes its output on to Wireshark's FIFO, and ends with the
//! command, with a signal, or with the reader of the FIFO, whichever is first.
//!
//! The command's standard input is a pipe that this program holds open and never writes to. bblogd
//! stops when it ends (`--exit-on-eof`), so that a killed capture leaves neither ssh nor bblogd
//! behind.
//!
//! The command's standard error is kept until the command has failed: Wireshark shows everything
//! that an extcap program writes there as an error, and bblogd also reports success there.

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
use crate::relay::{Beginning, Relay};

/// How long a command may take to end after SIGTERM.
const STOP_TIMEOUT: Duration = Duration::from_secs(3);
/// How many bytes of the end of the command's standard error are kept.
const STDERR_LEN: usize = 2048;
/// How many characters of what the command printed instead of a log are shown.
const PRINTED_LEN: usize = 500;

/// Captures until the command ends, or until Wireshark stops the capture.
///
/// # Errors
/// One line if the command cannot be run, fails by itself, or prints something that is no log.
pub fn run(args: &CaptureArgs) -> Result<(), String> {
    let output_error = |error| format!("{}: {error}", args.fifo.display());
    // Opening a FIFO waits for its reader. It comes first, whatever fails afterwards: dumpcap waits
    // for a writer, even if this program has ended.
    let fifo = OpenOptions::new().write(true).create(true).truncate(true).open(&args.fifo);
    let fifo = fifo.map_err(output_error)?;
    let words = command::command_line(args)?;
    let child_ended = signal_pipe(&[SIGCHLD])?;
    let stop_requested = signal_pipe(&[SIGTERM, SIGINT, SIGHUP])?;

    let (program, arguments) = words.split_first().ok_or("no command")?;
    let mut child = Command::new(program)
        .args(arguments)
        .stdin(Stdio::piped())
        .stdout(Stdio::piped())
        .stderr(Stdio::piped())
        .spawn()
        .map_err(|error| format!("{program}: {error}"))?;
    let _lifeline = child.stdin.take();
    let stdout = child.stdout.take().ok_or("the command has no standard output")?;
    let relay = Relay::start(stdout, fifo.try_clone().map_err(output_error)?).map_err(output_error)?;
    let stderr = StderrTail { pipe: child.stderr.take(), text: Vec::new() };

    let mut running = RunningCapture { child, fifo, child_ended, stop_requested, relay, stderr };
    let outcome = running.wait()?;
    let RunningCapture { mut child, relay, mut stderr, .. } = running;
    stderr.drain();
    let source = source(args, program);
    if let Some(Beginning::Log(greeting)) = relay.beginning()
        && !greeting.is_empty()
    {
        // Wireshark shows this to its user, who can mend the login shell's start files.
        eprintln!("bblogdump: {source}: printed \"{}\" before the log, left out", shown(greeting));
    }
    let printed = match relay.beginning() {
        Some(Beginning::Text(text)) if !text.is_empty() => {
            format!("printed \"{}\", expected a log in pcapng; ", shown(text))
        }
        _ => String::new(),
    };
    match outcome {
        WaitEnd::Stopped => stop(&mut child),
        WaitEnd::NoLog => {
            stop(&mut child)?;
            Err(format!("{source}: {printed}{}stopped", stderr.line()))
        }
        WaitEnd::Ended(status) => {
            relay.join().map_err(output_error)?;
            // The reader of the FIFO went away, and the command noticed that first.
            let reader_gone = status.signal() == Some(Signal::SIGPIPE as i32);
            if printed.is_empty() && (status.success() || reader_gone) {
                return Ok(());
            }
            Err(format!("{source}: {printed}{}{status}", stderr.line()))
        }
    }
}

/// The name of what failed, for messages: the server, or the program that was run here.
fn source(args: &CaptureArgs, program: &str) -> String {
    match (&args.server.remote_host, program) {
        (Some(host), "ssh") => format!("ssh to {host}"),
        _ => program.to_owned(),
    }
}

/// Why waiting ended.
enum WaitEnd {
    /// The command ended by itself, and all its output was passed on.
    Ended(ExitStatus),
    /// Wireshark stopped the capture.
    Stopped,
    /// The command still runs, but has printed too much that is no log.
    NoLog,
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

/// A capture under way.
struct RunningCapture {
    child: Child,
    fifo: File,
    child_ended: UnixStream,
    stop_requested: UnixStream,
    relay: Relay,
    stderr: StderrTail,
}

impl RunningCapture {
    fn wait(&mut self) -> Result<WaitEnd, String> {
        let gone = PollFlags::POLLERR | PollFlags::POLLHUP | PollFlags::POLLNVAL;
        let mut relaying = true;
        loop {
            let status = self.child.try_wait().map_err(|error| error.to_string())?;
            match status {
                Some(status) if !relaying => return Ok(WaitEnd::Ended(status)),
                None if self.relay.beginning().is_some_and(Beginning::is_too_long) => {
                    return Ok(WaitEnd::NoLog);
                }
                _ => {}
            }
            let mut fds = vec![
                PollFd::new(self.child_ended.as_fd(), PollFlags::POLLIN),
                PollFd::new(self.stop_requested.as_fd(), PollFlags::POLLIN),
                PollFd::new(self.fifo.as_fd(), PollFlags::empty()),
            ];
            if relaying {
                fds.push(PollFd::new(self.relay.finished(), PollFlags::POLLIN));
            }
            if let Some(pipe) = &self.stderr.pipe {
                fds.push(PollFd::new(pipe.as_fd(), PollFlags::POLLIN));
            }
            match poll(&mut fds, PollTimeout::NONE) {
                Ok(_) | Err(Errno::EINTR) => {}
                Err(error) => return Err(format!("poll: {error}")),
            }
            let mut events = fds.iter().map(|fd| fd.revents().unwrap_or(PollFlags::empty()));
            let mut next = || events.next().unwrap_or(PollFlags::empty());
            let (child_ended, stop, fifo) = (next(), next(), next());
            let relayed = relaying && !next().is_empty();
            let stderr = next();
            if !stop.is_empty() || fifo.intersects(gone) {
                return Ok(WaitEnd::Stopped);
            }
            relaying &= !relayed;
            if !stderr.is_empty() {
                self.stderr.read();
            }
            if !child_ended.is_empty() {
                // One byte for each signal; try_wait gives its meaning.
                let _ = self.child_ended.read(&mut [0; 64]);
            }
        }
    }
}

/// Ends the command: bblogd writes the records it has, and ssh closes the connection.
fn stop(child: &mut Child) -> Result<(), String> {
    let pid = Pid::from_raw(i32::try_from(child.id()).map_err(|error| error.to_string())?);
    // It may have ended meanwhile.
    let _ = kill(pid, Signal::SIGTERM);
    let end = Instant::now() + STOP_TIMEOUT;
    while child.try_wait().map_err(|error| error.to_string())?.is_none() {
        if Instant::now() >= end {
            child.kill().and_then(|()| child.wait()).map_err(|error| error.to_string())?;
            break;
        }
        sleep(Duration::from_millis(20));
    }
    Ok(())
}

/// The end of the command's standard error.
struct StderrTail {
    pipe: Option<ChildStderr>,
    text: Vec<u8>,
}

impl StderrTail {
    /// Reads what is there, once.
    fn read(&mut self) {
        let mut bytes = [0; 4096];
        match self.pipe.as_mut().map(|pipe| pipe.read(&mut bytes)) {
            Some(Ok(0)) => self.pipe = None,
            Some(Ok(len)) => {
                self.text.extend_from_slice(&bytes[..len]);
                self.text.drain(..self.text.len().saturating_sub(STDERR_LEN));
            }
            Some(Err(error)) if error.kind() == ErrorKind::Interrupted => {}
            Some(Err(_)) | None => self.pipe = None,
        }
    }

    /// Reads what the command left behind, without waiting for more: another process may hold the
    /// pipe open, as ssh's ControlPersist does.
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

    /// All of it as the middle of a line.
    fn line(&self) -> String {
        let line = one_line(&self.text);
        if line.is_empty() { line } else { line + "; " }
    }
}

/// Text of another machine in one line, without control characters.
fn one_line(text: &[u8]) -> String {
    let text = String::from_utf8_lossy(text);
    let lines = text.lines().map(|line| line.replace(changes_display, " "));
    let lines: Vec<String> =
        lines.map(|line| line.trim().to_owned()).filter(|line| !line.is_empty()).collect();
    lines.join("; ")
}

/// Whether a character acts on a terminal, is not seen, or turns the direction of the text around it.
fn changes_display(c: char) -> bool {
    c.is_control()
        || matches!(c, '\u{61c}' | '\u{200b}'..='\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2060}'..='\u{206f}')
        || matches!(c, '\u{feff}' | '\u{e0000}'..='\u{e0fff}')
}

/// The beginning of a text of another machine, in one line.
fn shown(text: &[u8]) -> String {
    let line = one_line(text);
    match line.char_indices().nth(PRINTED_LEN) {
        Some((at, _)) => format!("{}...", &line[..at]),
        None => line,
    }
}
