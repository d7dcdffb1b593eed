// SPDX-License-Identifier: BSD-2-Clause
//! Takes FreeBSD's TCP flight recorders off their devices and into files: the library of bblogd.
//!
//! Data flows one way:
//!
//! ```text
//! source ─► queue ─► entries ─► bblog_files, eventlog_files ─► store ─► folder
//! threads   bounded  records,   blocks of each connection      files    the only one
//! that read          events     (stream_out: of all)           numbered who knows names
//! ```
//!
//! Devices are read in threads of their own, since one of them can only be read blocking and
//! neither may wait for the disk; everything else happens in one thread, which keeps the order
//! within each connection without any lock.
#![deny(unsafe_code)]
#![deny(missing_docs)]

mod bblog_files;
mod buffer;
mod check;
mod cli;
mod clock;
mod compress;
mod counters;
mod daemon;
mod entries;
mod eventlog_capture;
mod eventlog_files;
mod eventlog_out;
mod failure;
mod folder;
mod index;
mod kernel;
mod log;
mod name;
mod os;
mod privileges;
mod purge;
mod queue;
mod recover;
mod run;
mod salvage;
mod sandbox;
mod serials;
mod signals;
mod source;
mod stacks;
mod store;
mod stream_out;
mod work;

use std::process::ExitCode;

use clap::Parser;

use crate::cli::{Cli, Command};

/// Does what the command line says.
pub fn main() -> ExitCode {
    let cli = Cli::parse();
    match cli.command {
        Some(Command::Check(args)) => check::run(&args),
        Some(Command::AskKernel) => {
            kernel::serve();
            ExitCode::SUCCESS
        }
        None => run::run(cli.capture),
    }
}
