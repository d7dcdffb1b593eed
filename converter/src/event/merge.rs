// SPDX-License-Identifier: BSD-2-Clause
//! Several inputs in one order.
//!
//! Each input is a stream in its own order. The next item is the earliest of the streams' first items.
//! Nothing is sorted: memory does not grow with the inputs, and an input that is not in order stays so. An open input takes up to 256 KiB, a BBLog stream up to 4 MiB more
//! for the entry it is in; of many inputs each takes less. If there are more than a few, each is
//! opened to read its first item, closed, and opened again when that item's turn comes, so a long series
//! has few files open at a time. With several jobs, compressed inputs are opened and decompressed before their turn.

use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::sync::Arc;

use bblog_dissector::Micros;

use super::item::LogItem;
use super::open;
use super::prefetch::Prefetch;
use super::source::EventSource;
use crate::input::assumptions::Assumptions;
use crate::input::error::{InputError, OnError};
use crate::input::meter::Meter;
use crate::input::{Input, InputName, InputPosition, Inputs, series};
use crate::jobs::{Jobs, Permit, Threads};

/// Up to this number of inputs stay open from the start; more are opened when their first item comes next.
const AWAKE: usize = 16;
/// So many inputs, in the order of their first items, may be opened before their turn.
const LOOKAHEAD: usize = 64;

/// One input of a merge, read item by item.
pub trait MergeInput: Sized {
    /// The key that items are ordered by.
    type Key: Ord + Copy;
    /// Whether one of many inputs is closed until its first item comes next.
    const SLEEPS: bool = true;

    /// Takes `input`, in front of its first item.
    ///
    /// # Errors
    /// An [`InputError`] that leaves nothing of the input to read.
    fn open(
        input: Input,
        position: InputPosition,
        assumptions: &Arc<Assumptions>,
        on_error: &mut OnError<'_>,
    ) -> Result<Self, InputError>;

    /// Steps to the next item and gives its key; `None` at the end.
    ///
    /// # Errors
    /// An [`InputError`]; call again for what follows.
    fn step(&mut self) -> Result<Option<Self::Key>, InputError>;

    /// Whether the next step has to wait for a live input.
    fn is_dry(&mut self) -> bool {
        false
    }
}

/// Where a merge has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Turn {
    /// At the current item of this input.
    Item(usize),
    /// At the end of this input, which is given up at the next turn.
    End(usize),
}

/// The items of several inputs in order of their keys. Equal keys keep the order of the inputs.
pub struct Merge<S: MergeInput> {
    lanes: Vec<Lane<S>>,
    /// The first items of all inputs except the current one.
    fronts: BinaryHeap<Reverse<(S::Key, usize)>>,
    /// The first of `fronts`, up to which the current input stays in front.
    next: Option<(S::Key, usize)>,
    /// Inputs that ended and were not given out yet.
    ended: VecDeque<usize>,
    last: Option<Turn>,
    /// An input is not a file: it may pause.
    is_live: bool,
    assumptions: Arc<Assumptions>,
    meter: Arc<Meter>,
    /// Those that may decompress inputs ahead.
    threads: Option<Threads>,
}

/// An input.
struct Lane<S> {
    name: InputName,
    position: InputPosition,
    state: State<S>,
    /// That it may be read ahead.
    permit: Option<Permit>,
}

/// An input is asleep until its first item comes next, then open, then ended; of a few inputs none
/// sleeps, unless it is compressed and can be read ahead.
enum State<S> {
    /// Closed, to be opened again.
    Asleep {
        is_compressed: bool,
    },
    /// Being opened before its turn.
    Coming(Prefetch),
    Open(S),
    /// Closed for good.
    Ended,
}

impl<S: MergeInput> Lane<S> {
    /// Opens the input, and steps to its first item.
    fn open(
        &mut self,
        merged: &Opening<'_>,
        on_error: &mut OnError<'_>,
    ) -> Result<Option<S::Key>, InputError> {
        let input = match std::mem::replace(&mut self.state, State::Ended) {
            State::Coming(prefetch) => {
                let (input, permit) = prefetch.input()?;
                self.permit = Some(permit);
                input
            }
            _ => Input::open_with(&self.name, self.position.count, merged.meter, merged.jobs)?,
        };
        self.start(input, merged, on_error)
    }

    /// Steps to the first item of the input, which was opened.
    fn start(
        &mut self,
        input: Input,
        merged: &Opening<'_>,
        on_error: &mut OnError<'_>,
    ) -> Result<Option<S::Key>, InputError> {
        let stream = S::open(input, self.position, merged.assumptions, on_error)?;
        self.state = State::Open(stream);
        Ok(self.step(on_error))
    }

    /// Reads the first item of the input, and closes the input if it can be opened again and is one of many.
    fn look(
        &mut self,
        merged: &Opening<'_>,
        on_error: &mut OnError<'_>,
    ) -> Result<Option<S::Key>, InputError> {
        let count = self.position.count;
        let may_sleep = S::SLEEPS && count > 1 && self.name.can_be_opened_again();
        if may_sleep && (count > AWAKE || merged.threads.is_some()) {
            // Errors before the first item are reported, and counted, when that is reached.
            let uncounted = Opening { meter: &Arc::default(), ..*merged };
            let input = Input::open(&self.name, count, uncounted.meter)?;
            let is_compressed = input.compression.is_some();
            let mut is_quiet = true;
            if (count > AWAKE || is_compressed)
                && let Some(first) = self.start(input, &uncounted, &mut |_, _| is_quiet = false)?
                // Of a few inputs such errors are reported first, whether they can be read ahead or not.
                && (count > AWAKE || is_quiet)
            {
                self.state = State::Asleep { is_compressed };
                return Ok(Some(first));
            }
        }
        self.open(merged, on_error)
    }

    /// Whether it was looked at and is not open.
    fn is_closed(&self) -> bool {
        matches!(self.state, State::Asleep { .. } | State::Coming(_))
    }

    /// Steps to the next item and gives its key; `None` at the end.
    #[inline(always)]
    fn step(&mut self, on_error: &mut OnError<'_>) -> Option<S::Key> {
        let State::Open(stream) = &mut self.state else { return None };
        loop {
            match stream.step() {
                Ok(key) => return key,
                Err(error) => on_error(&self.name, &error),
            }
        }
    }

    /// Opens the input if it is asleep; `false` if there is no item in front then.
    #[inline]
    fn wake(&mut self, merged: &Opening<'_>, on_error: &mut OnError<'_>) -> bool {
        if !self.is_closed() {
            return true;
        }
        match self.open(merged, on_error) {
            Ok(first) => first.is_some(),
            Err(error) => {
                self.state = State::Ended;
                on_error(&self.name, &error);
                false
            }
        }
    }
}

/// What inputs are opened with.
#[derive(Clone, Copy)]
struct Opening<'a> {
    assumptions: &'a Arc<Assumptions>,
    meter: &'a Arc<Meter>,
    threads: Option<&'a Threads>,
    /// How many threads decode the blocks of one input.
    jobs: Jobs,
}

impl<S: MergeInput> Merge<S> {
    /// Opens inputs, each at its first item; those that cannot be read are reported to `on_error` and left
    /// out.
    pub fn open(inputs: &Inputs, on_error: &mut OnError<'_>) -> Merge<S> {
        let mut merge = Merge::empty(&inputs.assumptions, &inputs.meter, Threads::new(inputs.jobs));
        let threads = merge.threads.clone();
        let opening = Opening {
            assumptions: &inputs.assumptions,
            meter: &inputs.meter,
            threads: threads.as_ref(),
            jobs: inputs.jobs,
        };
        merge.is_live = inputs.names.iter().any(|name| !name.can_be_opened_again());
        let series = series::first_of_each(&inputs.names);
        for ((index, name), series) in inputs.names.iter().enumerate().zip(series) {
            let position = InputPosition { index, count: inputs.names.len(), series };
            let mut lane = Lane { name: name.clone(), position, state: State::Ended, permit: None };
            match lane.look(&opening, on_error) {
                Ok(front) => merge.add(lane, front),
                Err(error) => on_error(name, &error),
            }
        }
        merge
    }

    /// The items of streams that are open already: for tests and other programs.
    pub fn of(streams: impl IntoIterator<Item = (InputName, S)>, on_error: &mut OnError<'_>) -> Merge<S> {
        let mut merge = Merge::empty(&Arc::default(), &Arc::default(), None);
        for (index, (name, stream)) in streams.into_iter().enumerate() {
            let position = InputPosition { index, count: 1, series: index };
            let mut lane = Lane { name, position, state: State::Open(stream), permit: None };
            let front = lane.step(on_error);
            merge.add(lane, front);
        }
        merge
    }

    fn empty(assumptions: &Arc<Assumptions>, meter: &Arc<Meter>, threads: Option<Threads>) -> Merge<S> {
        Merge {
            lanes: Vec::new(),
            fronts: BinaryHeap::new(),
            next: None,
            ended: VecDeque::new(),
            last: None,
            is_live: false,
            assumptions: Arc::clone(assumptions),
            meter: Arc::clone(meter),
            threads,
        }
    }

    fn add(&mut self, lane: Lane<S>, front: Option<S::Key>) {
        let at = self.lanes.len();
        self.lanes.push(lane);
        match front {
            Some(front) => self.fronts.push(Reverse((front, at))),
            None => self.ended.push_back(at),
        }
    }

    /// How many inputs could be opened.
    pub fn len(&self) -> usize {
        self.lanes.len()
    }

    /// Whether no input could be opened.
    pub fn is_empty(&self) -> bool {
        self.lanes.is_empty()
    }

    /// Removes the open inputs for which `keep` returns false, before the first turn.
    pub fn retain(&mut self, keep: impl Fn(&S) -> bool) {
        let lanes = std::mem::take(&mut self.lanes);
        let mut fronts: Vec<Option<S::Key>> = lanes.iter().map(|_| None).collect();
        for Reverse((key, at)) in self.fronts.drain() {
            if let Some(front) = fronts.get_mut(at) {
                *front = Some(key);
            }
        }
        self.ended.clear();
        for (lane, front) in lanes.into_iter().zip(fronts) {
            if !matches!(&lane.state, State::Open(stream) if !keep(stream)) {
                self.add(lane, front);
            }
        }
    }

    /// Steps to the next item, or end of an input; `None` when all have ended. Errors go to
    /// `on_error`.
    #[inline(always)]
    pub fn step(&mut self, on_error: &mut OnError<'_>) -> Option<Turn> {
        if let Some(Turn::Item(at)) = self.last
            && let Some(lane) = self.lanes.get_mut(at)
        {
            // The input stays in front as long as no other has an earlier item.
            match lane.step(on_error) {
                Some(key) if self.next.is_none_or(|next| (key, at) <= next) => return self.last,
                Some(key) => self.fronts.push(Reverse((key, at))),
                None => return self.turn(Turn::End(at)),
            }
        }
        self.change(on_error)
    }

    /// Steps to another input.
    #[inline(never)]
    fn change(&mut self, on_error: &mut OnError<'_>) -> Option<Turn> {
        if let Some(Turn::End(at)) = self.last
            && let Some(lane) = self.lanes.get_mut(at)
        {
            // Its memory is not needed any more.
            (lane.state, lane.permit) = (State::Ended, None);
        }
        if let Some(at) = self.ended.pop_front() {
            return self.turn(Turn::End(at));
        }
        let Reverse((_, first)) = self.fronts.peek()?;
        if self.threads.is_some() && self.lanes.get(*first).is_some_and(Lane::is_closed) {
            self.prefetch();
        }
        let Reverse((_, at)) = self.fronts.pop()?;
        self.next = self.fronts.peek().map(|Reverse(next)| *next);
        let opening = Opening {
            assumptions: &self.assumptions,
            meter: &self.meter,
            threads: self.threads.as_ref(),
            // One of many: files are decoded beside each other.
            jobs: Jobs::ONE,
        };
        let is_awake = self.lanes.get_mut(at).is_some_and(|lane| lane.wake(&opening, on_error));
        self.turn(if is_awake { Turn::Item(at) } else { Turn::End(at) })
    }

    /// Begins to open the compressed inputs whose turn comes next, as many as threads are left.
    #[cold]
    fn prefetch(&mut self) {
        let Some(threads) = &self.threads else { return };
        let mut passed = Vec::new();
        while passed.len() < LOOKAHEAD
            && let Some(Reverse((key, at))) = self.fronts.pop()
        {
            passed.push(Reverse((key, at)));
            let Some(lane) = self.lanes.get_mut(at) else { continue };
            if !matches!(lane.state, State::Asleep { is_compressed: true }) {
                continue;
            }
            let Some(permit) = threads.take() else { break };
            match Prefetch::begin(&lane.name, lane.position.count, &self.meter, permit) {
                Some(prefetch) => lane.state = State::Coming(prefetch),
                None => break,
            }
        }
        self.fronts.extend(passed);
    }

    fn turn(&mut self, turn: Turn) -> Option<Turn> {
        self.last = Some(turn);
        self.last
    }

    /// Whether the next step has to wait for an input that pauses: time to show what there is.
    #[inline]
    pub fn is_dry(&mut self) -> bool {
        self.is_live && self.is_input_dry()
    }

    #[inline(never)]
    fn is_input_dry(&mut self) -> bool {
        let Some(Turn::Item(at)) = self.last else { return false };
        self.stream_mut(at).is_some_and(S::is_dry)
    }

    /// The input at a turn, with the position that it was opened at; `None` if it could not be opened
    /// again.
    #[inline]
    pub fn stream(&self, at: usize) -> Option<(InputPosition, &S)> {
        let lane = self.lanes.get(at)?;
        match &lane.state {
            State::Open(stream) => Some((lane.position, stream)),
            State::Asleep { .. } | State::Coming(_) | State::Ended => None,
        }
    }

    /// The input at a turn, to be changed.
    #[inline]
    pub fn stream_mut(&mut self, at: usize) -> Option<&mut S> {
        match &mut self.lanes.get_mut(at)?.state {
            State::Open(stream) => Some(stream),
            State::Asleep { .. } | State::Coming(_) | State::Ended => None,
        }
    }

    /// The open inputs, with their names.
    pub fn open_streams(&mut self) -> impl Iterator<Item = (&InputName, &mut S)> {
        self.lanes.iter_mut().filter_map(|lane| match &mut lane.state {
            State::Open(stream) => Some((&lane.name, stream)),
            State::Asleep { .. } | State::Coming(_) | State::Ended => None,
        })
    }

    /// How far reading has come.
    #[inline]
    pub fn meter(&self) -> &Meter {
        &self.meter
    }
}

impl MergeInput for Box<dyn EventSource> {
    type Key = Micros;

    fn open(
        input: Input,
        position: InputPosition,
        assumptions: &Arc<Assumptions>,
        on_error: &mut OnError<'_>,
    ) -> Result<Self, InputError> {
        open::source(input, position, assumptions, on_error)
    }

    #[inline]
    fn step(&mut self) -> Result<Option<Micros>, InputError> {
        Ok((**self).advance()?.then(|| (**self).time()))
    }

    fn is_dry(&mut self) -> bool {
        (**self).is_dry()
    }
}

/// The records and events of several inputs in time order.
pub type Events = Merge<Box<dyn EventSource>>;

impl Events {
    /// Steps to the next record or event; `false` at the end. Errors go to `on_error`.
    #[inline]
    pub fn advance(&mut self, on_error: &mut OnError<'_>) -> bool {
        loop {
            match self.step(on_error) {
                Some(Turn::Item(_)) => return true,
                Some(Turn::End(_)) => {}
                None => return false,
            }
        }
    }

    /// The current record or event, and the index of its input.
    #[inline]
    pub fn item(&self) -> Option<(usize, LogItem<'_>)> {
        let Some(Turn::Item(at)) = self.last else { return None };
        let (position, source) = self.stream(at)?;
        let mut item = source.item()?;
        if let LogItem::Eventlog(event) = &mut item {
            event.series = position.series;
        }
        Some((position.index, item))
    }
}
