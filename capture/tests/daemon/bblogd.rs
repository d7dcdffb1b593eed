// SPDX-License-Identifier: BSD-2-Clause
//! Starting, stopping and watching the program.

use std::fs::{self, File, Permissions};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use nix::sys::signal::{Signal, kill};
use nix::unistd::{Pid, geteuid, mkfifo};
use tempfile::TempDir;

/// Nothing that a test waits for takes longer than this.
const PATIENCE: Duration = Duration::from_secs(60);

/// A folder for one test, in which every user may write.
pub struct Place(pub TempDir);

impl Place {
    /// An empty one.
    pub fn new() -> Place {
        let place = Place(tempfile::Builder::new().prefix("bblogd-").tempdir().unwrap());
        fs::set_permissions(place.path(), Permissions::from_mode(0o777)).unwrap();
        place
    }

    /// The folder itself.
    pub fn path(&self) -> &Path {
        self.0.path()
    }

    /// A path in it.
    pub fn join(&self, name: &str) -> PathBuf {
        self.0.path().join(name)
    }

    /// Where the program writes, unless a test says something else.
    pub fn out(&self) -> PathBuf {
        self.join("out")
    }

    /// A file in it that holds `bytes`.
    pub fn file(&self, name: &str, bytes: &[u8]) -> PathBuf {
        let path = self.join(name);
        fs::write(&path, bytes).unwrap();
        path
    }

    /// A FIFO in it that the test keeps open, so that there is no end before it closes it.
    pub fn fifo(&self, name: &str) -> (PathBuf, File) {
        let path = self.join(name);
        mkfifo(&path, nix::sys::stat::Mode::from_bits_truncate(0o666)).unwrap();
        let both = File::options().read(true).write(true).open(&path).unwrap();
        (path, both)
    }

    /// Names in a folder, sorted.
    pub fn names(folder: &Path) -> Vec<String> {
        let entries = folder.read_dir().into_iter().flatten().flatten();
        let mut names: Vec<_> = entries.map(|entry| entry.file_name().into_string().unwrap()).collect();
        names.sort();
        names
    }

    /// The finished files of the output folder, sorted, without the index.
    pub fn files(&self) -> Vec<PathBuf> {
        files(&self.out())
    }

    /// The index's lines, each of which is JSON.
    pub fn records(&self) -> Vec<serde_json::Value> {
        records(&self.out())
    }

    /// The program on this place: `-D out` and what `arguments` say.
    pub fn bblogd(&self, arguments: &[&str]) -> Command {
        let mut command = program();
        command.arg("-D").arg(self.out()).args(arguments);
        command
    }
}

/// The finished files of a folder.
pub fn files(folder: &Path) -> Vec<PathBuf> {
    let names = Place::names(folder).into_iter();
    names.filter(|name| name != "records" && !name.ends_with(".part")).map(|name| folder.join(name)).collect()
}

/// The lines of a folder's index.
pub fn records(folder: &Path) -> Vec<serde_json::Value> {
    let text = fs::read_to_string(folder.join("records")).unwrap_or_default();
    // The last line may be read while it is written.
    let whole = text.rfind('\n').map_or(0, |end| end + 1);
    text[..whole]
        .lines()
        .map(|line| serde_json::from_str(line).unwrap_or_else(|e| panic!("{e}: {line}")))
        .collect()
}

/// The program.
pub fn program() -> Command {
    Command::new(env!("CARGO_BIN_EXE_bblogd"))
}

/// Whether tests run as root; some can only show something then.
pub fn is_root() -> bool {
    geteuid().is_root()
}

/// A program that runs.
pub struct Daemon {
    child: Child,
    log: PathBuf,
}

/// Starts a program whose messages go to a file beside `place`.
pub fn start(place: &Place, mut command: Command) -> Daemon {
    let log = place.join(&format!("log-{}", Place::names(place.path()).len()));
    command.stdin(Stdio::null()).stdout(Stdio::null()).stderr(File::create(&log).unwrap());
    let mut daemon = Daemon { child: command.spawn().expect("bblogd starts"), log };
    until("signals to be heard", || daemon.hears() || daemon.has_ended(), String::new);
    daemon
}

impl Daemon {
    /// Its process id.
    pub fn pid(&self) -> i32 {
        self.child.id().try_into().unwrap()
    }

    /// Whether it catches SIGTERM by now. True where /proc does not show it.
    fn hears(&self) -> bool {
        let Ok(status) = fs::read_to_string(format!("/proc/{}/status", self.pid())) else { return true };
        let mask = status.lines().find_map(|line| line.strip_prefix("SigCgt:")).unwrap_or("0");
        u64::from_str_radix(mask.trim(), 16).unwrap() & 1 << (Signal::SIGTERM as u32 - 1) != 0
    }

    fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Sends it a signal.
    pub fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.pid()), signal).unwrap();
    }

    /// What it said so far.
    pub fn log(&self) -> String {
        fs::read_to_string(&self.log).unwrap()
    }

    /// Waits until it said `text`.
    pub fn wait_for(&self, text: &str) {
        until(&format!("\"{text}\""), || self.log().contains(text), || self.log());
    }

    /// Waits for its end.
    pub fn wait(mut self) -> (ExitStatus, String) {
        let begin = Instant::now();
        loop {
            if let Some(status) = self.child.try_wait().unwrap() {
                return (status, self.log());
            }
            if begin.elapsed() > PATIENCE {
                panic!("bblogd does not end; it said:\n{}", self.log());
            }
            thread::sleep(Duration::from_millis(5));
        }
    }

    /// Waits for its end, which must be a good one.
    pub fn ends_well(self) -> String {
        let (status, log) = self.wait();
        assert!(status.success(), "{status}: {log}");
        log
    }

    /// SIGTERM, after which its status must say that something was lost.
    pub fn stops_with_a_loss(self) -> String {
        self.signal(Signal::SIGTERM);
        let (status, log) = self.wait();
        assert_eq!(status.code(), Some(1), "{log}");
        log
    }

    /// SIGTERM, after which it must end well.
    pub fn stop(self) -> String {
        self.signal(Signal::SIGTERM);
        self.ends_well()
    }
}

impl Drop for Daemon {
    fn drop(&mut self) {
        // Nothing to do for one that has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Runs a program to its good end; what it said.
pub fn run(place: &Place, command: Command) -> String {
    start(place, command).ends_well()
}

/// Waits until something is the case.
pub fn until(what: &str, mut is: impl FnMut() -> bool, context: impl Fn() -> String) {
    let begin = Instant::now();
    while !is() {
        assert!(begin.elapsed() < PATIENCE, "waited in vain for {what}\n{}", context());
        thread::sleep(Duration::from_millis(5));
    }
}

/// The counters in its last report.
pub fn counter(log: &str, name: &str) -> u64 {
    let line = log.lines().rev().find(|line| line.contains("queue waits")).unwrap_or_else(|| panic!("{log}"));
    let line = line.trim_start_matches("bblogd: ");
    let found = line.split(", ").find_map(|part| part.strip_prefix(name)?.strip_prefix(' '));
    found.unwrap_or_else(|| panic!("{name}: {line}")).parse().unwrap()
}
