// SPDX-License-Identifier: BSD-2-Clause
//! FreeBSD's devices, played by a library in C that is preloaded; see `fake_devices.c`.

use std::fs::{self, File};
use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use crate::bblogd::{Daemon, Place, start, until};

static LIBRARY: LazyLock<PathBuf> = LazyLock::new(|| {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    let library = folder.join("fake_devices.so");
    let fresh = folder.join(format!("fake_devices-{}.so", std::process::id()));
    let source = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/daemon/fake_devices.c");
    let compiler = std::env::var("CC").unwrap_or_else(|_| "cc".into());
    let mut cc = Command::new(&compiler);
    cc.args(["-Wall", "-Wextra", "-Werror", "-O1", "-shared", "-fPIC", "-o"]);
    let compiled = cc.arg(&fresh).arg(source).arg("-ldl").status();
    assert!(compiled.unwrap_or_else(|error| panic!("{compiler}: {error}")).success());
    fs::rename(&fresh, &library).unwrap();
    library
});

/// The kernel's side of the devices.
pub struct Kernel {
    pub place: Place,
}

impl Kernel {
    /// Without any device.
    pub fn bare() -> Kernel {
        let place = Place::new();
        fs::create_dir(place.join("dev")).unwrap();
        fs::set_permissions(place.join("dev"), PermissionsExt::from_mode(0o777)).unwrap();
        let kernel = Kernel { place };
        // Written by the user that the program becomes.
        kernel.set("journal", "");
        fs::set_permissions(kernel.place.join("dev/journal"), PermissionsExt::from_mode(0o666)).unwrap();
        kernel
    }

    /// With eventlog and the providers `tcp` (1 and 4) and `hpts` (2).
    pub fn new() -> Kernel {
        let kernel = Kernel::bare();
        kernel.set("providers", "1 tcp\n2 hpts\n4 tcp\n");
        kernel.set("events", "");
        kernel.set("schema", ["tcp", "hpts"].map(levels_and_keywords).concat());
        kernel
    }

    /// Writes a file that the library reads.
    pub fn set(&self, name: &str, content: impl AsRef<[u8]>) {
        fs::write(self.place.join("dev").join(name), content).unwrap();
    }

    /// Logs events.
    pub fn log(&self, events: &[u8]) {
        let file = File::options().append(true).open(self.place.join("dev/events"));
        file.unwrap().write_all(events).unwrap();
    }

    /// What the program did.
    pub fn journal(&self) -> String {
        fs::read_to_string(self.place.join("dev/journal")).unwrap_or_default()
    }

    /// The program with these devices.
    pub fn bblogd(&self, arguments: &[&str]) -> Command {
        let mut command = self.place.bblogd(arguments);
        self.preload(&mut command);
        command
    }

    /// Gives a program these devices.
    pub fn preload(&self, command: &mut Command) {
        command.env("LD_PRELOAD", &*LIBRARY).env("BBLOG_FAKE_DEVICES", self.place.join("dev"));
    }

    /// Starts the program, and waits until it has subscribed.
    pub fn start(&self, arguments: &[&str]) -> Daemon {
        let before = self.journal().matches("eventlog create").count();
        let daemon = start(&self.place, self.bblogd(arguments));
        let is = || self.journal().matches("eventlog create").count() > before;
        until("a subscription", is, || daemon.log());
        daemon
    }
}

/// Lines "PROVIDER EVENT LEVEL KEYWORDS" for the events of a provider's schema.
fn levels_and_keywords(provider: &str) -> String {
    let path = format!("../dissector/tables/eventlog/{provider}.schema");
    let schema = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join(path)).unwrap();
    let mut masks = vec![("SESSION", 0x8000_0000_u32)];
    let mut lines = String::new();
    for line in schema.lines() {
        match line.split_whitespace().collect::<Vec<_>>()[..] {
            // Small numbers are bits counted from 1, others masks.
            ["KEYWORD", name, value] => {
                let value: u32 = value.parse().unwrap();
                masks.push((name, if value < 16 { 1 << (value - 1) } else { value }));
            }
            ["EVENT", _, id, level, keywords, ..] => {
                let levels = ["NONE", "ERROR", "WARN", "INFO", "VERBOSE", "TRACE"];
                let level = levels.iter().position(|name| *name == level).unwrap();
                let mask = |keyword| masks.iter().find(|(name, _)| *name == keyword).unwrap().1;
                let mask = keywords.split('|').map(mask).fold(0, |all, one| all | one);
                lines += &format!("{provider} {id} {level} {mask:#x}\n");
            }
            _ => {}
        }
    }
    lines
}
