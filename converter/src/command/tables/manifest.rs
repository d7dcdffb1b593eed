// SPDX-License-Identifier: BSD-2-Clause
//! What each run wrote, so that no input is converted twice and no run is half there.
//!
//! A run writes its files under temporary names. Its manifest, `_bblog/RUN.json`, appears when all of them are complete,
//! and from then on the run counts: the next run that writes to the folder names the files that this run
//! could not name any more. Engines leave out names that begin with an underscore or a dot.

use std::fs;
use std::io;
use std::path::{Path, PathBuf};

use serde::{Deserialize, Serialize};

use super::TablesError;

/// The folder of manifests.
const FOLDER: &str = "_bblog";

/// What a run wrote.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct Manifest {
    /// The program's version.
    pub(super) version: String,
    /// The tables.
    pub(super) tables: Vec<String>,
    /// The inputs.
    pub(super) inputs: Vec<ManifestInput>,
    /// The files.
    pub(super) files: Vec<ManifestFile>,
    /// Files of runs that this one replaces.
    pub(super) replaced: Vec<PathBuf>,
}

/// An input of a run.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct ManifestInput {
    /// Its name, as it was given.
    pub(super) name: String,
    /// What it is known by; none of standard input.
    pub(super) fingerprint: Option<String>,
}

/// A file of a run. Paths are from the folder of all tables.
#[derive(Clone, Debug, Serialize, Deserialize)]
pub(super) struct ManifestFile {
    /// Its temporary name.
    pub(super) temporary: PathBuf,
    /// Its name.
    pub(super) place: PathBuf,
}

/// The path of the manifest of a run.
pub(super) fn path(root: &Path, run: &str) -> PathBuf {
    root.join(FOLDER).join(format!("{run}.json"))
}

/// The manifests in a folder, with their paths; what a run left to be done is done.
pub(super) fn read_all(root: &Path) -> Result<Vec<(PathBuf, Manifest)>, TablesError> {
    let folder = root.join(FOLDER);
    let entries = match fs::read_dir(&folder) {
        Ok(entries) => entries,
        Err(error) if error.kind() == io::ErrorKind::NotFound => return Ok(Vec::new()),
        Err(error) => return Err(TablesError::io(folder)(error)),
    };
    let mut paths = entries.map(|entry| entry.map(|entry| entry.path())).collect::<Result<Vec<_>, _>>();
    if let Ok(paths) = &mut paths {
        paths.retain(|path| path.extension().is_some_and(|end| end == "json") && !is_hidden(path));
        paths.sort();
    }
    let mut all = Vec::new();
    for path in paths.map_err(TablesError::io(&folder))? {
        let text = match fs::read(&path) {
            Ok(text) => text,
            // Replaced by one that was read before it.
            Err(error) if error.kind() == io::ErrorKind::NotFound => continue,
            Err(error) => return Err(TablesError::io(path)(error)),
        };
        let manifest: Manifest = serde_json::from_slice(&text)
            .map_err(|error| TablesError::Manifest { path: path.clone(), problem: error.to_string() })?;
        manifest.settle(root)?;
        all.push((path, manifest));
    }
    all.retain(|(path, _)| path.exists());
    Ok(all)
}

fn is_hidden(path: &Path) -> bool {
    path.file_name().is_none_or(|name| name.as_encoded_bytes().starts_with(b"."))
}

impl Manifest {
    /// Writes it down: from now on the run counts.
    pub(super) fn commit(&self, root: &Path, run: &str) -> Result<(), TablesError> {
        let path = path(root, run);
        let folder = root.join(FOLDER);
        fs::create_dir_all(&folder).map_err(TablesError::io(&folder))?;
        let text = serde_json::to_vec_pretty(self)
            .map_err(|error| TablesError::Manifest { path: path.clone(), problem: error.to_string() })?;
        let mut file = tempfile::Builder::new()
            .prefix(".bblog-")
            .suffix(".part")
            .tempfile_in(&folder)
            .map_err(TablesError::io(&folder))?;
        io::Write::write_all(&mut file, &text).map_err(TablesError::io(&path))?;
        file.persist(&path).map_err(|error| TablesError::io(&path)(error.error))?;
        Ok(())
    }

    /// Does what is left to be done once it is written down: removes what it replaces, and gives files their names.
    pub(super) fn settle(&self, root: &Path) -> Result<(), TablesError> {
        let done = |result: io::Result<()>, path: &Path| match result {
            Err(error) if error.kind() != io::ErrorKind::NotFound => Err(TablesError::io(path)(error)),
            _ => Ok(()),
        };
        for old in &self.replaced {
            // A file of this run may have the name of one that it replaces.
            let is_ours =
                self.files.iter().any(|file| file.place == *old && !root.join(&file.temporary).exists());
            if is_inside(old) && !is_ours {
                done(fs::remove_file(root.join(old)), old)?;
            }
        }
        for file in self.files.iter().filter(|file| is_inside(&file.temporary) && is_inside(&file.place)) {
            let place = root.join(&file.place);
            done(fs::rename(root.join(&file.temporary), &place), &place)?;
        }
        Ok(())
    }
}

/// Whether a path of a manifest, which anyone may have changed, leads into the folder.
fn is_inside(path: &Path) -> bool {
    path.components().all(|part| matches!(part, std::path::Component::Normal(_)))
}
