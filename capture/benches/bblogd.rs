// SPDX-License-Identifier: BSD-2-Clause
//! What bblogd costs: a stream of a million records goes through a FIFO into files, one for each
//! entry of 2,000 records, and for comparison the same number of bytes through a FIFO and `cat`
//! into a file, in turns: each run of bblogd is compared with the run of `cat` after it.
//!
//! The same with the stream on standard input, with one stream as output, and beside `/dev/eventlog`, which a
//! preloaded library plays and which has no events.
//!
//! ```sh
//! make bench-bblogd                       # or with BBLOG_BENCH_RECORDS=4000000, BBLOG_BENCH_RUNS=21
//! ```
//!
//! CPU time is that of the process alone (user and system), as the kernel counts it. What is printed
//! is the median of all runs, and the range.

#[path = "../tests/daemon/bblogd.rs"]
#[allow(dead_code, reason = "the tests' own")]
mod bblogd;
#[path = "../tests/daemon/devices.rs"]
#[allow(dead_code, reason = "the tests' own")]
mod devices;

use std::fs::{self, File};
use std::io::{self, Write};
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Instant;

use nix::sys::resource::{Usage, UsageWho, getrusage};
use nix::sys::stat::Mode;
use nix::sys::time::TimeValLike;
use nix::unistd::mkfifo;

use crate::devices::Kernel;

const ENTRY: usize = 2_000;

/// What a run of bblogd reads and writes.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Case {
    Files,
    Stdin,
    Stream,
    BothDevices,
}

impl Case {
    fn name(self) -> &'static str {
        match self {
            Case::Files => "from a FIFO into files",
            Case::Stdin => "from standard input into files",
            Case::Stream => "from a FIFO into one stream",
            Case::BothDevices => "from a FIFO and eventlog into files",
        }
    }

    fn command(self, fifo: &Path, out: &Path, kernel: &Kernel) -> Command {
        let mut command = Command::new(env!("CARGO_BIN_EXE_bblogd"));
        command.args(["--stack", "1=freebsd,2=rack,3=bbr", "-f"]);
        command.arg(if self == Case::Stdin { Path::new("-") } else { fifo });
        if nix::unistd::geteuid().is_root() {
            // It works in a folder that is root's.
            command.args(["-u", "root"]);
        }
        match self {
            Case::Stream => drop(command.args(["-o", "-"]).stdout(File::create(out).unwrap())),
            _ => drop(command.arg("-D").arg(out)),
        }
        if self == Case::BothDevices {
            kernel.preload(command.args(["--eventlog", "tcp"]));
        }
        command
    }
}

struct Cost {
    user: i64,
    system: i64,
    wall: i64,
    /// The most memory that it had so far when it had been fed, in kB, if the system says so.
    memory: Option<u64>,
}

impl Cost {
    fn cpu(&self) -> i64 {
        self.user + self.system
    }
}

/// Entries of a genuine connection's records, with new serial numbers.
struct Stream {
    header: Vec<u8>,
    records: Vec<Vec<u8>>,
}

impl Stream {
    fn genuine() -> Stream {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../tests/fixtures/rack_reqresp.tcplog");
        let bytes = fs::read(path).unwrap();
        let len = u64::from_le_bytes(bytes[8..16].try_into().unwrap()) as usize;
        Stream {
            header: bytes[..208].to_vec(),
            records: bytes[208..len].chunks_exact(328).map(<[u8]>::to_vec).collect(),
        }
    }

    fn write(&self, to: &mut impl Write, records: usize) -> io::Result<()> {
        let mut records_made = self.records.iter().cycle();
        let mut serials = [0_u32; 50];
        let mut entry = Vec::new();
        for number in 0..records.div_ceil(ENTRY) {
            let connection = number % serials.len();
            entry.clear();
            entry.extend_from_slice(&self.header);
            entry[8..16].copy_from_slice(&(208 + 328 * ENTRY as u64).to_le_bytes());
            entry[18..20].copy_from_slice(&(1000 + connection as u16).to_be_bytes());
            for record in records_made.by_ref().take(ENTRY) {
                let at = entry.len();
                entry.extend_from_slice(record);
                entry[at + 20..at + 24].copy_from_slice(&serials[connection].to_le_bytes());
                serials[connection] += 1;
            }
            to.write_all(&entry)?;
        }
        Ok(())
    }
}

/// What a child that reads `fifo`, or has it as standard input, costs while `feed` writes into it.
fn cost(mut command: Command, fifo: &Path, case: Case, feed: impl FnOnce(&mut File) + Send) -> Cost {
    let before = children();
    let begin = Instant::now();
    let memory = thread::scope(|scope| {
        let feeding = scope.spawn(|| feed(&mut File::options().write(true).open(fifo).unwrap()));
        if case == Case::Stdin {
            command.stdin(File::open(fifo).unwrap());
        }
        let mut child = command.stderr(Stdio::inherit()).spawn().unwrap();
        // Or else the FIFO has two readers.
        drop(command);
        feeding.join().unwrap();
        let memory = memory(child.id());
        if case == Case::BothDevices {
            // The other device has no end.
            nix::sys::signal::kill(
                nix::unistd::Pid::from_raw(child.id().try_into().unwrap()),
                nix::sys::signal::Signal::SIGTERM,
            )
            .unwrap();
        }
        let status = child.wait().unwrap();
        assert!(status.success(), "{status}");
        memory
    });
    let after = children();
    Cost {
        user: after.user_time().num_milliseconds() - before.user_time().num_milliseconds(),
        system: after.system_time().num_milliseconds() - before.system_time().num_milliseconds(),
        wall: i64::try_from(begin.elapsed().as_millis()).unwrap(),
        memory,
    }
}

/// The most memory that a running process had so far, in kB. The usage of children has the most that any of them
/// had, with the memory of this program before the `exec`, and a compiler's.
fn memory(process: u32) -> Option<u64> {
    let status = fs::read_to_string(format!("/proc/{process}/status")).ok()?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmHWM:"))?;
    line.trim().strip_suffix(" kB")?.parse().ok()
}

fn children() -> Usage {
    getrusage(UsageWho::RUSAGE_CHILDREN).unwrap()
}

fn from_environment(name: &str, default: usize) -> usize {
    std::env::var(name).map_or(default, |text| text.parse().expect("a number"))
}

fn main() {
    let records = from_environment("BBLOG_BENCH_RECORDS", 1_000_000);
    let runs = from_environment("BBLOG_BENCH_RUNS", 11);
    println!("{records} records; median (range) of {runs} runs");
    for case in [Case::Files, Case::Stdin, Case::Stream, Case::BothDevices] {
        compare(case, records, runs);
    }
}

fn compare(case: Case, records: usize, runs: usize) {
    // In memory, if it can be: a disk's file system costs both sides what it likes.
    let memory = Path::new("/dev/shm");
    let folder = if memory.is_dir() { memory } else { Path::new(env!("CARGO_TARGET_TMPDIR")) };
    let place = tempfile::tempdir_in(folder).unwrap();
    let fifo = place.path().join("fifo");
    mkfifo(&fifo, Mode::from_bits_truncate(0o666)).unwrap();
    let (stream, kernel) = (Stream::genuine(), Kernel::new());
    let (mut ours, mut cats) = (Vec::new(), Vec::new());
    let mut made = (0, 0);
    for run in 0..runs {
        let (out, copy) = (place.path().join(format!("out{run}")), place.path().join(format!("copy{run}")));
        let command = case.command(&fifo, &out, &kernel);
        ours.push(cost(command, &fifo, case, |to| stream.write(to, records).unwrap()));
        made = take_away(&out);
        let mut command = Command::new("cat");
        command.arg(&fifo).stdout(File::create(&copy).unwrap());
        cats.push(cost(command, &fifo, Case::Files, |to| write_bytes(to, made.1)));
        fs::remove_file(&copy).unwrap();
    }
    println!("{}: {} files, {} bytes", case.name(), made.0, made.1);
    print(&ours, &cats);
}

/// Removes the output; how many files and bytes there were.
fn take_away(out: &Path) -> (usize, u64) {
    if out.is_file() {
        let len = out.metadata().unwrap().len();
        fs::remove_file(out).unwrap();
        return (1, len);
    }
    let made: Vec<_> = out.read_dir().unwrap().flatten().collect();
    let bytes = made.iter().map(|file| file.metadata().unwrap().len()).sum();
    fs::remove_dir_all(out).unwrap();
    // Without the index.
    (made.len() - 1, bytes)
}

fn write_bytes(to: &mut File, bytes: u64) {
    let block = vec![0x55; 1 << 16];
    let mut left = usize::try_from(bytes).unwrap();
    while left > 0 {
        let now = left.min(block.len());
        to.write_all(&block[..now]).unwrap();
        left -= now;
    }
}

fn print(ours: &[Cost], cats: &[Cost]) {
    for (name, costs) in [("bblogd", ours), ("cat", cats)] {
        let of = |what: fn(&Cost) -> i64| {
            let (median, least, most) = median(costs.iter().map(|cost| what(cost) as f64));
            format!("{median:4.0} ms ({least:.0} to {most:.0})")
        };
        let (user, system) = (of(|cost| cost.user), of(|cost| cost.system));
        let memory = costs.iter().filter_map(|cost| cost.memory).max();
        let memory = memory.map_or("unknown".to_owned(), |most| format!("{most} kB at most"));
        println!(
            "  {name:8} user {user}, system {system}, together {}, wall {}, memory {memory}",
            of(Cost::cpu),
            of(|c| c.wall)
        );
    }
    let ratios = ours.iter().zip(cats).map(|(our, cat)| our.cpu() as f64 / cat.cpu().max(1) as f64);
    let (ratio, least, most) = median(ratios);
    println!("  ratio    {ratio:.2} ({least:.2} to {most:.2}; goal: at most 1.3)");
}

/// The median, the least and the most.
fn median(values: impl Iterator<Item = f64>) -> (f64, f64, f64) {
    let mut values: Vec<f64> = values.collect();
    values.sort_by(f64::total_cmp);
    (values[values.len() / 2], values[0], values[values.len() - 1])
}
