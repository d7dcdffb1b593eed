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
