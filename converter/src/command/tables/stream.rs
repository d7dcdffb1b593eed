// SPDX-License-Identifier: BSD-2-Clause
//! A table as an Arrow IPC stream, for pipes.

use std::path::PathBuf;
use std::sync::Arc;

use arrow_ipc::writer::StreamWriter;
use arrow_schema::SchemaRef;
use bblog_analysis::{Number, Step};
use bblog_dissector::catalog::Catalog;

use super::walk::{Ids, Sink};
use super::{Table, TablesError};
use crate::event::decode::DecodedItem;
use crate::output::Output;
use crate::table::arrow_row;
use crate::table::events::{EventTable, Shape};
use crate::table::row::ConnectionRow;

/// Connections of a batch.
const CONNECTIONS: usize = 8192;

/// A table, while it is written as an Arrow IPC stream.
pub struct ArrowStream {
    writer: StreamWriter<Output>,
    name: PathBuf,
    table: Contents,
}

enum Contents {
    Connections(SchemaRef, Vec<ConnectionRow>),
    Events(Box<EventTable>),
}

impl ArrowStream {
    /// Begins a stream of `table`, which messages call `name`.
    ///
    /// # Errors
    /// [`TablesError`]: there is no such event, or the output's.
    pub fn new(
        output: Output,
        name: PathBuf,
        table: &Table,
        summary: bool,
        catalog: &Catalog,
    ) -> Result<ArrowStream, TablesError> {
        let events = |shape| {
            let table =
                EventTable::new(catalog, shape).ok_or_else(|| TablesError::UnknownEvent(table.name()))?;
            Ok::<_, TablesError>(Contents::Events(Box::new(table.with_plain_texts())))
        };
        let table = match table {
            Table::Connections => Contents::Connections(arrow_row::schema(), Vec::new()),
            Table::Events => events(Shape::All { summary })?,
            Table::Event(name) => events(Shape::One(name.clone()))?,
        };
        let schema = match &table {
            Contents::Connections(schema, _) => schema,
            Contents::Events(table) => table.schema(),
        };
        let writer = StreamWriter::try_new(output, schema).map_err(TablesError::of_arrow(&name))?;
        Ok(ArrowStream { writer, name, table })
    }

    /// Ends the stream.
    ///
    /// # Errors
    /// The output's.
    pub fn finish(mut self) -> Result<(), TablesError> {
        self.write()?;
        let output = self.writer.into_inner().map_err(TablesError::of_arrow(&self.name))?;
        Ok(output.commit()?)
    }

    fn write(&mut self) -> Result<(), TablesError> {
        let error = || TablesError::of_arrow(&self.name);
        match &mut self.table {
            Contents::Connections(schema, rows) if !rows.is_empty() => {
                let batch = arrow_row::batch(schema, rows.iter()).map_err(error())?;
                rows.clear();
                self.writer.write(&batch).map_err(error())
            }
            Contents::Events(table) if !table.is_empty() => {
                let batch = table.take_sorted().map_err(error())?;
                self.writer.write(&batch).map_err(error())
            }
            _ => Ok(()),
        }
    }
}

impl Sink for ArrowStream {
    fn wants_events(&self) -> bool {
        matches!(self.table, Contents::Events(_))
    }

    fn event(
        &mut self,
        decoded: &DecodedItem<'_>,
        fed: Option<&(Number, Step)>,
        _host: Option<&Arc<str>>,
        ids: &mut Ids<'_>,
    ) -> Result<(), TablesError> {
        let Contents::Events(table) = &mut self.table else { return Ok(()) };
        if !table.takes(decoded) {
            return Ok(());
        }
        table.add(decoded, fed);
        if table.is_full() {
            table.identify(|number| ids.get(number));
            self.write()?;
        }
        Ok(())
    }

    fn connection(&mut self, row: ConnectionRow) -> Result<(), TablesError> {
        if let Contents::Connections(_, rows) = &mut self.table {
            rows.push(row);
            if rows.len() >= CONNECTIONS {
                self.write()?;
            }
        }
        Ok(())
    }

    fn settle(&mut self, ids: &mut Ids<'_>) {
        if let Contents::Events(table) = &mut self.table {
            table.identify(|number| ids.get(number));
        }
    }
}
