// SPDX-License-Identifier: BSD-2-Clause
//! bblogdump: FreeBSD's TCP logs as capture interfaces of Wireshark (extcap).
//!
//! Wireshark runs an extcap program to list its interfaces and their options ([`describe`]), and later
//! starts it to write a capture into a FIFO ([`capture`]). bblogdump writes what `bblogd -o -`
//! prints ([`relay`]), on this machine or on another over ssh ([`command`]).
//!
//! It is not a part of bblogd because it runs where Wireshark runs, needs none of the code that
//! reads devices, and is in the package of the plugin.
#![forbid(unsafe_code)]

mod capture;
mod cli;
mod command;
mod describe;
mod interface;
mod relay;

use std::process::ExitCode;

use clap::Parser;

use crate::cli::{Cli, Requested};

fn main() -> ExitCode {
    match Cli::parse().request() {
        Ok(Requested::Interfaces) => print(&describe::interfaces()),
        Ok(Requested::Dlts) => print(&describe::dlts()),
        Ok(Requested::Config(interface)) => print(&describe::config(interface)),
        Ok(Requested::Capture(args)) => match capture::run(&args) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => fail(&error, 1),
        },
        Err(error) => fail(&error, 2),
    }
}

fn print(sentences: &[String]) -> ExitCode {
    for sentence in sentences {
        println!("{sentence}");
    }
    ExitCode::SUCCESS
}

/// Reports an error. Wireshark shows standard error to its user.
fn fail(error: &str, status: u8) -> ExitCode {
    eprintln!("bblogdump: {error}");
    ExitCode::from(status)
}
