// SPDX-License-Identifier: BSD-2-Clause
//! Declares a condition to the compiler, which is set by hand (`make check`): with `--cfg fbsd_check`
//! any system type-checks what is compiled for FreeBSD only.

fn main() {
    println!("cargo::rustc-check-cfg=cfg(fbsd_check)");
    println!("cargo::rerun-if-changed=build.rs");
}
