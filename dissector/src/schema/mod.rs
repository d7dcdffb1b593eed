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
//! | `UNIT [STRUCT.]field unit conditions… words…` | another unit and meaning of the field, where the conditions hold |
//! | `UNSET [STRUCT.]field values` | values that mean "not set": `0xffffffff`, or several with `\|` between them |
//! | `ATLEAST [STRUCT.]field value` | values from this one on are lower bounds |
//! | `ALERT event kind [conditions…]` | an event that deserves notice; kinds are those of `tables/bblog/alerts.tbl` |
//! | `TITLE event words…` | the event's plain name |
//! | `CATEGORY event category [conditions…]` | what the event is about: a word of [`Category`](crate::spec::Category) |
//! | `WORDS table value words…` | what sentences call a value or flag of an ENUM or FLAG |
//! | `SAY event [conditions…] "sentence"` | what is shown of the event, in the language of [`sentence`](crate::language::sentence) |
//! | `BESIDE event [conditions…] "sentence"` | what listings add to the packet that the event is |
//! | `TIMER event verb field` | an event that `starts`, `stops`, `fires` or `handles` the timer that the field names |
//!
//! Conditions are written as [`condition`](crate::language::condition) describes.
//!
//! Parsing gives a [`Schema`]; [`Catalog`](crate::catalog::Catalog) makes tables of it.

mod check;
mod definition;
mod error;
mod format;
mod limits;
mod parse;
mod structure;
mod word;

pub use definition::{
    AlertDef, Annotation, CategoryDef, EventDef, FieldCondition, NamedValues, Schema, SentenceDef, Struct,
    StructField, TimerDef, UnitDef,
};
pub use error::SchemaError;
pub use format::{FormatPiece, pieces};
pub use limits::MAX_TEXT;
pub use parse::parse;
pub use structure::CType;
