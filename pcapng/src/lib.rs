// SPDX-License-Identifier: BSD-2-Clause
//! Storage of FreeBSD's TCP flight recorders in pcapng: blocks, options, frames and file names.
#![forbid(unsafe_code)]
#![deny(missing_docs)]
