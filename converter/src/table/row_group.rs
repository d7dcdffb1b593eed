// SPDX-License-Identifier: BSD-2-Clause
//! A Parquet file that is written row group by row group.

use std::io::Write;
use std::ops::Range;
use std::sync::atomic::{AtomicUsize, Ordering::Relaxed};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arrow_array::cast::AsArray;
use arrow_array::types::{Int32Type, Int64Type, TimestampMicrosecondType};
use arrow_array::{Array, ArrayRef, RecordBatch};
use arrow_schema::{DataType, FieldRef, SchemaRef, TimeUnit};
use parquet::arrow::ArrowSchemaConverter;
use parquet::arrow::arrow_writer::{
    ArrowColumnChunk, ArrowColumnWriter, ArrowRowGroupWriterFactory, compute_leaves,
};
use parquet::basic::ZstdLevel;
use parquet::errors::{ParquetError, Result};
use parquet::file::properties::{EnabledStatistics, WriterProperties, WriterPropertiesPtr};
use parquet::file::writer::SerializedFileWriter;
use parquet::schema::types::ColumnDescPtr;

use super::column_chunk::{Chunk, Compressor, Rows, integers, map, words};

/// A Parquet file that is being written.
pub struct TableFile<W: Write + Send> {
    writer: SerializedFileWriter<W>,
    /// Makes what writes the columns that [`column_chunk`](super::column_chunk) does not.
    others: ArrowRowGroupWriterFactory,
    schema: SchemaRef,
    columns: Vec<ColumnDescPtr>,
    level: ZstdLevel,
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
        Ok(TableFile { writer, others, schema: Arc::clone(schema), columns, level, groups: 0 })
    }

    /// The columns of the next row group, to be encoded and [appended](TableFile::append) before another one begins.
    ///
    /// # Errors
    /// None that is known: the columns are those of the schema.
    pub fn begin_group(&self) -> Result<GroupColumns> {
        let mut others = self.others.create_column_writers(self.groups)?.into_iter();
        let mut columns = &self.columns[..];
        let mut fields = Vec::with_capacity(self.schema.fields().len());
        for field in self.schema.fields() {
            let width = if matches!(field.data_type(), DataType::Map(..)) { 2 } else { 1 };
            let (of_field, rest) = columns
                .split_at_checked(width)
                .ok_or_else(|| ParquetError::General("a column is missing".into()))?;
            columns = rest;
            fields.push(FieldColumns {
                field: Arc::clone(field),
                columns: of_field.to_vec(),
                others: Mutex::new(others.by_ref().take(width).collect()),
                encoded: Mutex::default(),
            });
        }
        let left = AtomicUsize::new(fields.len());
        let properties = Arc::clone(self.writer.properties());
        Ok(GroupColumns { fields, left, properties, level: self.level })
    }

    /// Writes a row group that was encoded.
    ///
    /// # Errors
    /// That of a column; the output's.
    pub fn append(&mut self, columns: GroupColumns) -> Result<()> {
        let mut group = self.writer.next_row_group()?;
        for field in columns.fields {
            let encoded = field.encoded.into_inner().unwrap_or_else(PoisonError::into_inner);
            match encoded.ok_or_else(|| ParquetError::General("a column was not encoded".into()))?? {
                EncodedField::Ours(chunks) => {
                    chunks.into_iter().try_for_each(|chunk| group.append_column(&chunk.bytes, chunk.close))?
                }
                EncodedField::Others(chunks) => {
                    chunks.into_iter().try_for_each(|chunk| chunk.append_to_row_group(&mut group))?;
                }
            }
        }
        group.close()?;
        self.groups += 1;
        Ok(())
    }

    /// Writes rows, in the order of `runs`, as a row group of their own.
    ///
    /// # Errors
    /// The output's.
    pub fn write(&mut self, batch: &RecordBatch, runs: &[Range<usize>]) -> Result<()> {
        let group = self.begin_group()?;
        group.encode(batch, runs);
        self.append(group)
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

/// The columns of a row group. Threads encode them side by side, a field at a time.
pub struct GroupColumns {
    fields: Vec<FieldColumns>,
    /// Fields that no thread has begun, from the first on.
    left: AtomicUsize,
    properties: WriterPropertiesPtr,
    level: ZstdLevel,
}

/// The columns of a field: one, or those of keys and values of a map.
struct FieldColumns {
    field: FieldRef,
    columns: Vec<ColumnDescPtr>,
    /// Write the columns if `column_chunk` does not.
    others: Mutex<Vec<ArrowColumnWriter>>,
    encoded: Mutex<Option<Result<EncodedField>>>,
}

/// The encoded columns of a field.
enum EncodedField {
    /// By [`column_chunk`](super::column_chunk).
    Ours(Vec<Chunk>),
    /// By the crate.
    Others(Vec<ArrowColumnChunk>),
}

impl GroupColumns {
    /// Encodes fields of `batch`, whose rows are written in the order of `runs`, as long as there are fields that no
    /// thread has begun. Errors come when the group is [appended](TableFile::append).
    pub fn encode(&self, batch: &RecordBatch, runs: &[Range<usize>]) {
        let mut compressor = None;
        // From the last on: maps take longest, and are last.
        let take = || self.left.fetch_update(Relaxed, Relaxed, |left| left.checked_sub(1)).ok();
        while let Some(left) = take() {
            let (field, array) = (&self.fields[left - 1], batch.column(left - 1));
            let encoded = compressor_of(&mut compressor, self.level)
                .and_then(|compressor| field.encode(array, Rows(runs), &self.properties, compressor));
            *lock(&field.encoded) = Some(encoded);
        }
    }
}

/// Each is held by one thread, and where it panicked, the field counts as not encoded.
fn lock<T>(value: &Mutex<T>) -> MutexGuard<'_, T> {
    value.lock().unwrap_or_else(PoisonError::into_inner)
}

/// The compressor of a thread, which is made when it is first needed.
fn compressor_of(compressor: &mut Option<Compressor>, level: ZstdLevel) -> Result<&mut Compressor> {
    match compressor {
        Some(known) => Ok(known),
        none => Ok(none.insert(Compressor::new(level)?)),
    }
}

impl FieldColumns {
    fn encode(
        &self,
        array: &ArrayRef,
        rows: Rows<'_>,
        properties: &WriterPropertiesPtr,
        compressor: &mut Compressor,
    ) -> Result<EncodedField> {
        if let Some(chunks) = chunks(array, rows, &self.columns, properties, compressor)? {
            return Ok(EncodedField::Ours(chunks));
        }
        let mut writers = std::mem::take(&mut *lock(&self.others));
        for run in rows.0 {
            let leaves = compute_leaves(&self.field, &array.slice(run.start, run.len()))?;
            writers.iter_mut().zip(&leaves).try_for_each(|(writer, leaf)| writer.write(leaf))?;
        }
        Ok(EncodedField::Others(writers.into_iter().map(ArrowColumnWriter::close).collect::<Result<_>>()?))
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

#[cfg(test)]
mod tests {
    use arrow_array::{DictionaryArray, Int32Array, Int64Array, MapArray, StringArray, StructArray};
    use arrow_buffer::OffsetBuffer;
    use arrow_schema::{Field, Fields, Schema};
    use bytes::Bytes;
    use parquet::arrow::arrow_reader::ParquetRecordBatchReaderBuilder;
    use proptest::prelude::*;

    use super::super::arrow_row::word_type;
    use super::*;

    const WORDS: [&str; 5] = ["IN", "OUT", "", "RTO", "unused"];

    /// A row: two numbers, a word, and entries of a map.
    type Row = (i64, Option<i64>, Option<i32>, Vec<(i32, i64)>);

    fn numbers() -> impl Strategy<Value = i64> {
        prop_oneof![4 => 0_i64..4, 2 => -1_000_000_i64..1_000_000, 1 => any::<i64>()]
    }

    fn row() -> impl Strategy<Value = Row> {
        let entries = prop::collection::vec((0..4_i32, numbers()), 0..5);
        (numbers(), prop::option::of(numbers()), prop::option::of(0..4_i32), entries)
    }

    /// Rows that stand several times one after the other, as members of a connection do.
    fn rows() -> impl Strategy<Value = Vec<Row>> {
        let repeated = prop::collection::vec((row(), prop_oneof![1..3_usize, 1..200_usize]), 0..40);
        repeated.prop_map(|rows| rows.into_iter().flat_map(|(row, n)| std::iter::repeat_n(row, n)).collect())
    }

    fn words(keys: Int32Array) -> ArrayRef {
        let words = Arc::new(StringArray::from(WORDS.to_vec()));
        Arc::new(DictionaryArray::<Int32Type>::try_new(keys, words).unwrap())
    }

    fn batch(rows: &[Row]) -> RecordBatch {
        let entries = || rows.iter().flat_map(|row| &row.3);
        let fields = Fields::from(vec![
            Field::new("key", word_type(), false),
            Field::new("value", DataType::Int64, false),
        ]);
        let keys = words(entries().map(|entry| Some(entry.0)).collect());
        let values: Int64Array = entries().map(|entry| Some(entry.1)).collect();
        let pairs = StructArray::new(fields.clone(), vec![keys, Arc::new(values)], None);
        let field = Arc::new(Field::new("key_value", DataType::Struct(fields), false));
        let lengths = OffsetBuffer::from_lengths(rows.iter().map(|row| row.3.len()));
        let map = MapArray::new(Arc::clone(&field), lengths, pairs, None, false);
        let schema = Schema::new(vec![
            Field::new("number", DataType::Int64, false),
            Field::new("perhaps", DataType::Int64, true),
            Field::new("word", word_type(), true),
            Field::new("values", DataType::Map(field, false), false),
        ]);
        let columns: Vec<ArrayRef> = vec![
            Arc::new(rows.iter().map(|row| Some(row.0)).collect::<Int64Array>()),
            Arc::new(rows.iter().map(|row| row.1).collect::<Int64Array>()),
            words(rows.iter().map(|row| row.2).collect()),
            Arc::new(map),
        ];
        RecordBatch::try_new(Arc::new(schema), columns).unwrap()
    }

    /// What the crate reads of a file.
    fn read(file: Vec<u8>) -> Vec<Row> {
        let reader = ParquetRecordBatchReaderBuilder::try_new(Bytes::from(file)).unwrap().build().unwrap();
        let place = |word: &str| WORDS.iter().position(|known| *known == word).unwrap() as i32;
        let mut rows = Vec::new();
        for batch in reader.map(Result::unwrap) {
            let (number, perhaps) = (batch["number"].as_primitive::<Int64Type>(), &batch["perhaps"]);
            let (word, map) = (batch["word"].as_string::<i32>(), batch["values"].as_map());
            for at in 0..batch.num_rows() {
                let perhaps = perhaps.as_primitive::<Int64Type>();
                let perhaps = perhaps.is_valid(at).then(|| perhaps.value(at));
                let entries = map.value(at);
                let keys = entries.column(0).as_string::<i32>().iter();
                let values = entries.column(1).as_primitive::<Int64Type>().iter();
                let entries = keys.zip(values).map(|(key, value)| (place(key.unwrap()), value.unwrap()));
                let word = word.is_valid(at).then(|| place(word.value(at)));
                rows.push((number.value(at), perhaps, word, entries.collect()));
            }
        }
        rows
    }

    /// All rows, as they stand.
    fn whole(rows: &[Row]) -> Vec<Range<usize>> {
        std::iter::once(0..rows.len()).collect()
    }

    fn written(groups: &[(&[Row], Vec<Range<usize>>)]) -> Vec<u8> {
        let mut bytes = Vec::new();
        let level = ZstdLevel::try_new(1).unwrap();
        let schema = batch(&[]).schema();
        let properties = WriterProperties::builder().set_statistics_enabled(EnabledStatistics::None).build();
        let mut file = TableFile::new(&mut bytes, &schema, properties, level).unwrap();
        groups.iter().for_each(|(rows, runs)| file.write(&batch(rows), runs).unwrap());
        file.close().unwrap();
        bytes
    }

    proptest! {
        #![proptest_config(ProptestConfig::with_cases(64))]

        /// What is written is read, by another implementation, in the order of the runs.
        #[test]
        fn rows_are_read_as_written(rows in rows(), cut in 0.0..1.0) {
            let cut = (rows.len() as f64 * cut) as usize;
            let (front, back) = (0..cut, cut..rows.len());
            let file = written(&[(&rows, vec![back, front]), (&rows, whole(&rows))]);
            let expected = [&rows[cut..], &rows[..cut], &rows[..]].concat();
            prop_assert!(read(file) == expected);
        }
    }

    /// More rows than a page of a map has, and more numbers than a dictionary.
    #[test]
    fn many_rows() {
        let rows: Vec<Row> = (0..150_000_i64)
            .map(|at| {
                (
                    at * 1000,
                    (at % 3 != 0).then_some(at / 100),
                    Some((at / 7 % 4) as i32),
                    vec![(0, 7), (1, at * 31)],
                )
            })
            .collect();
        let file = written(&[(&rows, whole(&rows))]);
        assert!(read(file) == rows);
    }
}
