// SPDX-License-Identifier: BSD-2-Clause
//! The command line: the options of tcplog_dumper with long forms, and those of this project.

use std::io::Write;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use bblog_pcapng::escape::Lines;
use bblog_pcapng::stacks::StackNames;
use clap::error::ErrorKind;
use clap::{Args, CommandFactory, Parser, Subcommand};

use crate::device::eventlog::Subscription;
use crate::log::LogFormat;
use crate::output::eventlog_files::EventFormat;

/// Collect the logs of FreeBSD's TCP from /dev/tcp_log and /dev/eventlog, and write one or more pcapng
/// files for each connection.
///
/// With --eventlog, BBLog is read only if -f is given as well. SIGTERM and SIGINT end the program after
/// everything is written. SIGHUP opens the index `records` again. SIGUSR1 and SIGINFO report counters.
/// Exit status: 0 on success, 1 if something failed or was lost, 2 for wrong usage.
#[derive(Parser, Debug)]
#[command(name = "bblogd", version = bblog_version::VERSION, args_conflicts_with_subcommands = true)]
pub struct Cli {
    /// A subcommand, or none to capture.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// Options of a capture.
    #[command(flatten)]
    pub capture: CaptureArgs,
}

impl Cli {
    /// The command line. If it is wrong, the process ends with status 2.
    pub fn parse_checked() -> Cli {
        let cli = Cli::try_parse().unwrap_or_else(|error| exit_with(&error));
        if cli.capture.output.is_some() && cli.capture.format == EventFormat::Elog {
            let why = "--format elog writes a file per session; it cannot be used with --output";
            Cli::command().error(ErrorKind::ArgumentConflict, why).exit();
        }
        cli
    }
}

/// Prints an error of the command line, without control characters of its arguments, or the help, and ends the process.
fn exit_with(error: &clap::Error) -> ! {
    let text = error.to_string();
    let shown = Lines(&text).to_string();
    if !error.use_stderr() || shown == text {
        // With colours, where they are wanted.
        error.exit();
    }
    // A closed standard error cannot be reported.
    let _ = write!(std::io::stderr(), "{shown}");
    std::process::exit(error.exit_code());
}

/// The subcommands.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Print what this system lacks to log, and the commands that change it
    Check(CheckArgs),
    /// Read the status file of a running bblogd, and print whether it is healthy
    Status(StatusArgs),
    /// Run actions for a sandboxed bblogd that the sandbox forbids
    #[command(hide = true)]
    Broker,
}

/// Options of `check`.
#[derive(Args, Debug)]
pub struct CheckArgs {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// User that bblogd runs as
    #[arg(short, long, value_name = "USER", default_value = "nobody")]
    pub user: String,
    /// Output folder
    #[arg(short = 'D', long, value_name = "DIR", default_value = "/var/log/tcplog_dumps")]
    pub directory: PathBuf,
}

/// Options of `status`.
#[derive(Args, Debug)]
pub struct StatusArgs {
    /// Print JSON
    #[arg(long)]
    pub json: bool,
    /// Status file
    #[arg(long, value_name = "FILE", default_value = "/var/log/tcplog_dumps/bblogd.prom")]
    pub status_file: PathBuf,
}

/// Options of a capture.
#[derive(Args, Debug)]
pub struct CaptureArgs {
    /// Folder for the files; created if it does not exist
    #[arg(short = 'D', long, value_name = "DIR", default_value = "/var/log/tcplog_dumps")]
    pub directory: PathBuf,
    /// Run in the background, with messages to syslog
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
    /// Mode of the files, in octal; complete files lose the permission to write
    #[arg(long, value_name = "MODE", default_value = "640")]
    pub mode: FileMode,
    /// Write the process id to FILE, and keep FILE locked
    #[arg(short = 'p', long, value_name = "FILE")]
    pub pid_file: Option<PathBuf>,
    /// Become USER after opening devices [default, for root: nobody]
    #[arg(short = 'u', long, value_name = "USER")]
    pub user: Option<String>,
    /// Read only BBLog entries whose reason begins with TEXT, ignoring case
    #[arg(short = 'r', long, value_name = "TEXT")]
    pub reason: Option<String>,
    /// Read only the first BBLog entry, then exit
    #[arg(short = 's', long)]
    pub single: bool,
    /// Write everything as one pcapng stream to FILE; `-` is standard output
    #[arg(short = 'o', long, value_name = "FILE", conflicts_with_all = ["directory", "xz", "zstd"])]
    pub output: Option<PathBuf>,
    /// With -o: write BBLog events as packets, so that Wireshark before 4.6 shows them live; it needs the
    /// plugin to read them
    #[arg(long, requires = "output")]
    pub live: bool,
    /// Stop when standard input ends, as it does when the ssh connection is closed
    #[arg(long, conflicts_with = "daemon")]
    pub exit_on_eof: bool,
    /// Read events of a provider of /dev/eventlog. LEVEL is 0 to 5 or a name [default: VERBOSE].
    /// KEYWORDS is a mask or names joined by | [default: all]. May be repeated
    #[arg(long, value_name = "PROVIDER[:LEVEL[:KEYWORDS]]")]
    pub eventlog: Vec<Subscription>,
    /// Size of the kernel's buffers for events; each CPU has two
    #[arg(long, value_name = "SIZE", default_value = "512K")]
    pub buffer_size: SizeArg,
    /// Exit if a provider is not registered
    #[arg(long, requires = "eventlog")]
    pub strict: bool,
    /// Request the state of existing sessions
    #[arg(long, requires = "eventlog")]
    pub dump_state: bool,
    /// Format of event files; -o writes pcapng only
    #[arg(long, value_enum, default_value = "pcapng")]
    pub format: EventFormat,
    /// Start another file of a session's events after SIZE bytes; 0 for no limit
    #[arg(long, value_name = "SIZE", default_value = "0")]
    pub rotate_size: SizeArg,
    /// Start another file of a session's events after TIME (30s, 10m, 1h); 0 for no limit
    #[arg(long, value_name = "TIME", default_value = "0")]
    pub rotate_time: DurationArg,
    /// Delete the oldest complete files when all together are larger than SIZE; 0 for no limit
    #[arg(long, value_name = "SIZE", default_value = "0")]
    pub max_total_size: SizeArg,
    /// Delete complete files that are older than TIME; 0 for no limit
    #[arg(long, value_name = "TIME", default_value = "0")]
    pub max_age: DurationArg,
    /// Skip BBLog entries larger than SIZE
    #[arg(long, value_name = "SIZE", default_value = "64M")]
    pub max_entry_size: SizeArg,
    /// Memory for data that was read and not yet written; when it is full, bblogd stops reading
    #[arg(long, value_name = "SIZE", default_value = "8M")]
    pub queue_size: SizeArg,
    /// Time between a failed write and the next one
    #[arg(long, value_name = "TIME", default_value = "3s")]
    pub retry: DurationArg,
    /// Skip entries of at most 10 records with the reasons `error` and `rebuffer`
    #[arg(long)]
    pub drop_small: bool,
    /// Names of TCP stacks by their numbers in records [default: the running kernel's names]
    #[arg(long, value_name = "ID=NAME,...")]
    pub stack: Option<StackNames>,
    /// Write counters to FILE every 15 seconds, in Prometheus' text format
    #[arg(long, value_name = "FILE")]
    pub status_file: Option<PathBuf>,
    /// Send messages to syslog instead of standard error
    #[arg(long)]
    pub syslog: bool,
    /// Format of messages
    #[arg(long, value_enum, value_name = "FORMAT", default_value = "text")]
    pub log_format: LogFormat,
}

/// A number of bytes: `65536`, `512K`, `64M`, `1G`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SizeArg(pub u64);

impl FromStr for SizeArg {
    type Err = String;

    fn from_str(text: &str) -> Result<SizeArg, String> {
        let expected = || format!("size \"{text}\", expected a number, or one with K, M, G or T");
        let units = [("K", 10), ("M", 20), ("G", 30), ("T", 40)];
        let upper = text.to_ascii_uppercase();
        let unit = units.iter().find_map(|(unit, shift)| Some((upper.strip_suffix(unit)?, *shift)));
        let (number, shift) = unit.unwrap_or((&upper, 0));
        let number: u64 = number.parse().map_err(|_| expected())?;
        number.checked_mul(1 << shift).map(SizeArg).ok_or_else(expected)
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
pub struct DurationArg(pub Duration);

impl FromStr for DurationArg {
    type Err = String;

    fn from_str(text: &str) -> Result<DurationArg, String> {
        let expected = || format!("time \"{text}\", expected a number, or one with ms, s, m, h or d");
        let units = [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000)];
        let unit = units.iter().find_map(|(unit, millis)| Some((text.strip_suffix(unit)?, *millis)));
        let (number, millis) = unit.unwrap_or((text, 1_000));
        let number: u64 = number.parse().map_err(|_| expected())?;
        number
            .checked_mul(millis)
            .map(|millis| DurationArg(Duration::from_millis(millis)))
            .ok_or_else(expected)
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
        assert_eq!("64k".parse(), Ok(SizeArg(65_536)));
        assert_eq!("3".parse(), Ok(SizeArg(3)));
        assert!("".parse::<SizeArg>().is_err() && "K".parse::<SizeArg>().is_err());
        assert!("99999999999999T".parse::<SizeArg>().is_err());
        assert_eq!("10m".parse(), Ok(DurationArg(Duration::from_secs(600))));
        assert_eq!("250ms".parse(), Ok(DurationArg(Duration::from_millis(250))));
        assert!("soon".parse::<DurationArg>().is_err());
        assert_eq!("0644".parse(), Ok(FileMode(0o644)));
        for wrong in ["", "440", "755", "1640", "rw"] {
            assert!(wrong.parse::<FileMode>().is_err(), "{wrong}");
        }
    }
}
