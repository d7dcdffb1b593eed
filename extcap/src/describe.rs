// SPDX-License-Identifier: BSD-2-Clause
//! Answers to Wireshark's questions, in the sentences of extcap(4): `word {key=value}...`.
//!
//! Names, texts and defaults of options are those of the command line, so that both agree.

use clap::{Arg, CommandFactory, ValueEnum};

use crate::cli::Cli;

/// An interface of Wireshark's list.
#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub enum Interface {
    /// bblogd on this machine
    BblogLocal,
    /// bblogd on another machine
    BblogSsh,
}

/// How an option is asked for in the dialog.
struct Entry {
    /// The option's name on the command line.
    option: &'static str,
    /// Its words in the dialog.
    display: &'static str,
    /// extcap's type.
    kind: &'static str,
    /// Whether a local capture has it too.
    local: bool,
}

const ENTRIES: [Entry; 12] = [
    entry("remote-host", "Server", "string", false),
    entry("remote-port", "Port", "unsigned", false),
    entry("remote-username", "User", "string", false),
    entry("sshkey", "Private key", "fileselect", false),
    entry("source", "Log", "selector", true),
    entry("device", "BBLog device", "string", true),
    entry("reason", "BBLog reason", "string", true),
    entry("stack", "TCP stacks", "string", true),
    entry("providers", "eventlog providers", "string", true),
    entry("level", "eventlog level", "selector", true),
    entry("bblogd", "bblogd", "string", true),
    entry("remote-priv", "Become root by", "selector", true),
];

const fn entry(option: &'static str, display: &'static str, kind: &'static str, local: bool) -> Entry {
    Entry { option, display, kind, local }
}

/// The program and its interfaces.
pub fn interfaces() -> Vec<String> {
    vec![
        format!("extcap {{version={}}}{{display=FreeBSD's TCP logs}}", env!("CARGO_PKG_VERSION")),
        "interface {value=bblog-local}{display=FreeBSD BBLog (local)}".to_owned(),
        "interface {value=bblog-ssh}{display=FreeBSD BBLog over ssh}".to_owned(),
    ]
}

/// What the packets of BBLog begin with. The stream says it again, for each of its interfaces.
pub fn dlts() -> Vec<String> {
    vec!["dlt {number=0}{name=NULL}{display=BBLog and eventlog}".to_owned()]
}

/// The options of an interface.
pub fn config(interface: Interface) -> Vec<String> {
    let command = Cli::command();
    let mut sentences = Vec::new();
    let entries = ENTRIES.iter().filter(|entry| entry.local || interface == Interface::BblogSsh);
    for (number, entry) in entries.enumerate() {
        let option = command.get_arguments().find(|arg| arg.get_long() == Some(entry.option));
        // A test looks for each of them.
        let Some(option) = option else { continue };
        sentences.push(sentence(number, entry, option));
        if entry.kind == "selector" {
            for value in option.get_possible_values() {
                let help = value.get_help().map(ToString::to_string).unwrap_or_default();
                let default = option.get_default_values().iter().any(|default| default == value.get_name());
                sentences.push(format!(
                    "value {{arg={number}}}{{value={}}}{{display={}}}{{default={default}}}",
                    value.get_name(),
                    legal(&help),
                ));
            }
        }
    }
    sentences
}

fn sentence(number: usize, entry: &Entry, option: &Arg) -> String {
    let tooltip = option.get_help().map(ToString::to_string).unwrap_or_default();
    let mut sentence = format!(
        "arg {{number={number}}}{{call=--{}}}{{display={}}}{{type={}}}{{tooltip={}}}",
        entry.option,
        entry.display,
        entry.kind,
        legal(&tooltip)
    );
    if let (Some(default), true) = (option.get_default_values().first(), entry.kind != "selector") {
        sentence.push_str(&format!("{{default={}}}", default.to_string_lossy()));
    }
    match entry.option {
        "remote-host" => sentence.push_str("{required=true}"),
        "remote-port" => sentence.push_str("{range=1,65535}"),
        "sshkey" => sentence.push_str("{mustexist=true}"),
        _ => {}
    }
    let group = option.get_help_heading().unwrap_or("Log");
    sentence.push_str(&format!("{{group={group}}}"));
    sentence
}

/// A text without the characters that end a value.
fn legal(text: &str) -> String {
    text.replace('{', "(").replace('}', ")").replace('`', "'")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_entry_is_an_option() {
        let command = Cli::command();
        for entry in &ENTRIES {
            let option = command.get_arguments().find(|arg| arg.get_long() == Some(entry.option));
            let option = option.unwrap_or_else(|| panic!("--{}: no such option", entry.option));
            assert_eq!(
                entry.kind == "selector",
                !option.get_possible_values().is_empty(),
                "{}",
                entry.option
            );
        }
        let asked = |arg: &&Arg| matches!(arg.get_help_heading(), Some("Server" | "Log"));
        assert_eq!(command.get_arguments().filter(asked).count(), ENTRIES.len());
    }

    #[test]
    fn sentences_are_well_formed() {
        for interface in [Interface::BblogLocal, Interface::BblogSsh] {
            for sentence in config(interface) {
                assert!(sentence.starts_with("arg {number=") || sentence.starts_with("value {arg="));
                let (open, close) = (sentence.matches('{').count(), sentence.matches('}').count());
                assert!(open == close && sentence.matches("}{").count() == open - 1, "{sentence}");
            }
        }
        assert!(!config(Interface::BblogLocal).iter().any(|sentence| sentence.contains("ssh")));
    }
}
