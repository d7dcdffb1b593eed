// SPDX-License-Identifier: BSD-2-Clause
//! The tests of an expression on an event, with names and values resolved. Evaluation allocates nothing.

use std::cmp::Ordering;
use std::net::Ipv6Addr;

use bblog_dissector::event::Value;
use bblog_dissector::spec::FieldSpec;
use regex_lite::Regex;

use super::constant::Constant;
use crate::event::decode::DecodedItem;
use crate::event::item::LogItem;
use crate::select::named::{Named, Scratch};

/// Buffers for values; two, since a comparison of fields has two values at a time.
#[derive(Debug, Default)]
pub(super) struct Scratches {
    left: Scratch,
    right: Scratch,
}

/// A test of an event.
#[derive(Debug)]
pub(super) enum Test {
    All(Box<[Test]>),
    Any(Box<[Test]>),
    Not(Box<Test>),
    Leaf(Leaf),
    /// A test of nothing but the event's name: the answers for BBLog by kernel and number.
    Name(Box<[[bool; 256]; 3]>, Leaf),
    /// Two fields.
    Fields {
        left: Side,
        right: Side,
        relation: Relation,
        all: bool,
    },
}

/// A field, and the bits of it that count.
#[derive(Debug)]
pub(super) struct Side {
    pub(super) field: Named,
    pub(super) mask: Option<u64>,
}

/// A test of the values of one field.
#[derive(Debug)]
pub(super) struct Leaf {
    pub(super) side: Side,
    /// All values have to meet it, and there has to be one; else one is enough.
    pub(super) all: bool,
    pub(super) ask: Ask,
}

/// A test of a value.
#[derive(Debug)]
pub(super) enum Ask {
    /// That it is there.
    Presence,
    /// That it is not 0.
    NotZero,
    Compare(Relation, Constant),
    /// That it is in one of these ranges.
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

impl Test {
    #[inline]
    pub(super) fn holds(&self, decoded: &DecodedItem<'_>, scratches: &mut Scratches) -> bool {
        match self {
            Test::All(tests) => tests.iter().all(|test| test.holds(decoded, scratches)),
            Test::Any(tests) => tests.iter().any(|test| test.holds(decoded, scratches)),
            Test::Not(test) => !test.holds(decoded, scratches),
            Test::Leaf(leaf) => leaf.holds(decoded, &mut scratches.left),
            Test::Name(table, leaf) => match &decoded.item {
                LogItem::Bblog(item) => {
                    table[item.origin.context().kernel as usize][usize::from(item.record.event_id())]
                }
                LogItem::Eventlog(_) => leaf.holds(decoded, &mut scratches.left),
            },
            Test::Fields { left, right, relation, all } => {
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
            Test::All(tests) | Test::Any(tests) => tests.iter().any(Test::follows),
            Test::Not(test) => test.follows(),
            Test::Leaf(leaf) => leaf.side.field.follows(),
            Test::Name(..) => false,
            Test::Fields { left, right, .. } => left.field.follows() || right.field.follows(),
        }
    }

    /// The names of events that it selects: not those that it excludes.
    pub(super) fn event_names(&self) -> Vec<&str> {
        match self {
            Test::All(tests) | Test::Any(tests) => tests.iter().flat_map(Test::event_names).collect(),
            Test::Name(_, leaf) => match &leaf.ask {
                Ask::Compare(Relation::Eq, name) => vec![name.text()],
                Ask::In(ranges) => ranges.iter().map(|range| range.0.text()).collect(),
                _ => Vec::new(),
            },
            Test::Not(_) | Test::Leaf(_) | Test::Fields { .. } => Vec::new(),
        }
    }

    /// Its approximate cost. Cheaper tests come first.
    pub(super) fn cost(&self) -> u32 {
        match self {
            Test::Name(..) => 0,
            Test::Leaf(leaf) => leaf.cost(),
            Test::Fields { left, right, .. } => left.cost() + right.cost(),
            Test::Not(test) => test.cost(),
            Test::All(tests) | Test::Any(tests) => tests.iter().map(Test::cost).fold(1, u32::saturating_add),
        }
    }
}

impl Side {
    #[inline]
    fn any(
        &self,
        decoded: &DecodedItem<'_>,
        scratch: &mut Scratch,
        mut found: impl FnMut(&Value<'_>, Option<&'static FieldSpec>) -> bool,
    ) -> bool {
        self.field.any(decoded, scratch, |value, row| match self.mask {
            None => found(value, row),
            Some(mask) => {
                value.as_int().is_some_and(|number| found(&Value::Unsigned(number as u64 & mask), None))
            }
        })
    }

    fn cost(&self) -> u32 {
        use crate::select::named::Fact;
        match self.field.fact() {
            None | Some(Fact::Number | Fact::IsFrame | Fact::IsEventlog | Fact::IsBblog) => 2,
            Some(Fact::Summary) => 1000,
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
            Ask::Matches(_) => 100,
            Ask::Contains(_) => 5,
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

impl Ask {
    #[inline]
    fn holds(&self, value: &Value<'_>, row: Option<&'static FieldSpec>) -> bool {
        match self {
            Ask::Presence => true,
            Ask::NotZero => !value.is_zero(),
            Ask::Compare(relation, constant) => relation.holds(constant.compare(value, row)),
            Ask::In(ranges) => ranges.iter().any(|(low, high)| {
                Relation::Ge.holds(low.compare(value, row)) && Relation::Le.holds(high.compare(value, row))
            }),
            Ask::Contains(part) => text(value).is_some_and(|text| contains(text, part)),
            Ask::Matches(regex) => {
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
