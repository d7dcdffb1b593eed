// SPDX-License-Identifier: BSD-2-Clause
//! One pass over the selected events of inputs.

use std::io;

use super::Selection;
use crate::event::decode::{DecodedItem, ItemDecoder};
use crate::event::item::LogItem;
use crate::event::merge::Events;
use crate::input::error::OnError;

/// Calls `each` for the selected events.
///
/// # Errors
/// The first that `each` returns, which ends the walk.
pub fn walk(
    events: &mut Events,
    selection: &mut Selection,
    on_error: &mut OnError<'_>,
    mut each: impl FnMut(&DecodedItem<'_>) -> io::Result<()>,
) -> io::Result<()> {
    walk_live(events, selection, on_error, |visit| match visit {
        Visit::Event(decoded) => each(decoded),
        Visit::Pause => Ok(()),
    })
}

/// What [`walk_live`] comes by.
pub enum Visit<'a, 'e> {
    /// A selected event.
    Event(&'a DecodedItem<'e>),
    /// The next event has to be waited for: time to show what there is.
    Pause,
}

/// As [`walk`], and tells when a live input pauses.
///
/// # Errors
/// The first that `each` returns, which ends the walk.
pub fn walk_live(
    events: &mut Events,
    selection: &mut Selection,
    on_error: &mut OnError<'_>,
    mut each: impl FnMut(Visit<'_, '_>) -> io::Result<()>,
) -> io::Result<()> {
    let mut decoder = ItemDecoder::new();
    if selection.follows() {
        decoder.follow();
    }
    while !selection.is_full() && events.advance(on_error) {
        let is_dry = events.is_dry();
        let Some((input, item)) = events.item() else { continue };
        let decoded = decoder.decode(input, item);
        events.meter().count_event();
        if selection.admits(&decoded) {
            each(Visit::Event(&decoded))?;
        }
        if is_dry {
            each(Visit::Pause)?;
        }
    }
    Ok(())
}

/// Picks events to be passed on as they are: what [`walk`] is for those that are turned into text.
pub struct Picker {
    decoder: ItemDecoder,
    selection: Selection,
}

impl Picker {
    /// Picks what `selection` selects; `None` if that is everything, which needs no decoding.
    pub fn new(selection: Selection) -> Option<Picker> {
        (!selection.is_everything()).then(|| {
            let mut decoder = ItemDecoder::new();
            if selection.follows() {
                decoder.follow();
            }
            Picker { decoder, selection }
        })
    }

    /// Whether the next event, of input number `input`, is picked.
    #[inline]
    pub fn picks(&mut self, input: usize, item: LogItem<'_>) -> bool {
        let decoded = self.decoder.decode(input, item);
        !self.selection.is_full() && self.selection.admits(&decoded)
    }

    /// How many events there were, if none of them was picked.
    pub fn took_none_of(&self) -> Option<u64> {
        self.selection.took_none_of()
    }

    /// Whether no further event can be picked.
    #[inline]
    pub fn is_full(&self) -> bool {
        self.selection.is_full()
    }
}
