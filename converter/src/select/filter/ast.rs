// SPDX-License-Identifier: BSD-2-Clause
//! An expression as written, before its names are resolved. [`Display`](fmt::Display)
//! writes it so that parsing gives the same again.

use std::fmt::{self, Write};

/// An expression.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Expr {
    /// At least one of these; there are two or more.
    Or(Vec<Expr>),
    /// All of these; there are two or more.
    And(Vec<Expr>),
    /// Not this.
    Not(Box<Expr>),
    /// A field is there; with a mask: it has one of the bits.
    Test(Operand),
    /// A comparison.
    Compare {
        /// Which of several values have to meet it.
        quantity: Quantity,
        /// The left side.
        left: Operand,
        /// The test.
        op: Op,
        /// The right side.
        right: Operand,
    },
    /// `FIELD in {..}`
    In {
        /// The field.
        field: Operand,
        /// Whether it is `not in`.
        negated: bool,
        /// The elements.
        set: Vec<Element>,
    },
}

/// Which of a field's values have to meet a comparison, if it has several.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Quantity {
    /// The operator.
    Unsaid,
    /// One of them.
    Any,
    /// All of them.
    All,
}

/// A side of a comparison: a field or a value, and the bits of it that count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Operand {
    /// The field or value.
    pub term: Term,
    /// What follows `&`.
    pub mask: Option<Term>,
}

/// A word, or text in quotes.
#[derive(Clone, Debug)]
pub struct Term {
    /// The text; with quotes what they stand for.
    pub text: Vec<u8>,
    /// Whether it stood in quotes.
    pub quoted: bool,
    /// Where it began, in bytes.
    pub at: usize,
}

/// Where it stood does not matter.
impl PartialEq for Term {
    fn eq(&self, other: &Term) -> bool {
        (&self.text, self.quoted) == (&other.text, other.quoted)
    }
}

impl Eq for Term {}

/// An element of a set.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Element {
    /// A value.
    One(Term),
    /// From one value to another, both included.
    Range(Term, Term),
}

macro_rules! ops {
    ($($(#[$doc:meta])* $op:ident $decoded:literal $($other:literal)*,)*) => {
        /// A comparison.
        #[derive(Clone, Copy, Debug, PartialEq, Eq)]
        pub enum Op {
            $($(#[$doc])* $op,)*
        }

        impl Op {
            /// Every operator.
            #[cfg(test)]
            pub const EVERY: &[Op] = &[$(Op::$op,)*];

            /// All spellings, a longer one before what it begins with.
            pub const SPELLINGS: &[(&str, Op)] = &[$(($decoded, Op::$op), $(($other, Op::$op),)*)*];

            /// The first spelling.
            pub fn decoded(self) -> &'static str {
                match self {
                    $(Op::$op => $decoded,)*
                }
            }
        }
    };
}

ops! {
    /// All values are equal.
    AllEq "===" "all_eq",
    /// A value is equal.
    Eq "==" "eq" "any_eq",
    /// A value is not equal.
    AnyNe "!==" "any_ne" "~=",
    /// All values are not equal.
    Ne "!=" "ne" "all_ne",
    /// Greater or equal.
    Ge ">=" "ge",
    /// Greater.
    Gt ">" "gt",
    /// Less or equal.
    Le "<=" "le",
    /// Less.
    Lt "<" "lt",
    /// Text or bytes that contain others.
    Contains "contains",
    /// Text that matches a regular expression, without regard to case.
    Matches "matches" "~",
}

impl fmt::Display for Expr {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Expr::Or(all) => list(f, all, " or ", |inner| matches!(inner, Expr::Or(_))),
            Expr::And(all) => list(f, all, " and ", |inner| matches!(inner, Expr::Or(_) | Expr::And(_))),
            Expr::Not(inner) => {
                f.write_str("not ")?;
                part(f, inner, matches!(**inner, Expr::Or(_) | Expr::And(_)))
            }
            Expr::Test(operand) => write!(f, "{operand}"),
            Expr::Compare { quantity, left, op, right } => {
                f.write_str(match quantity {
                    Quantity::Unsaid => "",
                    Quantity::Any => "any ",
                    Quantity::All => "all ",
                })?;
                write!(f, "{left} {} {right}", op.decoded())
            }
            Expr::In { field, negated, set } => {
                write!(f, "{field} {}in {{", if *negated { "not " } else { "" })?;
                for (at, element) in set.iter().enumerate() {
                    f.write_str(if at == 0 { "" } else { ", " })?;
                    match element {
                        Element::One(term) => write!(f, "{term}")?,
                        Element::Range(low, high) => write!(f, "{low} .. {high}")?,
                    }
                }
                f.write_char('}')
            }
        }
    }
}

fn list(
    f: &mut fmt::Formatter<'_>,
    all: &[Expr],
    between: &str,
    in_parentheses: impl Fn(&Expr) -> bool,
) -> fmt::Result {
    for (at, inner) in all.iter().enumerate() {
        f.write_str(if at == 0 { "" } else { between })?;
        part(f, inner, in_parentheses(inner))?;
    }
    Ok(())
}

fn part(f: &mut fmt::Formatter<'_>, inner: &Expr, in_parentheses: bool) -> fmt::Result {
    if in_parentheses { write!(f, "({inner})") } else { write!(f, "{inner}") }
}

impl fmt::Display for Operand {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.term)?;
        self.mask.iter().try_for_each(|mask| write!(f, " & {mask}"))
    }
}

impl fmt::Display for Term {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        if !self.quoted {
            return f.write_str(&String::from_utf8_lossy(&self.text));
        }
        f.write_char('"')?;
        for &byte in &self.text {
            match byte {
                b'"' | b'\\' => write!(f, "\\{}", char::from(byte))?,
                b' '..=b'~' => f.write_char(char::from(byte))?,
                _ => write!(f, "\\x{byte:02x}")?,
            }
        }
        f.write_char('"')
    }
}
