// SPDX-License-Identifier: BSD-2-Clause
//! ioctl(2) with an argument whose size is part of the command.
#![allow(unsafe_code)]

use std::io;
use std::os::fd::{AsRawFd, BorrowedFd};

/// The kernel writes the argument (`IOC_OUT`).
const OUT: u32 = 0x4000_0000;
/// The kernel reads the argument (`IOC_IN`).
const IN: u32 = 0x8000_0000;
/// There is no argument (`IOC_VOID`).
#[cfg(test)]
const VOID: u32 = 0x2000_0000;
/// The bits of the argument's size.
const LEN_BITS: u32 = 13;

/// A command, numbered as FreeBSD's `_IOC` does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IoctlCommand(u32);

impl IoctlCommand {
    /// A command whose argument of `len` bytes the kernel reads; `None` if it is too long.
    pub const fn reads(group: u8, number: u8, len: usize) -> Option<IoctlCommand> {
        IoctlCommand::new(IN, group, number, len)
    }

    /// A command whose argument of `len` bytes the kernel writes; `None` if it is too long.
    pub const fn writes(group: u8, number: u8, len: usize) -> Option<IoctlCommand> {
        IoctlCommand::new(OUT, group, number, len)
    }

    const fn new(direction: u32, group: u8, number: u8, len: usize) -> Option<IoctlCommand> {
        if len >= 1 << LEN_BITS {
            return None;
        }
        Some(IoctlCommand(direction | ((len as u32) << 16) | ((group as u32) << 8) | number as u32))
    }

    /// The command's number.
    pub const fn number(self) -> u32 {
        self.0
    }

    const fn len(self) -> usize {
        (self.0 >> 16) as usize & ((1 << LEN_BITS) - 1)
    }

    /// Gives the command with `argument`.
    ///
    /// # Errors
    /// The kernel's, and `InvalidInput` if the argument has not the size that the command says.
    pub fn run(self, fd: BorrowedFd<'_>, argument: &mut [u8]) -> io::Result<()> {
        if argument.len() != self.len() {
            return Err(io::ErrorKind::InvalidInput.into());
        }
        // SAFETY: the descriptor is open as long as it is borrowed. The kernel takes the size of
        // the memory it reads or writes from the command, and that is the size of `argument`,
        // which is borrowed exclusively. Commands are made by `reads` and `writes` only, which
        // encode what the argument is for; plain bytes may hold any value.
        let result = unsafe { libc::ioctl(fd.as_raw_fd(), self.0 as _, argument.as_mut_ptr()) };
        if result < 0 { Err(io::Error::last_os_error()) } else { Ok(()) }
    }
}

#[cfg(test)]
mod tests {
    use std::os::fd::AsFd;

    use super::*;

    #[test]
    fn numbers() {
        let create =
            |subscriptions: usize| IoctlCommand::reads(b'E', 1, 8 + 44 * subscriptions).map(|c| c.number());
        assert_eq!(create(1), Some(0x8034_4501));
        assert_eq!(create(2), Some(0x8060_4501));
        assert_eq!(create(16), Some(0x82c8_4501));
        assert_eq!(create(185), Some(0x9fd4_4501));
        assert_eq!(create(186), None);
        assert_eq!(IoctlCommand::writes(b'E', 3, 8).map(|c| c.number()), Some(0x4008_4503));
        assert_eq!(IoctlCommand::writes(b'E', 4, 1092).map(|c| c.number()), Some(0x4444_4504));
        assert_eq!(VOID | 0x4502, 0x2000_4502);
    }

    #[test]
    fn the_size_must_be_right() {
        let stdin = io::stdin();
        let command = IoctlCommand::writes(b'E', 3, 8).unwrap();
        let error = command.run(stdin.as_fd(), &mut [0; 7]).unwrap_err();
        assert_eq!(error.kind(), io::ErrorKind::InvalidInput);
    }
}
