// SPDX-License-Identifier: BSD-2-Clause
//! The table of fields: what each value of each event is.

use std::sync::Arc;

use arrow_array::builder::StringBuilder;
use arrow_array::{ArrayRef, Int64Array, RecordBatch};
use arrow_ipc::writer::StreamWriter;
use arrow_schema::{ArrowError, DataType, Field, Schema};
use bblog_dissector::catalog::Catalog;

use super::fingerprint;
use crate::text::fields::{ReferenceRow, rows};

type Text = (&'static str, fn(&ReferenceRow) -> Option<String>);

/// The columns of text.
const TEXTS: [Text; 11] = [
    ("log", |row| Some(row.log.to_owned())),
    ("provider", |row| row.provider.map(str::to_owned)),
    ("group", |row| Some(row.group.to_owned())),
    ("event", |row| row.event.map(str::to_owned)),
    ("value", |row| Some(row.name.to_owned())),
    ("filter", |row| Some(row.filter.to_owned())),
    ("unit", |row| some(row.unit)),
    ("enum", |row| some(&row.names)),
    ("stack", |row| some(&row.stack)),
    ("kernel", |row| some(&row.kernel)),
    ("about", |row| some(row.about)),
];

fn some(text: &str) -> Option<String> {
    Some(text.to_owned()).filter(|text| !text.is_empty())
}

/// The table of fields of a catalog.
pub(super) fn batch(catalog: &Catalog) -> Result<RecordBatch, ArrowError> {
    let rows = rows(catalog);
    let fields = TEXTS.iter().map(|(name, _)| Field::new(*name, DataType::Utf8, true));
    let fields = fields.chain([Field::new("event_id", DataType::Int64, true)]);
    let texts = TEXTS.iter().map(|(_, get)| {
        let mut array = StringBuilder::new();
        rows.iter().for_each(|row| array.append_option(get(row)));
        Arc::new(array.finish()) as ArrayRef
    });
    let ids: Int64Array = rows.iter().map(|row| row.event_id.map(i64::from)).collect();
    let columns = texts.chain([Arc::new(ids) as ArrayRef]).collect();
    RecordBatch::try_new(Arc::new(Schema::new(fields.collect::<Vec<_>>())), columns)
}

/// A name that another version of the table does not have.
pub(super) fn name(table: &RecordBatch) -> Result<String, ArrowError> {
    let mut bytes = Vec::new();
    StreamWriter::try_new(&mut bytes, &table.schema())?.write(table)?;
    Ok(fingerprint::of_bytes(&bytes))
}
