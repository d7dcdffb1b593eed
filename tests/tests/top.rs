// SPDX-License-Identifier: BSD-2-Clause
//! `bblog top` in a real terminal, that of tmux: keys, sizes, signals, streams that end or are damaged.

use std::fs::{self, File};
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::Command;

use bblog_tests::fixtures::fixture;
use bblog_tests::programs::program;
use bblog_tests::tmux::Tmux;
use tempfile::TempDir;

/// A folder with a log of three connections, and the program's name as it is typed there.
struct Place {
    folder: TempDir,
    program: PathBuf,
}

const LOGS: [&str; 3] = ["rack_tailloss_rto.tcplog", "default_v4mapped.tcplog", "bbr_120.tcplog"];
/// Events of them.
const EVENTS: &str = "842 events";

fn log(name: &str) -> Vec<u8> {
    fs::read(fixture(name)).unwrap()
}

impl Place {
    fn new() -> Place {
        let folder = TempDir::new().unwrap();
        fs::write(folder.path().join("log"), LOGS.map(log).concat()).unwrap();
        Place { folder, program: program("bblog") }
    }

    fn path(&self, name: &str) -> PathBuf {
        self.folder.path().join(name)
    }

    fn fifo(&self) -> PathBuf {
        let fifo = self.path("fifo");
        assert!(Command::new("mkfifo").arg(&fifo).status().unwrap().success());
        fifo
    }

    /// Runs `bblog top` with these arguments in a terminal.
    fn top(&self, size: (u16, u16), args: &str) -> Tmux {
        self.shell(size, &format!("{} top {args}", self.program.display()))
    }

    /// Runs `bblog top` on a FIFO, and opens that once it is waited for.
    fn stream(&self) -> (Tmux, File) {
        let fifo = self.fifo();
        let tmux = self.top((132, 24), "--interval 0.1 fifo; echo status $?");
        tmux.wait_for("waiting for the first");
        let stream = File::options().write(true).open(&fifo).unwrap();
        (tmux, stream)
    }

    fn shell(&self, size: (u16, u16), line: &str) -> Tmux {
        Tmux::start(size, self.folder.path(), line)
    }
}

/// The terminal is as it was: the shell's screen, which shows what is typed, and runs it.
fn is_restored(tmux: &Tmux) {
    tmux.wait_for_shell();
    // Echo, lines and signals are on; what is typed stands once, what is printed once.
    tmux.line("stty -a | tr ' ;' '\\n\\n' | grep -c -x -e echo -e icanon -e isig -e icrnl -e opost");
    tmux.wait("all five modes", |screen| screen.lines().any(|line| line == "5"));
    let screen = tmux.screen();
    assert!(screen.contains("-e opost"), "echo is on: {screen}");
}

#[test]
fn keys_and_sizes() {
    if !Tmux::is_here() {
        return;
    }
    let place = Place::new();
    let tmux = place.top((132, 24), "log");
    insta::assert_snapshot!("table", tmux.wait_for("ended"));
    tmux.keys(&["Down", "Enter"]);
    insta::assert_snapshot!("connection", tmux.wait_for("events, the last first"));
    tmux.keys(&["Escape"]);
    tmux.wait_for("CONNECTION");
    tmux.keys(&["?"]);
    insta::assert_snapshot!("help", tmux.wait_for("Up, Down, k, j"));
    tmux.keys(&["q"]);
    tmux.wait_for("CONNECTION");
    tmux.keys(&["o"]);
    insta::assert_snapshot!("sort", tmux.wait_for("leave as it was"));
    tmux.keys(&["Home", "Enter"]);
    tmux.wait_for("by connection");
    tmux.keys(&["g"]);
    insta::assert_snapshot!("groups", tmux.wait_for("grouped by stack"));
    tmux.keys(&["g", "g", "g"]);
    tmux.wait_for("* - 10.99.0.0/24 (3)");
    tmux.keys(&["Enter"]);
    tmux.wait_for("network * - 10.99.0.0/24");
    tmux.keys(&["Escape"]);
    tmux.wait_for("grouped by network");
    tmux.keys(&["Escape"]);
    tmux.wait("no groups", |screen| !screen.contains("network"));
    tmux.keys(&["/"]);
    tmux.line("bblog.stack == bbrr &");
    tmux.wait_for("column");
    tmux.keys(&["C-u"]);
    tmux.line("bblog.stack == bbr");
    tmux.wait("one connection", |screen| screen.contains(" 1 connection,") && screen.contains("filter: "));
    tmux.keys(&["/", "C-u", "Enter"]);
    tmux.wait_for(" 3 connections,");
    tmux.keys(&["p"]);
    tmux.wait_for("PAUSED");
    tmux.keys(&["Z"]);
    tmux.wait("goes on", |screen| !screen.contains("PAUSED"));
    tmux.keys(&["e"]);
    tmux.wait_for("without ended ones");
    tmux.keys(&["e", "<", ">", "R"]);
    tmux.wait_for("by id, reversed");
    tmux.resize((80, 24));
    tmux.keys(&["o", "End", "Up", "Enter"]);
    insta::assert_snapshot!(
        "at_80x24",
        tmux.wait("by lost", |screen| {
            screen.contains("by lost\n") && !screen.contains("SRTT") && screen.contains("q quit")
        })
    );
    tmux.resize((20, 5));
    insta::assert_snapshot!(
        "at_20x5",
        tmux.wait("five lines", |screen| {
            // Not what tmux leaves of the screen before.
            screen.lines().count() == 5 && screen.starts_with("bblog top")
        })
    );
    tmux.keys(&["Enter"]);
    tmux.wait("a connection", |screen| !screen.contains("CONNECTION"));
    tmux.resize((1, 1));
    tmux.resize((100, 20));
    tmux.wait_for("10.99.0.2:12270 - 10.99.0.1:9243, rack (inferred)");
    tmux.keys(&["q", "q"]);
    is_restored(&tmux);
}

#[test]
fn it_stops_and_goes_on() {
    if !Tmux::is_here() {
        return;
    }
    let place = Place::new();
    // Of a pipeline the log comes from standard input, keys from the terminal.
    for input in ["log", "- < log", "-"] {
        let pipe = if input == "-" { "cat log | " } else { "" };
        let program = place.program.display();
        let tmux = place.shell((100, 24), &format!("{pipe}{program} top {input}"));
        tmux.wait_for("ended");
        tmux.keys(&["C-z"]);
        tmux.wait_for("Stopped");
        is_restored(&tmux);
        tmux.line("clear; fg");
        let screen =
            tmux.wait("the table again", |screen| screen.contains("CONNECTION") && screen.contains("q quit"));
        assert!(tmux.is_alternate(), "{screen}");
        tmux.keys(&["Down", "Enter"]);
        tmux.wait_for("events, the last first");
        tmux.keys(&["C-c"]);
        is_restored(&tmux);
    }
}

#[test]
fn every_end_restores_the_terminal() {
    if !Tmux::is_here() {
        return;
    }
    let place = Place::new();
    let program = place.program.display().to_string();
    for (signal, status) in
        [("INT", 130), ("TERM", 143), ("HUP", 129), ("QUIT", 131), ("KEY", 0), ("^C", 130)]
    {
        let pid = place.path(&format!("pid-{status}-{}", signal.len()));
        let run = format!(
            "ulimit -c 0; sh -c 'echo $$ > {}; exec {program} top log'; echo status $?",
            pid.display()
        );
        let tmux = place.shell((100, 24), &run);
        tmux.wait_for("ended");
        assert!(tmux.is_alternate());
        match signal {
            "KEY" => tmux.keys(&["q"]),
            "^C" => tmux.keys(&["C-c"]),
            signal => {
                let pid = fs::read_to_string(&pid).unwrap();
                let sent = Command::new("kill").args([&format!("-{signal}"), pid.trim()]).status();
                assert!(sent.unwrap().success());
            }
        }
        // At an interrupt the shell leaves the line, too.
        if !matches!(signal, "^C" | "INT") {
            tmux.wait(signal, |screen| screen.lines().any(|line| line == format!("status {status}")));
        }
        is_restored(&tmux);
    }
    // An input that cannot be opened leaves the screen alone.
    let tmux = place.top((100, 24), "nothing; echo status $?");
    let screen = tmux.wait("its status", |screen| screen.lines().any(|line| line == "status 1"));
    assert!(screen.contains("\nbblog: nothing: No such file or directory\n"), "{screen}");
    is_restored(&tmux);
}

#[test]
fn a_stream_that_ends() {
    if !Tmux::is_here() {
        return;
    }
    let place = Place::new();
    let (tmux, mut stream) = place.stream();
    stream.write_all(&log(LOGS[0])).unwrap();
    // What came is shown while the stream is open.
    tmux.wait_for("1 connection, 649 events");
    tmux.keys(&["p"]);
    tmux.wait_for("PAUSED");
    stream.write_all(&LOGS[1..].iter().flat_map(|name| log(name)).collect::<Vec<_>>()).unwrap();
    drop(stream);
    tmux.keys(&["p"]);
    let screen = tmux.wait_for("ended");
    insta::assert_snapshot!("ended", screen);
    assert!(screen.contains(EVENTS));
    tmux.keys(&["q"]);
    tmux.wait_for("status 0");
    is_restored(&tmux);
}

#[test]
fn garbage_in_the_stream() {
    if !Tmux::is_here() {
        return;
    }
    let place = Place::new();
    let (tmux, mut stream) = place.stream();
    let garbage = b"\x1b[31m\x07ls -l\r\n".repeat(100);
    for part in [&log(LOGS[0]), &garbage, &log(LOGS[1]), &garbage, &log(LOGS[2])] {
        stream.write_all(part).unwrap();
    }
    let screen = tmux.wait_for(EVENTS);
    insta::assert_snapshot!("garbage", screen);
    drop(stream);
    tmux.wait_for("ended");
    tmux.keys(&["q"]);
    // The messages stand where they can be read, and the exit status says so.
    let screen = tmux.wait_for("status 1");
    assert_eq!(screen.matches("bblog: fifo: offset ").count(), 2, "{screen}");
    is_restored(&tmux);
}

#[test]
fn a_replay_waits_in_a_pause() {
    if !Tmux::is_here() {
        return;
    }
    let place = Place::new();
    fs::write(place.path("one"), log(LOGS[0])).unwrap();
    let tmux = place.top((132, 24), "--replay 0.02 --interval 0.1 one");
    tmux.wait("some events", |screen| screen.contains("1 connection,"));
    tmux.keys(&["p"]);
    tmux.wait_for("PAUSED");
    tmux.keys(&["Z", "Enter"]);
    tmux.wait_for("events, the last first");
    tmux.keys(&["q", "q"]);
    is_restored(&tmux);
}

/// What runs before it in a pipeline has the terminal until it writes.
#[test]
fn a_pipe_may_ask_for_a_password() {
    if !Tmux::is_here() {
        return;
    }
    let place = Place::new();
    let ask = "printf 'word: ' > /dev/tty; read word < /dev/tty; test \\$word = open && cat log";
    let tmux = place.shell((100, 24), &format!("sh -c \"{ask}\" | {} top", place.program.display()));
    tmux.wait("the question", |screen| screen.lines().any(|line| line.starts_with("word:")));
    assert!(!tmux.is_alternate());
    tmux.line("open");
    tmux.wait_for("ended");
    tmux.keys(&["q"]);
    is_restored(&tmux);
}

/// Without a terminal there is one reading.
#[test]
fn no_terminal() {
    let place = Place::new();
    let top = |args: &[&str]| {
        let output = Command::new(&place.program).arg("top").args(args).current_dir(&place.folder).output();
        output.unwrap().stdout
    };
    assert!(top(&["log"]).starts_with(b"bblog top: log, "));
    assert_eq!(top(&["log"]), top(&["--once", "log"]));
    assert!(Path::new(&place.program).exists());
}
