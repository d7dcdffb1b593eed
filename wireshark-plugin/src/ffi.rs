// SPDX-License-Identifier: GPL-2.0-or-later
//! `shim/shim.h` and the constants of Wireshark's headers, as bindgen translates them.

#![allow(
    missing_docs,
    non_camel_case_types,
    non_upper_case_globals,
    dead_code,
    unused_qualifications,
    clippy::all,
    clippy::undocumented_unsafe_blocks
)]

include!(concat!(env!("OUT_DIR"), "/shim.rs"));
