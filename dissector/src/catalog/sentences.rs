// SPDX-License-Identifier: BSD-2-Clause
//! What a schema says of its events: sentences, plain names, categories, alerts and timers.

use std::cmp::Reverse;
use std::collections::HashMap;

use super::event_rows::EventRows;
use super::leak::leak;
use crate::language::{condition, sentence};
use crate::schema::{
    self, AlertDef, CategoryDef, EventDef, FieldCondition, FormatPiece, Schema, SentenceDef, StructField,
    TimerDef, UnitDef,
};
use crate::spec::{
    Alert, ByteOrder, Condition, EventCategory, MemberTest, Place, Repeat, SentenceValue, SummaryTemplate,
    TemplatePart, TimerStep, Title, When,
};
use crate::{elog, tables};

/// The parts of a schema's format.
pub(super) fn format_parts(format: &str, rows: &EventRows<'_>) -> Vec<TemplatePart> {
    let mut next = 0;
    schema::pieces(format)
        .into_iter()
        .map(|piece| match piece {
            FormatPiece::Text(text) => TemplatePart::Text(leak(text)),
            FormatPiece::Field(number) => TemplatePart::Value(operand(rows, number.saturating_sub(1))),
            FormatPiece::Printf(conversion) => {
                let row = rows.of_field(next).first().copied().unwrap_or(u16::MAX);
                next += 1;
                TemplatePart::Printf(leak(conversion), row)
            }
        })
        .collect()
}

/// The value of a field of the event's structure.
fn operand(rows: &EventRows<'_>, field: usize) -> SentenceValue {
    let own = rows.of_field(field);
    SentenceValue { is_certain: own.len() == 1, own: own.leak(), common: &[], derived: &[] }
}

pub(super) fn titles(schema: &Schema, def: &EventDef) -> Vec<Title> {
    let words = schema.titles.get(&def.name);
    words.map(|words| Title { when: When::ALWAYS, words: leak(words) }).into_iter().collect()
}

pub(super) fn own_categories(own: &[&CategoryDef], rows: &EventRows<'_>) -> Vec<EventCategory> {
    let index = FieldIndex::of(own.len(), rows);
    let categories = own.iter().filter_map(|own| {
        Some(EventCategory { when: when(&own.conditions, &index)?, category: own.category })
    });
    best_first(categories.collect(), |own| &own.when)
}

/// The schema's sentences about an event; where it has none that always fits, its format too.
pub(super) fn own_says(own: &[&SentenceDef], def: &EventDef, rows: &EventRows<'_>) -> Vec<SummaryTemplate> {
    let mut says = own_sentences(own, rows);
    if !says.iter().any(|say| say.when.conds.is_empty()) {
        says.push(SummaryTemplate { when: When::ALWAYS, parts: format_parts(&def.format, rows).leak() });
    }
    says
}

/// The sentences of an event but those that name a field which this layout's event does not have.
pub(super) fn own_sentences(own: &[&SentenceDef], rows: &EventRows<'_>) -> Vec<SummaryTemplate> {
    let index = FieldIndex::of(own.len(), rows);
    let sentences = own.iter().filter_map(|own| {
        let (when, parts) = (when(&own.conditions, &index)?, sentence_parts(&own.pieces, &index)?);
        Some(SummaryTemplate { when, parts: parts.leak() })
    });
    best_first(sentences.collect(), |sentence| &sentence.when)
}

/// What fits best first: what has the most conditions, and of equals the last.
fn best_first<T>(mut items: Vec<T>, when: impl Fn(&T) -> &When) -> Vec<T> {
    items.reverse();
    items.sort_by_key(|item| Reverse(when(item).conds.len()));
    items
}

/// The parts of a sentence; `None` if it names a field that the event does not have.
fn sentence_parts(pieces: &[sentence::SentencePiece], fields: &FieldIndex<'_>) -> Option<Vec<TemplatePart>> {
    let value = |name: &String| fields.get(name).map(|(at, _)| operand(fields.rows, at));
    let part = |piece: &sentence::SentencePiece| {
        Some(match piece {
            sentence::SentencePiece::Text(text) => TemplatePart::Text(leak(text)),
            sentence::SentencePiece::Value(name) => TemplatePart::Value(value(name)?),
            sentence::SentencePiece::Number(name) => TemplatePart::Number(value(name)?),
            sentence::SentencePiece::Word(name, one, many) => {
                TemplatePart::Word(value(name)?, leak(one), leak(many))
            }
            sentence::SentencePiece::Flags(name, mask) => TemplatePart::Flags(value(name)?, *mask),
            sentence::SentencePiece::Difference(a, b) => TemplatePart::Difference(value(a)?, value(b)?),
            sentence::SentencePiece::Test(name, mask) => TemplatePart::Test(value(name)?, *mask),
            sentence::SentencePiece::Either(texts) => {
                let texts = texts.iter().map(|text| Some(&*sentence_parts(text, fields)?.leak()));
                TemplatePart::Either(texts.collect::<Option<Vec<_>>>()?.leak())
            }
        })
    };
    pieces.iter().map(part).collect()
}

/// All conditions; `None` if one names a field that the event does not have.
fn when(conditions: &[FieldCondition], fields: &FieldIndex<'_>) -> Option<When> {
    let conds: Option<Vec<Condition>> = conditions.iter().map(|cond| condition(cond, fields)).collect();
    Some(When { conds: conds?.leak(), ..When::ALWAYS })
}

/// When an event deserves notice. An alert that names a field that this layout's event does not have is
/// left out.
pub(super) fn own_alerts(own: &[&AlertDef], rows: &EventRows<'_>) -> Vec<Alert> {
    let index = FieldIndex::of(own.len(), rows);
    let alerts = own.iter().filter_map(|alert| {
        let kind = tables::ALERTS.iter().position(|kind| kind.name == alert.kind)?;
        Some(Alert { when: when(&alert.conditions, &index)?, kind: kind as u16 })
    });
    alerts.collect()
}

/// When another unit of a field is the right one: never if a condition names a field that this layout's event does
/// not have.
pub(super) fn unit_when(unit: &UnitDef, rows: &EventRows<'_>) -> &'static When {
    const NEVER: When = When { stacks: 0, ..When::ALWAYS };
    let when = when(&unit.conditions, &FieldIndex::of(1, rows)).unwrap_or(NEVER);
    Box::leak(Box::new(when))
}

/// Fields by their names; empty where no definition names one.
struct FieldIndex<'s> {
    rows: &'s EventRows<'s>,
    by_name: HashMap<&'s str, (usize, &'s StructField)>,
}

impl<'s> FieldIndex<'s> {
    fn of(definitions: usize, rows: &'s EventRows<'s>) -> FieldIndex<'s> {
        let wanted = rows.fields.iter().enumerate().filter(|_| definitions > 0);
        FieldIndex { rows, by_name: wanted.map(|(at, field)| (&*field.name, (at, field))).collect() }
    }

    /// The index of a field in its structure, and the field.
    fn get(&self, name: &str) -> Option<(usize, &'s StructField)> {
        self.by_name.get(name).copied()
    }
}

/// A condition of a schema on a field, which is looked for behind the event's header.
fn condition(cond: &FieldCondition, fields: &FieldIndex<'_>) -> Option<Condition> {
    let (_, field) = fields.get(&cond.field)?;
    let offset = field.offset + elog::EVENT_HEADER_LEN as u16;
    let (size, order, repeat) = (field.ctype.size(), ByteOrder::Host, Repeat::Once);
    let place = Place { offset, size, bits: None, low: None, minus: None, order, repeat };
    Some(Condition { member: leak(&cond.field), place, test: test(&cond.test) })
}

fn test(test: &condition::ParsedTest) -> MemberTest {
    match test {
        condition::ParsedTest::In(values) => MemberTest::In(values.clone().leak()),
        condition::ParsedTest::NotIn(values) => MemberTest::NotIn(values.clone().leak()),
        condition::ParsedTest::Above(floor) => MemberTest::Above(*floor),
        condition::ParsedTest::AnySet(mask) => MemberTest::AnySet(*mask),
        condition::ParsedTest::NoneSet(mask) => MemberTest::NoneSet(*mask),
    }
}

/// What an event does to a timer.
pub(super) fn own_timers(schema: &Schema, own: &[&TimerDef], rows: &EventRows<'_>) -> Vec<TimerStep> {
    let index = FieldIndex::of(own.len(), rows);
    let timers = own.iter().filter_map(|timer| {
        let (field, _) = index.get(&timer.field)?;
        Some(TimerStep {
            when: When::ALWAYS,
            does: timer.does,
            chain: leak(&schema.provider),
            keyed: true,
            rows: rows.of_field(field).leak(),
        })
    });
    timers.collect()
}
