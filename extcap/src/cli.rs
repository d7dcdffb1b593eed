// SPDX-License-Identifier: BSD-2-Clause
//! The command line: what Wireshark says to any extcap program, and our own options. Where
//! sshdump has an option of the same meaning, ours has its name.

use std::path::PathBuf;

use clap::{Args, Parser, ValueEnum};

use crate::describe::Interface;

/// Brings the logs that FreeBSD's TCP makes about itself into Wireshark: runs `bblogd -o -` on
/// this machine, or over ssh on another, and passes on the pcapng it writes. Wireshark runs this
/// program when it is in its extcap folder (Help, About, Folders).
#[derive(Parser, Debug)]
#[command(name = "bblogdump", version = bblog_version::VERSION)]
pub struct Cli {
    /// Tell which interfaces there are
    #[arg(long, help_heading = "Wireshark's questions")]
    extcap_interfaces: bool,
    /// Tell an interface's link types
    #[arg(long, requires = "extcap_interface", help_heading = "Wireshark's questions")]
    extcap_dlts: bool,
    /// Tell an interface's options
    #[arg(long, requires = "extcap_interface", help_heading = "Wireshark's questions")]
    extcap_config: bool,
    /// The version of the Wireshark that asks
    #[arg(long, value_name = "VERSION", help_heading = "Wireshark's questions")]
    extcap_version: Option<String>,
    /// The interface that a question or a capture is about
    #[arg(long, value_enum, value_name = "INTERFACE", help_heading = "Wireshark's questions")]
    extcap_interface: Option<Interface>,
    /// Capture
    #[arg(long, requires_all = ["extcap_interface", "fifo"], help_heading = "Wireshark's questions")]
    capture: bool,
    /// Where to: a FIFO, or a file
    #[arg(long, value_name = "FILE", help_heading = "Wireshark's questions")]
    fifo: Option<PathBuf>,
    /// A capture filter: there are none for these interfaces
    #[arg(long, value_name = "FILTER", allow_hyphen_values = true, help_heading = "Wireshark's questions")]
    extcap_capture_filter: Option<String>,
    #[command(flatten)]
    server: ServerArgs,
    #[command(flatten)]
    log: LogArgs,
}

/// Where bblogd runs.
#[derive(Args, Clone, Debug, Default)]
pub struct ServerArgs {
    /// The FreeBSD machine: a name of ssh_config(5), or an address
    #[arg(long, value_name = "HOST", allow_hyphen_values = true, help_heading = "Server")]
    pub remote_host: Option<String>,
    /// Port of its ssh server [default: ssh's]
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..), help_heading = "Server")]
    pub remote_port: Option<u16>,
    /// User to log in as [default: ssh's]
    #[arg(long, value_name = "USER", allow_hyphen_values = true, help_heading = "Server")]
    pub remote_username: Option<String>,
    /// File with the private key [default: ssh's]
    #[arg(long, value_name = "FILE", allow_hyphen_values = true, help_heading = "Server")]
    pub sshkey: Option<PathBuf>,
}

/// What is captured.
#[derive(Args, Clone, Debug)]
pub struct LogArgs {
    /// What becomes root, for a user who is not: it must not ask for a password
    #[arg(long, value_enum, default_value = "none", help_heading = "Log")]
    pub remote_priv: Privilege,
    /// Where bblogd is
    #[arg(
        long,
        value_name = "FILE",
        allow_hyphen_values = true,
        default_value = "/usr/local/sbin/bblogd",
        help_heading = "Log"
    )]
    pub bblogd: String,
    /// What to read
    #[arg(long, value_enum, default_value = "bblog", help_heading = "Log")]
    pub source: Source,
    /// The device of BBLog
    #[arg(
        long,
        value_name = "FILE",
        allow_hyphen_values = true,
        default_value = "/dev/tcp_log",
        help_heading = "Log"
    )]
    pub device: String,
    /// Only BBLog dumps whose reason begins with TEXT
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true, help_heading = "Log")]
    pub reason: Option<String>,
    /// Names of the TCP stacks that records know by number [default: the kernel's]
    #[arg(long, value_name = "ID=NAME,...", allow_hyphen_values = true, help_heading = "Log")]
    pub stack: Option<String>,
    /// Providers of eventlog, separated by spaces, each with KEYWORDS if need be: `tcp:CC|LOSS hpts`
    #[arg(
        long,
        value_name = "PROVIDER[:KEYWORDS] ...",
        allow_hyphen_values = true,
        default_value = "tcp",
        help_heading = "Log"
    )]
    pub providers: String,
    /// The level of their events
    #[arg(long, value_enum, default_value = "verbose", help_heading = "Log")]
    pub level: Level,
}

/// What becomes root.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Privilege {
    /// Nothing: the user is root, or may read the devices
    #[default]
    None,
    /// sudo
    Sudo,
    /// doas
    Doas,
}

/// What is read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Source {
    /// BBLog of /dev/tcp_log
    #[default]
    Bblog,
    /// eventlog of /dev/eventlog
    Eventlog,
    /// Both logs
    Both,
}

/// Levels of eventlog, each with all before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Level {
    /// ERROR
    Error,
    /// WARN: loss and recovery as well
    Warn,
    /// INFO: begin, end, settings and the application as well
    Info,
    /// VERBOSE: segments, timers, congestion control and pacing as well
    #[default]
    Verbose,
    /// TRACE: everything
    Trace,
}

impl Level {
    /// Its name for bblogd.
    pub fn name(self) -> &'static str {
        match self {
            Level::Error => "ERROR",
            Level::Warn => "WARN",
            Level::Info => "INFO",
            Level::Verbose => "VERBOSE",
            Level::Trace => "TRACE",
        }
    }
}

/// What to do.
#[derive(Debug)]
pub enum Request {
    /// Tell which interfaces there are.
    Interfaces,
    /// Tell link types, the same for both.
    Dlts,
    /// Tell options.
    Config(Interface),
    /// Capture.
    Capture(Box<CaptureArgs>),
}

/// A capture.
#[derive(Debug)]
pub struct CaptureArgs {
    /// Which one.
    pub interface: Interface,
    /// Where to.
    pub fifo: PathBuf,
    /// Where bblogd runs.
    pub server: ServerArgs,
    /// What is captured.
    pub log: LogArgs,
}

impl Cli {
    /// What is asked for.
    ///
    /// # Errors
    /// Nothing, or a capture filter.
    pub fn request(self) -> Result<Request, String> {
        if self.extcap_interfaces {
            return Ok(Request::Interfaces);
        }
        let interface = self.extcap_interface.ok_or(
            "nothing to do, expected --extcap-interfaces, or --extcap-interface with --extcap-dlts, \
             --extcap-config or --capture",
        )?;
        if self.extcap_dlts {
            return Ok(Request::Dlts);
        }
        if self.extcap_config {
            return Ok(Request::Config(interface));
        }
        if let Some(filter) = self.extcap_capture_filter.filter(|filter| !filter.is_empty()) {
            return Err(format!(
                "capture filter \"{filter}\": there are none for logs, use a display filter"
            ));
        }
        let (true, Some(fifo)) = (self.capture, self.fifo) else {
            return Err("nothing to do, expected --extcap-dlts, --extcap-config or --capture".to_owned());
        };
        let args = CaptureArgs { interface, fifo, server: self.server, log: self.log };
        Ok(Request::Capture(Box::new(args)))
    }
}

#[cfg(test)]
mod tests {
    use clap::CommandFactory;

    use super::*;

    #[test]
    fn the_options_are_consistent() {
        Cli::command().debug_assert();
    }

    #[test]
    fn capture_filters_are_refused() {
        let line = "bblogdump --capture --extcap-interface bblog-local --fifo f --extcap-capture-filter tcp";
        let error = Cli::parse_from(line.split(' ')).request().unwrap_err();
        assert!(error.contains("display filter"), "{error}");
    }
}
