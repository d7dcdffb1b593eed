// SPDX-License-Identifier: BSD-2-Clause
//! The programs as cargo built them.

use std::path::{Path, PathBuf};
use std::process::{Command, Output};
use std::sync::LazyLock;

use crate::fixtures::STACKS;

/// The folder with the programs and the plugin. They are built first, so that a test run on its
/// own does not meet old ones.
static FOLDER: LazyLock<PathBuf> = LazyLock::new(|| {
    let test = std::env::current_exe().expect("the test's own path");
    let folder = test.parent().and_then(Path::parent).expect("target/PROFILE/deps").to_owned();
    let mut cargo = Command::new(env!("CARGO"));
    cargo.args(["build", "--quiet", "--locked", "--workspace"]);
    if folder.ends_with("release") {
        cargo.arg("--release");
    }
    cargo.current_dir(Path::new(env!("CARGO_MANIFEST_DIR")).join(".."));
    cargo.env("CARGO_TARGET_DIR", folder.parent().expect("target"));
    let status = cargo.status().expect("cargo runs");
    assert!(status.success(), "cargo build: {status}");
    folder
});

/// A built program.
pub fn program(name: &str) -> PathBuf {
    FOLDER.join(name)
}

/// The built plugin, or the one that `BBLOG_PLUGIN` names.
pub fn plugin() -> PathBuf {
    if let Some(plugin) = std::env::var_os("BBLOG_PLUGIN") {
        return PathBuf::from(plugin);
    }
    let names = ["libbblog.so", "libbblog.dylib"];
    names.iter().map(|name| FOLDER.join(name)).find(|path| path.exists()).expect("the plugin is built")
}

/// Copies a program that is to be run. By cp(1): what this process has open for writing any other
/// child holds as well until it runs its own program, and meanwhile the copy is "busy".
pub fn copy(from: &Path, to: &Path) {
    let status = Command::new("cp").arg(from).arg(to).status().expect("cp runs");
    assert!(status.success(), "cp {} {}", from.display(), to.display());
}

/// Runs `bblog` with these arguments.
pub fn bblog(arguments: &[&str]) -> Output {
    Command::new(program("bblog")).args(arguments).output().expect("bblog runs")
}

/// `bblog convert INPUT`, as bytes.
///
/// # Panics
/// If it fails, with its message.
pub fn convert(input: &Path) -> Vec<u8> {
    let input = input.to_str().expect("a UTF-8 path");
    let output = bblog(&["convert", input, "--stack", STACKS, "-o", "-"]);
    assert!(output.status.success(), "{input}: {}", String::from_utf8_lossy(&output.stderr));
    output.stdout
}
