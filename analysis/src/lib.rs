// SPDX-License-Identifier: BSD-2-Clause
//! Conclusions from FreeBSD's TCP flight recorders: decoded items in, facts about connections out.
//!
//! This crate does no I/O. Memory is bounded for each connection.
#![forbid(unsafe_code)]
#![deny(missing_docs)]

pub mod infer;
pub mod links;
