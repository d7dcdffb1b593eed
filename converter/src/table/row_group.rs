// SPDX-License-Identifier: BSD-2-Clause
//! A Parquet file that is written row group by row group.

use std::io::Write;
use std::ops::Range;
use std::sync::Arc;

use arrow_array::cast::AsArray;
use arrow_array::types::{Int32Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::{DataType, Field, SchemaRef, TimeUnit};
use parquet::arrow::ArrowSchemaConverter;
use parquet::arrow::arrow_writer::{ArrowColumnWriter, ArrowRowGroupWriterFactory, compute_leaves};
use parquet::basic::ZstdLevel;
use parquet::errors::{ParquetError, Result};
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesPtr};
use parquet::file::writer::{SerializedFileWriter, SerializedRowGroupWriter};
use parquet::schema::types::ColumnDescPtr;

use super::column_chunk::{Chunk, Compressor, Rows, integers, map, words};

/// A Parquet file that is being written.
pub struct TableFile<W: Write + Send> {
    writer: SerializedFileWriter<W>,
    /// Makes what writes the columns that [`column_chunk`](super::column_chunk) does not.
    others: ArrowRowGroupWriterFactory,
    schema: SchemaRef,
    columns: Vec<ColumnDescPtr>,
    compressor: Compressor,
    groups: usize,
}

impl<W: Write + Send> TableFile<W> {
    /// Begins a file with these columns, which is compressed with zstd's level `level`.
    ///
    /// # Errors
    /// The output's.
    pub fn new(
        output: W,
        schema: &SchemaRef,
        properties: WriterProperties,
        level: ZstdLevel,
    ) -> Result<TableFile<W>> {
        // Without Arrow's own schema, which would give readers words where other files have texts, which they do not join.
        let parquet = ArrowSchemaConverter::new().convert(schema)?;
        let writer = SerializedFileWriter::new(output, parquet.root_schema_ptr(), Arc::new(properties))?;
        let others = ArrowRowGroupWriterFactory::new(&writer, Arc::clone(schema));
        let columns = writer.schema_descr().columns().to_vec();
        let compressor = Compressor::new(level)?;
        Ok(TableFile { writer, others, schema: Arc::clone(schema), columns, compressor, groups: 0 })
    }

    /// Writes rows, in the order of `runs`, as a row group of their own.
    ///
    /// # Errors
    /// The output's.
    pub fn write(&mut self, batch: &RecordBatch, runs: &[Range<usize>]) -> Result<()> {
        let rows = Rows(runs);
        let mut others = self.others.create_column_writers(self.groups)?.into_iter();
        let properties = Arc::clone(self.writer.properties());
        let mut columns = &self.columns[..];
        let mut group = self.writer.next_row_group()?;
        for (field, array) in self.schema.fields().iter().zip(batch.columns()) {
            let width = if matches!(field.data_type(), DataType::Map(..)) { 2 } else { 1 };
            let (of_field, rest) = columns
                .split_at_checked(width)
                .ok_or_else(|| ParquetError::General("a column is missing".into()))?;
            columns = rest;
            let of_others: Vec<ArrowColumnWriter> = others.by_ref().take(width).collect();
            match chunks(array, rows, of_field, &properties, &mut self.compressor)? {
                Some(chunks) => {
                    chunks
                        .into_iter()
                        .try_for_each(|chunk| group.append_column(&chunk.bytes, chunk.close))?;
                }
                None => write_other(field, array, rows, of_others, &mut group)?,
            }
        }
        group.close()?;
        self.groups += 1;
        Ok(())
    }

    /// Bytes written.
    pub fn bytes_written(&self) -> usize {
        self.writer.bytes_written()
    }

    /// Completes the file.
    ///
    /// # Errors
    /// The output's.
    pub fn close(self) -> Result<()> {
        self.writer.close().map(drop)
    }
}

/// The chunks of a field's columns; `None` if they are not of the kinds that `column_chunk` writes.
fn chunks(
    array: &ArrayRef,
    rows: Rows<'_>,
    columns: &[ColumnDescPtr],
    properties: &WriterPropertiesPtr,
    compressor: &mut Compressor,
) -> Result<Option<Vec<Chunk>>> {
    let [column, others @ ..] = columns else { return Ok(None) };
    let has_statistics = properties.statistics_enabled(column.path()) != EnabledStatistics::None;
    let chunks = match array.data_type() {
        DataType::Int64 => {
            vec![integers(array.as_primitive::<Int64Type>(), rows, column, has_statistics, compressor)?]
        }
        DataType::Timestamp(TimeUnit::Microsecond, _) => {
            let times = array.as_primitive::<TimestampMicrosecondType>().reinterpret_cast::<Int64Type>();
            vec![integers(&times, rows, column, has_statistics, compressor)?]
        }
        DataType::Dictionary(..) if !has_statistics => {
            vec![words(array.as_dictionary::<Int32Type>(), rows, column, compressor)?]
        }
        DataType::Map(..) => match (array.as_map(), others) {
            (entries, [values]) if matches!(entries.keys().data_type(), DataType::Dictionary(..)) => {
                Vec::from(map(entries, rows, [column, values], compressor)?)
            }
            _ => return Ok(None),
        },
        _ => return Ok(None),
    };
    Ok(Some(chunks))
}

/// Writes the columns of a field as the crate does.
fn write_other<W: Write + Send>(
    field: &Field,
    array: &ArrayRef,
    rows: Rows<'_>,
    mut writers: Vec<ArrowColumnWriter>,
    group: &mut SerializedRowGroupWriter<'_, W>,
) -> Result<()> {
    for run in rows.0 {
        let leaves = compute_leaves(field, &array.slice(run.start, run.len()))?;
        writers.iter_mut().zip(&leaves).try_for_each(|(writer, leaf)| writer.write(leaf))?;
    }
    writers.into_iter().try_for_each(|writer| writer.close()?.append_to_row_group(group))
}
