// SPDX-License-Identifier: BSD-2-Clause
//! bblog: looks at what FreeBSD's TCP logged about itself.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

use std::process::ExitCode;

mod cli;

fn main() -> ExitCode {
    cli::run().into()
}
