// SPDX-License-Identifier: BSD-2-Clause
//! Tools → BBLog of the real Wireshark, on a screen of memory: the entry is chosen by its keys, and what the browser
//! is to open is looked at.

use std::io::{BufRead, BufReader};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::time::{Duration, Instant};
use std::{env, fs, thread};

use bblog_tests::fixtures::fixture;
use bblog_tests::programs::{convert, program};
use bblog_tests::tshark::Tshark;

/// Long enough for a busy machine.
const PATIENCE: Duration = Duration::from_secs(120);
/// Between two keys: a menu opens in less, or else the keys are pressed again.
const PAUSE: Duration = Duration::from_millis(500);

/// Whether the programs are here; says so on stderr if not.
fn is_possible() -> bool {
    let missing = |name: &&str| {
        !env::var_os("PATH").is_some_and(|path| env::split_paths(&path).any(|dir| dir.join(name).is_file()))
    };
    let missing: Vec<_> = ["wireshark", "Xvfb", "xdotool"].into_iter().filter(missing).collect();
    if !missing.is_empty() || env::var_os("BBLOG_TSHARK").is_some() {
        eprintln!("skipped: not here, or of another version: {missing:?}; Wireshark's menu is not looked at");
        return false;
    }
    true
}

/// A process that ends with the test.
struct Running(Child);

impl Drop for Running {
    fn drop(&mut self) {
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

/// A screen, and its name.
fn screen() -> (Running, String) {
    let mut server = Command::new("Xvfb")
        .args(["-displayfd", "1", "-screen", "0", "1280x800x24"])
        .stdout(Stdio::piped())
        .stderr(Stdio::null())
        .spawn()
        .expect("Xvfb runs");
    let mut number = String::new();
    let said = server.stdout.take().expect("a pipe");
    BufReader::new(said).read_line(&mut number).expect("a display");
    (Running(server), format!(":{}", number.trim()))
}

/// xdotool's answer.
fn xdotool(display: &str, arguments: &[&str]) -> String {
    let output = Command::new("xdotool").args(arguments).env("DISPLAY", display).output().expect("xdotool");
    String::from_utf8_lossy(&output.stdout).trim().to_owned()
}

/// Waits until `look` finds something.
fn wait<T>(what: &str, mut look: impl FnMut() -> Option<T>) -> T {
    let end = Instant::now() + PATIENCE;
    loop {
        if let Some(found) = look() {
            return found;
        }
        assert!(Instant::now() < end, "{what}: not within {PATIENCE:?}");
        thread::sleep(PAUSE);
    }
}

fn executable(path: &Path, text: &str) {
    fs::write(path, text).expect("a script");
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).expect("to be run");
}

/// A search path with the built bblog, and a browser that notes what it is to open.
fn search_path(home: &Path) -> (String, PathBuf) {
    let (bin, opened) = (home.join("bin"), home.join("opened"));
    fs::create_dir(&bin).expect("a folder");
    executable(&bin.join("xdg-open"), &format!("#!/bin/sh\necho \"$1\" >>'{}'\n", opened.display()));
    symlink(program("bblog"), bin.join("bblog")).expect("a link to bblog");
    (format!("{}:{}", bin.display(), env::var("PATH").expect("a search path")), opened)
}

#[test]
fn the_entry_plots_the_selected_connection() {
    if !is_possible() {
        return;
    }
    let tshark = Tshark::with_plugin();
    let capture = tshark.home().join("menu.pcapng");
    fs::write(&capture, convert(&fixture("rack_tailloss_rto.tcplog"))).expect("a capture");
    let (path, opened) = search_path(tshark.home());
    let (_server, display) = screen();
    let mut wireshark = tshark.command("wireshark");
    wireshark.args(["-o", "gui.update.enabled:FALSE", "-r"]).arg(&capture);
    wireshark.env("PATH", path).env("DISPLAY", &display).env("XDG_RUNTIME_DIR", tshark.home());
    wireshark.env("TMPDIR", tshark.home()).stderr(Stdio::null());
    let _wireshark = Running(wireshark.spawn().expect("wireshark runs"));

    let search = ["search", "--onlyvisible", "--name", "menu.pcapng"];
    let window = wait("a window", || {
        let found = xdotool(&display, &search);
        found.lines().next().map(str::to_owned)
    });
    let url = wait("a page", || {
        // The menu Tools, its last entry, and the first one there.
        xdotool(&display, &["windowfocus", &window, "key", "Escape"]);
        for key in ["alt+t", "Up", "Right", "Return"] {
            xdotool(&display, &["key", key]);
            thread::sleep(PAUSE);
        }
        fs::read_to_string(&opened).ok()?.lines().next().map(str::to_owned)
    });
    let page = fs::read_to_string(url.strip_prefix("file://").expect("a file")).expect("the page");
    assert!(page.contains("10.99.0.2:12270 - 10.99.0.1:9243"));

    // What was made goes with Wireshark.
    let folder = Path::new(&url["file://".len()..]).parent().expect("a folder").to_owned();
    wait("the end", || {
        xdotool(&display, &["windowfocus", &window, "key", "Escape", "Escape", "ctrl+q"]);
        (!folder.exists()).then_some(())
    });
}
