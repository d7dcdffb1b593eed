// SPDX-License-Identifier: BSD-2-Clause
//! Events as text: lines, JSON Lines, CSV.

mod changes;
pub mod clock_text;
pub mod csv;
pub mod fields;
pub mod json;
mod kept;
mod pages;
pub mod show;
mod tcp_header;
mod text_writer;

use std::io;

pub use self::pages::list_in_pages;

use crate::buffered_sink::BufferedSink;
use crate::event::decode::DecodedItem;
use crate::event::merge::Events;
use crate::input::error::OnError;
use crate::select::Selection;
use crate::select::walk::{Visit, walk_live};

/// Turns events into text.
pub trait TextSink {
    /// Appends what precedes the first event.
    fn begin(&mut self, _out: &mut Vec<u8>) {}

    /// Appends an event.
    fn event(&mut self, decoded: &DecodedItem<'_>, out: &mut Vec<u8>);
}

/// Gathers the selected events in `out`.
///
/// # Errors
/// Those of `out`; errors of inputs go to `on_error`.
pub fn list<G: BufferedSink>(
    events: &mut Events,
    selection: &mut Selection,
    sink: &mut impl TextSink,
    out: &mut G,
    on_error: &mut OnError<'_>,
) -> io::Result<()> {
    sink.begin(out.buffer()?);
    walk_live(events, selection, on_error, |visit| match visit {
        Visit::Event(decoded) => {
            sink.event(decoded, out.buffer()?);
            out.appended()
        }
        Visit::Pause => out.show(),
    })
}
