// SPDX-License-Identifier: BSD-2-Clause
//! Summaries: the sentences of the tables with the values of an event.

use std::fmt::{self, Write};

use crate::event::{Event, RowValue, Value};
use crate::spec::{SentenceValue, SummaryTemplate, TemplatePart, Unit, ValueNames};
use crate::text::{self, InitialSeqs};

/// A sentence about an event; see [`Event::summary`].
#[derive(Clone, Copy)]
pub struct Summary<'e, 'a> {
    event: &'e Event<'a>,
    templates: &'static [SummaryTemplate],
    beside: bool,
    style: InitialSeqs,
}

/// How many values the summary of an event without a sentence of its own shows.
const DEFAULT_VALUES: usize = 4;

impl<'a> Event<'a> {
    /// One line that says what happened, our wording, with numbers as logged.
    pub fn summary(&self) -> Summary<'_, 'a> {
        self.summary_in(InitialSeqs::default())
    }

    /// One line that says what happened, with numbers as `style` has them.
    pub fn summary_in(&self, style: InitialSeqs) -> Summary<'_, 'a> {
        Summary::new(self, style)
    }

    /// What a listing adds to the packet that this event is; empty for most.
    pub fn beside_packet(&self, style: InitialSeqs) -> Summary<'_, 'a> {
        Summary::beside(self, style)
    }
}

impl fmt::Display for Summary<'_, '_> {
    fn fmt(&self, out: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.write_to(out)
    }
}

impl<'e, 'a> Summary<'e, 'a> {
    /// What happened.
    pub(crate) fn new(event: &'e Event<'a>, style: InitialSeqs) -> Summary<'e, 'a> {
        Summary { event, templates: event.spec().says, beside: false, style }
    }

    /// What is to be added to the packet.
    pub(crate) fn beside(event: &'e Event<'a>, style: InitialSeqs) -> Summary<'e, 'a> {
        Summary { event, templates: event.spec().beside, beside: true, style }
    }

    /// Writes the sentence: what `{}` does, without its detours.
    ///
    /// # Errors
    /// Those of `out`.
    pub fn write_to<W: Write>(&self, out: &mut W) -> fmt::Result {
        let event = self.event;
        if !self.beside && event.is_bare_create() {
            return out.write_str("session opened");
        }
        if event.is_short() && self.templates.iter().any(|template| self.is_cut(template)) {
            let title = event.title();
            out.write_str(if title.is_empty() { event.spec().label } else { title })?;
            return out.write_str("; its values are cut off");
        }
        if let Some(best) = event.best(self.templates, |template| &template.when) {
            return self.parts(out, best.parts);
        }
        if self.beside { Ok(()) } else { self.values(out) }
    }

    /// What is written where no sentence fits: the first of the event's own values.
    fn values<W: Write>(&self, out: &mut W) -> fmt::Result {
        let event = self.event;
        out.write_str(event.spec().label)?;
        let own = event.fields().filter(|field| !field.spec.common);
        for (at, field) in own.take(DEFAULT_VALUES).enumerate() {
            out.write_str(if at == 0 { ": " } else { ", " })?;
            out.write_str(field.spec.name)?;
            out.write_char(' ')?;
            field.write_in(out, true, self.style)?;
        }
        Ok(())
    }

    fn parts<W: Write>(&self, out: &mut W, parts: &'static [TemplatePart]) -> fmt::Result {
        parts.iter().try_for_each(|part| self.part(out, part))
    }

    fn part<W: Write>(&self, out: &mut W, part: &'static TemplatePart) -> fmt::Result {
        match part {
            TemplatePart::Text(text) => out.write_str(text),
            TemplatePart::Test(..) => Ok(()),
            TemplatePart::Word(of, one, many) => {
                let value = self.event.operand(of).filter(|field| !field.is_unset());
                let is_one = value.is_some_and(|field| field.value.as_int() == Some(1));
                out.write_str(if is_one { one } else { many })
            }
            TemplatePart::Either(texts) => {
                let complete = texts.iter().find(|text| self.is_complete(text));
                complete.map_or(Ok(()), |text| self.parts(out, text))
            }
            TemplatePart::Difference(a, b) => match self.difference(a, b) {
                Some((value, unit)) => text::quantity(out, value, unit, self.style, None),
                None => out.write_str("?"),
            },
            TemplatePart::Value(of) | TemplatePart::Number(of) | TemplatePart::Flags(of, _) => {
                match self.event.operand(of) {
                    Some(field) => self.value(out, part, &field),
                    None => out.write_str("?"),
                }
            }
            TemplatePart::Printf(_, index) => match self.event.own(*index) {
                Some(field) => field.write_in(out, true, self.style),
                None => out.write_str("?"),
            },
        }
    }

    fn value<W: Write>(&self, out: &mut W, part: &TemplatePart, field: &RowValue<'_>) -> fmt::Result {
        match (part, field.spec.names, field.value.as_int()) {
            (TemplatePart::Flags(_, mask), ValueNames::Flags(table), Some(value)) => {
                text::flags(out, table, value as u64 & mask)
            }
            (TemplatePart::Number(_), ValueNames::None, Some(value)) if !field.is_unset() => {
                text::quantity(out, value, Unit::None, self.style, None)
            }
            _ => field.write_in(out, true, self.style),
        }
    }

    /// The difference of two values, and its unit.
    fn difference(&self, a: &SentenceValue, b: &SentenceValue) -> Option<(i64, Unit)> {
        let set = |of: &SentenceValue| self.event.operand(of).filter(|field| !field.is_unset());
        let (a, b) = (set(a)?, set(b)?);
        let (unit, value) = (a.spec.unit, a.value.as_int()?.wrapping_sub(b.value.as_int()?));
        let sequence = matches!(unit, Unit::Seq | Unit::PeerSeq);
        Some(if sequence { (i64::from(value as u32), Unit::Bytes) } else { (value, unit) })
    }

    /// Whether the bytes end before something that the sentence is about, or that decides whether it is the right one.
    #[cold]
    fn is_cut(&self, template: &'static SummaryTemplate) -> bool {
        self.event.lacks_condition(&template.when) || self.lacks(template.parts)
    }

    fn lacks(&self, parts: &'static [TemplatePart]) -> bool {
        parts.iter().any(|part| match part {
            TemplatePart::Text(_) => false,
            TemplatePart::Either(texts) => texts.iter().any(|text| self.lacks(text)),
            TemplatePart::Difference(a, b) => self.event.lacks(a) || self.event.lacks(b),
            TemplatePart::Value(of)
            | TemplatePart::Number(of)
            | TemplatePart::Word(of, ..)
            | TemplatePart::Flags(of, _)
            | TemplatePart::Test(of, _) => self.event.lacks(of),
            TemplatePart::Printf(_, index) => self.event.lacks_own(&[*index]),
        })
    }

    /// Whether every value of the parts is present, set and not zero.
    fn is_complete(&self, parts: &'static [TemplatePart]) -> bool {
        let is_there = |found: &RowValue<'_>| !found.value.is_zero() && !found.is_unset();
        let there = |of: &SentenceValue| self.event.operand(of).filter(is_there);
        let masked = |of: &SentenceValue, mask: u64| {
            there(of).is_some_and(|found| match found.value {
                Value::Unsigned(_) | Value::Signed(_) | Value::Bool(_) => {
                    found.value.as_int().is_some_and(|value| value as u64 & mask != 0)
                }
                _ => true,
            })
        };
        parts.iter().all(|part| match part {
            TemplatePart::Text(_) | TemplatePart::Word(..) | TemplatePart::Either(_) => true,
            TemplatePart::Value(of) | TemplatePart::Number(of) => there(of).is_some(),
            TemplatePart::Flags(of, mask) | TemplatePart::Test(of, mask) => masked(of, *mask),
            // A negative one comes of values of different moments.
            TemplatePart::Difference(a, b) => self.difference(a, b).is_some_and(|(value, _)| value > 0),
            TemplatePart::Printf(_, index) => self.event.own(*index).as_ref().is_some_and(is_there),
        })
    }
}
