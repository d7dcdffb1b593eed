// SPDX-License-Identifier: BSD-2-Clause
//! Devices: opened, and read by threads of their own into the queue.

pub mod buffer;
pub mod clock;
pub mod eventlog;
pub mod kernel;
pub mod message;
pub mod queue;
pub mod tcp_log;
pub mod threads;
