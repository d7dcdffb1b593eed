// SPDX-License-Identifier: BSD-2-Clause
//! bblogd: takes FreeBSD's TCP flight recorders off their devices and into files.
#![forbid(unsafe_code)]

use std::process::ExitCode;

fn main() -> ExitCode {
    bblog_capture::main()
}
