// SPDX-License-Identifier: BSD-2-Clause
//! What only the operating system can do and no safe crate offers.

#[cfg(all(fbsd_check, not(target_os = "freebsd")))]
pub mod capsicum;
pub mod ioctl;
pub mod sysctl;
