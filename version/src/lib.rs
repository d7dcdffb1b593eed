// SPDX-License-Identifier: BSD-2-Clause
//! What the programs and the plugin say to `--version`: the workspace's version and, in a release
//! build, the commit it was made from.
#![no_std]
#![forbid(unsafe_code)]
#![deny(missing_docs)]

/// `0.1.0 (1a2b3c4d5e6f)`; with `-dirty` behind the commit if files differ from it. Without a
/// commit, as in a tarball, and in debug builds, which would be built anew for each commit, only
/// the version.
pub const VERSION: &str = env!("BBLOG_VERSION");
