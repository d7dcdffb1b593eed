// SPDX-License-Identifier: BSD-2-Clause
//! Where `unsafe` stands is written in `docs/reliability.md`, file by file, with the reason. The
//! page is the limit: a block more fails here, and one less has to be taken off it.

use std::collections::BTreeMap;
use std::fs;
use std::path::{Path, PathBuf};

const CRATES: [&str; 7] =
    ["dissector", "pcapng", "analysis", "converter", "capture", "extcap", "wireshark-plugin"];

fn sources(folder: &Path, found: &mut Vec<PathBuf>) {
    for entry in fs::read_dir(folder).expect("a folder of sources").flatten() {
        let path = entry.path();
        if path.is_dir() {
            sources(&path, found);
        } else if path.extension().is_some_and(|end| end == "rs") {
            found.push(path);
        }
    }
}

/// Blocks, functions, impls and extern blocks: the word as code uses it, not in comments or lints.
fn count(text: &str) -> usize {
    let code = text.lines().map(|line| line.split("//").next().unwrap_or_default());
    let kinds = ["unsafe {", "unsafe fn", "unsafe impl", "unsafe extern"];
    code.map(|line| kinds.iter().map(|kind| line.matches(kind).count()).sum::<usize>()).sum()
}

#[test]
fn unsafe_code_is_where_the_page_says() {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("..");
    let mut found = BTreeMap::new();
    for name in CRATES {
        let mut files = Vec::new();
        sources(&root.join(name).join("src"), &mut files);
        for file in files {
            let count = count(&fs::read_to_string(&file).expect("a source"));
            if count > 0 {
                let path = file.strip_prefix(&root).expect("below the root").display().to_string();
                found.insert(path, count);
            }
        }
    }
    let page = fs::read_to_string(root.join("docs/reliability.md")).expect("the page");
    // | `file.rs` | count | why |
    let listed: BTreeMap<String, usize> = page
        .lines()
        .filter_map(|line| {
            let mut cells = line.split('|').map(str::trim).skip(1);
            let file = cells.next()?.trim_matches('`');
            Some((file.strip_suffix(".rs").map(|_| file.to_owned())?, cells.next()?.parse().ok()?))
        })
        .collect();
    assert_eq!(found, listed);
}
