// SPDX-License-Identifier: BSD-2-Clause
//! The table of connections as Arrow has it.

use std::sync::Arc;

use arrow_array::builder::{
    BooleanBuilder, Int64Builder, StringBuilder, StringDictionaryBuilder, TimestampMicrosecondBuilder,
};
use arrow_array::types::Int32Type;
use arrow_array::{ArrayRef, RecordBatch};
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef, TimeUnit};

use super::column::{COLUMNS, Cell, CellKind, ConnectionColumn};
use super::row::ConnectionRow;

/// The time zone of all times.
const UTC: &str = "UTC";

/// The type of a column of few different texts.
pub fn word_type() -> DataType {
    DataType::Dictionary(Box::new(DataType::Int32), Box::new(DataType::Utf8))
}

/// The type of a time of day.
pub fn time_type() -> DataType {
    DataType::Timestamp(TimeUnit::Microsecond, Some(UTC.into()))
}

/// The schema of the table.
pub fn schema() -> SchemaRef {
    let field = |column: &ConnectionColumn| {
        let kind = match column.kind {
            CellKind::Text => DataType::Utf8,
            CellKind::Word => word_type(),
            CellKind::Integer => DataType::Int64,
            CellKind::Bool => DataType::Boolean,
            CellKind::Time => time_type(),
        };
        Field::new(column.name, kind, column.name != "connection_id")
    };
    Arc::new(Schema::new(COLUMNS.iter().map(field).collect::<Vec<_>>()))
}

/// Rows as a batch.
///
/// # Errors
/// None that is known: the columns are those of the schema.
pub fn batch<'a>(
    schema: &SchemaRef,
    rows: impl Iterator<Item = &'a ConnectionRow> + Clone,
) -> Result<RecordBatch, ArrowError> {
    let columns = COLUMNS.iter().map(|column| array(column, rows.clone())).collect();
    RecordBatch::try_new(Arc::clone(schema), columns)
}

fn array<'a>(column: &ConnectionColumn, rows: impl Iterator<Item = &'a ConnectionRow>) -> ArrayRef {
    let cells = rows.map(|row| column.get(row));
    match column.kind {
        CellKind::Text => {
            let mut array = StringBuilder::new();
            cells.for_each(|cell| array.append_option(text(&cell)));
            Arc::new(array.finish())
        }
        CellKind::Word => {
            let mut array = StringDictionaryBuilder::<Int32Type>::new();
            cells.for_each(|cell| array.append_option(text(&cell)));
            Arc::new(array.finish())
        }
        CellKind::Integer => {
            let mut array = Int64Builder::new();
            cells.for_each(|cell| array.append_option(cell.integer()));
            Arc::new(array.finish())
        }
        CellKind::Bool => {
            let mut array = BooleanBuilder::new();
            cells.for_each(|cell| array.append_option(cell.integer().map(|truth| truth != 0)));
            Arc::new(array.finish())
        }
        CellKind::Time => {
            let mut array = TimestampMicrosecondBuilder::new().with_timezone(UTC);
            cells.for_each(|cell| array.append_option(cell.integer()));
            Arc::new(array.finish())
        }
    }
}

fn text<'a>(cell: &'a Cell<'_>) -> Option<&'a str> {
    match cell {
        Cell::Text(text) => Some(text),
        _ => None,
    }
}
