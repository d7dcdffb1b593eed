// SPDX-License-Identifier: BSD-2-Clause
//! The pages made from the tables are those in the repository, and the manual pages are sound mdoc.

mod support;

use std::path::{Path, PathBuf};
use std::process::Command;

use support::run;

fn repository(path: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").join(path)
}

/// Fails unless `path` is what `bblog fields FORM` prints.
fn is_fresh(form: &str, path: &str) {
    let made = run(&["fields", form], b"");
    assert_eq!((made.code, made.stderr.as_str()), (0, ""));
    let there = std::fs::read(repository(path)).unwrap_or_default();
    let line =
        there.split(|&b| b == b'\n').zip(made.stdout.split(|&b| b == b'\n')).take_while(|(a, b)| a == b);
    assert!(
        there == made.stdout,
        "{path} is stale from line {} on: bblog fields {form} > {path}",
        line.count() + 1
    );
}

#[test]
fn the_reference_in_markdown_is_fresh() {
    is_fresh("--markdown", "docs/fields.md");
}

#[test]
fn the_reference_in_mdoc_is_fresh() {
    is_fresh("--mdoc", "packaging/man/bblog-fields.7");
}

/// Every subcommand and option that `--help` has stands in the manual page.
#[test]
fn the_manual_page_is_complete() {
    let page = std::fs::read_to_string(repository("packaging/man/bblog.1")).unwrap();
    let help = |args: &[&str]| String::from_utf8(run(args, b"").stdout).unwrap();
    let overview = help(&["--help"]);
    let commands = overview.lines().skip_while(|line| *line != "Commands:").skip(1);
    let commands =
        commands.take_while(|line| !line.is_empty()).filter_map(|line| line.split_whitespace().next());
    let commands: Vec<&str> = commands.filter(|command| *command != "help").collect();
    assert!(commands.len() > 6, "{commands:?}");
    let mut missing = Vec::new();
    for command in commands {
        if !page.contains(&format!("\n.It Cm {command}")) {
            missing.push(command.to_owned());
        }
        for line in help(&[command, "--help"])
            .lines()
            .map(str::trim_start)
            .filter(|line| line.starts_with('-') && !line.starts_with("- "))
        {
            let options = line.split([' ', ',', '[', '=']).filter(|word| word.starts_with('-'));
            for option in options.map(|word| &word[1..]).filter(|option| !option.is_empty()) {
                // As an item of a list, or of the last paragraph of the description.
                let there = |before: &str| {
                    let flag = format!("{before}Fl {option}");
                    page.match_indices(&flag).any(|(at, _)| {
                        page[at + flag.len()..].starts_with(|c: char| !c.is_ascii_alphanumeric() && c != '-')
                    })
                };
                if !there(".It ") && !there(" , ") && !there("\n.") {
                    missing.push(format!("{command} -{option}"));
                }
            }
        }
    }
    assert!(missing.is_empty(), "not in bblog.1: {missing:?}");
}

#[test]
fn manual_pages_are_sound() {
    let pages = std::fs::read_dir(repository("packaging/man")).unwrap();
    let pages: Vec<PathBuf> = pages.map(|page| page.unwrap().path()).collect();
    assert!(!pages.is_empty());
    let Ok(linted) = Command::new("mandoc").args(["-T", "lint", "-W", "warning"]).args(&pages).output()
    else {
        eprintln!("skipped: there is no mandoc(1) here");
        return;
    };
    assert!(linted.status.success(), "{}", String::from_utf8_lossy(&linted.stdout));
}
