// SPDX-License-Identifier: BSD-2-Clause
//! The one model of both logs: an [`Event`] with its [`Field`]s, decoded by a table.
//!
//! Decoding is lazy: an event is its bytes and its rows, and [`Event::fields`] reads them one by
//! one. Nothing is allocated.

use std::num::NonZeroU32;
use std::ops::Range;

use crate::bblog::{Record, TCPINFO_LEN, Verbose};
use crate::cursor::Cursor;
use crate::elog::{EVENT_HEADER_LEN, RawEvent, SESSION_CREATE};
use crate::spec::{
    ALL, AlertSpec, Category, Compare, Condition, EventSpec, FieldSpec, Kernel, MemberTest, Place, Proof,
    Repeat, SentenceValue, Stack, TimerStep, UNKNOWN, ValueKind, When,
};
use crate::tables;

mod byte_set;
mod context;
mod field;
mod place;

use place::{number, plain, tail_len, value};

pub use byte_set::ByteSet;
pub use context::RecordContext;
pub(crate) use field::RowValue;
pub use field::{Field, Value};

/// Which of an event's rows.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RowGroup {
    /// Those of [`Event::fields`].
    Own,
    /// Those of [`Event::common`].
    Common,
    /// Those of [`Event::derived`].
    Derived,
    /// Those of [`Event::raw`].
    Raw,
}

/// One event of either log.
#[derive(Clone, Copy)]
pub struct Event<'a> {
    spec: &'static EventSpec,
    common: &'static [FieldSpec],
    /// The whole record or ELOG event.
    bytes: &'a [u8],
    /// Where the event's own values begin.
    at: usize,
    /// The event flags of a BBLog record; all for eventlog.
    flags: u16,
    cx: RecordContext,
}

impl<'a> Event<'a> {
    /// A BBLog record's event. A number that no table has decodes as
    /// [`UNKNOWN`]; its members can be had from [`Event::raw`].
    ///
    /// A record that a stack wrote while it took the connection over, under the id of the stack before it, is
    /// decoded as that of the stack that wrote it, as far as the tables cover it; [`Event::stack`] is that stack.
    #[inline]
    pub fn of_record(record: &Record<'a>, cx: RecordContext) -> Event<'a> {
        let event = Event {
            spec: tables::event(record.event_id()).unwrap_or(&UNKNOWN),
            common: tables::RECORD,
            bytes: record.known_bytes(),
            at: 0,
            flags: record.flags().0,
            cx,
        };
        let is_writer = event.spec.writers & cx.stack.bit() != 0;
        match cx.stack {
            // Code outside the stacks also writes such events. Only under the default stack's id is a takeover recognised.
            Stack::Freebsd if !is_writer || event.spec.writers == ALL => event.taken_over(),
            Stack::Rack | Stack::Bbr if !is_writer => event.taken_over(),
            _ => event,
        }
    }

    /// The same event, of the stack that takes the connection over if one does.
    #[cold]
    fn taken_over(mut self) -> Event<'a> {
        let mut takeovers = self.spec.takeovers.iter();
        if let Some(takeover) = takeovers.find(|takeover| self.holds(&takeover.when)) {
            self.cx.stack = takeover.stack;
        }
        self
    }

    /// The stack by which the record is decoded.
    pub fn stack(&self) -> Stack {
        self.cx.stack
    }

    /// The kernel by which the record is decoded.
    pub fn kernel(&self) -> Kernel {
        self.cx.kernel
    }

    /// What decided on the meaning of the record: the stack is [`Event::stack`].
    #[inline]
    pub fn context(&self) -> RecordContext {
        self.cx
    }

    /// An eventlog event that `spec` describes.
    #[inline]
    pub fn of_elog(event: &RawEvent<'a>, spec: &'static EventSpec) -> Event<'a> {
        Event {
            spec,
            common: tables::ELOG_HEADER,
            bytes: event.as_bytes(),
            at: EVENT_HEADER_LEN,
            flags: u16::MAX,
            cx: RecordContext::default(),
        }
    }

    /// The same eventlog event, of a machine with so many ticks per second (kern.hz); `None` if they are not known.
    #[must_use]
    pub fn with_hz(mut self, hz: Option<NonZeroU32>) -> Event<'a> {
        self.cx.hz = hz;
        self
    }

    /// Bytes that are no record and no event, for the rows of a group.
    pub(crate) fn bare(bytes: &'a [u8], cx: RecordContext) -> Event<'a> {
        Event { spec: &UNKNOWN, common: &[], bytes, at: 0, flags: u16::MAX, cx }
    }

    /// The values of a group's rows.
    pub(crate) fn group(&self, rows: &'static [FieldSpec]) -> Fields<'a> {
        self.rows(rows, 0)
    }

    /// The table entry.
    pub fn spec(&self) -> &'static EventSpec {
        self.spec
    }

    /// The event's short name on the kernel that wrote it: `IN`, `HPTSI_CALC`.
    pub fn name(&self) -> &'static str {
        self.spec.name_on(self.cx.kernel)
    }

    /// The record's or event's bytes, to which the fields' ranges are relative.
    pub fn as_bytes(&self) -> &'a [u8] {
        self.bytes
    }

    /// The values of this event, in the table's order: rows whose conditions hold and whose bytes
    /// are there.
    pub fn fields(&self) -> Fields<'a> {
        self.rows(self.spec.fields, self.at)
    }

    /// The values that every record or event of this log has.
    pub fn common(&self) -> Fields<'a> {
        self.rows(self.common, 0)
    }

    /// What follows from a BBLog record's members and analysts compute by hand: bytes in flight,
    /// sequence numbers relative to the initial one. Computed values, not logged ones.
    pub fn derived(&self) -> Fields<'a> {
        let rows = if self.at == 0 { tables::DERIVED } else { &[] };
        self.rows(rows, 0)
    }

    /// The members of a BBLog record's union as they are, without meaning: flex1 and so on.
    /// Nothing for eventlog, whose values are all named.
    pub fn raw(&self) -> Fields<'a> {
        let rows = if self.at == 0 { tables::RAW } else { &[] };
        self.rows(rows, 0)
    }

    /// The rows of a group, whether they apply to this event or not.
    #[inline]
    pub fn rows_of(&self, group: RowGroup) -> &'static [FieldSpec] {
        let is_bblog = self.at == 0;
        match group {
            RowGroup::Own => self.spec.fields,
            RowGroup::Common => self.common,
            RowGroup::Derived if is_bblog => tables::DERIVED,
            RowGroup::Raw if is_bblog => tables::RAW,
            RowGroup::Derived | RowGroup::Raw => &[],
        }
    }

    /// The values of one row of a group, by its index among the group's rows: those that the group
    /// has of it, which is one at most unless the row is a tail.
    #[inline]
    pub fn one(&self, group: RowGroup, index: usize) -> Fields<'a> {
        let rows = self.rows_of(group);
        let at = if group == RowGroup::Own { self.at } else { 0 };
        Fields { next: index, end: index.saturating_add(1).min(rows.len()), ..self.rows(rows, at) }
    }

    /// The value of one row of a group, by its index among the group's rows; of a tail the first. What
    /// [`Event::one`] gives first, at less cost.
    #[inline]
    pub fn value_at(&self, group: RowGroup, index: usize) -> Option<Field<'a>> {
        let rows = self.rows_of(group);
        let spec = rows.get(index)?;
        if spec.place.repeat != Repeat::Once {
            return self.one(group, index).next();
        }
        let at = if group == RowGroup::Own { self.at } else { 0 };
        if self.applies(rows, spec) { self.read_row(spec, at, 0) } else { None }
    }

    /// Whether the condition of a row of this event holds. Another row may take its place nevertheless.
    #[inline]
    pub fn may_apply(&self, spec: &FieldSpec) -> bool {
        self.holds(spec.when)
    }

    /// The value called `name`, of the event's own values or else the common ones.
    pub fn get(&self, name: &str) -> Option<Field<'a>> {
        self.fields().chain(self.common()).find(|field| field.spec.name == name)
    }

    /// For eventlog: the payload ends before the structure does, so its last values are missing.
    pub fn is_truncated(&self) -> bool {
        !self.is_bare_create() && self.bytes.len() < self.at + usize::from(self.spec.size)
    }

    /// For eventlog: bytes after the structure, which a newer schema may name.
    pub fn trailing(&self) -> Range<usize> {
        if self.at == 0 {
            return self.bytes.len()..self.bytes.len();
        }
        let size = usize::from(self.spec.size);
        // A field's own row is the one without conditions.
        let end = match self.spec.fields.iter().rev().find(|row| row.when.conds.is_empty()) {
            Some(FieldSpec { place, .. }) if place.repeat != Repeat::Once => {
                let len = tail_len(self.payload(), place);
                usize::from(place.offset) + len
            }
            _ => size,
        };
        (self.at + end).min(self.bytes.len())..self.bytes.len()
    }

    /// The event's plain name: `timer armed`. Empty if the tables have none.
    pub fn title(&self) -> &'static str {
        self.best(self.spec.titles, |title| &title.when).map_or("", |title| title.words)
    }

    /// What it is about: the category of the first alert that it is, or else its own.
    pub fn category(&self) -> Category {
        let own = || self.best(self.spec.categories, |own| &own.when).map(|own| own.category);
        self.alerts().next().map(|alert| alert.category).or_else(own).unwrap_or_default()
    }

    /// The first item that holds. The best items stand first.
    #[inline]
    pub(crate) fn best<T>(&self, items: &'static [T], when: impl Fn(&T) -> &When) -> Option<&'static T> {
        items.iter().find(|item| self.holds(when(item)))
    }

    /// Why it deserves notice, if it does.
    pub fn alerts(&self) -> impl Iterator<Item = &'static AlertSpec> {
        let holding = self.spec.alerts.iter().filter(|alert| self.holds(&alert.when));
        holding.filter_map(|alert| tables::ALERTS.get(usize::from(alert.kind)))
    }

    /// What it does to a timer, and the value that names the timer.
    pub fn timer(&self) -> Option<(&'static TimerStep, Option<Field<'a>>)> {
        let step = self.spec.timers.iter().find(|step| self.holds(&step.when))?;
        let named = self.first(self.spec.fields, step.rows, self.at);
        Some((step, named.map(|RowValue { spec, value, .. }| self.field(spec, value, self.at, 0))))
    }

    /// Whether the record proves it, which is a row of its event or of all records. The context's stack decides which
    /// conditions hold; its kernel does not.
    #[inline]
    pub fn proves(&self, proof: &Proof) -> bool {
        self.holds(&proof.when) && proof.compare.as_ref().is_none_or(|compare| self.compares(compare))
    }

    /// A SESSION_CREATE may come without a payload, even if the schema defines one.
    pub(crate) fn is_bare_create(&self) -> bool {
        self.spec.id == SESSION_CREATE && self.at == self.bytes.len()
    }

    /// The bytes behind the header of an eventlog event; `None` for BBLog.
    pub(crate) fn payload_of_elog(&self) -> Option<&'a [u8]> {
        (self.at != 0).then(|| self.payload().0)
    }

    fn payload(&self) -> Cursor<'a> {
        Cursor(self.bytes.get(self.at..).unwrap_or_default())
    }

    fn rows(&self, rows: &'static [FieldSpec], at: usize) -> Fields<'a> {
        Fields { event: *self, rows, at, next: 0, end: rows.len(), holds_until: 0, tail: None }
    }

    /// Most conditions are of stack and kernel alone: no call for those.
    #[inline(always)]
    fn holds(&self, when: &When) -> bool {
        self.may_hold(when) && (when.conds.is_empty() || self.meets_all(when.conds))
    }

    #[inline(never)]
    fn meets_all(&self, conds: &[Condition]) -> bool {
        conds.iter().all(|cond| self.meets(cond))
    }

    #[inline]
    fn meets(&self, cond: &Condition) -> bool {
        let Some(value) = plain(Cursor(self.bytes), &cond.place) else { return false };
        match cond.test {
            MemberTest::In(values) => values.contains(&value),
            MemberTest::NotIn(values) => !values.contains(&value),
            MemberTest::Above(floor) => value > floor,
            MemberTest::AnySet(mask) => value & mask != 0,
            MemberTest::NoneSet(mask) => value & mask == 0,
        }
    }

    /// Whether two members compare as required.
    fn compares(&self, compare: &Compare) -> bool {
        let value = |place: &Place| number(Cursor(self.bytes), place, usize::from(place.offset));
        let (Some(value), Some(other)) = (value(&compare.place), value(&compare.other)) else { return false };
        (value > other.saturating_mul(compare.times)) == compare.above
    }

    /// Whether `spec`, one of `rows`, applies to this event.
    #[inline]
    fn applies(&self, rows: &'static [FieldSpec], spec: &'static FieldSpec) -> bool {
        self.holds(spec.when) && !self.yields(rows, spec)
    }

    /// Whether another row takes the place of `spec`.
    #[inline]
    fn yields(&self, rows: &'static [FieldSpec], spec: &'static FieldSpec) -> bool {
        spec.yields_to.iter().any(|&other| rows.get(usize::from(other)).is_some_and(|r| self.holds(r.when)))
    }

    /// The value that a sentence names.
    #[inline]
    pub(crate) fn operand(&self, operand: &SentenceValue) -> Option<RowValue<'a>> {
        if operand.is_certain
            && let Some(value) = self.certain(operand)
        {
            return Some(value);
        }
        self.first_of(operand)
    }

    /// The value of the first row that a sentence names, which applies if its member is valid.
    #[inline]
    fn certain(&self, operand: &SentenceValue) -> Option<RowValue<'a>> {
        let (rows, found, at) = match operand {
            SentenceValue { own: [found, ..], .. } => (self.spec.fields, found, self.at),
            SentenceValue { common: [found, ..], .. } => (self.common, found, 0),
            SentenceValue { derived: [found, ..], .. } => (tables::DERIVED, found, 0),
            _ => return None,
        };
        let spec = rows.get(usize::from(*found))?;
        if self.flags & spec.when.flags == spec.when.flags { self.row_value(spec, at) } else { None }
    }

    /// Of the rows that a sentence names the first that applies.
    fn first_of(&self, operand: &SentenceValue) -> Option<RowValue<'a>> {
        let derived = if self.at == 0 { operand.derived } else { &[] };
        self.first(self.spec.fields, operand.own, self.at)
            .or_else(|| self.first(self.common, operand.common, 0))
            .or_else(|| self.first(tables::DERIVED, derived, 0))
    }

    /// Whether bytes that the tables describe are missing at the end.
    #[inline]
    pub(crate) fn is_short(&self) -> bool {
        if self.at == 0 { self.bytes.len() < TCPINFO_LEN } else { self.is_truncated() }
    }

    /// Whether the bytes end before a value that would apply to this stack and kernel.
    pub(crate) fn lacks(&self, operand: &SentenceValue) -> bool {
        let derived = if self.at == 0 { operand.derived } else { &[] };
        self.lacks_own(operand.own)
            || self.lacks_row(self.common, operand.common, 0)
            || self.lacks_row(tables::DERIVED, derived, 0)
    }

    /// As [`Event::lacks`], of the event's rows with these indexes.
    pub(crate) fn lacks_own(&self, indexes: &[u16]) -> bool {
        self.lacks_row(self.spec.fields, indexes, self.at)
    }

    fn lacks_row(&self, rows: &[FieldSpec], indexes: &[u16], at: usize) -> bool {
        let mut rows = indexes.iter().filter_map(|&index| rows.get(usize::from(index)));
        rows.any(|row| self.may_hold(row.when) && self.lies_beyond(&row.place, at))
    }

    /// Whether the bytes end before a member that a condition for this stack and kernel is about.
    pub(crate) fn lacks_condition(&self, when: &When) -> bool {
        self.may_hold(when) && when.conds.iter().any(|cond| self.lies_beyond(&cond.place, 0))
    }

    /// Whether a condition holds but for what it says of members.
    #[inline]
    fn may_hold(&self, when: &When) -> bool {
        when.stacks & self.cx.stack.bit() != 0
            && when.kernels & self.cx.kernel.bit() != 0
            && self.flags & when.flags == when.flags
    }

    fn lies_beyond(&self, place: &Place, at: usize) -> bool {
        let last =
            [Some(place.offset), place.low, place.minus].into_iter().flatten().max().unwrap_or_default();
        at + usize::from(last) + usize::from(place.size) > self.bytes.len()
    }

    /// The value of the event's row with this index, or of the row that takes its place.
    pub(crate) fn own(&self, index: u16) -> Option<RowValue<'a>> {
        let others = self.spec.fields.get(usize::from(index)).map_or(&[][..], |row| row.yields_to);
        let rows = self.spec.fields;
        self.first(rows, &[index], self.at).or_else(|| self.first(rows, others, self.at))
    }

    /// Of the rows with these indexes the first that applies.
    fn first(&self, rows: &'static [FieldSpec], indexes: &[u16], at: usize) -> Option<RowValue<'a>> {
        indexes
            .iter()
            .filter_map(|&index| rows.get(usize::from(index)))
            .find_map(|spec| if self.applies(rows, spec) { self.row_value(spec, at) } else { None })
    }

    /// The value of `spec`, without the place where it is.
    #[inline]
    fn row_value(&self, spec: &'static FieldSpec, at: usize) -> Option<RowValue<'a>> {
        let bytes = Cursor(self.bytes.get(at..)?);
        Some(RowValue { spec, value: value(bytes, spec, usize::from(spec.place.offset))?, hz: self.cx.hz })
    }

    /// The value of `spec`; an element of a tail lies `skip` bytes further on.
    #[inline]
    pub(crate) fn read_row(&self, spec: &'static FieldSpec, at: usize, skip: usize) -> Option<Field<'a>> {
        let bytes = Cursor(self.bytes.get(at..)?);
        let value = value(bytes, spec, usize::from(spec.place.offset) + skip)?;
        Some(self.field(spec, value, at, skip))
    }

    /// A value with the place where it is.
    #[inline]
    fn field(&self, spec: &'static FieldSpec, value: Value<'a>, at: usize, skip: usize) -> Field<'a> {
        let start = at + usize::from(spec.place.offset) + skip;
        Field { spec, value, range: start..start + usize::from(spec.place.size), hz: self.cx.hz }
    }
}

/// The values of a verbose part. Their ranges are relative to it.
pub fn verbose<'a>(verbose: &Verbose<'a>) -> Fields<'a> {
    Event::bare(verbose.as_bytes(), RecordContext::default()).group(tables::VERBOSE)
}

/// Iterator over an event's values.
#[derive(Clone)]
pub struct Fields<'a> {
    event: Event<'a>,
    rows: &'static [FieldSpec],
    at: usize,
    next: usize,
    /// Rows from this one on are not looked at.
    end: usize,
    /// The rows before this one have a `when` that is known to hold.
    holds_until: usize,
    /// Within a variable-length tail: elements given, and how many there are.
    tail: Option<(usize, usize)>,
}

impl<'a> Iterator for Fields<'a> {
    type Item = Field<'a>;

    fn next(&mut self) -> Option<Field<'a>> {
        while self.next < self.end
            && let Some(spec) = self.rows.get(self.next)
        {
            if let Repeat::Tail { .. } = spec.place.repeat {
                if let Some(field) = self.next_of_tail(spec) {
                    return Some(field);
                }
                self.tail = None;
                self.next += 1;
                continue;
            }
            if self.next >= self.holds_until {
                if !self.event.holds(spec.when) {
                    self.next += usize::from(spec.span.max(1));
                    continue;
                }
                self.holds_until = self.next + usize::from(spec.span);
            }
            self.next += 1;
            if !self.event.yields(self.rows, spec)
                && let Some(field) = self.event.read_row(spec, self.at, 0)
            {
                return Some(field);
            }
        }
        None
    }

    /// What `for_each` and the like come to: one loop, without going in and out for each value.
    #[inline]
    fn fold<B, F: FnMut(B, Field<'a>) -> B>(mut self, init: B, mut with: F) -> B {
        let (event, rows, at) = (self.event, self.rows, self.at);
        let Some(bytes) = event.bytes.get(at..).map(Cursor) else { return init };
        let mut folded = init;
        while self.next < self.end
            && let Some(spec) = rows.get(self.next)
        {
            if let Repeat::Tail { .. } = spec.place.repeat {
                while let Some(field) = self.next_of_tail(spec) {
                    folded = with(folded, field);
                }
                self.tail = None;
                self.next += 1;
                continue;
            }
            if self.next >= self.holds_until {
                if !event.holds(spec.when) {
                    self.next += usize::from(spec.span.max(1));
                    continue;
                }
                self.holds_until = self.next + usize::from(spec.span);
            }
            self.next += 1;
            let first = usize::from(spec.place.offset);
            if (spec.yields_to.is_empty() || !event.yields(rows, spec))
                && let Some(value) = value(bytes, spec, first)
            {
                let start = at + first;
                let range = start..start + usize::from(spec.place.size);
                folded = with(folded, Field { spec, value, range, hz: event.cx.hz });
            }
        }
        folded
    }
}

impl<'a> Fields<'a> {
    /// The next element of a tail. Single bytes are given together, as bytes.
    fn next_of_tail(&mut self, spec: &'static FieldSpec) -> Option<Field<'a>> {
        let size = usize::from(spec.place.size).max(1);
        let len = tail_len(Cursor(self.event.bytes.get(self.at..)?), &spec.place);
        let (given, count) =
            self.tail.unwrap_or((0, if spec.kind == ValueKind::Bytes { 1 } else { len / size }));
        if given >= count || len == 0 {
            return None;
        }
        self.tail = Some((given + 1, count));
        if spec.kind == ValueKind::Bytes {
            let start = self.at + usize::from(spec.place.offset);
            let bytes = self.event.bytes.get(start..start + len)?;
            return Some(Field { spec, value: Value::Bytes(bytes), range: start..start + len, hz: None });
        }
        self.event.read_row(spec, self.at, given * size)
    }
}
