// SPDX-License-Identifier: BSD-2-Clause
//! The interfaces that this program offers.

use clap::ValueEnum;

/// An interface in Wireshark's list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum CaptureInterface {
    /// bblogd on this machine
    BblogLocal,
    /// bblogd on another machine
    BblogSsh,
}
