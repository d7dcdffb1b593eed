// SPDX-License-Identifier: BSD-2-Clause
//! A folder with tables in Parquet files, in Hive's layout. Runs append to it, and never rewrite.

use std::collections::{BTreeMap, HashMap};
use std::fs;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::RecordBatch;
use bblog_analysis::{Number, Step};
use bblog_dissector::Micros;
use bblog_dissector::catalog::Catalog;

use super::event_groups::EventGroups;
use super::fingerprint::{self, Fingerprints};
use super::manifest::{self, Manifest, ManifestFile};
use super::parts::{Done, Partition, RunFiles};
use super::walk::{Ids, Sink};
use super::{Table, TablesError, schema_table};
use crate::event::decode::DecodedItem;
use crate::event::item::Clock;
use crate::input::InputName;
use crate::jobs::Jobs;
use crate::output::unfinished::UnfinishedFiles;
use crate::table::arrow_row;
use crate::table::events::{EventTable, MAX_ROWS, Shape};
use crate::table::row::ConnectionRow;

/// The folder of the table of fields.
const SCHEMA: &str = "schema";
/// The column of connections that the names of folders have.
const HOST: &str = "host";
/// Microseconds of a day.
const DAY: i64 = 86_400_000_000;
/// Rows of all days and machines together that wait to be written: the bound of the memory.
const MAX_WAITING: usize = 2 * MAX_ROWS;

/// A folder with tables, while a run appends to it.
pub struct TableFolder {
    root: PathBuf,
    run: String,
    unfinished: UnfinishedFiles,
    manifest: Manifest,
    /// Manifests of runs that this one replaces.
    replaced: Vec<PathBuf>,
    parts: RunFiles,
    groups: EventGroups,
    /// An empty table for each table of events.
    kinds: Vec<(Arc<str>, EventTable)>,
    events: BTreeMap<Partition, EventTable>,
    waiting: usize,
    connections: Option<BTreeMap<Partition, Vec<ConnectionRow>>>,
    waiting_connections: usize,
    schema: RecordBatch,
}

/// What a run is to do.
pub struct RunOptions<'a> {
    /// The folder.
    pub root: &'a Path,
    /// The tables.
    pub tables: &'a [Table],
    /// Whether events have sentences.
    pub summary: bool,
    /// Whether inputs that were converted before are converted anew.
    pub overwrite: bool,
    /// Takes files while they are written.
    pub unfinished: &'a UnfinishedFiles,
    /// How many threads work.
    pub jobs: Jobs,
}

impl TableFolder {
    /// Begins a run that converts `inputs`, whose fingerprints are taken from `known`.
    ///
    /// # Errors
    /// [`TablesError`] if an input was converted before, or the folder cannot be read.
    pub fn open(
        options: &RunOptions<'_>,
        inputs: &[InputName],
        known: &mut Fingerprints,
        catalog: &Catalog,
    ) -> Result<TableFolder, TablesError> {
        let RunOptions { root, tables, summary, overwrite, unfinished, jobs } = *options;
        let mut kinds = Vec::new();
        for table in tables {
            let shape = match table {
                Table::Connections => continue,
                Table::Events => Shape::All { summary },
                Table::Event(name) => Shape::One(name.clone()),
            };
            let new = EventTable::new(catalog, shape);
            kinds.push((table.folder().into(), new.ok_or_else(|| TablesError::UnknownEvent(table.name()))?));
        }
        let folders: Vec<String> = tables.iter().map(Table::folder).collect();
        let inputs = fingerprints(inputs, known)?;
        let replaced = converted(root, &folders, &inputs, overwrite)?;
        let of_files = inputs.iter().filter_map(|(_, input)| input.fingerprint.as_deref());
        let unnamed = inputs.iter().any(|(_, input)| input.fingerprint.is_none()).then(now);
        let parts = of_files.chain(folders.iter().map(String::as_str)).chain(unnamed.as_deref());
        let run = fingerprint::of_all(parts);
        let manifest = Manifest {
            version: bblog_version::VERSION.to_owned(),
            tables: folders,
            inputs: inputs.into_iter().map(|(_, input)| input).collect(),
            files: Vec::new(),
            replaced: replaced
                .iter()
                .flat_map(|(_, old)| old.files.iter().map(|file| file.place.clone()))
                // The table of fields belongs to all runs.
                .filter(|place| !place.starts_with(SCHEMA))
                .collect(),
        };
        Ok(TableFolder {
            root: root.to_owned(),
            unfinished: unfinished.clone(),
            parts: RunFiles::new(root, &run, unfinished),
            groups: EventGroups::new(root.to_owned(), jobs),
            manifest,
            replaced: replaced.into_iter().map(|(path, _)| path).collect(),
            kinds,
            events: BTreeMap::new(),
            waiting: 0,
            connections: tables.contains(&Table::Connections).then(BTreeMap::new),
            waiting_connections: 0,
            schema: schema_table::batch(catalog).map_err(TablesError::of_arrow(root))?,
            run,
        })
    }

    /// Completes the run: its files appear. Inputs that are no logs, `foreign`, do not count as converted.
    ///
    /// # Errors
    /// [`TablesError`]; then there are no new files.
    pub fn finish(mut self, foreign: &[InputName]) -> Result<(), TablesError> {
        let foreign: Vec<String> = foreign.iter().map(InputName::to_string).collect();
        self.manifest.inputs.retain(|input| !foreign.contains(&input.name));
        while let Some((partition, table)) = self.events.pop_first() {
            self.groups.write(&mut self.parts, partition, table)?;
        }
        self.write_connections()?;
        self.write_schema()?;
        let TableFolder { root, run, unfinished, mut manifest, replaced, parts, .. } = self;
        let mut done = parts.finish()?;
        let named = |done: &Done| {
            // In the same folder; its path is absolute, while the root need not be.
            let name = done.temporary.file_name().unwrap_or_default();
            ManifestFile { temporary: done.place.with_file_name(name), place: done.place.clone() }
        };
        manifest.files = done.iter().map(named).collect();
        if done.is_empty() {
            return Ok(());
        }
        // No signal comes between the manifest and the names.
        unfinished.undisturbed(|| {
            for file in &mut done {
                file.temporary.disable_cleanup(true);
            }
            if let Err(error) = manifest.commit(&root, &run) {
                done.iter_mut().for_each(|file| file.temporary.disable_cleanup(false));
                return Err(error);
            }
            manifest.settle(&root)?;
            for old in replaced.iter().filter(|old| **old != manifest::path(&root, &run)) {
                fs::remove_file(old).map_err(TablesError::io(old))?;
            }
            Ok(())
        })
    }

    fn write_connections(&mut self) -> Result<(), TablesError> {
        self.groups.complete(&mut self.parts)?;
        let schema = arrow_row::schema();
        let fields = schema.fields().iter().enumerate();
        let columns: Vec<usize> =
            fields.filter(|(_, field)| field.name() != HOST).map(|(at, _)| at).collect();
        for (partition, mut rows) in std::mem::take(&mut self.connections).unwrap_or_default() {
            rows.sort_by_key(|row| (row.party.id, row.first));
            for rows in rows.chunks(MAX_ROWS) {
                // The machine is in the name of the folder: an engine that has it twice fails (DataFusion, Hive).
                let batch = arrow_row::batch(&schema, rows.iter()).and_then(|batch| batch.project(&columns));
                let batch = batch.map_err(TablesError::of_arrow(&self.root))?;
                self.parts.write_group(&partition, &batch)?;
            }
        }
        self.waiting_connections = 0;
        Ok(())
    }

    /// The table of fields is written once for each version of the tables.
    fn write_schema(&mut self) -> Result<(), TablesError> {
        let name = schema_table::name(&self.schema).map_err(TablesError::of_arrow(&self.root))?;
        let place = PathBuf::from(SCHEMA).join(format!("{name}.parquet"));
        if self.root.join(&place).exists() { Ok(()) } else { self.parts.whole(place, &self.schema) }
    }
}

impl Sink for TableFolder {
    fn wants_events(&self) -> bool {
        !self.kinds.is_empty()
    }

    fn event(
        &mut self,
        decoded: &DecodedItem<'_>,
        fed: Option<&(Number, Step)>,
        host: Option<&Arc<str>>,
        ids: &mut Ids<'_>,
    ) -> Result<(), TablesError> {
        let time = decoded.item.time();
        let day = (decoded.item.clock() == Clock::Utc).then(|| day(time));
        for at in 0..self.kinds.len() {
            let (name, kind) = &self.kinds[at];
            if !kind.takes(decoded) {
                continue;
            }
            let partition = Partition { table: Arc::clone(name), day, host: host.cloned() };
            let table = self.events.entry(partition).or_insert_with(|| kind.another());
            table.add(decoded, fed);
            let is_full = table.is_full();
            self.waiting += 1;
            if is_full || self.waiting >= MAX_WAITING {
                self.write_fullest(ids)?;
            }
        }
        Ok(())
    }

    fn connection(&mut self, row: ConnectionRow) -> Result<(), TablesError> {
        let Some(connections) = &mut self.connections else { return Ok(()) };
        let day = (!row.party.is_uptime).then(|| day(row.first));
        let host = row.party.host.clone();
        let partition = Partition { table: Table::Connections.folder().into(), day, host };
        connections.entry(partition).or_default().push(row);
        self.waiting_connections += 1;
        if self.waiting_connections >= MAX_ROWS {
            self.write_connections()?;
            self.connections = Some(BTreeMap::new());
        }
        Ok(())
    }

    fn settle(&mut self, ids: &mut Ids<'_>) {
        self.events.values_mut().for_each(|table| table.identify(|number| ids.get(number)));
    }
}

impl TableFolder {
    /// Writes the rows of the day and machine that has most.
    fn write_fullest(&mut self, ids: &mut Ids<'_>) -> Result<(), TablesError> {
        let fullest = self.events.iter().max_by_key(|(_, table)| (table.is_full(), table.len()));
        let Some(partition) = fullest.map(|(partition, _)| partition.clone()) else { return Ok(()) };
        let Some(mut table) = self.events.remove(&partition) else { return Ok(()) };
        self.waiting -= table.len();
        table.identify(|number| ids.get(number));
        self.groups.write(&mut self.parts, partition, table)
    }
}

/// The day of a time, since 1970.
fn day(time: Micros) -> i64 {
    time.0.div_euclid(DAY)
}

/// The time now, to distinguish runs on standard input.
fn now() -> String {
    let now = std::time::SystemTime::now().duration_since(std::time::UNIX_EPOCH).unwrap_or_default();
    format!("{} {}", now.as_nanos(), std::process::id())
}

/// The inputs with what they are known by.
fn fingerprints(
    inputs: &[InputName],
    fingerprints: &mut Fingerprints,
) -> Result<Vec<(InputName, manifest::ManifestInput)>, TablesError> {
    let mut known: HashMap<String, InputName> = HashMap::new();
    let mut all = Vec::new();
    for name in inputs {
        let fingerprint = fingerprints.of(name).map(str::to_owned);
        if let Some(fingerprint) = &fingerprint
            && let Some(other) = known.insert(fingerprint.clone(), name.clone())
        {
            return Err(TablesError::Twice { name: name.clone(), other });
        }
        all.push((name.clone(), manifest::ManifestInput { name: name.to_string(), fingerprint }));
    }
    Ok(all)
}

/// The runs that converted any of `inputs` to any of `tables`, which are replaced.
fn converted(
    root: &Path,
    tables: &[String],
    inputs: &[(InputName, manifest::ManifestInput)],
    overwrite: bool,
) -> Result<Vec<(PathBuf, Manifest)>, TablesError> {
    let known: HashMap<&str, &InputName> =
        inputs.iter().filter_map(|(name, input)| Some((input.fingerprint.as_deref()?, name))).collect();
    let mut replaced = Vec::new();
    for (path, old) in manifest::read_all(root)? {
        if !old.tables.iter().any(|table| tables.contains(table)) {
            continue;
        }
        let of = |input: &manifest::ManifestInput| known.get(input.fingerprint.as_deref()?).copied();
        let Some(name) = old.inputs.iter().find_map(of).cloned() else { continue };
        if !overwrite {
            return Err(TablesError::Converted { name, manifest: path });
        }
        let is_covered = old.inputs.iter().all(|input| of(input).is_some())
            && old.tables.iter().all(|table| tables.contains(table));
        if !is_covered {
            return Err(TablesError::ConvertedWithOthers { name, manifest: path });
        }
        replaced.push((path, old));
    }
    Ok(replaced)
}
