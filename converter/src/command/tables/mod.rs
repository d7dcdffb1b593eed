// SPDX-License-Identifier: BSD-2-Clause
//! `bblog convert --format parquet` and `--format arrow`: connections and events as tables.

mod event_groups;
mod files;
mod fingerprint;
mod manifest;
mod parts;
mod schema_table;
mod store;
mod stream;
mod walk;

use std::path::PathBuf;

use bblog_pcapng::error::Strerror;
use bblog_pcapng::escape::Escaped;

pub use self::files::Files;
pub use self::fingerprint::Fingerprints;
pub use self::store::{RunOptions, TableFolder};
pub use self::stream::ArrowStream;
pub use self::walk::{Job, Sink, arranged, walk};

use crate::input::InputName;
use crate::output::error::OutputError;

/// A table.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Table {
    /// A row for each connection.
    Connections,
    /// A row for each event.
    Events,
    /// A row for each event of this name, with a column for each of its values.
    Event(String),
}

impl Table {
    /// Its name.
    pub fn name(&self) -> String {
        match self {
            Table::Event(name) => name.clone(),
            other => other.folder(),
        }
    }

    /// The name of its folder: `connections`, `events`, `event=RTO`.
    pub fn folder(&self) -> String {
        match self {
            Table::Connections => "connections".to_owned(),
            Table::Events => "events".to_owned(),
            Table::Event(name) => format!("event={}", crate::input::host::escape(name)),
        }
    }
}

/// Why tables could not be written.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum TablesError {
    /// The output.
    #[error(transparent)]
    Output(#[from] OutputError),
    /// No event is called so.
    #[error("--event: no event is called {0}")]
    UnknownEvent(String),
    /// The tables have an input already.
    #[error("{name}: converted before, see {}; --overwrite replaces it", Escaped::path(.manifest))]
    Converted {
        /// The input.
        name: InputName,
        /// The run that converted it.
        manifest: PathBuf,
    },
    /// The tables have an input already, from a run with inputs that are not given now.
    #[error(
        "{name}: converted before together with other files, see {}; expected all of them to replace it",
        Escaped::path(.manifest)
    )]
    ConvertedWithOthers {
        /// The input.
        name: InputName,
        /// The run that converted it.
        manifest: PathBuf,
    },
    /// Two inputs are the same.
    #[error("{name}: the same as {other}")]
    Twice {
        /// An input.
        name: InputName,
        /// One that was given before.
        other: InputName,
    },
    /// What a run wrote down cannot be read.
    #[error("{}: {problem}, expected a manifest of bblog", Escaped::path(.path))]
    Manifest {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
    /// The system could not read or write a file.
    #[error("{}: {}", Escaped::path(.path), Strerror(.source))]
    Io {
        /// The file.
        path: PathBuf,
        /// Why.
        source: std::io::Error,
    },
    /// A table could not be made.
    #[error("{}: {problem}", Escaped::path(.path))]
    Table {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        problem: String,
    },
}

impl TablesError {
    pub(crate) fn io(path: impl Into<PathBuf>) -> impl FnOnce(std::io::Error) -> TablesError {
        let path = path.into();
        move |source| TablesError::Io { path, source }
    }

    /// The error of a library, which may be the system's.
    pub(crate) fn of_parquet(
        path: impl Into<PathBuf>,
    ) -> impl FnOnce(parquet::errors::ParquetError) -> TablesError {
        let path = path.into();
        move |error| match error {
            parquet::errors::ParquetError::External(inner) => match inner.downcast::<std::io::Error>() {
                Ok(source) => TablesError::Io { path, source: *source },
                Err(inner) => TablesError::Table { path, problem: inner.to_string() },
            },
            other => TablesError::Table { path, problem: other.to_string() },
        }
    }

    pub(crate) fn of_arrow(path: impl Into<PathBuf>) -> impl FnOnce(arrow_schema::ArrowError) -> TablesError {
        let path = path.into();
        move |error| match error {
            arrow_schema::ArrowError::IoError(_, source) => TablesError::Io { path, source },
            other => TablesError::Table { path, problem: other.to_string() },
        }
    }
}
