// SPDX-License-Identifier: BSD-2-Clause
//! The command line: tcplog_dumper's options, long ones beside them, and ours.

use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use bblog_pcapng::stacks::StackNames;
use clap::error::ErrorKind;
use clap::{Args, CommandFactory, Parser, Subcommand};

use crate::device::eventlog::Subscription;
use crate::log::LogFormat;
use crate::output::eventlog_files::EventFormat;

/// Takes the logs that FreeBSD's TCP makes about itself off /dev/tcp_log and /dev/eventlog, and
/// writes them as pcapng files, one per connection.
///
/// Without --eventlog the BBLog device is read, with it only if -f says so. SIGTERM and SIGINT end
/// the program when all is written, SIGHUP makes it open the index `records` anew, SIGUSR1 (and
/// SIGINFO) tell its counters. Exit status: 0 if all went well, 1 if not, 2 for wrong usage.
#[derive(Parser, Debug)]
#[command(name = "bblogd", version = bblog_version::VERSION, args_conflicts_with_subcommands = true)]
pub struct Cli {
    /// Anything but capturing.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// What to capture, and where to.
    #[command(flatten)]
    pub capture: CaptureArgs,
}

impl Cli {
    /// The command line; what is wrong with it ends the process with status 2.
    pub fn parse_checked() -> Cli {
        let cli = Cli::parse();
        if cli.capture.output.is_some() && cli.capture.format == EventFormat::Elog {
            let why = "--format elog writes a file per session; it cannot be used with --output";
            Cli::command().error(ErrorKind::ArgumentConflict, why).exit();
        }
        cli
    }
}

/// Anything but capturing.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Tell what is missing on this system to get logs, and what would change it
    Check(CheckArgs),
    /// Read the status file of a bblogd that runs, and tell whether all is well
    Status(StatusArgs),
    /// Do for a sandboxed bblogd what the sandbox forbids
    #[command(hide = true)]
    Helper,
}

/// Options of `check`.
#[derive(Args, Debug)]
pub struct CheckArgs {
    /// JSON instead of text
    #[arg(long)]
    pub json: bool,
    /// The user that bblogd runs as
    #[arg(short, long, value_name = "USER", default_value = "nobody")]
    pub user: String,
    /// The output folder
    #[arg(short = 'D', long, value_name = "DIR", default_value = "/var/log/tcplog_dumps")]
    pub directory: PathBuf,
}

/// Options of `status`.
#[derive(Args, Debug)]
pub struct StatusArgs {
    /// JSON instead of text
    #[arg(long)]
    pub json: bool,
    /// The status file
    #[arg(long, value_name = "FILE", default_value = "/var/log/tcplog_dumps/bblogd.prom")]
    pub status_file: PathBuf,
}

/// What to capture, and where to.
#[derive(Args, Debug)]
pub struct CaptureArgs {
    /// Folder for the files; made if there is none
    #[arg(short = 'D', long, value_name = "DIR", default_value = "/var/log/tcplog_dumps")]
    pub directory: PathBuf,
    /// Run in the background, messages to syslog
    #[arg(short = 'd', long)]
    pub daemon: bool,
    /// Device, FIFO or file to read BBLog from; `-` is standard input [default: /dev/tcp_log]
    #[arg(short = 'f', long, value_name = "FILE")]
    pub file: Option<PathBuf>,
    /// Compress files with xz when they are complete
    #[arg(short = 'J', long)]
    pub xz: bool,
    /// Compress files with zstd when they are complete
    #[arg(long, conflicts_with = "xz")]
    pub zstd: bool,
    /// Mode of the files, in octal; complete ones can only be read
    #[arg(long, value_name = "MODE", default_value = "640")]
    pub mode: FileMode,
    /// Write the process id to FILE, and keep it locked
    #[arg(short = 'p', long, value_name = "FILE")]
    pub pid_file: Option<PathBuf>,
    /// Become USER after opening devices [default, for root: nobody]
    #[arg(short = 'u', long, value_name = "USER")]
    pub user: Option<String>,
    /// Take only BBLog entries whose reason begins with TEXT, in any case
    #[arg(short = 'r', long, value_name = "TEXT")]
    pub reason: Option<String>,
    /// Take only the first BBLog entry, then end
    #[arg(short = 's', long)]
    pub single: bool,
    /// Write everything as one pcapng stream to FILE instead; `-` is standard output
    #[arg(short = 'o', long, value_name = "FILE", conflicts_with_all = ["directory", "xz", "zstd"])]
    pub output: Option<PathBuf>,
    /// Stop when standard input ends, as it does when the ssh connection is closed
    #[arg(long, conflicts_with = "daemon")]
    pub exit_on_eof: bool,
    /// Take events of a provider of /dev/eventlog: LEVEL 0 to 5 or a name [default: VERBOSE],
    /// KEYWORDS a mask or names joined by | [default: all]; may be repeated
    #[arg(long, value_name = "PROVIDER[:LEVEL[:KEYWORDS]]")]
    pub eventlog: Vec<Subscription>,
    /// Kernel buffer for events; there are two per CPU
    #[arg(long, value_name = "SIZE", default_value = "512K")]
    pub buffer_size: Size,
    /// End if a provider is not registered, instead of going on with the others
    #[arg(long, requires = "eventlog")]
    pub strict: bool,
    /// Ask for the state of existing sessions
    #[arg(long, requires = "eventlog")]
    pub dump_state: bool,
    /// Files of events; with -o only pcapng
    #[arg(long, value_enum, default_value = "pcapng")]
    pub format: EventFormat,
    /// Begin another file of a session's events after SIZE bytes; 0 for no limit
    #[arg(long, value_name = "SIZE", default_value = "0")]
    pub rotate_size: Size,
    /// Begin another file of a session's events after TIME (30s, 10m, 1h); 0 for no limit
    #[arg(long, value_name = "TIME", default_value = "0")]
    pub rotate_time: Time,
    /// Delete the oldest complete files when all together are larger than SIZE; 0 for no limit
    #[arg(long, value_name = "SIZE", default_value = "0")]
    pub max_total_size: Size,
    /// Delete complete files that are older than TIME; 0 for no limit
    #[arg(long, value_name = "TIME", default_value = "0")]
    pub max_age: Time,
    /// Skip BBLog entries larger than SIZE
    #[arg(long, value_name = "SIZE", default_value = "64M")]
    pub max_entry_size: Size,
    /// Memory for what was read and not yet written; when it is full the kernel has to keep it
    #[arg(long, value_name = "SIZE", default_value = "8M")]
    pub queue_size: Size,
    /// After a failed write, how long until the next is tried
    #[arg(long, value_name = "TIME", default_value = "3s")]
    pub retry: Time,
    /// Leave out entries of at most 10 records with the reasons `error` and `rebuffer`
    #[arg(long)]
    pub drop_small: bool,
    /// Names of the TCP stacks that records know by number [default: the running kernel's]
    #[arg(long, value_name = "ID=NAME,...")]
    pub stack: Option<StackNames>,
    /// Write counters to FILE every 15 seconds, as Prometheus' text format has them
    #[arg(long, value_name = "FILE")]
    pub status_file: Option<PathBuf>,
    /// Messages to syslog instead of standard error
    #[arg(long)]
    pub syslog: bool,
    /// How messages look
    #[arg(long, value_enum, value_name = "FORMAT", default_value = "text")]
    pub log_format: LogFormat,
}

/// A number of bytes: `65536`, `512K`, `64M`, `1G`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size(pub u64);

impl FromStr for Size {
    type Err = String;

    fn from_str(text: &str) -> Result<Size, String> {
        let expected = || format!("size \"{text}\", expected a number, or one with K, M, G or T");
        let units = [("K", 10), ("M", 20), ("G", 30), ("T", 40)];
        let upper = text.to_ascii_uppercase();
        let unit = units.iter().find_map(|(unit, shift)| Some((upper.strip_suffix(unit)?, *shift)));
        let (number, shift) = unit.unwrap_or((&upper, 0));
        let number: u64 = number.parse().map_err(|_| expected())?;
        number.checked_mul(1 << shift).map(Size).ok_or_else(expected)
    }
}

/// The mode of a file: octal, with reading and writing for its owner, and nothing but reading and
/// writing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct FileMode(pub u32);

impl FromStr for FileMode {
    type Err = String;

    fn from_str(text: &str) -> Result<FileMode, String> {
        let mode =
            u32::from_str_radix(text, 8).ok().filter(|mode| mode & 0o600 == 0o600 && mode & !0o666 == 0);
        mode.map(FileMode).ok_or_else(|| format!("mode \"{text}\", expected octal 600 to 666"))
    }
}

/// A time: `500ms`, `30s`, `10m`, `1h`, `1d`; seconds without a unit.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Time(pub Duration);

impl FromStr for Time {
    type Err = String;

    fn from_str(text: &str) -> Result<Time, String> {
        let expected = || format!("time \"{text}\", expected a number, or one with ms, s, m, h or d");
        let units = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];
        let unit = units.iter().find_map(|(unit, millis)| Some((text.strip_suffix(unit)?, *millis)));
        let (number, millis) = unit.unwrap_or((text, 1_000));
        let number: u64 = number.parse().map_err(|_| expected())?;
        number.checked_mul(millis).map(|millis| Time(Duration::from_millis(millis))).ok_or_else(expected)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_options_are_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn tcplog_dumpers_options() {
        let line = "bblogd -d -J -s -D /out -f dev -p pid -u me -r error";
        let capture = Cli::try_parse_from(line.split(' ')).unwrap().capture;
        assert!(capture.daemon && capture.xz && capture.single);
        assert_eq!(capture.directory, PathBuf::from("/out"));
        assert_eq!(capture.file, Some("dev".into()));
        assert_eq!(capture.pid_file, Some("pid".into()));
        assert_eq!((capture.user.as_deref(), capture.reason.as_deref()), (Some("me"), Some("error")));
    }

    #[test]
    fn sizes_and_times() {
        assert_eq!("64k".parse(), Ok(Size(65_536)));
        assert_eq!("3".parse(), Ok(Size(3)));
        assert!("".parse::<Size>().is_err() && "K".parse::<Size>().is_err());
        assert!("99999999999999T".parse::<Size>().is_err());
        assert_eq!("10m".parse(), Ok(Time(Duration::from_secs(600))));
        assert_eq!("250ms".parse(), Ok(Time(Duration::from_millis(250))));
        assert!("soon".parse::<Time>().is_err());
        assert_eq!("0644".parse(), Ok(FileMode(0o644)));
        for wrong in ["", "440", "755", "1640", "rw"] {
            assert!(wrong.parse::<FileMode>().is_err(), "{wrong}");
        }
    }
}
