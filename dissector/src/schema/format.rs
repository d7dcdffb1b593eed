// SPDX-License-Identifier: BSD-2-Clause
//! The format of an event's text.

/// A piece of an event's format.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FormatPiece<'a> {
    /// Words.
    Text(&'a str),
    /// `%N`, the Nth field of the structure from 1.
    Field(usize),
    /// A conversion of printf(3), whole: `%u`, `%08lx`. It takes the next field.
    Printf(&'a str),
}

/// A format in pieces. One that has any `%N` has no conversions; one that has none takes the
/// fields in order, one for each conversion.
pub fn pieces(format: &str) -> Vec<FormatPiece<'_>> {
    let numbered =
        format.as_bytes().windows(2).any(|w| w[0] == b'%' && w[1].is_ascii_digit() && w[1] != b'0');
    let mut out = Vec::new();
    let mut rest = format;
    while let Some(at) = rest.find('%') {
        let (text, tail) = rest.split_at(at);
        let after = &tail[1..];
        let (piece, len) = if numbered {
            let digits = after.bytes().take_while(u8::is_ascii_digit).count();
            match after[..digits].parse() {
                Ok(number) => (FormatPiece::Field(number), 1 + digits),
                Err(_) => (FormatPiece::Text("%"), 1),
            }
        } else if after.starts_with('%') {
            (FormatPiece::Text("%"), 2)
        } else {
            match after.find(|c: char| c.is_ascii_alphabetic() && !"hlqjzt".contains(c)) {
                Some(end) => (FormatPiece::Printf(&tail[..end + 2]), end + 2),
                None => (FormatPiece::Text("%"), 1),
            }
        };
        if !text.is_empty() {
            out.push(FormatPiece::Text(text));
        }
        out.push(piece);
        rest = &tail[len..];
    }
    if !rest.is_empty() {
        out.push(FormatPiece::Text(rest));
    }
    out
}
