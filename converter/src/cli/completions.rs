// SPDX-License-Identifier: BSD-2-Clause
//! `bblog completions`

use std::path::Path;

use bblog_converter::WriteError;
use bblog_converter::output::Output;
use clap::CommandFactory;

use super::Cli;
use super::messages::{Messages, Outcome};
use super::usage::UsageError;

/// Print shell completions
///
/// For example: bblog completions fish > ~/.config/fish/completions/bblog.fish
#[derive(clap::Args)]
pub struct Args {
    /// Shell
    #[arg(value_enum)]
    shell: clap_complete::Shell,
}

/// Runs the subcommand.
///
/// # Errors
/// [`UsageError`] if the command line is wrong.
pub fn run(args: Args) -> Result<Outcome, UsageError> {
    let stdout = Path::new("-");
    let written = Output::text(false).and_then(|mut out| {
        let mut text = Vec::new();
        clap_complete::generate(args.shell, &mut Cli::command(), "bblog", &mut text);
        let written = std::io::Write::write_all(&mut out, &text);
        written.map_err(|error| Output::error(stdout, WriteError::Io(error)))?;
        out.commit()
    });
    Ok(Messages::new().end(written))
}
