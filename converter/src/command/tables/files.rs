// SPDX-License-Identifier: BSD-2-Clause
//! Which files of a run are converted: logs, each once.

use std::collections::{HashMap, HashSet};
use std::path::Path;
use std::sync::Arc;

use super::fingerprint::Fingerprints;
use super::{Table, TablesError, manifest};
use crate::input::folder::FileGroup;
use crate::input::{Input, InputName};

/// The files of a run.
#[derive(Debug, Default)]
pub struct Files {
    /// The logs, in groups.
    pub groups: Vec<FileGroup>,
    /// Files in folders that are no logs.
    pub foreign: Vec<InputName>,
    /// Files in folders that are the same as another file of the run, which comes with them.
    pub copies: Vec<(InputName, InputName)>,
    /// Logs that are left out because the folder of tables has them already.
    pub converted: Vec<InputName>,
    /// What the logs are known by.
    pub fingerprints: Fingerprints,
}

impl Files {
    /// Opens each file that was found in a folder, and leaves out those that are no logs and those that are the same as
    /// one before. Files that the user named are kept: what is wrong with them is an error.
    pub fn of(groups: Vec<FileGroup>) -> Files {
        let mut files = Files::default();
        let mut known: HashMap<String, InputName> = HashMap::new();
        // Those that the user named come first, so that a copy is left out wherever it is.
        let (named, found): (Vec<_>, Vec<_>) = groups.into_iter().partition(|group| group.is_named);
        for mut group in named.into_iter().chain(found) {
            let is_named = group.is_named;
            group.names.retain(|name| is_named || !files.leaves_out(name, &known));
            for name in &group.names {
                if let Some(fingerprint) = files.fingerprints.of(name) {
                    known.entry(fingerprint.to_owned()).or_insert_with(|| name.clone());
                }
            }
            if !group.names.is_empty() {
                files.groups.push(group);
            }
        }
        files
    }

    /// Leaves out the logs whose rows are in a table of `tables` in the folder `root` already.
    ///
    /// # Errors
    /// [`TablesError`] if the folder cannot be read.
    pub fn leave_out_converted(&mut self, root: &Path, tables: &[Table]) -> Result<(), TablesError> {
        let runs = manifest::read_all(root)?.into_iter().map(|(_, run)| run);
        let runs = runs.filter(|run| tables.iter().any(|table| run.tables.contains(&table.folder())));
        let inputs = runs.flat_map(|run| run.inputs);
        let known: HashSet<String> = inputs.filter_map(|input| input.fingerprint).collect();
        for group in &mut self.groups {
            group.names.retain(|name| {
                let is_new =
                    self.fingerprints.of(name).is_none_or(|fingerprint| !known.contains(fingerprint));
                if !is_new {
                    self.converted.push(name.clone());
                }
                is_new
            });
        }
        self.groups.retain(|group| !group.names.is_empty());
        Ok(())
    }

    fn leaves_out(&mut self, name: &InputName, known: &HashMap<String, InputName>) -> bool {
        if Input::open(name, 1, &Arc::default()).is_err_and(|error| error.is_foreign()) {
            self.foreign.push(name.clone());
            return true;
        }
        let other = self.fingerprints.of(name).and_then(|fingerprint| known.get(fingerprint));
        self.copies.extend(other.map(|other| (name.clone(), other.clone())));
        other.is_some()
    }
}
