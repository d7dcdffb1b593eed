// SPDX-License-Identifier: BSD-2-Clause
//! Every input that once broke a promise, and a small copy of each kind of log: none breaks one.
//! The inputs are in `fuzz/regressions/ATTACK/`; a fuzzer's find is put there when it is mended.

use std::fs;
use std::path::Path;

use bblog_tests::attacks::ATTACKS;
use bblog_tests::fixtures::fixture;

#[test]
fn what_once_broke_a_promise() {
    let regressions = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/regressions");
    let known: Vec<&str> = ATTACKS.iter().map(|attack| attack.0).collect();
    for folder in fs::read_dir(&regressions).into_iter().flatten().flatten() {
        let name = folder.file_name().into_string().expect("a name");
        assert!(known.contains(&name.as_str()), "{name} is no attack");
    }
    for (name, attack) in ATTACKS {
        let Ok(files) = fs::read_dir(regressions.join(name)) else { continue };
        for file in files.flatten() {
            println!("{name} {}", file.path().display());
            attack(&fs::read(file.path()).expect("an input"));
        }
    }
}

#[test]
fn logs_break_no_promise() {
    let mut count = 0;
    for file in fs::read_dir(fixture("")).expect("fixtures").flatten() {
        if !file.path().is_file() {
            continue;
        }
        let bytes = fs::read(file.path()).expect("a fixture");
        for (name, attack) in ATTACKS {
            println!("{name} {}", file.path().display());
            attack(&bytes);
        }
        count += 1;
    }
    assert!(count > 10, "{count}");
}

#[test]
fn every_attack_has_a_target() {
    let manifest = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/Cargo.toml");
    let manifest = fs::read_to_string(manifest).expect("fuzz/Cargo.toml");
    for (name, _) in ATTACKS {
        assert!(manifest.contains(&format!("name = \"{name}\"")), "{name}");
    }
}
