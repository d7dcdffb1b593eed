// SPDX-License-Identifier: BSD-2-Clause
//! The answer of a subcommand that asks: a text on standard output, and yes or no as the exit status.

use std::io::{self, Write};
use std::process::ExitCode;

use crate::failure::Failure;

/// Prints `text`. Status 0 if the answer is yes and could be printed, else 1.
pub fn print(text: &str, is_yes: bool) -> ExitCode {
    let mut stdout = io::stdout();
    match stdout.write_all(text.as_bytes()).and_then(|()| stdout.flush()) {
        // A reader that has enough, such as grep -q, has its answer.
        Err(error) if error.kind() != io::ErrorKind::BrokenPipe => {
            // A closed standard error cannot be reported.
            let _ = writeln!(io::stderr(), "bblogd: {}", Failure::io("standard output", error));
            ExitCode::FAILURE
        }
        _ if is_yes => ExitCode::SUCCESS,
        _ => ExitCode::FAILURE,
    }
}
