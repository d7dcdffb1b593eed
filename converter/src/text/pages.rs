// SPDX-License-Identifier: BSD-2-Clause
//! Lines that several threads make. One thread reads and selects events, and gathers them in pages. The other threads make
//! the text of pages, and so does the first while they have enough to do. Text goes to the output in the order of the events.

use std::io;
use std::thread;

use super::{TextSink, list};
use crate::buffered_sink::BufferedSink;
use crate::event::batch::DecodedBatch;
use crate::event::merge::Events;
use crate::input::error::OnError;
use crate::jobs::{InOrder, Jobs};
use crate::select::Selection;
use crate::select::walk::{Visit, walk_live};

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
pub fn list_in_pages<G: BufferedSink, S: TextSink>(
    events: &mut Events,
    selection: &mut Selection,
    new_sink: &(impl Fn() -> S + Sync),
    jobs: Jobs,
    out: &mut G,
    on_error: &mut OnError<'_>,
) -> io::Result<u64> {
    if jobs == Jobs::ONE {
        return list(events, selection, &mut new_sink(), out, on_error);
    }
    let worker = || {
        let mut sink = new_sink();
        move |page| filled(page, &mut sink)
    };
    thread::scope(|scope| {
        let mut sink = new_sink();
        sink.begin(out.buffer()?);
        let start = || InOrder::start(scope, Jobs::new(jobs.count() - 1), &worker);
        let mut pages =
            Pages { sink, start, workers: None, current: TextPage::default(), spare: Vec::new(), out };
        let mut written = 0;
        walk_live(events, selection, on_error, |visit| match visit {
            Visit::Event(decoded) => {
                pages.current.events.push(decoded);
                written += 1;
                if pages.current.events.is_full() { pages.hand_over() } else { Ok(()) }
            }
            Visit::Pause => {
                pages.finish()?;
                pages.out.show()
            }
        })?;
        pages.finish()?;
        Ok(written)
    })
}

/// Makes the text of a page.
fn filled(mut page: TextPage, sink: &mut impl TextSink) -> TextPage {
    page.events.items().for_each(|decoded| sink.event(&decoded, &mut page.text));
    page.events.clear();
    page
}

/// Pages on their way.
struct Pages<'a, S, G, F> {
    /// Makes the text of pages of this thread.
    sink: S,
    /// Starts the threads, when the first page is full.
    start: F,
    workers: Option<InOrder<TextPage, TextPage>>,
    current: TextPage,
    spare: Vec<TextPage>,
    out: &'a mut G,
}

impl<S: TextSink, G: BufferedSink, F: Fn() -> Option<InOrder<TextPage, TextPage>>> Pages<'_, S, G, F> {
    /// Hands the current page to a thread, or makes its text here if all threads have enough to do.
    fn hand_over(&mut self) -> io::Result<()> {
        if self.workers.is_none() {
            self.workers = (self.start)();
        }
        let next = self.spare.pop().unwrap_or_default();
        let page = std::mem::replace(&mut self.current, next);
        let done = match &mut self.workers {
            Some(workers) if workers.is_busy() => workers.push_made(filled(page, &mut self.sink)),
            Some(workers) => workers.push(page),
            None => Some(filled(page, &mut self.sink)),
        };
        done.map_or(Ok(()), |page| self.write(page))
    }

    /// Writes what there is, the current page as well.
    fn finish(&mut self) -> io::Result<()> {
        while let Some(page) = self.workers.as_mut().and_then(InOrder::pop) {
            self.write(page)?;
        }
        let page = std::mem::take(&mut self.current);
        let page = filled(page, &mut self.sink);
        self.write(page)
    }

    fn write(&mut self, mut page: TextPage) -> io::Result<()> {
        if self.workers.is_some() {
            self.out.pass_on(&mut page.text)?;
            self.spare.push(page);
            return Ok(());
        }
        self.out.buffer()?.extend_from_slice(&page.text);
        page.text.clear();
        self.spare.push(page);
        self.out.appended()
    }
}
