// SPDX-License-Identifier: BSD-2-Clause
//! The reference of every event and field, from the tables: as lines, JSON, Markdown and mdoc(7).

mod markdown;
mod mdoc;
mod one;
mod row;
mod text;

pub use markdown::markdown;
pub use mdoc::mdoc;
pub use one::{events, only};
pub use row::{ReferenceRow, rows};
pub use text::{json, text};
