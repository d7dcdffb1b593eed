// SPDX-License-Identifier: BSD-2-Clause
//! The interfaces, link types and options of this program, in the sentences of extcap(4):
//! `word {key=value}...`.
//!
//! Names, texts and defaults of options come from the command line, so that both agree.

use clap::{Arg, CommandFactory};

use crate::cli::Cli;
use crate::interface::CaptureInterface;

/// An option in the dialog of an interface.
struct DialogOption {
    /// The option's name on the command line.
    option: &'static str,
    /// Its label in the dialog.
    label: &'static str,
    /// Its type in extcap(4).
    kind: &'static str,
    /// Whether local captures have it too.
    local: bool,
}

const OPTIONS: [DialogOption; 13] = [
    option("remote-host", "Server", "string", false),
    option("remote-port", "Port", "unsigned", false),
    option("remote-username", "User", "string", false),
    option("sshkey", "Private key", "fileselect", false),
    option("source", "Log", "selector", true),
    option("device", "BBLog device", "string", true),
    option("form", "BBLog events", "selector", true),
    option("reason", "BBLog reason", "string", true),
    option("stack", "TCP stacks", "string", true),
    option("providers", "eventlog providers", "string", true),
    option("level", "eventlog level", "selector", true),
    option("bblogd", "bblogd", "string", true),
    option("remote-priv", "Gain root with", "selector", true),
];

const fn option(option: &'static str, label: &'static str, kind: &'static str, local: bool) -> DialogOption {
    DialogOption { option, label, kind, local }
}

/// The program and its interfaces.
pub fn interfaces() -> Vec<String> {
    vec![
        format!("extcap {{version={}}}{{display=FreeBSD's TCP logs}}", env!("CARGO_PKG_VERSION")),
        "interface {value=bblog-local}{display=FreeBSD BBLog (local)}".to_owned(),
        "interface {value=bblog-ssh}{display=FreeBSD BBLog over ssh}".to_owned(),
    ]
}

/// The link type of BBLog's packets. The stream itself has one for each of its interfaces.
pub fn dlts() -> Vec<String> {
    vec!["dlt {number=0}{name=NULL}{display=BBLog and eventlog}".to_owned()]
}

/// The options of an interface.
pub fn config(interface: CaptureInterface) -> Vec<String> {
    let command = Cli::command();
    let mut sentences = Vec::new();
    let shown = OPTIONS.iter().filter(|shown| shown.local || interface == CaptureInterface::BblogSsh);
    for (number, shown) in shown.enumerate() {
        let option = command.get_arguments().find(|arg| arg.get_long() == Some(shown.option));
        // A test makes sure that each exists.
        let Some(option) = option else { continue };
        sentences.push(sentence(number, shown, option));
        if shown.kind == "selector" {
            for value in option.get_possible_values() {
                let help = value.get_help().map(ToString::to_string).unwrap_or_default();
                let default = option.get_default_values().iter().any(|default| default == value.get_name());
                sentences.push(format!(
                    "value {{arg={number}}}{{value={}}}{{display={}}}{{default={default}}}",
                    value.get_name(),
                    delimited(&help),
                ));
            }
        }
    }
    sentences
}

fn sentence(number: usize, shown: &DialogOption, option: &Arg) -> String {
    let tooltip = option.get_help().map(ToString::to_string).unwrap_or_default();
    let mut sentence = format!(
        "arg {{number={number}}}{{call=--{}}}{{display={}}}{{type={}}}{{tooltip={}}}",
        shown.option,
        shown.label,
        shown.kind,
        delimited(&tooltip)
    );
    if let (Some(default), true) = (option.get_default_values().first(), shown.kind != "selector") {
        sentence.push_str(&format!("{{default={}}}", default.to_string_lossy()));
    }
    match shown.option {
        "remote-host" => sentence.push_str("{required=true}"),
        "remote-port" => sentence.push_str("{range=1,65535}"),
        "sshkey" => sentence.push_str("{mustexist=true}"),
        _ => {}
    }
    let group = option.get_help_heading().unwrap_or("Log");
    sentence.push_str(&format!("{{group={group}}}"));
    sentence
}

/// A text without the characters that delimit values.
fn delimited(text: &str) -> String {
    text.replace('{', "(").replace('}', ")").replace('`', "'")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_dialog_option_is_an_option() {
        let command = Cli::command();
        for shown in &OPTIONS {
            let option = command.get_arguments().find(|arg| arg.get_long() == Some(shown.option));
            let option = option.unwrap_or_else(|| panic!("--{}: no such option", shown.option));
            assert_eq!(
                shown.kind == "selector",
                !option.get_possible_values().is_empty(),
                "{}",
                shown.option
            );
        }
        let in_dialog = |arg: &&Arg| matches!(arg.get_help_heading(), Some("Server" | "Log"));
        assert_eq!(command.get_arguments().filter(in_dialog).count(), OPTIONS.len());
    }

    #[test]
    fn sentences_are_well_formed() {
        for interface in [CaptureInterface::BblogLocal, CaptureInterface::BblogSsh] {
            for sentence in config(interface) {
                assert!(sentence.starts_with("arg {number=") || sentence.starts_with("value {arg="));
                let (open, close) = (sentence.matches('{').count(), sentence.matches('}').count());
                assert!(open == close && sentence.matches("}{").count() == open - 1, "{sentence}");
            }
        }
        assert!(!config(CaptureInterface::BblogLocal).iter().any(|sentence| sentence.contains("ssh")));
    }
}
