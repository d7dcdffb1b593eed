// SPDX-License-Identifier: BSD-2-Clause
//! The tables as data.

use std::collections::BTreeMap;

use crate::condition::ParsedTest;

/// An error in a table: file, line and what is wrong.
pub type TableError = String;

/// All tables.
#[derive(Default)]
pub struct Tables {
    pub members: BTreeMap<String, Member>,
    pub names: Vec<NameTable>,
    pub sets: BTreeMap<String, Vec<Row>>,
    pub groups: Vec<SharedRows>,
    pub alerts: Vec<AlertKind>,
    pub events: Vec<Event>,
}

/// Something that deserves notice, in any event.
pub struct AlertKind {
    pub name: String,
    pub severity: String,
    pub group: String,
    pub category: String,
    pub label: String,
}

#[derive(Clone)]
pub struct Member {
    pub offset: u16,
    pub ty: Type,
}

#[derive(Clone, Copy, PartialEq)]
pub enum Type {
    Unsigned(u16),
    Signed(u16),
    Network(u16),
    Text(u16),
}

impl Type {
    pub fn size(self) -> u16 {
        match self {
            Type::Unsigned(n) | Type::Signed(n) | Type::Network(n) | Type::Text(n) => n,
        }
    }
}

pub struct NameTable {
    pub name: String,
    pub flags: bool,
    pub values: Vec<(i64, String)>,
}

/// Rows under a filter prefix that belong to no event.
#[derive(Default)]
pub struct SharedRows {
    pub name: String,
    pub prefix: String,
    pub rows: Vec<Row>,
    pub proofs: Vec<(When, Proof)>,
    /// Which stack takes the connection over, of events that both may write.
    pub takeovers: Vec<(When, String)>,
}

#[derive(Default)]
pub struct Event {
    pub id: u32,
    pub name: String,
    pub c_name: String,
    pub former_names: Vec<(u8, String, String)>,
    pub logged_by: Vec<String>,
    pub label: String,
    pub notes: Vec<String>,
    pub rows: Vec<Row>,
    pub titles: Vec<(When, String)>,
    pub categories: Vec<(When, String)>,
    pub says: Vec<(When, String)>,
    pub beside: Vec<(When, String)>,
    pub alerts: Vec<(When, String)>,
    pub timers: Vec<(When, TimerStep)>,
    pub proofs: Vec<(When, Proof)>,
    /// Which stack wrote it, where it stands under the id of a stack that does not.
    pub takeovers: Vec<(When, String)>,
}

/// What a record proves about the stack or the kernel that wrote it.
pub struct Proof {
    /// The event of the connection's next record, if that is what proves it.
    pub next: Option<String>,
    pub stacks: Option<u8>,
    pub kernels: Option<u8>,
    pub compare: Option<Compare>,
}

/// Whether a member is above so many times another one, or not above it.
pub struct Compare {
    pub member: MemberRef,
    pub above: bool,
    pub times: u64,
    pub other: MemberRef,
}

/// What an event does to a timer.
pub struct TimerStep {
    pub verb: String,
    pub chain: String,
    pub keyed: bool,
    pub row: String,
}

#[derive(Clone, Default, PartialEq)]
pub struct When {
    pub stacks: Option<u8>,
    pub kernels: Option<u8>,
    pub conds: Vec<Condition>,
}

impl When {
    /// The more conditions, the better something fits.
    pub fn weight(&self) -> usize {
        self.conds.len() + usize::from(self.stacks.is_some()) + usize::from(self.kernels.is_some())
    }

    /// Whether it can hold where `other` does. False only if they contradict each other for certain.
    pub fn may_hold_with(&self, other: &When) -> bool {
        let overlap = |a: Option<u8>, b: Option<u8>| a.zip(b).is_none_or(|(a, b)| a & b != 0);
        let contradict = |a: &Condition, b: &Condition| {
            a.member == b.member
                && match (&a.test, &b.test) {
                    (ParsedTest::In(values), test) | (test, ParsedTest::In(values)) => {
                        !values.iter().any(|&value| passes(test, value))
                    }
                    _ => false,
                }
        };
        overlap(self.stacks, other.stacks)
            && overlap(self.kernels, other.kernels)
            && !self.conds.iter().any(|a| other.conds.iter().any(|b| contradict(a, b)))
    }

    /// Whether it holds wherever `other` does. True only if that is certain.
    pub fn follows_from(&self, other: &When) -> bool {
        let within = |set: Option<u8>, of: Option<u8>| match (set, of) {
            (None, _) => true,
            (Some(_), None) => false,
            (Some(set), Some(of)) => of & !set == 0,
        };
        let follows = |a: &Condition, b: &Condition| {
            a.member == b.member
                && match &b.test {
                    ParsedTest::In(values) => values.iter().all(|&value| passes(&a.test, value)),
                    test => a.test == *test,
                }
        };
        within(self.stacks, other.stacks)
            && within(self.kernels, other.kernels)
            && self.conds.iter().all(|a| other.conds.iter().any(|b| follows(a, b)))
    }
}

/// Whether a test holds for a value.
fn passes(test: &ParsedTest, value: u64) -> bool {
    match test {
        ParsedTest::In(values) => values.contains(&value),
        ParsedTest::NotIn(values) => !values.contains(&value),
        ParsedTest::Above(floor) => value > *floor,
        ParsedTest::AnySet(mask) => value & mask != 0,
        ParsedTest::NoneSet(mask) => value & mask == 0,
    }
}

#[derive(Clone, PartialEq)]
pub struct Condition {
    pub member: MemberRef,
    pub test: ParsedTest,
}

#[derive(Clone, PartialEq, Debug)]
pub struct MemberRef {
    pub name: String,
    pub bits: Option<(u8, u8)>,
    pub low: Option<String>,
    pub minus: Option<String>,
}

#[derive(Clone)]
pub struct Row {
    pub member: MemberRef,
    pub name: String,
    pub unit: String,
    pub signed: bool,
    pub network: bool,
    pub label: String,
    pub source: String,
    pub when: When,
    pub common: bool,
    /// Values that mean "not set".
    pub unset: Vec<(u64, u64)>,
    pub implausible: Vec<(u64, u64)>,
    /// Values from this one on are lower bounds.
    pub at_least: Option<u64>,
}
