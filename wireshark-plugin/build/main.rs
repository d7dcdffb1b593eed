// SPDX-License-Identifier: GPL-2.0-or-later
//! Builds the plugin against the Wireshark installed here: finds it, compiles the C shim, translates
//! `shim/shim.h` so that Rust shares its definitions, and describes the fields of the built-in tables.
//!
//! `BBLOG_SANITIZE=address,undefined` builds the shim with these sanitizers, to be tested (`make sanitize`): such a
//! plugin only loads into programs that have them too.

mod fields;

use std::env;
use std::fs;
use std::panic::AssertUnwindSafe;
use std::path::PathBuf;
use std::process::exit;

/// The C half.
const SOURCES: [&str; 7] = [
    "shim/asked.c",
    "shim/register.c",
    "shim/section.c",
    "shim/dissect.c",
    "shim/stream.c",
    "shim/stats.c",
    "shim/menu.c",
];
/// What it includes, to be built again when changed.
const HEADERS: [&str; 3] = ["shim/shim.h", "shim/internal.h", "shim/compat.h"];
/// The Wireshark versions whose API the shim supports.
const SUPPORTED: std::ops::RangeInclusive<(u32, u32)> = (4, 0)..=(4, 6);

fn main() {
    for path in SOURCES.iter().chain(&HEADERS) {
        println!("cargo::rerun-if-changed={path}");
    }
    let wireshark = pkg_config::Config::new().atleast_version("4.0").probe("wireshark").unwrap_or_else(|_| {
        fail("Wireshark's headers not found (pkg-config wireshark): install libwireshark-dev, on FreeBSD wireshark")
    });
    let version = minor_version(&wireshark.version);
    if !SUPPORTED.contains(&version) {
        println!(
            "cargo::warning=Wireshark {} is newer than the plugin knows (4.0 to 4.6)",
            wireshark.version
        );
    }
    println!("cargo::rustc-env=BBLOG_WANT_MAJOR={}", version.0);
    println!("cargo::rustc-env=BBLOG_WANT_MINOR={}", version.1);
    // The shim calls wiretap, which pkg-config leaves to libwireshark.
    println!("cargo::rustc-link-lib=wiretap");
    bindings(&wireshark.include_paths);
    write("fields.rs", &fields::generated());
    shim(&wireshark.include_paths);
}

/// `4.0.17` → (4, 0).
fn minor_version(version: &str) -> (u32, u32) {
    let mut parts = version.split('.').map(|part| part.parse().unwrap_or_default());
    (parts.next().unwrap_or_default(), parts.next().unwrap_or_default())
}

fn shim(includes: &[PathBuf]) {
    println!("cargo::rerun-if-env-changed=BBLOG_SANITIZE");
    let mut build = cc::Build::new();
    if let Ok(sanitizers) = env::var("BBLOG_SANITIZE") {
        let sanitize = format!("-fsanitize={sanitizers}");
        println!("cargo::rustc-link-arg-cdylib={sanitize}");
        build.flag(sanitize).flag("-fno-sanitize-recover=all").flag("-fno-omit-frame-pointer");
    }
    build
        .files(SOURCES)
        .includes(includes)
        .std("gnu11")
        .flag_if_supported("-fvisibility=hidden")
        .warnings(true)
        .extra_warnings(true)
        .compile("bblog_shim");
}

/// Writes a generated file.
fn write(name: &str, text: &str) {
    let path = PathBuf::from(env::var_os("OUT_DIR").unwrap_or_default()).join(name);
    if let Err(error) = fs::write(&path, text) {
        fail(&format!("{}: {error}", path.display()));
    }
}

fn bindings(includes: &[PathBuf]) {
    let builder = bindgen::Builder::default()
        .header("shim/shim.h")
        .clang_args(includes.iter().map(|path| format!("-I{}", path.display())))
        .allowlist_type("bblog_.*|ftenum|ft_framenum_type|field_display_e")
        .allowlist_var("BBLOG_.*")
        .allowlist_function("bblog_shim_.*")
        .prepend_enum_name(false)
        .layout_tests(false)
        .generate_comments(false)
        .derive_default(true);
    // bindgen panics, with a page of text, when there is no libclang.
    std::panic::set_hook(Box::new(|_| {}));
    let generated = std::panic::catch_unwind(AssertUnwindSafe(|| builder.generate()));
    let _ = std::panic::take_hook();
    let bindings = match generated {
        Ok(Ok(bindings)) => bindings,
        Ok(Err(error)) => fail(&format!("Wireshark's headers cannot be read by bindgen: {error}")),
        Err(_) => fail("libclang not found: install libclang-dev, on FreeBSD llvm (or set LIBCLANG_PATH)"),
    };
    write("shim.rs", &bindings.to_string());
}

/// Ends the build with one line: cargo fails because of the `error`, and would add a page of its own to a
/// failed exit status.
fn fail(message: &str) -> ! {
    println!("cargo::error={message}");
    exit(0)
}
