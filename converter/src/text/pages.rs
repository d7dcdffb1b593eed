// SPDX-License-Identifier: BSD-2-Clause
//! Lines that several threads make. They take turns: in its turn a thread reads and selects a page of events. It makes the
//! page's text while others read, and writes it in its turn. So an event is in the cache of one processor only: to
//! bring it into another's can take as long as to make its line.

use std::io;
use std::ops::ControlFlow;

use super::{TextSink, list};
use crate::buffered_sink::BufferedSink;
use crate::event::batch::DecodedBatch;
use crate::event::merge::Events;
use crate::input::error::OnError;
use crate::jobs::{Jobs, Taken, in_turns};
use crate::select::Selection;
use crate::select::walk::{Visit, Walk};

/// Events, and their text once it is made.
#[derive(Default)]
struct TextPage {
    events: DecodedBatch,
    text: Vec<u8>,
}

/// As [`list`], with `jobs` threads, this one among them. Each has a sink of its own, made by `new_sink`: what a sink
/// writes of an event may not depend on the events before it.
///
/// # Errors
/// Those of `out`; errors of inputs go to `on_error`.
pub fn list_in_pages<G: BufferedSink + Send, S: TextSink>(
    events: &mut Events,
    selection: &mut Selection,
    new_sink: &(impl Fn() -> S + Sync),
    jobs: Jobs,
    out: &mut G,
    on_error: &mut OnError<'_>,
) -> io::Result<()> {
    if jobs == Jobs::ONE {
        return list(events, selection, &mut new_sink(), out, on_error);
    }
    new_sink().begin(out.buffer()?);
    let worker = || {
        let mut sink = new_sink();
        move |page: &mut TextPage| page.fill_in(&mut sink)
    };
    let walk = Walk::new(events, selection, on_error);
    let write = |out: &mut &mut G, page: &mut TextPage| out.write_out(&mut page.text);
    in_turns(jobs, (walk, TextPage::read), worker, (out, write))
}

impl TextPage {
    /// Takes the events that come next, up to a pause.
    fn read(walk: &mut Walk<'_, '_>, page: &mut TextPage) -> Taken {
        let taken = walk.go_on(|visit| match visit {
            Visit::Event(decoded) => {
                page.events.push(decoded);
                if page.events.is_full() {
                    ControlFlow::Break(Taken::More)
                } else {
                    ControlFlow::Continue(())
                }
            }
            Visit::Pause => ControlFlow::Break(Taken::Pause),
        });
        taken.break_value().unwrap_or(Taken::Last)
    }

    /// Makes the text of the events.
    fn fill_in(&mut self, sink: &mut impl TextSink) {
        self.events.items().for_each(|decoded| sink.event(&decoded, &mut self.text));
        self.events.clear();
    }
}
