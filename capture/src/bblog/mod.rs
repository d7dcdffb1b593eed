// SPDX-License-Identifier: BSD-2-Clause
//! BBLog: the stream of `/dev/tcp_log`, cut into entries and records, and the state that is kept of it.

pub mod filter;
pub mod serials;
pub mod stacks;
pub mod stream;
