// SPDX-License-Identifier: BSD-2-Clause
//! The real tshark, with the plugin or without.
//!
//! Wireshark ignores a user's plugins when it runs as root, and a test must not install anything
//! for everybody. So tshark gets a home of its own, and as root it runs as another user. Its home
//! also stands in for the system's folder of plugins, where another build of ours may be installed.
//!
//! `BBLOG_TSHARK` names a tshark other than the installed one, `BBLOG_PLUGIN` a plugin built for it
//! (packaging/wireshark-env.sh). `BBLOG_PRELOAD` names libraries that Wireshark's programs, and scripts
//! that run them, are to begin with (packaging/sanitize.sh).

use std::os::unix::fs::{PermissionsExt, symlink};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Command, Output, Stdio};
use std::{fs, io::Write, thread};

use serde_json::Value;
use tempfile::TempDir;

use crate::programs;

/// The user that tests run tshark as, if they are root: nobody.
const NOBODY: u32 = 65534;

/// tshark, or a program that is installed beside it: `editcap`, `mergecap`.
pub fn beside_tshark(name: &str) -> PathBuf {
    match std::env::var_os("BBLOG_TSHARK") {
        Some(tshark) => Path::new(&tshark).with_file_name(name),
        None => PathBuf::from(name),
    }
}

/// A tshark with its home.
pub struct Tshark {
    home: TempDir,
    variables: Vec<(String, String)>,
}

impl Tshark {
    /// With the built plugin.
    ///
    /// # Panics
    /// If tshark is missing (`make deps`) or does not load the plugin.
    pub fn with_plugin() -> Tshark {
        let tshark = Tshark::stock();
        let folder = tshark.folder("Personal Plugins:").join("epan");
        // Its own folders are its user's: others are to be made beside.
        let made = tshark.as_its_user(Command::new("mkdir")).arg("-p").arg(&folder).status();
        assert!(made.expect("mkdir runs").success(), "the plugin folder");
        fs::copy(programs::plugin(), folder.join("bblog.so")).expect("the plugin");
        let plugins = tshark.text(&["-G", "plugins"], b"");
        assert!(plugins.lines().any(|line| line.starts_with("bblog.so")), "not loaded:\n{plugins}");
        tshark
    }

    /// As it comes.
    pub fn stock() -> Tshark {
        let home = tempfile::tempdir().expect("a home");
        // mkdir(2) would take the umask off.
        fs::set_permissions(home.path(), fs::Permissions::from_mode(0o777)).expect("a home for anyone");
        let mut tshark = Tshark { home, variables: Vec::new() };
        let system = tshark.folder("Global Plugins:");
        let plugins = tshark.home().join("plugins");
        let epan = plugins.join(system.file_name().expect("a version")).join("epan");
        fs::create_dir_all(&epan).expect("a folder for plugins");
        for plugin in system.join("epan").read_dir().into_iter().flatten().flatten() {
            if plugin.file_name() != "bblog.so" {
                symlink(plugin.path(), epan.join(plugin.file_name())).expect("a link to a plugin");
            }
        }
        tshark.set("WIRESHARK_PLUGIN_DIR", plugins.to_str().expect("a UTF-8 path"));
        if let Some(libraries) = std::env::var_os("BBLOG_PRELOAD") {
            tshark.set("LD_PRELOAD", libraries.to_str().expect("UTF-8 paths"));
            // No programs of others, started by a thread, which AddressSanitizer may not survive.
            tshark.set("WIRESHARK_EXTCAP_DIR", plugins.to_str().expect("a UTF-8 path"));
            // Wireshark's own pools would hide what the sanitizers look for. Leaks are valgrind's business.
            tshark.set("WIRESHARK_DEBUG_WMEM_OVERRIDE", "simple");
            tshark.set("G_SLICE", "always-malloc");
            tshark.set("ASAN_OPTIONS", "detect_leaks=0");
            tshark.set("UBSAN_OPTIONS", "print_stacktrace=1");
        }
        tshark
    }

    /// Leaves the tables of manufacturers and services out, where they are files (4.0): sharkd reads
    /// them again for each capture, which takes forty times as long as the capture does.
    ///
    /// # Panics
    /// If its home cannot be written.
    pub fn without_tables(mut self) -> Tshark {
        let system = self.folder("Global configuration:");
        if system.join("manuf").exists() {
            let data = self.home().join("data");
            fs::create_dir(&data).expect("a folder for data");
            for file in system.read_dir().expect("a folder").flatten() {
                if !["manuf", "services", "enterprises.tsv"].map(Into::into).contains(&file.file_name()) {
                    symlink(file.path(), data.join(file.file_name())).expect("a link");
                }
            }
            self.set("WIRESHARK_DATA_DIR", data.to_str().expect("a UTF-8 path"));
        }
        self
    }

    /// One of the folders that it says it uses.
    fn folder(&self, name: &str) -> PathBuf {
        let output = self.run(&["-G", "folders"], b"");
        let listing = String::from_utf8_lossy(&output.stdout);
        let folder = listing.lines().find_map(|line| line.strip_prefix(name)).expect("a folder");
        PathBuf::from(folder.trim())
    }

    /// Its home.
    pub fn home(&self) -> &Path {
        self.home.path()
    }

    /// Sets a variable of its environment.
    pub fn set(&mut self, name: &str, value: &str) {
        self.variables.push((name.to_owned(), value.to_owned()));
    }

    /// A program of Wireshark's, with this home and environment.
    pub fn command(&self, program: &str) -> Command {
        let mut command = self.as_its_user(Command::new(beside_tshark(program)));
        // The others load no dissector, and some do not get over what is preloaded.
        if !["tshark", "sharkd"].contains(&program) {
            command.env_remove("LD_PRELOAD");
        }
        command
    }

    /// The same, run by another program, which takes its own arguments first: valgrind.
    pub fn command_in(&self, other: &str, arguments: &[&str], program: &str) -> Command {
        let mut command = self.as_its_user(Command::new(other));
        command.args(arguments).arg(beside_tshark(program));
        command
    }

    /// Runs one of `packaging/`'s scripts that install something for the user who runs it: for this
    /// tshark's.
    ///
    /// # Panics
    /// If it fails.
    pub fn install(&self, script: &str, arguments: &[&str]) {
        let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("../packaging").join(script);
        // That user may not be allowed to look into this checkout.
        let script = fs::File::open(&path).expect("a script");
        let mut shell = self.as_its_user(Command::new("sh"));
        let output = shell.args(["-s", "--"]).args(arguments).stdin(script).output().expect("a shell");
        assert!(output.status.success(), "{}: {output:?}", path.display());
    }

    fn as_its_user(&self, mut command: Command) -> Command {
        command.env_clear().env("PATH", std::env::var_os("PATH").unwrap_or_default());
        command.env("HOME", self.home.path()).env("LC_ALL", "C.UTF-8").env("TZ", "UTC");
        command.envs(self.variables.iter().map(|(name, value)| (name, value)));
        if is_root() {
            command.uid(NOBODY).gid(NOBODY);
        }
        command
    }

    /// Runs tshark on `capture` (`-r -`, or nothing if it is empty).
    pub fn run(&self, arguments: &[&str], capture: &[u8]) -> Output {
        let mut command = self.command("tshark");
        if !capture.is_empty() {
            command.args(["-r", "-"]);
        }
        output_of(command.args(arguments), capture)
    }

    /// Runs tshark, and gives what it printed.
    ///
    /// # Panics
    /// If it fails or says anything on stderr.
    pub fn text(&self, arguments: &[&str], capture: &[u8]) -> String {
        let output = self.run(arguments, capture);
        let said = String::from_utf8_lossy(&output.stderr);
        assert!(
            output.status.success() && said.is_empty(),
            "tshark {arguments:?}: {}: {said}",
            output.status
        );
        String::from_utf8(output.stdout).expect("UTF-8")
    }

    /// The frames as `-T json` gives them.
    pub fn json(&self, arguments: &[&str], capture: &[u8]) -> Vec<Value> {
        let text = self.text(&[&["-T", "json"], arguments].concat(), capture);
        serde_json::from_str(&text).expect("JSON")
    }
}

/// Runs a command with these bytes as its input.
///
/// # Panics
/// If it does not start.
pub fn output_of(command: &mut Command, input: &[u8]) -> Output {
    command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap_or_else(|error| panic!("{command:?}: {error} (make deps)"));
    let mut stdin = child.stdin.take().expect("a pipe");
    thread::scope(|scope| {
        // It may end before it has read everything: a closed pipe is no fault here.
        scope.spawn(move || stdin.write_all(input));
        child.wait_with_output().expect("its output")
    })
}

fn is_root() -> bool {
    fs::metadata("/proc/self").map_or_else(
        |_| Command::new("id").arg("-u").output().is_ok_and(|id| id.stdout.starts_with(b"0\n")),
        |own| std::os::unix::fs::MetadataExt::uid(&own) == 0,
    )
}
