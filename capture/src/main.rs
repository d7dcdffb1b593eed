// SPDX-License-Identifier: BSD-2-Clause
//! The program bblogd: collects FreeBSD's TCP logs from their devices into files.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    bblog_capture::main()
}
