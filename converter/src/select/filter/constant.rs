// SPDX-License-Identifier: BSD-2-Clause
//! A constant of an expression, in every type that its text can have.

use std::cmp::Ordering;
use std::net::{Ipv4Addr, Ipv6Addr};

use bblog_dissector::event::Value;
use bblog_dissector::spec::{FieldSpec, ValueNames};

use crate::select::named::{NamedField, OperandType};

/// A value to compare with.
#[derive(Clone, Debug)]
pub(super) struct Constant {
    text: Box<[u8]>,
    number: Option<i128>,
    /// What it is by the names that rows have for their values: row, and value.
    names: Box<[(u32, i128)]>,
    bytes: Option<Box<[u8]>>,
    /// An address, and the mask of its network.
    v4: Option<(u32, u32)>,
    v6: Option<(u128, u128)>,
}

impl Constant {
    /// `text` as a value of `field`; `None` if no such value can be.
    pub(super) fn new(text: &[u8], quoted: bool, field: &NamedField) -> Option<Constant> {
        let word = std::str::from_utf8(text).unwrap_or_default();
        let number = number(word);
        let truth = match word {
            _ if word.eq_ignore_ascii_case("true") => Some(1),
            _ if word.eq_ignore_ascii_case("false") => Some(0),
            _ => None,
        };
        let names: Vec<(u32, i128)> =
            field.rows().iter().filter_map(|row| Some((row.id, by_name(row, word)?))).collect();
        let constant = Constant {
            text: text.into(),
            number: number.or(truth),
            names: names.into(),
            bytes: if quoted { Some(text.into()) } else { hexadecimal(word) },
            v4: network(word, 32)
                .map(|(address, bits): (Ipv4Addr, u32)| (address.to_bits(), mask(bits, 32) as u32)),
            v6: network(word, 128)
                .map(|(address, bits): (Ipv6Addr, u32)| (address.to_bits(), mask(bits, 128))),
        };
        field.types().iter().any(|is| constant.can_be(*is)).then_some(constant)
    }

    fn can_be(&self, is: OperandType) -> bool {
        match is {
            OperandType::Number => self.number.is_some() || !self.names.is_empty(),
            OperandType::Text => true,
            OperandType::Bytes => self.bytes.is_some(),
            OperandType::Ipv4 => self.v4.is_some(),
            OperandType::Ipv6 => self.v6.is_some(),
            OperandType::Presence => false,
        }
    }

    /// How a value compares with this one; `None` if they have nothing in common.
    #[inline]
    pub(super) fn compare(&self, value: &Value<'_>, row: Option<&FieldSpec>) -> Option<Ordering> {
        Some(match value {
            Value::Unsigned(v) => i128::from(*v).cmp(&self.number(row)?),
            Value::Signed(v) => i128::from(*v).cmp(&self.number(row)?),
            Value::Bool(v) => (*v != 0).cmp(&(self.number(row)? != 0)),
            Value::Text(text) => (*text).cmp(&self.text),
            Value::Bytes(bytes) => (*bytes).cmp(self.bytes.as_deref()?),
            Value::Ipv4(address) => {
                let (network, mask) = self.v4?;
                (address.to_bits() & mask).cmp(&(network & mask))
            }
            Value::Ipv6(address) => {
                let (network, mask) = self.v6?;
                (address.to_bits() & mask).cmp(&(network & mask))
            }
        })
    }

    /// Its text; empty if that is not UTF-8.
    pub(super) fn text(&self) -> &str {
        std::str::from_utf8(&self.text).unwrap_or_default()
    }

    /// It as bytes.
    pub(super) fn into_bytes(self) -> Option<Box<[u8]>> {
        self.bytes
    }

    #[inline]
    fn number(&self, row: Option<&FieldSpec>) -> Option<i128> {
        let named = row.and_then(|row| self.names.iter().find(|name| name.0 == row.id));
        named.map(|name| name.1).or(self.number)
    }
}

/// An integer: decimal, hexadecimal with 0x, octal with 0.
pub(super) fn number(word: &str) -> Option<i128> {
    let (negative, digits) = match word.strip_prefix('-') {
        Some(digits) => (true, digits),
        None => (false, word),
    };
    let (digits, radix) = match digits.as_bytes() {
        [b'0', b'x' | b'X', ..] => (&digits[2..], 16),
        [b'0', _, ..] => (&digits[1..], 8),
        _ => (digits, 10),
    };
    // A sign is not for from_str_radix to take.
    let plain = digits.starts_with(|c: char| c.is_ascii_hexdigit());
    let number = i128::from(u64::from_str_radix(digits, radix).ok().filter(|_| plain)?);
    Some(if negative { -number } else { number })
}

/// The value that a row calls `word`, without regard to case.
fn by_name(row: &FieldSpec, word: &str) -> Option<i128> {
    let ValueNames::Enum(table) = row.names else { return None };
    let entry = table.values.iter().find(|(_, name)| name.eq_ignore_ascii_case(word));
    entry.map(|(value, _)| i128::from(*value))
}

/// Hexadecimal digits, two a byte, perhaps with colons between.
fn hexadecimal(word: &str) -> Option<Box<[u8]>> {
    let parts: Vec<&str> = match word.contains(':') {
        true => word.split(':').collect(),
        false => (0..word.len()).step_by(2).map(|at| word.get(at..at + 2)).collect::<Option<_>>()?,
    };
    let byte = |part: &str| {
        let digits = part.len() == 2 && part.bytes().all(|b| b.is_ascii_hexdigit());
        u8::from_str_radix(part, 16).ok().filter(|_| digits)
    };
    parts.into_iter().map(byte).collect::<Option<Vec<u8>>>().map(Vec::into)
}

/// An address, perhaps with `/` and the bits of its network.
fn network<A: std::str::FromStr>(word: &str, max: u32) -> Option<(A, u32)> {
    let (address, bits) = match word.split_once('/') {
        Some((address, bits)) => (address, bits.parse().ok().filter(|&bits| bits <= max)?),
        None => (word, max),
    };
    Some((address.parse().ok()?, bits))
}

/// The highest `bits` of `of` bits.
fn mask(bits: u32, of: u32) -> u128 {
    let all = u128::MAX >> (128 - of);
    all & u128::MAX.checked_shl(of - bits).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers() {
        let cases = [
            ("0", Some(0)),
            ("20000", Some(20000)),
            ("-5", Some(-5)),
            ("0x1F", Some(31)),
            ("034220", Some(14480)),
            ("18446744073709551615", Some(u64::MAX.into())),
            ("18446744073709551616", None),
            ("", None),
            ("-", None),
            ("--5", None),
            ("0x", None),
            ("0x-1", None),
            ("09", None),
            ("1.5", None),
        ];
        for (word, value) in cases {
            assert_eq!(number(word), value, "{word}");
        }
    }

    #[test]
    fn masks() {
        assert_eq!([mask(0, 32), mask(8, 32), mask(32, 32)], [0, 0xff00_0000, 0xffff_ffff]);
        assert_eq!([mask(0, 128), mask(128, 128)], [0, u128::MAX]);
    }

    #[test]
    fn bytes() {
        assert_eq!(hexadecimal("de:ad").as_deref(), Some(&[0xde, 0xad][..]));
        assert_eq!(hexadecimal("dead").as_deref(), Some(&[0xde, 0xad][..]));
        assert_eq!((hexadecimal("dea"), hexadecimal("d:ea"), hexadecimal("+1")), (None, None, None));
    }
}
