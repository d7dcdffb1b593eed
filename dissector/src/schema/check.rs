// SPDX-License-Identifier: BSD-2-Clause
//! Whether a schema is complete and bounded.

use std::collections::HashMap;

use super::SchemaError;
use super::definition::{Annotation, EventDef, NamedValues, Schema, StructField};
use super::format::{FormatPiece, pieces};
use super::limits::{MAX_FIELDS, MAX_LINE};
use super::structure::CType;
use crate::language::sentence;

impl Schema {
    /// Whether everything named is defined, and nothing is larger than can be.
    pub(super) fn check(&self) -> Result<(), SchemaError> {
        let mut fields_left = MAX_FIELDS;
        for event in &self.events {
            let (line, column) = event.position;
            let fault = |what: String| {
                let what = format!("EVENT {} {what}", event.name);
                Err(SchemaError { line, column, what })
            };
            let fields: &[StructField] = match &event.payload {
                None => &[],
                Some(name) => match self.structs.get(name) {
                    Some(body) => &body.fields,
                    None => return fault(format!("names STRUCT {name}, which is not defined")),
                },
            };
            match fields_left.checked_sub(fields.len()) {
                Some(left) => fields_left = left,
                None => return fault(format!("and those before it have more than {MAX_FIELDS} fields")),
            }
            self.check_names(fields).or_else(fault)?;
            self.check_format(&event.format, fields).or_else(fault)?;
        }
        self.check_sentences()
    }

    /// Whether sentences make texts of a bounded length. Fields that an event does not have are no fault: other
    /// layouts have them.
    fn check_sentences(&self) -> Result<(), SchemaError> {
        let sentences = || self.says.iter().chain(&self.beside);
        if sentences().next().is_none() {
            return Ok(());
        }
        let structure = |event: &EventDef| self.structs.get(event.payload.as_ref()?);
        let fields = self.events.iter().flat_map(|event| {
            let fields = structure(event).into_iter().flat_map(|body| &body.fields);
            fields.map(|field| ((&*event.name, &*field.name), self.longest(field)))
        });
        let lengths: HashMap<(&str, &str), usize> = fields.collect();
        for sentence in sentences() {
            let longest = sentence::longest(&sentence.pieces, &|name| {
                lengths.get(&(&*sentence.event, name)).copied().unwrap_or(0)
            });
            if longest > MAX_LINE {
                let (line, column) = sentence.position;
                let what =
                    format!("sentence makes texts of up to {longest} bytes, expected at most {MAX_LINE}");
                return Err(SchemaError { line, column, what });
            }
        }
        Ok(())
    }

    /// Whether the tables that fields name are defined; what is wrong, if they are not.
    fn check_names(&self, fields: &[StructField]) -> Result<(), String> {
        for field in fields {
            let missing = match &field.shown {
                Annotation::Enum(table) if !self.enums.contains_key(table) => ("ENUM", table),
                Annotation::Flag(table) if !self.flags.contains_key(table) => ("FLAG", table),
                _ => continue,
            };
            let (kind, table) = missing;
            return Err(format!("field {} names {kind} {table}, which is not defined", field.name));
        }
        Ok(())
    }

    /// Whether a format names fields that there are, and makes texts of a bounded length.
    fn check_format(&self, format: &str, fields: &[StructField]) -> Result<(), String> {
        let mut next = 0;
        let mut longest = 0_usize;
        for piece in pieces(format) {
            let field = match piece {
                FormatPiece::Text(text) => {
                    longest = longest.saturating_add(text.len());
                    continue;
                }
                FormatPiece::Field(number) if number == 0 || number > fields.len() => {
                    return Err(format!("format names field %{number} of {}", fields.len()));
                }
                FormatPiece::Field(number) => fields.get(number - 1),
                FormatPiece::Printf(_) => {
                    next += 1;
                    fields.get(next - 1)
                }
            };
            longest = longest.saturating_add(field.map_or(0, |field| self.longest(field)));
        }
        match longest {
            0..=MAX_LINE => Ok(()),
            _ => Err(format!("format makes texts of up to {longest} bytes, expected at most {MAX_LINE}")),
        }
    }

    /// Bytes that the text of a field can have.
    fn longest(&self, field: &StructField) -> usize {
        /// Of a number, an address, or a printf conversion of one.
        const NUMBER: usize = 64;
        match (&field.shown, field.ctype, field.tail) {
            // No event is longer. Bytes are shown as two digits each.
            (_, ctype, Some((_, max))) => {
                usize::from(ctype.size()).saturating_mul(max as usize).min(usize::from(u16::MAX)) * 2
            }
            (_, CType::Text(len), None) => usize::from(len),
            (Annotation::Enum(table), ..) => NUMBER + lengths(self.enums.get(table)).max().unwrap_or(0),
            (Annotation::Flag(table), ..) => NUMBER + lengths(self.flags.get(table)).sum::<usize>(),
            _ => NUMBER,
        }
    }
}

/// The lengths of the names of a table, each with a sign behind it.
fn lengths(table: Option<&NamedValues>) -> impl Iterator<Item = usize> {
    table.into_iter().flatten().map(|(_, name)| name.len() + 1)
}
