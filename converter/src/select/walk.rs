// SPDX-License-Identifier: BSD-2-Clause
//! One pass over the selected events of inputs.

use std::io;
use std::ops::ControlFlow;

use super::{NothingSelected, Seen, Selection};
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

/// As [`walk`], and reports when a live input pauses.
///
/// # Errors
/// The first that `each` returns, which ends the walk.
pub fn walk_live(
    events: &mut Events,
    selection: &mut Selection,
    on_error: &mut OnError<'_>,
    mut each: impl FnMut(Visit<'_, '_>) -> io::Result<()>,
) -> io::Result<()> {
    let mut walk = Walk::new(events, selection, on_error);
    match walk.go_on(|visit| each(visit).map_or_else(ControlFlow::Break, ControlFlow::Continue)) {
        ControlFlow::Break(error) => Err(error),
        ControlFlow::Continue(()) => Ok(()),
    }
}

/// A pass over the selected events of inputs that may stop on its way.
pub struct Walk<'w, 'e> {
    events: &'w mut Events,
    selection: &'w mut Selection,
    on_error: &'w mut OnError<'e>,
    decoder: ItemDecoder,
}

impl<'w, 'e> Walk<'w, 'e> {
    /// In front of the first event.
    pub fn new(
        events: &'w mut Events,
        selection: &'w mut Selection,
        on_error: &'w mut OnError<'e>,
    ) -> Walk<'w, 'e> {
        let mut decoder = ItemDecoder::new();
        if selection.follows() {
            decoder.follow();
        }
        Walk { events, selection, on_error, decoder }
    }

    /// Goes on behind the event it came to last: to the end, or until `each` breaks off.
    pub fn go_on<B>(&mut self, mut each: impl FnMut(Visit<'_, '_>) -> ControlFlow<B>) -> ControlFlow<B> {
        while !self.selection.is_full() && self.events.advance(self.on_error) {
            let is_dry = self.events.is_dry();
            let Some((input, item)) = self.events.item() else { continue };
            let decoded = self.decoder.decode(input, item);
            self.events.meter().count_event();
            if self.selection.admits(&decoded) {
                each(Visit::Event(&decoded))?;
            }
            if is_dry {
                each(Visit::Pause)?;
            }
        }
        ControlFlow::Continue(())
    }
}

/// Numbers items and picks those that a selection selects, to be passed on as they are: what [`walk`] is for those that
/// are turned into text. Items are decoded only where the selection depends on it.
pub struct Picker {
    selection: Selection,
    decoder: Option<ItemDecoder>,
    number: u64,
}

impl Picker {
    /// Picks what `selection` selects.
    pub fn new(selection: Selection) -> Picker {
        let decoder = Picker::decoder(&selection);
        Picker { selection, decoder, number: 0 }
    }

    fn decoder(selection: &Selection) -> Option<ItemDecoder> {
        (!selection.is_everything()).then(|| {
            let mut decoder = ItemDecoder::new();
            if selection.follows() {
                decoder.follow();
            }
            decoder
        })
    }

    /// Picks as if no item had been seen yet: for inputs that are looked at one by one.
    pub fn begin_anew(&mut self) {
        self.selection.begin_anew();
        (self.decoder, self.number) = (Picker::decoder(&self.selection), 0);
    }

    /// One that picks the same, and has seen nothing: for another thread.
    pub fn another(&self) -> Picker {
        Picker::new(self.selection.another())
    }

    /// What it has seen.
    pub fn seen(&self) -> Seen {
        self.selection.seen()
    }

    /// Takes note of what [another](Picker::another) has seen.
    pub fn add_seen(&mut self, other: Seen) {
        self.selection.add_seen(other);
    }

    /// Whether every item is picked.
    pub fn is_everything(&self) -> bool {
        self.decoder.is_none()
    }

    /// Whether the next item, of input number `input`, is picked.
    #[inline]
    pub fn picks(&mut self, input: usize, item: LogItem<'_>) -> bool {
        self.number += 1;
        let Some(decoder) = &mut self.decoder else { return true };
        let decoded = decoder.decode(input, item);
        !self.selection.is_full() && self.selection.admits(&decoded)
    }

    /// The number of the last item among all, from 1.
    #[inline]
    pub fn number(&self) -> u64 {
        self.number
    }

    /// That there were events and none of them was picked.
    pub fn took_nothing(&self) -> Option<NothingSelected> {
        self.selection.took_nothing()
    }

    /// Whether no further item can be picked.
    #[inline]
    pub fn is_full(&self) -> bool {
        self.selection.is_full()
    }
}
