// SPDX-License-Identifier: BSD-2-Clause
//! The program bblog: reads and converts the logs of FreeBSD's TCP.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

use std::process::ExitCode;

mod cli;

fn main() -> ExitCode {
    cli::run().into()
}
