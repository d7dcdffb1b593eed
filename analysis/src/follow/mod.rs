// SPDX-License-Identifier: BSD-2-Clause
//! Connections, followed item by item: the step that each item makes, and the account at the end.

pub(crate) mod account;
pub(crate) mod connection;
pub(crate) mod connections;
pub(crate) mod key;
pub(crate) mod shard;
pub(crate) mod step;
