// SPDX-License-Identifier: BSD-2-Clause
//! Events in the order of their times.
//!
//! With four or more CPUs FreeBSD's kernel merges the events of its CPUs in the wrong order: some come up to half
//! a second after newer ones, even within a session. [`TimeOrder`] restores the order in the reader's window, in
//! place: as long as no event is late, what it costs is a look at each one's time. From the first late one on
//! it holds back more.

use std::ops::Range;

use crate::input::disorder::Disorder;
use crate::input::window::Window;

/// Bytes looked at ahead while no event is late: several times what most late events are late by.
const AHEAD: usize = 48 * 1024;
/// Reads of the window's usual size that are held back from then on: 8 MiB, less if there are many inputs.
const HELD_READS: usize = 32;
/// An event this much older than the newest is final: no late event will come before it. Twice the largest delay
/// that was seen, in microseconds.
const LATE_US: u64 = 1_000_000;

/// Older than this: not late, but a clock step or a damaged time.
const OTHER_CLOCK_US: u64 = 10_000_000;

/// What stands at a place of the window.
pub(super) enum Ahead {
    /// An item of this many bytes, with this time in microseconds.
    Item(usize, u64),
    /// Less than an item.
    Part,
    /// What items do not move across.
    Other,
}

/// The order of the items in a window.
#[derive(Default)]
pub(super) struct TimeOrder {
    /// Offset up to which items are in order.
    ready: u64,
    /// Offset up to which items were looked at.
    seen: u64,
    /// The newest time that was looked at.
    newest: u64,
    /// Items that came after a newer one.
    late: u64,
    /// The time of the newest item that was taken, and how many were taken after a newer one.
    last: u64,
    left: u64,
    /// From the first late item on: what is held back.
    held: Option<Held>,
}

/// Items that are held back, because one that is late may belong before them.
#[derive(Default)]
struct Held {
    /// As they stand in the window.
    items: Vec<WindowEvent>,
    /// The places in `items` of those that are late.
    late: Vec<usize>,
    /// Those, while the others move, at their places in `bytes`.
    aside: Vec<WindowEvent>,
    bytes: Vec<u8>,
}

/// An item of the window.
#[derive(Clone, Copy)]
struct WindowEvent {
    time: u64,
    /// Its offset in the input.
    at: u64,
    len: u32,
}

impl WindowEvent {
    fn end(self) -> u64 {
        self.at + u64::from(self.len)
    }
}

impl TimeOrder {
    /// What was found so far. If the order is not restored, [`TimeOrder::arrange`] is not called.
    pub(super) fn disorder(&self) -> Disorder {
        Disorder { late: self.late.max(self.left), left: self.left }
    }

    /// The time of the newest item that was taken.
    pub(super) fn newest_taken(&self) -> u64 {
        self.last
    }

    /// Whether the item at `offset` is in its place.
    #[inline]
    pub(super) fn is_ready(&self, offset: u64) -> bool {
        offset < self.ready
    }

    /// Takes note of the time of the item that was taken.
    #[inline]
    pub(super) fn taken(&mut self, time: u64) {
        if time < self.last && !is_of_another_clock(time, self.last) {
            self.left += 1;
        } else {
            self.last = time;
        }
    }

    /// Puts the right item in front, where one is: `ahead` finds out what stands where.
    #[cold]
    pub(super) fn arrange(&mut self, window: &mut Window, ahead: impl Fn(&[u8]) -> Ahead) {
        let front = window.offset();
        let mut is_end = false;
        loop {
            let wanted = match self.held {
                None => AHEAD.min(window.chunk() / 4),
                Some(_) => HELD_READS * window.chunk(),
            };
            let bytes = window.bytes();
            let is_enough = bytes.len() > wanted;
            let (is_last, boundary) = self.look(bytes, front, bytes.len().saturating_sub(wanted), &ahead);
            if self.late > 0 && self.held.is_none() {
                // From now on more is held back, and what stands where is remembered: once more from the front.
                (self.seen, self.late, self.held) = (front, 0, Some(Held::default()));
                continue;
            }
            if is_last || is_enough || is_end {
                let all = is_last || !is_enough;
                let old = self.newest.saturating_sub(LATE_US);
                self.ready = match &mut self.held {
                    None if all => self.seen,
                    None => front + boundary.unwrap_or_else(|| end_of_item(bytes, &ahead)) as u64,
                    Some(held) => {
                        held.sort(window.bytes_mut(), front);
                        held.release(if all { u64::MAX } else { old }).unwrap_or(front)
                    }
                };
                return;
            }
            // Step by step: the input may be shorter.
            let more = (bytes.len() + 4 * window.chunk()).min(wanted + 1);
            is_end = window.fill_soon(more).len() < more;
        }
    }

    /// Looks at the items that were not looked at yet, in `bytes` from the offset `front` on. Returns whether
    /// something follows that they do not move across, and where of these the last one ends that does so before
    /// `limit`.
    fn look(
        &mut self,
        bytes: &[u8],
        front: u64,
        limit: usize,
        ahead: &impl Fn(&[u8]) -> Ahead,
    ) -> (bool, Option<usize>) {
        if self.seen <= front || self.held.as_ref().is_some_and(|held| !held.begins_at(front)) {
            (self.seen, self.newest) = (front, self.last);
            self.held.iter_mut().for_each(Held::clear);
        }
        let begin = (self.seen - front) as usize;
        let (mut at, mut boundary, mut newest) = (begin, begin, self.newest);
        let is_last = loop {
            match ahead(&bytes[at..]) {
                Ahead::Item(len, time) => {
                    let mut is_late = false;
                    if time >= newest {
                        newest = time;
                    } else if !is_of_another_clock(time, newest) {
                        is_late = true;
                        self.late += 1;
                    } else if at > 0 {
                        break true;
                    } else {
                        newest = time;
                    }
                    if let Some(held) = &mut self.held {
                        held.push(WindowEvent { time, at: front + at as u64, len: len as u32 }, is_late);
                    }
                    at += len;
                    boundary = if at <= limit { at } else { boundary };
                }
                Ahead::Part => break false,
                Ahead::Other => break true,
            }
        };
        (self.seen, self.newest) = (front + at as u64, newest);
        (is_last, Some(boundary).filter(|&boundary| boundary > begin))
    }
}

impl Held {
    fn clear(&mut self) {
        self.items.clear();
        self.late.clear();
    }

    fn begins_at(&self, offset: u64) -> bool {
        self.items.first().is_none_or(|item| item.at == offset)
    }

    #[inline]
    fn push(&mut self, item: WindowEvent, is_late: bool) {
        if is_late {
            self.late.push(self.items.len());
        }
        self.items.push(item);
    }

    /// Puts the items in order, in `bytes`, which begin at the offset `front`. Items of one time keep their order.
    ///
    /// All but the late ones are in order: only these are sorted, and the others move in runs.
    fn sort(&mut self, bytes: &mut [u8], front: u64) {
        let (Some(&first), Some(end)) = (self.late.first(), self.items.last().map(|item| item.end())) else {
            return;
        };
        self.aside.clear();
        self.bytes.clear();
        let (mut kept, mut gap) = (first, 0);
        for (nth, &place) in self.late.iter().enumerate() {
            let item = self.items[place];
            self.aside.push(WindowEvent { at: self.bytes.len() as u64, ..item });
            self.bytes.extend_from_slice(&bytes[within(item.at..item.end(), front)]);
            gap += u64::from(item.len);
            // The run behind it closes up.
            let run = place + 1..self.late.get(nth + 1).copied().unwrap_or(self.items.len());
            let run_end = self.items.get(run.end).map_or(end, |next| next.at);
            bytes.copy_within(within(item.end()..run_end, front), (item.end() - gap - front) as usize);
            for place in run {
                let item = self.items[place];
                self.items[kept] = WindowEvent { at: item.at - gap, ..item };
                kept += 1;
            }
        }
        self.late.clear();
        self.aside.sort_by_key(|item| item.time);
        self.insert(bytes, front, kept, end - gap);
    }

    /// Puts those that were set aside between the first `kept` items, which end at the offset `end`: from the last one
    /// on.
    fn insert(&mut self, bytes: &mut [u8], front: u64, mut kept: usize, mut end: u64) {
        let (mut to, mut free) = (self.items.len(), self.bytes.len() as u64);
        for item in self.aside.drain(..).rev() {
            let mut begin = end;
            while let Some(place) = kept.checked_sub(1)
                && let later = self.items[place]
                && later.time > item.time
            {
                (kept, to, begin) = (place, to - 1, later.at);
                self.items[to] = WindowEvent { at: later.at + free, ..later };
            }
            bytes.copy_within(within(begin..end, front), (begin + free - front) as usize);
            (to, free, end) = (to - 1, free - u64::from(item.len), begin);
            let placed = WindowEvent { at: begin + free, ..item };
            bytes[within(placed.at..placed.end(), front)]
                .copy_from_slice(&self.bytes[within(item.at..item.end(), 0)]);
            self.items[to] = placed;
        }
    }

    /// Gives up all items up to the time `old`, before which no late one will come. Returns where they end.
    fn release(&mut self, old: u64) -> Option<u64> {
        let count = match self.items.partition_point(|item| item.time <= old) {
            // All is of one moment.
            0 => self.items.len().div_ceil(2),
            count => count,
        };
        self.items.drain(..count).next_back().map(|item| item.end())
    }
}

/// Where in bytes that begin at the offset `front` these offsets are.
fn within(offsets: Range<u64>, front: u64) -> Range<usize> {
    (offsets.start - front) as usize..(offsets.end - front) as usize
}

fn is_of_another_clock(time: u64, newest: u64) -> bool {
    newest.saturating_sub(time) > OTHER_CLOCK_US
}

/// Where the item in front ends.
fn end_of_item(bytes: &[u8], ahead: &impl Fn(&[u8]) -> Ahead) -> usize {
    match ahead(bytes) {
        Ahead::Item(len, _) => len,
        Ahead::Part | Ahead::Other => 0,
    }
}
