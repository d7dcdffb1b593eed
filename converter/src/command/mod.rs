// SPDX-License-Identifier: BSD-2-Clause
//! The commands that do more than print events.

pub mod convert;
pub mod elog_file;
mod ends;
pub mod info;
pub mod pcap_file;
pub mod plot;
pub mod split;
pub mod stats;
#[cfg(feature = "parquet")]
pub mod tables;
pub mod top;
pub mod why;
