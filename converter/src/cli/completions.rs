// SPDX-License-Identifier: BSD-2-Clause
//! `bblog completions`

use std::path::Path;

use bblog_converter::WriteError;
use bblog_converter::output::Output;
use clap::CommandFactory;

use super::{Cli, Wrong};
use crate::messages::{Messages, Outcome};

/// Print a shell's completions for bblog
///
/// For example: bblog completions fish > ~/.config/fish/completions/bblog.fish
#[derive(clap::Args)]
pub struct Args {
    /// The shell
    #[arg(value_enum)]
    shell: clap_complete::Shell,
}

/// Does it.
///
/// # Errors
/// Wrong usage.
pub fn run(args: Args) -> Result<Outcome, Wrong> {
    let stdout = Path::new("-");
    let written = Output::create(stdout, false).and_then(|mut out| {
        let mut text = Vec::new();
        clap_complete::generate(args.shell, &mut Cli::command(), "bblog", &mut text);
        let written = std::io::Write::write_all(&mut out, &text);
        written.map_err(|error| Output::error(stdout, WriteError::Io(error)))?;
        out.commit()
    });
    Ok(Messages::new().end(written))
}
