// SPDX-License-Identifier: BSD-2-Clause
//! One decoded value.

use std::net::{Ipv4Addr, Ipv6Addr};
use std::num::NonZeroU32;
use std::ops::Range;

use crate::spec::{FieldSpec, ValueNames};

/// One decoded value and the row that says what it is.
#[derive(Clone, Debug)]
pub struct Field<'a> {
    /// The row.
    pub spec: &'static FieldSpec,
    /// The value as logged, before any unit is applied.
    pub value: Value<'a>,
    /// The bytes it was read from, relative to the record (BBLog), the verbose part, or the whole
    /// ELOG event with its header.
    pub range: Range<usize>,
    /// Ticks per second where the value was logged, to show ticks as time; `None` if it is not known.
    pub hz: Option<NonZeroU32>,
}

/// A value and the row that says what it is, without the bytes it was read from: what a text needs.
#[derive(Clone, Copy, Debug)]
pub(crate) struct RowValue<'a> {
    pub(crate) spec: &'static FieldSpec,
    pub(crate) value: Value<'a>,
    pub(crate) hz: Option<NonZeroU32>,
}

impl RowValue<'_> {
    /// As [`Field::is_unset`].
    #[inline]
    pub(crate) fn is_unset(&self) -> bool {
        self.spec.is_unset(&self.value)
    }

    /// As [`Field::is_implausible`].
    pub(crate) fn is_implausible(&self) -> bool {
        self.spec.is_implausible(&self.value)
    }

    /// As [`Field::is_lower_bound`].
    #[inline]
    pub(crate) fn is_lower_bound(&self) -> bool {
        self.spec.is_lower_bound(&self.value)
    }
}

impl<'a> Field<'a> {
    /// What a text needs of it.
    #[inline]
    pub(crate) fn row_value(&self) -> RowValue<'a> {
        RowValue { spec: self.spec, value: self.value, hz: self.hz }
    }
}

impl Field<'_> {
    /// The name of the value, if each value of the number has a name: `ESTABLISHED`.
    pub fn value_name(&self) -> Option<&'static str> {
        match self.spec.names {
            ValueNames::Enum(table) => table.get(self.value.as_int()?),
            ValueNames::Flags(_) | ValueNames::None => None,
        }
    }

    /// Whether the value is one that means "not set", or an [implausible](Field::is_implausible) one: no number to count
    /// with.
    #[inline]
    pub fn is_unset(&self) -> bool {
        self.spec.is_unset(&self.value)
    }

    /// Whether the value is one that no kernel writes, as a window above the largest that TCP has.
    #[inline]
    pub fn is_implausible(&self) -> bool {
        self.spec.is_implausible(&self.value)
    }

    /// Whether the value is a lower bound: the kernel cut it, or it wrapped.
    #[inline]
    pub fn is_lower_bound(&self) -> bool {
        self.spec.is_lower_bound(&self.value)
    }

    /// Whether the value is a number whose bits have names, and the bits called `name` are set.
    pub fn has_flag(&self, name: &str) -> bool {
        let ValueNames::Flags(table) = self.spec.names else { return false };
        let mask = table.value(name).unwrap_or(0);
        self.value.as_int().is_some_and(|value| mask != 0 && value & mask == mask)
    }
}

impl FieldSpec {
    /// Whether a value of this row is one that means "not set", or an implausible one.
    #[inline]
    pub fn is_unset(&self, value: &Value<'_>) -> bool {
        !self.unset.is_empty() && is_within(self.unset, value)
    }

    /// Whether a value of this row is one that no kernel writes.
    fn is_implausible(&self, value: &Value<'_>) -> bool {
        !self.implausible.is_empty() && is_within(self.implausible, value)
    }

    /// Whether a value of this row is a lower bound.
    #[inline]
    fn is_lower_bound(&self, value: &Value<'_>) -> bool {
        self.at_least.is_some_and(|least| value.as_int().is_some_and(|value| value as u64 >= least))
    }
}

fn is_within(ranges: &[(u64, u64)], value: &Value<'_>) -> bool {
    let is_within = |value: i64| ranges.iter().any(|&(from, to)| (from..=to).contains(&(value as u64)));
    value.as_int().is_some_and(is_within)
}

/// A value.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Value<'a> {
    /// Unsigned integer.
    Unsigned(u64),
    /// Signed integer.
    Signed(i64),
    /// Truth value, with the number that stood there.
    Bool(u64),
    /// Text up to the first NUL; any bytes.
    Text(&'a [u8]),
    /// Raw bytes.
    Bytes(&'a [u8]),
    /// An IPv4 address.
    Ipv4(Ipv4Addr),
    /// An IPv6 address.
    Ipv6(Ipv6Addr),
}

impl Value<'_> {
    /// The value as an integer, if it is one: unsigned ones above `i64::MAX` wrap.
    pub fn as_int(&self) -> Option<i64> {
        match *self {
            Value::Unsigned(v) | Value::Bool(v) => Some(v as i64),
            Value::Signed(v) => Some(v),
            _ => None,
        }
    }

    /// Whether it is the number 0, or empty.
    pub fn is_zero(&self) -> bool {
        match self {
            Value::Unsigned(v) | Value::Bool(v) => *v == 0,
            Value::Signed(v) => *v == 0,
            Value::Text(bytes) | Value::Bytes(bytes) => bytes.is_empty(),
            Value::Ipv4(addr) => addr.is_unspecified(),
            Value::Ipv6(addr) => addr.is_unspecified(),
        }
    }
}
