// SPDX-License-Identifier: BSD-2-Clause
//! The language of sentences: what `say` and `beside` of the tables, and `SAY` of a schema, are
//! written in. The build script and the schema reader share this parser.
//!
//! | written | shown |
//! |---|---|
//! | `{name}` | the value, with its unit |
//! | `{name:n}` | the value as a bare number |
//! | `{name:slot/slots}` | one of two words: the first if the value is 1 |
//! | `{name&0x3f}` | the names of those flags of the value that the mask has |
//! | `{a-b}` | the difference of two values |
//! | `{?name}`, `{?name&0x4}` | nothing; counts as a value that is present if it (its masked part) is not zero |
//! | `[A\|B\|C]` | the first of the texts whose values are all present and not zero; nothing if there is none |

/// How deep brackets can be within brackets.
const MAX_DEPTH: usize = 4;
/// How many pieces a sentence can have.
const MAX_PIECES: usize = 256;

/// A piece of a sentence, with values by name.
#[derive(Clone, Debug, PartialEq, Eq, Hash)]
pub enum SentencePiece {
    /// Words.
    Text(String),
    /// A value with its unit.
    Value(String),
    /// A value without its unit.
    Number(String),
    /// The first word if a value is 1, else the second.
    Word(String, String, String),
    /// The flags of a value that a mask has.
    Flags(String, u64),
    /// The difference of two values.
    Difference(String, String),
    /// Nothing, but a condition: the masked value is not zero.
    Test(String, u64),
    /// The first text that is complete.
    Either(Vec<Vec<SentencePiece>>),
}

/// Parses a sentence.
///
/// # Errors
/// What is wrong with it.
pub fn parse(text: &str) -> Result<Vec<SentencePiece>, String> {
    let mut rest = text;
    if text.matches(['{', '[', '|']).count() > MAX_PIECES {
        return Err(format!("more than {MAX_PIECES} values and brackets"));
    }
    let pieces = pieces(&mut rest, 0)?;
    match rest.chars().next() {
        None => Ok(pieces),
        Some(c) => Err(format!("{c} without [")),
    }
}

/// Bytes that the text of a sentence can have, if that of a value can have as many as `of` says.
#[allow(dead_code, reason = "schemas are checked, the build's tables are not")]
pub fn longest(pieces: &[SentencePiece], of: &impl Fn(&str) -> usize) -> usize {
    /// Of a number with its unit.
    const NUMBER: usize = 64;
    let one = |piece: &SentencePiece| match piece {
        SentencePiece::Text(text) => text.len(),
        SentencePiece::Value(name) | SentencePiece::Number(name) | SentencePiece::Flags(name, _) => {
            NUMBER.saturating_add(of(name))
        }
        SentencePiece::Word(_, one, many) => one.len().max(many.len()),
        SentencePiece::Difference(..) => NUMBER,
        SentencePiece::Test(..) => 0,
        SentencePiece::Either(texts) => texts.iter().map(|text| longest(text, of)).max().unwrap_or(0),
    };
    pieces.iter().map(one).fold(0, usize::saturating_add)
}

/// The pieces up to the end, or within brackets up to the next `|` or `]`, which stays.
fn pieces(rest: &mut &str, depth: usize) -> Result<Vec<SentencePiece>, String> {
    let mut out = Vec::new();
    let ends: &[char] = if depth > 0 { &['{', '[', ']', '|'] } else { &['{', '[', ']'] };
    loop {
        let at = rest.find(ends).unwrap_or(rest.len());
        let (text, tail) = rest.split_at(at);
        if !text.is_empty() {
            out.push(SentencePiece::Text(text.to_owned()));
        }
        *rest = tail;
        match tail.chars().next() {
            Some('{') => {
                let (value, tail) = tail[1..].split_once('}').ok_or("{ without }")?;
                *rest = tail;
                out.push(braced(value)?);
            }
            Some('[') => {
                *rest = &tail[1..];
                out.push(either(rest, depth + 1)?);
            }
            _ => return Ok(out),
        }
    }
}

/// The texts up to the closing bracket.
fn either(rest: &mut &str, depth: usize) -> Result<SentencePiece, String> {
    if depth > MAX_DEPTH {
        return Err(format!("more than {MAX_DEPTH} brackets within each other"));
    }
    let mut texts = Vec::new();
    loop {
        texts.push(pieces(rest, depth)?);
        match rest.chars().next() {
            None => return Err("[ without ]".to_owned()),
            Some(end) => {
                *rest = &rest[1..];
                if end == ']' {
                    return Ok(SentencePiece::Either(texts));
                }
            }
        }
    }
}

/// What stands in braces.
fn braced(text: &str) -> Result<SentencePiece, String> {
    let masked = |text: &str| -> Result<(String, Option<u64>), String> {
        match text.split_once('&') {
            None => Ok((text.to_owned(), None)),
            Some((name, mask)) => {
                let digits = mask.strip_prefix("0x").ok_or_else(|| format!("{mask}: no hexadecimal mask"))?;
                let mask = u64::from_str_radix(digits, 16).map_err(|_| format!("{mask}: no mask"))?;
                Ok((name.to_owned(), Some(mask)))
            }
        }
    };
    if let Some(name) = text.strip_prefix('?') {
        let (name, mask) = masked(name)?;
        return Ok(SentencePiece::Test(name, mask.unwrap_or(u64::MAX)));
    }
    if let Some(name) = text.strip_suffix(":n") {
        return Ok(SentencePiece::Number(name.to_owned()));
    }
    if let Some((name, words)) = text.split_once(':') {
        let (one, many) = words.split_once('/').ok_or_else(|| format!("{words}: expected n or ONE/MANY"))?;
        return Ok(SentencePiece::Word(name.to_owned(), one.to_owned(), many.to_owned()));
    }
    if let Some((a, b)) = text.split_once('-') {
        return Ok(SentencePiece::Difference(a.to_owned(), b.to_owned()));
    }
    Ok(match masked(text)? {
        (name, Some(mask)) => SentencePiece::Flags(name, mask),
        (name, None) => SentencePiece::Value(name),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_form() {
        let text = |text: &str| SentencePiece::Text(text.to_owned());
        let value = |name: &str| SentencePiece::Value(name.to_owned());
        assert_eq!(parse("a | {b}").unwrap(), [text("a | "), value("b")]);
        assert_eq!(
            parse("{a:n}{b&0x3f}").unwrap(),
            [SentencePiece::Number("a".to_owned()), SentencePiece::Flags("b".to_owned(), 0x3f)]
        );
        let word = SentencePiece::Word("a".to_owned(), "entry".to_owned(), "entries".to_owned());
        assert_eq!(parse("{a:entry/entries}").unwrap(), [word]);
        assert_eq!(parse("{a-b}").unwrap(), [SentencePiece::Difference("a".to_owned(), "b".to_owned())]);
        assert_eq!(
            parse("[{?a&0x4}b|[{c}]]").unwrap(),
            [SentencePiece::Either(vec![
                vec![SentencePiece::Test("a".to_owned(), 4), text("b")],
                vec![SentencePiece::Either(vec![vec![value("c")]])]
            ])]
        );
    }

    #[test]
    fn faults() {
        assert_eq!(parse("a]").unwrap_err(), "] without [");
        assert_eq!(parse("[a").unwrap_err(), "[ without ]");
        assert_eq!(parse("{a").unwrap_err(), "{ without }");
        assert_eq!(parse("{a&3}").unwrap_err(), "3: no hexadecimal mask");
        assert_eq!(parse("{a:x}").unwrap_err(), "x: expected n or ONE/MANY");
        assert!(parse("[[[[{a}]]]]").is_ok());
        assert_eq!(parse(&"[".repeat(200)).unwrap_err(), "more than 4 brackets within each other");
        assert_eq!(parse(&"{a}".repeat(257)).unwrap_err(), "more than 256 values and brackets");
    }
}
