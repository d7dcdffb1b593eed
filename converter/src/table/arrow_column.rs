// SPDX-License-Identifier: BSD-2-Clause
//! Columns that are filled event by event. A row in which a column is not set is null.

use std::collections::HashMap;
use std::sync::Arc;

use arrow_array::types::Int32Type;
use arrow_array::{
    Array, ArrayRef, DictionaryArray, Int32Array, Int64Array, MapArray, StringArray, StructArray,
};
use arrow_buffer::{Buffer, NullBufferBuilder, OffsetBuffer, ScalarBuffer};
use arrow_schema::{ArrowError, DataType, Field, FieldRef, Fields};
use foldhash::fast::RandomState;

use super::column_memory::ColumnMemory;

/// Numbers.
pub(super) struct IntColumn {
    values: Vec<i64>,
    valid: NullBufferBuilder,
}

impl IntColumn {
    pub(super) fn new() -> IntColumn {
        IntColumn { values: Vec::new(), valid: NullBufferBuilder::new(0) }
    }

    /// Sets the value of row number `row`; the first of a row counts.
    #[inline]
    pub(super) fn set(&mut self, row: usize, value: i64) {
        let here = self.values.len();
        if here > row {
            return;
        }
        if here < row {
            self.pad(row);
        }
        self.values.push(value);
        self.valid.append_non_null();
    }

    /// Sets the values of the rows from row number `row` on. None of these rows may be set before.
    #[inline]
    pub(super) fn extend(&mut self, row: usize, values: &[i64]) {
        self.pad(row);
        self.valid.append_n_non_nulls(values.len());
        self.values.extend_from_slice(values);
    }

    /// Takes memory for `rows` rows, if there are no values yet.
    pub(super) fn reserve(&mut self, rows: usize, memory: &ColumnMemory) {
        if self.values.is_empty() {
            self.values = memory.numbers();
            self.values.reserve_exact(rows);
        }
    }

    fn pad(&mut self, rows: usize) {
        let missing = rows.saturating_sub(self.values.len());
        self.values.resize(self.values.len() + missing, 0);
        self.valid.append_n_nulls(missing);
    }

    /// The column of `rows` rows, which is empty afterwards.
    pub(super) fn take(&mut self, rows: usize) -> Int64Array {
        if self.values.is_empty() {
            return Int64Array::new_null(rows);
        }
        self.pad(rows);
        Int64Array::new(ScalarBuffer::from(std::mem::take(&mut self.values)), self.valid.finish())
    }
}

/// A column of few different words.
pub(super) struct WordColumn {
    /// -1 is null.
    keys: Vec<i32>,
    words: Vec<Box<str>>,
    places: HashMap<Box<str>, i32, RandomState>,
}

impl WordColumn {
    pub(super) fn new() -> WordColumn {
        WordColumn { keys: Vec::new(), words: Vec::new(), places: HashMap::default() }
    }

    /// Appends a row.
    #[inline]
    pub(super) fn push(&mut self, word: Option<&str>) {
        let key = word.map_or(-1, |word| self.key(word));
        self.keys.push(key);
    }

    #[inline]
    fn key(&mut self, word: &str) -> i32 {
        // The last word is often the next one.
        if let Some(&last) = self.keys.last()
            && self.words.get(last as usize).is_some_and(|last| **last == *word)
        {
            return last;
        }
        if let Some(&key) = self.places.get(word) {
            return key;
        }
        // A batch has fewer rows than 2^31.
        let key = self.words.len() as i32;
        self.words.push(word.into());
        self.places.insert(word.into(), key);
        key
    }

    /// The column, which is empty afterwards.
    pub(super) fn take(&mut self) -> Result<ArrayRef, ArrowError> {
        let keys: Int32Array = self.keys.drain(..).map(|key| (key >= 0).then_some(key)).collect();
        let words = StringArray::from_iter_values(self.words.drain(..));
        self.places.clear();
        Ok(Arc::new(DictionaryArray::<Int32Type>::try_new(keys, Arc::new(words))?))
    }
}

/// Texts.
pub(super) struct TextColumn(Vec<Option<Box<str>>>);

impl TextColumn {
    pub(super) fn new() -> TextColumn {
        TextColumn(Vec::new())
    }

    /// Sets the value of row number `row`; the first of a row counts.
    pub(super) fn set(&mut self, row: usize, text: &str) {
        if self.0.len() <= row {
            self.0.resize_with(row, || None);
            self.0.push(Some(text.into()));
        }
    }

    /// The column of `rows` rows, which is empty afterwards.
    pub(super) fn take(&mut self, rows: usize) -> StringArray {
        self.0.resize_with(rows, || None);
        self.0.drain(..).collect()
    }
}

/// Texts back to back.
#[derive(Default)]
struct TextArrays {
    bytes: Vec<u8>,
    ends: Vec<i32>,
}

impl TextArrays {
    #[inline]
    fn push(&mut self, text: &str) {
        self.bytes.extend_from_slice(text.as_bytes());
        // A batch is written before it has 2^31 bytes.
        self.ends.push(self.bytes.len() as i32);
    }

    fn take(&mut self) -> Result<StringArray, ArrowError> {
        let ends = std::iter::once(0).chain(self.ends.drain(..)).collect::<Vec<i32>>();
        let bytes = Buffer::from_vec(std::mem::take(&mut self.bytes));
        StringArray::try_new(OffsetBuffer::new(ScalarBuffer::from(ends)), bytes, None)
    }
}

/// The field of a map's entries, with keys and values of these types.
fn entries(key: DataType, value: DataType) -> FieldRef {
    let fields = Fields::from(vec![Field::new("key", key, false), Field::new("value", value, false)]);
    Arc::new(Field::new("key_value", DataType::Struct(fields), false))
}

/// The type of a map with keys and values of these types.
pub(super) fn map_type(key: DataType, value: DataType) -> DataType {
    DataType::Map(entries(key, value), false)
}

/// A map for each row, of these keys and values; `ends` says where the entries of each row end.
fn map(keys: ArrayRef, values: ArrayRef, ends: &mut Vec<i32>) -> Result<ArrayRef, ArrowError> {
    let ends = std::iter::once(0).chain(ends.drain(..)).collect::<Vec<i32>>();
    let entries = entries(keys.data_type().clone(), values.data_type().clone());
    let DataType::Struct(fields) = entries.data_type().clone() else {
        return Err(ArrowError::SchemaError("entries of a map are no struct".into()));
    };
    let pairs = StructArray::try_new(fields, vec![keys, values], None)?;
    let offsets = OffsetBuffer::new(ScalarBuffer::from(ends));
    Ok(Arc::new(MapArray::try_new(entries, offsets, pairs, None, false)?))
}

/// Numbers by name, for each row. Names are known by their numbers.
///
/// Entries wait in parts, so that a table takes no more memory than its rows need, and none is moved when it grows.
pub(super) struct IntMap {
    /// All of them full but for the last one.
    parts: Vec<MapPart>,
    ends: Vec<i32>,
    memory: ColumnMemory,
}

/// Entries of a part.
const PART: usize = 4096;

/// Some entries of a map.
#[derive(Default)]
pub(super) struct MapPart {
    keys: Vec<i32>,
    values: Vec<i64>,
}

impl IntMap {
    /// An empty one, whose parts come from `memory`.
    pub(super) fn new(memory: ColumnMemory) -> IntMap {
        IntMap { parts: Vec::new(), ends: Vec::new(), memory }
    }

    #[inline]
    pub(super) fn add(&mut self, key: i32, value: i64) {
        if self.parts.last().is_none_or(|part| part.keys.len() >= PART) {
            self.begin_part();
        }
        if let Some(part) = self.parts.last_mut() {
            part.keys.push(key);
            part.values.push(value);
        }
    }

    #[cold]
    fn begin_part(&mut self) {
        let mut part = self.memory.part();
        part.keys.reserve_exact(PART);
        part.values.reserve_exact(PART);
        self.parts.push(part);
    }

    /// Ends the row.
    #[inline]
    pub(super) fn end(&mut self) {
        // A batch is written before it has 2^31 entries.
        self.ends.push(self.len() as i32);
    }

    /// How many numbers there are.
    #[inline]
    pub(super) fn len(&self) -> usize {
        self.parts.last().map_or(0, |last| (self.parts.len() - 1) * PART + last.keys.len())
    }

    /// The column, which is empty afterwards; its keys are words of the dictionary `names`.
    pub(super) fn take(&mut self, names: &ArrayRef) -> Result<ArrayRef, ArrowError> {
        let (keys, values) = self.join();
        let keys = DictionaryArray::<Int32Type>::try_new(keys, Arc::clone(names))?;
        map(Arc::new(keys), values, &mut self.ends)
    }

    /// The same with keys that are texts of their own.
    pub(super) fn take_plain(&mut self, names: &ArrayRef) -> Result<ArrayRef, ArrowError> {
        let (keys, values) = self.join();
        map(arrow_select::take::take(names, &keys, None)?, values, &mut self.ends)
    }

    /// All entries, one behind the other.
    fn join(&mut self) -> (Int32Array, ArrayRef) {
        let len = self.len();
        let (mut keys, mut values) = self.memory.entries();
        keys.reserve_exact(len);
        values.reserve_exact(len);
        for mut part in self.parts.drain(..) {
            keys.append(&mut part.keys);
            values.append(&mut part.values);
            self.memory.put_part(part);
        }
        let values = Int64Array::new(ScalarBuffer::from(values), None);
        (Int32Array::new(ScalarBuffer::from(keys), None), Arc::new(values))
    }
}

/// Texts by name, for each row.
#[derive(Default)]
pub(super) struct TextMap {
    keys: TextArrays,
    values: TextArrays,
    ends: Vec<i32>,
}

impl TextMap {
    pub(super) fn add(&mut self, key: &str, value: &str) {
        self.keys.push(key);
        self.values.push(value);
    }

    /// Ends the row.
    #[inline]
    pub(super) fn end(&mut self) {
        self.ends.push(self.keys.ends.len() as i32);
    }

    /// Bytes of its texts.
    pub(super) fn bytes(&self) -> usize {
        self.keys.bytes.len() + self.values.bytes.len()
    }

    /// The column, which is empty afterwards.
    pub(super) fn take(&mut self) -> Result<ArrayRef, ArrowError> {
        let (keys, values) = (self.keys.take()?, self.values.take()?);
        map(Arc::new(keys), Arc::new(values), &mut self.ends)
    }
}
