// SPDX-License-Identifier: BSD-2-Clause
//! `bblog why`

use std::path::{Path, PathBuf};

use bblog_analysis::Wanted;
use bblog_converter::WriteError;
use bblog_converter::command::why::{self, EvidenceCommand};
use bblog_converter::output::Output;
use bblog_converter::select::walk::Picker;

use super::jobs::JobsArgs;
use super::messages::{self, Messages, Outcome};
use super::progress::Progress;
use super::reading::{AssumptionArgs, Reading};
use super::selecting::SelectionArgs;
use super::usage::UsageError;

/// Print what limited each connection, when, and how that is known
///
/// Each microsecond of a connection is attributed to what limited its sender: the application, the
/// congestion window, the peer's window, the pacer, loss repair, a timeout and so on. Prints a
/// verdict, the time in each state, the gaps without progress with their causes, further
/// notes, and the command that shows the evidence. The worst connection comes first. Files of one
/// connection are taken together.
#[derive(clap::Args)]
pub struct Args {
    /// Logs to read; `-` is standard input
    #[arg(required_unless_present = "schema_doc", value_name = "FILE")]
    inputs: Vec<PathBuf>,
    /// Print JSON instead of text: one object per connection and line
    #[arg(long)]
    json: bool,
    /// Add every span of time with its state
    #[arg(short, long)]
    verbose: bool,
    /// Print a JSON Schema of the lines of --json, and nothing else
    #[arg(long)]
    schema_doc: bool,
    #[command(flatten)]
    jobs: JobsArgs,
    #[command(flatten)]
    selection: SelectionArgs,
    #[command(flatten)]
    assumptions: AssumptionArgs,
}

/// Runs the subcommand.
///
/// # Errors
/// [`UsageError`] if the command line is wrong.
pub fn run(args: Args) -> Result<Outcome, UsageError> {
    if args.schema_doc {
        return Ok(Messages::new().end(print(|out| {
            serde_json::to_writer_pretty(&mut *out, &why::schema_doc())?;
            std::io::Write::write_all(out, b"\n")
        })));
    }
    let evidence = EvidenceCommand { inputs: quoted(&args.inputs) };
    let Reading { mut inputs, selection, mut messages } =
        Reading::of(args.inputs, args.selection, args.assumptions)?;
    inputs.jobs = args.jobs.jobs();
    let mut picker = Picker::new(selection);
    let progress = Progress::of_report(&inputs, messages.bar());
    let on_error = &mut |name: &_, error: &_| messages.error(name, error);
    let wanted = Wanted { spans: args.verbose };
    let findings = why::of_inputs(&inputs, &mut picker, wanted, on_error);
    drop(progress);
    messages.selected(picker.took_nothing());
    if args.json && findings.left_out().connections() > 0 {
        messages::print(&format_args!("left out {}", findings.left_out()));
    }
    Ok(messages.end(print(|out| {
        if args.json { findings.print_json(out) } else { findings.print_text(&evidence, out) }
    })))
}

fn print(write: impl FnOnce(&mut Output) -> std::io::Result<()>) -> Result<(), bblog_converter::OutputError> {
    let mut out = Output::text(false)?;
    write(&mut out).map_err(|error| Output::error(Path::new("-"), WriteError::Io(error)))?;
    out.commit()
}

/// The inputs as a shell takes them.
fn quoted(inputs: &[PathBuf]) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./+,:@%=".contains(c);
    let quote = |path: &PathBuf| {
        let name = bblog_pcapng::escape::Escaped::path(path).to_string();
        if !name.is_empty() && name.chars().all(plain) {
            name
        } else {
            format!("'{}'", name.replace('\'', r"'\''"))
        }
    };
    inputs.iter().map(quote).collect::<Vec<_>>().join(" ")
}
