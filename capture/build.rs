// SPDX-License-Identifier: BSD-2-Clause
//! Tells the compiler of a condition that is set by hand: `RUSTFLAGS='--cfg fbsd_check' cargo
//! check` type-checks on any system what is compiled for FreeBSD only and needs no crate of its.

fn main() {
    println!("cargo::rustc-check-cfg=cfg(fbsd_check)");
    println!("cargo::rerun-if-changed=build.rs");
}
