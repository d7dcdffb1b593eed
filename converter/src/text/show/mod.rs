// SPDX-License-Identifier: BSD-2-Clause
//! Events as text: one line each, optionally with all values below it.

mod cell;
mod cut;
mod details;
mod elog_style;
mod label;
mod line;
mod options;
mod palette;

pub use elog_style::{ElogOptions, ElogStyle};
pub use line::Lines;
pub use options::{LineOptions, TimeForm};
pub use palette::Palette;
