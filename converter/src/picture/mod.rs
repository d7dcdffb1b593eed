// SPDX-License-Identifier: BSD-2-Clause
//! Pictures of connections: what the stack intended and what happened, on one time axis.
//!
//! [`model`] is the picture without a form: lines, ranges of sequence numbers, states and events of each
//! connection. [`html`] makes an interactive page of it, [`svg`] and [`png`] a still, [`xpl`] a file for xplot,
//! [`perfetto`] a trace for Perfetto.

pub mod html;
pub mod model;
pub mod palette;
pub mod perfetto;
pub mod png;
pub mod pyramid;
pub mod svg;
pub mod xpl;
