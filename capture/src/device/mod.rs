// SPDX-License-Identifier: BSD-2-Clause
//! The devices. Threads of their own read them into the queue.

pub mod buffer;
pub mod clock;
pub mod eventlog;
pub mod kernel;
pub mod message;
pub mod queue;
pub mod tcp_log;
pub mod threads;
