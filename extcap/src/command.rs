// SPDX-License-Identifier: BSD-2-Clause
//! The command line of a capture: bblogd's own, or ssh's with bblogd's as one argument.
//!
//! sshd passes that argument to the login shell of the user on the server, which may be any shell.
//! A backslash before a character takes its special meaning away in sh, csh, zsh and fish alike;
//! quotes do not, because csh replaces `!` inside of them too. Characters that are not ASCII are
//! quoted: a shell whose locale is GBK, Big5 or Shift JIS takes the last byte of one and a
//! backslash after it for one character. A value cannot become an option of ssh or bblogd.

use std::path::Path;

use crate::cli::{CaptureArgs, EventFormArg, LogArgs, LogSource, Privilege, ServerArgs};
use crate::interface::CaptureInterface;

/// The program of a capture and its arguments.
///
/// # Errors
/// One line about an option that is missing, or has a value that cannot be passed on.
pub fn command_line(args: &CaptureArgs) -> Result<Vec<String>, String> {
    if let Some(filter) = &args.filter {
        return Err(format!("capture filter \"{filter}\": not supported for logs, use a display filter"));
    }
    let bblogd = bblogd(&args.log)?;
    match args.interface {
        CaptureInterface::BblogLocal => Ok(bblogd),
        CaptureInterface::BblogSsh => ssh(&args.server, &bblogd),
    }
}

/// `bblogd -o - --exit-on-eof ...`
fn bblogd(log: &LogArgs) -> Result<Vec<String>, String> {
    let mut words: Vec<String> = match log.remote_priv {
        Privilege::None => vec![],
        Privilege::Sudo => vec!["sudo".into(), "-n".into(), "--".into()],
        Privilege::Doas => vec!["doas".into(), "-n".into(), "--".into()],
    };
    words.push(operand("--bblogd", &log.bblogd)?);
    words.extend(["-o", "-", "--exit-on-eof"].map(str::to_owned));
    if log.source != LogSource::Eventlog {
        if log.form == EventFormArg::Live {
            words.push("--live".to_owned());
        }
        words.push(format!("--file={}", printable("--device", &log.device)?));
        if let Some(reason) = non_empty(log.reason.as_ref()) {
            words.push(format!("--reason={}", printable("--reason", reason)?));
        }
        if let Some(stack) = non_empty(log.stack.as_ref()) {
            words.push(format!("--stack={}", printable("--stack", stack)?));
        }
    }
    if log.source != LogSource::Bblog {
        let mut providers = log.providers.split_whitespace().peekable();
        if providers.peek().is_none() {
            return Err("--providers: empty, expected at least one provider, such as tcp".to_owned());
        }
        for provider in providers {
            let (name, keywords) = provider.split_once(':').unwrap_or((provider, ""));
            let separator = if keywords.is_empty() { "" } else { ":" };
            let subscription = format!("{name}:{}{separator}{keywords}", log.level.name());
            words.push(format!("--eventlog={}", printable("--providers", &subscription)?));
        }
    }
    Ok(words)
}

/// `ssh ... -- HOST 'exec bblogd -o - ...'`
fn ssh(server: &ServerArgs, command: &[String]) -> Result<Vec<String>, String> {
    let host = non_empty(server.remote_host.as_ref()).ok_or("no server, expected --remote-host")?;
    // No user can answer a question of ssh's here, and a terminal would change the bytes.
    let mut words: Vec<String> = ["ssh", "-T", "-x", "-o", "BatchMode=yes"].map(str::to_owned).into();
    if let Some(port) = server.remote_port {
        words.extend(["-p".to_owned(), port.to_string()]);
    }
    if let Some(user) = non_empty(server.remote_username.as_ref()) {
        words.extend(["-l".to_owned(), operand("--remote-username", user)?]);
    }
    if let Some(key) = server.sshkey.as_deref().filter(|key| *key != Path::new("")) {
        let key = key.to_str().ok_or("--sshkey: not UTF-8")?;
        words.extend(["-i".to_owned(), operand("--sshkey", key)?]);
    }
    words.extend(["--".to_owned(), operand("--remote-host", host)?]);
    // With exec no shell stays between sshd and bblogd.
    let escaped: Vec<String> = command.iter().map(|word| escape(word)).collect();
    words.push(format!("exec {}", escaped.join(" ")));
    Ok(words)
}

/// A word as any shell reads it back: a backslash before every ASCII character that could have a
/// meaning, and quotes around all others. Letters and digits stay bare, because a backslash gives
/// some of them a meaning in fish.
fn escape(word: &str) -> String {
    let mut escaped = String::with_capacity(word.len());
    let mut is_quoted = false;
    for c in word.chars() {
        if c.is_ascii() == is_quoted {
            escaped.push('\'');
            is_quoted = !is_quoted;
        }
        if c.is_ascii() && !c.is_ascii_alphanumeric() && !"-_./:,+@%".contains(c) {
            escaped.push('\\');
        }
        escaped.push(c);
    }
    if is_quoted {
        escaped.push('\'');
    }
    escaped
}

/// A value that was given: Wireshark's dialog passes an empty text for one that was not.
fn non_empty(text: Option<&String>) -> Option<&String> {
    text.filter(|text| !text.is_empty())
}

/// A value without control characters, which not every shell keeps even when they are quoted.
fn printable(option: &str, text: &str) -> Result<String, String> {
    match text.chars().find(|c| c.is_control()) {
        Some(found) => Err(format!("{option}: has the control character {}", found.escape_default())),
        None => Ok(text.to_owned()),
    }
}

/// A value that becomes an argument of its own, and so must not look like an option.
fn operand(option: &str, word: &str) -> Result<String, String> {
    if word.is_empty() || word.starts_with('-') {
        return Err(format!("{option}: \"{word}\", expected a text that does not begin with -"));
    }
    printable(option, word)
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;
    use crate::cli::{Cli, Requested};

    fn command_line_of(line: &[&str]) -> Result<Vec<String>, String> {
        let start = ["bblogdump", "--capture", "--fifo", "f", "--extcap-interface"];
        match Cli::parse_from([&start, line].concat()).request()? {
            Requested::Capture(args) => command_line(&args),
            other => panic!("{other:?}"),
        }
    }

    #[test]
    fn local() {
        let words = command_line_of(&["bblog-local", "--reason", "error", "--remote-priv", "doas"]).unwrap();
        let expected =
            "doas -n -- /usr/local/sbin/bblogd -o - --exit-on-eof --live --file=/dev/tcp_log --reason=error";
        assert_eq!(words.join(" "), expected);
        let line =
            ["bblog-local", "--source", "both", "--providers", "tcp:CC|LOSS  hpts", "--level", "trace"];
        let words = command_line_of(&line).unwrap();
        assert_eq!(words[6..], ["--eventlog=tcp:TRACE:CC|LOSS", "--eventlog=hpts:TRACE"]);
    }

    #[test]
    fn over_ssh() {
        let line = ["bblog-ssh", "--remote-host", "a", "--remote-port", "2222", "--remote-username", "u"];
        let words = command_line_of(&line).unwrap();
        let expected = "ssh -T -x -o BatchMode=yes -p 2222 -l u -- a";
        assert_eq!(words[..words.len() - 1].join(" "), expected);
        let command = "exec /usr/local/sbin/bblogd -o - --exit-on-eof --live --file\\=/dev/tcp_log";
        assert_eq!(words[words.len() - 1], command);
    }

    /// Values as an attacker would choose them, or a user with odd file names.
    const VALUES: [[&str; 2]; 5] = [
        // With csh and quotes `!#:4` brings the device out of its quotes.
        ["'`id`'", "!#:4"],
        ["/tmp/$(reboot) `id` 'x' \"y\" ;&|<>*?~#!\\ \u{e4} \u{65e5}", "-o x"],
        ["!! !1 !-1 !?x? !{x} ^a^b %1", "~ ~root {a,b} [a] =ls @ \\! \\\\"],
        ["", "\\n\\t\\x41 $HOME ${HOME} $?HOME"],
        // The last byte of the first and the backslash after it are one character in GBK.
        ["\u{65ea};id;#", "\u{65ea}`id`\u{e0}\u{a0}-o\u{3000}x"],
    ];

    /// Locales of the tests, as far as they are installed: an 8-bit one, and those that have a
    /// backslash as the second byte of a character.
    const LOCALES: [&str; 6] = ["C", "C.UTF-8", "en_US.ISO-8859-1", "zh_CN.GBK", "zh_TW.BIG5", "ja_JP.SJIS"];

    #[test]
    fn the_shell_of_the_server_gets_back_what_was_typed() {
        // sh is everywhere. The others are login shells that people have.
        let shells = ["sh", "bash", "tcsh", "zsh", "fish", "ksh", "mksh"];
        for (shell, locale) in shells.iter().flat_map(|shell| LOCALES.map(|locale| (*shell, locale))) {
            let run = |command: &str| {
                std::process::Command::new(shell).args(["-c", command]).env("LC_ALL", locale).output()
            };
            if run("exit 0").is_err() {
                assert_ne!(shell, "sh");
                eprintln!("{shell}: not installed, not tested");
                continue;
            }
            for [device, reason] in VALUES {
                let line = ["bblog-ssh", "--remote-host", "a", "--device", device, "--reason", reason];
                let words = command_line_of(&line).unwrap();
                let command = words.last().unwrap().strip_prefix("exec /usr/local/sbin/bblogd ").unwrap();
                let output = run(&format!("exec printf '%s\\n' {command}")).unwrap();
                let expected = format!("-o\n-\n--exit-on-eof\n--live\n--file={device}\n--reason={reason}\n");
                assert_eq!(String::from_utf8_lossy(&output.stdout), expected, "{shell} {locale}: {command}");
                assert!(output.status.success(), "{shell} {locale}: {output:?}");
            }
        }
    }

    /// Whatever the locale of the shell on the server is, and if none is installed here.
    #[test]
    fn no_byte_of_a_character_meets_a_backslash() {
        for value in VALUES.as_flattened() {
            let escaped = escape(value);
            let met = escaped.as_bytes().windows(2).find(|two| !two[0].is_ascii() && two[1] == b'\\');
            assert_eq!(met, None, "{escaped}");
        }
        assert_eq!(escape("\u{65ea};a\u{e4}"), "'\u{65ea}'\\;a'\u{e4}'");
    }

    #[test]
    fn capture_filters_are_refused() {
        let error = command_line_of(&["bblog-local", "--extcap-capture-filter", "tcp"]).unwrap_err();
        assert!(error.contains("display filter"), "{error}");
    }

    #[test]
    fn no_value_becomes_an_option() {
        for option in ["--remote-host", "--remote-username", "--sshkey", "--bblogd"] {
            let word = format!("{option}=-oProxyCommand=reboot");
            let host = if option == "--remote-host" { "--level=info" } else { "--remote-host=a" };
            let error = command_line_of(&["bblog-ssh", host, &word]).unwrap_err();
            assert!(error.starts_with(option), "{option}: {error}");
        }
        let error = command_line_of(&["bblog-ssh", "--remote-host=a", "--device=a\nb"]).unwrap_err();
        assert!(error.contains("\\n"));
        assert!(command_line_of(&["bblog-ssh"]).unwrap_err().contains("--remote-host"));
    }
}
