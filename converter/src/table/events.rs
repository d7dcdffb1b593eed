// SPDX-License-Identifier: BSD-2-Clause
//! Events as rows of a table, as Arrow has it.
//!
//! Every table begins with the columns of [`EventTable::schema`] that say which event it is. The table of all events has
//! a column for each member that all events of a log have, and two maps, `values` and `texts`, for the event's own. A
//! table of one event has a column for each of its values instead.

use std::collections::HashMap;
use std::ops::Range;
use std::sync::Arc;

use arrow_array::DictionaryArray;
use arrow_array::types::{Int32Type, TimestampMicrosecondType};
use arrow_array::{ArrayRef, Int32Array, Int64Array, RecordBatch, StringArray, UInt32Array};
use arrow_schema::{ArrowError, DataType, Field, Schema, SchemaRef};
use arrow_select::take::{take, take_record_batch};
use bblog_analysis::{Number, Step};
use bblog_dissector::catalog::Catalog;
use bblog_dissector::event::{Event, Field as EventField, RowGroup, Value};
use bblog_dissector::spec::{EventSpec, FieldSpec, Repeat, ValueKind};
use bblog_dissector::tables;
use foldhash::fast::RandomState;

use super::arrow_column::{IntColumn, IntMap, TextColumn, TextMap, WordColumn, map_type};
use super::arrow_row::{time_type, word_type};
use super::column_memory::ColumnMemory;
use super::id::ConnectionId;
use super::own_values::{OwnStep, OwnValuesOf};
use super::record_block::{Members, WaitingRecords};
use crate::event::decode::{DecodedItem, event_id, payload};
use crate::event::item::{Clock, LogItem};
use crate::event::words::Words;

/// Rows of a batch, and of a row group.
pub const MAX_ROWS: usize = 131_072;
/// Bytes of an entry of the map of numbers.
const ENTRY_BYTES: usize = 12;
/// Bytes of texts and entries after which a batch is written, however few rows it has.
const MAX_BYTES: usize = 64 << 20;
/// Rows of a run, on average, that pay for being written on their own.
const LEAST_RUN: usize = 64;
/// The column of a row that has none of its own.
const NONE: u16 = u16::MAX;

/// Which events a table has.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Shape {
    /// All events.
    All {
        /// Whether each has a sentence.
        summary: bool,
    },
    /// The events of this name alone, with a column for each value.
    One(String),
}

/// Rows of a table that were not written yet.
pub struct EventTable {
    schema: SchemaRef,
    shape: Shape,
    /// The column of a row of the tables, by its id: a number, or a text if it has the bit [`TEXT`].
    columns_by_row: Arc<[u16]>,
    names: Arc<Names>,
    rows: usize,
    /// The connection of each row, until its id is requested.
    connections: Vec<Option<Number>>,
    /// The place of each row's connection among `ids`, as far as they were requested.
    id_keys: Vec<Option<i32>>,
    ids: Vec<ConnectionId>,
    places: HashMap<ConnectionId, i32, RandomState>,
    base: EventColumns,
    ints: Vec<IntColumn>,
    /// Members of records that go to `ints` when rows are written; none in a table of one event.
    members: Option<Arc<Members>>,
    records: WaitingRecords,
    memory: ColumnMemory,
    text_columns: Vec<TextColumn>,
    own_values: OwnValuesOf,
    values: IntMap,
    texts: TextMap,
    scratch: String,
}

/// The names of all rows, each once.
struct Names {
    /// The number of a row's name, by the row's id.
    by_row: Vec<i32>,
    texts: ArrayRef,
}

impl Names {
    fn of(catalog: &Catalog) -> Names {
        let mut places: HashMap<&'static str, i32, RandomState> = HashMap::default();
        let (mut by_row, mut names) = (Vec::new(), Vec::new());
        for row in catalog.rows() {
            let place = *places.entry(row.name).or_insert_with(|| {
                names.push(row.name);
                names.len() as i32 - 1
            });
            let id = row.id as usize;
            by_row.resize(by_row.len().max(id + 1), -1);
            by_row[id] = place;
        }
        Names { by_row, texts: Arc::new(StringArray::from(names)) }
    }

    /// The number of a row's name; `None` of a row that is not of the catalog.
    #[inline]
    fn of_row(&self, row: &FieldSpec) -> Option<i32> {
        self.by_row.get(row.id as usize).copied().filter(|&name| name >= 0)
    }
}

/// The row of a list, and its values so far.
type ListOfRow = (&'static FieldSpec, String);

/// The bit of columns of text.
const TEXT: u16 = 1 << 15;

/// The columns that say which event it is.
struct EventColumns {
    numbers: Vec<i64>,
    times: IntColumn,
    uptimes: IntColumn,
    logs: WordColumn,
    providers: WordColumn,
    stacks: WordColumn,
    events: WordColumn,
    event_ids: Vec<i64>,
    limits: WordColumn,
    timers: WordColumn,
    retransmissions: WordColumn,
    missing: IntColumn,
    summaries: TextColumn,
    words: Words,
}

impl EventColumns {
    fn new() -> EventColumns {
        EventColumns {
            numbers: Vec::new(),
            times: IntColumn::new(),
            uptimes: IntColumn::new(),
            logs: WordColumn::new(),
            providers: WordColumn::new(),
            stacks: WordColumn::new(),
            events: WordColumn::new(),
            event_ids: Vec::new(),
            limits: WordColumn::new(),
            timers: WordColumn::new(),
            retransmissions: WordColumn::new(),
            missing: IntColumn::new(),
            summaries: TextColumn::new(),
            words: Words::default(),
        }
    }
}

/// The columns of every table.
const BASE: [&str; 13] = [
    "connection_id",
    "number",
    "time",
    "uptime_us",
    "log",
    "provider",
    "stack",
    "event",
    "event_id",
    "limit",
    "timer_fired",
    "retransmission",
    "missing",
];

/// Names of the columns for what all events of a log have, each once.
fn common() -> Vec<&'static str> {
    let groups = [tables::RECORD, tables::DERIVED, tables::TRACK, tables::ELOG_HEADER];
    let mut names: Vec<&'static str> = Vec::new();
    for row in groups.into_iter().flatten() {
        if !names.contains(&row.name) && !BASE.contains(&row.name) {
            names.push(row.name);
        }
    }
    names
}

/// The rows of every event called `name`, in any log.
fn rows_of(catalog: &Catalog, name: &str) -> Vec<&'static FieldSpec> {
    let of_providers = catalog.providers().iter().flat_map(|provider| provider.events.iter());
    let events = tables::EVENTS.iter().chain(of_providers).filter(|event: &&EventSpec| event.name == name);
    events.flat_map(|event| event.fields.iter()).collect()
}

fn is_number(row: &FieldSpec) -> bool {
    let number = matches!(row.kind, ValueKind::Unsigned(_) | ValueKind::Signed(_) | ValueKind::Bool);
    number && row.place.repeat == Repeat::Once
}

impl EventTable {
    /// An empty table; `None` if no event of `catalog` is called as the shape says.
    pub fn new(catalog: &Catalog, shape: Shape) -> Option<EventTable> {
        let (mut ints, mut texts): (Vec<&str>, Vec<&str>) = (Vec::new(), Vec::new());
        let count = catalog.rows().iter().map(|row| row.id as usize + 1).max().unwrap_or_default();
        let mut columns_by_row = vec![NONE; count];
        match &shape {
            Shape::All { .. } => {
                ints = common();
                let groups = [tables::RECORD, tables::DERIVED, tables::TRACK, tables::ELOG_HEADER];
                for row in groups.into_iter().flatten() {
                    let at = ints.iter().position(|name| *name == row.name);
                    columns_by_row[row.id as usize] = at.map_or(NONE, |at| at as u16);
                }
            }
            Shape::One(name) => {
                let rows = rows_of(catalog, name);
                if rows.is_empty() {
                    return None;
                }
                // A value that is a text in one log and a number in another is a text.
                for row in rows.iter().filter(|row| !is_number(row)) {
                    columns_by_row[row.id as usize] = TEXT | place(&mut texts, row.name);
                }
                for row in rows.iter().filter(|row| is_number(row)) {
                    columns_by_row[row.id as usize] = match texts.iter().position(|text| *text == row.name) {
                        Some(at) => TEXT | at as u16,
                        None => place(&mut ints, row.name),
                    };
                }
            }
        }
        let schema = schema(&shape, &ints, &texts);
        let column = |row: &FieldSpec| {
            columns_by_row.get(row.id as usize).filter(|at| **at & TEXT == 0).map(|&at| usize::from(at))
        };
        let members = matches!(shape, Shape::All { .. }).then(|| Arc::new(Members::new(column)));
        let widths = (ints.len(), texts.len());
        let names = Arc::new(Names::of(catalog));
        let memory = ColumnMemory::default();
        Some(EventTable::empty(schema, shape, columns_by_row.into(), names, widths, members, memory))
    }

    /// An empty table with the same columns.
    pub fn another(&self) -> EventTable {
        let (schema, columns_by_row) = (Arc::clone(&self.schema), Arc::clone(&self.columns_by_row));
        let widths = (self.ints.len(), self.text_columns.len());
        let (shape, names) = (self.shape.clone(), Arc::clone(&self.names));
        let (members, memory) = (self.members.clone(), self.memory.clone());
        EventTable::empty(schema, shape, columns_by_row, names, widths, members, memory)
    }

    /// An empty table with so many columns of numbers and of texts behind the first ones.
    fn empty(
        schema: SchemaRef,
        shape: Shape,
        columns_by_row: Arc<[u16]>,
        names: Arc<Names>,
        (ints, texts): (usize, usize),
        members: Option<Arc<Members>>,
        memory: ColumnMemory,
    ) -> EventTable {
        EventTable {
            schema,
            shape,
            columns_by_row,
            names,
            rows: 0,
            connections: Vec::new(),
            id_keys: Vec::new(),
            ids: Vec::new(),
            places: HashMap::default(),
            base: EventColumns::new(),
            ints: (0..ints).map(|_| IntColumn::new()).collect(),
            members,
            records: WaitingRecords::default(),
            text_columns: (0..texts).map(|_| TextColumn::new()).collect(),
            own_values: OwnValuesOf::default(),
            values: IntMap::new(memory.clone()),
            texts: TextMap::default(),
            scratch: String::new(),
            memory,
        }
    }

    /// The same with ids as plain texts, as in the table of connections, and names of values, too. Engines do not join ids
    /// with words of a dictionary, which the columns of a Parquet file do not tell apart.
    pub fn with_plain_texts(mut self) -> EventTable {
        let mut fields = self.schema.fields().to_vec();
        for field in &mut fields {
            match field.name().as_str() {
                "connection_id" => *field = Arc::new(Field::new(field.name(), DataType::Utf8, true)),
                "values" => *field = Arc::new(values_field(DataType::Utf8)),
                _ => {}
            }
        }
        self.schema = Arc::new(Schema::new(fields));
        self
    }

    /// Its columns.
    pub fn schema(&self) -> &SchemaRef {
        &self.schema
    }

    /// How many rows were not written yet.
    pub fn len(&self) -> usize {
        self.rows
    }

    /// Whether all rows were written.
    pub fn is_empty(&self) -> bool {
        self.rows == 0
    }

    /// Whether its rows are to be written before another comes in.
    pub fn is_full(&self) -> bool {
        self.rows >= MAX_ROWS || self.texts.bytes() + self.values.len() * ENTRY_BYTES > MAX_BYTES
    }

    /// Whether it has events like this.
    pub fn takes(&self, decoded: &DecodedItem<'_>) -> bool {
        match &self.shape {
            Shape::All { .. } => true,
            Shape::One(name) => decoded.event.name() == name && !decoded.is_unknown(),
        }
    }

    /// Takes in an event; `fed` is its connection and that connection's step.
    pub fn add(&mut self, decoded: &DecodedItem<'_>, fed: Option<&(Number, Step)>) {
        self.connections.push(fed.map(|fed| fed.0));
        self.add_base(decoded, fed.map(|fed| &fed.1));
        let event = &decoded.event;
        if matches!(self.shape, Shape::All { .. }) {
            self.add_members(decoded);
            decoded.tracked.fields().for_each(|field| self.add_common(&field));
        }
        let mut list = None;
        match &decoded.item {
            LogItem::Bblog(item) if matches!(self.shape, Shape::All { .. }) => {
                self.add_values(event, item.record.flags().0, &mut list);
            }
            _ => event.fields().for_each(|field| self.add_own(&field, &mut list)),
        }
        if decoded.is_unknown() {
            event.raw().for_each(|field| self.add_own(&field, &mut list));
        }
        self.end_list(&mut list);
        self.add_bytes(decoded);
        self.values.end();
        self.texts.end();
        self.rows += 1;
    }

    fn add_base(&mut self, decoded: &DecodedItem<'_>, step: Option<&Step>) {
        let (base, row) = (&mut self.base, self.rows);
        base.numbers.push(i64::try_from(decoded.number).unwrap_or(i64::MAX));
        match decoded.item.clock() {
            Clock::Utc => base.times.set(row, decoded.item.time().0),
            Clock::Uptime => base.uptimes.set(row, decoded.item.time().0),
        }
        match &decoded.item {
            LogItem::Bblog(item) => {
                base.logs.push(Some("bblog"));
                base.providers.push(None);
                base.stacks.push(Some(&String::from_utf8_lossy(&item.origin.stack_name)));
                base.missing.set(row, i64::from(item.missing));
            }
            LogItem::Eventlog(item) => {
                base.logs.push(Some("eventlog"));
                base.providers.push(item.provider.map(String::from_utf8_lossy).as_deref());
                base.stacks.push(None);
            }
        }
        base.events.push((!decoded.is_unknown()).then(|| decoded.event.name()));
        base.event_ids.push(i64::from(event_id(&decoded.item)));
        base.limits.push(step.map(|step| step.limit.name()));
        base.timers.push(step.and_then(|step| step.timer).map(|timer| timer.name()));
        let cause =
            |again: bblog_analysis::Retransmission| again.cause.map_or("unknown", |cause| cause.name());
        base.retransmissions.push(step.and_then(|step| step.retransmission).map(cause));
        if self.shape == (Shape::All { summary: true }) {
            self.scratch.clear();
            // A string takes everything.
            let _ = base.words.write(decoded, decoded.initial_seqs, &mut self.scratch);
            base.summaries.set(row, &self.scratch);
        }
    }

    /// The members that all events have: records wait until they are written.
    #[inline]
    fn add_members(&mut self, decoded: &DecodedItem<'_>) {
        let is_waiting = match (&self.members, &decoded.item) {
            (Some(members), LogItem::Bblog(item)) => {
                self.records.push(members, self.rows, &item.record, &self.memory)
            }
            _ => false,
        };
        let event = &decoded.event;
        if !is_waiting {
            self.flush_records();
            event.common().chain(event.derived()).for_each(|field| self.add_common(&field));
        } else if let Some(members) = self.members.clone().filter(|members| members.has_others()) {
            for (group, others) in [RowGroup::Common, RowGroup::Derived].into_iter().zip(&members.others) {
                others
                    .iter()
                    .for_each(|&row| event.one(group, row).for_each(|field| self.add_common(&field)));
            }
        }
    }

    fn flush_records(&mut self) {
        if let Some(members) = &self.members {
            self.records.flush(members, &mut self.ints, self.rows, &self.memory);
        }
    }

    /// A member that all events have.
    #[inline]
    fn add_common(&mut self, field: &EventField<'_>) {
        if field.is_unset() {
            return;
        }
        let at = self.columns_by_row.get(field.spec.id as usize).copied().unwrap_or(NONE);
        let Some(column) = self.ints.get_mut(usize::from(at)) else { return };
        match int(&field.value) {
            Some(value) => column.set(self.rows, value),
            None => self.add_text(field),
        }
    }

    /// The values of a BBLog event itself. Numbers at one place go to the map at once.
    fn add_values(&mut self, event: &Event<'_>, flags: u16, list: &mut Option<ListOfRow>) {
        let mut own_values = std::mem::take(&mut self.own_values);
        let plan = own_values.event(event, |row| self.names.of_row(row));
        let bytes = event.as_bytes();
        let is_whole = bytes.len() >= plan.len;
        let groups = plan.groups.iter();
        let holding = groups.filter(|group| group.condition.is_none_or(|row| event.may_apply(row)));
        for OwnStep { row, fixed } in holding.flat_map(|group| &group.steps) {
            match fixed {
                Some((name, member)) if is_whole => {
                    let value = member.read(bytes);
                    if value < 0 && member.is_wide() {
                        event.one(RowGroup::Own, *row).for_each(|field| self.add_own(&field, list));
                    } else if member.is_set(flags, value) {
                        self.values.add(*name, value);
                    }
                }
                _ => event.one(RowGroup::Own, *row).for_each(|field| self.add_own(&field, list)),
            }
        }
        self.own_values = own_values;
    }

    /// A value of the event itself. `list` is the row of a list and its values so far.
    #[inline]
    fn add_own(&mut self, field: &EventField<'_>, list: &mut Option<ListOfRow>) {
        if field.is_unset() {
            return;
        }
        if field.spec.place.repeat != Repeat::Once && !matches!(field.value, Value::Bytes(_)) {
            return self.add_to_list(field, list);
        }
        let at = self.columns_by_row.get(field.spec.id as usize).copied().unwrap_or(NONE);
        match int(&field.value) {
            Some(value) if at == NONE => match self.names.of_row(field.spec) {
                _ if !matches!(self.shape, Shape::All { .. }) => {}
                Some(name) => self.values.add(name, value),
                None => self.add_text(field),
            },
            Some(value) if at & TEXT == 0 => {
                if let Some(column) = self.ints.get_mut(usize::from(at)) {
                    column.set(self.rows, value);
                }
            }
            _ => self.add_text(field),
        }
    }

    /// The values of a list are one text, with a semicolon between.
    #[cold]
    fn add_to_list(&mut self, field: &EventField<'_>, list: &mut Option<ListOfRow>) {
        if list.as_ref().is_none_or(|(of, _)| of.id != field.spec.id) {
            self.end_list(list);
            *list = Some((field.spec, String::new()));
        }
        if let Some((_, texts)) = list {
            if !texts.is_empty() {
                texts.push(';');
            }
            texts.push_str(&text(&field.value));
        }
    }

    fn end_list(&mut self, list: &mut Option<ListOfRow>) {
        if let Some((spec, texts)) = list.take() {
            self.put_text(spec, &texts);
        }
    }

    /// What is no number of 64 bits with a sign.
    #[cold]
    fn add_text(&mut self, field: &EventField<'_>) {
        self.put_text(field.spec, &text(&field.value));
        if let Value::Text(bytes) = field.value
            && std::str::from_utf8(bytes).is_err()
        {
            self.texts.add(&format!("{}_hex", field.spec.name), &hex(bytes));
        }
    }

    fn put_text(&mut self, spec: &FieldSpec, text: &str) {
        let at = self.columns_by_row.get(spec.id as usize).copied().unwrap_or(NONE);
        let column =
            self.text_columns.get_mut(usize::from(at & !TEXT)).filter(|_| at != NONE && at & TEXT != 0);
        match column {
            Some(column) => column.set(self.rows, text),
            None => self.texts.add(spec.name, text),
        }
    }

    /// Bytes that no table describes, as in JSON.
    fn add_bytes(&mut self, decoded: &DecodedItem<'_>) {
        let LogItem::Eventlog(_) = &decoded.item else { return };
        let event = &decoded.event;
        let (name, bytes) = if event.is_truncated() || decoded.is_unknown() {
            ("payload", payload(decoded))
        } else {
            ("trailing", event.as_bytes().get(event.trailing()).unwrap_or_default())
        };
        if !bytes.is_empty() {
            self.texts.add(name, &hex(bytes));
        }
    }

    /// Takes from `id` the ids of the connections of rows that have none yet.
    pub fn identify(&mut self, mut id: impl FnMut(Number) -> Option<ConnectionId>) {
        let mut last: Option<(Number, Option<i32>)> = None;
        for connection in self.connections.drain(..) {
            let key = match (connection, last) {
                (None, _) => None,
                (Some(number), Some((known, key))) if known == number => key,
                (Some(number), _) => {
                    let key = id(number).map(|id| {
                        let ids = &mut self.ids;
                        *self.places.entry(id).or_insert_with(|| {
                            ids.push(id);
                            ids.len() as i32 - 1
                        })
                    });
                    last = Some((number, key));
                    key
                }
            };
            self.id_keys.push(key);
        }
    }

    /// The rows, and the order that sorts them by connection, then time; the table is empty afterwards. Short runs are put
    /// in order here. Rows whose connections were not [identified](EventTable::identify) have none.
    ///
    /// # Errors
    /// None that is known: the columns are those of the schema.
    pub fn take(&mut self) -> Result<(RecordBatch, Vec<Range<usize>>), ArrowError> {
        self.flush_records();
        self.identify(|_| None);
        let rows = std::mem::take(&mut self.rows);
        let order = self.order();
        let ids = StringArray::from_iter_values(self.ids.drain(..).map(|id| id.to_string()));
        self.places.clear();
        let keys: Int32Array = self.id_keys.drain(..).collect();
        let base = &mut self.base;
        let times = base.times.take(rows).reinterpret_cast::<TimestampMicrosecondType>().with_timezone("UTC");
        let ids: ArrayRef = match self.schema.field(0).data_type() {
            DataType::Utf8 => take(&ids, &keys, None)?,
            _ => Arc::new(DictionaryArray::<Int32Type>::try_new(keys, Arc::new(ids))?),
        };
        let mut columns: Vec<ArrayRef> = vec![
            ids,
            Arc::new(Int64Array::from(std::mem::take(&mut base.numbers))),
            Arc::new(times),
            Arc::new(base.uptimes.take(rows)),
            base.logs.take()?,
            base.providers.take()?,
            base.stacks.take()?,
            base.events.take()?,
            Arc::new(Int64Array::from(std::mem::take(&mut base.event_ids))),
            base.limits.take()?,
            base.timers.take()?,
            base.retransmissions.take()?,
            Arc::new(base.missing.take(rows)),
        ];
        columns.extend(self.ints.iter_mut().map(|column| Arc::new(column.take(rows)) as ArrayRef));
        columns.extend(self.text_columns.iter_mut().map(|column| Arc::new(column.take(rows)) as ArrayRef));
        if matches!(self.shape, Shape::All { .. }) {
            let is_plain = self.schema.field(0).data_type() == &DataType::Utf8;
            let names = &self.names.texts;
            columns.push(if is_plain { self.values.take_plain(names)? } else { self.values.take(names)? });
        }
        columns.push(self.texts.take()?);
        if self.shape == (Shape::All { summary: true }) {
            columns.push(Arc::new(base.summaries.take(rows)));
        }
        let batch = RecordBatch::try_new(Arc::clone(&self.schema), columns)?;
        if batch.num_rows() >= order.len() * LEAST_RUN {
            return Ok((batch, order));
        }
        let batch = in_order(&batch, order)?;
        let all = 0..batch.num_rows();
        Ok((batch, vec![all]))
    }

    /// As [`EventTable::take`], with the rows in their order.
    ///
    /// # Errors
    /// None that is known: the columns are those of the schema.
    pub fn take_sorted(&mut self) -> Result<RecordBatch, ArrowError> {
        let (batch, runs) = self.take()?;
        if runs.len() <= 1 { Ok(batch) } else { in_order(&batch, runs) }
    }

    /// Takes back the memory of rows that were written, for this table and those [like it](EventTable::another).
    pub fn recycle(&self, batch: RecordBatch) {
        self.memory.put_batch(batch);
    }

    /// The rows of each connection in the order of ids, in runs. Events without a connection come last.
    fn order(&self) -> Vec<Range<usize>> {
        let id = |row: usize| match self.id_keys.get(row).copied().flatten() {
            Some(key) => (false, self.ids.get(key as usize).copied()),
            None => (true, None),
        };
        let mut runs: Vec<Range<usize>> = Vec::new();
        for row in 0..self.id_keys.len() {
            match runs.last_mut() {
                Some(run) if self.id_keys[run.start] == self.id_keys[row] => run.end = row + 1,
                _ => runs.push(row..row + 1),
            }
        }
        // Stable: within a connection the order of the log.
        runs.sort_by_key(|run| id(run.start));
        runs
    }
}

/// The rows in the order of `runs`.
fn in_order(batch: &RecordBatch, runs: Vec<Range<usize>>) -> Result<RecordBatch, ArrowError> {
    let order: UInt32Array = runs.into_iter().flatten().map(|row| row as u32).collect();
    take_record_batch(batch, &order)
}

fn schema(shape: &Shape, ints: &[&str], texts: &[&str]) -> SchemaRef {
    let base = BASE.map(|name| {
        let kind = match name {
            "time" => time_type(),
            "number" | "uptime_us" | "event_id" | "missing" => DataType::Int64,
            _ => word_type(),
        };
        Field::new(name, kind, !matches!(name, "number" | "event_id" | "log"))
    });
    let mut fields = Vec::from(base);
    // A value may be called as a column of every table is.
    let own = |name: &str| {
        if BASE.contains(&name) || name == "texts" { format!("{name}_") } else { name.to_owned() }
    };
    fields.extend(ints.iter().map(|name| Field::new(own(name), DataType::Int64, true)));
    fields.extend(texts.iter().map(|name| Field::new(own(name), DataType::Utf8, true)));
    if let Shape::All { summary } = shape {
        fields.push(values_field(word_type()));
        fields.push(texts_field());
        fields.extend(summary.then(|| Field::new("summary", DataType::Utf8, true)));
    } else {
        fields.push(texts_field());
    }
    Arc::new(Schema::new(fields))
}

/// The map of an event's own numbers, whose names are of this type.
fn values_field(names: DataType) -> Field {
    Field::new("values", map_type(names, DataType::Int64), false)
}

fn texts_field() -> Field {
    Field::new("texts", map_type(DataType::Utf8, DataType::Utf8), false)
}

/// The place of a name in a list, to which it is added.
fn place<'a>(names: &mut Vec<&'a str>, name: &'a str) -> u16 {
    let at = names.iter().position(|known| *known == name).unwrap_or(names.len());
    if at == names.len() {
        names.push(name);
    }
    at as u16
}

/// A value as a number with a sign; `None` if it does not fit, or is none.
#[inline]
fn int(value: &Value<'_>) -> Option<i64> {
    match *value {
        Value::Unsigned(number) | Value::Bool(number) => i64::try_from(number).ok(),
        Value::Signed(number) => Some(number),
        Value::Text(_) | Value::Bytes(_) | Value::Ipv4(_) | Value::Ipv6(_) => None,
    }
}

fn text(value: &Value<'_>) -> String {
    match *value {
        Value::Unsigned(number) | Value::Bool(number) => number.to_string(),
        Value::Signed(number) => number.to_string(),
        Value::Text(bytes) => String::from_utf8_lossy(bytes).into_owned(),
        Value::Bytes(bytes) => hex(bytes),
        Value::Ipv4(address) => address.to_string(),
        Value::Ipv6(address) => address.to_string(),
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}
