// SPDX-License-Identifier: BSD-2-Clause
//! docs/walkthrough.md says what its commands print.

use std::fs;
use std::path::Path;

use bblog_tests::programs::bblog;
use bblog_tests::tshark::Tshark;

/// A command, and what the page says it prints.
struct Step {
    command: Vec<String>,
    printed: String,
}

fn steps(page: &str) -> Vec<Step> {
    let step = |block: &str| {
        let (command, printed) = block.split_once('\n').expect("a line");
        let command = shlex::split(command.strip_prefix("$ ").expect("a prompt")).expect("words");
        Step { command, printed: printed.to_owned() }
    };
    page.split("```console\n").skip(1).map(|rest| step(rest.split("```").next().unwrap_or(rest))).collect()
}

/// Whether `output` is what the page shows, where `...` stands for any lines.
fn matches(printed: &str, output: &str) -> bool {
    if !printed.contains("...\n") {
        return printed == output;
    }
    let mut rest = output;
    printed.split("...\n").all(|part| match rest.find(part) {
        Some(at) => {
            rest = &rest[at + part.len()..];
            true
        }
        None => false,
    })
}

#[test]
fn the_commands_print_what_the_page_says() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let page = fs::read_to_string(root.join("docs/walkthrough.md")).unwrap();
    let tshark = Tshark::with_plugin();
    let file = tshark.home().join("lossy.pcapng");
    let steps = steps(&page);
    let mut wrong = String::new();
    assert!(steps.len() >= 5, "{}", steps.len());
    for step in steps {
        let word = |word: &String| match word.as_str() {
            "lossy.pcapng" => file.to_str().unwrap().to_owned(),
            log if log.starts_with("tests/") => root.join(log).to_str().unwrap().to_owned(),
            other => other.to_owned(),
        };
        let words: Vec<String> = step.command.iter().map(word).collect();
        let arguments: Vec<&str> = words[1..].iter().map(String::as_str).collect();
        let output = match words[0].as_str() {
            "bblog" => {
                let output = bblog(&arguments);
                assert!(
                    output.status.success(),
                    "{arguments:?}: {}",
                    String::from_utf8_lossy(&output.stderr)
                );
                String::from_utf8(output.stdout).unwrap()
            }
            "tshark" => tshark.text(&arguments, b""),
            other => panic!("{other}: no command of the page"),
        };
        if !matches(&step.printed, &output) {
            wrong.push_str(&format!("{:?} prints\n{output}", step.command));
        }
    }
    assert!(wrong.is_empty(), "{wrong}");
}
