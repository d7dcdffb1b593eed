// SPDX-License-Identifier: BSD-2-Clause
//! README.md and the pages in docs/ and beside the code: what they link to, and the files, make
//! targets, programs and options they name, exist.

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;

use bblog_tests::programs::program;

const PROGRAMS: [&str; 3] = ["bblog", "bblogd", "bblogdump"];

/// A page, by its path below the root.
struct Page {
    name: String,
    text: String,
}

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("..").canonicalize().expect("the root")
}

fn pages() -> Vec<Page> {
    let root = root();
    let mut folders = vec![root.clone()];
    let mut pages = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(&folder).expect("a folder").flatten() {
            let (path, name) = (entry.path(), entry.file_name());
            let name = name.to_string_lossy();
            if path.is_dir() && name != "target" && !name.starts_with('.') {
                folders.push(path);
            } else if name.ends_with(".md") {
                let text = fs::read_to_string(&path).expect("a page");
                let name = path.strip_prefix(&root).expect("below the root").display().to_string();
                pages.push(Page { name, text });
            }
        }
    }
    assert!(pages.iter().any(|page| page.name == "README.md") && pages.len() >= 10, "pages were found");
    pages
}

impl Page {
    /// Text outside of code, in which links may be.
    fn prose(&self) -> String {
        let blocks = self.text.split("```").step_by(2);
        blocks.flat_map(|block| block.split('`').step_by(2)).collect()
    }

    /// Lines of code: those of blocks for a shell, and spans within sentences.
    fn code(&self) -> Vec<String> {
        let mut code = Vec::new();
        for (number, block) in self.text.split("```").enumerate() {
            if number % 2 == 0 {
                code.extend(block.split('`').skip(1).step_by(2).map(|span| span.replace('\n', " ")));
            } else if let Some(lines) = block.strip_prefix("sh\n") {
                code.extend(lines.replace("\\\n", " ").lines().map(str::to_owned));
            } else if let Some(lines) = block.strip_prefix("console\n") {
                code.extend(lines.lines().filter_map(|line| line.strip_prefix("$ ")).map(str::to_owned));
            }
        }
        code
    }
}

/// The words of each command of a line, without comments.
fn commands(line: &str) -> Vec<Vec<String>> {
    let Some(words) = shlex::split(line) else { return Vec::new() };
    let separators = ["|", ";", "&&", ">", "<", "do"];
    let commands = words.split(|word| separators.contains(&word.as_str()));
    commands.filter(|command| !command.is_empty()).map(<[String]>::to_vec).collect()
}

/// What GitHub calls a heading.
fn anchor(heading: &str) -> String {
    let heading = heading.trim_start_matches('#').trim().to_lowercase();
    let kept = heading.chars().filter(|c| c.is_alphanumeric() || matches!(c, ' ' | '-' | '_'));
    kept.map(|c| if c == ' ' { '-' } else { c }).collect()
}

#[test]
fn links_lead_somewhere() {
    let (mut links, mut dead) = (0, Vec::new());
    for page in pages() {
        let folder = root().join(&page.name).parent().expect("a folder").to_owned();
        for rest in page.prose().split("](").skip(1) {
            let link = rest.split(')').next().unwrap_or_default();
            if link.contains("://") || link.starts_with("mailto:") {
                continue;
            }
            links += 1;
            let (path, heading) = link.split_once('#').unwrap_or((link, ""));
            let path = if path.is_empty() { root().join(&page.name) } else { folder.join(path) };
            let headings = || fs::read_to_string(&path).unwrap_or_default();
            let found = path.exists()
                && (heading.is_empty()
                    || headings().lines().any(|line| line.starts_with('#') && anchor(line) == heading));
            if !found {
                dead.push(format!("{}: {link}", page.name));
            }
        }
    }
    assert!(links > 20, "{links} links were found");
    assert!(dead.is_empty(), "{dead:#?}");
}

#[test]
fn readme_leads_to_every_page() {
    let readme = fs::read_to_string(root().join("README.md")).expect("README.md");
    for page in pages().iter().filter(|page| page.name.starts_with("docs/")) {
        assert!(readme.contains(&format!("]({})", page.name)), "{}: README.md has no link", page.name);
    }
}

#[test]
fn make_targets_exist() {
    let makefile = fs::read_to_string(root().join("Makefile")).expect("Makefile");
    let rules = makefile.lines().filter(|line| line.starts_with(|c: char| c.is_ascii_lowercase()));
    let targets: BTreeSet<&str> = rules.filter_map(|line| Some(line.split_once(':')?.0)).collect();
    let (mut named, mut missing) = (0, Vec::new());
    for page in pages() {
        for command in page.code().iter().flat_map(|line| commands(line)) {
            // In a ports tree, and there only, it is the port's make.
            let port = page.name == "docs/install-freebsd.md" && command.iter().any(|word| word == "install");
            if command[0] != "make" || port {
                continue;
            }
            for target in command[1..].iter().filter(|word| !word.contains('=')) {
                named += 1;
                if !targets.contains(target.as_str()) {
                    missing.push(format!("{}: make {target}", page.name));
                }
            }
        }
    }
    assert!(named > 10, "{named} targets were found");
    assert!(missing.is_empty(), "{missing:#?}");
}

#[test]
fn files_exist() {
    let root = root();
    let folders = fs::read_dir(&root).expect("the root").flatten().filter(|entry| entry.path().is_dir());
    let folders: BTreeSet<String> =
        folders.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    let (mut named, mut missing) = (0, Vec::new());
    for page in pages() {
        for span in page.code() {
            let is_path = span.chars().all(|c| c.is_ascii_alphanumeric() || "/._-".contains(c));
            let first = span.split('/').next().unwrap_or_default();
            if !is_path || !span.contains('/') || first == "target" || !folders.contains(first) {
                continue;
            }
            named += 1;
            if !root.join(&span).exists() {
                missing.push(format!("{}: {span}", page.name));
            }
        }
    }
    assert!(named > 20, "{named} paths were found");
    assert!(missing.is_empty(), "{missing:#?}");
}

/// What `PROGRAM [SUBCOMMAND] --help` prints, or nothing if there is no such subcommand.
fn help(program_name: &str, subcommand: Option<&str>) -> String {
    let output = Command::new(program(program_name)).args(subcommand).arg("--help").output();
    let output = output.unwrap_or_else(|e| panic!("{program_name}: {e}"));
    if output.status.success() { String::from_utf8_lossy(&output.stdout).into_owned() } else { String::new() }
}

#[test]
fn programs_know_the_options() {
    let mut helps: BTreeMap<(String, Option<String>), String> = BTreeMap::new();
    let (mut named, mut unknown) = (0, Vec::new());
    for page in pages() {
        for command in page.code().iter().flat_map(|line| commands(line)) {
            // Behind ssh HOST, too.
            let Some(at) = command.iter().position(|word| PROGRAMS.contains(&word.as_str())) else {
                continue;
            };
            if at > 0 && command[0] != "ssh" {
                continue;
            }
            let name = command[at].clone();
            let is_word = |word: &&String| word.chars().all(|c| c.is_ascii_lowercase());
            let subcommand = command.get(at + 1).filter(|_| name == "bblog").filter(is_word).cloned();
            let help = helps
                .entry((name.clone(), subcommand))
                .or_insert_with_key(|(name, sub)| help(name, sub.as_deref()));
            if help.is_empty() {
                unknown.push(format!("{}: {}", page.name, command.join(" ")));
                continue;
            }
            let known: BTreeSet<&str> =
                help.split(|c: char| c.is_whitespace() || ",[]=<>`'.".contains(c)).collect();
            for option in command[at + 1..].iter().filter(|word| word.len() > 1 && word.starts_with('-')) {
                named += 1;
                let option = option.split('=').next().unwrap_or_default();
                if !known.contains(option) {
                    unknown.push(format!("{}: {} {option}", page.name, command[at..].join(" ")));
                }
            }
        }
    }
    assert!(named > 30, "{named} options were found");
    assert!(unknown.is_empty(), "{unknown:#?}");
}

#[test]
fn the_oldest_compiler_is_the_same_everywhere() {
    let root = root();
    let read =
        |name: &str| fs::read_to_string(root.join(name)).unwrap_or_else(|error| panic!("{name}: {error}"));
    let manifest = read("Cargo.toml");
    let version =
        manifest.lines().find_map(|line| line.strip_prefix("rust-version = \"")).expect("rust-version");
    let version = version.trim_end_matches('"');
    for name in ["README.md", "docs/install-freebsd.md", "packaging/deps.sh"] {
        let text = read(name);
        let mut said = text.split("Rust ").skip(1).filter(|rest| rest.starts_with("1."));
        assert!(said.next().is_some_and(|rest| rest.starts_with(version)), "{name}: expected Rust {version}");
        assert!(said.all(|rest| rest.starts_with(version)), "{name}: expected Rust {version}");
    }
}
