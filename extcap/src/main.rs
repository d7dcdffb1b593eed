// SPDX-License-Identifier: BSD-2-Clause
//! bblogdump: puts FreeBSD's TCP logs into Wireshark's list of interfaces (extcap).
//!
//! Wireshark asks an extcap program what it has to offer ([`describe`]), and later has it write a
//! capture into a FIFO ([`capture`]): here what `bblogd -o -` writes, on this machine or, over
//! ssh, on another ([`command`]).
//!
//! It is a crate of its own, not a part of bblogd: it runs where Wireshark runs, needs nothing of
//! what reads devices, and comes in the package that has the plugin.
#![forbid(unsafe_code)]

mod capture;
mod cli;
mod command;
mod describe;

use std::process::ExitCode;

use clap::Parser;

use crate::cli::{Cli, Request};

fn main() -> ExitCode {
    match Cli::parse().request() {
        Ok(Request::Interfaces) => say(&describe::interfaces()),
        Ok(Request::Dlts) => say(&describe::dlts()),
        Ok(Request::Config(interface)) => say(&describe::config(interface)),
        Ok(Request::Capture(args)) => match capture::run(&args) {
            Ok(()) => ExitCode::SUCCESS,
            Err(error) => fail(&error, 1),
        },
        Err(error) => fail(&error, 2),
    }
}

fn say(sentences: &[String]) -> ExitCode {
    for sentence in sentences {
        println!("{sentence}");
    }
    ExitCode::SUCCESS
}

/// Wireshark shows what is on stderr to its user.
fn fail(error: &str, status: u8) -> ExitCode {
    eprintln!("bblogdump: {error}");
    ExitCode::from(status)
}
