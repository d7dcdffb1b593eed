// SPDX-License-Identifier: BSD-2-Clause
//! eventlog(9): the subscription, and the events that bblogd interprets.

pub mod capture;
pub mod ended;
pub mod kernel_drops;
pub mod late_stacks;
pub mod order;
