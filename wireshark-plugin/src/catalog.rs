// SPDX-License-Identifier: GPL-2.0-or-later
//! The dissector's tables for the plugin, with the user's schemas.
//!
//! Every field has to be registered when Wireshark starts, so schemas are read then: those that the
//! preference `eventlog-record.schemas` names, as it was saved, and those of the environment variable
//! `BBLOG_SCHEMAS`. Wireshark itself reads its preferences after fields are registered, so the file
//! they are saved in is read here.

use std::path::Path;
use std::sync::{LazyLock, OnceLock};
use std::{env, fs};

use bblog_dissector::catalog::Catalog;
use bblog_dissector::schema::{self, Schema};
use bblog_dissector::spec::FieldSpec;

/// Environment variable: schema files, separated by colons.
const VARIABLE: &str = "BBLOG_SCHEMAS";
/// The preference, as a line of Wireshark's file begins.
const PREFERENCE: &str = "eventlog-record.schemas:";

/// The user's schemas; set once, before the tables are first used.
static USER: OnceLock<Vec<Schema>> = OnceLock::new();

/// The tables of the process.
pub fn get() -> &'static Catalog {
    static CATALOG: LazyLock<Catalog> =
        LazyLock::new(|| Catalog::with_schemas(USER.get().map_or(&[], Vec::as_slice)));
    &CATALOG
}

/// Every row of every table, by id.
pub fn rows() -> &'static [&'static FieldSpec] {
    get().rows()
}

/// Whether the tables are more than the built-in ones.
pub fn has_user_schemas() -> bool {
    USER.get().is_some_and(|schemas| !schemas.is_empty())
}

/// Reads the user's schemas; gives a line for each file that cannot be used. `preferences` is
/// Wireshark's file of saved preferences.
pub fn load(preferences: Option<&Path>) -> Vec<String> {
    let saved = preferences.and_then(|path| fs::read(path).ok()).unwrap_or_default();
    let named = env::var(VARIABLE).unwrap_or_default();
    let (schemas, faults) = read(preference(&String::from_utf8_lossy(&saved)), &named);
    // A second call would come too late for the fields: its schemas are dropped.
    let _ = USER.set(schemas);
    faults
}

/// The value of the preference; of several lines the last one counts, as in Wireshark.
fn preference(saved: &str) -> &str {
    saved.lines().filter_map(|line| line.strip_prefix(PREFERENCE)).next_back().unwrap_or_default().trim()
}

/// The schemas of two lists of files.
fn read(saved: &str, named: &str) -> (Vec<Schema>, Vec<String>) {
    let (mut schemas, mut faults) = (Vec::new(), Vec::new());
    for path in saved.split(':').chain(named.split(':')).filter(|path| !path.is_empty()) {
        let text = fs::read(path).map_err(|error| error.to_string());
        let schema = text.and_then(|text| {
            schema::parse(&String::from_utf8_lossy(&text)).map_err(|fault| fault.to_string())
        });
        match schema {
            Ok(schema) => schemas.push(schema),
            Err(fault) => faults.push(format!("BBLog: schema {path}: {fault}")),
        }
    }
    (schemas, faults)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_last_preference_counts() {
        let saved = "# comment\neventlog-record.schemas: /a:/b\ngui.x: 1\neventlog-record.schemas: /c\n";
        assert_eq!(preference(saved), "/c");
        assert_eq!(preference("#eventlog-record.schemas: /a\n"), "");
    }

    #[test]
    fn faults_name_file_line_and_column() {
        let folder = env::temp_dir().join(format!("bblog-schemas-{}", std::process::id()));
        fs::create_dir_all(&folder).unwrap();
        let (good, bad) = (folder.join("good"), folder.join("bad"));
        fs::write(
            &good,
            "PROVIDER mine\nKEYWORD X 1\nSTRUCT s\n    n:uint32_t\nEVENT PING 100 INFO X s\n    \"n %1\"\n",
        )
        .unwrap();
        fs::write(&bad, "PROVIDER mine\nSTRUCT s\n    n:nonsense\n").unwrap();
        let list = format!("{}:{}:/nowhere/at/all", good.display(), bad.display());
        let (schemas, faults) = read("", &list);
        assert_eq!((schemas.len(), faults.len()), (1, 2), "{faults:?}");
        assert!(faults[0].contains("line 3"), "{faults:?}");
        fs::remove_dir_all(&folder).unwrap();
    }
}
