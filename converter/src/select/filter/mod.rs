// SPDX-License-Identifier: BSD-2-Clause
//! Expressions that select events: Wireshark's display filters, with the same names.
//!
//! ```text
//! text ─► parse ─► Expr ─► resolve ─► tests ─► eval
//!         words            names      cheapest first
//! ```
//!
//! A filter selects the same events here and in Wireshark, from the output of `bblog convert` for the same
//! input. An expression is parsed once. Tests of `bblog.event` become a table by event number. For other
//! tests only the rows that they name are decoded.
//!
//! In one case this differs from Wireshark: a number that a field cannot hold, such as -1 for an unsigned
//! one, is compared by its value.
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
mod word;

use std::sync::Arc;

use bblog_dissector::catalog::Catalog;

pub use ast::{Element, Expr, Op, Operand, Quantity, Term};
pub use error::FilterError;
pub use parse::parse;

use self::eval::{EventTest, Scratches};
use crate::event::decode::DecodedItem;
use crate::select::named::ComputedField;
use crate::select::nothing::Wanted;

/// A filter, ready for use.
#[derive(Debug)]
pub struct Filter {
    test: Arc<EventTest>,
    scratches: Scratches,
}

/// The clone is for another thread: it has buffers of its own.
impl Clone for Filter {
    fn clone(&self) -> Filter {
        Filter { test: Arc::clone(&self.test), scratches: Scratches::default() }
    }
}

impl Filter {
    /// Takes an expression apart; blank text selects everything, as in Wireshark.
    ///
    /// # Errors
    /// A [`FilterError`] with the problem and its place.
    pub fn new(text: &str, catalog: &Catalog) -> Result<Filter, FilterError> {
        let test = match text.trim().is_empty() {
            true => EventTest::All(Box::new([])),
            false => resolve::resolve(&parse(text)?, text, catalog)?,
        };
        Ok(Filter { test: Arc::new(test), scratches: Scratches::default() })
    }

    /// Whether it uses the analysis, so that connections have to be followed.
    pub fn follows(&self) -> bool {
        self.test.follows()
    }

    /// The events and timers that it selects by name.
    pub fn wanted(&self) -> Wanted<'_> {
        Wanted {
            events: self.test.selects(ComputedField::Event),
            timers: self.test.selects(ComputedField::TimerFired),
        }
    }

    /// Whether it selects the event.
    #[inline]
    pub fn selects(&mut self, decoded: &DecodedItem<'_>) -> bool {
        self.test.holds(decoded, &mut self.scratches)
    }
}
