// SPDX-License-Identifier: BSD-2-Clause
//! A schema's definitions as data.

use std::collections::BTreeMap;

use super::SchemaError;
use super::structure::CType;
use crate::elog::{SESSION_CREATE, SESSION_END};
use crate::language::condition::ParsedTest;
use crate::language::sentence;
use crate::spec::{Category, TimerVerb, Unit};

/// A schema: one provider in one layout.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Schema {
    /// The provider's name.
    pub provider: String,
    /// The layout's name; empty for a provider that has one only.
    pub layout: String,
    /// The layout that this one is written as a difference from.
    pub base: Option<String>,
    /// Keyword names and masks, in order.
    pub keywords: Vec<(String, u32)>,
    /// ENUMs, by name.
    pub enums: BTreeMap<String, NamedValues>,
    /// FLAGs, by name.
    pub flags: BTreeMap<String, NamedValues>,
    /// STRUCTs, by name.
    pub structs: BTreeMap<String, Struct>,
    /// EVENTs, in order.
    pub events: Vec<EventDef>,
    /// Events of the base that this layout does not have.
    pub removed: Vec<String>,
    /// Units and meanings, by `STRUCT.field` or `field`.
    pub docs: BTreeMap<String, (String, String)>,
    /// UNITs, in order.
    pub units: Vec<UnitDef>,
    /// Values that mean "not set", by `STRUCT.field` or `field`.
    pub unset: BTreeMap<String, Vec<(u64, u64)>>,
    /// From which value on values are lower bounds, by `STRUCT.field` or `field`.
    pub at_least: BTreeMap<String, u64>,
    /// ALERTs, in order.
    pub alerts: Vec<AlertDef>,
    /// TIMERs, in order.
    pub timers: Vec<TimerDef>,
    /// WORDS, by ENUM or FLAG.
    pub words: BTreeMap<String, NamedValues>,
    /// TITLEs, by event.
    pub titles: BTreeMap<String, String>,
    /// CATEGORYs, in order.
    pub categories: Vec<CategoryDef>,
    /// SAYs, in order.
    pub says: Vec<SentenceDef>,
    /// BESIDEs, in order.
    pub beside: Vec<SentenceDef>,
}

/// A UNIT: another unit of a field, where conditions hold.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct UnitDef {
    /// The field: `STRUCT.field` or `field`.
    pub field: String,
    /// The unit.
    pub unit: Unit,
    /// What must hold of the event's fields.
    pub conditions: Vec<FieldCondition>,
    /// What it is then; empty if its FIELD says it.
    pub words: String,
}

/// A CATEGORY: what an event is about.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct CategoryDef {
    /// The event.
    pub event: String,
    /// The category.
    pub category: Category,
    /// What must hold of its fields.
    pub conditions: Vec<FieldCondition>,
}

/// A SAY or BESIDE: a sentence about an event.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct SentenceDef {
    /// The event.
    pub event: String,
    /// What must hold of its fields.
    pub conditions: Vec<FieldCondition>,
    /// The sentence.
    pub pieces: Vec<sentence::SentencePiece>,
    /// Line and column where it is.
    pub position: (usize, usize),
}

/// An ALERT: an event that deserves notice.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct AlertDef {
    /// The event.
    pub event: String,
    /// The kind.
    pub kind: String,
    /// What must hold of its fields.
    pub conditions: Vec<FieldCondition>,
}

/// A condition on a field of an event.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct FieldCondition {
    /// The field.
    pub field: String,
    /// What its value must be; negative values as the field's own bits.
    pub test: ParsedTest,
}

/// A TIMER: an event that does something to a timer.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct TimerDef {
    /// The event.
    pub event: String,
    /// What it does.
    pub does: TimerVerb,
    /// The field that says which timer.
    pub field: String,
}

/// Values and their names, in order.
pub type NamedValues = Vec<(i64, String)>;

/// A STRUCT: its fields with their places.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub struct Struct {
    /// Its fields, in order.
    pub fields: Vec<StructField>,
    /// `sizeof`, without a variable-length tail.
    pub size: u16,
}

/// A field of a STRUCT.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct StructField {
    /// Its name.
    pub name: String,
    /// Its C type.
    pub ctype: CType,
    /// Its offset, by the C rules of an LP64 machine.
    pub offset: u16,
    /// How to show it.
    pub shown: Annotation,
    /// For a variable-length tail: which field counts its elements, and the most there can be.
    pub tail: Option<(usize, u32)>,
}

/// How a field is annotated.
#[derive(Clone, Debug, Default, PartialEq, Eq, Hash)]
pub enum Annotation {
    /// Not at all.
    #[default]
    Plain,
    /// `hex`
    Hex,
    /// `ntohs`: stored in network order.
    Ntohs,
    /// `enum_NAME`
    Enum(String),
    /// `flag_NAME`
    Flag(String),
}

/// An EVENT.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub struct EventDef {
    /// Its name.
    pub name: String,
    /// Its number.
    pub id: u32,
    /// Its STRUCT; `None` for `NONE`, no payload.
    pub payload: Option<String>,
    /// The format of its text, without the quotes.
    pub format: String,
    /// Line and column where it is defined.
    pub position: (usize, usize),
}

impl Schema {
    /// This layout in full, given the one that it is written as a difference from.
    ///
    /// # Errors
    /// A [`SchemaError`] if something named is defined nowhere.
    pub fn over(&self, base: &Schema) -> Result<Schema, SchemaError> {
        let mut full = base.clone();
        full.layout.clone_from(&self.layout);
        full.base = None;
        full.keywords.extend(self.keywords.iter().cloned());
        for (own, all) in [(&self.enums, &mut full.enums), (&self.flags, &mut full.flags)] {
            for (name, values) in own {
                let table = all.entry(name.clone()).or_default();
                table.retain(|have| !values.iter().any(|new| new.0 == have.0));
                table.extend(values.iter().cloned());
                table.sort_by_key(|entry| entry.0);
            }
        }
        full.structs.extend(self.structs.clone());
        full.events.retain(|event| {
            !self.removed.contains(&event.name) && !self.events.iter().any(|new| new.name == event.name)
        });
        full.events.extend(self.events.iter().cloned());
        full.docs.extend(self.docs.clone());
        full.units.extend(self.units.iter().cloned());
        full.unset.extend(self.unset.clone());
        full.at_least.extend(self.at_least.clone());
        full.alerts.extend(self.alerts.iter().cloned());
        full.timers.extend(self.timers.iter().cloned());
        for (table, words) in &self.words {
            full.words.entry(table.clone()).or_default().extend(words.iter().cloned());
        }
        full.titles.extend(self.titles.clone());
        full.categories.extend(self.categories.iter().cloned());
        full.says.extend(self.says.iter().cloned());
        full.beside.extend(self.beside.iter().cloned());
        full.check()?;
        Ok(full)
    }

    /// The lifecycle events, which every provider has whether its schema says so or not.
    pub(super) fn add_lifecycle(&mut self) {
        let have = |name: &str, id: u32| self.events.iter().any(|event| event.name == name || event.id == id);
        let (create, end) = (have("SESSION_CREATE", SESSION_CREATE), have("SESSION_END", SESSION_END));
        let event = |name: &str, id, payload, format: &str| EventDef {
            name: name.to_owned(),
            id,
            payload,
            format: format.to_owned(),
            position: (0, 0),
        };
        if !create {
            let unused = StructField {
                name: "_unused".to_owned(),
                ctype: CType::Unsigned(1),
                offset: 0,
                shown: Annotation::Plain,
                tail: None,
            };
            let name = "SESSION_CREATE".to_owned();
            self.structs.entry(name.clone()).or_insert(Struct { fields: vec![unused], size: 1 });
            self.events.push(event("SESSION_CREATE", SESSION_CREATE, Some(name), "Session created"));
        }
        if !end {
            self.events.push(event("SESSION_END", SESSION_END, None, "Session ended"));
        }
    }
}
