// SPDX-License-Identifier: BSD-2-Clause
//! Records and events into files of their connections, or into one stream.

pub mod bblog_files;
pub mod eventlog_files;
pub mod eventlog_stream;
pub mod stream;
