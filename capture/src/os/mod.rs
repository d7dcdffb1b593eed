// SPDX-License-Identifier: BSD-2-Clause
//! System calls for which no crate has a safe function, or that not all systems have.

#[cfg(all(fbsd_check, not(target_os = "freebsd")))]
pub mod capsicum;
pub mod ioctl;
pub mod pipe;
pub mod sysctl;
