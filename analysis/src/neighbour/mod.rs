// SPDX-License-Identifier: BSD-2-Clause
//! What an event is relative to others of its connection: its pair, the event before it, the numbers that its own
//! count from. None of it needs the whole analysis.

pub mod links;
pub(crate) mod notices;
pub(crate) mod numbers;
pub mod track;
