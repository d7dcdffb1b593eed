// SPDX-License-Identifier: BSD-2-Clause
//! The command of a capture: bblogd itself, or ssh with bblogd's words in one that the shell on
//! the other side takes apart again.
//!
//! What a user types reaches no shell here, and the shell there only quoted. A host cannot pass
//! for an option of ssh's, nor a value for one of bblogd's.

use std::path::Path;

use crate::cli::{CaptureArgs, LogArgs, Privilege, ServerArgs, Source};
use crate::describe::Interface;

/// Program and arguments.
///
/// # Errors
/// A value that cannot be passed on.
pub fn words(args: &CaptureArgs) -> Result<Vec<String>, String> {
    let bblogd = bblogd(&args.log)?;
    match args.interface {
        Interface::BblogLocal => Ok(bblogd),
        Interface::BblogSsh => ssh(&args.server, &bblogd),
    }
}

/// `bblogd -o - ...`
fn bblogd(log: &LogArgs) -> Result<Vec<String>, String> {
    let mut words: Vec<String> = match log.remote_priv {
        Privilege::None => vec![],
        Privilege::Sudo => vec!["sudo".into(), "-n".into(), "--".into()],
        Privilege::Doas => vec!["doas".into(), "-n".into(), "--".into()],
    };
    words.push(value("--bblogd", &log.bblogd)?);
    words.extend(["-o".to_owned(), "-".to_owned()]);
    if log.source != Source::Eventlog {
        words.push(format!("--file={}", text("--device", &log.device)?));
        if let Some(reason) = given(log.reason.as_ref()) {
            words.push(format!("--reason={}", text("--reason", reason)?));
        }
        if let Some(stack) = given(log.stack.as_ref()) {
            words.push(format!("--stack={}", text("--stack", stack)?));
        }
    }
    if log.source != Source::Bblog {
        let mut providers = log.providers.split_whitespace().peekable();
        if providers.peek().is_none() {
            return Err("--providers: none, expected at least one, such as tcp".to_owned());
        }
        for provider in providers {
            let (name, keywords) = provider.split_once(':').unwrap_or((provider, ""));
            let separator = if keywords.is_empty() { "" } else { ":" };
            let subscription = format!("{name}:{}{separator}{keywords}", log.level.name());
            words.push(format!("--eventlog={}", text("--providers", &subscription)?));
        }
    }
    Ok(words)
}

/// `ssh ... -- HOST 'bblogd -o - ...'`
fn ssh(server: &ServerArgs, command: &[String]) -> Result<Vec<String>, String> {
    let host = given(server.remote_host.as_ref()).ok_or("no server, expected --remote-host")?;
    // Nobody is there to answer a question, and a terminal would change the bytes.
    let mut words: Vec<String> = ["ssh", "-T", "-x", "-o", "BatchMode=yes"].map(str::to_owned).into();
    if let Some(port) = server.remote_port {
        words.extend(["-p".to_owned(), port.to_string()]);
    }
    if let Some(user) = given(server.remote_username.as_ref()) {
        words.extend(["-l".to_owned(), value("--remote-username", user)?]);
    }
    if let Some(key) = server.sshkey.as_deref().filter(|key| *key != Path::new("")) {
        let key = key.to_str().ok_or("--sshkey: not UTF-8")?;
        words.extend(["-i".to_owned(), value("--sshkey", key)?]);
    }
    words.extend(["--".to_owned(), value("--remote-host", host)?]);
    let quoted = shlex::try_join(command.iter().map(String::as_str));
    // exec: no shell waits between sshd and bblogd.
    words.push(format!("exec {}", quoted.map_err(|error| error.to_string())?));
    Ok(words)
}

/// Dialogs give an empty text for what was left out.
fn given(text: Option<&String>) -> Option<&String> {
    text.filter(|text| !text.is_empty())
}

/// A text without control characters: not every shell keeps those, even quoted.
fn text(option: &str, text: &str) -> Result<String, String> {
    match text.chars().find(|c| c.is_control()) {
        Some(found) => Err(format!("{option}: has the control character {}", found.escape_default())),
        None => Ok(text.to_owned()),
    }
}

/// A text that stands alone, and must not pass for an option.
fn value(option: &str, word: &str) -> Result<String, String> {
    if word.is_empty() || word.starts_with('-') {
        return Err(format!("{option}: \"{word}\", expected a text that does not begin with -"));
    }
    text(option, word)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::{Cli, Request};

    fn of(line: &[&str]) -> Result<Vec<String>, String> {
        let start = ["bblogdump", "--capture", "--fifo", "f", "--extcap-interface"];
        match Cli::parse_from([&start, line].concat()).request()? {
            Request::Capture(args) => words(&args),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn local() {
        let words = of(&["bblog-local", "--reason", "error", "--remote-priv", "doas"]).unwrap();
        let expected = "doas -n -- /usr/local/sbin/bblogd -o - --file=/dev/tcp_log --reason=error";
        assert_eq!(words.join(" "), expected);
        let words =
            of(&["bblog-local", "--source", "both", "--providers", "tcp:CC|LOSS  hpts", "--level", "trace"]);
        assert_eq!(words.unwrap()[4..], ["--eventlog=tcp:TRACE:CC|LOSS", "--eventlog=hpts:TRACE"]);
    }

    #[test]
    fn over_ssh() {
        let words =
            of(&["bblog-ssh", "--remote-host", "a", "--remote-port", "2222", "--remote-username", "u"]);
        let expected = "ssh -T -x -o BatchMode=yes -p 2222 -l u -- a";
        let words = words.unwrap();
        assert_eq!(words[..words.len() - 1].join(" "), expected);
        assert_eq!(words[words.len() - 1], "exec /usr/local/sbin/bblogd -o - '--file=/dev/tcp_log'");
    }

    #[test]
    fn the_other_shell_gets_back_what_was_typed() {
        let nasty = "/tmp/$(reboot) `id` 'x' \"y\" ;&|<>*?~#!\\ \u{e4}";
        let words = of(&["bblog-ssh", "--remote-host", "a", "--device", nasty, "--reason", "-o x"]).unwrap();
        let command = words.last().unwrap().strip_prefix("exec ").unwrap();
        let shell = std::process::Command::new("sh")
            .args(["-c", &format!("printf '%s\\n' {command}")])
            .output()
            .unwrap();
        let expected = format!("/usr/local/sbin/bblogd\n-o\n-\n--file={nasty}\n--reason=-o x\n");
        assert_eq!(String::from_utf8_lossy(&shell.stdout), expected);
    }

    #[test]
    fn nothing_passes_for_an_option() {
        for option in ["--remote-host", "--remote-username", "--sshkey", "--bblogd"] {
            let word = format!("{option}=-oProxyCommand=reboot");
            let host = if option == "--remote-host" { "--level=info" } else { "--remote-host=a" };
            let error = of(&["bblog-ssh", host, &word]).unwrap_err();
            assert!(error.starts_with(option), "{option}: {error}");
        }
        assert!(of(&["bblog-ssh", "--remote-host=a", "--device=a\nb"]).unwrap_err().contains("\\n"));
        assert!(of(&["bblog-ssh"]).unwrap_err().contains("--remote-host"));
    }
}
