// SPDX-License-Identifier: BSD-2-Clause
//! What only the operating system can do and no safe crate offers.

pub mod ioctl;
pub mod sysctl;
