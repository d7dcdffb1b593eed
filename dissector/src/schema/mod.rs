// SPDX-License-Identifier: BSD-2-Clause
//! The schema language of eventlog(9), `<provider>_eventlog_schema.src`, as data.
//!
//! The language is line oriented: PROVIDER, KEYWORD, ENUM, FLAG, STRUCT and EVENT begin a line,
//! definitions go on over indented lines and end at the first line that is not; every other
//! line is ignored (comments among them). The directives of ours are therefore invisible to
//! other readers of the language:
//!
//! | line | meaning |
//! |---|---|
//! | `LAYOUT name` | names this version of the provider |
//! | `BASE name` | this file holds only what differs from that layout |
//! | `REMOVE EVENT name` | an event of the base that this layout does not have |
//! | `FIELD [STRUCT.]field unit words…` | a field's unit and meaning |
//! | `UNSET [STRUCT.]field values` | values that mean "not set": `0xffffffff`, or several with `\|` between them |
//! | `ATLEAST [STRUCT.]field value` | values from this one on are lower bounds |
//! | `ALERT event kind [conditions…]` | an event that deserves notice; kinds are those of `tables/bblog/alerts.tbl` |
//! | `TITLE event words…` | the event's plain name |
//! | `CATEGORY event category [conditions…]` | what the event is about: a word of [`Category`] |
//! | `WORDS table value words…` | what sentences call a value or flag of an ENUM or FLAG |
//! | `SAY event [conditions…] "sentence"` | what is shown of the event, in the language of [`sentence`] |
//! | `BESIDE event [conditions…] "sentence"` | what listings add to the packet that the event is |
//! | `TIMER event verb field` | an event that `starts`, `stops`, `fires` or `handles` the timer that the field names |
//!
//! A condition is `field=1\|2`, `field!=0`, `field>3`, `field&0x4` (a bit is set) or `field!&0x4` (none is).
//!
//! Parsing gives a [`Schema`]; [`Catalog`](crate::catalog::Catalog) makes tables of it.

mod format;
mod limits;
mod parse;
mod structure;

use std::collections::{BTreeMap, HashMap};
use std::fmt;

use crate::elog::{SESSION_CREATE, SESSION_END};
use crate::sentence;
use crate::spec::{Category, TimerVerb};
use limits::{MAX_FIELDS, MAX_LINE};

pub use format::{Piece, pieces};
pub use limits::MAX_TEXT;
pub use parse::parse;
pub use structure::CType;

/// A fault in a schema: where it is and what is wrong with it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SchemaError {
    /// Line, from 1.
    pub line: usize,
    /// Column, from 1, in bytes.
    pub column: usize,
    /// What was found and what was expected.
    pub what: String,
}

impl fmt::Display for SchemaError {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(out, "line {}, column {}: {}", self.line, self.column, self.what)
    }
}

impl std::error::Error for SchemaError {}

/// A schema: one provider in one layout.
#[derive(Clone, Debug, Default)]
pub struct Schema {
    /// The provider's name.
    pub provider: String,
    /// The layout's name; empty for a provider that has one only.
    pub layout: String,
    /// The layout this one is told as a difference from.
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
    /// Values that mean "not set", by `STRUCT.field` or `field`.
    pub unset: BTreeMap<String, Vec<u64>>,
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

/// A CATEGORY: what an event is about.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CategoryDef {
    /// The event.
    pub event: String,
    /// The category.
    pub category: Category,
    /// What must hold of its fields.
    pub conditions: Vec<Condition>,
}

/// A SAY or BESIDE: a sentence about an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct SentenceDef {
    /// The event.
    pub event: String,
    /// What must hold of its fields.
    pub conditions: Vec<Condition>,
    /// The sentence.
    pub pieces: Vec<sentence::Piece>,
    /// Line and column where it is.
    pub position: (usize, usize),
}

/// An ALERT: an event that deserves notice.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct AlertDef {
    /// The event.
    pub event: String,
    /// The kind.
    pub kind: String,
    /// What must hold of its fields.
    pub conditions: Vec<Condition>,
}

/// A condition on a field of an event.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Condition {
    /// The field.
    pub field: String,
    /// What its value must be; negative values as the field's own bits.
    pub test: Test,
}

/// What a [`Condition`] asks for; see [`spec::Test`](crate::spec::Test).
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Test {
    /// One of these.
    In(Vec<u64>),
    /// None of these.
    NotIn(Vec<u64>),
    /// Greater than this.
    Above(u64),
    /// At least one of these bits is set.
    AnySet(u64),
    /// None of these bits is set.
    NoneSet(u64),
}

/// A TIMER: an event that does something to a timer.
#[derive(Clone, Debug, PartialEq, Eq)]
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
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Struct {
    /// Its fields, in order.
    pub fields: Vec<StructField>,
    /// `sizeof`, without a variable-length tail.
    pub size: u16,
}

/// A field of a STRUCT.
#[derive(Clone, Debug, PartialEq, Eq)]
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
#[derive(Clone, Debug, Default, PartialEq, Eq)]
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
#[derive(Clone, Debug, PartialEq, Eq)]
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
    /// This layout in full, given the one it is told as a difference from.
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
    fn add_lifecycle(&mut self) {
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

    /// Whether everything named is defined, and nothing is larger than can be.
    fn check(&self) -> Result<(), SchemaError> {
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
                Piece::Text(text) => {
                    longest = longest.saturating_add(text.len());
                    continue;
                }
                Piece::Field(number) if number == 0 || number > fields.len() => {
                    return Err(format!("format names field %{number} of {}", fields.len()));
                }
                Piece::Field(number) => fields.get(number - 1),
                Piece::Printf(_) => {
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
