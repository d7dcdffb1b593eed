// SPDX-License-Identifier: BSD-2-Clause
//! The machine that a file is of: logs do not name it.

use std::path::{Component, Path};
use std::sync::Arc;

use super::InputName;

/// What the name of a folder begins with whose files are of one machine, as in Hive's layout.
const FOLDER: &str = "host=";

/// A file, and the machine that logged it.
#[derive(Clone, Debug)]
pub struct HostedFile {
    /// The name of the file, as messages have it.
    pub file: Arc<str>,
    /// The machine; `None` if it is not known.
    pub host: Option<Arc<str>>,
}

impl HostedFile {
    /// The place of an input; `host` is what the user says.
    pub fn of(name: &InputName, host: Option<&Arc<str>>) -> HostedFile {
        let by_folder = || of_folder(name.path()).map(Arc::from);
        HostedFile { file: name.to_string().into(), host: host.cloned().or_else(by_folder) }
    }
}

/// The host of the innermost folder `host=NAME` of a path.
fn of_folder(path: &Path) -> Option<String> {
    let folders = path.parent()?.components().rev();
    let mut names = folders.filter_map(|part| match part {
        Component::Normal(name) => name.to_str()?.strip_prefix(FOLDER),
        _ => None,
    });
    names.next().map(unescape).filter(|name| !name.is_empty() && name != NO_VALUE)
}

/// What Hive's layout has for a value that is not known.
pub const NO_VALUE: &str = "__HIVE_DEFAULT_PARTITION__";

/// The name of a folder in Hive's layout: what a path or an engine would take for something else is `%` and two
/// hexadecimal digits.
pub fn escape(value: &str) -> String {
    let mut text = String::with_capacity(value.len());
    for c in value.chars() {
        match c {
            '\0'..='\x1f'
            | '"'
            | '#'
            | '%'
            | '\''
            | '*'
            | '/'
            | ':'
            | '='
            | '?'
            | '\\'
            | '\x7f'
            | '{'
            | '['
            | ']'
            | '^' => {
                text.push_str(&format!("%{:02X}", u32::from(c)));
            }
            _ => text.push(c),
        }
    }
    // These would be folders of their own.
    if text == "." || text == ".." { text.replace('.', "%2E") } else { text }
}

fn unescape(value: &str) -> String {
    let mut bytes = Vec::with_capacity(value.len());
    let mut rest = value.as_bytes();
    while let Some((&first, after)) = rest.split_first() {
        let digits =
            after.get(..2).filter(|digits| first == b'%' && digits.iter().all(u8::is_ascii_hexdigit));
        let digits = digits.and_then(|digits| std::str::from_utf8(digits).ok());
        match digits.and_then(|digits| u8::from_str_radix(digits, 16).ok()) {
            Some(byte) => {
                bytes.push(byte);
                rest = &after[2..];
            }
            None => {
                bytes.push(first);
                rest = after;
            }
        }
    }
    String::from_utf8_lossy(&bytes).into_owned()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn hosts_of_folders() {
        let host = |path: &str| of_folder(Path::new(path));
        assert_eq!(host("/captures/host=web1/date=2026-11-29/a.pcapng").as_deref(), Some("web1"));
        assert_eq!(host("host=a/host=b/x").as_deref(), Some("b"));
        assert_eq!(host("host=a%2Fb%3D1/x").as_deref(), Some("a/b=1"));
        assert_eq!(host("host=100%+1/x").as_deref(), Some("100%+1"));
        assert_eq!(host("/captures/host=x"), None);
        assert_eq!(host("/captures/host=/x"), None);
        assert_eq!(host("host=__HIVE_DEFAULT_PARTITION__/x"), None);
    }

    #[test]
    fn escaped_names_come_back() {
        for name in ["web1", "a/b", "100%", "..", "fe80::1", "Zürich", "%zz"] {
            assert_eq!(unescape(&escape(name)), name);
            assert!(!escape(name).contains('/'));
        }
    }
}
