// SPDX-License-Identifier: BSD-2-Clause
//! The system's log, by its own socket.
//!
//! syslog(3) is not used. It keeps a pointer to the program's name, opens the file of the time zone, and
//! connects again after a restart of syslogd(8); capability mode forbids the last two. The socket is opened
//! and connected before the sandbox is entered. If a datagram cannot be sent, because syslogd(8) was
//! restarted, that one and all later ones go through the *relay*: a broker process outside the sandbox, which
//! can connect again.
//!
//! A datagram is `<PRIORITY>bblogd[PID]: TEXT`, without a time: the log daemon adds that of its
//! arrival, in its own time zone.

use std::cell::RefCell;
use std::io;
use std::os::fd::{AsFd, BorrowedFd};
use std::os::unix::net::UnixDatagram;

use crate::log::level::Level;

/// Where syslogd(8) listens.
const SOCKET: &str = if cfg!(target_os = "freebsd") { "/var/run/log" } else { "/dev/log" };
/// LOG_DAEMON.
const FACILITY: u8 = 3;
/// Bytes of the largest datagram: less than the least limit of a system (2048).
pub const MAX_DATAGRAM: usize = 2000;

/// Sends a datagram from outside the sandbox; `false` if that was not possible.
pub type SendDatagram = Box<dyn FnMut(&[u8]) -> bool>;

/// The system's log.
pub struct Syslog {
    socket: Option<UnixDatagram>,
    state: RefCell<State>,
}

struct State {
    /// Whether datagrams still go through the socket.
    connected: bool,
    relay: Option<SendDatagram>,
    /// Messages that could not be sent.
    lost: u64,
}

impl Syslog {
    /// Connects to the system's log, if it listens.
    pub fn connect() -> Syslog {
        let socket = connect().ok();
        let state = State { connected: socket.is_some(), relay: None, lost: 0 };
        Syslog { socket, state: RefCell::new(state) }
    }

    /// Sends datagrams through `relay` when the socket does not work any more.
    pub fn set_relay(&self, relay: SendDatagram) {
        self.state.borrow_mut().relay = Some(relay);
    }

    /// The socket, for the sandbox.
    pub fn descriptor(&self) -> Option<BorrowedFd<'_>> {
        self.socket.as_ref().map(AsFd::as_fd)
    }

    /// Sends a message. One that cannot be sent is counted, and the count is sent when that works.
    pub fn send(&self, level: Level, text: &str) {
        let lost = self.state.borrow().lost;
        if lost > 0
            && self.try_send(&datagram(Level::Warning, &format!("messages lost before this one: {lost}")))
        {
            self.state.borrow_mut().lost = 0;
        }
        if !self.try_send(&datagram(level, text)) {
            self.state.borrow_mut().lost += 1;
        }
    }

    fn try_send(&self, datagram: &[u8]) -> bool {
        let mut state = self.state.borrow_mut();
        if let (true, Some(socket)) = (state.connected, &self.socket) {
            match socket.send(datagram) {
                Ok(_) => return true,
                Err(error) if is_full(&error) => return false,
                Err(_) => state.connected = false,
            }
        }
        state.relay.as_mut().is_some_and(|relay| relay(datagram))
    }
}

/// A socket that is connected to the system's log and never blocks.
///
/// # Errors
/// The system's error: no process listens.
pub fn connect() -> io::Result<UnixDatagram> {
    let socket = UnixDatagram::unbound()?;
    socket.connect(SOCKET)?;
    socket.set_nonblocking(true)?;
    Ok(socket)
}

/// Whether `error` says that the log daemon is only too slow.
pub fn is_full(error: &io::Error) -> bool {
    error.kind() == io::ErrorKind::WouldBlock || error.raw_os_error() == Some(libc::ENOBUFS)
}

fn datagram(level: Level, text: &str) -> Vec<u8> {
    let mut datagram = format!("<{}>bblogd[{}]: {text}", FACILITY * 8 + level.severity(), std::process::id());
    let mut len = datagram.len().min(MAX_DATAGRAM);
    while !datagram.is_char_boundary(len) {
        len -= 1;
    }
    datagram.truncate(len);
    datagram.into_bytes()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn datagrams() {
        let pid = std::process::id();
        assert_eq!(datagram(Level::Error, "x: y"), format!("<27>bblogd[{pid}]: x: y").into_bytes());
        let long = datagram(Level::Info, &"\u{e9}".repeat(MAX_DATAGRAM));
        assert!(long.len() <= MAX_DATAGRAM && long.starts_with(b"<30>bblogd["));
        assert!(std::str::from_utf8(&long).is_ok());
    }
}
