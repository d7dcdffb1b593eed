// SPDX-License-Identifier: BSD-2-Clause
//! The command line: the options that Wireshark passes to every extcap program, and those of this
//! one. An option with the meaning of one of sshdump's has the same name.

use std::path::PathBuf;

use clap::{Args, Parser, ValueEnum};

use crate::interface::CaptureInterface;

/// Captures FreeBSD's TCP logs (BBLog and eventlog) in Wireshark.
///
/// Runs `bblogd -o -` on this machine, or on another over ssh, and passes its output on to
/// Wireshark. Wireshark starts this program itself if it is in the extcap folder (Help > About >
/// Folders), and lists its interfaces.
#[derive(Parser, Debug)]
#[command(name = "bblogdump", version = bblog_version::VERSION)]
pub struct Cli {
    /// List the interfaces
    #[arg(long, help_heading = "Wireshark")]
    extcap_interfaces: bool,
    /// List the link types of an interface
    #[arg(long, requires = "extcap_interface", help_heading = "Wireshark")]
    extcap_dlts: bool,
    /// List the options of an interface
    #[arg(long, requires = "extcap_interface", help_heading = "Wireshark")]
    extcap_config: bool,
    /// Version of the Wireshark that runs this program
    #[arg(long, value_name = "VERSION", help_heading = "Wireshark")]
    extcap_version: Option<String>,
    /// Interface to describe or to capture from
    #[arg(long, value_enum, value_name = "INTERFACE", help_heading = "Wireshark")]
    extcap_interface: Option<CaptureInterface>,
    /// Capture from the interface
    #[arg(long, requires_all = ["extcap_interface", "fifo"], help_heading = "Wireshark")]
    capture: bool,
    /// FIFO or file to write the capture to
    #[arg(long, value_name = "FILE", help_heading = "Wireshark")]
    fifo: Option<PathBuf>,
    /// Capture filter (not supported: use a display filter)
    #[arg(long, value_name = "FILTER", allow_hyphen_values = true, help_heading = "Wireshark")]
    extcap_capture_filter: Option<String>,
    #[command(flatten)]
    server: ServerArgs,
    #[command(flatten)]
    log: LogArgs,
}

/// The machine that bblogd runs on.
#[derive(Args, Clone, Debug, Default)]
pub struct ServerArgs {
    /// FreeBSD machine: an address, or a host name of ssh_config(5)
    #[arg(long, value_name = "HOST", allow_hyphen_values = true, help_heading = "Server")]
    pub remote_host: Option<String>,
    /// Port of the ssh server [default: as ssh(1)]
    #[arg(long, value_name = "PORT", value_parser = clap::value_parser!(u16).range(1..), help_heading = "Server")]
    pub remote_port: Option<u16>,
    /// User to log in as [default: as ssh(1)]
    #[arg(long, value_name = "USER", allow_hyphen_values = true, help_heading = "Server")]
    pub remote_username: Option<String>,
    /// File with the private key [default: as ssh(1)]
    #[arg(long, value_name = "FILE", allow_hyphen_values = true, help_heading = "Server")]
    pub sshkey: Option<PathBuf>,
}

/// The logs to capture.
#[derive(Args, Clone, Debug)]
pub struct LogArgs {
    /// How to gain root; the command must not ask for a password
    #[arg(long, value_enum, default_value = "none", help_heading = "Log")]
    pub remote_priv: Privilege,
    /// Path of bblogd
    #[arg(
        long,
        value_name = "FILE",
        allow_hyphen_values = true,
        default_value = "/usr/local/sbin/bblogd",
        help_heading = "Log"
    )]
    pub bblogd: String,
    /// Log to read
    #[arg(long, value_enum, default_value = "bblog", help_heading = "Log")]
    pub source: LogSource,
    /// BBLog device
    #[arg(
        long,
        value_name = "FILE",
        allow_hyphen_values = true,
        default_value = "/dev/tcp_log",
        help_heading = "Log"
    )]
    pub device: String,
    /// Form of BBLog events
    #[arg(long, value_enum, default_value = "live", help_heading = "Log")]
    pub form: EventFormArg,
    /// Capture only BBLog entries whose reason begins with TEXT
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true, help_heading = "Log")]
    pub reason: Option<String>,
    /// Names of TCP stacks by their numbers [default: as the kernel names them]
    #[arg(long, value_name = "ID=NAME,...", allow_hyphen_values = true, help_heading = "Log")]
    pub stack: Option<String>,
    /// eventlog providers, separated by spaces, with optional keywords: `tcp:CC|LOSS hpts`
    #[arg(
        long,
        value_name = "PROVIDER[:KEYWORDS] ...",
        allow_hyphen_values = true,
        default_value = "tcp",
        help_heading = "Log"
    )]
    pub providers: String,
    /// Level of eventlog events
    #[arg(long, value_enum, default_value = "verbose", help_heading = "Log")]
    pub level: EventlogLevel,
}

/// How to gain root.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Privilege {
    /// Not needed: the user is root, or may read the devices
    #[default]
    None,
    /// sudo
    Sudo,
    /// doas
    Doas,
}

/// The logs to read.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum LogSource {
    /// BBLog (/dev/tcp_log)
    #[default]
    Bblog,
    /// eventlog (/dev/eventlog)
    Eventlog,
    /// Both logs
    Both,
}

/// The forms of BBLog events in a capture.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum EventFormArg {
    /// Packets, which all versions of Wireshark show live
    #[default]
    Live,
    /// Custom blocks, as in the files of bblogd and for read_bbrlog
    File,
}

/// Levels of eventlog. Each includes those before it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum EventlogLevel {
    /// ERROR
    Error,
    /// WARN: adds loss and recovery
    Warn,
    /// INFO: adds begin and end, settings, and calls of the application
    Info,
    /// VERBOSE: adds segments, timers, congestion control and pacing
    #[default]
    Verbose,
    /// TRACE: everything
    Trace,
}

impl EventlogLevel {
    /// The name of the level in bblogd's options.
    pub fn name(self) -> &'static str {
        match self {
            EventlogLevel::Error => "ERROR",
            EventlogLevel::Warn => "WARN",
            EventlogLevel::Info => "INFO",
            EventlogLevel::Verbose => "VERBOSE",
            EventlogLevel::Trace => "TRACE",
        }
    }
}

/// What the command line requests.
#[derive(Debug)]
pub enum Requested {
    /// List the interfaces.
    Interfaces,
    /// List the link types, which are the same for all interfaces.
    Dlts,
    /// List the options of an interface.
    Config(CaptureInterface),
    /// Capture from an interface.
    Capture(Box<CaptureArgs>),
}

/// The options of a capture.
#[derive(Debug)]
pub struct CaptureArgs {
    /// The interface.
    pub interface: CaptureInterface,
    /// The FIFO or file to write to.
    pub fifo: PathBuf,
    /// A capture filter.
    pub filter: Option<String>,
    /// The machine that bblogd runs on.
    pub server: ServerArgs,
    /// The logs to capture.
    pub log: LogArgs,
}

impl Cli {
    /// The request that the options make.
    ///
    /// # Errors
    /// One line if they make none.
    pub fn request(self) -> Result<Requested, String> {
        if self.extcap_interfaces {
            return Ok(Requested::Interfaces);
        }
        let interface = self.extcap_interface.ok_or(
            "nothing to do, expected --extcap-interfaces, or --extcap-interface with --extcap-dlts, \
             --extcap-config or --capture",
        )?;
        if self.extcap_dlts {
            return Ok(Requested::Dlts);
        }
        if self.extcap_config {
            return Ok(Requested::Config(interface));
        }
        let (true, Some(fifo)) = (self.capture, self.fifo) else {
            return Err("nothing to do, expected --extcap-dlts, --extcap-config or --capture".to_owned());
        };
        let filter = self.extcap_capture_filter.filter(|filter| !filter.is_empty());
        let args = CaptureArgs { interface, fifo, filter, server: self.server, log: self.log };
        Ok(Requested::Capture(Box::new(args)))
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
}
