// SPDX-License-Identifier: BSD-2-Clause
//! On a terminal no text of a log controls the terminal: what would is escaped. A pipe gets the bytes.

mod support;

use std::process::{Command, Stdio};

use support::Folder;

/// What `bblog` writes on a terminal, without its own colours; `None` where script(1) is missing.
fn on_a_terminal(arguments: &str, colours: bool) -> Option<String> {
    let line = format!("{} {arguments}", env!("CARGO_BIN_EXE_bblog"));
    let mut script = Command::new("script");
    script.args(["-qec", &line, "/dev/null"]).stdin(Stdio::null()).env("PAGER", "cat").env("TERM", "xterm");
    let script = if colours { script.env_remove("NO_COLOR") } else { script.env("NO_COLOR", "1") };
    let output = script.output().ok()?;
    Some(String::from_utf8(output.stdout).expect("text"))
}

/// A terminal on a machine whose programs are `sh`, `cat` and `script`.
#[test]
fn a_pager_that_is_missing_hides_nothing() {
    let folder = Folder::new();
    let path = std::env::var_os("PATH").expect("a path");
    for name in ["sh", "cat", "script"] {
        let Some(program) =
            std::env::split_paths(&path).map(|folder| folder.join(name)).find(|file| file.exists())
        else {
            return;
        };
        std::os::unix::fs::symlink(program, folder.path(name)).expect("a link");
    }
    let log = support::fixture("default_refused.tcplog");
    let line = format!("{} show {}", env!("CARGO_BIN_EXE_bblog"), log.display());
    let show = |pager: Option<&str>| {
        let mut script = Command::new("script");
        script.args(["-qec", &line, "/dev/null"]).stdin(Stdio::null()).env("TERM", "xterm");
        script.env("PATH", folder.path("")).env("SHELL", folder.path("sh")).env("NO_COLOR", "1");
        match pager {
            Some(pager) => script.env("PAGER", pager),
            None => script.env_remove("PAGER"),
        };
        String::from_utf8(script.output().expect("script(1)").stdout).expect("text")
    };
    let expected = show(Some("cat"));
    assert!(expected.lines().count() > 1, "{expected}");
    assert_eq!(show(None), expected);
    let missing = show(Some("nosuchpager -x"));
    assert!(missing.contains("nosuchpager"), "{missing}");
    assert!(missing.ends_with(&expected), "{missing}");
}

/// Control characters and format characters, other than line ends and tabs.
fn raw(text: &str) -> Vec<char> {
    let is_raw = |c: &char| c.is_control() && !"\r\n\t".contains(*c) || ('\u{202a}'..='\u{202e}').contains(c);
    text.chars().filter(is_raw).collect()
}

/// An entry of BBLog whose stack, id, tag and reason are hostile, and an event of eventlog with a hostile text.
fn hostile(folder: &Folder) -> [String; 2] {
    let bad = "\u{1b}[31m\u{1b}]0;t\u{7}\u{202e}\u{9b}2J";
    let mut entry = support::bytes("default_refused.tcplog");
    for at in [72, 136, 168] {
        entry[at..at + bad.len()].copy_from_slice(bad.as_bytes());
    }
    let log = folder.write("hostile.tcplog", &entry);
    let capture = folder.path("hostile.pcapng");
    let made = support::run(
        &["convert", "--stack", &format!("1={bad}"), log.to_str().unwrap(), "-o", capture.to_str().unwrap()],
        b"",
    );
    assert_eq!(made.code, 0, "{}", made.stderr);
    let mut elog = b"ELOG".to_vec();
    elog.extend_from_slice(&1_u32.to_le_bytes());
    [1_000_000_u64, 1_700_000_000_000_000, 2, 0]
        .iter()
        .for_each(|n| elog.extend_from_slice(&n.to_le_bytes()));
    elog.extend_from_slice(&2_u32.to_le_bytes());
    for (id, name) in [(1_u16, "tcp"), (2, bad)] {
        elog.extend_from_slice(&id.to_le_bytes());
        elog.extend_from_slice(format!("{name:\0<32}").as_bytes().get(..32).unwrap());
    }
    for (provider, id, payload) in [(1_u16, 2_u32, format!("{bad}\0")), (2, 9, bad.to_owned())] {
        elog.extend_from_slice(&(32 + payload.len() as u16).to_le_bytes());
        elog.extend_from_slice(&[0, 0]);
        elog.extend_from_slice(&provider.to_le_bytes());
        elog.extend_from_slice(&[0, 0]);
        [1_000_001_u64, 5].iter().for_each(|n| elog.extend_from_slice(&n.to_le_bytes()));
        elog.extend_from_slice(&id.to_le_bytes());
        elog.extend_from_slice(&[0; 4]);
        elog.extend_from_slice(payload.as_bytes());
    }
    let events = folder.write("hostile.elog", &elog);
    [capture, events].map(|path| path.to_str().unwrap().to_owned())
}

#[test]
fn no_command_lets_a_log_control_the_terminal() {
    let folder = Folder::new();
    let [capture, events] = hostile(&folder);
    for command in [
        "show",
        "show -e",
        "show --style elog",
        "show --style elog -e",
        "csv",
        "csv --fields stack,event,summary,bblog.summary",
        "json",
        "json --names",
        "info",
        "info --json",
        "why",
        "why --json",
        "stats",
        "stats --json",
        "top --once",
    ] {
        for file in [&capture, &events] {
            let arguments = format!("{command} '{file}'");
            let Some(shown) = on_a_terminal(&arguments, false) else {
                return eprintln!("no script(1), left out");
            };
            // As JSON, a capture without connections has no lines.
            assert!(!shown.is_empty() || command.ends_with("--json"), "{arguments}");
            assert_eq!(raw(&shown), [], "{arguments}: {shown:?}");
        }
    }
}

/// What is not text is not written to a terminal.
#[test]
fn bytes_do_not_reach_a_terminal() {
    let folder = Folder::new();
    let [capture, _] = hostile(&folder);
    for arguments in ["convert", "convert --format pcap", "plot --format svg"] {
        for output in ["-", "/dev/tty", "/dev/stdout"] {
            let Some(shown) = on_a_terminal(&format!("{arguments} '{capture}' -o {output}"), false) else {
                return;
            };
            assert!(shown.contains("is a terminal, expected a file or a pipe"), "{arguments}: {shown:?}");
            assert_eq!(raw(&shown), [], "{arguments}");
        }
    }
}

/// bblog's own colours are all that is left of control characters.
#[test]
fn colours_pass() {
    let folder = Folder::new();
    let [capture, _] = hostile(&folder);
    let Some(shown) = on_a_terminal(&format!("show '{capture}'"), true) else { return };
    assert!(shown.contains("\u{1b}[0m"), "{shown:?}");
    let without = on_a_terminal(&format!("show '{capture}'"), false).unwrap();
    let mut plain = shown;
    while let Some(begin) = plain.find("\u{1b}[") {
        let len = plain[begin..].find('m').expect("a colour");
        plain.replace_range(begin..=begin + len, "");
    }
    assert_eq!(plain, without);
}

/// Messages repeat arguments, which a colleague or a script may have chosen.
#[test]
fn no_argument_controls_the_terminal() {
    let folder = Folder::new();
    let log = folder.write("a.tcplog", &support::bytes("default_refused.tcplog"));
    let log = log.to_str().unwrap();
    let bad = "\u{1b}[31m\u{1b}]0;t\u{7}\u{202e}\u{9b}2J\u{7f}\r\u{e0041}";
    let (option, output) = (format!("--{bad}"), format!("{bad}/x.pcapng"));
    for arguments in [
        &["fields", bad] as &[&str],
        &["show", bad],
        &["show", "--filter", bad, log],
        &["show", "--connection", bad, log],
        &["show", "--stack", bad, log],
        &["show", &option, log],
        &["convert", log, "-o", &output],
        &["show", "--schema", bad, log],
    ] {
        let run = support::run(arguments, b"");
        assert!(run.code != 0 && run.stderr.lines().count() > 0, "{arguments:?}");
        let is_raw = |c: &char| *c == '\r' || *c == '\u{e0041}';
        let left: Vec<char> = run.stderr.chars().filter(is_raw).chain(raw(&run.stderr)).collect();
        assert_eq!(left, [], "{arguments:?}: {:?}", run.stderr);
    }
}

/// Where bytes are promised, a pipe gets them.
#[test]
fn a_pipe_gets_the_bytes() {
    let folder = Folder::new();
    let [capture, events] = hostile(&folder);
    let csv = support::run(&["csv", "--fields", "stack", &capture], b"");
    assert!(String::from_utf8_lossy(&csv.stdout).contains("\u{1b}[31m\u{1b}]0;t\u{7}"), "{:?}", csv.stdout);
    let elog = support::run(&["show", "--style", "elog", &events], b"");
    assert!(
        String::from_utf8_lossy(&elog.stdout).contains('\u{202e}'),
        "{:?}",
        String::from_utf8_lossy(&elog.stdout)
    );
}
