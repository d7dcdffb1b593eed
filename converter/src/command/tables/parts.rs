// SPDX-License-Identifier: BSD-2-Clause
//! Parquet files being written, one for each day and machine of a table.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::sync::Arc;

use arrow_array::RecordBatch;
use arrow_schema::SchemaRef;
use parquet::basic::{Compression, ZstdLevel};
use parquet::file::metadata::SortingColumn;
use parquet::file::properties::{EnabledStatistics, WriterProperties};
use parquet::schema::types::ColumnPath;
use tempfile::TempPath;

use super::TablesError;
use crate::input::host::{NO_VALUE, escape};
use crate::output::part;
use crate::output::unfinished::{UnfinishedFiles, UnfinishedGuard};
use crate::table::events::MAX_ROWS;
use crate::table::row_group::{GroupColumns, TableFile};

/// Files that are open at a time; beyond them the one that was written to longest ago is completed.
const MAX_OPEN: usize = 32;
/// A file that has so many bytes is complete.
const MAX_BYTES: usize = 256 << 20;
/// Columns whose least and greatest value in a row group let an engine pass over it. In a row group of many connections
/// the others have nearly all values.
const SELECTIVE: [&str; 8] =
    ["connection_id", "time", "number", "first", "last", "lost_us", "duration_us", "rtt_p99_us"];
/// zstd's level.
const LEVEL: i32 = 1;

/// A day and a machine of a table.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Partition {
    /// The folder of the table.
    pub(super) table: Arc<str>,
    /// Days since 1970; `None` if the log does not have the time of day.
    pub(super) day: Option<i64>,
    /// The machine, if it is known.
    pub(super) host: Option<Arc<str>>,
}

impl Partition {
    /// Its folder, in the layout of Hive.
    fn folder(&self) -> PathBuf {
        let date = self.day.map_or_else(|| NO_VALUE.to_owned(), date);
        let host = self.host.as_deref().map_or_else(|| NO_VALUE.to_owned(), escape);
        PathBuf::from(&*self.table).join(format!("date={date}")).join(format!("host={host}"))
    }
}

/// `2026-11-29`
fn date(day: i64) -> String {
    let mut out = Vec::new();
    crate::text::clock_text::ClockText::default()
        .rfc3339(bblog_dissector::Micros(day.saturating_mul(86_400_000_000)), &mut out);
    let text = String::from_utf8_lossy(&out).into_owned();
    text.split('T').next().unwrap_or_default().to_owned()
}

/// The files of a run.
pub(super) struct RunFiles {
    /// The folder of all tables.
    root: PathBuf,
    /// What the names of all files of the run begin with.
    run: String,
    unfinished: UnfinishedFiles,
    open: BTreeMap<Partition, OpenPart>,
    counts: BTreeMap<Partition, u32>,
    turn: u64,
    done: Vec<Done>,
}

struct OpenPart {
    file: TableFile<File>,
    done: Done,
    turn: u64,
}

/// A file that is complete but for its name.
pub(super) struct Done {
    /// Where it is.
    pub(super) temporary: TempPath,
    /// Removes it if the program is interrupted.
    #[expect(dead_code, reason = "its drop ends the watch")]
    unfinished: UnfinishedGuard,
    /// Where it goes, from the folder of all tables.
    pub(super) place: PathBuf,
}

impl RunFiles {
    pub(super) fn new(root: &Path, run: &str, unfinished: &UnfinishedFiles) -> RunFiles {
        RunFiles {
            root: root.to_owned(),
            run: run.to_owned(),
            unfinished: unfinished.clone(),
            open: BTreeMap::new(),
            counts: BTreeMap::new(),
            turn: 0,
            done: Vec::new(),
        }
    }

    /// The columns of a row group, to be encoded. No other group begins before it [ends](RunFiles::end_group).
    pub(super) fn begin_group(
        &mut self,
        partition: &Partition,
        schema: &SchemaRef,
    ) -> Result<GroupColumns, TablesError> {
        self.turn += 1;
        if !self.open.contains_key(partition) && self.open.len() >= MAX_OPEN {
            let oldest = self.open.iter().min_by_key(|open| open.1.turn).map(|open| open.0.clone());
            oldest.map_or(Ok(()), |oldest| self.complete(&oldest))?;
        }
        let mut open = match self.open.remove(partition) {
            Some(open) => open,
            None => self.create(partition, schema)?,
        };
        open.turn = self.turn;
        let columns = open.file.begin_group();
        let name = self.root.join(&open.done.place);
        self.open.insert(partition.clone(), open);
        columns.map_err(TablesError::of_parquet(name))
    }

    /// Writes a row group whose columns are encoded.
    pub(super) fn end_group(
        &mut self,
        partition: &Partition,
        columns: GroupColumns,
    ) -> Result<(), TablesError> {
        // It was opened when the group began.
        let Some(open) = self.open.get_mut(partition) else { return Ok(()) };
        let name = self.root.join(&open.done.place);
        open.file.append(columns).map_err(TablesError::of_parquet(&name))?;
        if open.file.bytes_written() >= MAX_BYTES { self.complete(partition) } else { Ok(()) }
    }

    /// Writes rows as a row group of their own.
    pub(super) fn write_group(
        &mut self,
        partition: &Partition,
        batch: &RecordBatch,
    ) -> Result<(), TablesError> {
        let columns = self.begin_group(partition, &batch.schema())?;
        columns.encode(batch, std::slice::from_ref(&(0..batch.num_rows())));
        self.end_group(partition, columns)
    }

    fn create(&mut self, partition: &Partition, schema: &SchemaRef) -> Result<OpenPart, TablesError> {
        let folder = partition.folder();
        let count = self.counts.entry(partition.clone()).or_default();
        let place = folder.join(format!("{}-{count}.parquet", self.run));
        *count += 1;
        self.create_at(place, schema)
    }

    fn create_at(&self, place: PathBuf, schema: &SchemaRef) -> Result<OpenPart, TablesError> {
        let path = self.root.join(&place);
        let folder = path.parent().unwrap_or(&self.root);
        fs::create_dir_all(folder).map_err(TablesError::io(folder))?;
        let (temporary, unfinished) = part(folder, &self.unfinished).map_err(TablesError::io(folder))?;
        let (file, temporary) = temporary.into_parts();
        let level = ZstdLevel::try_new(LEVEL).unwrap_or_default();
        let file = TableFile::new(file, schema, properties(schema, level), level);
        let file = file.map_err(TablesError::of_parquet(&path))?;
        Ok(OpenPart { file, done: Done { temporary, unfinished, place }, turn: self.turn })
    }

    fn complete(&mut self, partition: &Partition) -> Result<(), TablesError> {
        self.open.remove(partition).map_or(Ok(()), |open| self.close(open))
    }

    fn close(&mut self, open: OpenPart) -> Result<(), TablesError> {
        let OpenPart { file, done, .. } = open;
        file.close().map_err(TablesError::of_parquet(self.root.join(&done.place)))?;
        self.done.push(done);
        Ok(())
    }

    /// Writes a file of one batch.
    pub(super) fn whole(&mut self, place: PathBuf, batch: &RecordBatch) -> Result<(), TablesError> {
        let mut open = self.create_at(place, &batch.schema())?;
        let name = self.root.join(&open.done.place);
        let rows = 0..batch.num_rows();
        open.file.write(batch, std::slice::from_ref(&rows)).map_err(TablesError::of_parquet(name))?;
        self.close(open)
    }

    /// The files, all complete.
    pub(super) fn finish(mut self) -> Result<Vec<Done>, TablesError> {
        while let Some((_, open)) = self.open.pop_first() {
            self.close(open)?;
        }
        Ok(self.done)
    }
}

/// How a table is written beyond its columns of numbers and words: statistics of some columns, the connection's id with a
/// bloom filter.
fn properties(schema: &SchemaRef, level: ZstdLevel) -> WriterProperties {
    let mut properties = WriterProperties::builder()
        .set_created_by(format!("bblog version {}", bblog_version::VERSION))
        .set_compression(Compression::ZSTD(level))
        .set_statistics_enabled(EnabledStatistics::None)
        .set_offset_index_disabled(true);
    for field in schema.fields().iter().filter(|field| SELECTIVE.contains(&field.name().as_str())) {
        let path = ColumnPath::from(field.name().as_str());
        properties = properties.set_column_statistics_enabled(path, EnabledStatistics::Chunk);
    }
    if schema.field_with_name("connection_id").is_ok() {
        let id = ColumnPath::from("connection_id");
        properties = properties
            .set_column_bloom_filter_enabled(id.clone(), true)
            .set_column_bloom_filter_max_ndv(id, MAX_ROWS as u64);
        let sorted = [schema.index_of("connection_id"), schema.index_of("time")];
        let sorted = sorted.into_iter().flatten().map(|at| SortingColumn {
            column_idx: at as i32,
            descending: false,
            nulls_first: false,
        });
        properties = properties.set_sorting_columns(Some(sorted.collect()));
    }
    properties.build()
}
