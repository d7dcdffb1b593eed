// SPDX-License-Identifier: BSD-2-Clause
//! What only the running kernel knows: its log version, its release, its ticks per second and the
//! names of its stacks.
//!
//! In capability mode these sysctls cannot be read, so a helper process that was started before
//! answers for them: one line asks, 4 bytes of length and the value come back.

use std::io::{self, Read, Write};
use std::num::NonZeroU32;
use std::os::fd::{AsFd, BorrowedFd};
use std::process::{Child, ChildStdin, ChildStdout, Command, Stdio};

use bblog_dissector::bblog::VERSION;
use bblog_dissector::spec::Kernel;
use bblog_pcapng::machine::{Fact, Machine};
use bblog_pcapng::stacks::StackNames;

use crate::failure::Failure;
use crate::os::sysctl;

/// The kernel's TCP stacks, as `struct tcp_function_info` array.
const FUNCTION_INFO: &str = "net.inet.tcp.function_info";
/// TCP_LOG_BUF_VER of the kernel.
const LOG_VERSION: &str = "net.inet.tcp.bb.log_version";
/// The kernel's release, as `uname -r` prints it.
const OS_RELEASE: &str = "kern.osrelease";
/// Ticks per second.
const HZ: &str = "kern.hz";
/// Bytes of one `struct tcp_function_info`.
const ELEMENT: usize = 72;
/// More than all stacks that can be loaded need.
const MAX_ANSWER: usize = 256 * ELEMENT;

/// Finds out whether the kernel's records are of the version that is read here.
///
/// # Errors
/// A [`Failure`]: they are of another.
pub fn check_version() -> Result<(), Failure> {
    match sysctl::integer(LOG_VERSION) {
        Some(found) if found != i64::from(VERSION) => {
            Err(Failure::new(LOG_VERSION, format_args!("{found}, expected {VERSION}")))
        }
        _ => Ok(()),
    }
}

/// The running kernel's release and its ticks per second.
pub fn machine() -> Machine {
    let release = sysctl::value(OS_RELEASE).unwrap_or_default();
    let release = release.split(|&b| b == 0).next().unwrap_or_default();
    let release = String::from_utf8_lossy(release).into_owned();
    let hz = sysctl::integer(HZ).and_then(|hz| NonZeroU32::new(u32::try_from(hz).ok()?));
    Machine {
        hz: hz.map(Fact::stated),
        kernel: Kernel::from_name(&release).map(|kernel| Fact::stated(kernel.into())),
        release: Some(release).filter(|release| !release.is_empty()),
        is_stack_inferred: false,
    }
}

/// The kernel's stacks.
pub fn stack_names() -> Option<StackNames> {
    sysctl::value(FUNCTION_INFO).map(|info| StackNames::from_function_info(&info))
}

/// Answers until the asker is gone: the helper process.
pub fn serve() {
    let (mut asked, mut answers) = (io::stdin().lock(), io::stdout().lock());
    let mut line = [0];
    while matches!(asked.read(&mut line), Ok(1)) {
        let info = sysctl::value(FUNCTION_INFO).unwrap_or_default();
        let info = &info[..info.len().min(MAX_ANSWER)];
        let sent = answers.write_all(&(info.len() as u32).to_le_bytes());
        if sent.and_then(|()| answers.write_all(info)).and_then(|()| answers.flush()).is_err() {
            return;
        }
    }
}

/// The helper, seen from the asker.
pub struct Helper {
    to: ChildStdin,
    from: ChildStdout,
    /// It ends when its standard input does.
    _process: Child,
}

impl Helper {
    /// Starts it.
    ///
    /// # Errors
    /// The system's.
    pub fn start() -> io::Result<Helper> {
        let mut process = Command::new(std::env::current_exe()?)
            .arg("ask-kernel")
            .current_dir("/")
            .stdin(Stdio::piped())
            .stdout(Stdio::piped())
            .stderr(Stdio::null())
            .spawn()?;
        match (process.stdin.take(), process.stdout.take()) {
            (Some(to), Some(from)) => Ok(Helper { to, from, _process: process }),
            _ => Err(io::ErrorKind::BrokenPipe.into()),
        }
    }

    /// The pipes' ends, to write and to read, for the sandbox.
    pub fn descriptors(&self) -> (BorrowedFd<'_>, BorrowedFd<'_>) {
        (self.to.as_fd(), self.from.as_fd())
    }

    /// Asks for the kernel's stacks.
    pub fn stack_names(&mut self) -> Option<StackNames> {
        self.to.write_all(b"\n").ok()?;
        let mut len = [0; 4];
        self.from.read_exact(&mut len).ok()?;
        let len = usize::try_from(u32::from_le_bytes(len)).ok().filter(|&len| len <= MAX_ANSWER)?;
        let mut info = vec![0; len];
        self.from.read_exact(&mut info).ok()?;
        (len > 0).then(|| StackNames::from_function_info(&info))
    }
}
