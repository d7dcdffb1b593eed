// SPDX-License-Identifier: BSD-2-Clause
//! Compiles `tables/` into static data. A fault in a table stops the build with its file and line.

#[path = "../src/language/category.rs"]
#[allow(dead_code, reason = "the library uses the rest")]
mod category;
#[path = "../src/language/condition.rs"]
mod condition;
mod emit;
#[path = "../src/spec/kernel.rs"]
#[allow(dead_code, reason = "the library uses the rest")]
mod kernel;
mod model;
mod parse;
#[path = "../src/language/sentence.rs"]
mod sentence;
#[path = "../src/spec/stack.rs"]
#[allow(dead_code, reason = "the library uses the rest")]
mod stack;
#[path = "../src/language/unit.rs"]
#[allow(dead_code, reason = "the library uses the rest")]
mod unit;
mod when;

use std::path::{Path, PathBuf};
use std::{env, fs};

fn main() {
    println!("cargo::rerun-if-changed=tables");
    println!("cargo::rerun-if-changed=build");
    println!("cargo::rerun-if-changed=src/language");
    println!("cargo::rerun-if-changed=src/spec/kernel.rs");
    println!("cargo::rerun-if-changed=src/spec/stack.rs");
    if let Err(fault) = run() {
        println!("cargo::error={fault}");
    }
}

fn run() -> Result<(), String> {
    let root = PathBuf::from(env::var("CARGO_MANIFEST_DIR").map_err(|e| e.to_string())?);
    let mut files = Vec::new();
    find(&root.join("tables"), &mut files)?;
    // Names, members, alerts and sets come before what refers to them.
    let rank = |path: &Path| match path.file_stem().and_then(|s| s.to_str()) {
        Some("names" | "members" | "alerts") => 0,
        Some("sets") => 1,
        Some("record" | "header") => 2,
        _ => 3,
    };
    files.sort_by_key(|path| (rank(path), path.clone()));
    let mut tables = model::Tables::default();
    for path in files {
        let text = fs::read_to_string(&path).map_err(|e| format!("{}: {e}", path.display()))?;
        let name = path.strip_prefix(&root).unwrap_or(&path).display().to_string();
        parse::parse(&mut tables, &name, &text)?;
    }
    tables.events.sort_by_key(|event| event.id);
    let out = PathBuf::from(env::var("OUT_DIR").map_err(|e| e.to_string())?).join("tables.rs");
    fs::write(&out, emit::emit(&tables)?).map_err(|e| format!("{}: {e}", out.display()))
}

fn find(dir: &Path, files: &mut Vec<PathBuf>) -> Result<(), String> {
    for entry in fs::read_dir(dir).map_err(|e| format!("{}: {e}", dir.display()))? {
        let path = entry.map_err(|e| e.to_string())?.path();
        if path.is_dir() {
            find(&path, files)?;
        } else if path.extension().is_some_and(|ext| ext == "tbl") {
            files.push(path);
        }
    }
    Ok(())
}
