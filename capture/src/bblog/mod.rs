// SPDX-License-Identifier: BSD-2-Clause
//! BBLog: the stream of `/dev/tcp_log` cut into entries and records, and what is remembered of it.

pub mod choice;
pub mod entries;
pub mod serials;
pub mod stacks;
