// SPDX-License-Identifier: BSD-2-Clause
//! Errors of the output. They end the run.

use std::path::PathBuf;

use bblog_pcapng::WriteError;
use bblog_pcapng::escape::Escaped;

/// An output that could not be made, with its name.
#[derive(Debug, thiserror::Error)]
#[non_exhaustive]
pub enum OutputError {
    /// There is such a file and it may not be replaced.
    #[error("{}: exists; --overwrite replaces it", Escaped::path(.path))]
    Exists {
        /// The output.
        path: PathBuf,
    },
    /// Anything else.
    #[error("{}: {source}", Escaped::path(.path))]
    Write {
        /// The output.
        path: PathBuf,
        /// Why.
        source: WriteError,
    },
}
