// SPDX-License-Identifier: BSD-2-Clause
//! Options about what is read, and what inputs do not say themselves.

use std::path::PathBuf;
use std::sync::Arc;

use bblog_converter::escape::Escaped;
use bblog_converter::input::Name;
use bblog_converter::series;
use bblog_converter::stacks::StackNames;
use bblog_converter::tables::{Tables, lazy_catalog};
use bblog_dissector::layout::Layout;
use bblog_dissector::schema::{self, Schema};
use bblog_dissector::spec::Kernel;

use super::Wrong;
use crate::messages::Messages;

/// Options that say how to take what is read.
#[derive(clap::Args)]
#[command(next_help_heading = "Reading")]
pub struct TablesArgs {
    /// The kernel that wrote BBLog records: 13, 14 or main [default: what the input says, or main]
    #[arg(long, value_name = "VERSION", value_parser = kernel)]
    kernel: Option<Kernel>,
    /// The layout of eventlog's tcp provider: A, B, C, D, D2 or E [default: found out by its events]
    #[arg(long, value_name = "NAME", value_parser = layout)]
    layout: Option<Layout>,
    /// A schema of eventlog(9) that describes a provider, instead of the built-in one; may be repeated
    #[arg(long, value_name = "FILE")]
    schema: Vec<PathBuf>,
    /// Names of the TCP stacks that BBLog records know by number [default: the running kernel's]
    #[arg(long, value_name = "ID=NAME,...")]
    stack: Option<StackNames>,
}

fn kernel(text: &str) -> Result<Kernel, &'static str> {
    Kernel::from_name(text).ok_or("expected 13, 14 or main")
}

fn layout(text: &str) -> Result<Layout, &'static str> {
    Layout::from_name(text).ok_or("expected A, B, C, D, D2 or E")
}

impl TablesArgs {
    /// The tables to read with.
    ///
    /// # Errors
    /// A schema that cannot be read, with its name and place.
    pub fn tables(self) -> Result<Arc<Tables>, Wrong> {
        let schemas = self.schema.into_iter().map(read_schema).collect::<Result<Vec<Schema>, _>>()?;
        Ok(Arc::new(Tables {
            stacks: self.stack.unwrap_or_else(StackNames::of_this_machine),
            kernel: self.kernel,
            layout: self.layout,
            catalog: lazy_catalog(schemas),
        }))
    }
}

fn read_schema(path: PathBuf) -> Result<Schema, Wrong> {
    let bytes = std::fs::read(&path);
    let bytes = bytes.map_err(|error| format!("{}: {}", Escaped::path(&path), io_text(&error)))?;
    // Comments may be in any encoding.
    let text = String::from_utf8_lossy(&bytes);
    let schema = schema::parse(&text);
    let schema = schema.map_err(|fault| format!("{}: {fault}", Escaped::path(&path)))?;
    Ok(schema)
}

/// An I/O error in the words of strerror(3).
fn io_text(error: &std::io::Error) -> String {
    let text = error.to_string();
    text.split(" (os error ").next().unwrap_or_default().to_owned()
}

/// The inputs by name: what is no file but begins the names of a series' files stands for them.
pub fn names(paths: Vec<PathBuf>, messages: &mut Messages) -> Vec<Name> {
    let names: Vec<Name> = paths.into_iter().map(Name::new).collect();
    series::expand(&names, &mut |name, fault| messages.fault(name, fault))
}
