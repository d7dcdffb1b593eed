// SPDX-License-Identifier: BSD-2-Clause
//! Gets the commit from git. A tarball has none; its packager may set `BBLOG_COMMIT`.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

fn main() {
    println!("cargo::rerun-if-env-changed=BBLOG_COMMIT");
    let version = env::var("CARGO_PKG_VERSION").unwrap_or_default();
    let release = env::var("PROFILE").is_ok_and(|profile| profile == "release");
    let commit = if release { env::var("BBLOG_COMMIT").ok().or_else(commit) } else { None };
    let version = match commit.filter(|commit| !commit.is_empty()) {
        Some(commit) => format!("{version} ({commit})"),
        None => version,
    };
    println!("cargo::rustc-env=BBLOG_VERSION={version}");
    if !release {
        println!("cargo::rerun-if-changed=build.rs");
    }
}

/// The commit of our own repository: a tarball unpacked somewhere inside another is not that.
fn commit() -> Option<String> {
    let top = git(&["rev-parse", "--show-toplevel"])?;
    let root = PathBuf::from(env::var_os("CARGO_MANIFEST_DIR")?).join("..");
    if Path::new(&top).canonicalize().ok()? != root.canonicalize().ok()? {
        return None;
    }
    // Relative, so that a tarball that is built in the same target folder is asked again.
    let mark = if root.join(".git").is_dir() { "../.git/HEAD" } else { "../.git" };
    println!("cargo::rerun-if-changed={mark}");
    for name in ["HEAD", "index", "logs/HEAD"] {
        if let Some(path) = git(&["rev-parse", "--path-format=absolute", "--git-path", name]) {
            println!("cargo::rerun-if-changed={path}");
        }
    }
    git(&["describe", "--always", "--exclude=*", "--abbrev=12", "--dirty"])
}

fn git(arguments: &[&str]) -> Option<String> {
    let output = Command::new("git").args(arguments).output().ok()?;
    let text = String::from_utf8(output.stdout).ok()?.trim().to_owned();
    (output.status.success() && !text.is_empty()).then_some(text)
}
