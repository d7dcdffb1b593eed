// SPDX-License-Identifier: BSD-2-Clause
//! The library of bblogd: collects FreeBSD's TCP logs from their devices into files.
//!
//! Data flows one way:
//!
//! ```text
//! device ─► bblog, eventlog ─► store ─► output ─► process
//! threads   entries, events    files    blocks    command line, rights,
//! that read                    in the   of each   and the thread
//! a queue                      folder   file      that writes
//! ```
//!
//! A module uses only modules before it in that order, and the three that all use: `failure`, `log`, and `os`,
//! which holds all unsafe code.
//!
//! Threads of their own read the devices, because one of them can only be read blocking, and neither may wait
//! for the disk. Everything else happens in one thread, which keeps the order within each connection without
//! locks.
#![deny(unsafe_code)]
#![deny(missing_docs)]

mod bblog;
mod device;
mod eventlog;
mod failure;
mod log;
mod os;
mod output;
mod process;
mod store;

use std::process::ExitCode;

use crate::process::cli::{Cli, Command};
use crate::process::{broker, check, health, run};

/// Runs the command line.
pub fn main() -> ExitCode {
    let cli = Cli::parse_checked();
    match cli.command {
        Some(Command::Check(args)) => check::run(&args),
        Some(Command::Status(args)) => health::run(&args),
        Some(Command::Broker) => {
            broker::serve();
            ExitCode::SUCCESS
        }
        None => run::run(cli.capture),
    }
}
