// SPDX-License-Identifier: BSD-2-Clause
//! What limits a connection, and for how long: the state now, the time in each state, gaps without progress.

pub(crate) mod ledger;
pub(crate) mod limit;
pub(crate) mod stall;
