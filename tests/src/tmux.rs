// SPDX-License-Identifier: BSD-2-Clause
//! A real terminal: tmux, with its own server, its keys and what is on its screen.

use std::path::Path;
use std::process::{Command, Output};
use std::time::{Duration, Instant};

use tempfile::TempDir;

/// Long enough for a busy machine; what works takes a part of it.
const PATIENCE: Duration = Duration::from_secs(60);
/// Between two looks at the screen.
const PAUSE: Duration = Duration::from_millis(20);

/// A terminal in which one command runs.
pub struct Tmux {
    socket: TempDir,
}

impl Tmux {
    /// Whether tmux is installed; says so on stderr if not.
    pub fn is_here() -> bool {
        let is_here = Command::new("tmux").arg("-V").output().is_ok_and(|output| output.status.success());
        if !is_here {
            eprintln!("skipped: there is no tmux(1) here");
        }
        is_here
    }

    /// Runs `command`, a shell's line, in `folder`, in a terminal of this many columns and lines.
    pub fn start((columns, lines): (u16, u16), folder: &Path, command: &str) -> Tmux {
        let tmux = Tmux { socket: TempDir::new().expect("a folder") };
        let (columns, lines) = (columns.to_string(), lines.to_string());
        // The command is typed into a shell: its terminal is as a user's, and it has jobs.
        let shell = "PS1='ready> ' ENV= exec sh -i";
        let mut new = tmux.command();
        new.args(["-f", "/dev/null", "new-session", "-d", "-x", &columns, "-y", &lines, "-c"]).arg(folder);
        new.env("LC_ALL", "C.UTF-8").env("NO_COLOR", "1").env_remove("TMUX").arg(shell);
        run(&mut new);
        tmux.wait_for("ready>");
        tmux.line(command);
        tmux
    }

    fn command(&self) -> Command {
        let mut command = Command::new("tmux");
        command.arg("-S").arg(self.socket.path().join("tmux"));
        command
    }

    /// Presses keys, by tmux's names: `Down`, `Enter`, `C-c`, `q`.
    pub fn keys(&self, keys: &[&str]) {
        run(self.command().args(["send-keys", "--"]).args(keys));
    }

    /// Types text.
    pub fn text(&self, text: &str) {
        run(self.command().args(["send-keys", "-l", "--", text]));
    }

    /// Types text and Enter.
    pub fn line(&self, text: &str) {
        self.text(text);
        self.keys(&["Enter"]);
    }

    /// Makes the terminal another size.
    pub fn resize(&self, (columns, lines): (u16, u16)) {
        let (columns, lines) = (columns.to_string(), lines.to_string());
        run(self.command().args(["resize-window", "-x", &columns, "-y", &lines]));
    }

    /// What is on the screen, without blanks at the ends of lines.
    pub fn screen(&self) -> String {
        let output = run(self.command().args(["capture-pane", "-p"]));
        let text = String::from_utf8(output.stdout).expect("UTF-8");
        text.lines().map(str::trim_end).collect::<Vec<_>>().join("\n").trim_end().to_owned() + "\n"
    }

    /// Whether the screen is one that programs take for themselves.
    pub fn is_alternate(&self) -> bool {
        let output = run(self.command().args(["display-message", "-p", "#{alternate_on}"]));
        output.stdout.starts_with(b"1")
    }

    /// Waits until no program has a screen for itself.
    ///
    /// # Panics
    /// If one keeps it, with the screen.
    pub fn wait_for_shell(&self) {
        self.wait("the shell", |_| !self.is_alternate());
    }

    /// Waits until the screen is as wanted, and returns it.
    ///
    /// # Panics
    /// If it is not in time, with the screen.
    pub fn wait(&self, what: &str, is_so: impl Fn(&str) -> bool) -> String {
        let started = Instant::now();
        loop {
            let screen = self.screen();
            if is_so(&screen) {
                return screen;
            }
            assert!(started.elapsed() < PATIENCE, "not on the screen: {what}\n{screen}");
            std::thread::sleep(PAUSE);
        }
    }

    /// Waits until the screen has this text, and returns it.
    pub fn wait_for(&self, text: &str) -> String {
        self.wait(text, |screen| screen.contains(text))
    }
}

impl Drop for Tmux {
    fn drop(&mut self) {
        // What runs in it gets SIGHUP.
        let _ = self.command().arg("kill-server").output();
    }
}

fn run(command: &mut Command) -> Output {
    let output = command.output().expect("tmux runs");
    assert!(output.status.success(), "{command:?}: {}", String::from_utf8_lossy(&output.stderr));
    output
}
