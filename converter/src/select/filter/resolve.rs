// SPDX-License-Identifier: BSD-2-Clause
//! Resolves [`Expr`] to tests: names become fields, words become values.

use bblog_analysis::Timer;
use bblog_dissector::catalog::Catalog;
use bblog_dissector::event::Value;
use bblog_dissector::spec::{Kernel, UNKNOWN};
use bblog_dissector::tables;
use regex_lite::RegexBuilder;

use super::ast::{Element, Expr, Op, Operand, Quantity, Term};
use super::constant::{self, Constant};
use super::error::FilterError;
use super::eval::{EventTest, Leaf, MaskedField, Relation, ValueTest};
use crate::select::named::{self, ComputedField, NamedField, OperandType};

/// Resolves `expr`, which was parsed from `text`.
///
/// # Errors
/// A name that no field has, or a value that its field cannot have.
pub(super) fn resolve(expr: &Expr, text: &str, catalog: &Catalog) -> Result<EventTest, FilterError> {
    Resolver { text, catalog }.test(expr)
}

struct Resolver<'a> {
    text: &'a str,
    catalog: &'a Catalog,
}

type Resolved<T> = Result<T, FilterError>;

impl Resolver<'_> {
    fn test(&self, expr: &Expr) -> Resolved<EventTest> {
        Ok(match expr {
            Expr::Or(all) => EventTest::Any(self.tests(all)?),
            Expr::And(all) => EventTest::All(self.tests(all)?),
            Expr::Not(inner) => EventTest::Not(Box::new(self.test(inner)?)),
            Expr::Test(operand) => {
                let side = self.side(operand)?;
                let ask = if side.mask.is_some() { ValueTest::NotZero } else { ValueTest::Presence };
                leaf(Leaf { side, all: false, ask })
            }
            Expr::Compare { quantity, left, op, right } => self.compare(*quantity, left, *op, right)?,
            Expr::In { field, negated, set } => {
                let side = self.side(field)?;
                let range = |element: &Element| {
                    let (low, high) = match element {
                        Element::One(one) => (one, one),
                        Element::Range(low, high) => (low, high),
                    };
                    if matches!(element, Element::One(_)) {
                        self.value(low, &side)?;
                    }
                    Ok((self.constant(low, &side)?, self.constant(high, &side)?))
                };
                let ranges = set.iter().map(range).collect::<Resolved<_>>()?;
                let test = leaf(Leaf { side, all: false, ask: ValueTest::In(ranges) });
                if *negated { EventTest::Not(Box::new(test)) } else { test }
            }
        })
    }

    /// Tests that all have to be made, or one after the other until one holds: cheap ones first.
    fn tests(&self, all: &[Expr]) -> Resolved<Box<[EventTest]>> {
        let mut tests = all.iter().map(|expr| self.test(expr)).collect::<Resolved<Vec<EventTest>>>()?;
        tests.sort_by_key(EventTest::cost);
        Ok(tests.into())
    }

    fn compare(&self, quantity: Quantity, left: &Operand, op: Op, right: &Operand) -> Resolved<EventTest> {
        let (relation, all) = match op {
            Op::Eq => (Relation::Eq, false),
            Op::AllEq => (Relation::Eq, true),
            Op::Ne => (Relation::Ne, true),
            Op::AnyNe => (Relation::Ne, false),
            Op::Gt => (Relation::Gt, false),
            Op::Ge => (Relation::Ge, false),
            Op::Lt => (Relation::Lt, false),
            Op::Le => (Relation::Le, false),
            Op::Contains | Op::Matches => {
                let side = self.side(left)?;
                let ask = self.part(op, right, &side)?;
                return Ok(leaf(Leaf { side, all: quantity == Quantity::All, ask }));
            }
        };
        let all = match quantity {
            Quantity::Unsaid => all,
            Quantity::Any => false,
            Quantity::All => true,
        };
        let is_field = |operand: &Operand| self.field(&operand.term).is_some();
        match (is_field(left), is_field(right)) {
            (true, true) => {
                let (left, right) = (self.side(left)?, self.comparable(right, left)?);
                Ok(EventTest::Fields { left, right, relation, all })
            }
            // A value first: the other way round.
            (false, true) if left.mask.is_none() => {
                let side = self.side(right)?;
                if matches!(relation, Relation::Eq | Relation::Ne) {
                    self.value(&left.term, &side)?;
                }
                let ask = ValueTest::Compare(relation.reversed(), self.constant(&left.term, &side)?);
                Ok(leaf(Leaf { side, all, ask }))
            }
            _ => {
                let side = self.side(left)?;
                if let Some(mask) = &right.mask {
                    return Err(self.wrong(mask, "bits are taken of a field, not of a value"));
                }
                if matches!(relation, Relation::Eq | Relation::Ne) {
                    self.value(&right.term, &side)?;
                }
                let ask = ValueTest::Compare(relation, self.constant(&right.term, &side)?);
                Ok(leaf(Leaf { side, all, ask }))
            }
        }
    }

    /// What `contains` and `matches` ask.
    fn part(&self, op: Op, part: &Operand, side: &MaskedField) -> Resolved<ValueTest> {
        let term = &part.term;
        let types = side.field.types();
        let fits = |is: OperandType| side.mask.is_none() && types.contains(&is);
        let name = side.field.name();
        if let Some(mask) = &part.mask {
            return Err(self.wrong(mask, "expected text only"));
        }
        if op == Op::Contains {
            if !fits(OperandType::Text) && !fits(OperandType::Bytes) {
                return Err(self.wrong(term, format!("{name} is no text and no bytes that could contain it")));
            }
            let constant = Constant::new(&term.text, term.quoted, &side.field);
            let hexadecimal = constant.filter(|_| !fits(OperandType::Text)).and_then(Constant::into_bytes);
            return Ok(ValueTest::Contains(hexadecimal.unwrap_or_else(|| term.text.clone().into())));
        }
        if !fits(OperandType::Text) {
            return Err(self.wrong(term, format!("{name} is no text that could match it")));
        }
        let pattern = String::from_utf8_lossy(&term.text);
        let regex = RegexBuilder::new(&pattern).case_insensitive(true).build();
        let regex = regex.map_err(|error| self.wrong(term, format!("not a regular expression: {error}")))?;
        Ok(ValueTest::Matches(Box::new(regex)))
    }

    fn side(&self, operand: &Operand) -> Resolved<MaskedField> {
        let term = &operand.term;
        let Some(field) = self.field(term) else { return Err(self.unknown(term)) };
        let mask = match &operand.mask {
            None => None,
            Some(mask) => {
                if field.types() != [OperandType::Number] {
                    return Err(self.wrong(mask, format!("{} is no number with bits", field.name())));
                }
                let word = std::str::from_utf8(&mask.text).unwrap_or_default();
                let number = constant::number(word).and_then(|number| u64::try_from(number).ok());
                Some(number.ok_or_else(|| self.wrong(mask, "expected a number that says which bits"))?)
            }
        };
        Ok(MaskedField { field, mask })
    }

    /// `operand`, which must have something in common with `other`.
    fn comparable(&self, operand: &Operand, other: &Operand) -> Resolved<MaskedField> {
        let (side, other) = (self.side(operand)?, self.side(other)?);
        let types = other.field.types();
        if types.contains(&OperandType::Presence) || !side.field.types().iter().any(|is| types.contains(is)) {
            let (a, b) = (other.field.name(), side.field.name());
            return Err(self.wrong(&operand.term, format!("{a} and {b} cannot be compared")));
        }
        Ok(side)
    }

    fn field(&self, term: &Term) -> Option<NamedField> {
        let name = std::str::from_utf8(&term.text).ok().filter(|_| !term.quoted)?;
        NamedField::find(self.catalog, name)
    }

    fn unknown(&self, term: &Term) -> FilterError {
        let name = String::from_utf8_lossy(&term.text);
        let nearest = NamedField::nearest(self.catalog, &name);
        let hint = nearest.map_or_else(String::new, |name| format!("; did you mean {name}?"));
        self.wrong(term, format!("no field is called {name}{hint}"))
    }

    /// Checks that `term` is one of the values that the field can have, where they are known: a name
    /// that no event has would select nothing, without a word.
    fn value(&self, term: &Term, side: &MaskedField) -> Resolved<()> {
        let Some(values) = side.field.values(self.catalog) else { return Ok(()) };
        if values.iter().any(|value| value.as_bytes() == &term.text[..]) {
            return Ok(());
        }
        let text = String::from_utf8_lossy(&term.text);
        let is_timer = Timer::ALL.iter().find(|timer| timer.name().eq_ignore_ascii_case(&text));
        let hint = match (side.field.fact(), is_timer, named::most_alike(values, &text)) {
            (Some(ComputedField::Event), Some(timer), _) => {
                format!("; a timer that fired is bblog.timer_fired == {}", timer.name())
            }
            (_, _, Some(alike)) => format!("; did you mean {alike}?"),
            _ => String::new(),
        };
        let what = match side.field.fact() {
            Some(ComputedField::Event) => "event",
            Some(ComputedField::TimerFired) => "timer",
            Some(ComputedField::Limit) => "limit",
            Some(ComputedField::Retransmission) => "cause of a retransmission",
            Some(ComputedField::Alert) => "alert",
            Some(ComputedField::Category) => "category",
            _ => "value",
        };
        Err(self.wrong(term, format!("no {what} is called {text}{hint}")))
    }

    fn constant(&self, term: &Term, side: &MaskedField) -> Resolved<Constant> {
        let constant = Constant::new(&term.text, term.quoted, &side.field);
        constant.ok_or_else(|| {
            let (name, text) = (side.field.name(), String::from_utf8_lossy(&term.text));
            let is = match side.field.types().first() {
                Some(OperandType::Number) => "a number or one of its names",
                Some(OperandType::Bytes) => "bytes in hexadecimal or text in quotes",
                Some(OperandType::Ipv4) => "an IPv4 address or network",
                Some(OperandType::Ipv6) => "an IPv6 address or network",
                Some(OperandType::Text) => "text",
                Some(OperandType::Presence) | None => "nothing to compare with: it is there or not",
            };
            self.wrong(term, format!("{text} is no value of {name}, which is {is}"))
        })
    }

    fn wrong(&self, term: &Term, what: impl Into<String>) -> FilterError {
        // As long as it stands in the text, which for text in quotes is not the length of its value.
        let rest = self.text.get(term.at..).unwrap_or_default();
        let len = if term.quoted { quoted_len(rest) } else { term.text.len() };
        FilterError::new(self.text, term.at, len, what)
    }
}

/// The length of the text in quotes that `rest` begins with.
fn quoted_len(rest: &str) -> usize {
    let open = rest.find('"').map_or(0, |at| at + 1);
    let mut escaped = false;
    for (at, c) in rest.char_indices().skip_while(|(at, _)| *at < open) {
        match c {
            '"' if !escaped => return at + 1,
            _ => escaped = c == '\\' && !escaped,
        }
    }
    rest.len()
}

/// A leaf. If it tests only the event's name, it has the results for all BBLog events.
fn leaf(leaf: Leaf) -> EventTest {
    if leaf.side.field.fact() != Some(ComputedField::Event) {
        return EventTest::Leaf(leaf);
    }
    let mut table = Box::new([[false; 256]; 3]);
    for kernel in [Kernel::Freebsd13, Kernel::Freebsd14, Kernel::Main] {
        for (id, answer) in table[kernel as usize].iter_mut().enumerate() {
            let spec = tables::event(id as u8).unwrap_or(&UNKNOWN);
            *answer = leaf.holds_for(&Value::Text(spec.name_on(kernel).as_bytes()));
        }
    }
    EventTest::Name(table, leaf)
}
