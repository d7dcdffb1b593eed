// SPDX-License-Identifier: BSD-2-Clause
//! What a user asks for, but for what is only printed.

pub mod convert;
pub mod elog_file;
pub mod info;
pub mod pcap_file;
pub mod split;
pub mod why;
