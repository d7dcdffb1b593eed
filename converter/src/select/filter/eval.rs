// SPDX-License-Identifier: BSD-2-Clause
//! The tests of an expression on an event, with names and values resolved. Evaluation allocates nothing.

use std::cmp::Ordering;
use std::net::Ipv6Addr;

use bblog_dissector::event::Value;
use bblog_dissector::spec::FieldSpec;
use bblog_dissector::tables;
use regex_lite::Regex;

use super::constant::Constant;
use crate::event::decode::DecodedItem;
use crate::event::item::LogItem;
use crate::select::named::{ComputedField, NamedField, Scratch};

/// Buffers for values; two, since a comparison of fields has two values at a time.
#[derive(Debug, Default)]
pub(super) struct Scratches {
    left: Scratch,
    right: Scratch,
}

/// A test of an event.
#[derive(Debug)]
pub(super) enum EventTest {
    All(Box<[EventTest]>),
    Any(Box<[EventTest]>),
    Not(Box<EventTest>),
    Leaf(Leaf),
    /// A test of nothing but the event's name: the answers for BBLog by kernel and number.
    Name(Box<[[bool; 256]; 3]>, Leaf),
    /// Two fields.
    Fields {
        left: MaskedField,
        right: MaskedField,
        relation: Relation,
        all: bool,
    },
}

/// A field, and the bits of it that count.
#[derive(Debug)]
pub(super) struct MaskedField {
    pub(super) field: NamedField,
    pub(super) mask: Option<u64>,
}

/// A test of the values of one field.
#[derive(Debug)]
pub(super) struct Leaf {
    pub(super) side: MaskedField,
    /// All values have to meet it, and there has to be one; else one is enough.
    pub(super) all: bool,
    pub(super) ask: ValueTest,
}

/// A test of a value.
#[derive(Debug)]
pub(super) enum ValueTest {
    /// It is present.
    Presence,
    /// It is not 0.
    NotZero,
    Compare(Relation, Constant),
    /// It is in one of these ranges.
    In(Box<[(Constant, Constant)]>),
    Contains(Box<[u8]>),
    Matches(Box<Regex>),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Relation {
    Eq,
    Ne,
    Lt,
    Le,
    Gt,
    Ge,
}

impl Relation {
    /// The relation with its sides changed.
    pub(super) fn reversed(self) -> Relation {
        match self {
            Relation::Lt => Relation::Gt,
            Relation::Le => Relation::Ge,
            Relation::Gt => Relation::Lt,
            Relation::Ge => Relation::Le,
            same => same,
        }
    }

    /// Whether it holds; things that have nothing in common are only not equal.
    #[inline]
    fn holds(self, order: Option<Ordering>) -> bool {
        let Some(order) = order else { return self == Relation::Ne };
        match self {
            Relation::Eq => order.is_eq(),
            Relation::Ne => order.is_ne(),
            Relation::Lt => order.is_lt(),
            Relation::Le => order.is_le(),
            Relation::Gt => order.is_gt(),
            Relation::Ge => order.is_ge(),
        }
    }
}

impl EventTest {
    #[inline]
    pub(super) fn holds(&self, decoded: &DecodedItem<'_>, scratches: &mut Scratches) -> bool {
        match self {
            EventTest::All(tests) => tests.iter().all(|test| test.holds(decoded, scratches)),
            EventTest::Any(tests) => tests.iter().any(|test| test.holds(decoded, scratches)),
            EventTest::Not(test) => !test.holds(decoded, scratches),
            EventTest::Leaf(leaf) => leaf.holds(decoded, &mut scratches.left),
            EventTest::Name(table, leaf) => match &decoded.item {
                LogItem::Bblog(item) => {
                    table[item.origin.context().kernel as usize][usize::from(item.record.event_id())]
                }
                LogItem::Eventlog(_) => leaf.holds(decoded, &mut scratches.left),
            },
            EventTest::Fields { left, right, relation, all } => {
                let Scratches { left: one, right: other } = scratches;
                every_or_some(*all, |decide| {
                    left.any(decoded, one, |a, _| {
                        right.any(decoded, other, |b, _| decide(relation.holds(compare(a, b))))
                    })
                })
            }
        }
    }

    /// Whether it uses the analysis of connections.
    pub(super) fn follows(&self) -> bool {
        match self {
            EventTest::All(tests) | EventTest::Any(tests) => tests.iter().any(EventTest::follows),
            EventTest::Not(test) => test.follows(),
            EventTest::Leaf(leaf) => leaf.side.field.follows(),
            EventTest::Name(..) => false,
            EventTest::Fields { left, right, .. } => left.field.follows() || right.field.follows(),
        }
    }

    /// The values of `fact` that it selects: not those that it excludes.
    pub(super) fn selects(&self, fact: ComputedField) -> Vec<&str> {
        match self {
            EventTest::All(tests) | EventTest::Any(tests) => {
                tests.iter().flat_map(|test| test.selects(fact)).collect()
            }
            EventTest::Name(_, leaf) | EventTest::Leaf(leaf) if leaf.side.field.fact() == Some(fact) => {
                match &leaf.ask {
                    ValueTest::Compare(Relation::Eq, value) => vec![value.text()],
                    ValueTest::In(ranges) => ranges.iter().map(|range| range.0.text()).collect(),
                    _ => Vec::new(),
                }
            }
            EventTest::Not(_) | EventTest::Name(..) | EventTest::Leaf(_) | EventTest::Fields { .. } => {
                Vec::new()
            }
        }
    }

    /// Its approximate cost. Cheaper tests come first.
    pub(super) fn cost(&self) -> u32 {
        match self {
            EventTest::Name(..) => 0,
            EventTest::Leaf(leaf) => leaf.cost(),
            EventTest::Fields { left, right, .. } => left.cost() + right.cost(),
            EventTest::Not(test) => test.cost(),
            EventTest::All(tests) | EventTest::Any(tests) => {
                tests.iter().map(EventTest::cost).fold(1, u32::saturating_add)
            }
        }
    }
}

/// Whether the row is a member of every BBLog record: Wireshark's own fields, which hold it as it was logged.
fn is_shared(row: &FieldSpec) -> bool {
    tables::RECORD
        .first()
        .is_some_and(|first| (first.id..first.id + tables::RECORD.len() as u32).contains(&row.id))
}

impl MaskedField {
    #[inline]
    fn any(
        &self,
        decoded: &DecodedItem<'_>,
        scratch: &mut Scratch,
        mut found: impl FnMut(&Value<'_>, Option<&'static FieldSpec>) -> bool,
    ) -> bool {
        self.field.any(decoded, scratch, |value, row| match self.mask {
            // As in Wireshark: it is absent.
            _ if row.is_some_and(|row| row.is_unset(value) && !is_shared(row)) => false,
            None => found(value, row),
            Some(mask) => {
                value.as_int().is_some_and(|number| found(&Value::Unsigned(number as u64 & mask), None))
            }
        })
    }

    fn cost(&self) -> u32 {
        use crate::select::named::ComputedField;
        match self.field.fact() {
            None
            | Some(
                ComputedField::Number
                | ComputedField::IsFrame
                | ComputedField::IsEventlog
                | ComputedField::IsBblog,
            ) => 2,
            Some(ComputedField::Summary) => 1000,
            Some(_) => 10,
        }
    }
}

impl Leaf {
    #[inline]
    fn holds(&self, decoded: &DecodedItem<'_>, scratch: &mut Scratch) -> bool {
        every_or_some(self.all, |decide| {
            self.side.any(decoded, scratch, |value, row| decide(self.ask.holds(value, row)))
        })
    }

    /// Whether it holds for this single value.
    pub(super) fn holds_for(&self, value: &Value<'_>) -> bool {
        self.ask.holds(value, None)
    }

    fn cost(&self) -> u32 {
        let ask = match self.ask {
            ValueTest::Matches(_) => 100,
            ValueTest::Contains(_) => 5,
            _ => 0,
        };
        self.side.cost() + ask
    }
}

/// Looks at values with `look`, whose argument takes whether one of them meets the test and says
/// whether that decides. With `all` every one has to, and there has to be one; else one.
#[inline]
fn every_or_some(all: bool, look: impl FnOnce(&mut dyn FnMut(bool) -> bool) -> bool) -> bool {
    if !all {
        return look(&mut |holds| holds);
    }
    let mut there = false;
    let refuted = look(&mut |holds| {
        there = true;
        !holds
    });
    there && !refuted
}

impl ValueTest {
    #[inline]
    fn holds(&self, value: &Value<'_>, row: Option<&'static FieldSpec>) -> bool {
        match self {
            ValueTest::Presence => true,
            ValueTest::NotZero => !value.is_zero(),
            ValueTest::Compare(relation, constant) => relation.holds(constant.compare(value, row)),
            ValueTest::In(ranges) => ranges.iter().any(|(low, high)| {
                Relation::Ge.holds(low.compare(value, row)) && Relation::Le.holds(high.compare(value, row))
            }),
            ValueTest::Contains(part) => text(value).is_some_and(|text| contains(text, part)),
            ValueTest::Matches(regex) => {
                text(value).is_some_and(|text| regex.is_match(&String::from_utf8_lossy(text)))
            }
        }
    }
}

fn text<'a>(value: &Value<'a>) -> Option<&'a [u8]> {
    match *value {
        Value::Text(bytes) | Value::Bytes(bytes) => Some(bytes),
        _ => None,
    }
}

fn contains(whole: &[u8], part: &[u8]) -> bool {
    part.is_empty() || whole.windows(part.len()).any(|window| window == part)
}

/// How two values compare; `None` if they have nothing in common.
fn compare(a: &Value<'_>, b: &Value<'_>) -> Option<Ordering> {
    let number = |value: &Value<'_>| match *value {
        Value::Unsigned(v) => Some(i128::from(v)),
        Value::Signed(v) => Some(i128::from(v)),
        Value::Bool(v) => Some((v != 0).into()),
        _ => None,
    };
    let address = |value: &Value<'_>| -> Option<(bool, Ipv6Addr)> {
        match *value {
            Value::Ipv4(address) => Some((false, address.to_ipv6_mapped())),
            Value::Ipv6(address) => Some((true, address)),
            _ => None,
        }
    };
    match (number(a), number(b), text(a), text(b), address(a), address(b)) {
        (Some(a), Some(b), ..) => Some(a.cmp(&b)),
        (_, _, Some(a), Some(b), ..) => Some(a.cmp(b)),
        (.., Some(a), Some(b)) if a.0 == b.0 => Some(a.1.cmp(&b.1)),
        _ => None,
    }
}
