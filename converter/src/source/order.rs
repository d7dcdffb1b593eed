// SPDX-License-Identifier: BSD-2-Clause
//! Events in the order of their times.
//!
//! With four or more CPUs FreeBSD's kernel merges the events of its CPUs in the wrong order: some come up to half
//! a second after newer ones, even within a session. [`TimeOrder`] restores the order in the reader's window, in
//! place: as long as no event is late, what it costs is a look at each one's time. From the first late one on
//! it holds back more.

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
    items: Vec<WindowEvent>,
    sorted: Vec<u8>,
}

/// An item of the window.
#[derive(Clone, Copy)]
struct WindowEvent {
    time: u64,
    at: u32,
    len: u32,
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
        let mut tried = 0;
        loop {
            let wanted = match self.late {
                0 => AHEAD.min(window.chunk() / 4),
                _ => HELD_READS * window.chunk(),
            };
            let bytes = window.bytes();
            let is_enough = bytes.len() > wanted;
            let was_late = self.late > 0;
            let (is_last, boundary) = self.look(bytes, front, bytes.len().saturating_sub(wanted), &ahead);
            if self.late > 0 && !was_late {
                // More is held back from now on.
                continue;
            }
            if is_last || is_enough || tried == wanted {
                let all = is_last || !is_enough;
                let seen = (self.seen - front) as usize;
                self.ready = front
                    + match self.late {
                        0 if all => seen,
                        0 => boundary.unwrap_or_else(|| end_of_item(bytes, &ahead)),
                        _ => self.sort(window.bytes_mut(), seen, &ahead, all),
                    } as u64;
                return;
            }
            window.fill_soon(wanted + 1);
            tried = wanted;
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
        if self.seen <= front {
            (self.seen, self.newest) = (front, self.last);
        }
        let begin = (self.seen - front) as usize;
        let (mut at, mut boundary, mut newest) = (begin, begin, self.newest);
        let is_last = loop {
            match ahead(&bytes[at..]) {
                Ahead::Item(len, time) => {
                    if time < newest {
                        if is_of_another_clock(time, newest) {
                            if at > 0 {
                                break true;
                            }
                            newest = time;
                        } else {
                            self.late += 1;
                        }
                    } else {
                        newest = time;
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

    /// Sorts the items in front, and returns the bytes of those that can go: all, or those before which no late one will
    /// come.
    fn sort(&mut self, bytes: &mut [u8], seen: usize, ahead: &impl Fn(&[u8]) -> Ahead, all: bool) -> usize {
        let Self { items, sorted, .. } = self;
        items.clear();
        let bytes = bytes.get_mut(..seen).unwrap_or_default();
        let mut at = 0;
        while let Ahead::Item(len, time) = ahead(&bytes[at..]) {
            items.push(WindowEvent { time, at: at as u32, len: len as u32 });
            at += len;
        }
        if !items.is_sorted_by_key(|item| item.time) {
            // Items of one time keep their order.
            items.sort_by_key(|item| item.time);
            sorted.clear();
            sorted.extend_from_slice(bytes);
            let mut to = 0;
            for item in &*items {
                let (from, len) = (item.at as usize, item.len as usize);
                bytes[to..to + len].copy_from_slice(&sorted[from..from + len]);
                to += len;
            }
        }
        if all {
            return seen;
        }
        let old = self.newest.saturating_sub(LATE_US);
        let of = |items: &[WindowEvent]| items.iter().map(|item| item.len as usize).sum::<usize>();
        match items.partition_point(|item| item.time <= old) {
            // All is of one moment.
            0 => of(&items[..items.len().div_ceil(2)]),
            count => of(&items[..count]),
        }
    }
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
