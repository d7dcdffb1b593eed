// SPDX-License-Identifier: BSD-2-Clause
//! Values as JSON.

use std::io::Write;

use bblog_dissector::event::Value;

use crate::escape::JsonString;

/// The largest integer that every reader of JSON holds exactly: 2^53 - 1.
pub const MAX_NUMBER: u64 = (1 << 53) - 1;

/// A value.
#[inline]
pub fn value(value: &Value<'_>, out: &mut Vec<u8>) {
    match *value {
        Value::Unsigned(v) => unsigned(v, out),
        Value::Signed(v) => signed(v, out),
        Value::Bool(0) => out.extend_from_slice(b"false"),
        Value::Bool(1) => out.extend_from_slice(b"true"),
        Value::Bool(v) => unsigned(v, out),
        Value::Text(bytes) => text(bytes, out),
        Value::Bytes(bytes) => hex(bytes, out),
        Value::Ipv4(address) => drop(write!(out, "\"{address}\"")),
        Value::Ipv6(address) => drop(write!(out, "\"{address}\"")),
    }
}

/// An unsigned integer.
#[inline]
pub fn unsigned(value: u64, out: &mut Vec<u8>) {
    let mut buffer = itoa::Buffer::new();
    let digits = buffer.format(value).as_bytes();
    if value <= MAX_NUMBER {
        out.extend_from_slice(digits);
    } else {
        quoted(digits, out);
    }
}

/// A signed integer.
#[inline]
pub fn signed(value: i64, out: &mut Vec<u8>) {
    let mut buffer = itoa::Buffer::new();
    let digits = buffer.format(value).as_bytes();
    if value.unsigned_abs() <= MAX_NUMBER {
        out.extend_from_slice(digits);
    } else {
        quoted(digits, out);
    }
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
    out.push(b'"');
    for byte in bytes {
        out.extend_from_slice(&[DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
    }
    out.push(b'"');
}
