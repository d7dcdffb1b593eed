// SPDX-License-Identifier: BSD-2-Clause
//! The files of a folder and of the folders in it, grouped to those that are to be read together.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};

use super::InputName;
use super::error::{InputError, InputErrorKind, OnError, Recovery};
use super::series;

/// Folders in folders are searched to this depth: each level is a call and an open descriptor.
const MAX_DEPTH: usize = 64;

/// Files that belong together: a series, or one file.
#[derive(Clone, Debug, Default)]
pub struct FileGroup {
    /// The files, in the order of their numbers.
    pub names: Vec<InputName>,
    /// Whether the user named it; otherwise it was found in a folder.
    pub is_named: bool,
}

impl FileGroup {
    /// Whether all of its files can be read twice.
    pub fn can_be_read_again(&self) -> bool {
        self.names.iter().all(InputName::can_be_opened_again)
    }

    /// Bytes of its files.
    pub fn size(&self) -> u64 {
        let size = |name: &InputName| name.path().metadata().map_or(0, |there| there.len());
        self.names.iter().map(size).sum()
    }
}

/// The numbers of groups, that with most bytes first: so none is left at the end when threads take one after the other.
pub fn largest_first(groups: &[FileGroup]) -> Vec<usize> {
    let mut order: Vec<usize> = (0..groups.len()).collect();
    order.sort_by_key(|&at| std::cmp::Reverse(groups[at].size()));
    order
}

/// The files that `names` stand for, in groups: files, series, and everything in folders. Files and folders whose names
/// begin with a dot are left out where they are not named: files being written have such names. What cannot be
/// searched is passed to `on_error`.
pub fn groups(names: &[InputName], on_error: &mut OnError<'_>) -> Vec<FileGroup> {
    let mut groups: BTreeMap<(PathBuf, bool), BTreeMap<(u32, PathBuf), InputName>> = BTreeMap::new();
    let mut add = |path: PathBuf, is_named: bool| {
        let (series, number) = series::of_file(&path).unwrap_or_else(|| (path.clone(), 0));
        groups.entry((series, is_named)).or_default().insert((number, path.clone()), InputName::new(path));
    };
    for name in names {
        if !name.is_stdin() && name.path().is_dir() {
            search(name.path(), 0, &mut |path| add(path, false), on_error);
        } else {
            let named = series::expand(std::slice::from_ref(name), on_error);
            named.into_iter().for_each(|name| add(name.path().to_owned(), true));
        }
    }
    let group = |((_, is_named), files): (_, BTreeMap<_, InputName>)| FileGroup {
        names: files.into_values().collect(),
        is_named,
    };
    groups.into_iter().map(group).collect()
}

/// Finds the files of a folder. Links to folders are not followed: they may lead in a circle.
fn search(folder: &Path, depth: usize, found: &mut dyn FnMut(PathBuf), on_error: &mut OnError<'_>) {
    let entries = match std::fs::read_dir(folder) {
        Ok(entries) => entries,
        Err(error) => return fail(folder, error, on_error),
    };
    for entry in entries {
        let entry = match entry {
            Ok(entry) => entry,
            Err(error) => {
                fail(folder, error, on_error);
                continue;
            }
        };
        if entry.file_name().as_encoded_bytes().starts_with(b".") {
            continue;
        }
        let path = entry.path();
        match entry.file_type() {
            Ok(kind) if kind.is_dir() && depth < MAX_DEPTH => search(&path, depth + 1, found, on_error),
            Ok(kind) if kind.is_dir() => {
                fail(&path, InputErrorKind::FolderDepth { max: MAX_DEPTH }, on_error)
            }
            // FIFOs and devices have no end that is worth waiting for.
            Ok(kind) if kind.is_file() || (kind.is_symlink() && path.is_file()) => found(path),
            Ok(_) => {}
            Err(error) => fail(&path, error, on_error),
        }
    }
}

fn fail(path: &Path, kind: impl Into<InputErrorKind>, on_error: &mut OnError<'_>) {
    let error = InputError { offset: None, kind: kind.into(), recovery: Recovery::Nothing };
    on_error(&InputName::new(path), &error);
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn folders_too_deep_are_named() {
        let top = tempfile::tempdir().unwrap();
        let deepest = (0..MAX_DEPTH).fold(top.path().to_owned(), |path, _| path.join("d"));
        let beyond = deepest.join("e");
        std::fs::create_dir_all(&beyond).unwrap();
        std::fs::write(deepest.join("read"), b"").unwrap();
        std::fs::write(beyond.join("not-read"), b"").unwrap();

        let mut lines = Vec::new();
        let groups =
            groups(&[InputName::new(top.path())], &mut |name, error| lines.push(format!("{name}: {error}")));
        let files: Vec<_> = groups.iter().flat_map(|group| &group.names).map(InputName::path).collect();
        assert_eq!(files, [deepest.join("read")]);
        let line = format!("{}: a folder inside 64 others of the search: not searched", beyond.display());
        assert_eq!(lines, [line]);
    }
}
