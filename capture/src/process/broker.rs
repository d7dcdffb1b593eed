// SPDX-License-Identifier: BSD-2-Clause
//! The broker: a process outside the sandbox that does what capability mode forbids. It reads the names of TCP
//! stacks and the limits of the kernel, and reaches a syslogd(8) that was restarted.
//!
//! It is started before the sandbox is entered, as the same user. A request is a letter. `S` and `K`
//! are answered by 4 bytes of length and the kernel's `struct tcp_function_info` array, or lines of
//! names and values of sysctls. `L` is followed by 4 bytes of length and a datagram for the system's log, and
//! answered by a byte: 1 if it was sent, else 0. The broker ends when its standard input does.

use std::fs::File;
use std::io::{self, Read, Write};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::net::UnixDatagram;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::rc::Rc;

use bblog_pcapng::stacks::StackNames;

use crate::device::kernel::{self, MAX_FUNCTION_INFO};
use crate::log::syslog::{self, MAX_DATAGRAM};

const STACKS: u8 = b'S';
const LIMITS: u8 = b'K';
const LOG: u8 = b'L';

/// Serves until the client is gone.
pub fn serve() {
    let (mut requests, mut answers) = (io::stdin().lock(), io::stdout().lock());
    let mut log = None;
    // An error is the client's end, too.
    while matches!(serve_one(&mut requests, &mut answers, &mut log), Ok(true)) {}
}

/// Serves one request; `false` at their end.
fn serve_one(
    requests: &mut impl Read,
    answers: &mut impl Write,
    log: &mut Option<UnixDatagram>,
) -> io::Result<bool> {
    let mut request = [0];
    if requests.read(&mut request)? == 0 {
        return Ok(false);
    }
    match request {
        [STACKS] => {
            let info = kernel::function_info().unwrap_or_default();
            answer(answers, &info[..info.len().min(MAX_FUNCTION_INFO)])?;
        }
        [LIMITS] => {
            let lines = kernel::limits().into_iter().map(|(name, value)| format!("{name} {value}\n"));
            answer(answers, lines.collect::<String>().as_bytes())?;
        }
        [LOG] => {
            let mut len = [0; 4];
            requests.read_exact(&mut len)?;
            let mut datagram = vec![0; (u32::from_le_bytes(len) as usize).min(MAX_DATAGRAM)];
            requests.read_exact(&mut datagram)?;
            answers.write_all(&[u8::from(send(log, &datagram))])?;
            answers.flush()?;
        }
        _ => return Ok(false),
    }
    Ok(true)
}

fn answer(answers: &mut impl Write, bytes: &[u8]) -> io::Result<()> {
    answers.write_all(&(bytes.len() as u32).to_le_bytes())?;
    answers.write_all(bytes)?;
    answers.flush()
}

/// Sends a datagram to the system's log; `false` if that was not possible. A socket that fails is opened again
/// once.
fn send(log: &mut Option<UnixDatagram>, datagram: &[u8]) -> bool {
    if let Some(socket) = log {
        match socket.send(datagram) {
            Ok(_) => return true,
            Err(error) if syslog::is_full(&error) => return false,
            Err(_) => *log = None,
        }
    }
    let Ok(socket) = syslog::connect() else { return false };
    let is_sent = socket.send(datagram).is_ok();
    *log = Some(socket);
    is_sent
}

/// The broker, seen from the client.
#[derive(Clone)]
pub struct Broker(Rc<Process>);

struct Process {
    to: File,
    from: File,
    /// It ends when its standard input does.
    _process: Child,
}

impl Broker {
    /// Starts it.
    ///
    /// # Errors
    /// The system's.
    pub fn start() -> io::Result<Broker> {
        let mut process = Command::new(std::env::current_exe()?)
            .arg("broker")
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            // An interrupt from the terminal is for the other process, which may still send messages.
            .process_group(0)
            .spawn()?;
        match (process.stdin.take(), process.stdout.take()) {
            (Some(to), Some(from)) => {
                let (to, from) = (File::from(OwnedFd::from(to)), File::from(OwnedFd::from(from)));
                Ok(Broker(Rc::new(Process { to, from, _process: process })))
            }
            _ => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }

    /// The pipes' ends, to write and to read, for the sandbox.
    pub fn descriptors(&self) -> (BorrowedFd<'_>, BorrowedFd<'_>) {
        (self.0.to.as_fd(), self.0.from.as_fd())
    }

    /// Requests the kernel's stacks.
    pub fn stack_names(&self) -> Option<StackNames> {
        let info = self.ask(STACKS)?;
        (!info.is_empty()).then(|| StackNames::from_function_info(&info))
    }

    /// Requests the kernel's limits.
    pub fn limits(&self) -> Vec<(String, i64)> {
        let answer = self.ask(LIMITS).unwrap_or_default();
        let line = |line: &str| {
            let (name, value) = line.split_once(' ')?;
            Some((name.to_owned(), value.parse().ok()?))
        };
        String::from_utf8_lossy(&answer).lines().filter_map(line).collect()
    }

    fn ask(&self, request: u8) -> Option<Vec<u8>> {
        let (mut to, mut from) = (&self.0.to, &self.0.from);
        to.write_all(&[request]).ok()?;
        let mut len = [0; 4];
        from.read_exact(&mut len).ok()?;
        let len = usize::try_from(u32::from_le_bytes(len)).ok().filter(|&len| len <= MAX_FUNCTION_INFO)?;
        let mut answer = vec![0; len];
        from.read_exact(&mut answer).ok()?;
        Some(answer)
    }

    /// Passes a datagram on to the system's log; `false` if that cannot be reached, or the broker is gone.
    pub fn log(&self, datagram: &[u8]) -> bool {
        let datagram = &datagram[..datagram.len().min(MAX_DATAGRAM)];
        let mut request = vec![LOG];
        request.extend_from_slice(&(datagram.len() as u32).to_le_bytes());
        request.extend_from_slice(datagram);
        let mut is_sent = [0];
        let answered =
            (&self.0.to).write_all(&request).and_then(|()| (&self.0.from).read_exact(&mut is_sent));
        answered.is_ok() && is_sent == [1]
    }
}
