// SPDX-License-Identifier: BSD-2-Clause
//! The capacity of pipes and FIFOs.

use std::os::fd::BorrowedFd;

/// Lets `pipe`, a pipe or FIFO, hold `bytes`, if it holds less and the system allows it.
///
/// Each time that a full pipe is read its writer is woken, which costs as much as to copy what was read. Linux
/// gives a pipe 64 KiB and allows a user 1 MiB (`/proc/sys/fs/pipe-max-size`). Other systems have no such call.
pub fn enlarge(pipe: BorrowedFd<'_>, bytes: i32) {
    #[cfg(target_os = "linux")]
    {
        use nix::fcntl::{FcntlArg, fcntl};
        if fcntl(pipe, FcntlArg::F_GETPIPE_SZ).is_ok_and(|capacity| capacity < bytes) {
            // With the capacity that it has it works as well, only slower.
            let _ = fcntl(pipe, FcntlArg::F_SETPIPE_SZ(bytes));
        }
    }
    #[cfg(not(target_os = "linux"))]
    let _ = (pipe, bytes);
}

#[cfg(all(test, target_os = "linux"))]
mod tests {
    use std::os::fd::AsFd;

    use nix::fcntl::{FcntlArg, fcntl};

    use super::*;

    #[test]
    fn a_pipe_grows_and_does_not_shrink() {
        let (read, write) = nix::unistd::pipe().unwrap();
        let capacity = || fcntl(&write, FcntlArg::F_GETPIPE_SZ).unwrap();
        let more = 2 * capacity();
        enlarge(read.as_fd(), more);
        assert_eq!(capacity(), more);
        enlarge(read.as_fd(), 4096);
        assert_eq!(capacity(), more);
    }
}
