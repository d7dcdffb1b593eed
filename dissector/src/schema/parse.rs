// SPDX-License-Identifier: BSD-2-Clause
//! The text of a schema as a [`Schema`].

use std::collections::HashMap;

use super::limits::{MAX_DEFINITIONS, MAX_EVENTS, MAX_NAMES, MAX_TEXT, MAX_UNITS};
use super::structure::structure;
use super::word::{Word, words};
use super::{
    AlertDef, CategoryDef, EventDef, FieldCondition, Schema, SchemaError, SentenceDef, TimerDef, UnitDef,
};
use crate::language::condition::{self, ConditionError};
use crate::language::sentence;
use crate::spec::{Category, TimerVerb, Unit};

/// Parses a schema. Definitions are checked as soon as they are complete, so the first fault in
/// the file is the one reported.
///
/// # Errors
/// The first [`SchemaError`], with its line and column. A text of more than 1 MiB is one.
pub fn parse(text: &str) -> Result<Schema, SchemaError> {
    if text.len() > MAX_TEXT {
        let what = format!("{} bytes, expected at most {MAX_TEXT}", text.len());
        return Err(SchemaError { line: 1, column: 1, what });
    }
    // Editors of other systems begin a file with a byte order mark.
    let text = text.strip_prefix('\u{feff}').unwrap_or(text);
    let mut parser = Parser::default();
    let mut open: Vec<Word<'_>> = Vec::new();
    let mut last = 1;
    for (at, line) in text.split('\n').enumerate() {
        last = at + 1;
        let words = words(last, line);
        let first = words.first().map_or("", |word| word.text);
        if !open.is_empty() && line.starts_with([' ', '\t']) && !words.is_empty() && first != "PROVIDER" {
            open.extend(words);
            continue;
        }
        parser.define(&std::mem::take(&mut open))?;
        match first {
            "ENUM" | "FLAG" | "STRUCT" | "EVENT" => open = words,
            _ => parser.define(&words)?,
        }
    }
    parser.define(&open)?;
    if !parser.has_provider {
        let what = "end of the schema, expected a PROVIDER".into();
        return Err(SchemaError { line: last, column: 1, what });
    }
    let mut schema = parser.schema;
    if schema.base.is_none() {
        schema.add_lifecycle();
        schema.check()?;
    }
    Ok(schema)
}

/// What was read so far.
#[derive(Default)]
struct Parser {
    schema: Schema,
    has_provider: bool,
    /// Indexes of the schema's events, by number and by name.
    events_by_id: HashMap<u32, usize>,
    events_by_name: HashMap<String, usize>,
}

/// A complete definition: its first word and the others.
#[derive(Clone, Copy)]
struct Definition<'w, 't> {
    directive: Word<'t>,
    rest: &'w [Word<'t>],
}

impl<'t> Definition<'_, 't> {
    /// The word at this place, which is `what`.
    fn need(&self, at: usize, what: &str) -> Result<Word<'t>, SchemaError> {
        match self.rest.get(at) {
            Some(word) => Ok(*word),
            None => self.directive.fault(format!("{} without {what}", self.directive.text)),
        }
    }

    /// The text of the word at this place, which is `what`.
    fn text(&self, at: usize, what: &str) -> Result<String, SchemaError> {
        self.need(at, what).map(|word| word.text.to_owned())
    }

    /// The words from this place on, with a blank between two.
    fn text_from(&self, at: usize) -> String {
        let words = self.rest.get(at..).unwrap_or_default();
        words.iter().map(|word| word.text).collect::<Vec<_>>().join(" ")
    }

    /// The conditions from this place on.
    fn conditions(&self, at: usize) -> Result<Vec<FieldCondition>, SchemaError> {
        self.rest.get(at..).unwrap_or_default().iter().map(|word| condition(*word)).collect()
    }

    /// A fault if there are as many already.
    fn bound(&self, have: usize, max: usize) -> Result<(), SchemaError> {
        match have < max {
            true => Ok(()),
            false => self.directive.fault(format!("{} number {max} and one more", self.directive.text)),
        }
    }
}

impl Parser {
    /// Takes in one complete definition; other lines are ignored.
    fn define(&mut self, words: &[Word<'_>]) -> Result<(), SchemaError> {
        let Some((&directive, rest)) = words.split_first() else { return Ok(()) };
        let definition = Definition { directive, rest };
        let defined = match directive.text {
            "PROVIDER" => self.provider(definition),
            "KEYWORD" => self.keyword(definition),
            "LAYOUT" => self.layout(definition),
            "BASE" => self.base(definition),
            "REMOVE" => self.remove(definition),
            "FIELD" => self.field(definition),
            "UNIT" => self.unit(definition),
            "UNSET" => self.unset(definition),
            "ATLEAST" => self.at_least(definition),
            "ALERT" => self.alert(definition),
            "TIMER" => self.timer(definition),
            "TITLE" => self.title(definition),
            "CATEGORY" => self.category(definition),
            "WORDS" => self.words(definition),
            "SAY" | "BESIDE" => self.sentence(definition),
            "ENUM" | "FLAG" => self.names(definition),
            "STRUCT" => self.structure(definition),
            "EVENT" => self.event(definition),
            _ => return Ok(()),
        };
        defined?;
        words.iter().try_for_each(Word::check_printable)
    }

    fn provider(&mut self, definition: Definition<'_, '_>) -> Result<(), SchemaError> {
        let [name] = definition.rest else {
            return definition.directive.fault("PROVIDER, expected one name");
        };
        if std::mem::replace(&mut self.has_provider, true) {
            return definition.directive.fault("second PROVIDER, expected one");
        }
        self.schema.provider = name.text.to_owned();
        Ok(())
    }

    fn keyword(&mut self, definition: Definition<'_, '_>) -> Result<(), SchemaError> {
        definition.bound(self.schema.keywords.len(), MAX_DEFINITIONS)?;
        let (name, value) = (definition.text(0, "a name")?, definition.need(1, "a value")?);
        self.schema.keywords.push((name, keyword_mask(value)?));
        Ok(())
    }

    fn layout(&mut self, definition: Definition<'_, '_>) -> Result<(), SchemaError> {
        self.schema.layout = definition.text(0, "a name")?;
        Ok(())
    }

    fn base(&mut self, definition: Definition<'_, '_>) -> Result<(), SchemaError> {
        self.schema.base = Some(definition.text(0, "a layout")?);
        Ok(())
    }

    fn remove(&mut self, definition: Definition<'_, '_>) -> Result<(), SchemaError> {
        definition.bound(self.schema.removed.len(), MAX_DEFINITIONS)?;
        let what = definition.need(0, "EVENT")?;
        if what.text != "EVENT" {
            return what.fault(format!("REMOVE {}, expected EVENT", what.text));
        }
        self.schema.removed.push(definition.text(1, "an event")?);
        Ok(())
    }

    fn field(&mut self, definition: Definition<'_, '_>) -> Result<(), SchemaError> {
        let (name, unit) = (definition.text(0, "a field")?, definition.need(1, "a unit")?);
        known_unit(unit)?;
        self.schema.docs.insert(name, (unit.text.to_owned(), definition.text_from(2)));
        Ok(())
    }

    fn unit(&mut self, definition: Definition<'_, '_>) -> Result<(), SchemaError> {
        definition.bound(self.schema.units.len(), MAX_UNITS)?;
        let (field, unit) = (definition.text(0, "a field")?, known_unit(definition.need(1, "a unit")?)?);
        definition.need(2, "a condition")?;
        let is_word = |word: &Word<'_>| !word.text.contains(['=', '!', '>', '&']);
        let end = definition.rest.iter().skip(3).position(is_word).map_or(definition.rest.len(), |at| at + 3);
        let conditions =
            definition.rest[2..end].iter().map(|word| condition(*word)).collect::<Result<_, _>>()?;
        let words = definition.text_from(end);
        self.schema.units.push(UnitDef { field, unit, conditions, words });
        Ok(())
    }

    fn unset(&mut self, definition: Definition<'_, '_>) -> Result<(), SchemaError> {
        let (name, values) = (definition.text(0, "a field")?, definition.need(1, "values")?);
        let values = values.text.split('|').map(|range| {
            let (from, to) = range.split_once("..").unwrap_or((range, range));
            Ok((values.part(from).int("value")?, values.part(to).int("value")?))
        });
        self.schema.unset.insert(name, values.collect::<Result<_, _>>()?);
        Ok(())
    }

    fn at_least(&mut self, definition: Definition<'_, '_>) -> Result<(), SchemaError> {
        let (name, value) = (definition.text(0, "a field")?, definition.need(1, "a value")?);
        self.schema.at_least.insert(name, value.int("value")?);
        Ok(())
    }

    fn alert(&mut self, definition: Definition<'_, '_>) -> Result<(), SchemaError> {
        definition.bound(self.schema.alerts.len(), MAX_DEFINITIONS)?;
        let (event, kind) = (definition.text(0, "an event")?, definition.need(1, "a kind")?);
        if crate::tables::alert(kind.text).is_none() {
            return kind.fault(format!("unknown alert \"{}\"", kind.text));
        }
        let conditions = definition.conditions(2)?;
        self.schema.alerts.push(AlertDef { event, kind: kind.text.to_owned(), conditions });
        Ok(())
    }

    fn timer(&mut self, definition: Definition<'_, '_>) -> Result<(), SchemaError> {
        definition.bound(self.schema.timers.len(), MAX_DEFINITIONS)?;
        let (event, verb) = (definition.text(0, "an event")?, definition.need(1, "a verb")?);
        let field = definition.text(2, "a field")?;
        let Some(does) = TimerVerb::from_word(verb.text) else {
            return verb.fault(format!("\"{}\", expected starts, stops, fires or handles", verb.text));
        };
        self.schema.timers.push(TimerDef { event, does, field });
        Ok(())
    }

    fn title(&mut self, definition: Definition<'_, '_>) -> Result<(), SchemaError> {
        definition.bound(self.schema.titles.len(), MAX_DEFINITIONS)?;
        let event = definition.text(0, "an event")?;
        definition.need(1, "words")?;
        self.schema.titles.insert(event, definition.text_from(1));
        Ok(())
    }

    fn category(&mut self, definition: Definition<'_, '_>) -> Result<(), SchemaError> {
        definition.bound(self.schema.categories.len(), MAX_DEFINITIONS)?;
        let (event, word) = (definition.text(0, "an event")?, definition.need(1, "a category")?);
        let Some(category) = Category::from_word(word.text) else {
            return word.fault(format!("unknown category \"{}\"", word.text));
        };
        let conditions = definition.conditions(2)?;
        self.schema.categories.push(CategoryDef { event, category, conditions });
        Ok(())
    }

    fn words(&mut self, definition: Definition<'_, '_>) -> Result<(), SchemaError> {
        definition.bound(self.schema.words.values().map(Vec::len).sum(), MAX_NAMES)?;
        let (table, value) = (definition.text(0, "a table")?, definition.need(1, "a value")?);
        definition.need(2, "words")?;
        let words = (value.int("value")? as i64, definition.text_from(2));
        self.schema.words.entry(table).or_default().push(words);
        Ok(())
    }

    /// SAY and BESIDE.
    fn sentence(&mut self, definition: Definition<'_, '_>) -> Result<(), SchemaError> {
        let schema = &mut self.schema;
        let all = if definition.directive.text == "SAY" { &mut schema.says } else { &mut schema.beside };
        definition.bound(all.len(), MAX_DEFINITIONS)?;
        let (event, words) = (definition.text(0, "an event")?, definition.rest);
        let at = words.iter().position(|word| word.text.starts_with('"')).unwrap_or(words.len());
        let text = definition.text_from(at);
        let Some(text) = text.strip_prefix('"').and_then(|text| text.strip_suffix('"')) else {
            return definition.need(1, "a sentence")?.fault("sentence, expected it in double quotes");
        };
        let conditions = words[1..at].iter().map(|word| condition(*word)).collect::<Result<_, _>>()?;
        let pieces = sentence::parse(text).or_else(|fault| words[at].fault(fault))?;
        let position = (words[at].line, words[at].column);
        all.push(SentenceDef { event, conditions, pieces, position });
        Ok(())
    }

    /// ENUM and FLAG.
    fn names(&mut self, definition: Definition<'_, '_>) -> Result<(), SchemaError> {
        let name = definition.need(0, "a name")?;
        let directive = definition.directive.text;
        let mut values = Vec::new();
        for item in &definition.rest[1..] {
            if values.len() == MAX_NAMES {
                return item.fault(format!("{directive} of more than {MAX_NAMES} values"));
            }
            let (value, text) = match item.text.split_once(':') {
                Some((value, text)) if !text.is_empty() && !text.contains(':') => (value, text),
                _ => return item.fault(format!("\"{}\", expected value:name", item.text)),
            };
            values.push((item.part(value).int("value")? as i64, text.to_owned()));
        }
        let schema = &mut self.schema;
        let tables = if directive == "ENUM" { &mut schema.enums } else { &mut schema.flags };
        if tables.insert(name.text.to_owned(), values).is_some() {
            return name.fault(format!("{directive} {} defined twice", name.text));
        }
        Ok(())
    }

    fn structure(&mut self, definition: Definition<'_, '_>) -> Result<(), SchemaError> {
        let name = definition.need(0, "a name")?;
        let body = structure(&definition.rest[1..])?;
        if self.schema.structs.insert(name.text.to_owned(), body).is_some() {
            return name.fault(format!("STRUCT {} defined twice", name.text));
        }
        Ok(())
    }

    fn event(&mut self, definition: Definition<'_, '_>) -> Result<(), SchemaError> {
        definition.bound(self.schema.events.len(), MAX_EVENTS)?;
        let (name, number) = (definition.need(0, "a name")?, definition.need(1, "an id")?);
        let (_level, _keywords) = (definition.need(2, "a level")?, definition.need(3, "keywords")?);
        let (payload, first) = (definition.need(4, "a STRUCT")?, definition.need(5, "a format")?);
        let id = match u32::try_from(number.int("id")?) {
            Ok(id) => id,
            Err(_) => return number.fault(format!("id {}, expected at most 4294967295", number.text)),
        };
        let same = self.events_by_id.get(&id).into_iter().chain(self.events_by_name.get(name.text)).min();
        if let Some(EventDef { name: other, id: other_id, .. }) = same.map(|&at| &self.schema.events[at]) {
            return name.fault(format!("EVENT {} {id} defined twice: {other} is {other_id}", name.text));
        }
        let format = definition.text_from(5);
        let Some(format) = format.strip_prefix('"').and_then(|format| format.strip_suffix('"')) else {
            return first.fault("format, expected it in double quotes");
        };
        self.events_by_id.insert(id, self.schema.events.len());
        self.events_by_name.insert(name.text.to_owned(), self.schema.events.len());
        self.schema.events.push(EventDef {
            name: name.text.to_owned(),
            id,
            payload: (payload.text != "NONE").then(|| payload.text.to_owned()),
            format: format.to_owned(),
            position: (name.line, name.column),
        });
        Ok(())
    }
}

/// The unit that a word stands for.
fn known_unit(word: Word<'_>) -> Result<Unit, SchemaError> {
    Unit::from_word(word.text).map_or_else(|| word.fault(format!("unknown unit \"{}\"", word.text)), Ok)
}

/// A condition on a field; see [`condition`].
fn condition(word: Word<'_>) -> Result<FieldCondition, SchemaError> {
    match condition::parse(word.text) {
        Ok((field, test)) => Ok(FieldCondition { field: field.to_owned(), test }),
        Err(ConditionError::NoOperator) => word.fault(format!("\"{}\", expected a condition", word.text)),
        Err(ConditionError::NotANumber(text)) => word.fault(format!("value \"{text}\", expected a number")),
    }
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
