// SPDX-License-Identifier: BSD-2-Clause
//! Memory of rows that were written, which tables use again instead of asking the system for it.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use arrow_array::cast::AsArray;
use arrow_array::types::{ArrowPrimitiveType, Int32Type, Int64Type};
use arrow_array::{ArrayRef, MapArray, RecordBatch};

use super::arrow_column::MapPart;
use super::record_block::RecordBlock;

/// Memory that tables and the threads that write them share.
///
/// Rows wait in small pieces, so that tables that wait take no more than their rows need. Columns of whole batches exist
/// only while a batch is being written.
#[derive(Clone, Default)]
pub(super) struct ColumnMemory(Arc<Mutex<Spare>>);

#[derive(Default)]
struct Spare {
    blocks: Vec<RecordBlock>,
    parts: Vec<MapPart>,
    /// Columns of numbers, as many as one batch has at most.
    numbers: Vec<Vec<i64>>,
    /// Keys and values of a map.
    entries: Option<(Vec<i32>, Vec<i64>)>,
}

impl ColumnMemory {
    /// An empty block.
    pub(super) fn block(&self) -> RecordBlock {
        self.spare().blocks.pop().unwrap_or_default()
    }

    /// Takes back a block that is empty again.
    pub(super) fn put_block(&self, block: RecordBlock) {
        self.spare().blocks.push(block);
    }

    /// An empty part of a map.
    pub(super) fn part(&self) -> MapPart {
        self.spare().parts.pop().unwrap_or_default()
    }

    /// Takes back a part that is empty again.
    pub(super) fn put_part(&self, part: MapPart) {
        self.spare().parts.push(part);
    }

    /// An empty column.
    pub(super) fn numbers(&self) -> Vec<i64> {
        self.spare().numbers.pop().unwrap_or_default()
    }

    /// Empty keys and values of a map.
    pub(super) fn entries(&self) -> (Vec<i32>, Vec<i64>) {
        self.spare().entries.take().unwrap_or_default()
    }

    /// Takes back the columns of rows that were written.
    pub(super) fn put_batch(&self, batch: RecordBatch) {
        let (_, columns, _) = batch.into_parts();
        let (most, mut numbers, mut entries) = (columns.len(), Vec::new(), None);
        for column in columns {
            match column.as_map_opt().cloned() {
                Some(map) => {
                    drop(column);
                    entries = entries_of(map).or(entries);
                }
                None => numbers.extend(vec_of::<Int64Type>(column)),
            }
        }
        let mut spare = self.spare();
        spare.numbers.append(&mut numbers);
        spare.numbers.truncate(most);
        spare.entries = entries.or(spare.entries.take());
    }

    /// Nothing panics while it is held.
    fn spare(&self) -> MutexGuard<'_, Spare> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The memory of an array that nothing else uses, empty.
fn vec_of<T: ArrowPrimitiveType>(array: ArrayRef) -> Option<Vec<T::Native>> {
    let values = array.as_primitive_opt::<T>()?.values().clone();
    drop(array);
    let mut values = values.into_inner().into_vec::<T::Native>().ok()?;
    values.clear();
    Some(values)
}

/// The memory of the keys, which are words of a dictionary, and the values of a map.
fn entries_of(map: MapArray) -> Option<(Vec<i32>, Vec<i64>)> {
    let (_, _, entries, ..) = map.into_parts();
    let (_, columns, _) = entries.into_parts();
    let [keys, values] = <[ArrayRef; 2]>::try_from(columns).ok()?;
    let places: ArrayRef = Arc::new(keys.as_dictionary_opt::<Int32Type>()?.keys().clone());
    drop(keys);
    Some((vec_of::<Int32Type>(places)?, vec_of::<Int64Type>(values)?))
}
