// SPDX-License-Identifier: BSD-2-Clause
//! The rows of an event: one for each field of its structure, and one more for each UNIT of the field.

use crate::schema::{EventDef, Schema, StructField, UnitDef};

/// The rows of an event, in order. A field's own row is followed by those that take its place where their conditions
/// hold.
pub(super) struct EventRows<'s> {
    /// The fields of the event's structure.
    pub(super) fields: &'s [StructField],
    rows: Vec<EventRow<'s>>,
    /// Where each field's rows begin, and where the last one's end.
    starts: Vec<u16>,
}

/// A row to be made.
#[derive(Clone, Copy)]
pub(super) struct EventRow<'s> {
    /// The index of its field in the structure.
    pub(super) field: usize,
    /// Its unit and when it is right; `None` for the field's own row.
    pub(super) unit: Option<&'s UnitDef>,
}

impl<'s> EventRows<'s> {
    /// Those of the event that `def` defines.
    pub(super) fn of(schema: &'s Schema, def: &EventDef) -> EventRows<'s> {
        let structure = def.payload.as_deref().unwrap_or_default();
        let fields: &[StructField] = schema.structs.get(structure).map_or(&[], |body| &body.fields);
        let (mut rows, mut starts) = (Vec::with_capacity(fields.len()), Vec::with_capacity(fields.len() + 1));
        for (at, field) in fields.iter().enumerate() {
            starts.push(rows.len() as u16);
            rows.push(EventRow { field: at, unit: None });
            let is_of = |unit: &&UnitDef| is_of(&unit.field, structure, field);
            // A tail has no other units.
            let units = schema.units.iter().filter(|_| field.tail.is_none()).filter(is_of);
            rows.extend(units.map(|unit| EventRow { field: at, unit: Some(unit) }));
        }
        starts.push(rows.len() as u16);
        EventRows { fields, rows, starts }
    }

    /// How many there are.
    pub(super) fn len(&self) -> usize {
        self.rows.len()
    }

    /// Row number `index`, which must be one of them.
    pub(super) fn row(&self, index: usize) -> EventRow<'s> {
        self.rows[index]
    }

    /// The indexes of the rows of a field: its own one first.
    pub(super) fn of_field(&self, field: usize) -> Vec<u16> {
        let bounds = self.starts.get(field).zip(self.starts.get(field + 1));
        bounds.map_or(Vec::new(), |(&from, &to)| (from..to).collect())
    }

    /// The indexes of the rows of the same field that come after row `index`, which gives way to them.
    pub(super) fn after(&self, index: usize) -> Vec<u16> {
        let field = self.rows.get(index).map_or(usize::MAX, |row| row.field);
        self.of_field(field).into_iter().filter(|&other| usize::from(other) > index).collect()
    }

    /// How many rows from `index` on have the same conditions.
    pub(super) fn span(&self, index: usize) -> u16 {
        let rows = self.rows.get(index..).unwrap_or_default();
        match rows.first() {
            Some(EventRow { unit: None, .. }) => {
                rows.iter().take_while(|row| row.unit.is_none()).count() as u16
            }
            _ => 1,
        }
    }
}

/// Whether `name`, `STRUCT.field` or `field`, is this field of this structure.
fn is_of(name: &str, structure: &str, field: &StructField) -> bool {
    match name.split_once('.') {
        Some((of, name)) => of == structure && name == field.name,
        None => name == field.name,
    }
}
