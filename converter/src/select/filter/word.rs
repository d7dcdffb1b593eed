// SPDX-License-Identifier: BSD-2-Clause
//! The words of a filter: fields and values, texts in quotes, operators and blanks, and where one is refused.

use winnow::combinator::{alt, cut_err, not, opt, peek, preceded, repeat, terminated};
use winnow::error::{AddContext, ErrMode, ParserError};
use winnow::prelude::*;
use winnow::stream::{LocatingSlice, Location, Stateful, Stream};
use winnow::token::{any, one_of, take_while};

use super::ast::Term;

/// Words that are no fields or values unless they stand in quotes.
pub(super) const KEYWORDS: [&str; 21] = [
    "and",
    "or",
    "not",
    "in",
    "any",
    "all",
    "eq",
    "ne",
    "gt",
    "ge",
    "lt",
    "le",
    "contains",
    "matches",
    "any_eq",
    "all_eq",
    "any_ne",
    "all_ne",
    "bitand",
    "xor",
    "bitwise_and",
];

/// The text, and how deep parsing is in it.
pub(super) type ParseInput<'i> = Stateful<LocatingSlice<&'i str>, u32>;
pub(super) type ParseResult<O> = Result<O, ErrMode<Refusal>>;

/// Where parsing cannot go on.
#[derive(Debug)]
pub(super) struct Refusal {
    pub(super) at: usize,
    pub(super) expected: &'static str,
}

impl<'i> ParserError<ParseInput<'i>> for Refusal {
    type Inner = Refusal;

    fn from_input(input: &ParseInput<'i>) -> Refusal {
        Refusal { at: input.input.current_token_start(), expected: "" }
    }

    fn into_inner(self) -> Result<Refusal, Refusal> {
        Ok(self)
    }
}

impl<'i> AddContext<ParseInput<'i>, &'static str> for Refusal {
    /// The innermost context says most.
    fn add_context(
        self,
        input: &ParseInput<'i>,
        start: &<ParseInput<'i> as Stream>::Checkpoint,
        expected: &'static str,
    ) -> Refusal {
        if !self.expected.is_empty() {
            return self;
        }
        let mut begin = *input;
        begin.reset(start);
        Refusal { at: begin.input.current_token_start(), expected }
    }
}

/// The word or character that text begins with.
pub(super) fn found(rest: &str) -> &str {
    let word = rest.find(|c: char| !is_word(c)).unwrap_or(rest.len());
    match (word, rest.chars().next()) {
        (0, Some(c)) => &rest[..c.len_utf8()],
        _ => &rest[..word],
    }
}

pub(super) fn refuse(input: &ParseInput<'_>, expected: &'static str) -> ErrMode<Refusal> {
    ErrMode::Cut(Refusal { at: input.input.current_token_start(), expected })
}

/// A word, or text in quotes.
pub(super) fn term(input: &mut ParseInput<'_>) -> ParseResult<Term> {
    spaces(input)?;
    let at = input.input.current_token_start();
    if let Some(text) = opt(alt((raw_text, text))).parse_next(input)? {
        return Ok(Term { text, quoted: true, at });
    }
    let word = word.parse_next(input)?;
    let what = match peek(opt(any)).parse_next(input)? {
        Some('(') => "a field or value (there are no functions)",
        Some('[') => "a whole value (there are no slices)",
        _ if KEYWORDS.contains(&word) => "a field or value",
        _ => return Ok(Term { text: word.as_bytes().to_owned(), quoted: false, at }),
    };
    Err(ErrMode::Cut(Refusal { at, expected: what }))
}

fn is_word(c: char) -> bool {
    c.is_ascii_alphanumeric() || matches!(c, '_' | '.' | ':' | '-' | '/')
}

/// The characters of a word; `..` is none of them.
fn word<'i>(input: &mut ParseInput<'i>) -> ParseResult<&'i str> {
    let rest = *input.input.as_ref();
    let end = rest.find(|c| !is_word(c)).unwrap_or(rest.len());
    let end = rest[..end].find("..").unwrap_or(end);
    if end == 0 {
        return Err(ErrMode::Backtrack(Refusal::from_input(input)));
    }
    Ok(input.next_slice(end))
}

fn text(input: &mut ParseInput<'_>) -> ParseResult<Vec<u8>> {
    '"'.parse_next(input)?;
    let mut bytes = Vec::new();
    loop {
        let part = take_while(0.., |c| !matches!(c, '"' | '\\')).parse_next(input)?;
        bytes.extend_from_slice(part.as_bytes());
        match cut_err(any).context("a closing \"").parse_next(input)? {
            '"' => return Ok(bytes),
            _ => bytes
                .push(cut_err(escaped).context("an escape: \\\" \\\\ \\n \\r \\t \\xHH").parse_next(input)?),
        }
    }
}

/// What follows a backslash.
fn escaped(input: &mut ParseInput<'_>) -> ParseResult<u8> {
    Ok(match one_of(['"', '\\', '\'', 'n', 'r', 't', 'x']).parse_next(input)? {
        'n' => b'\n',
        'r' => b'\r',
        't' => b'\t',
        'x' => {
            let digits = take_while(2..=2, |c: char| c.is_ascii_hexdigit());
            digits.verify_map(|digits| u8::from_str_radix(digits, 16).ok()).parse_next(input)?
        }
        other => other as u8,
    })
}

/// `r"..."`: backslashes stand for themselves, but `\"` does not end it.
fn raw_text(input: &mut ParseInput<'_>) -> ParseResult<Vec<u8>> {
    "r\"".parse_next(input)?;
    let piece = alt(("\\\"", take_while(1, |c| c != '"')));
    let parts: Vec<&str> = repeat(0.., piece).parse_next(input)?;
    cut_err('"').context("a closing \"").parse_next(input)?;
    Ok(parts.concat().into_bytes())
}

/// A sign, with the blanks before it.
pub(super) fn sign<'i>(sign: &'static str) -> impl Parser<ParseInput<'i>, (), ErrMode<Refusal>> {
    lead(sign.void())
}

/// An operator by one of its signs or as a whole word, with the blanks before it.
pub(super) fn operator<'i>(
    signs: &'static [&'static str],
    word: &'static str,
) -> impl Parser<ParseInput<'i>, (), ErrMode<Refusal>> {
    let by_sign = move |input: &mut ParseInput<'i>| {
        for sign in signs {
            if opt(*sign).parse_next(input)?.is_some() {
                return Ok(());
            }
        }
        Err(ErrMode::Backtrack(Refusal::from_input(input)))
    };
    lead(alt((by_sign, terminated(word, not(one_of(is_word))).void())))
}

/// `inner` with the blanks before it.
pub(super) fn lead<'i>(
    inner: impl Parser<ParseInput<'i>, (), ErrMode<Refusal>>,
) -> impl Parser<ParseInput<'i>, (), ErrMode<Refusal>> {
    preceded(spaces, inner)
}

pub(super) fn spaces(input: &mut ParseInput<'_>) -> ParseResult<()> {
    take_while(0.., |c: char| c.is_ascii_whitespace()).void().parse_next(input)
}
