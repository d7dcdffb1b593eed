// SPDX-License-Identifier: BSD-2-Clause
//! eventlog(9): the subscription, and what bblogd has to understand of its events.

pub mod capture;
pub mod ended;
pub mod order;
