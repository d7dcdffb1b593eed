// SPDX-License-Identifier: BSD-2-Clause
//! Options that state what inputs do not say themselves.

use std::fs::{self, File};
use std::io::{self, Read};
use std::num::NonZeroU32;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::sync::Arc;

use bblog_converter::input::assumptions::{Assumptions, lazy_catalog};
use bblog_converter::input::series;
use bblog_converter::input::{InputName, Inputs};
use bblog_converter::select::Selection;
use bblog_dissector::layout::Layout;
use bblog_dissector::schema::{self, Schema};
use bblog_dissector::spec::Kernel;
use bblog_dissector::tcp_provider::Addresses;
use bblog_pcapng::error::Strerror;
use bblog_pcapng::escape::Escaped;
use bblog_pcapng::stacks::StackNames;

use super::messages::Messages;
use super::selecting::SelectionArgs;
use super::usage::UsageError;

/// Options that state what inputs do not say themselves.
#[derive(clap::Args)]
#[command(next_help_heading = "Reading")]
pub struct AssumptionArgs {
    /// FreeBSD release whose kernel wrote BBLog records: 13.2, 14.1-RELEASE, 15, main [default: from
    /// the input, else inferred from the records, else main]
    #[arg(long, value_name = "VERSION", value_parser = kernel)]
    kernel: Option<Kernel>,
    /// Ticks per second (kern.hz) of the machine that logged [default: from the input, else
    /// inferred from the records or events]
    #[arg(long, value_name = "HZ")]
    hz: Option<NonZeroU32>,
    /// Layout of eventlog's tcp provider: A, B, C, D, D2 or E [default: detected from the events]
    #[arg(long, value_name = "NAME", value_parser = layout)]
    layout: Option<Layout>,
    /// Schema of an eventlog(9) provider, instead of the built-in one; may be repeated
    #[arg(long, value_name = "FILE")]
    schema: Vec<PathBuf>,
    /// Names of TCP stacks by their numbers in BBLog records [default: from the input, else inferred
    /// from the records]
    #[arg(long, value_name = "ID=NAME,...")]
    stack: Option<StackNames>,
    /// Keep events of eventlog(9) in the order of the input. Without this, events that FreeBSD logged late are
    /// put in the order of their times
    #[arg(long)]
    no_sort: bool,
}

/// The option that names the machine.
#[derive(clap::Args)]
#[command(next_help_heading = "Reading")]
pub struct HostArgs {
    /// Name of the machine that logged [default: NAME of the innermost folder host=NAME of a file's path]
    #[arg(long, value_name = "NAME")]
    host: Option<String>,
}

impl HostArgs {
    /// Whether it is given.
    #[cfg(feature = "parquet")]
    pub fn is_given(&self) -> bool {
        self.host.is_some()
    }

    /// The name; `None` if it is not given.
    pub fn host(self) -> Option<Arc<str>> {
        self.host.map(Arc::from)
    }
}

fn kernel(text: &str) -> Result<Kernel, &'static str> {
    Kernel::from_name(text).ok_or("expected a FreeBSD release, such as 13.2, or main")
}

fn layout(text: &str) -> Result<Layout, &'static str> {
    Layout::from_name(text).ok_or("expected A, B, C, D, D2 or E")
}

impl AssumptionArgs {
    /// Keeps the order of the input: for what is compared with elog(1).
    pub fn keep_order(&mut self) {
        self.no_sort = true;
    }

    /// The assumptions of these options, and the ends of the connection if the user named both.
    ///
    /// # Errors
    /// One line with the schema that cannot be read, and the place.
    pub fn assumptions(self, ends: Option<Addresses>) -> Result<Arc<Assumptions>, UsageError> {
        let schemas = self.schema.into_iter().map(read_schema).collect::<Result<Vec<Schema>, _>>()?;
        let local_stacks = if self.stack.is_none() { of_this_machine() } else { StackNames::none() };
        Ok(Arc::new(Assumptions {
            stacks: self.stack.unwrap_or_default(),
            met: Default::default(),
            local_stacks,
            kernel: self.kernel,
            hz: self.hz,
            ends,
            layout: self.layout,
            sorts: !self.no_sort,
            catalog: lazy_catalog(schemas),
        }))
    }
}

fn read_schema(path: PathBuf) -> Result<Schema, UsageError> {
    let bytes = read_bounded(&path);
    let bytes = bytes.map_err(|error| format!("{}: {}", Escaped::path(&path), Strerror(&error)))?;
    // Comments may be in any encoding.
    let text = String::from_utf8_lossy(&bytes);
    let schema = schema::parse(&text);
    let schema = schema.map_err(|error| format!("{}: {error}", Escaped::path(&path)))?;
    Ok(schema)
}

/// The bytes of a schema's file, up to one more than a schema may have. A FIFO or a device has no end that is
/// worth waiting for.
fn read_bounded(path: &Path) -> io::Result<Vec<u8>> {
    if !fs::metadata(path)?.is_file() {
        return Err(io::Error::other("not a regular file"));
    }
    let mut bytes = Vec::new();
    File::open(path)?.take(schema::MAX_TEXT as u64 + 1).read_to_end(&mut bytes)?;
    Ok(bytes)
}

/// What a command reads, and where it reports problems.
pub struct Reading {
    /// The inputs.
    pub inputs: Inputs,
    /// Which of their items.
    pub selection: Selection,
    /// Errors of inputs so far.
    pub messages: Messages,
}

impl Reading {
    /// Reads the options of a command that reads inputs.
    ///
    /// # Errors
    /// [`UsageError`] if an option is wrong, or names a file that cannot be read.
    pub fn of(
        paths: Vec<PathBuf>,
        selection: SelectionArgs,
        assumptions: AssumptionArgs,
    ) -> Result<Reading, UsageError> {
        let assumptions = assumptions.assumptions(selection.ends())?;
        let selection = selection.selection(&assumptions)?;
        let mut messages = Messages::of(&assumptions);
        let inputs = Inputs::new(names(paths, &mut messages), &assumptions);
        Ok(Reading { inputs, selection, messages })
    }
}

/// The inputs by name: what is no file but begins the names of a series' files stands for them.
pub fn names(paths: Vec<PathBuf>, messages: &mut Messages) -> Vec<InputName> {
    let names: Vec<InputName> = paths.into_iter().map(InputName::new).collect();
    series::expand(&names, &mut |name, error| messages.error(name, error))
}

/// The stacks of the running kernel: of `net.inet.tcp.function_info` on FreeBSD, none elsewhere
/// or if that cannot be read. By way of sysctl(8): the system call would need unsafe code.
fn of_this_machine() -> StackNames {
    if !cfg!(target_os = "freebsd") {
        return StackNames::none();
    }
    let mut sysctl = Command::new("/sbin/sysctl");
    let output = sysctl.args(["-b", "net.inet.tcp.function_info"]).stderr(Stdio::null()).output();
    match output {
        Ok(output) if output.status.success() => StackNames::from_function_info(&output.stdout),
        _ => StackNames::none(),
    }
}
