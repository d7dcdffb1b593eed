// SPDX-License-Identifier: BSD-2-Clause
//! Expressions that select events, in the language of Wireshark's display filters and over the
//! same names.
//!
//! ```text
//! text ─► parse ─► Expr ─► resolve ─► tests ─► eval
//!         words            names      cheapest first
//! ```
//!
//! What a filter selects here, the same filter selects in Wireshark from what `bblog convert` made
//! of the same input. An expression is taken apart once; what is asked of `bblog.event` becomes a
//! table by event number, and of everything else only the rows named are decoded.
//!
//! Where Wireshark does not follow arithmetic, this does: a number that a field cannot hold, such
//! as -1 for an unsigned one, is compared as what it is.
//!
//! ```
//! use bblog_converter::select::filter::Filter;
//! use bblog_dissector::catalog::Catalog;
//!
//! let catalog = Catalog::builtin();
//! assert!(Filter::new("bblog.event == RTO && bblog.snd_cwnd < 20000", &catalog).is_ok());
//! let error = Filter::new("bblog.event == RTO && snd_cwnd < 20000", &catalog).unwrap_err();
//! assert_eq!(error.column(), 23);
//! ```

mod ast;
mod constant;
mod error;
mod eval;
mod parse;
mod resolve;

use bblog_dissector::catalog::Catalog;

pub use ast::{Element, Expr, Op, Operand, Quantity, Term};
pub use error::FilterError;
pub use parse::parse;

use self::eval::{Scratches, Test};
use crate::event::decode::DecodedItem;

/// A filter, ready to be asked.
#[derive(Debug)]
pub struct Filter {
    test: Test,
    scratches: Scratches,
}

impl Filter {
    /// Takes an expression apart; blank text selects everything, as in Wireshark.
    ///
    /// # Errors
    /// [`FilterError`]: what is wrong with it, and where.
    pub fn new(text: &str, catalog: &Catalog) -> Result<Filter, FilterError> {
        let test = match text.trim().is_empty() {
            true => Test::All(Box::new([])),
            false => resolve::resolve(&parse(text)?, text, catalog)?,
        };
        Ok(Filter { test, scratches: Scratches::default() })
    }

    /// Whether it selects the event.
    #[inline]
    pub fn selects(&mut self, decoded: &DecodedItem<'_>) -> bool {
        self.test.holds(decoded, &mut self.scratches)
    }
}
