// SPDX-License-Identifier: BSD-2-Clause
//! `/dev/tcp_log`, or a file, FIFO or standard input in its place.

use std::fs::File;
use std::io::{self, Read};
use std::os::fd::{AsFd, BorrowedFd, OwnedFd};
use std::os::unix::fs::{FileTypeExt, OpenOptionsExt};
use std::path::Path;
use std::sync::Arc;
use std::thread;
use std::time::{Duration, Instant};

use nix::errno::Errno;
use nix::fcntl::OFlag;
use nix::poll::{PollFd, PollFlags, PollTimeout, poll};

use crate::device::buffer::Buffer;
use crate::device::message::{CHUNK, Device, DeviceChunk, Message};
use crate::device::queue::Queue;
use crate::device::threads::StopRequest;
use crate::failure::Failure;
use crate::os::pipe;

/// How long a drain may take, if data arrives faster than it is read.
const DRAIN: Duration = Duration::from_secs(5);
/// How long after EBUSY, which says that the kernel had no memory for an entry, it is read again.
const BUSY: Duration = Duration::from_millis(50);
/// How often in a row a read may fail before the device is given up.
const FAILURES: u32 = 10;
/// What is passed on at once, and how many milliseconds less than that is kept.
const ENOUGH: usize = CHUNK / 2;
const MOMENT: u8 = 1;
/// How many milliseconds the writer waits in its turn before it gives it up: to wake the other thread costs more than
/// that a signal is late by so much.
const PATIENCE: u8 = 10;
/// The capacity that a pipe or FIFO is given.
const PIPE: i32 = 1 << 20;
/// Room in a buffer below which it is passed on.
const ROOM: usize = 32 * 1024;

/// The device, open.
pub struct TcpLog {
    file: Arc<File>,
    name: String,
    /// Whether it is a regular file, whose entries are old.
    pub is_file: bool,
    /// Whether a read of it never blocks.
    is_nonblocking: bool,
}

impl TcpLog {
    /// Opens the path `path`, or takes standard input if it is `-`.
    ///
    /// # Errors
    /// A [`Failure`].
    pub fn open(path: &Path) -> Result<TcpLog, Failure> {
        let failed = |error: io::Error| Failure::io(path.display(), error);
        let is_nonblocking = path != Path::new("-");
        let (file, name) = if !is_nonblocking {
            let stdin = io::stdin().as_fd().try_clone_to_owned();
            (File::from(stdin.map_err(failed)?), "standard input".to_owned())
        } else {
            // Without O_NONBLOCK the open of a FIFO would wait for its writer; reads never block
            // because poll says when.
            let flags = (OFlag::O_NONBLOCK | OFlag::O_CLOEXEC | OFlag::O_NOCTTY).bits();
            let opened = File::options().read(true).custom_flags(flags).open(path);
            (opened.map_err(failed)?, path.display().to_string())
        };
        let kind = file.metadata().map_err(failed)?.file_type();
        if kind.is_dir() {
            return Err(Failure::new(name, "is a directory, expected a device, FIFO or file"));
        }
        if kind.is_fifo() {
            pipe::enlarge(file.as_fd(), PIPE);
        }
        Ok(TcpLog { file: Arc::new(file), name, is_file: kind.is_file(), is_nonblocking })
    }

    /// Its path.
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The descriptor, for the sandbox.
    pub fn descriptor(&self) -> BorrowedFd<'_> {
        self.file.as_fd()
    }

    /// The device for the writer's turns.
    pub fn turns(&self) -> Turns {
        Turns { file: Arc::clone(&self.file), is_nonblocking: self.is_nonblocking }
    }

    /// Begins to read into `queue`; `wake` becomes readable when `stop` is set.
    ///
    /// # Errors
    /// A [`Failure`] of the system.
    pub fn start(mut self, queue: Arc<Queue>, stop: Arc<StopRequest>, wake: OwnedFd) -> Result<(), Failure> {
        let named = thread::Builder::new().name("tcp_log".into());
        let thread = named.spawn(move || {
            let result = self.run(&queue, &stop, wake.as_fd());
            queue.push(Message::Ended(Device::TcpLog, result));
        });
        thread.map(drop).map_err(|error| Failure::io("thread", error))
    }

    fn run(&mut self, queue: &Queue, stop: &StopRequest, wake: BorrowedFd<'_>) -> Result<(), Failure> {
        let (mut buffer, mut len) = (queue.buffer(Device::TcpLog), 0);
        let mut failures = 0;
        let mut drain_until = None;
        // Where there was something there may be more: read without polling before. A FIFO
        // without a writer, though, would report its end.
        let mut had_some = false;
        loop {
            if stop.is_abort() {
                return Ok(());
            }
            if stop.is_set() && drain_until.is_none() {
                drain_until = Some(Instant::now() + DRAIN);
            }
            // What was read is passed on before waiting for more, unless there is little of it and
            // more may be on its way.
            let wait = match (len, drain_until) {
                (_, Some(_)) | (ENOUGH.., _) => PollTimeout::ZERO,
                (0, None) => PollTimeout::NONE,
                (_, None) => PollTimeout::from(MOMENT),
            };
            let ready = had_some || {
                let ready = ready(self.file.as_fd(), wake, wait, drain_until.is_some());
                ready.map_err(|error| Failure::io(&self.name, error))?
            };
            had_some = false;
            if !ready {
                if len > 0 {
                    queue.push(Message::Data(DeviceChunk::new(Device::TcpLog, buffer, len)));
                    (buffer, len) = (queue.buffer(Device::TcpLog), 0);
                } else if drain_until.is_some() {
                    return Ok(());
                }
                continue;
            }
            if drain_until.is_some_and(|until| Instant::now() > until) {
                return self.last(queue, buffer, len);
            }
            match (&*self.file).read(&mut buffer[len..]) {
                Ok(0) => return self.last(queue, buffer, len),
                Ok(read) => {
                    failures = 0;
                    had_some = self.is_nonblocking;
                    len += read;
                    if CHUNK - len < ROOM {
                        queue.push(Message::Data(DeviceChunk::new(Device::TcpLog, buffer, len)));
                        (buffer, len) = (queue.buffer(Device::TcpLog), 0);
                    }
                }
                Err(error) if try_again(&error, &mut failures) => {}
                Err(error) => {
                    self.last(queue, buffer, len)?;
                    return Err(Failure::io(&self.name, error));
                }
            }
        }
    }

    fn last(&self, queue: &Queue, buffer: Buffer, len: usize) -> Result<(), Failure> {
        if len > 0 {
            queue.push(Message::Data(DeviceChunk::new(Device::TcpLog, buffer, len)));
        }
        Ok(())
    }
}

/// The device in the hands of the thread that writes; see [`Queue::begin_turn`].
pub struct Turns {
    file: Arc<File>,
    is_nonblocking: bool,
}

impl Turns {
    /// Reads in the device thread's place, if that rests. `None` if there is nothing: an end or an
    /// error shows again when the device thread reads.
    pub fn read(&self, queue: &Queue) -> Option<DeviceChunk> {
        let mut buffer = queue.begin_turn()?;
        let len = self.read_some(&mut buffer);
        queue.end_turn();
        if len == 0 {
            queue.give_back(buffer);
            return None;
        }
        Some(DeviceChunk::new(Device::TcpLog, buffer, len))
    }

    /// Reads what is there, or comes soon.
    fn read_some(&self, place: &mut [u8]) -> usize {
        if self.is_nonblocking {
            match (&*self.file).read(place) {
                Err(error) if error.kind() == io::ErrorKind::WouldBlock => {}
                read => return read.unwrap_or(0),
            }
        }
        let mut file = [PollFd::new(self.file.as_fd(), PollFlags::POLLIN)];
        let is_ready = poll(&mut file, PollTimeout::from(PATIENCE)).is_ok_and(|ready| ready > 0);
        if is_ready { (&*self.file).read(place).unwrap_or(0) } else { 0 }
    }
}

/// Whether a read that failed with `error` is to be tried again; waits before that if need be.
/// `failures` counts those in a row that ought not to happen.
fn try_again(error: &io::Error, failures: &mut u32) -> bool {
    match error.raw_os_error().map(Errno::from_raw) {
        Some(Errno::EINTR | Errno::EAGAIN) => {}
        Some(Errno::EBUSY) => thread::sleep(BUSY),
        _ if *failures < FAILURES => {
            *failures += 1;
            thread::sleep(BUSY);
        }
        _ => return false,
    }
    true
}

/// Whether `file` can be read without blocking. Waits up to `wait` until it can or `wake` says
/// that it is time to stop; `woken` says that this is known already.
fn ready(file: BorrowedFd<'_>, wake: BorrowedFd<'_>, wait: PollTimeout, woken: bool) -> Result<bool, Errno> {
    let mut both = [PollFd::new(file, PollFlags::POLLIN), PollFd::new(wake, PollFlags::POLLIN)];
    let watched = if woken { &mut both[..1] } else { &mut both[..] };
    match poll(watched, wait) {
        Ok(_) | Err(Errno::EINTR) => {}
        Err(error) => return Err(error),
    }
    // POLLHUP and POLLERR are seen by reading.
    Ok(both[0].any().unwrap_or(true))
}
