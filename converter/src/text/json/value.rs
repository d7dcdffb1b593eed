// SPDX-License-Identifier: BSD-2-Clause
//! Values as JSON.

use std::io::Write;

use bblog_dissector::event::Value;
use bblog_pcapng::escape::JsonString;

/// The largest integer that every reader of JSON holds exactly: 2^53 - 1.
pub const MAX_NUMBER: u64 = (1 << 53) - 1;

/// A value.
pub fn value(value: &Value<'_>, out: &mut Vec<u8>) {
    match *value {
        Value::Text(bytes) => text(bytes, out),
        Value::Bytes(bytes) => hex(bytes, out),
        Value::Ipv4(address) => drop(write!(out, "\"{address}\"")),
        Value::Ipv6(address) => drop(write!(out, "\"{address}\"")),
        Value::Unsigned(_) | Value::Signed(_) | Value::Bool(_) => {
            out.extend_from_slice(Digits::default().of(value));
        }
    }
}

/// The text of a number or truth value, to be copied.
#[derive(Default)]
pub struct Digits {
    digits: itoa::Buffer,
    quoted: [u8; 24],
}

impl Digits {
    /// The text of `value`; nothing if it is no number.
    #[inline]
    pub fn of(&mut self, value: &Value<'_>) -> &[u8] {
        let (digits, size) = match *value {
            Value::Bool(0) => return b"false",
            Value::Bool(1) => return b"true",
            Value::Unsigned(v) | Value::Bool(v) => (self.digits.format(v), v),
            Value::Signed(v) => (self.digits.format(v), v.unsigned_abs()),
            _ => return b"",
        };
        if size <= MAX_NUMBER {
            return digits.as_bytes();
        }
        let len = digits.len();
        self.quoted[0] = b'"';
        self.quoted[1..=len].copy_from_slice(digits.as_bytes());
        self.quoted[len + 1] = b'"';
        &self.quoted[..len + 2]
    }
}

/// An unsigned integer.
#[inline]
pub fn unsigned(number: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(Digits::default().of(&Value::Unsigned(number)));
}

/// A signed integer.
#[inline]
pub fn signed(number: i64, out: &mut Vec<u8>) {
    out.extend_from_slice(Digits::default().of(&Value::Signed(number)));
}

#[inline]
fn quoted(digits: &[u8], out: &mut Vec<u8>) {
    out.push(b'"');
    out.extend_from_slice(digits);
    out.push(b'"');
}

/// Text as a string.
#[inline]
pub fn text(bytes: &[u8], out: &mut Vec<u8>) {
    if is_plain(bytes) {
        return quoted(bytes, out);
    }
    string(&String::from_utf8_lossy(bytes), out);
}

/// Whether text stands for itself in a string.
#[inline]
fn is_plain(bytes: &[u8]) -> bool {
    bytes.iter().all(|&b| matches!(b, b' '..=b'~') && b != b'"' && b != b'\\')
}

/// A string, escaped.
#[inline]
pub fn string(text: &str, out: &mut Vec<u8>) {
    if is_plain(text.as_bytes()) {
        return quoted(text.as_bytes(), out);
    }
    escaped(text, out);
}

#[cold]
fn escaped(text: &str, out: &mut Vec<u8>) {
    // A Vec takes everything.
    let _ = write!(out, "{}", JsonString(text));
}

/// Bytes as a string of hexadecimal digits.
pub fn hex(bytes: &[u8], out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    out.reserve(2 * bytes.len() + 2);
    out.push(b'"');
    for byte in bytes {
        out.extend_from_slice(&[DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
    }
    out.push(b'"');
}
