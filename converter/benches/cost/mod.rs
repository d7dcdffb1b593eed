// SPDX-License-Identifier: BSD-2-Clause
//! What a process costs, as the kernel counts it.

use std::process::{Command, Stdio};
use std::time::Instant;

use nix::sys::resource::{Usage, UsageWho, getrusage};
use nix::sys::time::TimeValLike;

/// Microseconds of one process.
pub struct Cost {
    /// CPU time in the program.
    pub user: i64,
    /// CPU time in the kernel.
    pub system: i64,
    /// From its start to its end.
    pub wall: u128,
}

impl Cost {
    /// CPU time in all.
    pub fn cpu(&self) -> i64 {
        self.user + self.system
    }
}

/// Runs the command, which must succeed; its messages are dropped.
pub fn cost(command: &mut Command) -> Cost {
    let before = children();
    let begin = Instant::now();
    let status = command.stderr(Stdio::null()).status().unwrap();
    assert!(status.success(), "{status}");
    let wall = begin.elapsed().as_micros();
    let after = children();
    Cost {
        user: after.user_time().num_microseconds() - before.user_time().num_microseconds(),
        system: after.system_time().num_microseconds() - before.system_time().num_microseconds(),
        wall,
    }
}

/// What all commands so far used. `max_rss` is the most memory that one of them had.
pub fn children() -> Usage {
    getrusage(UsageWho::RUSAGE_CHILDREN).unwrap()
}
