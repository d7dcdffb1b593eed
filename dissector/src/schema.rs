// SPDX-License-Identifier: BSD-2-Clause
//! The schema language of eventlog(9), `<provider>_eventlog_schema.src`, as data.
//!
//! The language is line oriented: PROVIDER, KEYWORD, ENUM, FLAG, STRUCT and EVENT begin a line,
//! definitions go on over indented lines and end at the first line that is not; every other
//! line is ignored (comments among them). Four directives of ours are therefore invisible to
//! other readers of the language:
//!
//! | line | meaning |
//! |---|---|
//! | `LAYOUT name` | names this version of the provider |
//! | `BASE name` | this file holds only what differs from that layout |
//! | `REMOVE EVENT name` | an event of the base that this layout does not have |
//! | `FIELD [STRUCT.]field unit words…` | a field's unit and meaning |
//! | `ALERT event kind [conditions…]` | an event that deserves notice; kinds are those of `tables/bblog/alerts.tbl` |
//! | `TIMER event verb field` | an event that `starts`, `stops`, `fires` or `handles` the timer that the field names |
//!
//! A condition is `field=1\|2`, `field!=0`, `field>3`, `field&0x4` (a bit is set) or `field!&0x4` (none is).
//!
//! Parsing gives a [`Schema`]; [`Catalog`](crate::catalog::Catalog) makes tables of it.

use std::collections::BTreeMap;
use std::fmt;

use crate::elog::{SESSION_CREATE, SESSION_END};
use crate::spec::{Test, TimerVerb};

/// The earlier name of [`SchemaError`], until all callers have changed.
#[doc(hidden)]
pub use SchemaError as Fault;

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
    /// ALERTs, in order.
    pub alerts: Vec<AlertDef>,
    /// TIMERs, in order.
    pub timers: Vec<TimerDef>,
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

/// A C type that a schema can name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum CType {
    /// Unsigned integer of so many bytes.
    Unsigned(u8),
    /// Signed integer of so many bytes.
    Signed(u8),
    /// A kernel address.
    Pointer,
    /// struct in_addr.
    Ipv4,
    /// struct in6_addr.
    Ipv6,
    /// `char[N]`.
    Text(u16),
}

impl CType {
    fn parse(name: &str) -> Option<CType> {
        Some(match name {
            "uint8_t" | "u_char" => CType::Unsigned(1),
            "int8_t" | "char" => CType::Signed(1),
            "uint16_t" | "u_short" => CType::Unsigned(2),
            "int16_t" | "short" => CType::Signed(2),
            // elog(1) shows lwpid_t as unsigned.
            "uint32_t" | "u_int" | "lwpid_t" => CType::Unsigned(4),
            "int32_t" | "int" => CType::Signed(4),
            "uint64_t" | "u_long" | "size_t" | "uintptr_t" => CType::Unsigned(8),
            "int64_t" | "long" | "intptr_t" => CType::Signed(8),
            "void*" => CType::Pointer,
            "in_addr_t" => CType::Ipv4,
            "in6_addr_t" => CType::Ipv6,
            _ => CType::Text(name.strip_prefix("char[")?.strip_suffix(']')?.parse().ok().filter(|&n| n > 0)?),
        })
    }

    /// `sizeof`.
    pub fn size(self) -> u16 {
        match self {
            CType::Unsigned(n) | CType::Signed(n) => u16::from(n),
            CType::Pointer => 8,
            CType::Ipv4 => 4,
            CType::Ipv6 => 16,
            CType::Text(n) => n,
        }
    }

    /// `_Alignof`, on amd64 and arm64.
    fn align(self) -> u16 {
        match self {
            CType::Ipv6 => 4,
            CType::Text(_) => 1,
            other => other.size(),
        }
    }
}

/// A word and where it stands.
#[derive(Clone, Copy)]
struct Word<'a> {
    text: &'a str,
    line: usize,
    column: usize,
}

impl Word<'_> {
    fn fault<T>(&self, what: impl Into<String>) -> Result<T, SchemaError> {
        Err(SchemaError { line: self.line, column: self.column, what: what.into() })
    }

    fn int(&self, what: &str) -> Result<u64, SchemaError> {
        let parsed = match self.text.strip_prefix("0x").or_else(|| self.text.strip_prefix("0X")) {
            Some(hex) => u64::from_str_radix(hex, 16),
            None => self.text.parse(),
        };
        parsed.or_else(|_| self.fault(format!("{what} \"{}\", expected a number", self.text)))
    }

    /// The part of this word that is `text`.
    fn part<'b>(&self, text: &'b str) -> Word<'b> {
        let within = (text.as_ptr() as usize).wrapping_sub(self.text.as_ptr() as usize);
        let column = if within <= self.text.len() { self.column + within } else { self.column };
        Word { text, line: self.line, column }
    }
}

fn words(line: usize, text: &str) -> Vec<Word<'_>> {
    let start = text.as_ptr() as usize;
    text.split([' ', '\t', '\r'])
        .filter(|word| !word.is_empty())
        .map(|word| Word { text: word, line, column: word.as_ptr() as usize - start + 1 })
        .collect()
}

/// Parses a schema. Definitions are checked as soon as they are complete, so the first fault in
/// the file is the one reported.
///
/// # Errors
/// The first [`SchemaError`], with its line and column.
pub fn parse(text: &str) -> Result<Schema, SchemaError> {
    let mut schema = Schema::default();
    let mut seen_provider = None;
    let mut open: Vec<Word<'_>> = Vec::new();
    let mut last = 1;
    for (at, line) in text.split('\n').enumerate() {
        let line_no = at + 1;
        last = line_no;
        let words = words(line_no, line);
        let first = words.first().map_or("", |word| word.text);
        if !open.is_empty() && line.starts_with([' ', '\t']) && !words.is_empty() && first != "PROVIDER" {
            open.extend(words);
            continue;
        }
        define(&mut schema, &std::mem::take(&mut open))?;
        match first {
            "PROVIDER" => {
                let [provider, name] = words[..] else {
                    return words[0].fault("PROVIDER, expected one name");
                };
                if seen_provider.replace(line_no).is_some() {
                    return provider.fault("second PROVIDER, expected one");
                }
                schema.provider = name.text.to_owned();
            }
            "KEYWORD" | "LAYOUT" | "BASE" | "REMOVE" | "FIELD" | "ALERT" | "TIMER" => {
                define(&mut schema, &words)?
            }
            "ENUM" | "FLAG" | "STRUCT" | "EVENT" => open = words,
            _ => {}
        }
    }
    define(&mut schema, &open)?;
    if seen_provider.is_none() {
        return Err(SchemaError {
            line: last,
            column: 1,
            what: "end of the schema, expected a PROVIDER".into(),
        });
    }
    if schema.base.is_none() {
        schema.add_lifecycle();
        schema.check()?;
    }
    Ok(schema)
}

/// Takes in one complete definition.
fn define(schema: &mut Schema, words: &[Word<'_>]) -> Result<(), SchemaError> {
    let Some((directive, rest)) = words.split_first() else { return Ok(()) };
    let need = |at: usize, what: &str| match rest.get(at) {
        Some(word) => Ok(*word),
        None => directive.fault(format!("{} without {what}", directive.text)),
    };
    match directive.text {
        "KEYWORD" => {
            let (name, value) = (need(0, "a name")?, need(1, "a value")?);
            schema.keywords.push((name.text.to_owned(), keyword_mask(value)?));
        }
        "LAYOUT" => schema.layout = need(0, "a name")?.text.to_owned(),
        "BASE" => schema.base = Some(need(0, "a layout")?.text.to_owned()),
        "REMOVE" => match need(0, "EVENT")?.text {
            "EVENT" => schema.removed.push(need(1, "an event")?.text.to_owned()),
            _ => return rest[0].fault(format!("REMOVE {}, expected EVENT", rest[0].text)),
        },
        "FIELD" => {
            let (name, unit) = (need(0, "a field")?, need(1, "a unit")?);
            if crate::spec::Unit::from_word(unit.text).is_none() {
                return unit.fault(format!("unknown unit \"{}\"", unit.text));
            }
            let label: Vec<&str> = rest[2..].iter().map(|word| word.text).collect();
            schema.docs.insert(name.text.to_owned(), (unit.text.to_owned(), label.join(" ")));
        }
        "ALERT" => {
            let (event, kind) = (need(0, "an event")?, need(1, "a kind")?);
            if crate::tables::alert(kind.text).is_none() {
                return kind.fault(format!("unknown alert \"{}\"", kind.text));
            }
            let conditions = rest[2..].iter().map(|word| condition(*word)).collect::<Result<_, _>>()?;
            let (event, kind) = (event.text.to_owned(), kind.text.to_owned());
            schema.alerts.push(AlertDef { event, kind, conditions });
        }
        "TIMER" => {
            let (event, verb, field) = (need(0, "an event")?, need(1, "a verb")?, need(2, "a field")?);
            let Some(does) = TimerVerb::from_word(verb.text) else {
                return verb.fault(format!("\"{}\", expected starts, stops, fires or handles", verb.text));
            };
            let (event, field) = (event.text.to_owned(), field.text.to_owned());
            schema.timers.push(TimerDef { event, does, field });
        }
        "ENUM" | "FLAG" => {
            let name = need(0, "a name")?;
            let mut values = Vec::new();
            for item in &rest[1..] {
                let (value, text) = match item.text.split_once(':') {
                    Some((value, text)) if !text.is_empty() && !text.contains(':') => (value, text),
                    _ => return item.fault(format!("\"{}\", expected value:name", item.text)),
                };
                values.push((item.part(value).int("value")? as i64, text.to_owned()));
            }
            let tables = if directive.text == "ENUM" { &mut schema.enums } else { &mut schema.flags };
            if tables.insert(name.text.to_owned(), values).is_some() {
                return name.fault(format!("{} {} defined twice", directive.text, name.text));
            }
        }
        "STRUCT" => {
            let name = need(0, "a name")?;
            let body = structure(&rest[1..])?;
            if schema.structs.insert(name.text.to_owned(), body).is_some() {
                return name.fault(format!("STRUCT {} defined twice", name.text));
            }
        }
        "EVENT" => {
            let (name, id) = (need(0, "a name")?, need(1, "an id")?);
            let (_level, _keywords) = (need(2, "a level")?, need(3, "keywords")?);
            let (payload, _) = (need(4, "a STRUCT")?, need(5, "a format")?);
            let id = match u32::try_from(id.int("id")?) {
                Ok(id) => id,
                Err(_) => return rest[1].fault(format!("id {}, expected at most 4294967295", id.text)),
            };
            if let Some(other) = schema.events.iter().find(|event| event.id == id || event.name == name.text)
            {
                return name.fault(format!(
                    "EVENT {} {id} defined twice: {} is {}",
                    name.text, other.name, other.id
                ));
            }
            let format = rest[5..].iter().map(|word| word.text).collect::<Vec<_>>().join(" ");
            let Some(format) = format.strip_prefix('"').and_then(|f| f.strip_suffix('"')) else {
                return rest[5].fault("format, expected it in double quotes");
            };
            let payload = (payload.text != "NONE").then(|| payload.text.to_owned());
            schema.events.push(EventDef {
                name: name.text.to_owned(),
                id,
                payload,
                format: format.to_owned(),
                position: (name.line, name.column),
            });
        }
        _ => {}
    }
    Ok(())
}

/// `field=1|2`, `field!=0`, `field>3`, `field&0x4`, `field!&0x4`.
fn condition(word: Word<'_>) -> Result<Condition, SchemaError> {
    let Some(at) = word.text.find(['=', '!', '>', '&']) else {
        return word.fault(format!("\"{}\", expected a condition", word.text));
    };
    let (field, test) = word.text.split_at(at);
    let list = |values: &str| -> Result<&'static [u64], SchemaError> {
        let values = values.split('|').map(|value| Word { text: value, ..word }.int("value"));
        Ok(values.collect::<Result<Vec<_>, _>>()?.leak())
    };
    let int = |value: &str| Word { text: value, ..word }.int("value");
    let test = if let Some(values) = test.strip_prefix("!=") {
        Test::NotIn(list(values)?)
    } else if let Some(mask) = test.strip_prefix("!&") {
        Test::NoneSet(int(mask)?)
    } else if let Some(values) = test.strip_prefix('=') {
        Test::In(list(values)?)
    } else if let Some(floor) = test.strip_prefix('>') {
        Test::Above(int(floor)?)
    } else if let Some(mask) = test.strip_prefix('&') {
        Test::AnySet(int(mask)?)
    } else {
        return word.fault(format!("\"{}\", expected a condition", word.text));
    };
    Ok(Condition { field: field.to_owned(), test })
}

/// 1 to 15 in decimal number a bit, counted from 1; everything else is the mask itself.
fn keyword_mask(value: Word<'_>) -> Result<u32, SchemaError> {
    let number = match u32::try_from(value.int("keyword")?) {
        Ok(number) => number,
        Err(_) => return value.fault(format!("keyword {}, expected 32 bits", value.text)),
    };
    Ok(match number {
        1..=15 if !value.text.starts_with("0x") && !value.text.starts_with("0X") => 1 << (number - 1),
        mask => mask,
    })
}

/// The largest structure that fits into an event.
const MAX_STRUCT: u32 = 65_535 - 32;

fn structure(words: &[Word<'_>]) -> Result<Struct, SchemaError> {
    let mut fields: Vec<StructField> = Vec::new();
    let (mut end, mut align) = (0_u32, 1_u32);
    for word in words {
        let mut parts = word.text.splitn(2, ':');
        let name = parts.next().unwrap_or_default();
        let Some(rest) = parts.next().filter(|_| !name.is_empty()) else {
            return word.fault(format!("\"{}\", expected name:type", word.text));
        };
        if fields.iter().any(|field| field.name == name) {
            return word.fault(format!("field {name} defined twice"));
        }
        if let Some(field) = fields.last().filter(|field| field.tail.is_some()) {
            return word.fault(format!("field {name} after the variable-length {}", field.name));
        }
        let mut field = StructField {
            name: name.to_owned(),
            ctype: CType::Unsigned(1),
            offset: 0,
            shown: Annotation::Plain,
            tail: None,
        };
        let type_word = word.part(rest);
        let unknown = |text: &str| type_word.fault(format!("unknown type \"{text}\""));
        if let Some((elem, tail)) = rest.split_once('[').filter(|(elem, _)| *elem != "char") {
            field.ctype = match CType::parse(elem) {
                Some(ctype) => ctype,
                None => return unknown(elem),
            };
            let Some((count, max)) = tail.strip_suffix(']').and_then(|tail| tail.split_once(':')) else {
                return type_word.fault(format!("\"{rest}\", expected {elem}[countfield:max]"));
            };
            let counter =
                fields.iter().position(|f| f.name == count && matches!(f.ctype, CType::Unsigned(_)));
            let Some(counter) = counter else {
                return type_word.fault(format!("count field {count}, expected an earlier unsigned integer"));
            };
            match max.parse() {
                Ok(max) if max > 0 => field.tail = Some((counter, max)),
                _ => return type_word.fault(format!("maximum \"{max}\", expected a positive number")),
            }
        } else {
            let (ctype, shown) = rest.split_once(':').map_or((rest, None), |(t, s)| (t, Some(s)));
            field.ctype = match CType::parse(ctype) {
                Some(ctype) => ctype,
                None => return unknown(ctype),
            };
            if let Some(shown) = shown {
                field.shown = annotation(word.part(shown), field.ctype)?;
            }
        }
        let own = u32::from(field.ctype.align());
        align = align.max(own);
        end = end.next_multiple_of(own);
        // A tail begins where the structure, padded for the tail's elements, ends.
        if field.tail.is_some() {
            end = end.next_multiple_of(align);
        }
        match u16::try_from(end) {
            Ok(offset) if end + u32::from(field.ctype.size()) <= MAX_STRUCT => field.offset = offset,
            _ => return word.fault(format!("structure of more than {MAX_STRUCT} bytes")),
        }
        if field.tail.is_none() {
            end += u32::from(field.ctype.size());
        }
        fields.push(field);
    }
    Ok(Struct { fields, size: end.next_multiple_of(align).min(MAX_STRUCT) as u16 })
}

fn annotation(word: Word<'_>, ctype: CType) -> Result<Annotation, SchemaError> {
    let integer = matches!(ctype, CType::Unsigned(_) | CType::Signed(_));
    match word.text {
        "hex" if integer => Ok(Annotation::Hex),
        "ntohs" if ctype.size() == 2 && integer => Ok(Annotation::Ntohs),
        text if integer && text.starts_with("enum_") => Ok(Annotation::Enum(text[5..].to_owned())),
        text if integer && text.starts_with("flag_") => Ok(Annotation::Flag(text[5..].to_owned())),
        text => word.fault(format!("annotation \"{text}\", expected hex, ntohs, enum_NAME or flag_NAME")),
    }
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
        full.alerts.extend(self.alerts.iter().cloned());
        full.timers.extend(self.timers.iter().cloned());
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

    /// Whether everything named is defined.
    fn check(&self) -> Result<(), SchemaError> {
        for event in &self.events {
            let (line, column) = event.position;
            let fault = |what: String| {
                Err(SchemaError { line, column, what: format!("EVENT {} {what}", event.name) })
            };
            let fields: &[StructField] = match &event.payload {
                None => &[],
                Some(name) => match self.structs.get(name) {
                    Some(body) => &body.fields,
                    None => return fault(format!("names STRUCT {name}, which is not defined")),
                },
            };
            for field in fields {
                let missing = match &field.shown {
                    Annotation::Enum(table) if !self.enums.contains_key(table) => ("ENUM", table),
                    Annotation::Flag(table) if !self.flags.contains_key(table) => ("FLAG", table),
                    _ => continue,
                };
                return fault(format!(
                    "field {} names {} {}, which is not defined",
                    field.name, missing.0, missing.1
                ));
            }
            for piece in pieces(&event.format) {
                if let Piece::Field(number) = piece
                    && (number == 0 || number > fields.len())
                {
                    return fault(format!("format names field %{number} of {}", fields.len()));
                }
            }
        }
        Ok(())
    }
}

/// A piece of an event's format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Piece<'a> {
    /// Words.
    Text(&'a str),
    /// `%N`, the Nth field of the structure from 1.
    Field(usize),
    /// A conversion of printf(3), whole: `%u`, `%08lx`. It takes the next field.
    Printf(&'a str),
}

/// A format in pieces. One that has any `%N` has no conversions; one that has none takes the
/// fields in order, one for each conversion.
pub fn pieces(format: &str) -> Vec<Piece<'_>> {
    let numbered =
        format.as_bytes().windows(2).any(|w| w[0] == b'%' && w[1].is_ascii_digit() && w[1] != b'0');
    let mut out = Vec::new();
    let mut rest = format;
    while let Some(at) = rest.find('%') {
        let (text, tail) = rest.split_at(at);
        let after = &tail[1..];
        let (piece, len) = if numbered {
            let digits = after.bytes().take_while(u8::is_ascii_digit).count();
            match after[..digits].parse() {
                Ok(number) => (Piece::Field(number), 1 + digits),
                Err(_) => (Piece::Text("%"), 1),
            }
        } else if after.starts_with('%') {
            (Piece::Text("%"), 2)
        } else {
            match after.find(|c: char| c.is_ascii_alphabetic() && !"hlqjzt".contains(c)) {
                Some(end) => (Piece::Printf(&tail[..end + 2]), end + 2),
                None => (Piece::Text("%"), 1),
            }
        };
        if !text.is_empty() {
            out.push(Piece::Text(text));
        }
        out.push(piece);
        rest = &tail[len..];
    }
    if !rest.is_empty() {
        out.push(Piece::Text(rest));
    }
    out
}
