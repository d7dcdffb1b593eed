// SPDX-License-Identifier: BSD-2-Clause
//! File series: the parts of one connection's log or of one capture. The series `NAME` consists of the
//! files `NAME.0.pcapng`, `NAME.1.pcapng` and so on, compressed or not.

use std::collections::{BTreeMap, HashMap};
use std::ffi::{OsStr, OsString};
use std::fmt::Write;
use std::io;
use std::path::{Path, PathBuf};

use crate::input::InputName;
use crate::input::error::OnError;
use crate::input::error::{InputError, InputErrorKind, Recovery};

/// How a file of a series may end; of several with one number the first is taken.
const ENDS: [&str; 8] =
    [".pcapng", ".pcapng.xz", ".pcapng.zst", ".pcapng.gz", ".elog", ".elog.xz", ".elog.zst", ".elog.gz"];
/// How many spans of missing numbers are reported one by one.
const MAX_SPANS: usize = 10;

/// Replaces each name that is not a file but what a series' names begin with by the names of the
/// series. Missing numbers are reported to `on_error`. The files of a series follow each other in order of
/// their numbers, however they were named: a shell sorts 10 before 2, and records of one microsecond on both
/// sides of a change of file would be read in that order.
pub fn expand(names: &[InputName], on_error: &mut OnError<'_>) -> Vec<InputName> {
    let mut expanded = Vec::with_capacity(names.len());
    for name in names {
        let files = find(name);
        if files.is_empty() {
            // Opening it reports the problem.
            expanded.push(name.clone());
            continue;
        }
        if let Some(numbers) = gaps(files.keys().copied()) {
            let kind = InputErrorKind::SeriesGap { numbers };
            on_error(name, &InputError { offset: None, kind, recovery: Recovery::Nothing });
        }
        expanded.extend(files.into_values().map(|(_, file)| InputName::new(file)));
    }
    in_order(expanded)
}

/// The files of each series in order of their numbers, in the place of its first one.
fn in_order(names: Vec<InputName>) -> Vec<InputName> {
    let first = first_of_each(&names);
    let number = |name: &InputName| match of_file(name.path()) {
        Some((_, number)) if !name.is_stdin() => number,
        _ => 0,
    };
    let mut names: Vec<(usize, u32, InputName)> =
        names.into_iter().zip(first).map(|(name, first)| (first, number(&name), name)).collect();
    names.sort_by_key(|(first, number, _)| (*first, *number));
    names.into_iter().map(|(.., name)| name).collect()
}

/// The files of the series `name`, by number; none if it is a file itself.
fn find(name: &InputName) -> BTreeMap<u32, (usize, OsString)> {
    let mut files = BTreeMap::new();
    let path = name.path();
    let missing = std::fs::metadata(path).is_err_and(|error| error.kind() == io::ErrorKind::NotFound);
    let Some(prefix) = path.file_name().filter(|_| missing && !name.is_stdin()) else { return files };
    let folder = path.parent().filter(|folder| !folder.as_os_str().is_empty());
    let Ok(entries) = std::fs::read_dir(folder.unwrap_or(Path::new("."))) else { return files };
    for entry in entries.flatten() {
        let file = entry.file_name();
        let Some((number, end)) = number(&file, prefix) else { continue };
        let place = files.entry(number).or_insert_with(|| (usize::MAX, OsString::new()));
        if end < place.0 {
            *place = (end, path.with_file_name(file).into_os_string());
        }
    }
    files
}

/// The series that a file belongs to, by its name, and its number in it.
pub fn of_file(path: &Path) -> Option<(PathBuf, u32)> {
    let file = path.file_name()?.to_str()?;
    let prefix = ENDS.iter().find_map(|end| file.strip_suffix(end)?.rsplit_once('.'))?.0;
    let (number, _) = number(OsStr::new(file), OsStr::new(prefix))?;
    Some((path.with_file_name(prefix), number))
}

/// For each name the index of the first of the same series; its own index if it is of none.
pub fn first_of_each(names: &[InputName]) -> Vec<usize> {
    let mut first: HashMap<PathBuf, usize> = HashMap::new();
    let of = |(index, name): (usize, &InputName)| match of_file(name.path()) {
        Some((series, _)) if !name.is_stdin() => *first.entry(series).or_insert(index),
        _ => index,
    };
    names.iter().enumerate().map(of).collect()
}

/// The number of `file` in the series `prefix`, and how it ends (a place in [`ENDS`]).
fn number(file: &OsStr, prefix: &OsStr) -> Option<(u32, usize)> {
    let rest = file.as_encoded_bytes().strip_prefix(prefix.as_encoded_bytes())?.strip_prefix(b".")?;
    let rest = std::str::from_utf8(rest).ok()?;
    let (digits, _) = rest.split_once('.')?;
    let end = ENDS.iter().position(|end| rest.strip_prefix(digits) == Some(end))?;
    let plain = digits == "0" || !digits.starts_with(['0', '+']);
    Some((digits.parse().ok().filter(|_| plain)?, end))
}

/// The numbers missing from 0 to the last one, as `1, 3-5`.
fn gaps(numbers: impl Iterator<Item = u32>) -> Option<String> {
    let mut text = String::new();
    let (mut next, mut spans) = (0u32, 0);
    for number in numbers {
        if number > next {
            spans += 1;
            let comma = if text.is_empty() { "" } else { ", " };
            // Writing to a string cannot fail.
            let _ = match (spans, number - next) {
                (..=MAX_SPANS, 1) => write!(text, "{comma}{next}"),
                (..=MAX_SPANS, _) => write!(text, "{comma}{next}-{}", number - 1),
                _ => Ok(()),
            };
        }
        next = number.saturating_add(1);
    }
    if spans > MAX_SPANS {
        text.push_str(" and more");
    }
    (spans > 0).then_some(text)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn missing_numbers() {
        let text = |numbers: &[u32]| gaps(numbers.iter().copied());
        assert_eq!(text(&[0, 1, 2]), None);
        assert_eq!(text(&[2, 3, 7]), Some("0-1, 4-6".into()));
        assert_eq!(text(&[0, 2, u32::MAX]), Some("1, 3-4294967294".into()));
        let odd: Vec<u32> = (0..100).map(|number| number * 2 + 1).collect();
        assert_eq!(text(&odd), Some("0, 2, 4, 6, 8, 10, 12, 14, 16, 18 and more".into()));
    }

    #[test]
    fn series_of_files() {
        let of = |path: &str| {
            of_file(Path::new(path)).map(|(series, number)| (series.display().to_string(), number))
        };
        assert_eq!(of("/x/a.b.17.pcapng.xz"), Some(("/x/a.b".into(), 17)));
        assert_eq!(of("a.0.elog"), Some(("a".into(), 0)));
        assert_eq!(of("a.pcapng"), None);
        assert_eq!(of("a.01.pcapng"), None);
    }

    #[test]
    fn a_series_is_in_order_of_its_numbers() {
        let given = ["b.1.pcapng", "a.0.pcapng", "a.10.pcapng", "-", "a.2.pcapng.xz", "b.0.pcapng", "c"];
        let names = given.map(InputName::new).to_vec();
        let ordered: Vec<String> =
            expand(&names, &mut |_, _| {}).iter().map(|name| name.path().display().to_string()).collect();
        let expected = ["b.0.pcapng", "b.1.pcapng", "a.0.pcapng", "a.2.pcapng.xz", "a.10.pcapng", "-", "c"];
        assert_eq!(ordered, expected);
    }

    #[test]
    fn names() {
        let number = |file: &str| number(OsStr::new(file), OsStr::new("a.b")).map(|(number, _)| number);
        assert_eq!(number("a.b.0.pcapng"), Some(0));
        assert_eq!(number("a.b.17.pcapng.xz"), Some(17));
        assert_eq!(number("a.b.3.elog"), Some(3));
        for other in ["a.b", "a.b.pcapng", "a.b.x.pcapng", "a.b.01.pcapng", "a.b.+1.pcapng", "a.bc.1.pcapng"]
        {
            assert_eq!(number(other), None, "{other}");
        }
    }
}
