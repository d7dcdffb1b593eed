// SPDX-License-Identifier: BSD-2-Clause
//! Pieces of a line: text, numbers and bytes appended to it, padded to a width.

use std::io::Write;

use bblog_pcapng::escape::Escaped;

/// Bytes in hexadecimal.
pub(super) fn hex(bytes: &[u8], out: &mut Vec<u8>) {
    const DIGITS: &[u8; 16] = b"0123456789abcdef";
    for byte in bytes {
        out.extend_from_slice(&[DIGITS[usize::from(byte >> 4)], DIGITS[usize::from(byte & 15)]]);
    }
}

/// Bytes of unknown origin as safe text; those that are harmless for certain go the short way.
#[inline]
pub(super) fn text(bytes: &[u8], out: &mut Vec<u8>) {
    if bytes.iter().all(|&b| b.is_ascii_graphic() && b != b'\\') {
        out.extend_from_slice(bytes);
    } else {
        let _ = write!(out, "{}", Escaped(bytes));
    }
}

#[inline]
pub(super) fn integer(value: u64, out: &mut Vec<u8>) {
    out.extend_from_slice(itoa::Buffer::new().format(value).as_bytes());
}

/// What `write` appends, with blanks after it up to `columns`.
#[inline]
pub(super) fn left(columns: usize, out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    write(out);
    let end = out.len().max(start + columns);
    out.resize(end, b' ');
}

/// What `write` appends, with blanks before it up to `columns`.
#[inline]
pub(super) fn right(columns: usize, out: &mut Vec<u8>, write: impl FnOnce(&mut Vec<u8>)) {
    let start = out.len();
    write(out);
    let blanks = columns.saturating_sub(out.len() - start);
    out.resize(out.len() + blanks, b' ');
    out[start..].rotate_right(blanks);
}
