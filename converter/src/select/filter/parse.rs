// SPDX-License-Identifier: BSD-2-Clause
//! Parses text to [`Expr`]: the part of Wireshark's display filters that events need.
//!
//! ```text
//! or       = and { ("or" | "||") and }
//! and      = not { ("and" | "&&") not }
//! not      = ("not" | "!") not | "(" or ")" | relation
//! relation = ["any" | "all"] operand [ op operand | ["not"] "in" "{" element { "," element } "}" ]
//! operand  = term [ "&" term ]
//! element  = term [ ".." term ]
//! term     = word | "text" | r"raw text"
//! ```

use winnow::combinator::{alt, cut_err, not, opt, peek, preceded, terminated};
use winnow::error::{ErrMode, ParserError};
use winnow::prelude::*;
use winnow::stream::LocatingSlice;

use super::ast::{Element, Expr, Op, Operand, Quantity};
use super::error::FilterError;
use super::word::{ParseInput, ParseResult, Refusal, found, lead, operator, refuse, sign, spaces, term};

/// Parentheses and negations in each other; more than filters need, less than the stack holds.
const MAX_DEPTH: u32 = 100;

/// Parses an expression.
///
/// # Errors
/// [`FilterError`]
pub fn parse(text: &str) -> Result<Expr, FilterError> {
    let mut input = ParseInput { input: LocatingSlice::new(text), state: 0 };
    let parsed = (|| {
        let expr = or.parse_next(&mut input)?;
        spaces(&mut input)?;
        match input.input.is_empty() {
            true => Ok(expr),
            false => Err(refuse(&input, "and, or, or the end")),
        }
    })();
    parsed.map_err(|error| {
        let refusal = error.into_inner().unwrap_or(Refusal { at: text.len(), expected: "more" });
        let rest = text.get(refusal.at..).unwrap_or_default();
        let blanks = rest.len() - rest.trim_start().len();
        let (at, rest) = (refusal.at + blanks, rest.trim_start());
        let found = found(rest);
        let shown = if found.is_empty() { "the end" } else { found };
        FilterError::new(text, at, found.len(), format!("expected {}, found {shown}", refusal.expected))
    })
}

fn or(input: &mut ParseInput<'_>) -> ParseResult<Expr> {
    let all = chain(and, &["||"], "or", input)?;
    Ok(one_or(all, Expr::Or))
}

fn and(input: &mut ParseInput<'_>) -> ParseResult<Expr> {
    let all = chain(negation, &["&&"], "and", input)?;
    Ok(one_or(all, Expr::And))
}

fn chain(
    mut operand: fn(&mut ParseInput<'_>) -> ParseResult<Expr>,
    signs: &'static [&'static str],
    word: &'static str,
    input: &mut ParseInput<'_>,
) -> ParseResult<Vec<Expr>> {
    let mut all = vec![cut_err(operand.by_ref()).parse_next(input)?];
    while opt(operator(signs, word)).parse_next(input)?.is_some() {
        all.push(cut_err(operand.by_ref()).parse_next(input)?);
    }
    Ok(all)
}

fn one_or(mut all: Vec<Expr>, several: fn(Vec<Expr>) -> Expr) -> Expr {
    match all.pop() {
        Some(one) if all.is_empty() => one,
        Some(last) => {
            all.push(last);
            several(all)
        }
        None => several(all),
    }
}

fn negation(input: &mut ParseInput<'_>) -> ParseResult<Expr> {
    if opt(alt((operator(&[], "not"), lead(terminated("!", not('=')).void())))).parse_next(input)?.is_some() {
        return Ok(Expr::Not(Box::new(deeper(negation, input)?)));
    }
    if opt(sign("(")).parse_next(input)?.is_some() {
        let inner = deeper(or, input)?;
        cut_err(sign(")")).context("and, or, or )").parse_next(input)?;
        return Ok(inner);
    }
    relation(input)
}

fn deeper(
    inner: fn(&mut ParseInput<'_>) -> ParseResult<Expr>,
    input: &mut ParseInput<'_>,
) -> ParseResult<Expr> {
    if input.state >= MAX_DEPTH {
        return Err(refuse(input, "fewer parentheses and negations"));
    }
    input.state += 1;
    let expr = cut_err(inner).parse_next(input)?;
    input.state -= 1;
    Ok(expr)
}

fn relation(input: &mut ParseInput<'_>) -> ParseResult<Expr> {
    let quantity =
        opt(alt((operator(&[], "any").value(Quantity::Any), operator(&[], "all").value(Quantity::All))))
            .parse_next(input)?;
    let left = operand.context("a field").parse_next(input)?;
    if let Some(op) = opt(comparison).parse_next(input)? {
        let right = cut_err(operand).context("a value or a field").parse_next(input)?;
        return Ok(Expr::Compare { quantity: quantity.unwrap_or(Quantity::Unsaid), left, op, right });
    }
    if quantity.is_some() {
        return Err(refuse(input, "a comparison"));
    }
    let negated = opt(terminated(operator(&[], "not"), peek(operator(&[], "in")))).parse_next(input)?;
    if opt(operator(&[], "in")).parse_next(input)?.is_some() {
        let set = cut_err(set).parse_next(input)?;
        return Ok(Expr::In { field: left, negated: negated.is_some(), set });
    }
    match left.term.quoted {
        true => Err(refuse(input, "a comparison")),
        false => Ok(Expr::Test(left)),
    }
}

fn comparison(input: &mut ParseInput<'_>) -> ParseResult<Op> {
    spaces(input)?;
    for &(spelling, op) in Op::SPELLINGS {
        let is_word = spelling.starts_with(|c: char| c.is_ascii_alphabetic());
        let found = match is_word {
            true => opt(operator(&[], spelling)).parse_next(input)?,
            false => opt(sign(spelling)).parse_next(input)?,
        };
        if found.is_some() {
            return Ok(op);
        }
    }
    Err(ErrMode::Backtrack(Refusal::from_input(input)))
}

fn set(input: &mut ParseInput<'_>) -> ParseResult<Vec<Element>> {
    sign("{").context("{").parse_next(input)?;
    let mut all = vec![element(input)?];
    while opt(sign(",")).parse_next(input)?.is_some() {
        all.push(element(input)?);
    }
    sign("}").context(", or }").parse_next(input)?;
    Ok(all)
}

fn element(input: &mut ParseInput<'_>) -> ParseResult<Element> {
    let low = term.context("a value").parse_next(input)?;
    match opt(preceded(sign(".."), cut_err(term).context("a value"))).parse_next(input)? {
        Some(high) => Ok(Element::Range(low, high)),
        None => Ok(Element::One(low)),
    }
}

fn operand(input: &mut ParseInput<'_>) -> ParseResult<Operand> {
    let term = term(input)?;
    let and =
        alt((lead(terminated("&", not('&')).void()), operator(&[], "bitwise_and"), operator(&[], "bitand")));
    let mask = opt(preceded(and, cut_err(self::term).context("a number"))).parse_next(input)?;
    Ok(Operand { term, mask })
}

#[cfg(test)]
mod tests {
    use proptest::prelude::any;
    use proptest::prelude::*;

    use super::super::ast::Term;
    use super::super::word::KEYWORDS;
    use super::*;

    /// The parsed form of an expression, as text.
    fn again(text: &str) -> String {
        parse(text).map_or_else(|error| error.to_string(), |expr| expr.to_string())
    }

    #[test]
    fn both_spellings() {
        for (text, canonical) in [
            ("bblog.event==IN", "bblog.event == IN"),
            ("a eq b && c ne d || ! e", "a == b and c != d or not e"),
            ("a and (b or c) and not (d and e)", "a and (b or c) and not (d and e)"),
            ("((a))", "a"),
            ("(a and b) and c", "(a and b) and c"),
            ("a in {1,2..3, x .. y ,\"q\"}", "a in {1, 2 .. 3, x .. y, \"q\"}"),
            ("a not in {1}", "a not in {1}"),
            ("not a in {1}", "not a in {1}"),
            ("!!a", "not not a"),
            ("a!=b", "a != b"),
            ("a !== b or a===b", "a !== b or a === b"),
            ("a ~ \"x\" and a matches r\"\\d\"", "a matches \"x\" and a matches \"\\\\d\""),
            ("any tcp.port>1024 and all b lt -5", "any tcp.port > 1024 and all b < -5"),
            ("a & 0x10 and b&1==1&&c", "a & 0x10 and b & 1 == 1 and c"),
            ("a == \"\\x41\\n\\\"\"", "a == \"A\\x0a\\\"\""),
            (
                "ip.addr == 10.0.0.0/8 and ipv6.src == fe80::1",
                "ip.addr == 10.0.0.0/8 and ipv6.src == fe80::1",
            ),
            ("android or order or inner or notice", "android or order or inner or notice"),
        ] {
            assert_eq!(again(text), canonical, "{text}");
            assert_eq!(again(canonical), canonical);
        }
    }

    #[test]
    fn errors_point_at_the_column() {
        for (text, column, what) in [
            ("", 1, "expected a field, found the end"),
            ("a ==", 5, "expected a value or a field, found the end"),
            ("a = b", 3, "expected and, or, or the end, found ="),
            ("(a", 3, "expected and, or, or ), found the end"),
            ("a )", 3, "expected and, or, or the end, found )"),
            ("a in 5", 6, "expected {, found 5"),
            ("a in {1 2}", 9, "expected , or }, found 2"),
            ("a in {1 ..}", 11, "expected a value, found }"),
            ("a and", 6, "expected a field, found the end"),
            ("a and or b", 7, "expected a field or value, found or"),
            ("a == \"x", 8, "expected a closing \", found the end"),
            ("a == \"\\q\"", 8, "expected an escape: \\\" \\\\ \\n \\r \\t \\xHH, found q"),
            ("\u{e9} == 1", 1, "expected a field, found \u{e9}"),
            ("a == \"\u{e9}\" x", 10, "expected and, or, or the end, found x"),
            ("\"a\"", 4, "expected a comparison, found the end"),
            ("any a", 6, "expected a comparison, found the end"),
            ("len(a) == 1", 1, "expected a field or value (there are no functions), found len"),
        ] {
            let error = parse(text).unwrap_err();
            let shown = error.to_string();
            assert_eq!(
                (error.column(), shown.lines().next()),
                (column, Some(&*format!("column {column}: {what}")))
            );
            assert_eq!(shown.lines().count(), 3, "{shown}");
            let caret = shown.lines().nth(2).unwrap();
            assert_eq!(caret.chars().take_while(|&c| c == ' ').count(), 4 + column - 1, "{shown}");
        }
    }

    #[test]
    fn depth_is_limited() {
        let nested = |depth: usize| format!("{}a{}", "(".repeat(depth), ")".repeat(depth));
        assert!(parse(&nested(100)).is_ok());
        assert!(parse(&nested(101)).is_err() && parse(&nested(1_000_000)).is_err());
        assert!(parse(&format!("{}a", "!".repeat(1_000_000))).is_err());
        // Neither long chains nor many groups are deep.
        assert!(parse(&vec!["(a and !b)"; 10_000].join(" or ")).is_ok());
    }

    fn term() -> impl Strategy<Value = Term> {
        let word = "[a-zA-Z0-9_:/-]{1,6}(\\.[a-z0-9_]{1,6}){0,2}";
        let word = word.prop_filter("a keyword", |word| !KEYWORDS.contains(&word.as_str()));
        prop_oneof![
            word.prop_map(|word| Term { text: word.into_bytes(), quoted: false, at: 0 }),
            any::<Vec<u8>>().prop_map(|text| Term { text, quoted: true, at: 0 }),
        ]
    }

    fn operand() -> impl Strategy<Value = Operand> {
        (term(), proptest::option::weighted(0.2, term())).prop_map(|(term, mask)| Operand { term, mask })
    }

    fn element() -> impl Strategy<Value = Element> {
        prop_oneof![
            term().prop_map(Element::One),
            (term(), term()).prop_map(|(low, high)| Element::Range(low, high)),
        ]
    }

    fn expr() -> impl Strategy<Value = Expr> {
        let quantity = proptest::sample::select(vec![Quantity::Unsaid, Quantity::Any, Quantity::All]);
        let op = proptest::sample::select(Op::EVERY);
        let leaf = prop_oneof![
            operand().prop_filter("text alone", |it| !it.term.quoted).prop_map(Expr::Test),
            (quantity, operand(), op, operand()).prop_map(|(quantity, left, op, right)| Expr::Compare {
                quantity,
                left,
                op,
                right
            }),
            (operand(), any::<bool>(), proptest::collection::vec(element(), 1..4))
                .prop_map(|(field, negated, set)| Expr::In { field, negated, set }),
        ];
        leaf.prop_recursive(5, 40, 4, |inner| {
            let several = || proptest::collection::vec(inner.clone(), 2..4);
            prop_oneof![
                several().prop_map(Expr::Or),
                several().prop_map(Expr::And),
                inner.clone().prop_map(|inner| Expr::Not(Box::new(inner))),
            ]
        })
    }

    proptest! {
        #[test]
        fn what_is_printed_parses_to_the_same(expr in expr()) {
            let text = expr.to_string();
            prop_assert_eq!(parse(&text), Ok(expr), "{}", text);
        }

        #[test]
        fn any_text_gives_an_expression_or_an_error(text in "\\PC{0,60}") {
            let _ = again(&text);
        }

        #[test]
        fn any_tokens_give_an_expression_or_an_error(
            tokens in proptest::collection::vec(proptest::sample::select(vec![
                "(", ")", "!", "not ", "and ", "or ", "&&", "||", "&", "|", "in ", "{", "}", ",", "..", "\"",
                "\\", "a.b ", "5 ", "==", "!=", "<", "~", " ", "r\"", "any ", "é",
            ]), 0..30)
        ) {
            let text = tokens.concat();
            if let Ok(expr) = parse(&text) {
                prop_assert_eq!(parse(&expr.to_string()), Ok(expr));
            }
        }
    }
}
